"""A certificate authority for local servers: made on the spot, trusted by nobody else, valid for a few days.

Server certificates name their domain; client certificates name their JID as `id-on-xmppAddr` (RFC 6120 clause
13.7.1.4), which is what SASL EXTERNAL goes by.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from ...security.usage import key_usage

VALID = timedelta(days=30)
_XMPP_ADDR = ObjectIdentifier("1.3.6.1.5.5.7.8.5")


@attrs.frozen(slots=True)
class Identity:
    """A certificate and its private key, both PEM files; the key is readable by its owner only."""

    certificate: Path
    key: Path


@attrs.frozen(slots=True)
class Authority:
    """A certificate authority; `certificate` is the PEM file that others have to trust."""

    directory: Path
    certificate: Path
    _own: x509.Certificate = attrs.field(repr=False)
    _key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Return the certificate that `builder` describes, issued by this authority."""
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        signed = builder.issuer_name(self._own.subject).add_extension(issuer, critical=False)
        return signed.sign(self._key, hashes.SHA256())


def make_ca(directory: Path, name: str = "JanusGrid local CA") -> Authority:
    """Make a new authority and write its certificate to `directory`/ca.pem; its key stays in memory."""
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    usage = key_usage(key_cert_sign=True, crl_sign=True)
    certificate = (
        _builder(name, key)
        .issuer_name(_name(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "ca.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(directory, path, certificate, key)


def issue(authority: Authority, *domains: str) -> Identity:
    """Issue a server certificate for these domains, in the authority's directory."""
    names = [x509.DNSName(domain) for domain in domains]
    # Servers of a federation meet as client and server of each other.
    return _issue(authority, domains[0], names, [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def issue_client(authority: Authority, jid: str) -> Identity:
    """Issue a client certificate that names this bare JID, in the authority's directory."""
    names = [x509.OtherName(_XMPP_ADDR, _utf8_string(jid))]
    return _issue(authority, jid, names, [ExtendedKeyUsageOID.CLIENT_AUTH])


def _issue(
    authority: Authority, subject: str, names: Sequence[x509.GeneralName], purposes: list[ObjectIdentifier]
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.sign(
        _builder(subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    )
    stem = authority.directory / re.sub(r"[^A-Za-z0-9.-]", "_", subject)
    identity = Identity(stem.with_name(stem.name + ".pem"), stem.with_name(stem.name + ".key"))
    identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_private(identity.key, key)
    return identity


def _builder(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of virtual machines jump
        .not_valid_after(now + VALID)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _utf8_string(text: str) -> bytes:
    """Return `text` as a DER UTF8String."""
    content = text.encode()
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return b"\x0c" + length + content


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(pem)
