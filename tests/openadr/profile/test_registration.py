"""EiRegisterParty and oadrPoll, noun by noun, through the facades of both roles; sending again."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.core.shelf import Change
from janusgrid.openadr.core.vtn import VtnCore
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import (
    CanceledPartyRegistration,
    CancelPartyRegistration,
    CancelReport,
    CreatedEvent,
    CreatedPartyRegistration,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    EiTarget,
    Message,
    OptType,
    Poll,
    ProfileName,
    QueryRegistration,
    RegisterReport,
    RequestEvent,
    RequestReregistration,
    Response,
    TransportName,
    UpdateReport,
)
from janusgrid.openadr.ven import DataPoint, Joined, Left, Offer, Rejected, Retry, TelemetryPlan
from janusgrid.openadr.vtn import Deregistered, Party, Registered

from .line import VTN, Pair, Said, a_pair

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
OFFER = Offer("usage", "TELEMETRY_USAGE", (DataPoint("p"),))
READ: dict[str, Any] = {"offers": [OFFER], "read": lambda r_ids: dict.fromkeys(r_ids, 1.0)}


def kinds(pair: Pair) -> list[str]:
    """Return what was said, in order, without polls that brought nothing."""
    said = [type(each.message).__name__ for each in pair.line.said]
    return [name for name in said if name not in ("Poll", "Response")]


async def test_a_ven_registers_in_the_order_of_the_profile(pair: Pair) -> None:
    _, ven = await pair.both(vtn={"plan": TelemetryPlan(names=()), **READ}, **READ)
    await pair.let(30)
    assert kinds(pair)[:10] == [
        "QueryRegistration", "CreatedPartyRegistration", "CreatePartyRegistration", "CreatedPartyRegistration",
        "RegisterReport", "RegisteredReport", "RequestEvent", "DistributeEvent", "RegisterReport", "RegisteredReport",
    ]  # fmt: skip
    (created,) = pair.line.of(CreatePartyRegistration)
    assert (created.ven_id, created.registration_id, created.http_pull_model) == (None, None, pair.polls)
    query, answer = pair.line.of(CreatedPartyRegistration)
    assert (query.ven_id, query.registration_id) == (None, None)
    assert [(each.profile_name, each.transports) for each in query.profiles] == [
        (ProfileName.PROFILE_2_0B, (TransportName.SIMPLE_HTTP,))
    ]
    assert (answer.ven_id, answer.vtn_id) == (ven.ven_id, "VTN1")
    assert (answer.requested_oadr_poll_freq is not None) is pair.polls
    assert ven.registered


async def test_who_asks_is_told_how_it_is_registered_and_nobody_else(pair: Pair) -> None:
    vtn, ven = await pair.both()
    answers = [await vtn.receive(who, QueryRegistration(request_id="Q")) for who in ("site", "mill")]
    assert all(isinstance(answer, CreatedPartyRegistration) for answer in answers)
    known = vtn.ven("site")
    assert [(each.ven_id, each.registration_id) for each in answers] == [  # type: ignore[attr-defined]
        (ven.ven_id, known.registration_id), (None, None),
    ]  # fmt: skip
    assert vtn.vens == (known,)


async def test_a_registration_is_renewed_under_its_ids(pair: Pair) -> None:
    vtn, ven = await pair.both(**READ)
    told: list[Registered | Joined] = []
    vtn.listen(Registered, told.append)
    ven.listen(Joined, told.append)
    ids = (ven.ven_id, vtn.ven("site").registration_id)
    for renew in (ven.register_again, lambda: vtn.request_registration("site")):
        pair.line.said.clear()
        renew()
        await pair.let(15)
        (asked,), (answer,) = pair.line.of(CreatePartyRegistration), pair.line.of(CreatedPartyRegistration)
        assert (asked.ven_id, asked.registration_id) == (answer.ven_id, answer.registration_id) == ids
        if (
            pair.polls and renew != ven.register_again
        ):  # it answers by a message of its own, which is answered by nothing
            sent = [type(each.message) for each in pair.line.said if each.by == "site"]
            assert sent.index(Response) < sent.index(CreatePartyRegistration)
            (place,) = (
                n
                for n, each in enumerate(pair.line.said)
                if each == Said("site", pair.line.of(Response, "site")[0], False)
            )
            assert not pair.line.said[place + 1].reply
        assert not pair.line.of(RegisterReport)  # the reports are known
        assert len(pair.line.of(RequestEvent)) == 1
    assert len(told) == 4
    with pytest.raises(UnknownName):
        vtn.request_registration("mill")


async def test_a_request_to_register_again_is_answered_by_a_response(pair: Pair) -> None:
    _, ven = await pair.both()
    answer = await ven.receive(VTN, RequestReregistration(ven_id=ven.ven_id))
    assert isinstance(answer, Response)
    assert answer.ei_response.ok


async def test_a_registration_is_ended_by_either_side(pair: Pair) -> None:
    vtn, ven = await pair.both()
    gone: list[Deregistered] = []
    left: list[Left] = []
    vtn.listen(Deregistered, gone.append)
    ven.listen(Left, left.append)
    first = ven.ven_id
    unknown = await vtn.receive("site", CancelPartyRegistration(request_id="C", registration_id="none"))
    assert isinstance(unknown, CanceledPartyRegistration)
    assert unknown.ei_response.response_code == Code.INVALID_ID
    vtn.cancel_registration("site")
    await pair.let(15)
    assert (len(gone), len(left), ven.registered, vtn.vens) == (1, 1, False, ())
    with pytest.raises(Rejected, match="ended"):
        await ven.joined()
    with pytest.raises(LocalError, match="no registration"):
        ven.register_again()
    ven.join()
    await pair.let(5)
    assert await ven.joined() == first  # the venID stays
    assert pair.line.of(CreatePartyRegistration)[-1].registration_id is None  # rule 406
    ven.core.leave(pair.now)
    ven.nudge()
    await pair.let(5)
    assert (len(gone), len(left), ven.registered, vtn.vens) == (2, 2, False, ())
    assert {type(each) for each in pair.line.of(CanceledPartyRegistration)} == {CanceledPartyRegistration}
    assert all(each.ei_response.ok for each in pair.line.of(CanceledPartyRegistration))


async def test_who_is_not_registered_is_told_463(pair: Pair) -> None:
    vtn, ven = await pair.both()
    for message in (
        RequestEvent(request_id="R", ven_id=ven.ven_id), CreatedEvent(ven_id=ven.ven_id),
        RegisterReport(request_id="R", ven_id=ven.ven_id), UpdateReport(request_id="R", ven_id=ven.ven_id),
        Poll(ven_id=ven.ven_id),
    ):  # fmt: skip
        answer: Any = await vtn.receive("mill", message)
        assert answer.ei_response.response_code == Code.NOT_REGISTERED


async def test_who_registers_for_reports_only_has_no_events(pair: Pair) -> None:
    vtn, ven = await pair.both(report_only=True, **READ)
    assert vtn.ven("site").report_only
    event = load_dispatch(1.0, start=pair.now, duration=HOUR, created=pair.now)
    with pytest.raises(LocalError, match="reports only"):
        vtn.create_event(event, ["site"])
    assert not vtn.create_event(event).vens  # it is for everybody who takes events
    order = vtn.request_report("site", "usage")
    await pair.let(15)
    assert [sample.value for sample in (await order.next()).samples] == [1.0]
    assert not ven.events
    assert not pair.line.of(RequestEvent)


async def test_a_ven_id_that_was_agreed_is_given(pair: Pair) -> None:
    await pair.vtn([Party("site", "site", ven_id="AGREED")])
    ven = await pair.ven()
    await pair.let(2)
    assert await ven.joined() == "AGREED"


async def test_a_party_that_was_taken_off_the_list_is_out(pair: Pair) -> None:
    vtn, ven = await pair.both()
    vtn.create_event(load_dispatch(1.0, start=pair.now, duration=HOUR, created=pair.now))
    kept = [Change(kind, key, text) for (kind, key), text in vtn.core.cabinet.contents().items()]
    later = VtnCore("VTN1", [Party("mill", "mill")])
    assert not later.restore(kept)
    (gone,) = later.happened
    assert isinstance(gone, Deregistered)
    assert gone.ven.ven_name == "site"
    later.create_event(load_dispatch(1.0, start=pair.now + HOUR, duration=HOUR, created=pair.now), None, pair.now)
    assert (later.vens, len(later.outbox)) == ((), 0)
    answer: Any = later.receive("site", Poll(ven_id=ven.ven_id), pair.now)
    assert answer.ei_response.response_code == Code.NOT_REGISTERED


async def test_parties_come_and_go_while_the_vtn_runs(pair: Pair) -> None:
    east, west = EiTarget(group_ids=["east"]), EiTarget(group_ids=["west"])
    vtn = await pair.vtn([Party("site", "site", targets=west)])
    ven, mill = await pair.ven(), await pair.ven("mill")
    await pair.let(5)
    assert ven.registered
    with pytest.raises(Rejected, match="may not register"):
        await mill.joined()
    event = load_dispatch(1.0, start=pair.now, duration=HOUR, created=pair.now, event_id="E1", target=west)
    sent = vtn.create_event(event)
    vtn.add_party(Party("mill", "mill", targets=west))
    mill.join()
    await pair.let(15)
    assert sent.vens == {ven.ven_id, mill.ven_id}
    assert [each.event_id for each in mill.events] == ["E1"]
    vtn.add_party(Party("site", ["site", "another"], targets=east))
    await pair.let(15)
    assert sent.vens == {mill.ven_id}
    assert (ven.registered, ven.events) == (True, ())  # what is missing is cancelled
    vtn.add_party(Party("site", "site", ven_id="OTHER"))
    assert [each.ven_name for each in vtn.vens] == ["mill"]
    vtn.remove_party("mill")
    assert [each.ven_name for each in vtn.parties] == ["site"]
    assert vtn.vens == ()
    with pytest.raises(UnknownName):
        vtn.remove_party("mill")
    mill.register_again()
    await pair.let(15)
    assert not mill.registered


async def test_a_certificate_is_replaced_while_the_ven_is_registered(pair: Pair) -> None:
    vtn, ven = await pair.both(vtn={"parties": [Party("site", ["site", "new"])]})
    before = vtn.ven("site")
    answer: Any = await vtn.receive("new", RequestEvent(request_id="R", ven_id=ven.ven_id))
    assert answer.ei_response.ok
    route = vtn.core.route(ven.ven_id)
    assert route is not None
    assert (route.identity, vtn.ven("site") is before) == ("new", True)
    vtn.add_party(Party("site", "newest"))
    for old in ("site", "new"):
        refused: Any = await vtn.receive(old, RequestEvent(request_id="R", ven_id=ven.ven_id))
        assert refused.ei_response.response_code == Code.NOT_REGISTERED
    if pair.polls:
        route = vtn.core.route(ven.ven_id)
        assert route is not None
        assert route.identity == "newest"
    else:
        assert not vtn.vens  # where it is reached is not that of the new one


# --- oadrPoll ---


async def test_one_message_is_fetched_by_a_poll_and_all_are() -> None:
    async with a_pair(polls=True) as pair:
        vtn, ven = await pair.both(vtn={"plan": TelemetryPlan(names=()), **READ}, **READ)
        await pair.let(60)
        pair.line.said.clear()
        order = vtn.request_report("site", "usage", granularity=MINUTE, every=MINUTE)
        vtn.create_event(load_dispatch(1.0, start=pair.now, duration=HOUR, created=pair.now), ["site"])
        ven.request_report("usage", granularity=MINUTE, every=MINUTE)
        await pair.let(150)
        vtn.cancel_report("site", order.id)
        vtn.request_registration("site")
        await pair.let(15)
        vtn.cancel_registration("site")
        await pair.let(15)
        fetched = [
            type(said.message)
            for asked, said in zip(pair.line.said, pair.line.said[1:], strict=False)
            if isinstance(asked.message, Poll)
        ]
        assert {*fetched} == {
            CreateReport, DistributeEvent, UpdateReport, CancelReport, RequestReregistration, CancelPartyRegistration,
            Response,
        }  # fmt: skip
        # each message is followed by a poll at once, until there is nothing more (rule 500)
        assert fetched[:3] == [CreateReport, DistributeEvent, Response]


async def test_the_next_is_given_before_the_last_is_answered() -> None:
    """Poll, distributeEvent; poll, createReport; poll, response; and only then createdEvent and createdReport."""
    async with a_pair(polls=True) as pair:
        vtn, ven = await pair.both(**READ)
        ven_id = ven.ven_id
        await ven.close()
        vtn.create_event(load_dispatch(1.0, start=pair.now, duration=HOUR, created=pair.now), ["site"])
        vtn.request_report("site", "usage", granularity=MINUTE, every=MINUTE)
        await pair.let(1)
        answers: list[Message | None] = [await vtn.receive("site", Poll(ven_id=ven_id)) for _ in range(3)]
        assert [type(answer) for answer in answers] == [DistributeEvent, CreateReport, Response]


async def test_who_is_reached_does_not_poll() -> None:
    async with a_pair(polls=False) as pair:
        vtn, ven = await pair.both()
        await pair.let(600)
        assert not pair.line.of(Poll)
        answer: Any = await vtn.receive("site", Poll(ven_id=ven.ven_id))
        assert answer.ei_response.response_code == Code.NOT_ALLOWED


@pytest.mark.parametrize(
    ("vtn_says", "shortest", "expected"), [(30, 1, 20), (2, 5, 120), (1, 1, 600)], ids=["slowly", "bounded", "quickly"]
)
async def test_polls_are_as_frequent_as_was_agreed(vtn_says: int, shortest: int, expected: int) -> None:
    async with a_pair(polls=True) as pair:
        await pair.both(
            vtn={"poll_every": timedelta(seconds=vtn_says)}, poll_shortest=timedelta(seconds=shortest)
        )  # fmt: skip
        pair.line.said.clear()
        await pair.let(600)
        assert len(pair.line.of(Poll)) == expected


async def test_a_pace_that_cannot_be_is_refused(pair: Pair) -> None:
    with pytest.raises(LocalError, match="polls every"):
        await pair.ven(poll_every=SECOND, poll_shortest=MINUTE)
    with pytest.raises(LocalError, match="pauses"):
        Retry(MINUTE, SECOND)


# --- sending again ---


async def test_what_does_not_go_through_is_sent_again_at_the_pace_that_was_set(pair: Pair) -> None:
    retry = Retry(first=4 * SECOND, longest=16 * SECOND)
    vtn, ven = await pair.both(vtn={"retry": retry}, retry=retry)
    pair.opt = None
    vtn.create_event(load_dispatch(1.0, start=pair.now, duration=HOUR, created=pair.now, event_id="E1"), ["site"])
    await pair.let(30)
    tries = []

    def lost(answer: Message) -> bool:
        if isinstance(pair.line.said[-2].message, CreatedEvent):
            tries.append(pair.now)
            return True
        return False

    pair.line.lose = lost
    ven.opt("E1", OptType.OPT_IN)
    await pair.let(100)
    pauses = [(later - before).total_seconds() for before, later in pairwise(tries)]
    for pause, whole in zip(pauses, (4, 8, 16, 16, 16), strict=False):
        assert whole / 2 <= pause <= whole
    assert len(pauses) >= 5
    pair.line.lose = lambda answer: False
    await pair.let(20)
    assert vtn.event("E1").opt("site") is OptType.OPT_IN
    assert ven.registered
