"""An account in a file: what a program needs to log in, so that no password stands on a command line.

    async with Login.load(Path("hp1.yaml")).session() as session:
        ...

The file is YAML: `jid`, and `password`, or the PEM files `certificate` and `key` where the server takes the account
from them (SASL EXTERNAL); `host`, `port` and `ca` (a PEM file) where DNS and the authorities of the system do not do;
`revoked` (a PEM file), revocation lists on which the server's certificate must not be; `peers`, the bare JIDs of those
who may see whether we are there. Paths are relative to that of the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import attrs

from .. import config
from ..errors import LocalError
from . import jid as jids
from .slix import SlixSession


@attrs.frozen(slots=True)
class _File:
    jid: str
    password: str | None = None
    host: str | None = None
    port: int | None = None
    ca: str | None = None
    peers: tuple[str, ...] = ()
    certificate: str | None = None
    key: str | None = None
    revoked: str | None = None


@attrs.frozen(slots=True)
class Login:
    """An account and where its server is.

    Attributes:
        jid: `user@domain/resource`.
        host, port: of the XMPP server; None to ask DNS.
        ca: PEM file of the authority of the server's certificate; None for those of the system.
        peers: bare JIDs that may subscribe to our presence.
        certificate: PEM files of our certificate and its key; with them no password is needed if the server does not
            want one.
        revoked: PEM file of the revocation lists of the authority in `ca`.
    """

    jid: str
    password: str | None = attrs.field(repr=False)
    host: str | None = None
    port: int | None = None
    ca: Path | None = None
    peers: tuple[str, ...] = ()
    certificate: tuple[Path, Path] | None = None
    revoked: Path | None = None

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Return the account in a file; raise `ConfigError` with file, line and column."""
        path = Path(path)
        document = config.read(path)
        found = document.structure(_File)
        if (found.certificate is None) != (found.key is None):
            raise document.error("certificate and key belong together")
        if found.password is None and found.certificate is None:
            raise document.error("an account has a password, or certificate and key")
        ca = path.parent / found.ca if found.ca else None
        files = [path.parent / name for name in (found.certificate, found.key) if name]
        pair = (files[0], files[1]) if files else None
        revoked = path.parent / found.revoked if found.revoked else None
        return cls(found.jid, found.password, found.host, found.port, ca, found.peers, pair, revoked)

    def save(self, path: Path) -> None:
        """Write it to a file that only its owner can read; raise `LocalError` if that cannot be done."""
        certificate, key = self.certificate or (None, None)

        def beside(file: Path | None) -> str | None:
            return _quoted(os.path.relpath(file, path.parent)) if file else None

        fields = {
            "jid": _quoted(self.jid),
            "password": None if self.password is None else _quoted(self.password),
            "host": _quoted(self.host) if self.host else None,
            "port": self.port,
            "ca": beside(self.ca),
            "certificate": beside(certificate),
            "key": beside(key),
            "revoked": beside(self.revoked),
            "peers": f"[{', '.join(map(_quoted, self.peers))}]" if self.peers else None,
        }
        lines = [f"{name}: {value}\n" for name, value in fields.items() if value is not None]
        try:
            path.unlink(missing_ok=True)  # its permissions, and who has it open, are those of another day
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
                stream.writelines(lines)
        except OSError as error:
            raise LocalError(f"cannot write: {error.strerror}", where=str(path)) from None

    def session(self, **options: Any) -> SlixSession:
        """Return a session of this account, not open yet; `options` are those of `SlixSession`."""
        peers = frozenset(map(jids.normal, self.peers))
        return SlixSession(
            self.jid,
            password=self.password,
            host=self.host,
            port=self.port,
            tls=self.ca,
            certificate=self.certificate,
            revoked=self.revoked,
            **({"allow": peers.__contains__} | options),
        )


def _quoted(text: str) -> str:
    """Return a YAML scalar of any text: what is not plain ASCII is written as an escape."""
    plain = (c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{"".join(plain)}"'
