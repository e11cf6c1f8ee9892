"""What is wrong with a certificate, its key, its chain, and revocation lists, in words: before a handshake fails."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import ConfigError
from .fingerprint import fingerprint
from .tls import OPENADR, Credentials, server_context

SOON = timedelta(days=30)
"""How long before its end a certificate is said to end soon."""

_WEAK = ("md5", "sha1")
T = TypeVar("T", bound=x509.ExtensionType)


@attrs.frozen(slots=True)
class Finding:
    """What was found.

    Attributes:
        level: `ok`, `warning`, or `fault`: with a fault the files do not work.
        subject: `certificate`, `key`, `chain` or `revocation`.
        text: what, and what to do about it.
    """

    level: str
    subject: str
    text: str


@attrs.frozen(slots=True)
class Description:
    """What a certificate says of itself."""

    file: str
    name: str
    issuer: str
    fingerprint: str
    sha256: str
    begins: datetime
    ends: datetime
    hosts: tuple[str, ...]
    key: str


def certificates(file: Path) -> list[x509.Certificate]:
    """Return the certificates of a PEM or DER file, in order; raise `ConfigError` if there is none."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", where=str(file)) from None
    try:
        if b"-----BEGIN CERTIFICATE-----" in data:
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except ValueError:
        kind = "a key" if b"PRIVATE KEY-----" in data else "no certificate"
        raise ConfigError(f"this is {kind}: give a certificate, PEM or DER", where=str(file)) from None


def describe(file: Path) -> Description:
    """Return what the first certificate of a file says of itself; raise `ConfigError` if there is none."""
    found = certificates(file)[0]
    der = found.public_bytes(serialization.Encoding.DER)
    return Description(
        str(file),
        _common_name(found.subject),
        _common_name(found.issuer),
        fingerprint(der),
        found.fingerprint(hashes.SHA256()).hex(),
        found.not_valid_before_utc,
        found.not_valid_after_utc,
        tuple(_hosts(found)),
        _key_kind(found.public_key()),
    )


def inspect(
    certificate: Path,
    key: Path | None = None,
    authorities: Path | None = None,
    revoked: Path | None = None,
    *,
    now: datetime | None = None,
) -> list[Finding]:
    """Return what there is to say of these files as credentials of a VTN or a VEN; what is not given is not looked at.

    Raises `ConfigError` for a certificate file that holds none.
    """
    at = now or datetime.now(UTC)
    chain = certificates(certificate)
    findings = [*_of_certificate(chain[0], at)]
    if key is not None:
        findings += _of_key(certificate, key, chain[0])
    trusted = _read_trusted(authorities, findings)
    issuer = None
    if trusted is not None:
        issuer = _of_chain(chain, trusted, at, findings)
    if revoked is not None:
        findings += _of_lists(chain[0], issuer, revoked, at)
    return findings


def _of_certificate(found: x509.Certificate, now: datetime) -> Iterator[Finding]:
    def say(level: str, text: str) -> Finding:
        return Finding(level, "certificate", text)

    yield from _of_time(found, now)
    public = found.public_key()
    kind = _key_kind(public)
    if isinstance(public, ec.EllipticCurvePublicKey):
        good = public.curve.name == "secp256r1"
        suite = "OpenADR's suite is ECDHE-ECDSA-AES128-SHA256"
        yield say("ok", f"{kind}: {suite}") if good else say("warning", f"{kind}: OpenADR products expect P-256")
    elif isinstance(public, rsa.RSAPublicKey) and public.key_size >= 2048:
        yield say("ok", f"{kind}: OpenADR's suite is AES128-SHA256")
    else:
        yield say("fault", f"{kind}: OpenADR takes EC P-256, or RSA of 2048 bits or more")
    algorithm = found.signature_hash_algorithm
    if algorithm is not None and algorithm.name in _WEAK:
        yield say("fault", f"signed with {algorithm.name.upper()}, which nobody accepts any more: SHA-256 is needed")
    if _is_authority(found):
        yield say("fault", "this is an authority's certificate, not that of a VTN or a VEN")
    yield from _of_purpose(found)


def _of_time(found: x509.Certificate, now: datetime, subject: str = "certificate") -> Iterator[Finding]:
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    name = f"{_common_name(found.subject)}: " if subject == "chain" else ""
    if now < begins:
        yield Finding("fault", subject, f"{name}valid only from {begins:%Y-%m-%d %H:%M} UTC: is the clock right?")
    elif now > ends:
        yield Finding("fault", subject, f"{name}expired on {ends:%Y-%m-%d %H:%M} UTC: a new one is needed")
    elif ends - now < SOON:
        yield Finding("warning", subject, f"{name}ends soon, on {ends:%Y-%m-%d}: renew it")
    elif not name:
        yield Finding("ok", subject, f"valid until {ends:%Y-%m-%d}")


def _of_purpose(found: x509.Certificate) -> Iterator[Finding]:
    usage = _extension(found, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        yield Finding("fault", "certificate", "its key usage lacks digitalSignature: TLS cannot be done with it")
    purposes = _extension(found, x509.ExtendedKeyUsage)
    if purposes is not None:
        missing = [
            name
            for name, purpose in (
                ("serverAuth (to be posted to)", ExtendedKeyUsageOID.SERVER_AUTH),
                ("clientAuth (to post)", ExtendedKeyUsageOID.CLIENT_AUTH),
            )
            if purpose not in purposes
        ]
        if len(missing) == 2:
            yield Finding("fault", "certificate", "it may neither post nor be posted to: extended key usage")
        elif missing:
            yield Finding("warning", "certificate", f"its extended key usage lacks {missing[0]}")
    hosts = [*_hosts(found)]
    if hosts:
        yield Finding("ok", "certificate", f"names {', '.join(hosts)}")
    else:
        yield Finding("warning", "certificate", "it names no host: whoever has it can post, but not be posted to")


def _of_key(file: Path, key: Path, found: x509.Certificate) -> Iterator[Finding]:
    try:
        data, mode = key.read_bytes(), key.stat().st_mode
    except OSError as error:
        yield Finding("fault", "key", f"cannot be read: {error.strerror}")
        return
    try:
        private = serialization.load_pem_private_key(data, None)
    except TypeError:
        yield Finding("fault", "key", "is encrypted: give one without a passphrase, readable by this program alone")
        return
    except ValueError:
        yield Finding("fault", "key", "is no private key in PEM")
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding("warning", "key", f"others may read it (mode {stat.S_IMODE(mode):04o}): chmod 600 {key}")
    if private.public_key() != found.public_key():
        yield Finding("fault", "key", "is not that of the certificate: they do not belong together")
        return
    try:
        server_context(Credentials(file, key), profile=OPENADR)
    except ConfigError as error:
        yield Finding("fault", "key", error.message)
    else:
        yield Finding("ok", "key", "belongs to the certificate, and TLS takes both")


def _read_trusted(file: Path | None, findings: list[Finding]) -> list[x509.Certificate] | None:
    try:
        return None if file is None else certificates(file)
    except ConfigError as error:
        findings.append(Finding("fault", "chain", f"the authorities: {error}"))
        return None


def _of_chain(
    chain: list[x509.Certificate], trusted: list[x509.Certificate], now: datetime, findings: list[Finding]
) -> x509.Certificate | None:
    """Follow the chain to an authority; return who has issued the first of it."""
    at, first, path = chain[0], None, [_common_name(chain[0].subject)]
    for _ in range(10):
        issuer = next((each for each in (*trusted, *chain[1:]) if _issued(at, each)), None)
        if issuer is None:
            who = _common_name(at.issuer)
            text = f"{who}, which has issued {path[-1]}, is neither trusted nor in the file after the certificate"
            findings.append(Finding("fault", "chain", text))
            return first
        first = first or issuer
        path.append(_common_name(issuer.subject))
        if not _is_authority(issuer):
            findings.append(Finding("fault", "chain", f"{path[-1]} is no authority, but has issued {path[-2]}"))
        findings.extend(_of_time(issuer, now, "chain"))
        if issuer in trusted:
            findings.append(Finding("ok", "chain", " < ".join(path)))
            return first
        at = issuer
    findings.append(Finding("fault", "chain", "is too long, or leads back to itself"))
    return first


def _of_lists(found: x509.Certificate, issuer: x509.Certificate | None, file: Path, now: datetime) -> Iterator[Finding]:
    def say(level: str, text: str) -> Finding:
        return Finding(level, "revocation", text)

    try:
        lists = _lists(file)
    except (OSError, ValueError) as error:
        yield say("fault", f"{file} holds no revocation list in PEM: {error}")
        return
    mine = [each for each in lists if each.issuer == found.issuer and _issuer_key(each) == _issuer_key(found)]
    if issuer is not None:
        mine = [each for each in mine if each.is_signature_valid(issuer.public_key())]  # type: ignore[arg-type]
    if not mine:
        yield say("fault", f"no list of {_common_name(found.issuer)}: every certificate of it is refused")
        return
    newest = max(mine, key=lambda each: each.last_update_utc)
    until = newest.next_update_utc
    if until is not None and until < now:
        yield say(
            "fault", f"the list ended on {until:%Y-%m-%d %H:%M} UTC: every certificate is refused until it is new"
        )
    if newest.last_update_utc > now:
        yield say("fault", f"the list is valid only from {newest.last_update_utc:%Y-%m-%d %H:%M} UTC")
    entry = newest.get_revoked_certificate_by_serial_number(found.serial_number)
    if entry is not None:
        yield say("fault", f"the certificate was revoked on {entry.revocation_date_utc:%Y-%m-%d}")
    else:
        yield say("ok", f"not revoked, by the list of {newest.last_update_utc:%Y-%m-%d %H:%M} UTC")


def _lists(file: Path) -> list[x509.CertificateRevocationList]:
    end = b"-----END X509 CRL-----"
    parts = file.read_bytes().split(end)[:-1]
    if not parts:
        raise ValueError("there is none in it")
    return [x509.load_pem_x509_crl(part[part.index(b"-----BEGIN X509 CRL") :] + end + b"\n") for part in parts]


def _issued(found: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        found.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _issuer_key(signed: x509.Certificate | x509.CertificateRevocationList) -> bytes | None:
    """Return which key of the issuer has signed: authorities may have one name and several keys."""
    try:
        return signed.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None


def _is_authority(found: x509.Certificate) -> bool:
    constraints = _extension(found, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _extension(found: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return found.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _hosts(found: x509.Certificate) -> Iterator[str]:
    names = _extension(found, x509.SubjectAlternativeName)
    if names is not None:
        yield from names.get_values_for_type(x509.DNSName)
        yield from map(str, names.get_values_for_type(x509.IPAddress))


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string() or "a nameless one"


def _key_kind(public: object) -> str:
    if isinstance(public, ec.EllipticCurvePublicKey):
        return f"EC {public.curve.name}"
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA {public.key_size}"
    return type(public).__name__
