"""TLS for MMS over TCP, port 3782: both sides show a certificate (after IEC 62351-3 and -4, T-profile).

Which suites the standard lists is known here second-hand only; these contexts take what TLS 1.2 with forward secrecy
and TLS 1.3 offer, and nothing older.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from ...common.errors import ConfigError
from ...common.security.renewal import RenewedContext

_SUITES = "ECDHE+AESGCM:DHE+AESGCM"


def client_context(
    ca: Path | str, certificate: Path | str, key: Path | str, *, revoked: Path | str | None = None
) -> ssl.SSLContext:
    """Return what `connect(..., tls=)` takes: PEM files of the authority to trust, and of our own certificate and key.

    The server's certificate must name the host that is connected to. With `revoked`, see `server_context`. Raises
    `ConfigError` for a file that is none.
    """
    return _made(ssl.PROTOCOL_TLS_CLIENT, ca, certificate, key, revoked)


def server_context(
    ca: Path | str, certificate: Path | str, key: Path | str, *, revoked: Path | str | None = None
) -> ssl.SSLContext:
    """Return what `Server.serve_tcp(..., tls=)` takes; clients without a certificate of this authority are refused.

    With `revoked`, revocation lists (PEM), those too that are on one, or whose authority has no list that is valid. The
    files are then read again for each handshake when they have changed, and connections that are open are ended when
    their client is revoked (`TcpServer`).
    """
    return _made(ssl.PROTOCOL_TLS_SERVER, ca, certificate, key, revoked)


def _made(
    protocol: int, ca: Path | str, certificate: Path | str, key: Path | str, revoked: Path | str | None
) -> ssl.SSLContext:
    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        if protocol == ssl.PROTOCOL_TLS_SERVER:
            context.num_tickets = 0
            context.options |= ssl.OP_NO_TICKET
        _load(context, ca, certificate, key)
        if revoked is not None:
            _load_lists(context, revoked)
        return context

    if revoked is None:
        return make()
    lists = Path(revoked)
    return RenewedContext.of(protocol, (Path(ca), Path(certificate), Path(key), lists), make, lists)


def _load_lists(context: ssl.SSLContext, revoked: Path | str) -> None:
    try:
        context.load_verify_locations(revoked)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the revocation list cannot be read: {error}", where=str(revoked)) from None
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def _load(context: ssl.SSLContext, ca: Path | str, certificate: Path | str, key: Path | str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_ciphers(_SUITES)
    for what, paths in (("authority", (ca,)), ("certificate and key", (certificate, key))):
        try:
            if len(paths) == 1:
                context.load_verify_locations(ca)
            else:
                context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the {what} cannot be read: {error}", where=str(paths[0])) from None
    return context
