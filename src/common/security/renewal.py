"""TLS contexts that take up their files again when these have changed: renewed certificates, new revocation lists."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from .renewed import Renewed
from .tls import MODERN, Credentials, TlsProfile, client_context, server_context


class RenewedContext(ssl.SSLContext):
    """Hands each handshake to a context made of the files as they are now (see `Renewed`).

    Sessions of an older context are not resumed. For what wraps memory (asyncio), not for sockets.
    """

    _renewed: Renewed[ssl.SSLContext]
    revoked: Path | None
    """The file of its revocation lists."""

    @classmethod
    def of(
        cls,
        protocol: int,
        files: Iterable[Path | None],
        make: Callable[[], ssl.SSLContext],
        revoked: Path | None = None,
    ) -> Self:
        """Return one that `make` makes from these files; raise `ConfigError` if they cannot be used now."""
        found = cls(protocol)
        found._renewed, found.revoked = Renewed(files, make), revoked
        return found

    def current(self) -> ssl.SSLContext:
        """Return the context of the files as they are now; the same one as long as they do not change."""
        return self._renewed.current

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin a handshake with the files as they are now (see `ssl.SSLContext.wrap_bio`)."""
        return self.current().wrap_bio(*arguments, **options)


def renewed_client_context(credentials: Credentials, *, profile: TlsProfile = MODERN) -> RenewedContext:
    """Return `client_context`, renewed with the files of `credentials`."""
    return RenewedContext.of(
        ssl.PROTOCOL_TLS_CLIENT,
        _files(credentials),
        lambda: client_context(credentials, profile=profile),
        credentials.revoked,
    )


def renewed_server_context(credentials: Credentials, *, profile: TlsProfile = MODERN) -> RenewedContext:
    """Return `server_context`, renewed with the files of `credentials`; clients must show a valid certificate."""
    return RenewedContext.of(
        ssl.PROTOCOL_TLS_SERVER,
        _files(credentials),
        lambda: server_context(credentials, profile=profile),
        credentials.revoked,
    )


def _files(of: Credentials) -> tuple[Path | None, ...]:
    return of.certificate, of.key, of.authorities, of.revoked
