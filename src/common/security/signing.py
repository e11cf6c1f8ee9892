"""Certificates that sign documents: our own key, and whether another's certificate is to be believed.

Unlike those of a TLS handshake, these certificates arrive inside a document, and are checked here: the path to the
authorities, validity, what the key may be used for, revocation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import verification

from ..errors import ConfigError, Refused
from .fingerprint import fingerprint
from .tls import Credentials

RSA_BITS = 2048
"""The shortest RSA key that signs or is believed; shorter ones of others are refused on their path."""

REMEMBERED = 1_000
"""Certificates whose paths are remembered while they are valid."""

MOST_OTHERS = 8
"""Certificates that may come along with that of the signer."""

_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
XMPP_ADDRESS = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")
"""The kind of name that an XMPP account is (id-on-xmppAddr)."""
_LIST = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class Untrusted(Refused):
    """A certificate that is not believed: no path to an authority, not valid now, revoked, or not for signatures."""


@attrs.frozen(slots=True, eq=False)
class SigningKey:
    """A private key, read once, and the certificates that vouch for it.

    Attributes:
        private: the key, for the rooms that sign.
        chain: our certificate and those between it and the authority, for the rooms that sign.
        kind: `rsa` or `ec`.
        fingerprint: of our certificate.
    """

    private: Any = attrs.field(repr=False)
    chain: tuple[Any, ...] = attrs.field(repr=False)
    kind: str
    fingerprint: str


@attrs.frozen(slots=True, eq=False)
class Certificate:
    """A certificate that may have signed something.

    Attributes:
        inner: for the rooms that verify.
        fingerprint: as OpenADR knows it.
        names: what it proves its holder to be: the fingerprint, and the XMPP addresses in it.
        key: its public key, in a form that can be compared (see `key_of`).
    """

    inner: Any = attrs.field(repr=False)
    fingerprint: str
    names: tuple[str, ...]
    key: tuple[Any, ...] = attrs.field(repr=False)


def signing_key(credentials: Credentials) -> SigningKey:
    """Return the key of `credentials`; raise `ConfigError` if it cannot sign, or is not that of the certificate."""
    chain = tuple(inner for inner in _certificates(credentials.certificate))
    where = str(credentials.key)
    try:
        private = load_pem_private_key(credentials.key.read_bytes(), None)
    except OSError as error:
        raise ConfigError(f"the key cannot be read: {error.strerror}", where=where) from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"the key is no private key without a passphrase, in PEM: {error}", where=where) from None
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < RSA_BITS:
            raise ConfigError(f"an RSA key that signs has {RSA_BITS} bits or more", where=where)
        kind = "rsa"
    elif isinstance(private, ec.EllipticCurvePrivateKey):
        kind = "ec"
    else:
        raise ConfigError("documents are signed by RSA keys, or by keys on elliptic curves (ECDSA)", where=where)
    if key_of(chain[0].public_key()) != key_of(private.public_key()):
        raise ConfigError("the key is not that of the certificate", where=where)
    return SigningKey(private, chain, kind, fingerprint(chain[0].public_bytes(Encoding.DER)))


def certificates(path: Path | str) -> tuple[Certificate, ...]:
    """Return the certificates in a PEM file; raise `ConfigError` if there are none."""
    return tuple(_certificate(inner) for inner in _certificates(Path(path)))


def certificate(der: bytes) -> Certificate:
    """Return a certificate (DER), believed or not; raise `Untrusted` if it is none."""
    try:
        return _certificate(x509.load_der_x509_certificate(der))
    except Exception as error:  # of several kinds without a root of their own
        raise Untrusted(f"the signer's certificate is none: {error!s:.200}") from None


def key_of(public: Any) -> tuple[Any, ...]:
    """Return a public key in a form that can be compared: `("rsa", n, e)` or `("ec", curve, point)`."""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return "rsa", numbers.n, numbers.e
    if isinstance(public, ec.EllipticCurvePublicKey):
        return "ec", public.curve.name, public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return ("other",)


class Authorities:
    """The authorities by which certificates are believed, and their revocation lists.

    Args:
        credentials: with `authorities`; with `revoked`, the authority of a signer must have a list that is valid, and
            the signer must not be on it, nor those between on one that is there.

    Raises:
        ConfigError: a file is none, or no authorities are named.
    """

    def __init__(self, credentials: Credentials) -> None:
        if credentials.authorities is None:
            raise ConfigError("signatures are believed by authorities: name them", where=str(credentials.certificate))
        self._store = verification.Store(_certificates(credentials.authorities))
        self._lists = None if credentials.revoked is None else _lists(credentials.revoked)
        any_use = verification.ExtensionPolicy.permit_all()
        agnostic = verification.Criticality.AGNOSTIC
        self._signer = any_use.may_be_present(x509.KeyUsage, agnostic, _may_sign)
        self._authority = any_use.require_present(x509.BasicConstraints, agnostic, _is_authority).may_be_present(
            x509.KeyUsage, agnostic, _may_certify
        )
        self._believed: dict[tuple[bytes, ...], tuple[Certificate, list[x509.Certificate]]] = {}

    def check(self, signer: bytes | Certificate, others: Iterable[bytes], now: datetime) -> Certificate:
        """Return the certificate of a signer (DER), which is believed now; `others` may lie on its path.

        Raises:
            Untrusted: it is not believed; the message says why.
        """
        between = tuple(others)[:MOST_OTHERS]
        der = signer.inner.public_bytes(Encoding.DER) if isinstance(signer, Certificate) else signer
        key = (der, *between)
        found = self._believed.get(key)
        if found is None or not all(c.not_valid_before_utc <= now <= c.not_valid_after_utc for c in found[1]):
            found = self._path(der, between, now)
            if len(self._believed) >= REMEMBERED:
                del self._believed[next(iter(self._believed))]
            self._believed[key] = found
        certificate, path = found
        self._not_revoked(path, now)
        return certificate

    def _path(
        self, signer: bytes, others: Iterable[bytes], now: datetime
    ) -> tuple[Certificate, list[x509.Certificate]]:
        try:
            leaf = x509.load_der_x509_certificate(signer)
            between = [x509.load_der_x509_certificate(each) for each in others]
            certificate = _certificate(leaf)
            builder = verification.PolicyBuilder().store(self._store).time(now.astimezone(UTC).replace(tzinfo=None))
            builder = builder.extension_policies(ee_policy=self._signer, ca_policy=self._authority)
            chain = builder.build_client_verifier().verify(leaf, between).chain
            weak = [each for each in chain if not _is_strong(each.public_key())]
        except verification.VerificationError as error:
            raise Untrusted(f"the signer's certificate is not believed: {_validity(leaf, now) or error}") from None
        except Exception as error:  # of several kinds without a root of their own, for each part that can be wrong
            raise Untrusted(f"the signer's certificate is none: {error!s:.200}") from None
        if weak:
            raise Untrusted(
                f"the signer's certificate is not believed: a key on its path is not RSA of {RSA_BITS} bits"
                " or more, nor on a curve of NIST"
            )
        return certificate, chain

    def _not_revoked(self, path: list[x509.Certificate], now: datetime) -> None:
        if self._lists is None:
            return
        for number, (certificate, issuer) in enumerate(pairwise(path)):
            lists = [each for each in self._lists if each.issuer == issuer.subject]
            if not lists and number > 0:
                continue
            if not any(self._says_no(each, certificate, issuer, now) for each in lists):
                raise Untrusted("the authority of the signer's certificate has no valid revocation list here")

    def _says_no(
        self, revoked: x509.CertificateRevocationList, one: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> bool:
        """Return whether a list is valid and does not name a certificate; raise `Untrusted` if it does."""
        public: Any = issuer.public_key()
        end = revoked.next_update_utc
        if not (revoked.last_update_utc <= now and (end is None or now <= end)):
            return False
        if not revoked.is_signature_valid(public):
            return False
        if revoked.get_revoked_certificate_by_serial_number(one.serial_number) is not None:
            raise Untrusted("the signer's certificate is revoked")
        return True


class Outdated:
    """Says of certificates that TLS has believed whether they are good still, by revocation lists as they are now.

    The signatures of the lists are those that handshakes check. Raises `ConfigError` for a file that holds none.
    """

    def __init__(self, revoked: Path | None) -> None:
        self._lists = _lists(revoked) if revoked is not None else []

    def doubt(self, peer: bytes, now: datetime) -> str | None:
        """Return why a certificate (DER) is not good any more: out of date, or revoked; None while it is."""
        found = x509.load_der_x509_certificate(peer)
        if now > found.not_valid_after_utc:
            return f"its certificate has ended on {found.not_valid_after_utc:%Y-%m-%d}"
        of_its_authority = (one for one in self._lists if one.issuer == found.issuer)
        if any(one.get_revoked_certificate_by_serial_number(found.serial_number) for one in of_its_authority):
            return "its certificate is revoked"
        return None


def _is_strong(public: Any) -> bool:
    if isinstance(public, rsa.RSAPublicKey):
        return public.key_size >= RSA_BITS
    return isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, _CURVES)


def _certificate(inner: x509.Certificate) -> Certificate:
    mark = fingerprint(inner.public_bytes(Encoding.DER))
    return Certificate(inner, mark, (mark, *_addresses(inner)), key_of(inner.public_key()))


def _addresses(certificate: x509.Certificate) -> list[str]:
    """Return the XMPP addresses (id-on-xmppAddr, RFC 6120 13.7.1.4) in a certificate."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    found = []
    for other in names.get_values_for_type(x509.OtherName):
        tag, length, text = other.value[:1], other.value[1:2], other.value[2:]
        if other.type_id == XMPP_ADDRESS and tag == b"\x0c" and length == bytes([len(text) % 256]) < b"\x80":
            found.append(text.decode("utf-8", "replace"))
    return found


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"the certificates cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError as error:
        raise ConfigError(f"there are no certificates in it, in PEM: {error}", where=str(path)) from None


def _lists(path: Path) -> list[x509.CertificateRevocationList]:
    try:
        found = [x509.load_pem_x509_crl(one) for one in _LIST.findall(path.read_bytes())]
    except (OSError, ValueError) as error:
        raise ConfigError(f"the revocation list cannot be used: {error}", where=str(path)) from None
    if not found:
        raise ConfigError("there is no revocation list in it, in PEM", where=str(path))
    return found


def _may_sign(policy: object, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise ValueError("its key is not for signatures")


def _is_authority(policy: object, certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("one on its path is not an authority's")


def _may_certify(policy: object, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("one on its path may not sign certificates")


def _validity(certificate: x509.Certificate, now: datetime) -> str:
    if now < certificate.not_valid_before_utc:
        return f"it is valid from {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ} only"
    if now > certificate.not_valid_after_utc:
        return f"it has expired on {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    return ""
