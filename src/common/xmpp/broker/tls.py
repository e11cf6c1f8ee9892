"""TLS of one connection, bytes in and bytes out.

The broker does not use `loop.start_tls`: with TLS 1.3 that may hand over the first decrypted bytes before it returns,
and each of its connections holds a read buffer of 256 KiB. Here the change to TLS happens between two reads.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

from ...errors import ConfigError, Malformed
from ...security.renewal import RenewedContext
from ...security.signing import Untrusted, certificate
from ...security.tls import MODERN
from ..servers.pki import Identity
from .sasl import Binding

_RECORD = 16_384  # the most that one TLS record carries


def server_context(identity: Identity, clients: Path | None = None, revoked: Path | None = None) -> ssl.SSLContext:
    """Return the settings of a server with this certificate: TLS 1.2 or later, no renegotiation, no tickets.

    With `clients`, the authorities of theirs (PEM), clients may show certificates; one that is not valid, or on the
    list `revoked`, does not get through the handshake. Files that have changed are read again for the next connection.
    Raises `ConfigError`.
    """
    files = identity.certificate, identity.key, clients, revoked
    return RenewedContext.of(ssl.PROTOCOL_TLS_SERVER, files, lambda: _context(identity, clients, revoked))


def _context(identity: Identity, clients: Path | None, revoked: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_ciphers(MODERN.suites)
    try:
        context.load_cert_chain(identity.certificate, identity.key)
        if clients is not None:
            context.load_verify_locations(clients)
            context.verify_mode = ssl.CERT_OPTIONAL
        if revoked is not None:
            context.load_verify_locations(revoked)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the broker's TLS files cannot be used: {error}", where=str(identity.certificate)) from None
    return context


class TlsFault(Malformed):
    """The peer does not speak TLS as it should, or not one that is good enough."""


class TlsLayer:
    """The server's end of one TLS connection.

    Attributes:
        ready: True once the handshake is done.
        ended: True once the peer has said that it sends nothing more.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.ready = False
        self.ended = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the wire and return what was in them for the stream; raise `TlsFault`."""
        self._incoming.write(data)
        chunks: list[bytes] = []
        try:
            if not self.ready:
                self._tls.do_handshake()
                self.ready = True
            while chunk := self._tls.read(_RECORD):
                chunks.append(chunk)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLError as error:
            raise TlsFault(f"TLS failed: {error.reason or error}") from error
        return b"".join(chunks)

    def proven(self) -> tuple[str, ...]:
        """Return the JIDs in the certificate that the client has shown, which is valid; none without one."""
        shown = self._tls.getpeercert(binary_form=True)
        try:
            return tuple(name for name in certificate(shown).names if "@" in name) if shown else ()
        except Untrusted:
            return ()

    def binding(self) -> Binding | None:
        """Return what binds a login to this connection; None where this version of TLS has nothing in Python."""
        data = self._tls.get_channel_binding("tls-unique") if self._tls.version() == "TLSv1.2" else None
        return ("tls-unique", data) if data else None

    def send(self, data: bytes) -> None:
        """Encrypt bytes of the stream; raise `TlsFault` if the peer has spoilt the connection."""
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise TlsFault(f"TLS failed: {error.reason or error}") from error

    def close(self) -> None:
        """Say that nothing more is sent."""
        with suppress(ssl.SSLError):  # the peer need not answer in kind, and most do not
            self._tls.unwrap()

    def take(self) -> bytes:
        """Return the bytes for the wire."""
        return self._outgoing.read()
