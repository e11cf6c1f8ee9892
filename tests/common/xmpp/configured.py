"""Prosody and ejabberd with the configurations of the examples; of these only places are changed."""

from __future__ import annotations

import shutil
from pathlib import Path

from janusgrid.common.security.authority import Authority
from janusgrid.common.xmpp.servers.base import Launched
from janusgrid.common.xmpp.servers.ejabberd import Ejabberd
from janusgrid.common.xmpp.servers.prosody import Prosody

EXAMPLES = Path(__file__).parents[3] / "examples" / "xmpp"


class Configured(Launched):
    """A server that believes clients of an authority, whose list of the revoked it may have."""

    authority: Authority
    revoked: Path

    def _placed(self, name: str, port: int, *places: tuple[str, str]) -> str:
        """Return an example with the places of this machine."""
        text = (EXAMPLES / name).read_text("utf-8")
        pki = self.home / "pki"
        crl = self.revoked.read_text() if self.name == "prosody" else ""
        (pki / "clients.pem").write_text(self.authority.certificate.read_text() + crl)
        (pki / "none").mkdir(exist_ok=True)
        for was, here in (
            (f"/etc/{self.name}/certs/der.example.pem", str(self._identity.certificate)),
            (f"/etc/{self.name}/certs/der.example.key", str(self._identity.key)),
            (f"/etc/{self.name}/certs", str(pki)),
            ("der.example", self.domain),
            *places,
        ):
            assert was in text, was
            text = text.replace(was, here)
        return text


class ConfiguredProsody(Configured, Prosody):
    def _configure(self, port: int) -> None:
        super()._configure(port)  # for the accounts
        modules = self.home / "modules"
        modules.mkdir(exist_ok=True)
        shutil.copy(EXAMPLES / "mod_auth_certificate.lua", modules)
        text = self._placed(
            "prosody.cfg.lua",
            port,
            ('"*"', f'"{self.host}"'),
            ("{ 5222 }", f"{{ {port} }}"),
            ("{ 5223 }", "{ }"),
            ("/etc/prosody/modules", str(modules)),
            ("/run/prosody", str(self.home)),
            ("/var/lib/prosody", f"{self.home}/data"),
            ('info = "*syslog"', f'info = "{self.home}/prosody.log"'),
        )
        (self.home / "prosody.cfg.lua").write_text(text)


class ConfiguredEjabberd(Configured, Ejabberd):
    def _configure(self, port: int) -> None:
        super()._configure(port)
        text = self._placed("ejabberd.yml", port, ("port: 5222", f"port: {port}"), ('ip: "::"', f'ip: "{self.host}"'))
        (self.home / "ejabberd.yml").write_text(text)
