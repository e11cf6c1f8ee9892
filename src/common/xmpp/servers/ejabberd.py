"""ejabberd, started unprivileged, without its control script, without a distributed node."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from .base import Launched
from .process import HOST, answers, find, missing

_CONFIGURATION = """\
loglevel: warning
hosts: ["{domain}"]
certfiles: ["{certificate}", "{key}"]
ca_file: "{ca}"
c2s_cafile: "{ca}"
listen:
  - port: {port}
    ip: "{host}"
    module: ejabberd_c2s
    max_stanza_size: 1048576
    shaper: none
    access: all
    starttls_required: true
    tls_verify: {verify}
    protocol_options: ["no_sslv3", "no_tlsv1", "no_tlsv1_1", "no_compression"]
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha256
max_fsm_queue: 10000
shaper_rules:
  max_user_sessions: 20
modules:
  mod_disco: {{}}
  mod_roster: {{}}
  mod_ping: {{}}
  mod_stream_mgmt: {{ resend_on_timeout: false, resume_timeout: 120, max_ack_queue: 50000 }}
"""

# Runs inside the server once it is up: makes the accounts, then leaves a sign.
_PROVISION = """\
{{ok, U}} = file:consult("{home}/users"),
lists:foreach(fun({{N, P}}) -> ejabberd_auth:try_register(N, <<"{domain}">>, P) end, U),
ok = file:write_file("{home}/ready", <<>>).
"""


class Ejabberd(Launched):
    """ejabberd on a loopback port. With `certificates=True` users may log in with client certificates, too."""

    name = "ejabberd"

    def __init__(
        self,
        domain: str = "grid.test",
        *,
        certificate_for: str | None = None,
        patience: float = 30.0,
        certificates: bool = False,
    ) -> None:
        super().__init__(domain, certificate_for=certificate_for, patience=patience)
        self._certificates = certificates

    @classmethod
    def unavailable(cls) -> str | None:
        # It is called by Erlang itself: its control script insists on a user and a cookie of its own.
        return missing("erl", "ejabberdctl")

    def _configure(self, port: int) -> None:
        text = _CONFIGURATION.format(
            domain=self.domain,
            host=HOST,
            port=port,
            certificate=self._identity.certificate,
            key=self._identity.key,
            ca=self.ca,
            verify=str(self._certificates).lower(),
        )
        (self.home / "ejabberd.yml").write_text(text)
        (self.home / "database").mkdir(exist_ok=True)
        (self.home / "ready").unlink(missing_ok=True)
        users = self.home / "users"
        users.touch(mode=0o600)
        users.write_text("".join(f"{{{_binary(user)}, {_binary(word)}}}.\n" for user, word in self._users.items()))

    def _command(self) -> Sequence[str]:
        provision = _PROVISION.format(home=self.home, domain=self.domain)
        database = f'"{self.home}/database"'
        return [
            find("erl") or "erl",
            *("-noinput", "+K", "true", "-mnesia", "dir", database, "-s", "ejabberd", "-eval", provision),
        ]

    def _environment(self) -> Mapping[str, str]:
        libraries = [str(path.parent) for path in Path("/usr/lib").glob("*/ejabberd-*")]
        return {
            **super()._environment(),
            "ERL_LIBS": os.pathsep.join((*libraries, os.environ.get("ERL_LIBS", ""))).strip(os.pathsep),
            "EJABBERD_CONFIG_PATH": f"{self.home}/ejabberd.yml",
            "EJABBERD_LOG_PATH": f"{self.home}/ejabberd.log",
            "ERL_CRASH_DUMP": os.devnull,
        }

    async def _is_up(self, port: int) -> bool:
        return (self.home / "ready").exists() and await answers(port, self.domain)


def _binary(text: str) -> str:
    """Return `text` as an Erlang binary, octet by octet."""
    return f"<<{','.join(str(octet) for octet in text.encode())}>>"
