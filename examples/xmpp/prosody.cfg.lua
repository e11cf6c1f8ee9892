-- DERs over XMPP with Prosody 0.12: TLS for everything, and no way in but a certificate that names the account.
-- What it stands on is told in docs/how-to/ders-with-prosody.md.

pidfile = "/run/prosody/prosody.pid"
data_path = "/var/lib/prosody"
interfaces = { "*" }
c2s_ports = { 5222 }
c2s_direct_tls_ports = { 5223 }
s2s_ports = { }                                 -- { 5269 } and "s2s" below, for a federation of domains
log = { info = "*syslog" }

plugin_paths = { "/etc/prosody/modules" }       -- with mod_auth_certificate.lua
modules_enabled = { "disco", "roster", "saslauth", "tls", "ping", "smacks", "presence", "message", "iq", "posix" }
modules_disabled = { "s2s", "offline" }         -- what is late is nobody's: no report is kept for an absent client

c2s_require_encryption = true
allow_registration = false
c2s_stanza_size_limit = 256 * 1024              -- PDUs are cut to what fits; 256 KiB is what every server allows
c2s_timeout = 30
storage = "internal"

-- A DER behind a mobile network is away for a while: its session waits for it, and nothing is lost meanwhile.
smacks_hibernation_time = 120
smacks_max_unacked_stanzas = 5
gc = { mode = "incremental", threshold = 400, speed = 400 }
network_settings = { nagle = false, read_size = 65536, min_wait = 0 }

VirtualHost "der.example"
  authentication = "certificate"
  ssl = {
    certificate = "/etc/prosody/certs/der.example.pem";
    key = "/etc/prosody/certs/der.example.key";
    protocol = "tlsv1_2+";
    ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM";
    -- The authority of the clients' certificates, and its revocation list behind it in the same file.
    cafile = "/etc/prosody/certs/clients.pem";
    capath = "/etc/prosody/certs/none";         -- an empty folder: the authorities of the system are not trusted
    verify = { "peer" };
    verifyext = { "lsec_continue", "crl_check" };
  }
