"""Who may open a session: every way to pretend is refused, for the right reason, which the peer does not learn."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority, KeyKind
from janusgrid.common.security.e2e import (
    Accepting,
    Calling,
    HandshakeDiagnostic,
    HandshakeRefused,
    Identity,
    Limits,
    Reason,
    SecKind,
    SecPdu,
    Suite,
    wire,
)
from janusgrid.common.security.e2e.keys import Agreement, sign

from .ends import CLIENT, NOW, SECOND, SERVER, channels, credentials, identity

ACCEPTING = Accepting(identity(SERVER))


def refused(accepting: Accepting, request: SecPdu, sender: str = CLIENT, me: str = SERVER, now=NOW) -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as error:
        accepting.answer(request, sender, me, now)
    return error.value


def request(**options) -> SecPdu:
    return Calling(identity(CLIENT), CLIENT, SERVER, NOW, **options).request


def forged(by: Identity | None = None, kind: SecKind = SecKind.HANDSHAKE_REQ, **changes: object) -> SecPdu:
    """Return a request that is rightly signed, with something changed before that."""
    token = wire.token_of(wire.split(request().octets)[0])
    tbs = wire.to_be_signed(attrs.evolve(token, **changes))
    label = b"janusgrid end-to-end 1 " + kind.encode() + b"\0"
    return SecPdu(SecKind.HANDSHAKE_REQ, wire.signed(tbs, sign((by or identity(CLIENT)).key, label + tbs)))


@pytest.mark.parametrize("suite", Suite)
def test_both_ends_agree(suite: Suite) -> None:
    caller, called = channels(suite)
    assert caller.suite is called.suite is suite
    assert called.open(caller.seal(b"to the server", NOW), NOW) == b"to the server"
    assert caller.open(called.seal(b"to the client", NOW), NOW) == b"to the client"


def test_the_same_address_elsewhere_is_somebody_else() -> None:
    error = refused(ACCEPTING, request(), sender="ems@plant.example/other")
    assert error.reason is Reason.IDENTITY
    assert error.diagnostic is HandshakeDiagnostic.NO_REASON_GIVEN


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sender": "utility@plant.example/guest"}, Reason.IDENTITY),
        ({"recipient": "pcc@plant.example/IEC"}, Reason.IDENTITY),
        ({"time": 0}, Reason.TIME),
        ({"time": 10**30}, Reason.MALFORMED),
        ({"time": -(10**30)}, Reason.MALFORMED),
        ({"association": b"short"}, Reason.MALFORMED),
        ({"suites": ()}, Reason.MALFORMED),
        ({"suites": (7,)}, Reason.SUITE),
        ({"key": b""}, Reason.MALFORMED),
        ({"key": b"\4" + bytes(64)}, Reason.MALFORMED),
        ({"path": ()}, Reason.MALFORMED),
        ({"path": (b"no certificate",)}, Reason.CERTIFICATE),
        ({"version": 2}, Reason.VERSION),
        ({"protocol": "SMTP"}, Reason.VERSION),
    ],
    ids=str,
)
def test_what_is_signed_and_wrong(changes: dict[str, object], reason: Reason) -> None:
    assert refused(ACCEPTING, forged(**changes)).reason is reason


def test_signed_for_another_message() -> None:
    assert refused(ACCEPTING, forged(kind=SecKind.HANDSHAKE_ACC)).reason is Reason.SIGNATURE


def test_signed_by_another() -> None:
    """The certificate is the client's, the signature somebody else's who is believed too."""
    assert refused(ACCEPTING, forged(by=identity("utility@plant.example"))).reason is Reason.SIGNATURE


def test_a_certificate_of_another_account() -> None:
    other = identity("utility@plant.example")
    theirs = Calling(other, CLIENT, SERVER, NOW).request
    assert refused(ACCEPTING, theirs).reason is Reason.IDENTITY


def test_an_authority_that_is_not_believed() -> None:
    theirs = Calling(identity(CLIENT, by="another"), CLIENT, SERVER, NOW).request
    error = refused(ACCEPTING, theirs)
    assert error.reason is Reason.CERTIFICATE
    assert error.diagnostic is HandshakeDiagnostic.NO_REASON_GIVEN


def test_the_client_believes_no_server_of_another_authority() -> None:
    calling = Calling(identity(CLIENT), CLIENT, SERVER, NOW)
    theirs = Accepting(identity(SERVER, by="another")).answer(calling.request, CLIENT, SERVER, NOW)
    with pytest.raises(HandshakeRefused) as error:
        calling.accepted(theirs.answer, NOW)
    assert error.value.reason is Reason.CERTIFICATE


def test_a_revoked_certificate(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    issued = authority.issue("ems")
    revoked = authority.revoke(issued.certificate)
    theirs = Identity.of(Credentials(issued.certificate, issued.key, authority.certificate))
    ours = Accepting(Identity.of(attrs.evolve(credentials(SERVER), authorities=authority.certificate, revoked=revoked)))
    now = datetime.now(UTC)  # the list is younger than `NOW`
    error = refused(ours, Calling(theirs, CLIENT, SERVER, now).request, now=now)
    assert error.reason is Reason.CERTIFICATE
    assert "revoked" in error.message


@pytest.mark.parametrize("apart", [11 * SECOND, -11 * SECOND, timedelta(days=400)])
def test_clocks_that_differ(apart: timedelta) -> None:
    assert refused(ACCEPTING, request(), now=NOW + apart).reason is Reason.TIME


def test_a_request_that_came_before() -> None:
    accepting, once = Accepting(identity(SERVER)), request()
    accepting.answer(once, CLIENT, SERVER, NOW)
    assert refused(accepting, once).reason is Reason.REPLAY
    assert refused(accepting, once, now=NOW + 9 * SECOND).reason is Reason.REPLAY
    assert refused(accepting, once, now=NOW + 21 * SECOND).reason is Reason.TIME


def test_an_answer_to_another_request() -> None:
    first, second = (Calling(identity(CLIENT), CLIENT, SERVER, NOW) for _ in range(2))
    answer = ACCEPTING.answer(first.request, CLIENT, SERVER, NOW).answer
    with pytest.raises(HandshakeRefused) as error:
        second.accepted(answer, NOW)
    assert error.value.reason is Reason.ASSOCIATION


def test_a_request_sent_back() -> None:
    calling = Calling(identity(CLIENT), CLIENT, SERVER, NOW)
    with pytest.raises(HandshakeRefused) as error:
        calling.accepted(SecPdu(SecKind.HANDSHAKE_ACC, calling.request.octets), NOW)
    assert error.value.reason is Reason.SIGNATURE


def test_a_weaker_protection_than_was_offered() -> None:
    calling = Calling(identity(CLIENT), CLIENT, SERVER, NOW, suites=[Suite.ENCRYPTED])
    clear = Accepting(identity(SERVER), suites=[Suite.CLEAR])
    error = refused(clear, calling.request)
    assert error.reason is Reason.SUITE
    told = wire.reject(error.diagnostic)
    with pytest.raises(HandshakeRefused, match="encryption required") as heard:
        calling.accepted(told, NOW)
    assert heard.value.diagnostic is HandshakeDiagnostic.ENCRYPTION_REQUIRED


def test_the_best_that_both_can() -> None:
    calling = Calling(identity(CLIENT), CLIENT, SERVER, NOW, suites=[Suite.ENCRYPTED, Suite.CLEAR])
    clear = Accepting(identity(SERVER), suites=[Suite.CLEAR])
    channel, _ = calling.accepted(clear.answer(calling.request, CLIENT, SERVER, NOW).answer, NOW)
    assert channel.suite is Suite.CLEAR


def test_an_exchanged_key_is_no_session() -> None:
    """Whoever sits between cannot put in a key of his own: it is signed."""
    tbs, signature = wire.split(request().octets)
    changed = wire.to_be_signed(attrs.evolve(wire.token_of(tbs), key=Agreement().public))
    assert refused(ACCEPTING, SecPdu(SecKind.HANDSHAKE_REQ, wire.signed(changed, signature))).reason is Reason.SIGNATURE


def test_a_signer_that_begins_without_end() -> None:
    accepting = Accepting(identity(SERVER), limits=Limits(handshakes=5))
    for _ in range(5):
        accepting.answer(request(), CLIENT, SERVER, NOW)
    assert refused(accepting, request()).reason is Reason.OVERLOAD
    later = NOW + 30 * SECOND
    accepting.answer(Calling(identity(CLIENT), CLIENT, SERVER, later).request, CLIENT, SERVER, later)


def test_more_peers_than_are_remembered() -> None:
    accepting = Accepting(identity(SERVER), limits=Limits(peers=2))
    accounts = [f"ems{number}@plant.example" for number in range(3)]
    first, second, third = (Calling(identity(one), f"{one}/guest", SERVER, NOW).request for one in accounts)
    accepting.answer(first, f"{accounts[0]}/guest", SERVER, NOW)
    accepting.answer(second, f"{accounts[1]}/guest", SERVER, NOW)
    assert refused(accepting, third, sender=f"{accounts[2]}/guest").reason is Reason.OVERLOAD
    later = NOW + 30 * SECOND
    accepting.answer(Calling(identity(CLIENT), CLIENT, SERVER, later).request, CLIENT, SERVER, later)


def test_rsa(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    issued = authority.issue("dg750", kind=KeyKind.RSA)
    theirs = Accepting(Identity.of(Credentials(issued.certificate, issued.key, authority.certificate)))
    assert refused(theirs, request()).reason is Reason.CERTIFICATE
    signed = Calling(
        Identity.of(Credentials(issued.certificate, issued.key, authority.certificate)), CLIENT, SERVER, NOW
    ).request
    trusting = Accepting(Identity.of(attrs.evolve(credentials(SERVER), authorities=authority.certificate)))
    assert refused(trusting, signed).reason is Reason.IDENTITY  # the signature is good; it names no XMPP address


def test_no_mutant_of_a_request_is_accepted() -> None:
    accepting, good = Accepting(identity(SERVER), limits=Limits(handshakes=10**6)), request().octets
    accepting.answer(SecPdu(SecKind.HANDSHAKE_REQ, good), CLIENT, SERVER, NOW)
    dice = random.Random(6)
    for _ in range(1000):
        mutant = bytearray(good)
        for _ in range(dice.choice((1, 1, 1, 2, 5))):
            mutant[dice.randrange(len(mutant))] ^= 1 << dice.randrange(8)
        if dice.random() < 0.2:
            del mutant[dice.randrange(len(mutant)) :]
        if mutant != good:
            refused(accepting, SecPdu(SecKind.HANDSHAKE_REQ, bytes(mutant)))


def test_no_mutant_of_an_answer_is_accepted() -> None:
    calling = Calling(identity(CLIENT), CLIENT, SERVER, NOW)
    good = ACCEPTING.answer(calling.request, CLIENT, SERVER, NOW).answer.octets
    dice = random.Random(7)
    for _ in range(500):
        mutant = bytearray(good)
        mutant[dice.randrange(len(mutant))] ^= 1 << dice.randrange(8)
        with pytest.raises(HandshakeRefused):
            calling.accepted(SecPdu(SecKind.HANDSHAKE_ACC, bytes(mutant)), NOW)


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x80", bytes(70_000), b"\x02\x01\x63"])
def test_what_is_no_handshake(octets: bytes) -> None:
    assert refused(ACCEPTING, SecPdu(SecKind.HANDSHAKE_REQ, octets)).reason is Reason.MALFORMED
    assert wire.diagnostic_of(octets) is HandshakeDiagnostic.NO_REASON_GIVEN


def test_nothing_secret_is_shown() -> None:
    caller, _ = channels()
    shown = repr(caller) + repr(identity(CLIENT)) + repr(request())
    assert "PRIVATE" not in shown
    assert "octets=<" in shown
