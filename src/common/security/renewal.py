"""TLS contexts that take up their files again when these have changed: renewed certificates, new revocation lists."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from ..errors import ConfigError
from .tls import MODERN, Credentials, TlsProfile, client_context, server_context

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int] | None, ...]


class RenewedContext(ssl.SSLContext):
    """Hands each handshake to a context made of the files as they are now.

    While the files cannot be used (half of them written, say) the context that was made before goes on. Sessions of an
    older context are not resumed. For what wraps memory (asyncio), not for sockets.
    """

    _files: tuple[Path, ...]
    _make: Callable[[], ssl.SSLContext]
    _made: ssl.SSLContext
    _seen: Stamp

    @classmethod
    def of(cls, protocol: int, files: Iterable[Path | None], make: Callable[[], ssl.SSLContext]) -> Self:
        """Return one that `make` makes from these files; raise `ConfigError` if they cannot be used now."""
        found = cls(protocol)
        found._files = tuple(file for file in files if file is not None)
        found._make = make
        found._seen = found._stamp()
        found._made = make()
        return found

    def current(self) -> ssl.SSLContext:
        """Return the context of the files as they are now; the same one as long as they do not change."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._made = self._make()
            except ConfigError as error:
                log.error("event=security.not-renewed: %s; what was there before goes on", error)
            else:
                log.info("event=security.renewed: %s", ", ".join(file.name for file in self._files))
        return self._made

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin a handshake with the files as they are now (see `ssl.SSLContext.wrap_bio`)."""
        return self.current().wrap_bio(*arguments, **options)

    def _stamp(self) -> Stamp:
        return tuple(_stamp(file) for file in self._files)


def renewed_client_context(credentials: Credentials, *, profile: TlsProfile = MODERN) -> RenewedContext:
    """Return `client_context`, renewed with the files of `credentials`."""
    return RenewedContext.of(
        ssl.PROTOCOL_TLS_CLIENT, _files(credentials), lambda: client_context(credentials, profile=profile)
    )


def renewed_server_context(credentials: Credentials, *, profile: TlsProfile = MODERN) -> RenewedContext:
    """Return `server_context`, renewed with the files of `credentials`; clients must show a valid certificate."""
    return RenewedContext.of(
        ssl.PROTOCOL_TLS_SERVER, _files(credentials), lambda: server_context(credentials, profile=profile)
    )


def _files(of: Credentials) -> tuple[Path | None, ...]:
    return of.certificate, of.key, of.authorities, of.revoked


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
