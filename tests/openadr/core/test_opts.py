"""EiOpt: when a VEN is available, and whether it takes part in an event whatever it has answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.answers import Code, Rejected
from janusgrid.openadr.core.opt_book import MOST_OPTS
from janusgrid.openadr.core.opt_scope import Scope
from janusgrid.openadr.core.stretches import MOST, Stretches
from janusgrid.openadr.core.ven import Declined, OwnOpt
from janusgrid.openadr.core.vtn import OptCanceled, OptCreated, Opted
from janusgrid.openadr.events import MARKET
from janusgrid.openadr.model import (
    CanceledOpt,
    CancelOpt,
    CreatedEvent,
    CreatedOpt,
    CreateOpt,
    CreatePartyRegistration,
    Duration,
    EiResponse,
    EiTarget,
    EventResponse,
    Message,
    OptReason,
    OptType,
    QualifiedEventId,
    RequestReregistration,
    ResponseRequired,
    WsCalendarInterval,
    changed,
)

from tests.openadr.core.test_roles import MINUTE, T0, VEN, VTN, Pair, dispatch, joined, pair

__all__ = ["joined", "pair"]

IN, OUT = OptType.OPT_IN, OptType.OPT_OUT
HOUR = timedelta(hours=1)
TOMORROW = T0 + 24 * HOUR


def said(pair: Pair, kind: type[Any]) -> list[Any]:
    return [happening for happening in pair.vtn.happened if isinstance(happening, kind)]


def sent(pair: Pair, kind: type[Any]) -> list[Any]:
    return [message for message in pair.road if isinstance(message, kind)]


def code(answer: Message) -> str:
    response = answer.ei_response  # type: ignore[attr-defined]
    assert isinstance(response, EiResponse)
    return response.response_code


def schedule(pair: Pair, **values: Any) -> CreateOpt:
    """Return a schedule of one hour tomorrow, as a VEN might send it."""
    made: dict[str, Any] = {
        "opt_id": "OPT1",
        "opt_type": OUT,
        "opt_reason": OptReason.X_SCHEDULE,
        "ven_id": pair.ven.ven_id,
        "created_date_time": T0,
        "request_id": "R1",
        "vavailability": (WsCalendarInterval(dtstart=TOMORROW, duration=Duration("PT1H")),),
    }
    return CreateOpt(**{**made, **values})


def of_event(pair: Pair, **values: Any) -> CreateOpt:
    event = QualifiedEventId(event_id="E1", modification_number=0)
    return schedule(pair, **{"vavailability": None, "qualified_event_id": event, **values})


def tell(pair: Pair, message: Message, now: datetime = T0) -> Message:
    """Send the VTN a message in the name of the VEN, over the wire."""
    answer = pair.vtn.receive(VEN, read(write(message)), now)
    return read(write(answer))


@pytest.fixture
def asked(joined: Pair) -> Pair:
    """A pair with an event that the VEN has opted in to."""
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    joined.ven.decide("E1", IN, T0)
    joined.settle(T0)
    joined.vtn.happened.clear()
    joined.road.clear()
    return joined


# --- schedules (certification practice: P1_2010 a new schedule, P1_2020 it is cancelled, P1_2030 it is revised) ------


def test_a_schedule_is_told_and_kept(joined: Pair) -> None:
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR), (TOMORROW + 3 * HOUR, HOUR)], T0)
    assert own.confirmed is None
    joined.settle(T0)
    assert joined.names() == ["CreateOpt", "CreatedOpt"]
    assert own.accepted
    message = joined.road[0]
    assert isinstance(message, CreateOpt)
    assert (message.opt_type, message.opt_reason, message.created_date_time) == (OUT, "x-schedule", T0)
    assert message.ei_target.ven_ids == (joined.ven.ven_id,)
    assert message.qualified_event_id is None
    answer = joined.road[1]
    assert isinstance(answer, CreatedOpt)
    assert (answer.opt_id, answer.ei_response.request_id) == (own.id, message.request_id)
    (happening,) = said(joined, OptCreated)
    assert (happening.opt, happening.replaced, happening.ven.ven_name) == (message, None, "site")
    assert joined.vtn.opts("site") == (message,)


def test_availability_follows_the_schedules(joined: Pair) -> None:
    nothing = joined.vtn.availability("site", TOMORROW)
    assert (nothing.opt, nothing.schedule, nothing.until) == (None, None, None)
    out = joined.ven.opts.schedule(OUT, [(TOMORROW, 4 * HOUR)], T0)
    back = joined.ven.opts.schedule(IN, [(TOMORROW + HOUR, HOUR)], T0)
    joined.settle(T0)
    expected = [(-1, None, 0), (0, OUT, 1), (1, IN, 2), (2, OUT, 4), (4, None, None)]
    for hour, opt, until in expected:
        found = joined.vtn.availability("site", TOMORROW + hour * HOUR)
        assert found.opt is opt
        assert found.until == (None if until is None else TOMORROW + until * HOUR)
    assert joined.vtn.availability("site", TOMORROW + HOUR).schedule == back.message
    assert joined.vtn.availability(joined.ven.ven_id, TOMORROW).schedule == out.message
    with pytest.raises(UnknownName):
        joined.vtn.availability("nobody", TOMORROW)


def test_a_schedule_is_cancelled(joined: Pair) -> None:
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.settle(T0)
    joined.ven.opts.cancel(own.id)
    joined.ven.opts.cancel(own.id)
    joined.settle(T0)
    assert joined.names() == ["CreateOpt", "CreatedOpt", "CancelOpt", "CanceledOpt"]
    assert own.over
    assert own.error is None
    assert [happening.opt for happening in said(joined, OptCanceled)] == [own.message]
    assert joined.vtn.opts("site") == ()
    assert joined.vtn.availability("site", TOMORROW).opt is None
    with pytest.raises(UnknownName):
        joined.ven.opts.cancel(own.id)


def test_a_schedule_is_revised_under_its_id(joined: Pair) -> None:
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.settle(T0)
    before = own.message
    again = joined.ven.opts.schedule(OUT, [(TOMORROW + HOUR, HOUR)], T0 + MINUTE, opt_id=own.id)
    assert again is own
    assert own.confirmed == before
    joined.settle(T0 + MINUTE)
    assert own.accepted
    assert joined.vtn.opts("site") == (own.message,)
    assert [happening.replaced for happening in said(joined, OptCreated)] == [None, before]
    assert joined.vtn.availability("site", TOMORROW).opt is None
    assert joined.vtn.availability("site", TOMORROW + HOUR).opt is OUT


def test_a_schedule_may_be_open_ended(joined: Pair) -> None:
    joined.ven.opts.schedule(OUT, [(TOMORROW, timedelta())], T0)
    joined.settle(T0)
    found = joined.vtn.availability("site", TOMORROW + 10_000 * HOUR)
    assert (found.opt, found.until) == (OUT, None)


def test_what_is_about_a_part_says_nothing_of_the_whole(joined: Pair) -> None:
    opts, times = joined.ven.opts, [(TOMORROW, HOUR)]
    opts.schedule(OUT, times, T0, target=EiTarget(resource_ids=("R1", "R2")))
    opts.schedule(OUT, times, T0, device_classes=("Exterior_Lighting",))
    opts.schedule(OUT, times, T0, market="http://market.example/a")
    opts.schedule(OUT, times, T0, target=EiTarget(group_ids=("G1",)))
    joined.settle(T0)

    def opt(**scope: str) -> OptType | None:
        return joined.vtn.availability("site", TOMORROW, Scope(**scope)).opt

    assert opt() is None
    assert opt(resource="R2") is OUT
    assert opt(resource="R3") is None
    assert opt(device_class="Exterior_Lighting") is OUT
    assert opt(device_class="Sauna") is None
    assert opt(market="http://market.example/a") is OUT
    assert opt(market="http://market.example/b") is None
    opts.schedule(IN, times, T0)
    joined.settle(T0)
    assert opt() is opt(resource="R3") is IN


def test_a_whole_ven_is_of_every_market_and_resource(joined: Pair) -> None:
    joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.settle(T0)
    for scope in (Scope("http://market.example/a"), Scope(resource="R1"), Scope(device_class="Sauna")):
        assert joined.vtn.availability("site", TOMORROW, scope).opt is OUT


def test_an_opt_said_again_after_a_lost_answer_is_not_told_twice(joined: Pair) -> None:
    joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.settle(T0, lose_answer_of=CreateOpt)
    joined.settle(T0 + MINUTE)
    assert len(sent(joined, CreateOpt)) == 2
    assert sent(joined, CreatedOpt)[0] == sent(joined, CreatedOpt)[1]
    assert len(said(joined, OptCreated)) == 1
    own = next(iter(joined.ven.opts.shelf.values()))
    joined.ven.opts.cancel(own.id)
    joined.settle(T0 + MINUTE, lose_answer_of=CancelOpt)
    joined.settle(T0 + 2 * MINUTE)
    assert [code(answer) for answer in sent(joined, CanceledOpt)] == ["200", "200"]
    assert len(said(joined, OptCanceled)) == 1
    assert own.over


def test_the_same_said_under_another_request_is_no_news(joined: Pair) -> None:
    assert code(tell(joined, schedule(joined))) == "200"
    assert code(tell(joined, schedule(joined, request_id="R2"))) == "200"
    assert len(said(joined, OptCreated)) == 1
    assert len(joined.vtn.opts("site")) == 1


def test_what_waits_about_one_opt_is_only_the_last(joined: Pair) -> None:
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.ven.opts.schedule(OUT, [(TOMORROW, 2 * HOUR)], T0, opt_id=own.id)
    joined.ven.opts.cancel(own.id)
    joined.settle(T0)
    assert joined.names() == ["CancelOpt", "CanceledOpt"]
    assert code(joined.road[1]) == Code.INVALID_ID
    assert own.over
    assert own.error is None
    assert not [happening for happening in joined.ven.happened if isinstance(happening, Declined)]


# --- what a VTN refuses ----------------------------------------------------------------------------------------------


def interval(start: datetime = TOMORROW, lasts: str = "PT1H") -> WsCalendarInterval:
    return WsCalendarInterval(dtstart=start, duration=Duration(lasts))


REFUSALS: dict[str, tuple[dict[str, Any], Code]] = {
    "neither an event nor times": ({"vavailability": None}, Code.INVALID_DATA),
    "both": ({"qualified_event_id": QualifiedEventId(event_id="E1")}, Code.INVALID_DATA),
    "no times": ({"vavailability": ()}, Code.INVALID_DATA),
    "too many times": (
        {"vavailability": tuple(interval(T0 + hour * 2 * HOUR) for hour in range(MOST + 1))},
        Code.INVALID_DATA,
    ),
    "a negative length": ({"vavailability": (interval(lasts="-PT1H"),)}, Code.INVALID_DATA),
    "beyond the calendar": ({"vavailability": (interval(datetime(8999, 1, 1, tzinfo=UTC), "P9Y"),)}, Code.INVALID_DATA),
    "another VEN's target": ({"ei_target": EiTarget(ven_ids=("somebody",))}, Code.TARGET_MISMATCH),
    "another VEN": ({"ven_id": "somebody"}, Code.NOT_REGISTERED),
    "no ID": ({"opt_id": ""}, Code.INVALID_ID),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_makes_no_sense_is_refused(joined: Pair, what: str) -> None:
    values, expected = REFUSALS[what]
    answer = tell(joined, schedule(joined, **values))
    assert isinstance(answer, CreatedOpt)
    assert answer.ei_response.response_code == expected
    assert answer.ei_response.request_id == "R1"
    assert joined.vtn.opts("site") == ()
    assert not joined.vtn.happened


EVENT_REFUSALS: dict[str, tuple[dict[str, Any], Code]] = {
    "unknown": ({"qualified_event_id": QualifiedEventId(event_id="E2")}, Code.INVALID_ID),
    "to come": (
        {"qualified_event_id": QualifiedEventId(event_id="E1", modification_number=1)},
        Code.OUT_OF_SEQUENCE,
    ),
    "of another market": ({"market_context": "http://market.example/other"}, Code.INVALID_DATA),
}


@pytest.mark.parametrize("what", EVENT_REFUSALS)
def test_what_makes_no_sense_of_an_event_is_refused(asked: Pair, what: str) -> None:
    values, expected = EVENT_REFUSALS[what]
    assert code(tell(asked, of_event(asked, **values))) == expected
    assert asked.vtn.opt("E1", "site") is IN


def test_an_event_that_is_over_is_not_opted_out_of(asked: Pair) -> None:
    assert code(tell(asked, of_event(asked), T0 + 10 * HOUR)) == Code.NOT_ALLOWED
    cancelled = asked.vtn.cancel_event("E1", T0).event.qualified_event_id
    assert code(tell(asked, of_event(asked, qualified_event_id=cancelled))) == Code.NOT_ALLOWED


def test_a_stranger_says_nothing(joined: Pair) -> None:
    answer = joined.vtn.receive("mallory@elsewhere.example", schedule(joined), T0)
    assert code(answer) == Code.NOT_REGISTERED
    joined.vtn.receive(VEN, schedule(joined), T0)
    cancel = CancelOpt(request_id="R2", opt_id="OPT1", ven_id=joined.ven.ven_id)
    assert code(joined.vtn.receive("mallory@elsewhere.example", cancel, T0)) == Code.NOT_REGISTERED
    assert len(joined.vtn.opts("site")) == 1


def test_an_opt_that_is_not_known_is_not_cancelled(joined: Pair) -> None:
    answer = tell(joined, CancelOpt(request_id="R9", opt_id="OPT9", ven_id=joined.ven.ven_id))
    assert isinstance(answer, CanceledOpt)
    assert (answer.ei_response.response_code, answer.ei_response.request_id) == (Code.INVALID_ID, "R9")
    assert answer.opt_id == "OPT9"


def test_a_ven_says_very_much(joined: Pair) -> None:
    """What is over gives way; what is not keeps its place."""
    for number in range(MOST_OPTS):
        start = T0 if number < 10 else TOMORROW
        tell(joined, schedule(joined, opt_id=f"O{number}", request_id=f"R{number}", vavailability=(interval(start),)))
    refused = tell(joined, schedule(joined, opt_id="more", request_id="more"))
    assert code(refused) == Code.NOT_ALLOWED
    assert code(tell(joined, schedule(joined, opt_id="O7", request_id="revised"))) == "200"
    assert code(tell(joined, schedule(joined, opt_id="more", request_id="later"), T0 + 2 * HOUR)) == "200"
    assert len(joined.vtn.opts("site")) == MOST_OPTS - 9 + 1


def test_the_ven_learns_that_it_is_refused(asked: Pair) -> None:
    own = asked.ven.opts.event("E1", OUT, T0)
    asked.vtn.modify_event(dispatch(500.0), T0)  # which it does not know yet
    (letter,) = asked.ven.outbox.due(T0)
    asked.ven.answered(letter, asked.vtn.receive(VEN, letter.message, T0), T0)
    assert own.over
    assert isinstance(own.error, Rejected)
    assert own.error.code == Code.OUT_OF_SEQUENCE
    assert [type(each.message) for each in asked.ven.happened if isinstance(each, Declined)] == [CreateOpt]
    assert asked.ven.events.get("E1").stands is IN


def test_a_revision_that_is_refused_leaves_what_was_said_before(joined: Pair) -> None:
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.settle(T0)
    before = own.message
    joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0, opt_id=own.id, target=EiTarget(ven_ids=("other",)))
    joined.settle(T0)
    assert own.message == before
    assert isinstance(own.error, Rejected)
    assert not own.over
    assert joined.vtn.opts("site") == (before,)


def test_an_earlier_version_that_is_refused_says_nothing_of_the_later_one(joined: Pair) -> None:
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0, target=EiTarget(ven_ids=("other",)))
    (letter,) = joined.ven.outbox.due(T0)
    joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0, opt_id=own.id)
    joined.ven.answered(letter, joined.vtn.receive(VEN, letter.message, T0), T0)
    assert not own.over
    joined.settle(T0)
    assert own.accepted
    assert own.error is None


def test_what_was_cancelled_does_not_come_back(joined: Pair) -> None:
    """Said again while it is being cancelled, and refused: the VTN does not know it any more, in no version."""
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.settle(T0)
    joined.ven.opts.cancel(own.id)
    (letter,) = joined.ven.outbox.due(T0)
    joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0, opt_id=own.id, target=EiTarget(ven_ids=("other",)))
    joined.ven.answered(letter, joined.vtn.receive(VEN, letter.message, T0), T0)
    joined.settle(T0)
    assert own.over
    assert isinstance(own.error, Rejected)
    assert joined.vtn.opts("site") == ()


def test_an_opt_that_cannot_be_cancelled_is_in_force(joined: Pair) -> None:
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.settle(T0)
    joined.ven.opts.cancel(own.id)
    (letter,) = joined.ven.outbox.due(T0)
    joined.ven.opts.cancel(own.id)
    assert len(joined.ven.outbox) == 1
    refusal = EiResponse(response_code=Code.NOT_ALLOWED, response_description="too late")
    joined.ven.answered(letter, CanceledOpt(ei_response=refusal, opt_id=own.id), T0)
    assert (own.over, own.withdrawn, own.accepted) == (False, False, True)
    assert isinstance(own.error, Rejected)
    assert isinstance(joined.ven.happened[-1], Declined)
    joined.ven.opts.cancel(own.id)
    joined.settle(T0)
    assert own.over


@pytest.mark.parametrize("answer", [None, CanceledOpt(ei_response=EiResponse())])
def test_an_answer_that_makes_no_sense(joined: Pair, answer: Message | None) -> None:
    own = joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    (letter,) = joined.ven.outbox.due(T0)
    joined.ven.answered(letter, answer, T0)
    assert own.over
    assert isinstance(joined.ven.happened[-1], Declined)


# --- events (certification practice: P1_2040 and P1_2050, of which no more than the names is known) -----------------


def test_an_opt_goes_before_the_answer_and_later_answers_are_ignored(asked: Pair) -> None:
    """Rule 206."""
    own = asked.ven.opts.event("E1", OUT, T0, reason=OptReason.OVERRIDE_STATUS)
    asked.settle(T0)
    assert asked.vtn.opt("E1", "site") is OUT
    (created,) = said(asked, OptCreated)
    assert (created.opt.opt_reason, created.opt.qualified_event_id.event_id) == ("overrideStatus", "E1")
    (told,) = said(asked, Opted)
    assert (told.response.opt_type, told.by) == (OUT, own.message)
    asked.vtn.happened.clear()
    answer = EventResponse(
        request_id="D", qualified_event_id=QualifiedEventId(event_id="E1", modification_number=0), opt_type=IN
    )
    assert code(tell(asked, CreatedEvent(event_responses=(answer,), ven_id=asked.ven.ven_id))) == "200"
    assert asked.vtn.opt("E1", "site") is OUT
    assert not asked.vtn.happened


def test_an_answer_that_is_ignored_is_not_kept_either(asked: Pair) -> None:
    """Rule 206."""
    tell(asked, of_event(asked, opt_type=IN))
    asked.vtn.happened.clear()
    event = QualifiedEventId(event_id="E1", modification_number=0)
    answer = EventResponse(request_id="D", qualified_event_id=event, opt_type=OUT)
    assert code(tell(asked, CreatedEvent(event_responses=(answer,), ven_id=asked.ven.ven_id))) == "200"
    assert not asked.vtn.happened
    tell(asked, CancelOpt(request_id="R2", opt_id="OPT1", ven_id=asked.ven.ven_id))
    assert asked.vtn.opt("E1", "site") is IN


def test_an_opt_of_an_event_may_become_one_of_times(asked: Pair) -> None:
    tell(asked, of_event(asked))
    assert asked.vtn.opt("E1", "site") is OUT
    tell(asked, schedule(asked, request_id="R2"))
    assert asked.vtn.opt("E1", "site") is IN
    assert asked.vtn.availability("site", TOMORROW).opt is OUT
    assert [kind for kind, _ in asked.vtn.cabinet.contents()].count("opt") == 1


def test_the_decision_counts_again_when_the_opt_is_cancelled(asked: Pair) -> None:
    own = asked.ven.opts.event("E1", OUT, T0)
    asked.settle(T0)
    asked.vtn.happened.clear()
    asked.ven.opts.cancel(own.id)
    asked.settle(T0)
    assert asked.vtn.opt("E1", "site") is IN
    (told,) = said(asked, Opted)
    assert (told.response.opt_type, told.by) == (IN, None)


def test_a_decision_while_an_opt_holds_counts_when_it_is_cancelled(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    own = joined.ven.opts.event("E1", OUT, T0)
    joined.settle(T0)
    joined.ven.decide("E1", IN, T0)
    joined.settle(T0)
    assert sent(joined, CreatedEvent)[-1].event_responses[0].opt_type is OUT  # what stands, not what is decided
    assert joined.vtn.opt("E1", "site") is OUT
    joined.ven.opts.cancel(own.id)
    joined.settle(T0)
    assert joined.vtn.opt("E1", "site") is IN


def test_an_event_that_was_never_answered_is_asked_about_again(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    own = joined.ven.opts.event("E1", OUT, T0)
    joined.settle(T0)
    assert joined.vtn.events.get("E1").unanswered == frozenset()
    joined.road.clear()
    joined.ven.opts.cancel(own.id)
    joined.settle(T0)
    assert joined.vtn.opt("E1", "site") is None
    assert joined.names() == ["CancelOpt", "CanceledOpt", "DistributeEvent", "Response"]


def test_of_several_opts_of_an_event_the_last_counts(asked: Pair) -> None:
    first = asked.ven.opts.event("E1", OUT, T0)
    second = asked.ven.opts.event("E1", IN, T0 + MINUTE)
    asked.settle(T0)
    assert asked.vtn.opt("E1", "site") is asked.ven.events.get("E1").stands is IN
    asked.ven.opts.cancel(second.id)
    asked.settle(T0)
    assert asked.vtn.opt("E1", "site") is asked.ven.events.get("E1").stands is OUT
    asked.ven.opts.cancel(first.id)
    asked.settle(T0)
    assert asked.vtn.opt("E1", "site") is asked.ven.events.get("E1").stands is IN


def test_an_opt_of_some_devices_leaves_the_answer_of_the_whole(asked: Pair) -> None:
    asked.ven.opts.event("E1", OUT, T0, target=EiTarget(resource_ids=("R1",)))
    asked.ven.opts.event("E1", OUT, T0, device_classes=("Sauna",))
    asked.settle(T0)
    assert not said(asked, Opted)
    assert len(said(asked, OptCreated)) == 2
    assert asked.vtn.opt("E1", "site") is asked.ven.events.get("E1").stands is IN
    assert asked.vtn.opt("E1", "site", Scope(resource="R1")) is OUT
    assert asked.vtn.opt("E1", "site", Scope(resource="R2")) is IN
    assert asked.vtn.opt("E1", "site", Scope(device_class="Sauna")) is OUT


def test_an_opt_may_name_the_market_of_its_event(asked: Pair) -> None:
    assert code(tell(asked, of_event(asked, market_context=dispatch().event_descriptor.market_context))) == "200"
    assert asked.vtn.opt("E1", "site") is OUT


def test_a_modification_is_asked_about_anew(asked: Pair) -> None:
    asked.ven.opts.event("E1", OUT, T0)
    asked.settle(T0)
    asked.vtn.modify_event(dispatch(500.0), T0)
    assert asked.vtn.opt("E1", "site") is None
    asked.settle(T0)
    asked.ven.decide("E1", IN, T0)
    asked.settle(T0)
    assert asked.vtn.opt("E1", "site") is IN
    asked.ven.opts.event("E1", OUT, T0)
    asked.settle(T0)
    assert asked.vtn.opt("E1", "site") is OUT


def test_an_event_without_an_answer_can_be_opted_out_of(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0, ResponseRequired.NEVER)
    joined.settle(T0)
    own = joined.ven.opts.event("E1", OUT, T0)
    joined.settle(T0)
    assert joined.vtn.opt("E1", "site") is OUT
    joined.ven.opts.cancel(own.id)
    joined.settle(T0)
    assert joined.vtn.opt("E1", "site") is None
    assert not sent(joined, CreatedEvent)


def test_what_a_ven_cannot_say(pair: Pair, asked: Pair) -> None:
    with pytest.raises(UnknownName):
        asked.ven.opts.event("E9", OUT, T0)
    for times in ([], [(TOMORROW, -HOUR)], [(TOMORROW, HOUR)] * (MOST + 1)):
        with pytest.raises(LocalError):
            asked.ven.opts.schedule(OUT, times, T0)
    asked.vtn.cancel_event("E1", T0)
    asked.settle(T0)
    with pytest.raises(LocalError, match="cancelled"):
        asked.ven.opts.event("E1", OUT, T0)
    asked.ven.leave(T0)
    asked.settle(T0)
    with pytest.raises(LocalError, match="registration"):
        asked.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)


def test_a_ven_that_says_very_much_is_told_so(joined: Pair) -> None:
    for _ in range(MOST_OPTS):
        joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    with pytest.raises(LocalError, match="cancel some"):
        joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], TOMORROW + HOUR)
    assert len(joined.ven.opts.shelf) == 1


def test_opts_of_earlier_modifications_give_way(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    for _ in range(MOST_OPTS):
        joined.ven.opts.event("E1", OUT, T0)
    joined.settle(T0)
    joined.vtn.modify_event(dispatch(500.0), T0)
    joined.settle(T0)
    own = joined.ven.opts.event("E1", OUT, T0)
    joined.settle(T0)
    assert own.accepted
    assert joined.vtn.opts("site") == (own.message,)
    assert [kept.id for kept in joined.ven.opts.shelf.values()] == [own.id]


def test_a_ven_takes_no_opts(joined: Pair) -> None:
    for message in (schedule(joined), CancelOpt(request_id="R", opt_id="O", ven_id=joined.ven.ven_id)):
        answer = joined.ven.receive(VTN, message, T0)
        assert isinstance(answer, CreatedOpt | CanceledOpt)
        assert code(answer) == Code.NOT_RECOGNIZED


# --- registration ----------------------------------------------------------------------------------------------------


def test_a_renewed_registration_keeps_opts(asked: Pair) -> None:
    own = asked.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    asked.ven.opts.event("E1", OUT, T0)
    asked.settle(T0)
    asked.vtn.request_registration("site")
    asked.settle(T0)
    assert sent(asked, RequestReregistration)
    assert asked.ven.registered
    assert asked.vtn.availability("site", TOMORROW).schedule == own.message
    assert asked.vtn.opt("E1", "site") is OUT
    assert len(asked.ven.opts.shelf) == 2


def test_a_new_registration_makes_both_sides_forget_opts(asked: Pair) -> None:
    """Rule 406."""
    own = asked.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    asked.ven.opts.event("E1", OUT, T0)
    asked.settle(T0)
    asked.ven.leave(T0)
    asked.settle(T0)
    asked.ven.start(T0)
    asked.settle(T0)
    assert own.over
    assert isinstance(own.error, LocalError)
    assert not asked.ven.opts.shelf
    assert asked.vtn.opts("site") == ()
    assert asked.vtn.opt("E1", "site") is IN  # the answer that it had given
    assert asked.vtn.availability("site", TOMORROW).opt is None


def test_a_vtn_that_gives_a_new_registration_makes_the_ven_forget_opts(asked: Pair) -> None:
    """Rule 406: also where the VTN answers the renewal of one registration with another."""
    asked.ven.opts.event("E1", OUT, T0)
    asked.settle(T0)
    waiting = asked.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    asked.ven.receive(VTN, RequestReregistration(ven_id=asked.ven.ven_id), T0)
    letters = [letter for letter in asked.ven.outbox.due(T0) if isinstance(letter.message, CreateOpt)]
    asked.ven.outbox.failed(letters[0], T0)
    renewal = next(
        letter for letter in asked.ven.outbox.shelf.values() if isinstance(letter.message, CreatePartyRegistration)
    )
    fresh = changed(renewal.message, registration_id=None)
    asked.ven.answered(renewal, asked.vtn.receive(VEN, fresh, T0), T0)
    assert waiting.over
    assert not asked.ven.opts.shelf
    assert not any(isinstance(letter.message, CreatedEvent) for letter in asked.ven.outbox.shelf.values())
    asked.settle(T0 + MINUTE)
    assert asked.ven.registered
    assert asked.vtn.opts("site") == ()
    assert asked.vtn.opt("E1", "site") is IN
    assert not any(isinstance(message, CreateOpt) for message in asked.road[2:])


def test_an_expelled_ven_has_said_nothing(joined: Pair) -> None:
    joined.ven.opts.schedule(OUT, [(TOMORROW, HOUR)], T0)
    joined.settle(T0)
    joined.vtn.cancel_registration("site")
    joined.settle(T0)
    joined.ven.start(T0)
    joined.settle(T0)
    assert joined.vtn.opts("site") == ()


# --- stretches -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Span:
    start: int
    lasts: int

    def __contains__(self, minute: int) -> bool:
        return minute >= self.start and (self.lasts == 0 or minute < self.start + self.lasts)


SPANS = st.lists(st.builds(Span, st.integers(0, 40), st.integers(0, 12)), min_size=1, max_size=8)


@given(SPANS)
def test_stretches_cover_what_one_of_them_covers(spans: list[Span]) -> None:
    made = Stretches.of(
        WsCalendarInterval(dtstart=T0 + each.start * MINUTE, duration=Duration.of(each.lasts * MINUTE))
        for each in spans
    )
    assert list(made.bounds) == sorted(set(made.bounds))
    covered = [any(minute in each for each in spans) for minute in range(-1, 60)]
    assert [made.cover(T0 + minute * MINUTE) for minute in range(-1, 60)] == covered
    turns = [minute for minute in range(60) if covered[minute + 1] != covered[minute]]
    for minute in range(-1, 60):
        following = next((turn for turn in turns if turn > minute), None)
        assert made.changes(T0 + minute * MINUTE) == (None if following is None else T0 + following * MINUTE)
    assert made.are_over(T0 + 60 * MINUTE) == (not covered[-1])


def test_what_came_last_counts_whatever_the_order_in_which_it_was_kept(joined: Pair) -> None:
    tell(joined, schedule(joined))
    tell(joined, schedule(joined, opt_id="OPT2", request_id="R2", opt_type=IN))
    again = Pair().vtn
    again.restore(reversed(list(joined.vtn.cabinet.changes())))
    assert again.availability("site", TOMORROW).opt is IN
    again.receive(VEN, schedule(joined, opt_id="OPT3", request_id="R3"), T0)
    assert again.availability("site", TOMORROW).opt is OUT
    assert [kind for kind, _ in again.cabinet.contents()].count("opt") == 3


# --- garbage ---------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=12)
NAMES = st.one_of(TEXT, st.sampled_from(["E1", "OPT1", "OPT2", "VEN3"]))
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)).map(
    lambda time: time.replace(microsecond=0)
)
LENGTHS = st.sampled_from(["PT0S", "PT1H", "-PT1S", "P1M", "P9999Y", "PT99999999H", "1W", "P"])
ANY_INTERVAL = st.builds(
    lambda start, lasts: WsCalendarInterval(dtstart=start, duration=Duration(lasts)), TIMES, LENGTHS
)
ANY_TARGET = st.builds(
    EiTarget,
    resource_ids=st.lists(NAMES, max_size=2),
    ven_ids=st.lists(NAMES, max_size=2),
    end_device_assets=st.lists(NAMES, max_size=1),
)
ANY_OPT = st.builds(
    CreateOpt,
    opt_id=NAMES,
    opt_type=st.sampled_from(OptType),
    opt_reason=st.sampled_from([*OptReason, "x-other"]),
    market_context=st.none() | st.just(MARKET),
    ven_id=NAMES,
    vavailability=st.none() | st.lists(ANY_INTERVAL, max_size=3),
    created_date_time=TIMES,
    request_id=NAMES,
    qualified_event_id=st.none() | st.builds(QualifiedEventId, event_id=NAMES, modification_number=st.integers(0, 2)),
    ei_target=ANY_TARGET,
    device_class=st.none() | ANY_TARGET,
)
ANY_CANCEL = st.builds(CancelOpt, request_id=NAMES, opt_id=NAMES, ven_id=NAMES)


@given(st.lists(st.one_of(ANY_OPT, ANY_CANCEL), max_size=12), TIMES)
def test_whatever_is_said_is_answered_and_can_be_kept(messages: list[Message], when: datetime) -> None:
    pair = Pair()
    pair.ven.start(T0)
    pair.settle(T0)
    pair.vtn.create_event(dispatch(), ["site"], T0)
    for message in messages:
        answer = tell(pair, message)
        assert isinstance(answer, CreatedOpt if isinstance(message, CreateOpt) else CanceledOpt)
        assert code(answer) == "200" or 450 <= int(code(answer)) <= 469
    pair.vtn.availability("site", when)
    pair.vtn.opt("E1", "site", Scope(resource="E1"))
    records = list(pair.vtn.cabinet.changes())
    again = Pair().vtn
    assert again.restore(records) == []
    assert again.cabinet.contents() == pair.vtn.cabinet.contents()
    assert again.opts("site") == pair.vtn.opts("site")
    assert again.availability("site", when) == pair.vtn.availability("site", when)


def test_own_opts_are_spelled_whole() -> None:
    message = CreateOpt(
        opt_id="O", opt_type=OUT, opt_reason="x-why", ven_id="V", request_id="R",
        created_date_time=datetime(2026, 3, 25, 8, 20, 0, 123456, tzinfo=UTC),
        vavailability=(interval(),), device_class=EiTarget(end_device_assets=("Sauna",)),
    )  # fmt: skip
    own = OwnOpt(message, message, withdrawn=True)
    again = OwnOpt.unspelled(own.spelled())
    assert attrs.asdict(again, recurse=False) == attrs.asdict(own, recurse=False)
    assert again.accepted
