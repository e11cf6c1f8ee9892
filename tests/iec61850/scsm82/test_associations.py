"""Associations over XMPP: whose they are, how they begin and end, and what comes that should not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from xml.etree.ElementTree import Element, tostring

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import LocalError, NotReachable
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.link import Patience
from janusgrid.common.xmpp.session import StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.acsi.services import (
    GetDataValues,
    GetLogicalDeviceDirectory,
    GetRCBValues,
    GetServerDirectory,
    Report,
    SetRCBValues,
)
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mms import DIALECTS, decode_xer, encode_xer, pdu
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import around
from janusgrid.iec61850.scsm82.context import profile as profile_of
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.scsm82.presence import returned
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.scsm82.server import ServerLimits, XmppServer
from janusgrid.iec61850.server import Server

from tests.common.security.e2e.ends import identity
from tests.iec61850.plant import LD, NODES, plant, ref
from tests.iec61850.wires import START, until

PATIENCE = Patience(connect=10.0, backoff=Backoff(base=0.05, cap=0.2))
HZ = ref("MMXU1.Hz.mag.f", "MX")
BLOCK = ref("LLN0.urcbMeas01", "RP")


@attrs.define
class World:
    """A broker, a plant that is served on it, and sessions of whoever is wanted."""

    broker: Broker
    server: Server
    serving: SlixSession
    sessions: list[SlixSession] = attrs.Factory(list)

    async def session(self, jid: str, **options: Any) -> SlixSession:
        user = jid.partition("@")[0]
        full = jid if "/" in jid else f"{jid}@plant.test/IEC"
        session = SlixSession(
            full, password=user.partition("/")[0], host=self.broker.host, port=self.broker.port, tls=self.broker.ca,
            patience=PATIENCE, allow=lambda peer: True, **options,
        )  # fmt: skip
        await session.open()
        self.sessions.append(session)
        return session

    async def associate(self, session: SlixSession, **options: Any) -> XmppAssociation:
        return await XmppAssociation.open(session, self.serving.jid, **options)

    async def ask(self, session: SlixSession, payload: str, kind: Any = "get") -> Element | None:
        return await session.request(self.serving.jid, payload, kind=kind)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    users = {user: user for user in ("dg750", "ems", "mallory")}
    async with Broker("plant.test", users) as broker:
        made = World(broker, Server(plant(), clock=LockStepClock(START)), None)  # type: ignore[arg-type]
        made.serving = await made.session("dg750")
        made.server.start(made.serving)
        yield made
        await made.server.close()
        for session in made.sessions:
            await session.close()


def context(id: object, message: pdu.MMSpdu, dialect: str = "80-3") -> str:
    return around(profile_of(dialect), str(id), encode_xer(message, DIALECTS[dialect]))


def reading(invoke_id: int = 1) -> pdu.MMSpdu:
    variable = pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific(LD, "MMXU1$MX$Hz$mag$f"))))
    request = pdu.ReadRequest(("listOfVariable", [variable]))
    return ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(invoke_id, ("read", request)))


def opened(answer: Element | None, dialect: str = "80-3") -> tuple[str, pdu.MMSpdu]:
    """Return identifier and PDU of an answer."""
    assert answer is not None
    return answer.get("id", ""), decode_xer(answer[0], DIALECTS[dialect])


PROPOSAL = initiate.request(initiate.Limits())


# --- whose an association is -----------------------------------------------------------------------------------------


async def test_an_identifier_is_worth_nothing_to_anybody_else(world: World) -> None:
    ems, second = await world.session("ems"), await world.session("ems@plant.test/second")
    mallory = await world.session("mallory")
    association = await world.associate(ems)
    id = association._key[1]
    for thief in (mallory, second):
        for payload, kind in (
            (context(id, reading()), "get"),
            (context(id, ("conclude-RequestPDU", None)), "set"),
            (context(id, ("cancel-RequestPDU", 1)), "get"),
        ):
            with pytest.raises(StanzaRefused) as refused:
                await world.ask(thief, payload, kind)
            assert refused.value.code == "item-not-found"
        await thief.push(world.serving.jid, context(id, reading()), kind="chat")
        await world.ask(thief, context(id, PROPOSAL), "set")  # the same number, but an association of its own
    assert await association.call(GetDataValues((HZ,))) == (50.0,)
    assert len(world.server.engine.associations) == 3


async def test_what_the_client_did_not_open_it_does_not_take(world: World) -> None:
    ems, mallory = await world.session("ems"), await world.session("mallory")
    association = await world.associate(ems)
    heard: list[object] = []
    association.on_notification(heard.append)
    results: Any = [
        ("success", ("visible-string", "forged")), ("success", ("bit-string", (0, 10))),
        ("success", ("bit-string", (0, 1))),
    ]  # fmt: skip
    report = pdu.InformationReport(("variableListName", ("vmd-specific", "RPT")), results)
    forged = context(association._key[1], ("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", report))))
    await mallory.push(ems.jid, forged, kind="chat")
    await world.serving.push(ems.jid, forged.replace(f'id="{association._key[1]}"', 'id="1000"'), kind="chat")
    await asyncio.sleep(0.05)
    assert heard == []
    for kind in ("chat", "normal"):  # the TR writes chat, the edition of 2018 normal: both are read
        await world.serving.push(ems.jid, forged, kind=kind)  # type: ignore[arg-type]
    await until(lambda: len(heard) == 2)
    with pytest.raises(StanzaRefused) as refused:
        await world.serving.request(ems.jid, context(association._key[1], reading()), kind="get")
    assert refused.value.code == "service-unavailable"


async def test_many_associations_between_the_same_two(world: World) -> None:
    ems = await world.session("ems")
    associations = [await world.associate(ems) for _ in range(5)]
    assert len({association._key for association in associations}) == 5
    assert await asyncio.gather(*(a.call(GetDataValues((HZ,))) for a in associations)) == [(50.0,)] * 5
    heard: dict[int, list[object]] = {n: [] for n in range(5)}
    for number, association in enumerate(associations):
        association.on_notification(heard[number].append)
    await associations[3].call(SetRCBValues(BLOCK, (("RptEna", True),)))
    world.server.update("DG750DER/MMXU1.TotW", 1.0)
    await until(lambda: bool(heard[3]))
    assert [len(reports) for reports in heard.values()] == [0, 0, 0, 1, 0]


async def test_who_begins_anew_takes_the_place_of_what_it_lost(world: World) -> None:
    ems = await world.session("ems")
    for _ in range(30):  # more than an account may have
        id, answer = opened(await world.ask(ems, context(7, PROPOSAL), "set"))
        assert (id, answer[0]) == ("7", "initiate-ResponsePDU")
    assert len(world.server.engine.associations) == 1


async def test_an_account_has_a_limit_over_all_its_resources(world: World) -> None:
    ems, second = await world.session("ems"), await world.session("ems@plant.test/second")
    for _ in range(ServerLimits().per_account // 2):
        await world.associate(ems)
        await world.associate(second)
    with pytest.raises(StanzaRefused) as refused:
        await world.associate(second)
    assert refused.value.code == "resource-constraint"
    await world.associate(await world.session("mallory"))


async def test_the_server_has_a_limit_in_all(world: World) -> None:
    world.server.engine._max_associations = 2
    ems = await world.session("ems")
    await world.associate(ems)
    await world.associate(ems)
    with pytest.raises(StanzaRefused) as refused:
        await world.associate(ems)
    assert refused.value.code == "resource-constraint"


async def cancelled_when_it_is_there(world: World, connecting: asyncio.Task[Any]) -> None:
    """Cancel a client that connects as soon as the server has its association, which the client does not know yet."""
    host = world.server.host
    associate = host.associate

    def associated(*arguments: Any, **options: Any) -> Any:
        connecting.cancel()
        return associate(*arguments, **options)

    host.associate = associated  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await connecting
    host.associate = associate  # type: ignore[method-assign]
    assert len(world.server.engine.associations) == 1


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "secured"])
async def test_who_is_cancelled_while_it_connects_leaves_nothing_behind(world: World, secured: bool) -> None:
    ems, options = await world.session("ems"), {}
    if secured:
        options["security"] = Security(identity("ems@plant.test"))
        await world.server.close()
        world.server = Server(plant(), clock=LockStepClock(START))
        world.server.start(world.serving, security=Security(identity("dg750@plant.test")))
    connecting = asyncio.ensure_future(world.associate(ems, **options))
    await cancelled_when_it_is_there(world, connecting)
    await until(lambda: not world.server.engine.associations)
    association = await world.associate(ems, **options)
    assert await association.call(GetDataValues((HZ,))) == (50.0,)


# --- the beginning ---------------------------------------------------------------------------------------------------


async def test_halves_of_the_identifier_in_the_edition_of_2018(world: World) -> None:
    ems = await world.session("ems")
    id, answer = opened(await world.ask(ems, context(12, PROPOSAL, "2018"), "set"), "2018")
    assert answer[0] == "initiate-ResponsePDU"
    caller, colon, called = id.partition(":")
    assert (caller, colon) == ("12", ":")
    assert called.isdecimal()
    with pytest.raises(StanzaRefused):
        await world.ask(ems, context(12, reading(), "2018"))
    _, found = opened(await world.ask(ems, context(id, reading(), "2018")), "2018")
    assert found[0] == "confirmed-ResponsePDU"


def proposal(**changes: Any) -> pdu.MMSpdu:
    made = initiate.request(initiate.Limits())[1]
    assert isinstance(made, pdu.InitiateRequestPDU)
    detail = {name: changes.pop(name) for name in tuple(changes) if hasattr(made.init_request_detail, name)}
    changed = attrs.evolve(made, init_request_detail=attrs.evolve(made.init_request_detail, **detail), **changes)
    return ("initiate-RequestPDU", changed)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"proposed_version_number": 0}, pdu.InitiateError.VERSION_INCOMPATIBLE),
        ({"proposed_parameter_cbb": (0, 11)}, pdu.InitiateError.PARAMETER_CBB_INSUFFICIENT),
        ({"proposed_parameter_cbb": (1 << 10, 11)}, pdu.InitiateError.PARAMETER_CBB_INSUFFICIENT),
        ({"local_detail_calling": 100}, pdu.InitiateError.MAX_SEGMENT_INSUFFICIENT),
        ({"local_detail_calling": -1}, pdu.InitiateError.MAX_SEGMENT_INSUFFICIENT),
        ({"proposed_data_structure_nesting_level": 2}, pdu.InitiateError.NESTING_LEVEL_INSUFFICIENT),
        (
            {"proposed_max_serv_outstanding_calling": 0},
            pdu.InitiateError.MAX_SERVICES_OUTSTANDING_CALLING_INSUFFICIENT,
        ),
    ],
    ids=str,
)
async def test_proposals_that_are_not_enough(world: World, changes: Any, error: pdu.InitiateError) -> None:
    ems = await world.session("ems")
    _, answer = opened(await world.ask(ems, context(1, proposal(**changes)), "set"))
    assert answer == ("initiate-ErrorPDU", pdu.ServiceError(("initiate", int(error))))
    assert not world.server.engine.associations


async def test_less_is_settled_than_proposed(world: World) -> None:
    ems = await world.session("ems")
    wanted = proposal(local_detail_calling=9000, proposed_max_serv_outstanding_calling=3)
    _, answer = opened(await world.ask(ems, context(1, wanted), "set"))
    assert isinstance(answer[1], pdu.InitiateResponsePDU)
    assert (answer[1].local_detail_called, answer[1].negotiated_max_serv_outstanding_calling) == (9000, 3)
    open_handed = proposal(local_detail_calling=None, proposed_data_structure_nesting_level=None)
    _, answer = opened(await world.ask(ems, context(2, open_handed), "set"))
    assert isinstance(answer[1], pdu.InitiateResponsePDU)
    assert (answer[1].local_detail_called, answer[1].negotiated_data_structure_nesting_level) == (65_000, 10)


async def test_an_association_is_opened_by_a_set(world: World) -> None:
    ems = await world.session("ems")
    with pytest.raises(StanzaRefused) as refused:
        await world.ask(ems, context(1, PROPOSAL), "get")
    assert refused.value.code == "bad-request"


async def test_nobody_is_there_to_associate_with(world: World) -> None:
    ems, mallory = await world.session("ems"), await world.session("mallory")
    with pytest.raises(NotReachable):
        await XmppAssociation.open(ems, "nobody@plant.test/IEC")
    with pytest.raises(NotReachable):
        await XmppAssociation.open(ems, mallory.jid)
    Endpoint.of(mallory)  # it speaks IEC 61850, but serves nothing
    with pytest.raises(NotReachable):
        await XmppAssociation.open(ems, mallory.jid)
    with pytest.raises(LocalError):
        await XmppAssociation.open(ems, world.serving.jid, dialect="1999")


async def test_one_session_is_one_server_and_any_number_of_clients(world: World) -> None:
    with pytest.raises(LocalError):
        world.server.start(world.serving)
    other = Server(plant(), clock=LockStepClock(START))
    ems = await world.session("ems")
    other.start(ems)
    there, back = await world.associate(ems), await XmppAssociation.open(world.serving, ems.jid)
    assert await there.call(GetServerDirectory()) == await back.call(GetServerDirectory()) == (LD,)
    await other.close()
    with pytest.raises(NotReachable):
        await back.call(GetServerDirectory())
    assert await there.call(GetServerDirectory()) == (LD,)


# --- what comes that should not --------------------------------------------------------------------------------------

NS = DIALECTS["80-3"].namespace
BROKEN = [
    "<MMSpdu/>",
    "<MMSpdu>text</MMSpdu>",
    "<nonsense/>",
    "<MMSpdu><confirmed-RequestPDU/></MMSpdu>",
    "<MMSpdu><confirmed-RequestPDU><invokeID>7</invokeID></confirmed-RequestPDU></MMSpdu>",
    "<MMSpdu><confirmed-RequestPDU><invokeID>x</invokeID><ConfirmedServiceRequest><identify/></ConfirmedServiceRequest>"
    "</confirmed-RequestPDU></MMSpdu>",
    "<MMSpdu><confirmed-RequestPDU><invokeID>7</invokeID><ConfirmedServiceRequest><haveLunch/>"
    "</ConfirmedServiceRequest></confirmed-RequestPDU></MMSpdu>",
    "<MMSpdu><confirmed-RequestPDU><invokeID>7</invokeID><ConfirmedServiceRequest><read><listOfVariable/></read>"
    "</ConfirmedServiceRequest></confirmed-RequestPDU></MMSpdu>",
    "<MMSpdu><initiate-ResponsePDU/></MMSpdu>",
    "<MMSpdu><confirmed-RequestPDU/><confirmed-RequestPDU/></MMSpdu>",
    '<MMSpdu xmlns="urn:other"><confirmed-RequestPDU/></MMSpdu>',
]


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_pdu_that_is_none_is_rejected_and_the_association_goes_on(world: World, broken: str) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems)
    id = association._key[1]
    text = f'<AssociationContext xmlns="{NS}" id="{id}">{broken}</AssociationContext>'
    answered, answer = opened(await world.ask(ems, text))
    assert answered == id
    assert answer[0] == "rejectPDU"
    assert isinstance(answer[1], pdu.RejectPDU)
    assert answer[1].reject_reason == ("pdu-error", pdu.PduError.INVALID_PDU)
    assert answer[1].original_invoke_id == (7 if ">7<" in broken else None)
    assert await association.call(GetDataValues((HZ,))) == (50.0,)


async def test_in_the_edition_of_2018_a_reject_goes_by_itself(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems, dialect="2018")
    ns = DIALECTS["2018"].namespace
    heard: list[str] = []

    async def hear(incoming: Any) -> None:
        heard.append(tostring(incoming.payload, "unicode"))

    ems.unhandle(f"{{{ns}}}AssociationContext")
    ems.handle(f"{{{ns}}}AssociationContext", hear, kinds=("normal",))
    text = f'<AssociationContext xmlns="{ns}" id="{association._key[1]}"><nonsense/></AssociationContext>'
    assert await world.ask(ems, text) is None
    await until(lambda: len(heard) == 1)
    assert "rejectPDU" in heard[0]


@pytest.mark.parametrize("dialect", ["80-3", "2018"])
async def test_the_client_takes_a_reject_on_either_way(world: World, dialect: str) -> None:
    association = await world.associate(await world.session("ems"), dialect=dialect)
    service: Any = ("fileOpen", pdu.FileOpenRequest(["x"], 0))
    answer = await association.exchange(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(5, service)))
    reason = ("confirmed-requestPDU", pdu.ConfirmedRequestReject.UNRECOGNIZED_SERVICE)
    assert answer == ("rejectPDU", pdu.RejectPDU(reason, 5))  # type: ignore[arg-type]
    assert not association._rejects
    assert await association.call(GetDataValues((HZ,))) == (50.0,)


@pytest.mark.parametrize(
    "text",
    [
        f'<AssociationContext xmlns="{NS}"><MMSpdu/></AssociationContext>',
        f'<AssociationContext xmlns="{NS}" id=""><MMSpdu/></AssociationContext>',
        f'<AssociationContext xmlns="{NS}" id="a"><MMSpdu/></AssociationContext>',
        f'<AssociationContext xmlns="{NS}" id="-1"><MMSpdu/></AssociationContext>',
        f'<AssociationContext xmlns="{NS}" id="1:2:3"><MMSpdu/></AssociationContext>',
        f'<AssociationContext xmlns="{NS}" id="{"9" * 50}"><MMSpdu/></AssociationContext>',
        f'<AssociationContext xmlns="{NS}" id="١٢"><MMSpdu/></AssociationContext>',
        f'<AssociationContext xmlns="{NS}" id="1"/>',
        f'<AssociationContext xmlns="{NS}" id="1"><MMSpdu/><MMSpdu/></AssociationContext>',
        f'<AssociationContext xmlns="{NS}" id="1"><Security><secret/><MMSpdu/></Security></AssociationContext>',
    ],
)
async def test_a_context_that_is_none_is_a_bad_request(world: World, text: str) -> None:
    ems = await world.session("ems")
    with pytest.raises(StanzaRefused) as refused:
        await world.ask(ems, text)
    assert refused.value.code == "bad-request"


async def test_a_context_without_a_namespace_and_with_the_security_element_of_the_tr(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems)
    pdu_text = encode_xer(reading(3))
    for inner in (pdu_text, f"<Security>{pdu_text}</Security>"):
        answer = await world.ask(ems, f'<AssociationContext id="{association._key[1]}">{inner}</AssociationContext>')
        assert opened(answer)[1][0] == "confirmed-ResponsePDU"


async def test_an_initiate_that_is_none(world: World) -> None:
    ems = await world.session("ems")
    text = f'<AssociationContext xmlns="{NS}" id="1"><MMSpdu><initiate-RequestPDU/></MMSpdu></AssociationContext>'
    _, answer = opened(await world.ask(ems, text, "set"))
    assert answer[0] == "rejectPDU"
    assert not world.server.engine.associations


async def test_what_changes_something_is_no_get(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems)
    write: Any = ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, ("write", pdu.WriteRequest(
        ("listOfVariable", [pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific(LD, "x"))))]),
        [("boolean", True)],
    ))))  # fmt: skip
    with pytest.raises(StanzaRefused) as refused:
        await world.ask(ems, context(association._key[1], write), "get")
    assert refused.value.code == "bad-request"
    _, answer = opened(await world.ask(ems, context(association._key[1], reading()), "set"))
    assert answer[0] == "confirmed-ResponsePDU", "reading by a set does no harm"


async def test_deep_and_large_stanzas_do_not_reach_the_decoder(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems)
    id = association._key[1]
    deep = "<a>" * 40 + "</a>" * 40
    text = f'<AssociationContext xmlns="{NS}" id="{id}"><MMSpdu>{deep}</MMSpdu></AssociationContext>'
    _, answer = opened(await world.ask(ems, text))
    assert answer[0] == "rejectPDU"
    with pytest.raises(StanzaRefused) as refused:
        await world.ask(ems, text.replace(deep, "<a>" * 100 + "</a>" * 100))
    assert refused.value.code == "policy-violation"
    assert await association.call(GetDataValues((HZ,))) == (50.0,)


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_release_is_agreed_on_by_both(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems)
    await association.call(SetRCBValues(BLOCK, (("RptEna", True),)))
    await association.release()
    assert not world.server.engine.associations
    with pytest.raises(StanzaRefused):
        await world.ask(ems, context(association._key[1], reading()))


async def test_absence_of_the_client_aborts_and_frees_what_it_had(world: World) -> None:
    ems, second = await world.session("ems"), await world.session("mallory")
    lost, other = await world.associate(ems), await world.associate(second)
    await lost.call(SetRCBValues(BLOCK, (("RptEna", True),)))
    assert (await other.call(GetRCBValues(BLOCK)))["RptEna"] is True
    await until(lambda: world.serving.available(ems.jid))
    await ems.close()
    await until(lambda: len(world.server.engine.associations) == 1)
    found = await other.call(GetRCBValues(BLOCK))
    assert (found["RptEna"], found["Resv"]) == (False, False)


async def test_absence_of_the_server_aborts(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems)
    ends: list[str] = []
    association.on_end(ends.append)
    await until(lambda: ems.available(world.serving.jid))
    await world.serving.close()
    await until(lambda: len(ends) == 1)
    assert ends[0].startswith("lost")
    with pytest.raises(NotReachable):
        await association.call(GetServerDirectory())


async def test_a_server_that_forgot_the_association_ends_it(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems)
    ends: list[str] = []
    association.on_end(ends.append)
    Endpoint.of(world.serving).drop((ems.jid, association._key[1]), "test")
    with pytest.raises(NotReachable):
        await association.call(GetServerDirectory())
    assert len(ends) == 1
    assert await (await world.associate(ems)).call(GetServerDirectory()) == (LD,)


async def test_a_peer_without_presence_is_pinged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endpoint, "keep_alive", 0.05)
    ems = await world.session("ems")
    await world.associate(ems)
    monkeypatch.setattr(type(world.serving), "available", lambda self, jid: False)
    await asyncio.sleep(0.3)
    assert len(world.server.engine.associations) == 1, "it answers"

    async def silent(self: object, jid: str, *, timeout: float = 5.0) -> bool:
        return False

    monkeypatch.setattr(type(world.serving), "ping", silent)
    await until(lambda: not world.server.engine.associations)


async def test_a_new_session_of_ours_knows_no_association(world: World) -> None:
    ems = await world.session("ems", resume=False)
    association = await world.associate(ems)
    ends: list[str] = []
    association.on_end(ends.append)
    await world.broker.kill()
    await world.broker.start()
    await until(lambda: len(ends) == 1 and ems.connected and world.serving.connected, 30)
    await until(lambda: not world.server.engine.associations)
    async with asyncio.timeout(10):
        while True:
            try:
                again = await world.associate(ems)
                break
            except NotReachable:  # the server may come back a moment later
                await asyncio.sleep(0.05)
    assert await again.call(GetDataValues((HZ,))) == (50.0,)


@pytest.mark.parametrize("late", ["dg750", "ems"])
async def test_what_begins_before_a_new_session_is_quite_up_goes_on(
    world: World, late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session is reached, and reaches others, while it still asks for its roster."""
    ems = await world.session("ems")
    lost = await world.associate(ems)
    session = ems if late == "ems" else world.serving
    enter, held = session._enter, asyncio.Event()

    async def slowly() -> None:
        await held.wait()
        await enter()

    monkeypatch.setattr(session._link, "_welcome", slowly)
    links: list[str] = []
    session.on_link(links.append)
    await world.broker.kill()
    await world.broker.start()
    await until(lambda: ems.statistics.sessions == world.serving.statistics.sessions == 2, 30)
    await until(lambda: ems.connected and world.serving.connected)
    with pytest.raises(NotReachable):
        await lost.call(GetServerDirectory())
    again = await world.associate(ems)
    assert links == ["down", "lost"]
    held.set()
    await until(lambda: links == ["down", "lost", "up"])
    assert await again.call(GetDataValues((HZ,))) == (50.0,)
    assert [association.peer for association in world.server.engine.associations] == [ems.jid]


async def test_a_server_that_comes_back_is_noticed(world: World) -> None:
    ems = await world.session("ems")
    await world.associate(ems)
    await until(lambda: ems.available(world.serving.jid))
    waiting = asyncio.ensure_future(returned(ems, "dg750@plant.test"))
    await world.serving.close()
    await asyncio.sleep(0.05)
    assert not waiting.done()
    again = await world.session("dg750")
    await asyncio.wait_for(waiting, 5)
    assert again.connected


async def test_reports_wait_for_nobody_for_ever(world: World) -> None:
    ems = await world.session("ems")
    await world.server.close()
    await world.serving.close()
    serving = await world.session("dg750")
    server = Server(plant(), clock=LockStepClock(START))
    XmppServer(server.host, serving, limits=ServerLimits(backlog=10))
    association = await XmppAssociation.open(ems, serving.jid)
    await association.call(SetRCBValues(BLOCK, (("RptEna", True),)))
    for number in range(20):  # at once: nothing is sent in between
        server.update("DG750DER/MMXU1.TotW", float(number))
    assert not server.engine.associations
    await server.close()


async def test_reports_keep_their_order(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems)
    heard: list[Report] = []
    association.on_notification(heard.append)  # type: ignore[arg-type]
    await association.call(SetRCBValues(BLOCK, (("RptEna", True),)))
    for number in range(200):
        world.server.update("DG750DER/MMXU1.TotW", float(number))
        if number % 7 == 0:
            await asyncio.sleep(0)
    await until(lambda: len(heard) == 200)
    assert [report.sequence for report in heard] == list(range(200))


# --- sizes on a real wire --------------------------------------------------------------------------------------------


async def test_small_pdus_over_a_real_wire(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems, limits=initiate.Limits(pdu_size=3000))
    assert association.parameters.pdu_size == 3000
    assert await association.call(GetLogicalDeviceDirectory(LD)) == NODES
    assert await association.call(GetDataValues((HZ,) * 100)) == (50.0,) * 100


async def test_no_more_requests_at_once_than_agreed(world: World) -> None:
    ems = await world.session("ems")
    association = await world.associate(ems, limits=initiate.Limits(outstanding=2))
    assert association.parameters.calling == 2
    found = await asyncio.gather(*(association.call(GetDataValues((HZ,))) for _ in range(50)))
    assert found == [(50.0,)] * 50
