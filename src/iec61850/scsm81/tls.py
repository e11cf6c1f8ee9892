"""TLS for MMS over TCP, port 3782: both sides show a certificate (after IEC 62351-3 and -4, T-profile).

Which suites the standard lists is known here second-hand only; these contexts take what TLS 1.2 with forward secrecy
and TLS 1.3 offer, and nothing older.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from ...common.errors import ConfigError

_SUITES = "ECDHE+AESGCM:DHE+AESGCM"


def client_context(ca: Path | str, certificate: Path | str, key: Path | str) -> ssl.SSLContext:
    """Return what `connect(..., tls=)` takes: PEM files of the authority to trust, and of our own certificate and key.

    The server's certificate must name the host that is connected to. Raises `ConfigError` for a file that is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _load(context, ca, certificate, key)


def server_context(ca: Path | str, certificate: Path | str, key: Path | str) -> ssl.SSLContext:
    """Return what `Server.serve_tcp(..., tls=)` takes; clients without a certificate of this authority are refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    return _load(context, ca, certificate, key)


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
