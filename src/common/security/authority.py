"""An authority of one's own, for laboratories: certificates for VTNs and VENs, and which of them are revoked.

Everything stands in one folder: `authority.pem` and its key, `NAME.pem` and `NAME.key`
for each certificate, `revoked.pem` once something was revoked. Certificates for products in the field
come from the authorities of the OpenADR Alliance.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import ConfigError, LocalError
from .fingerprint import fingerprint
from .roles import Grant, extension
from .signing import XMPP_ADDRESS
from .usage import key_usage

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ACCOUNT = re.compile(r"[^\s@/\"&'<>:]+@[^\s@/]+")
_PURPOSES = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
_EARLIER = timedelta(hours=1)
"""Certificates are valid from a little before they are made: clocks differ."""

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyKind(StrEnum):
    """The keys that OpenADR knows: each has its suite of TLS 1.2."""

    EC = "ec"
    """P-256, for ECDHE-ECDSA-AES128-SHA256."""
    RSA = "rsa"
    """2048 bits, for AES128-SHA256."""


@attrs.frozen(slots=True)
class Issued:
    """A certificate that was made, and its key: PEM files, the key readable by its owner alone.

    Attributes:
        authority: what peers have to trust: PEM file.
        fingerprint: what a VTN is told of a VEN, and the other way.
    """

    certificate: Path
    key: Path
    authority: Path
    fingerprint: str


class Authority:
    """An authority in a folder."""

    def __init__(self, folder: Path, certificate: x509.Certificate, key: Key) -> None:
        self._folder = folder
        self._own = certificate
        self._key = key

    @classmethod
    def make(
        cls, folder: Path, name: str = "JanusGrid laboratory", *, kind: KeyKind = KeyKind.EC, days: int = 3650
    ) -> Authority:
        """Make an authority in a folder; raise `LocalError` if there is one, `ConfigError` if it cannot be written."""
        key = _new_key(kind)
        certificate = (
            _builder(name, key, days)
            .issuer_name(_subject(name))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write_pair(folder / "authority.pem", certificate, folder / "authority.key", key)
        return cls(folder, certificate, key)

    @classmethod
    def open(cls, folder: Path) -> Authority:
        """Return the authority of a folder; raise `ConfigError` if its files cannot be used."""
        try:
            certificate = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
            key = serialization.load_pem_private_key((folder / "authority.key").read_bytes(), None)
        except OSError as error:
            raise ConfigError(f"no authority here: {error.strerror}", where=error.filename) from None
        except (ValueError, TypeError) as error:
            raise ConfigError(f"the authority cannot be used: {error}", where=str(folder)) from None
        if not isinstance(key, Key) or key.public_key() != certificate.public_key():
            raise ConfigError("authority.key is not the key of authority.pem", where=str(folder))
        return cls(folder, certificate, key)

    @classmethod
    def of(cls, folder: Path, *, kind: KeyKind = KeyKind.EC) -> Authority:
        """Return the authority of a folder, making it the first time."""
        made = (folder / "authority.pem").exists() or (folder / "authority.key").exists()
        return cls.open(folder) if made else cls.make(folder, kind=kind)

    @property
    def certificate(self) -> Path:
        """What peers have to trust: a PEM file."""
        return self._folder / "authority.pem"

    def issue(
        self,
        name: str,
        hosts: Iterable[str] = (),
        *,
        addresses: Iterable[str] = (),
        roles: Iterable[Grant] = (),
        kind: KeyKind = KeyKind.EC,
        days: int = 365,
        since: int = 0,
    ) -> Issued:
        """Make a certificate and its key, `name`.pem and `name`.key.

        Args:
            name: whose: the common name.
            hosts: DNS names and addresses at which it is posted to; a VEN that pulls needs none.
            addresses: the XMPP accounts of its holder (`user@domain`).
            roles: what its holder may be (IEC 62351-8).
            kind: of the key.
            days: how long it is valid.
            since: days for which it has been valid already: for tests of certificates that have expired.

        Raises:
            LocalError: there are such files already, or a name that cannot be one.
            ConfigError: they cannot be written.
        """
        if not _NAME.fullmatch(name) or name in ("authority", "revoked"):
            raise LocalError("a name is of letters, digits, dots and hyphens, and not the authority's", where=name)
        key = _new_key(kind)
        hosts, addresses, roles = tuple(hosts), tuple(addresses), tuple(roles)
        names = [_host(host) for host in (*hosts, *([name] if not hosts and not addresses else []))]
        names += map(_account, addresses)
        builder = (
            _builder(name, key, days, since)
            .issuer_name(self._own.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(key_usage(digital_signature=True, key_encipherment=kind is KeyKind.RSA), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_PURPOSES), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if roles:
            builder = builder.add_extension(extension(roles), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        _write_pair(files[0], certificate, files[1], key)
        der = certificate.public_bytes(serialization.Encoding.DER)
        return Issued(*files, self.certificate, fingerprint(der))

    def revoke(self, *certificates: Path, days: int = 30) -> Path:
        """Revoke certificates (PEM files) and return the list of all that are: `revoked.pem`, valid for `days`.

        Without any, an empty list is made, or that which there is for another while. Raises `ConfigError` for a file
        that holds no certificate of this authority.
        """
        path, now = self._folder / "revoked.pem", datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._own.subject)
            .last_update(now - timedelta(seconds=1))
            .next_update(now + timedelta(days=days))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        serials, number = self._revoked(path)
        builder = builder.add_extension(x509.CRLNumber(number + 1), critical=False)
        for file in certificates:
            serials.setdefault(self._serial(file), now)
        for serial, at in serials.items():
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(revoked.build())
        made = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        beside = path.with_suffix(".new")
        beside.write_bytes(made)
        os.replace(beside, path)  # who reads it now finds the old list or the new, never half of one
        return path

    def _revoked(self, path: Path) -> tuple[dict[int, datetime], int]:
        if not path.exists():
            return {}, 0
        try:
            old = x509.load_pem_x509_crl(path.read_bytes())
            number = old.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except (ValueError, x509.ExtensionNotFound) as error:
            raise ConfigError(f"not a list of this authority: {error}", where=str(path)) from None
        return {each.serial_number: each.revocation_date_utc for each in old}, number

    def _serial(self, file: Path) -> int:
        try:
            found = x509.load_pem_x509_certificate(file.read_bytes())
            found.verify_directly_issued_by(self._own)
        except OSError as error:
            raise ConfigError(f"cannot read: {error.strerror}", where=str(file)) from None
        except Exception as error:  # InvalidSignature is no ValueError
            raise ConfigError(f"not a certificate of this authority: {error}", where=str(file)) from None
        return found.serial_number


def _new_key(kind: KeyKind) -> Key:
    if kind is KeyKind.EC:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise LocalError("a host is a DNS name in ASCII (xn--…), or an address", where=host) from None


def _account(address: str) -> x509.GeneralName:
    """Return the name of an XMPP account (id-on-xmppAddr, RFC 6120 clause 13.7.1.4)."""
    text = address.encode()
    if not _ACCOUNT.fullmatch(address) or len(text) > 127:
        raise LocalError("an XMPP account is user@domain, without a resource, of at most 127 octets", where=address)
    return x509.OtherName(XMPP_ADDRESS, bytes([0x0C, len(text)]) + text)  # a UTF8String


def _builder(name: str, key: Key, days: int, since: int = 0) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - _EARLIER - timedelta(days=since)
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _write_pair(certificate_file: Path, certificate: x509.Certificate, key_file: Path, key: Key) -> None:
    """Write both, or nothing where one of them is there already."""
    for file in (certificate_file, key_file):
        if file.exists():
            raise LocalError("there is such a file already: choose another name, or remove it", where=str(file))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        certificate_file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(private)
        with certificate_file.open("xb") as stream:
            stream.write(certificate.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise ConfigError(f"cannot write: {error.strerror}", where=error.filename) from None
