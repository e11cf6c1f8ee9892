"""Roles in certificates: written, read, and refused where they cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.security.roles import OID, Grant, Role, extension, grants
from janusgrid.common.security.signing import Certificate, Untrusted

NOW = datetime.now(UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(*extensions: x509.ExtensionType) -> Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ems")])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 7, NOW, NOW + timedelta(days=1))
    for each in extensions:
        builder = builder.add_extension(each, critical=False)
    der = builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)
    return Certificate(x509.load_der_x509_certificate(der), "", (), ())


roles = st.lists(st.sampled_from(Role) | st.integers(-32768, -1), max_size=7).map(tuple)


@given(st.lists(st.builds(Grant, roles, st.text(max_size=60), st.integers(0, 255)), max_size=8))
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read(given: list[Grant]) -> None:
    assert grants(certificate(extension(given))) == tuple(given)


def test_the_octets() -> None:
    """SEQUENCE OF { SEQUENCE OF INTEGER, UTF8String, INTEGER, UTF8String } as is known second-hand."""
    assert extension([Grant((1,), "north", 1, "IEC")]).value.hex() == (
        "3016301430030201010c056e6f7274680201010c03494543"
    )


def test_no_roles() -> None:
    assert grants(certificate()) == ()


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x80\x00\x00", b"\x02\x01\x01", bytes(3000)])
def test_what_cannot_be_read(octets: bytes) -> None:
    with pytest.raises(Untrusted):
        grants(certificate(x509.UnrecognizedExtension(OID, octets)))


def test_too_many() -> None:
    with pytest.raises(Untrusted, match="64"):
        grants(certificate(extension([Grant((0,) * 65)])))
