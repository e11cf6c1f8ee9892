"""Prosody, started unprivileged for tests, demos and benchmarks; several of them as a federation."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any

from ...errors import LocalError
from .base import Launched
from .process import HOST, find, free_port, missing

_ITERATIONS = 4096

_CONFIGURATION = """\
run_as_root = false
pidfile = "{home}/prosody.pid"
data_path = "{home}/data"
certificates = "{home}/pki"
interfaces = {{ "{host}" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ {s2s_port} }}
http_ports = {{ }}
https_ports = {{ }}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{home}/prosody.log" }} }}
-- mod_limits is left out: its default of 10 kB/s a client would make a round trip of 1 kB take seconds.
modules_enabled = {{
  {extra}"disco", "roster", "saslauth", "tls", "ping", "smacks", "presence", "message", "iq", "posix",
}}
modules_disabled = {{ {disabled} }}
c2s_require_encryption = true
allow_unencrypted_plain_auth = false
authentication = "internal_hashed"
password_hash = "SHA-256"
default_iteration_count = {iterations}
storage = "internal"
c2s_stanza_size_limit = 1024 * 1024
c2s_timeout = 10
smacks_hibernation_time = 120
smacks_max_unacked_stanzas = 5
-- Stream management keeps stanzas as trees; with Lua's usual settings the garbage collector then takes most of the
-- time (measured: 15 ms of CPU for a round trip of 5 kB with 50 outstanding, 1.7 ms with these).
gc = {{ mode = "incremental", threshold = 400, speed = 400 }}
-- Nagle's algorithm and a minimum wait double the latency of a round trip.
network_settings = {{ nagle = false, read_size = 65536, min_wait = 0 }}

{federation}
VirtualHost "{domain}"
  ssl = {{ certificate = "{certificate}", key = "{key}", protocol = "tlsv1_2+"{trust} }}
"""

# Without mod_dialback a server is who its certificate says, and nobody else (SASL EXTERNAL, XEP-0178).
_FEDERATION = """\
s2s_require_encryption = true
s2s_secure_auth = true
s2s_stanza_size_limit = 1024 * 1024
plugin_paths = {{ "{home}/plugins" }}
neighbours = {{ {neighbours} }}
"""

# No name server knows our domains: the function that looks for servers is given the addresses of the others.
_NEIGHBOURS = """\
module:set_global();
local service, basic = require "net.resolvers.service", require "net.resolvers.basic";
local elsewhere = service.new;
local ports = module:get_option("neighbours");
function service.new(name, kind, transport, extra)
	if not ports[name] then return elsewhere(name, kind, transport, extra); end
	if kind == "xmpp-server" then return basic.new("{host}", ports[name], transport, extra); end
	return {{ next = function (_, done) done(nil); end }}; -- no port begins with TLS
end
"""


class Prosody(Launched):
    """Prosody on a loopback port. It knows no other server, unless they are made a federation (`federate`)."""

    name = "prosody"

    def __init__(self, domain: str = "grid.test", **options: Any) -> None:
        super().__init__(domain, **options)
        self._s2s_port: int | None = None
        self._neighbours: dict[str, Prosody] = {}

    @classmethod
    def unavailable(cls) -> str | None:
        return missing("prosody")

    def _configure(self, port: int) -> None:
        text = _CONFIGURATION.format(
            home=self.home,
            host=HOST,
            port=port,
            domain=self.domain,
            iterations=_ITERATIONS,
            certificate=self._identity.certificate,
            key=self._identity.key,
            **self._federation(),
        )
        (self.home / "prosody.cfg.lua").write_text(text)
        accounts = self.home / "data" / _escaped(self.domain) / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        for user, password in self._users.items():
            # Its own tool takes a tenth of a second for each user; what it would write is this.
            (accounts / f"{_escaped(user)}.dat").write_text(_account(password))

    def _federation(self) -> dict[str, str | int]:
        """Return what the configuration says of other servers; write what it refers to."""
        if self._s2s_port is None:
            return {"s2s_port": "", "disabled": '"s2s", "offline"', "federation": "", "trust": "", "extra": ""}
        plugins = self.home / "plugins"
        plugins.mkdir(exist_ok=True)
        (plugins / "mod_neighbours.lua").write_text(_NEIGHBOURS.format(host=HOST))
        trusted = self.home / "pki" / "federation.pem"
        trusted.write_bytes(b"".join(one.ca.read_bytes() for one in (self, *self._neighbours.values())))
        ports = ", ".join(f'["{domain}"] = {one._s2s_port}' for domain, one in self._neighbours.items())
        return {
            "s2s_port": self._s2s_port,
            "disabled": '"offline"',
            "federation": _FEDERATION.format(home=self.home, neighbours=ports),
            "extra": '"neighbours", ',
            "trust": f', cafile = "{trusted}"',
        }

    def _command(self) -> Sequence[str]:
        return [find("prosody") or "prosody", "--config", f"{self.home}/prosody.cfg.lua", "-F"]


def federate(*servers: Prosody) -> None:
    """Let users of these servers, none of which runs yet, reach each other, over loopback ports for servers.

    Each trusts the authorities of the others for their domains; TLS and certificates are required, dialback is not
    spoken. Raises `LocalError` if one runs, or if two have the same domain.
    """
    if len({server.domain for server in servers}) < len(servers):
        raise LocalError("servers of a federation need a domain each")
    for server in servers:
        if server.pid is not None:
            raise LocalError(f"{server.domain} is running; federate servers before they start")
    for server in servers:
        server._s2s_port = server._s2s_port or free_port()
        server._neighbours.update({other.domain: other for other in servers if other is not server})


def _escaped(name: str) -> str:
    """Return `name` as Prosody spells it in its data directory."""
    return "".join(c if c.isascii() and c.isalnum() else "".join(f"%{b:02x}" for b in c.encode()) for c in name)


def _account(password: str) -> str:
    """Return Prosody's record of an account: the SCRAM keys of its password (RFC 5802 clause 3)."""
    salt = secrets.token_hex(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).hexdigest()
    server = hmac.digest(salted, b"Server Key", "sha256").hex()
    return (
        f'return {{\n["iteration_count"]={_ITERATIONS};\n["salt"]="{salt}";\n'
        f'["stored_key"]="{stored}";\n["server_key"]="{server}";\n}};\n'
    )
