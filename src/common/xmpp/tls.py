"""TLS of an XMPP client: one context, made once, shared by all sessions of a process."""

from __future__ import annotations

import ssl
from pathlib import Path

from ..errors import ConfigError, LocalError
from ..security.renewal import RenewedContext
from ..security.tls import MODERN, TlsProfile


def client_context(
    ca: Path | str | None = None,
    certificate: tuple[Path | str, Path | str] | None = None,
    *,
    revoked: Path | str | None = None,
    profile: TlsProfile = MODERN,
) -> ssl.SSLContext:
    """Return a context that accepts TLS 1.2 and later, and only servers with a valid certificate of their domain.

    `ca` is a PEM file of authorities to trust, None for those of the system; `certificate` is our own certificate and
    key, both PEM files. With `revoked`, revocation lists (PEM), a server's certificate must not be on that of its
    authority, and there must be a valid one. `profile` says which versions and suites are offered. Making a context
    costs some 20 ms of CPU: share it between the sessions of a process. Raises `ConfigError` if a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if profile.maximum is not None:
            context.maximum_version = profile.maximum
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_ciphers(profile.suites)
        if revoked is not None:
            context.load_verify_locations(revoked)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
        if certificate is not None:
            context.load_cert_chain(*certificate)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (ca, *(certificate or ()), revoked) if file)
        raise ConfigError(f"TLS files cannot be used: {error}", where=files or None) from error
    return context


def renewed_client_context(
    ca: Path | str | None = None,
    certificate: tuple[Path | str, Path | str] | None = None,
    *,
    revoked: Path | str | None = None,
    profile: TlsProfile = MODERN,
) -> ssl.SSLContext:
    """Return `client_context`, whose files are read again for the next connection when they have changed."""
    files = [None if file is None else Path(file) for file in (ca, *(certificate or ()), revoked)]
    return RenewedContext.of(
        ssl.PROTOCOL_TLS_CLIENT, files, lambda: client_context(ca, certificate, revoked=revoked, profile=profile)
    )


def checked(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return `context` if it makes sure of the server's name; raise `LocalError` if it does not."""
    inner = context.current() if isinstance(context, RenewedContext) else context
    if inner.verify_mode is not ssl.CERT_REQUIRED or not inner.check_hostname:
        raise LocalError("this TLS context does not check the server's certificate and name; XMPP sessions must")
    if inner.minimum_version not in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        raise LocalError("this TLS context allows versions before TLS 1.2; set its minimum_version")
    return context


def reason(error: BaseException) -> str:
    """Return in words what went wrong with TLS, naming the fault of the certificate if it is that."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return f"the connection broke during the TLS handshake: {error}"
