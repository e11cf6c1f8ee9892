"""Whose certificates are believed: paths over authorities between, what keys are for, XMPP addresses, lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError
from janusgrid.common.security import Credentials
from janusgrid.common.security.signing import REMEMBERED, Authorities, Untrusted, certificates

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


class Made:
    """A certificate with its key, of an authority or of itself."""

    def __init__(
        self, who: str, by: Made | None = None, *, ca: bool | None = None, key: Any = None, usage: str | None = None,
        jid: str | None = None, path_length: int | None = None, hash: Any = None,
    ) -> None:  # fmt: skip
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        issuer = by or self
        builder = (
            x509.CertificateBuilder().subject_name(name(who)).issuer_name(name(by.who) if by else name(who))
            .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
        )  # fmt: skip
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
        if usage is not None:
            flags = dict.fromkeys(
                ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                 "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
            )  # fmt: skip
            builder = builder.add_extension(x509.KeyUsage(**{**flags, usage: True}), True)
        if jid is not None:
            other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5"), bytes([12, len(jid)]) + jid.encode())
            builder = builder.add_extension(x509.SubjectAlternativeName([other]), False)
        self.who = who
        self.inner = builder.sign(issuer.key, hash or hashes.SHA256())
        self.der = self.inner.public_bytes(serialization.Encoding.DER)
        self.pem = self.inner.public_bytes(serialization.Encoding.PEM)

    def list(self, *revoked: Made, until: timedelta = DAY) -> bytes:
        """Return a revocation list of this authority."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(name(self.who))
        builder = builder.last_update(NOW - 2 * DAY).next_update(NOW + until)
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.inner.serial_number).revocation_date(NOW - DAY)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def authorities(folder: Path, *roots: Made, lists: bytes | None = None) -> Authorities:
    (folder / "roots.pem").write_bytes(b"".join(root.pem for root in roots))
    if lists is not None:
        (folder / "lists.pem").write_bytes(lists)
    return Authorities(Credentials("", "", folder / "roots.pem", folder / "lists.pem" if lists is not None else None))


ROOT = Made("root", ca=True)
LEAF = Made("leaf", ROOT)
BETWEEN = Made("between", ROOT, ca=True, usage="key_cert_sign")


@pytest.mark.parametrize(
    ("leaf", "others", "why"),
    [
        (Made("a", ROOT), (), None),
        (Made("a", ROOT, ca=False, usage="digital_signature"), (), None),
        (Made("a", ROOT, usage="content_commitment"), (), None),
        (Made("a", ROOT, usage="key_encipherment"), (), "not for signatures"),
        (Made("a", BETWEEN), (BETWEEN,), None),
        (Made("a", BETWEEN), (), "not believed"),
        (Made("a", BETWEEN), (Made("between", ROOT),), "not believed"),
        (Made("a", by=(leaf := Made("no authority", ROOT, ca=False))), (leaf,), "not believed"),
        (Made("a", by=(weak := Made("b", ROOT, ca=True, usage="digital_signature"))), (weak,), "not believed"),
        (Made("a", Made("root", ca=True)), (), "not believed"),
        (Made("a"), (), "not believed"),
        (ROOT, (), None),
        (Made("a", ROOT, hash=hashes.SHA512()), (), None),
        (Made("a", ROOT, key=rsa.generate_private_key(65537, 1024)), (), "not believed"),
        (Made("a", ROOT, key=ec.generate_private_key(ec.SECP256K1())), (), "not believed"),
    ],
)
def test_paths(tmp_path: Path, leaf: Made, others: tuple[Made, ...], why: str | None) -> None:
    found = authorities(tmp_path, ROOT)
    ders = [each.der for each in others]
    if why is None:
        assert found.check(leaf.der, ders, NOW).inner == leaf.inner
        assert found.check(leaf.der, ders, NOW).inner == leaf.inner
    else:
        with pytest.raises(Untrusted, match=why):
            found.check(leaf.der, ders, NOW)


def test_a_certificate_names_its_xmpp_address(tmp_path: Path) -> None:
    found = authorities(tmp_path, ROOT).check(Made("a", ROOT, jid="ems@site.example").der, (), NOW)
    assert found.names == (found.fingerprint, "ems@site.example")


def test_lists(tmp_path: Path) -> None:
    good, bad, deep = Made("good", ROOT), Made("bad", ROOT), Made("deep", BETWEEN)
    both = authorities(tmp_path, ROOT, lists=ROOT.list(bad) + BETWEEN.list())
    both.check(good.der, (), NOW)
    both.check(deep.der, [BETWEEN.der], NOW)
    with pytest.raises(Untrusted, match="is revoked"):
        both.check(bad.der, (), NOW)
    with pytest.raises(Untrusted, match="no valid revocation list"):
        authorities(tmp_path, ROOT, lists=ROOT.list()).check(deep.der, [BETWEEN.der], NOW)
    with pytest.raises(Untrusted, match="is revoked"):  # an authority between that is revoked takes its own along
        authorities(tmp_path, ROOT, lists=ROOT.list(BETWEEN) + BETWEEN.list()).check(deep.der, [BETWEEN.der], NOW)
    for forged in (Made("root", ca=True).list(), ROOT.list(until=-DAY)):
        with pytest.raises(Untrusted, match="no valid revocation list"):
            authorities(tmp_path, ROOT, lists=forged).check(good.der, (), NOW)


def test_no_more_paths_are_remembered_than_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("janusgrid.common.security.signing.REMEMBERED", 3)
    assert REMEMBERED > 3
    found = authorities(tmp_path, ROOT)
    for number in range(9):
        found.check(Made(str(number), ROOT).der, (), NOW)
    assert len(found._believed) == 3


@given(data=st.data())
@settings(max_examples=300)
def test_octets_that_are_no_certificate_are_told_as_such(data: st.DataObject, tmp_path_factory: Any) -> None:
    found = authorities(tmp_path_factory.getbasetemp(), ROOT)
    octets = bytearray(LEAF.der)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        believed = found.check(bytes(octets), [bytes(octets[:50])] if data.draw(st.booleans()) else (), NOW)
    except Untrusted:
        return
    assert believed.inner.public_bytes(serialization.Encoding.DER) == bytes(octets)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for file in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        with pytest.raises(ConfigError):
            certificates(file)
