"""Every message, signed in every way, comes back; and keys that cannot sign are told before anything is sent."""

from __future__ import annotations

import re
import xml.etree.ElementTree as std
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import KeyKind
from janusgrid.openadr.codec import decode, element, schema, write
from janusgrid.openadr.model import MESSAGES, NAMESPACES, Poll
from janusgrid.openadr.signing import Signing, Unproved
from janusgrid.openadr.signing.notary import Notary, Proved

from tests.openadr.codec.strategies import messages
from tests.openadr.signing.kit import DSP, NOW, POLL, Office, opened

USUAL = {**NAMESPACES, "dsp": DSP}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module")
def notaries(office: Office) -> list[Notary]:
    return [office.notary("ven", kind, inclusive=inclusive) for kind in KeyKind for inclusive in (False, True)]


@pytest.mark.parametrize("cls", MESSAGES)
@given(data=st.data())
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_every_message_comes_back_from_under_a_signature(
    notaries: list[Notary], cls: type, data: st.DataObject
) -> None:
    """With all that it can hold: prefixes that only a value names, foreign elements, every character."""
    message = data.draw(messages(cls))
    notary = data.draw(st.sampled_from(notaries))
    document = notary.sign(message, NOW)
    assert schema().faults(element(document)) == ()
    assert opened(notary, document) == message


@given(message=messages())
@settings(max_examples=100, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
def test_a_signature_outlives_the_loss_of_prefixes(notaries: list[Notary], message: Any) -> None:
    """Over XMPP a payload comes in as elements that know no prefixes; the usual ones are put back (exclusive form).

    What is carried for others, with prefixes of its own, is lost.
    """
    document = notaries[0].sign(message, NOW)
    declared = set(re.findall(r'xmlns(?::(\w+))?="([^"]*)"', document))
    proved: Proved | None = None
    try:
        proved = notaries[0].verify(element(std.fromstring(document)), NOW)
    except Unproved:
        assert not declared <= set(USUAL.items())
    assert proved is None or decode(proved.element).message == message


def test_no_two_signatures_are_alike(office: Office) -> None:
    notary = office.notary()
    assert notary.sign(POLL, NOW) != notary.sign(POLL, NOW)


def credentials(office: Office, folder: Path, private: object) -> Credentials:
    """Return credentials with the certificate of `ven` and a key."""
    (folder / "a.key").write_bytes(
        private.private_bytes(  # type: ignore[attr-defined]
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Credentials(office.issued().certificate, folder / "a.key", office.authority.certificate)


def test_a_key_that_cannot_sign_is_told_at_once(office: Office, tmp_path: Path) -> None:
    for key, why in (
        (ec.generate_private_key(ec.SECP256R1()), "not that of the certificate"),
        (rsa.generate_private_key(65537, 1024), "2048 bits"),
        (ed25519.Ed25519PrivateKey.generate(), "elliptic curves"),
    ):
        with pytest.raises(ConfigError, match=why):
            Notary(Signing(credentials=credentials(office, tmp_path, key)))
    issued = office.issued()
    for wrong, why in (
        (Credentials(issued.key, issued.key, issued.authority), "no certificates in it"),
        (Credentials(issued.certificate, issued.certificate, issued.authority), "no private key"),
        (Credentials(issued.certificate, tmp_path / "none", issued.authority), "cannot be read"),
        (Credentials(issued.certificate, issued.key, None), "name them"),
        (Credentials(issued.certificate, issued.key, issued.authority, issued.authority), "no revocation list"),
        (Credentials(issued.certificate, issued.key, issued.authority, tmp_path / "none"), "revocation list"),
    ):
        with pytest.raises(ConfigError, match=why):
            Notary(Signing(credentials=wrong))


def test_renewed_files_are_taken_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new certificate signs, a new list refuses; while a file is half there, what was there goes on."""
    office = Office(tmp_path)
    own, other = office.issued("vtn"), office.issued("ven")
    revoked = office.authority.revoke()
    notary = Notary(Signing(credentials=Credentials(own.certificate, own.key, own.authority, revoked)))
    ven = office.notary("ven")
    now = datetime.now(UTC)
    assert opened(notary, ven.sign(POLL, now), now) == POLL
    office.authority.revoke(other.certificate)
    with pytest.raises(Unproved, match="revoked"):
        opened(notary, ven.sign(POLL, now), datetime.now(UTC))
    renewed = office.issued("renewed")
    before = notary.fingerprint
    own.certificate.write_bytes(renewed.certificate.read_bytes())
    assert notary.fingerprint == before
    assert "event=security.not-renewed" in caplog.text
    own.key.write_bytes(renewed.key.read_bytes())
    assert notary.fingerprint == renewed.fingerprint
    assert opened(office.notary("other"), notary.sign(POLL, now), now) == POLL


def test_a_window_is_longer_than_no_time(office: Office) -> None:
    with pytest.raises(LocalError, match="past"):
        Signing(credentials=office.credentials(), past=timedelta())


def test_what_cannot_be_written_cannot_be_signed(office: Office) -> None:
    with pytest.raises(LocalError):
        office.notary().sign(Poll(ven_id="\x00"), NOW)


def test_who_does_not_sign_writes_as_ever() -> None:
    assert "Signature" not in write(POLL)
