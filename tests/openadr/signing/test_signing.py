"""Every message, signed in every way, comes back; and keys that cannot sign are told before anything is sent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import KeyKind
from janusgrid.openadr.codec import element, schema, write
from janusgrid.openadr.model import MESSAGES
from janusgrid.openadr.signing import Signing
from janusgrid.openadr.signing.notary import Notary

from tests.openadr.codec.strategies import messages
from tests.openadr.signing.kit import NOW, POLL, Office, opened


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
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_a_signature_outlives_the_loss_of_prefixes(notaries: list[Notary], message: object) -> None:
    """Over XMPP a payload comes in as elements that know no prefixes; the usual ones are put back (exclusive form)."""
    import xml.etree.ElementTree as std

    notary = notaries[0]
    document = notary.sign(message, NOW)  # type: ignore[arg-type]
    if "InclusiveNamespaces" in document or "http://www.w3.org/2001/XMLSchema-instance" in document:
        return  # prefixes in values are lost for good
    proved = notary.verify(element(std.fromstring(document)), NOW)
    assert proved.signer.fingerprint == notary.fingerprint


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


def test_a_window_is_longer_than_no_time(office: Office) -> None:
    with pytest.raises(LocalError, match="past"):
        Signing(credentials=office.credentials(), past=timedelta())


def test_what_cannot_be_written_cannot_be_signed(office: Office) -> None:
    from janusgrid.openadr.model import Poll

    with pytest.raises(LocalError):
        office.notary().sign(Poll(ven_id="\x00"), NOW)


def test_who_does_not_sign_writes_as_ever() -> None:
    assert "Signature" not in write(POLL)
