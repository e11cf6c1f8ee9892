"""Associations with end-to-end security: who has to have it, what goes without, and what is told to whom."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import LocalError, Malformed, NotReachable
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.common.security.e2e import HandshakeDiagnostic, HandshakeRefused, Limits, Reason, SecKind, SecPdu, Suite
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import connect
from janusgrid.iec61850.acsi.services import GetDataValues, GetServerDirectory
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mms import DIALECTS, encode_xer
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import Envelope, around
from janusgrid.iec61850.scsm82.context import profile as profile_of
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.scsm82.protection import Security, begin, element, sec_pdu
from janusgrid.iec61850.scsm82.server import ServerLimits
from janusgrid.iec61850.server import Server

from tests.common.security.e2e.ends import identity
from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START, until

HZ = ref("MMXU1.Hz.mag.f", "MX")
SERVER = "dg750@plant.test/IEC"


@attrs.define
class Field:
    """A broker, a plant that is served on it, and sessions of whoever is wanted."""

    broker: Broker
    server: Server
    sessions: list[SlixSession] = attrs.Factory(list)

    async def session(self, user: str, resource: str = "IEC") -> SlixSession:
        session = SlixSession(
            f"{user}@plant.test/{resource}", password=user, host=self.broker.host, port=self.broker.port,
            tls=self.broker.ca, allow=lambda peer: True,
        )  # fmt: skip
        await session.open()
        self.sessions.append(session)
        return session

    async def serve(self, security: Security | None, **options: Any) -> SlixSession:
        session = await self.session("dg750")
        self.server.start(session, security=security, **options)
        return session


@pytest_asyncio.fixture
async def field() -> AsyncIterator[Field]:
    async with Broker("plant.test", {user: user for user in ("dg750", "ems", "mallory")}) as broker:
        made = Field(broker, Server(plant(), clock=LockStepClock(START)))
        yield made
        await made.server.close()
        for session in made.sessions:
            await session.close()


def security(jid: str, by: str = "ours", **options: Any) -> Security:
    return Security(identity(jid, by=by), **options)


OURS, THEIRS = security("ems@plant.test"), security("dg750@plant.test")


# --- who has to have it ---------------------------------------------------------------------------------------------


async def test_ten_lines(field: Field) -> None:
    await field.serve(THEIRS)
    async with connect(f"xmpp:{SERVER}", session=await field.session("ems"), security=OURS) as ied:
        assert await ied.read("DG750DER/MMXU1.Hz.mag.f") == 50.0


async def test_a_client_without_is_told_what_it_needs(field: Field) -> None:
    serving = await field.serve(THEIRS)
    with pytest.raises(HandshakeRefused, match="give `security`") as refused:
        await XmppAssociation.open(await field.session("ems"), SERVER)
    assert refused.value.diagnostic is HandshakeDiagnostic.ENCRYPTION_REQUIRED
    assert not field.server.engine.associations
    assert Endpoint.of(serving).refused["e2e-unprotected"] == 1


async def test_a_client_that_requires_it_goes_nowhere_without(field: Field) -> None:
    await field.serve(None)
    with pytest.raises(HandshakeRefused) as refused:
        await XmppAssociation.open(await field.session("ems"), SERVER, security=OURS)
    assert refused.value.diagnostic is HandshakeDiagnostic.ENCRYPTION_NOT_REQUIRED
    assert not field.server.engine.associations


async def test_a_client_that_allows_both_says_that_it_goes_without(
    field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    await field.serve(None)
    session = await field.session("ems")
    association = await XmppAssociation.open(session, SERVER, security=security("ems@plant.test", policy="allowed"))
    assert await association.call(GetDataValues((HZ,))) == (50.0,)
    assert any("e2e-fallback" in record.message and record.levelno >= logging.WARNING for record in caplog.records)


async def test_who_is_not_believed_is_no_reason_to_go_without(field: Field) -> None:
    """A server that has end-to-end security and refuses is not taken without, whatever is allowed."""
    await field.serve(THEIRS)
    other = security("ems@plant.test", by="another", policy="allowed")
    with pytest.raises(HandshakeRefused):
        await XmppAssociation.open(await field.session("ems"), SERVER, security=other)
    assert not field.server.engine.associations


async def test_a_server_that_allows_both(field: Field) -> None:
    await field.serve(security("dg750@plant.test", policy="allowed"))
    session = await field.session("ems")
    plain = await XmppAssociation.open(session, SERVER)
    safe = await XmppAssociation.open(session, SERVER, security=OURS)
    assert await plain.call(GetDataValues((HZ,))) == await safe.call(GetDataValues((HZ,))) == (50.0,)
    assert {each.roles for each in field.server.engine.associations} == {None, frozenset()}


async def test_another_account_than_the_certificate_names(field: Field) -> None:
    await field.serve(THEIRS)
    with pytest.raises(HandshakeRefused) as refused:
        await XmppAssociation.open(await field.session("mallory"), SERVER, security=OURS)
    assert refused.value.reason is None  # the peer says no more than no
    assert refused.value.diagnostic is HandshakeDiagnostic.NO_REASON_GIVEN


async def test_a_handshake_that_has_to_wait_is_not_old(field: Field) -> None:
    """It begins when it is sent: of many at a time, the last ones were refused for their time and began again."""
    clock = LockStepClock(datetime.now(UTC))
    await field.serve(security("dg750@plant.test", clock=clock))
    session = await field.session("ems")
    for _ in range(limit := session._requests.slots._value):
        await session._requests.slots.acquire()
    opening = asyncio.create_task(
        XmppAssociation.open(session, SERVER, security=security("ems@plant.test", clock=clock))
    )
    await asyncio.sleep(0)
    await clock.advance(60)
    for _ in range(limit):
        session._requests.slots.release()
    assert await (await opening).call(GetDataValues((HZ,))) == (50.0,)


async def test_it_is_for_xmpp() -> None:
    with pytest.raises(LocalError, match="give `tls`"):
        await connect("tcp://127.0.0.1", security=OURS)


# --- what goes through ----------------------------------------------------------------------------------------------


class Tap:
    """What an XMPP server between may do: it sees all payloads that a session sends, and may change them."""

    def __init__(self, session: SlixSession, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        self.change: Callable[[str], str] = lambda payload: payload
        request, push = session.request, session.push

        async def requested(to: str, payload: str | Callable[[], str], **options: Any) -> Element | None:
            text = payload if isinstance(payload, str) else payload()
            self.seen.append(text)
            return await request(to, self.change(text), **options)

        async def pushed(to: str, payload: str, **options: Any) -> None:
            self.seen.append(payload)
            await push(to, self.change(payload), **options)

        monkeypatch.setattr(session, "request", requested)
        monkeypatch.setattr(session, "push", pushed)


@pytest.mark.parametrize("suite", Suite)
async def test_what_the_server_between_sees(field: Field, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    await field.serve(security("dg750@plant.test", suites=(suite,)))
    session = await field.session("ems")
    tap = Tap(session, monkeypatch)
    association = await XmppAssociation.open(session, SERVER, security=security("ems@plant.test", suites=(suite,)))
    await association.call(GetDataValues((HZ,)))
    assert len(tap.seen) == 3
    assert all("<MMSpdu" not in payload and "MMXU1" not in payload for payload in tap.seen)
    clear = base64.b64decode(re.findall(r"Transfer>([^<]+)<", tap.seen[-1])[0])
    assert (b"MMXU1$MX$Hz$mag$f" in clear) is (suite is Suite.CLEAR)


async def test_a_request_that_comes_twice_is_taken_once(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = await field.serve(THEIRS)
    session = await field.session("ems")
    tap = Tap(session, monkeypatch)
    association = await XmppAssociation.open(session, SERVER, security=OURS)
    await association.call(GetServerDirectory())
    monkeypatch.undo()
    for payload in tap.seen[1:]:
        with pytest.raises(StanzaRefused) as refused:
            await session.request(SERVER, payload, kind="set")
        assert refused.value.code == "not-acceptable"
        assert "replay" not in str(refused.value)  # the peer does not learn why
    assert Endpoint.of(serving).refused[Reason.REPLAY] == 2
    assert await association.call(GetDataValues((HZ,))) == (50.0,)


async def test_what_is_changed_on_its_way(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    await field.serve(THEIRS)
    session = await field.session("ems")
    tap = Tap(session, monkeypatch)
    association = await XmppAssociation.open(session, SERVER, security=OURS)

    def changed(payload: str) -> str:
        at = payload.index("Transfer>") + 100
        return payload[:at] + ("A" if payload[at] != "A" else "B") + payload[at + 1 :]

    tap.change = changed
    with pytest.raises(StanzaRefused):
        await association.call(GetDataValues((HZ,)))
    tap.change = lambda payload: payload
    assert await association.call(GetDataValues((HZ,))) == (50.0,)


async def test_an_answer_that_is_not_believed(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old answer in the place of a new one is no answer: nobody gets an old value for a new one."""
    await field.serve(THEIRS)
    session = await field.session("ems")
    association = await XmppAssociation.open(session, SERVER, security=OURS)
    request = session.request
    answers: list[Any] = []

    async def requested(to: str, payload: str, **options: Any) -> Element | None:
        answer = await request(to, payload, **options)
        answers.append(answer)
        return answers[0]

    monkeypatch.setattr(session, "request", requested)
    assert await association.call(GetDataValues((HZ,))) == (50.0,)
    with pytest.raises(Malformed) as error:
        await association.call(GetDataValues((HZ,)))
    assert error.value.code == Reason.REPLAY


async def test_a_pdu_without_protection_within(field: Field) -> None:
    await field.serve(THEIRS)
    session = await field.session("ems")
    association = await XmppAssociation.open(session, SERVER, security=OURS)
    bare = around(profile_of("80-3"), association._key[1], "<MMSpdu/>")
    with pytest.raises(StanzaRefused) as refused:
        await session.request(SERVER, bare, kind="get")
    assert refused.value.code == "not-acceptable"


async def test_keys_change_while_the_server_alone_speaks(field: Field) -> None:
    """Reports go one way only; the client then sends an empty PDU to have the keys changed."""
    few = Limits(rekey_pdus=20)
    await field.serve(security("dg750@plant.test", limits=few))
    session = await field.session("ems")
    async with connect(f"xmpp:{SERVER}", session=session, security=security("ems@plant.test", limits=few)) as ied:
        channel = ied.association._envelope.security._channel  # type: ignore[attr-defined]
        async with ied.report(f"{LD}/LLN0.urcbMeas") as reports:
            before = channel.epoch
            for number in range(100):
                field.server.update(f"{LD}/MMXU1.Hz", 51.0 + number)
                await anext(reports)
            assert channel.epoch >= before + 3


async def answered(session: SlixSession, content: str, id: str = "1") -> str:
    """Return the kind of the PDU that answers to a content, or the condition of the stanza error."""
    try:
        answer = await session.request(SERVER, around(profile_of("80-3"), id, content), kind="set")
    except StanzaRefused as refused:
        return refused.code or ""
    pdu = sec_pdu(answer[0]) if answer is not None else None
    return pdu.kind if pdu else ""


# --- how it ends ----------------------------------------------------------------------------------------------------


async def test_the_server_learns_of_an_abort(field: Field) -> None:
    await field.serve(THEIRS)
    association = await XmppAssociation.open(await field.session("ems"), SERVER, security=OURS)
    await association.abort()
    await until(lambda: not field.server.engine.associations)


async def test_the_client_learns_of_an_abort(field: Field) -> None:
    await field.serve(THEIRS)
    association = await XmppAssociation.open(await field.session("ems"), SERVER, security=OURS)
    ends: list[str] = []
    association.on_end(ends.append)
    await field.server.close()
    await until(lambda: bool(ends))
    assert "aborted by the server" in ends[0]
    with pytest.raises(NotReachable):
        await association.call(GetServerDirectory())


async def test_nobody_else_can_abort(field: Field) -> None:
    await field.serve(THEIRS)
    session, mallory = await field.session("ems"), await field.session("mallory")
    association = await XmppAssociation.open(session, SERVER, security=OURS)
    own = await XmppAssociation.open(mallory, SERVER, security=security("mallory@plant.test"))
    theirs = own._envelope.abort()
    assert theirs is not None
    forged = theirs.replace(f'id="{own._key[1]}"', f'id="{association._key[1]}"')
    await mallory.push(SERVER, forged, kind="chat")
    await session.push(SERVER, forged, kind="chat")
    assert await association.call(GetDataValues((HZ,))) == (50.0,)


async def test_a_session_without_an_association_does_not_stay(field: Field) -> None:
    serving = await field.serve(THEIRS, limits=ServerLimits(answer=0.05, per_account=2))
    session = await field.session("ems")
    for id in ("1", "2", "3"):
        request = around(profile_of("80-3"), id, begin(OURS, session.jid, SERVER)[1])
        if id == "3":
            with pytest.raises(StanzaRefused) as refused:
                await session.request(SERVER, request, kind="set")
            assert refused.value.code == "resource-constraint"
        else:
            await session.request(SERVER, request, kind="set")
    await until(lambda: Endpoint.of(serving).count(session.jid) == 0)
    assert await (await XmppAssociation.open(session, SERVER, security=OURS)).call(GetDataValues((HZ,))) == (50.0,)


async def test_a_client_that_begins_anew(field: Field) -> None:
    """Who lost its association opens another under the same number; nobody else ends the one before by that."""
    await field.serve(THEIRS)
    session = await field.session("ems")
    association = await XmppAssociation.open(session, SERVER, security=OURS)
    id = association._key[1]
    stolen = begin(security("ems@plant.test", by="another"), session.jid, SERVER)[1]
    assert await answered(session, stolen, id) is SecKind.HANDSHAKE_REJECT
    assert await association.call(GetDataValues((HZ,))) == (50.0,)
    beginning, request = begin(OURS, session.jid, SERVER)
    answer = await session.request(SERVER, around(profile_of("80-3"), id, request), kind="set")
    assert answer is not None
    assert await association.call(GetDataValues((HZ,))) == (50.0,), "a handshake may be an old one: it ends nothing"
    (before,) = field.server.engine.associations
    envelope = Envelope(profile_of("80-3"), id, beginning.finish(answer[0]))
    initiate_pdu = encode_xer(initiate.request(initiate.Limits()), DIALECTS["80-3"])
    assert await session.request(SERVER, envelope.wrap(initiate_pdu), kind="set") is not None
    (after,) = field.server.engine.associations
    assert (before.ended, after.ended) == (True, False)


@pytest.mark.parametrize("opened", [True, False])
async def test_a_handshake_that_leads_to_nothing_ends_nothing(field: Field, opened: bool) -> None:
    """Once it has had its time, all is as before; if the association has ended meanwhile, it stays ended."""
    await field.serve(THEIRS, limits=ServerLimits(answer=0.1))
    session = await field.session("ems")
    association = await XmppAssociation.open(session, SERVER, security=OURS)
    key = (session.jid, association._key[1])
    endpoint = Endpoint.of(field.sessions[0])
    there = endpoint.serving(key)
    for _ in range(2):
        assert await answered(session, begin(OURS, session.jid, SERVER)[1], key[1]) is SecKind.HANDSHAKE_ACC
    if not opened:
        await association.release()
    await until(lambda: endpoint.serving(key) is (there if opened else None))
    assert bool(field.server.engine.associations) is opened
    if opened:
        assert await association.call(GetDataValues((HZ,))) == (50.0,)


@pytest.mark.parametrize(
    "content",
    [
        '<Security xmlns="urn:janusgrid:e2e:1"/>',
        '<Security xmlns="urn:janusgrid:e2e:1"><HandshakeReq/></Security>',
        '<Security xmlns="urn:janusgrid:e2e:1"><HandshakeReq>%%%</HandshakeReq></Security>',
        '<Security xmlns="urn:janusgrid:e2e:1"><HandshakeReq><b/></HandshakeReq></Security>',
        element(SecPdu(SecKind.HANDSHAKE_REQ, b"0" * 40_000)),
        element(SecPdu(SecKind.HANDSHAKE_ACC, b"")),
        element(SecPdu(SecKind.ENCR_TRANSFER, bytes(100))),
    ],
)
async def test_what_is_no_handshake(field: Field, content: str) -> None:
    await field.serve(THEIRS)
    session = await field.session("ems")
    assert await answered(session, content) in (
        SecKind.HANDSHAKE_REJECT, "not-acceptable", "bad-request", "item-not-found",
    )  # fmt: skip
    assert not field.server.engine.associations


async def test_clocks_that_differ(field: Field) -> None:
    class Slow:
        def now(self) -> Any:
            return OURS.clock.now() - timedelta(minutes=1)

    await field.serve(THEIRS)
    with pytest.raises(HandshakeRefused):
        await XmppAssociation.open(
            await field.session("ems"),
            SERVER,
            security=attrs.evolve(OURS, clock=Slow()),  # type: ignore[arg-type]
        )


# --- who is not believed any more -------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["ems", "dg750"])
async def test_who_is_revoked_has_no_association_any_more(
    field: Field, tmp_path: Path, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that is open: the list is read again when it has changed, and the other end is told."""
    monkeypatch.setattr(Endpoint, "doubting", 0.02)
    authority = Authority.make(tmp_path)
    issued = {user: authority.issue(user, addresses=[f"{user}@plant.test"]) for user in ("ems", "dg750")}
    revoked = authority.revoke()
    ends = {
        user: Security.of(Credentials(one.certificate, one.key, one.authority, revoked)) for user, one in issued.items()
    }
    sessions = {"dg750": await field.serve(ends["dg750"]), "ems": await field.session("ems")}
    association = await XmppAssociation.open(sessions["ems"], SERVER, security=ends["ems"])
    ended: list[str] = []
    association.on_end(ended.append)
    await asyncio.sleep(0.1)
    assert await association.call(GetDataValues((HZ,))) == (50.0,)
    authority.revoke(issued[whose].certificate)
    await until(lambda: bool(ended) and not field.server.engine.associations)
    other = "dg750" if whose == "ems" else "ems"
    assert Endpoint.of(sessions[other]).refused[Reason.CERTIFICATE] >= 1
    assert "revoked" in ended[0] or "aborted by the server" in ended[0]
    with pytest.raises(HandshakeRefused):
        await XmppAssociation.open(sessions["ems"], SERVER, security=ends["ems"])
