"""Prosody, started unprivileged for tests, demos and benchmarks."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from .base import Launched
from .process import HOST, find, missing

_ITERATIONS = 4096

_CONFIGURATION = """\
run_as_root = false
pidfile = "{home}/prosody.pid"
data_path = "{home}/data"
certificates = "{home}/pki"
interfaces = {{ "{host}" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{home}/prosody.log" }} }}
-- mod_limits is left out: its default of 10 kB/s a client would make a round trip of 1 kB take seconds.
modules_enabled = {{ "disco", "roster", "saslauth", "tls", "ping", "smacks", "presence", "message", "iq", "posix" }}
modules_disabled = {{ "s2s", "offline" }}
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

VirtualHost "{domain}"
  ssl = {{ certificate = "{certificate}", key = "{key}", protocol = "tlsv1_2+" }}
"""


class Prosody(Launched):
    """Prosody on a loopback port."""

    name = "prosody"

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
        )
        (self.home / "prosody.cfg.lua").write_text(text)
        accounts = self.home / "data" / _escaped(self.domain) / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        for user, password in self._users.items():
            # Its own tool takes a tenth of a second for each user; what it would write is this.
            (accounts / f"{_escaped(user)}.dat").write_text(_account(password))

    def _command(self) -> Sequence[str]:
        return [find("prosody") or "prosody", "--config", f"{self.home}/prosody.cfg.lua", "-F"]


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
