"""TLS contexts: which versions and suites, whose certificates, which of them are revoked."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable
from pathlib import Path

import attrs

from ..errors import ConfigError


@attrs.frozen(slots=True)
class TlsProfile:
    """What is offered and accepted.

    Attributes:
        name: for configuration and logs.
        suites: of TLS 1.2, in the notation of OpenSSL.
        maximum: the newest version; None for the newest there is.
    """

    name: str
    suites: str
    maximum: ssl.TLSVersion | None = None


MODERN = TlsProfile("modern", "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM")
"""TLS 1.3, and TLS 1.2 with forward secrecy and authenticated encryption."""

OPENADR = TlsProfile(
    "openadr", "ECDHE-ECDSA-AES128-SHA256:AES128-SHA256:ECDHE+AESGCM:@SECLEVEL=1", ssl.TLSVersion.TLSv1_2
)
"""What certified OpenADR 2.0b products speak: TLS 1.2 with ECDHE-ECDSA-AES128-CBC-SHA256, or with the plain RSA suite
(rule 67; second-hand). Without forward secrecy in the latter: to be chosen where a peer knows nothing better."""


def _files(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value)


@attrs.frozen(slots=True)
class Credentials:
    """Our own certificate, and whom we trust: PEM files.

    Attributes:
        certificate: our certificate, followed by those between it and the authority's.
        key: our private key, without a passphrase.
        authorities: the certificates of the authorities that peers must have theirs from; None for those of the system.
        revoked: revocation lists of these authorities; with them, a certificate of an authority without a valid list
            is refused too.
    """

    certificate: Path = attrs.field(converter=Path)
    key: Path = attrs.field(converter=Path)
    authorities: Path | None = attrs.field(default=None, converter=_files)
    revoked: Path | None = attrs.field(default=None, converter=_files)


def client_context(
    credentials: Credentials | None = None, *, authorities: Path | str | None = None, profile: TlsProfile = MODERN
) -> ssl.SSLContext:
    """Return the context of a client; the server's certificate must be valid and name the host that is asked for.

    Without `credentials` the client shows no certificate of its own. Raises `ConfigError` for a file that is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _prepared(context, credentials, authorities or (credentials.authorities if credentials else None), profile)


def server_context(credentials: Credentials, *, profile: TlsProfile = MODERN, clients: bool = True) -> ssl.SSLContext:
    """Return the context of a server; clients must show a valid certificate, unless `clients` is off.

    Raises `ConfigError` for a file that is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED if clients else ssl.CERT_NONE
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    return _prepared(context, credentials, credentials.authorities, profile)


def _prepared(
    context: ssl.SSLContext, credentials: Credentials | None, authorities: Path | str | None, profile: TlsProfile
) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if profile.maximum is not None:
        context.maximum_version = profile.maximum
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_ciphers(profile.suites)
    _load("the authorities", authorities, lambda: _trust(context, authorities))
    if credentials is not None:
        _load("the certificate and its key", credentials.certificate, lambda: _show(context, credentials))
        if credentials.revoked is not None:
            _load(
                "the revocation list", credentials.revoked, lambda: context.load_verify_locations(credentials.revoked)
            )
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def _trust(context: ssl.SSLContext, authorities: Path | str | None) -> None:
    if authorities is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(authorities)


def _show(context: ssl.SSLContext, credentials: Credentials) -> None:
    context.load_cert_chain(credentials.certificate, credentials.key, password=_no_passphrase)


def _no_passphrase() -> str:
    raise ConfigError("the key is encrypted: give one without a passphrase, readable by this program alone")


def _load(what: str, file: Path | str | None, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{what} cannot be used: {told(error)}", where=str(file) if file else None) from None


_OURS_IS_REFUSED = re.compile(
    r"ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)"
)

_TOLD = {
    "WRONG_VERSION_NUMBER": "no TLS is spoken there",
    "HTTP_REQUEST": "no TLS is spoken there",
    "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
    "NO_CERTIFICATE_OR_CRL_FOUND": "there is no certificate and no revocation list in it (PEM)",
    "PEM_LIB": "one of the files is not PEM, or not what it should be",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the two have no kind of TLS in common",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the two have no kind of TLS in common",
    "NO_SHARED_CIPHER": "the two have no kind of TLS in common",
}


def told(error: OSError) -> str:
    """Return in a few words for people what the system or TLS complains of: no class, no number, no line of C."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate there is not good: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLError):
        found = (error.reason or _said(error)).upper().replace(" ", "_")
        words = found.lower().replace("_", " ")
        if (alert := _OURS_IS_REFUSED.search(found)) is not None:
            return f"our certificate is refused: {alert[0].removeprefix('ALERT_').lower().replace('_', ' ')}"
        return _TOLD.get(found, f"TLS failed: {words}")
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def _said(error: ssl.SSLError) -> str:
    """Return what OpenSSL says without its brackets and its line: `[SSL] PEM lib (_ssl.c:3905)`."""
    return re.sub(r"^\[[^]]*\]\s*|\s*\(_ssl\.c:\d+\)$", "", error.strerror or str(error))
