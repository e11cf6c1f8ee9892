"""EiEvent of both roles, line by line: targets, groups, limits, overlaps, order, open starts, what is sent to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from janusgrid.common.errors import LocalError
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.core.event_inbox import Change, EventChange
from janusgrid.openadr.core.outbox import Letter
from janusgrid.openadr.core.ven import VenCore
from janusgrid.openadr.core.ven_book import Party
from janusgrid.openadr.core.vtn import Declined, VtnCore
from janusgrid.openadr.events import (
    DeviceClass,
    compose,
    dispatch_signal,
    kilowatt_hours,
    load_control,
    load_dispatch,
    signal,
    simple,
)
from janusgrid.openadr.model import (
    CreatedEvent,
    DistributeEvent,
    EiEvent,
    EiResponse,
    EiTarget,
    Event,
    EventResponse,
    EventStatus,
    OptType,
    PowerReal,
    RequestEvent,
    RequestReregistration,
    SignalType,
    changed,
)

from .test_roles import MINUTE, T0, VEN, VTN, Pair, joined, pair

__all__ = ["joined", "pair"]
HOUR = timedelta(hours=1)
MARKETS = "http://utility.example"


def made(event_id: str = "E1", start: int = 10, market: str = MARKETS, **about: Any) -> EiEvent:
    begins = T0 + start * MINUTE
    return load_dispatch(100, start=begins, duration=HOUR, created=T0, event_id=event_id, market=market, **about)


def distribute(pair: Pair, *events: EiEvent, request_id: str = "D") -> None:
    sent = [Event(ei_event=event) for event in events]
    message = DistributeEvent(request_id=request_id, vtn_id="VTN1", events=sent)
    assert pair.ven.receive(VTN, message, T0).ei_response.ok  # type: ignore[attr-defined]


def answers(pair: Pair) -> dict[str, str]:
    """Return the codes that the VEN has answered, by eventID."""
    sent = [letter.message for letter in pair.ven.outbox.due(T0)]
    found = [response for m in sent if isinstance(m, CreatedEvent) for response in m.event_responses or ()]
    return {response.qualified_event_id.event_id: response.response_code for response in found}


def told(pair: Pair) -> list[Change]:
    return [happening.change for happening in pair.ven.happened if isinstance(happening, EventChange)]


# --- overlaps --------------------------------------------------------------------------------------------------------


def test_events_of_one_market_context_may_not_overlap(joined: Pair) -> None:
    joined.vtn.create_event(made("E1"), ["site"], T0)
    with pytest.raises(LocalError, match="E2 overlaps event E1"):
        joined.vtn.create_event(made("E2", 69), ["site"], T0)
    joined.vtn.create_event(made("E2", 70), ["site"], T0)
    joined.vtn.cancel_event("E1", T0)
    joined.vtn.create_event(made("E3"), ["site"], T0)


def test_a_modification_may_not_make_an_overlap(joined: Pair) -> None:
    joined.vtn.create_event(made("E1"), ["site"], T0)
    joined.vtn.create_event(made("E2", 70), ["site"], T0)
    with pytest.raises(LocalError, match="overlaps"):
        joined.vtn.modify_event(made("E2", 60), T0)
    assert joined.vtn.modify_event(made("E2", 80), T0).event.event_descriptor.modification_number == 1


def test_overlaps_across_market_contexts_are_warned_of(joined: Pair) -> None:
    joined.vtn.create_event(made("E1"), ["site"], T0)
    booked = joined.vtn.create_event(made("E2", 20, market=f"{MARKETS}/other"), ["site"], T0)
    assert [str(warning) for warning in booked.warnings] == ["event E2 overlaps event E1 (checked in certification)"]


def test_other_resources_do_not_overlap(joined: Pair) -> None:
    joined.vtn.create_event(made("E1", target=EiTarget(resource_ids=["DG1"])), ["site"], T0)
    booked = joined.vtn.create_event(made("E2", target=EiTarget(resource_ids=["DG2"])), ["site"], T0)
    assert booked.warnings == ()
    with pytest.raises(LocalError, match="overlaps"):
        joined.vtn.create_event(made("E3", target=EiTarget(resource_ids=["DG2", "DG3"])), ["site"], T0)


def test_an_event_without_end_overlaps_what_comes_later(joined: Pair) -> None:
    endless = simple(1, start=T0, duration=timedelta(), created=T0, event_id="E0", market=MARKETS)
    joined.vtn.create_event(endless, ["site"], T0)
    with pytest.raises(LocalError, match="overlaps"):
        joined.vtn.create_event(made("E1", 10_000), ["site"], T0)
    joined.settle(T0)
    (known,) = joined.ven.events.active(T0 + timedelta(days=400))
    assert known.event_id == "E0"


def test_what_was_made_long_ago_is_warned_of(joined: Pair) -> None:
    booked = joined.vtn.create_event(made(), ["site"], T0 + 6 * MINUTE)
    assert "createdDateTime" in str(booked.warnings[0])
    assert joined.vtn.create_event(made("E2", 200), ["site"], T0 + 5 * MINUTE).warnings == ()


# --- who is meant ----------------------------------------------------------------------------------------------------

EAST = EiTarget(group_ids=["east"])
PARTIES = [
    Party("a", "a@x.example", targets=EiTarget(group_ids=["east"], resource_ids=["A1", "A2"])),
    Party("b", "b@x.example", targets=EiTarget(group_ids=["east", "big"], party_ids=["B Ltd"]), markets=[MARKETS]),
    Party("c", "c@x.example", targets=EiTarget(meter_assets=["M7"]), markets=[f"{MARKETS}/other"]),
]


def group(*names: str) -> tuple[VtnCore, dict[str, VenCore]]:
    """Return a VTN of three parties, of which these have registered."""
    vtn = VtnCore("VTN1", PARTIES)
    vens = {name: enter(vtn, name) for name in names}
    return vtn, vens


def enter(vtn: VtnCore, name: str) -> VenCore:
    address = f"{name}@x.example"
    ven = VenCore(name, vtn=f"{VTN}/vtn", vtn_identity=VTN, address=f"{address}/ems")
    ven.start(T0)
    while due := ven.outbox.due(T0):
        for letter in due:
            ven.answered(letter, vtn.receive(address, letter.message, T0), T0)
    return ven


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        (EiTarget(), "ab"),
        (EAST, "ab"),
        (EiTarget(group_ids=["big"]), "b"),
        (EiTarget(resource_ids=["A2", "Z9"]), "a"),
        (EiTarget(resource_ids=["A2"], party_ids=["B Ltd"]), "ab"),
    ],
)
def test_an_event_goes_to_whom_its_target_means(target: EiTarget, meant: str) -> None:
    vtn, vens = group("a", "b", "c")
    booked = vtn.create_event(made(target=target), None, T0)
    assert booked.ven_ids == {vens[name].ven_id for name in meant}
    assert {letter.to for letter in vtn.outbox.due(T0)} == booked.ven_ids


def test_the_market_context_says_who_takes_part() -> None:
    vtn, vens = group("a", "b", "c")
    booked = vtn.create_event(made(market=f"{MARKETS}/other"), None, T0)
    assert booked.ven_ids == {vens["a"].ven_id, vens["c"].ven_id}


@pytest.mark.parametrize("target", [EiTarget(group_ids=["west"]), EiTarget(pnodes=["N1"]), EiTarget(ven_ids=["VEN9"])])
def test_an_event_for_nobody_is_the_callers_mistake(target: EiTarget) -> None:
    vtn, _ = group("a", "b", "c")
    with pytest.raises(LocalError, match="means any party"):
        vtn.create_event(made(target=target), None, T0)


def test_who_registers_later_has_what_means_it() -> None:
    vtn, vens = group("a")
    vtn.create_event(made(target=EAST), None, T0)
    vtn.create_event(made("E2", 200), ["a"], T0)
    vens["b"] = enter(vtn, "b")
    assert [event.event_id for event in vens["b"].events.active(T0 + 20 * MINUTE)] == ["E1"]
    assert vtn.events.get("E1").unanswered == {vens["a"].ven_id, vens["b"].ven_id}


def test_a_modified_target_means_others() -> None:
    """Whom it means no more finds it missing: rule 61."""
    vtn, vens = group("a", "b")
    booked = vtn.create_event(made(target=EAST), None, T0)
    vtn.outbox.due(T0)
    vtn.modify_event(made(target=EiTarget(group_ids=["big"])), T0)
    assert booked.ven_ids == {vens["b"].ven_id}
    assert vtn.events.for_ven(vens["a"].ven_id, T0) == ()
    for name in "ab":
        assert vtn.outbox.drop(vens[name].ven_id)


def test_each_ven_is_told_of_itself_alone() -> None:
    """A distributeEvent names one venID at most."""
    vtn, vens = group("a", "b")
    everybody = EiTarget(ven_ids=[ven.ven_id for ven in vens.values()], group_ids=["east"])
    vtn.create_event(made(target=everybody), None, T0)
    for ven in vens.values():
        (sent,) = vtn.events.for_ven(ven.ven_id, T0)
        assert sent.ei_event.ei_target == changed(everybody, ven_ids=(ven.ven_id,))


def a_ven(pair: Pair, **ours: Any) -> Pair:
    """Let the VEN say what is its own, and register."""
    pair.ven = VenCore(
        "site", vtn=f"{VTN}/vtn", vtn_identity=VTN, address=f"{VEN}/ems", targets=EiTarget(**ours),
        signals=("LOAD_DISPATCH", "SIMPLE", "LOAD_CONTROL"),
    )  # fmt: skip
    pair.ven.start(T0)
    pair.settle(T0)
    return pair


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (EiTarget(), None),
        (EiTarget(resource_ids=["DG1"]), None),
        (EiTarget(resource_ids=["DG1", "DG9"]), None),
        (EiTarget(resource_ids=["DG9"]), Code.TARGET_MISMATCH),
        (EiTarget(resource_ids=["DG9"], group_ids=["east"]), None),
        (EiTarget(group_ids=["west"]), Code.TARGET_MISMATCH),
        (EiTarget(party_ids=["somebody"]), None),
        (EiTarget(party_ids=["somebody"], group_ids=["west"]), Code.TARGET_MISMATCH),
        (EiTarget(ven_ids=["OTHER"], resource_ids=["DG1"]), Code.TARGET_MISMATCH),
    ],
)
def test_a_ven_takes_what_is_for_it(pair: Pair, target: EiTarget, code: Code | None) -> None:
    """Rule 22: of the kinds that the VEN says something of."""
    pair = a_ven(pair, resource_ids=["DG1", "DG2"], group_ids=["east"])
    distribute(pair, made(target=target))
    assert answers(pair) == ({} if code is None else {"E1": code})
    assert told(pair) == ([Change.NEW] if code is None else [])


def test_a_signal_may_be_for_some_devices_only(pair: Pair) -> None:
    pair = a_ven(pair, end_device_assets=["Thermostat"])
    kind, hour = SignalType.X_LOAD_CONTROL_CAPACITY, [(HOUR, 0.5)]
    ours, theirs = (
        signal("LOAD_CONTROL", kind, hour, devices=[device]) for device in (DeviceClass.THERMOSTAT, DeviceClass.SAUNA)
    )
    distribute(pair, compose(ours, theirs, start=T0, created=T0, event_id="E1"))
    assert told(pair) == [Change.NEW]
    (known,) = pair.ven.events.active(T0)
    assert [pair.ven.events.is_for_us(each) for each in known.event.ei_event_signals] == [True, False]
    distribute(pair, load_control(0.5, kind, start=T0, duration=HOUR, created=T0, devices=["Sauna"], event_id="E2"))
    assert answers(pair) == {"E2": Code.TARGET_MISMATCH}


# --- what a VEN makes of a message -----------------------------------------------------------------------------------


def test_an_event_id_that_stands_twice_is_refused_and_what_was_known_stays(joined: Pair) -> None:
    distribute(joined, made(), made("E2", 200))
    assert answers(joined) == {}
    joined.ven.happened.clear()
    distribute(joined, made(), changed(made(), ei_target=EiTarget(group_ids=["x"])), made("E2", 200))
    assert answers(joined) == {"E1": Code.INVALID_ID}
    assert told(joined) == []
    assert len(joined.ven.events) == 2


def test_a_dispatch_in_a_unit_that_means_nothing_is_refused(joined: Pair) -> None:
    """Rule 109."""
    wrong = changed(made().ei_event_signals[0], item_base=kilowatt_hours())
    distribute(joined, changed(made(), ei_event_signals=[wrong]))
    assert answers(joined) == {"E1": Code.SIGNAL_NOT_SUPPORTED}


def test_of_several_signals_one_that_is_understood_suffices(joined: Pair) -> None:
    """Rule 109."""
    both = compose(signal("x-mood", SignalType.LEVEL, [(HOUR, 1)]), dispatch_signal([(HOUR, 5)]), start=T0, created=T0)
    distribute(joined, both)
    assert told(joined) == [Change.NEW]


def test_a_reply_limit_cancels_nothing(pair: Pair) -> None:
    """The VEN takes what it asked for as a part, and the VTN sends the rest."""
    pair.ven = VenCore("site", vtn=f"{VTN}/vtn", vtn_identity=VTN, address=f"{VEN}/ems", reply_limit=1)
    pair.ven.start(T0)
    pair.settle(T0)
    for n in range(3):
        pair.vtn.create_event(made(f"E{n}", 100 * n), ["site"], T0)
    pair.settle(T0)
    pair.ven.happened.clear()
    pair.road.clear()
    pair.ven.receive(VTN, RequestReregistration(ven_id=pair.ven.ven_id), T0)
    pair.settle(T0)
    (request,) = [message for message in pair.road if isinstance(message, RequestEvent)]
    part, rest = [message for message in pair.road if isinstance(message, DistributeEvent)]
    assert request.reply_limit == 1
    assert [sent.ei_event.event_descriptor.event_id for sent in part.events] == ["E0"]
    assert len(rest.events) == 3
    assert told(pair) == []
    assert len(pair.ven.events) == 3


def asked_for_events(joined: Pair) -> Letter:
    """Return the letter in which the VEN, which registers again, asks for its events."""
    joined.ven.receive(VTN, RequestReregistration(ven_id=joined.ven.ven_id), T0)
    while True:
        for letter in joined.ven.outbox.due(T0):
            if isinstance(letter.message, RequestEvent):
                return letter
            joined.ven.answered(letter, joined.vtn.receive(VEN, letter.message, T0), T0)


def test_an_answer_that_was_overtaken_cancels_nothing(joined: Pair) -> None:
    """A VTN that pushes may tell of an event while its older answer, without that event, is still on its way."""
    letter = asked_for_events(joined)
    older = joined.vtn.receive(VEN, letter.message, T0)
    distribute(joined, made("E1"))
    joined.ven.answered(letter, older, T0)
    assert told(joined) == [Change.NEW]
    letter = asked_for_events(joined)
    joined.ven.answered(letter, joined.vtn.receive(VEN, letter.message, T0), T0)
    assert told(joined) == [Change.NEW, Change.IMPLICITLY_CANCELLED]  # nothing has overtaken this one


def test_a_late_start_is_not_cut_by_the_vtns_end(joined: Pair) -> None:
    """Rules 30 and 66: what began later here is over later; that the VTN sends it no more is no cancellation."""
    joined.ven.events._pick = lambda: 1.0
    joined.vtn.create_event(made(start=0, randomise=20 * MINUTE), ["site"], T0)
    joined.settle(T0)
    joined.ven.happened.clear()
    (shown,) = joined.vtn.events.for_ven(joined.ven.ven_id, T0 + 70 * MINUTE)
    assert shown.ei_event.event_descriptor.event_status is EventStatus.COMPLETED
    assert joined.vtn.events.for_ven(joined.ven.ven_id, T0 + 80 * MINUTE) == ()
    empty = DistributeEvent(request_id="D", vtn_id="VTN1")
    joined.ven.receive(VTN, empty, T0 + 70 * MINUTE)
    assert told(joined) == []
    assert len(joined.ven.events.active(T0 + 79 * MINUTE)) == 1
    joined.ven.receive(VTN, empty, T0 + 81 * MINUTE)
    assert told(joined) == []
    assert len(joined.ven.events) == 0


def test_before_the_vtns_end_missing_is_cancelled(joined: Pair) -> None:
    """Rule 61, and 65: not before the time that is picked."""
    joined.ven.events._pick = lambda: 0.5
    joined.vtn.create_event(made(start=0, randomise=20 * MINUTE), ["site"], T0)
    joined.settle(T0)
    joined.ven.happened.clear()
    joined.ven.receive(VTN, DistributeEvent(request_id="D", vtn_id="VTN1"), T0 + 30 * MINUTE)
    (change,) = joined.ven.happened
    assert isinstance(change, EventChange)
    assert (change.change, change.at) == (Change.IMPLICITLY_CANCELLED, T0 + 40 * MINUTE)


# --- what a VTN makes of an answer -----------------------------------------------------------------------------------


def test_an_answer_without_answers_is_refused(joined: Pair) -> None:
    """Rule 25."""
    message = CreatedEvent(ven_id=joined.ven.ven_id)
    answer: Any = joined.vtn.receive(VEN, message, T0)
    assert answer.ei_response.response_code == Code.INVALID_DATA
    assert "rule 25" in answer.ei_response.response_description


def test_a_ven_that_can_make_nothing_of_a_message_is_heard(joined: Pair) -> None:
    joined.vtn.create_event(made(), ["site"], T0)
    failure = EiResponse(response_code="454", response_description="what?")
    answer: Any = joined.vtn.receive(VEN, CreatedEvent(ei_response=failure, ven_id=joined.ven.ven_id), T0)
    assert answer.ei_response.ok
    (declined,) = joined.vtn.happened
    assert isinstance(declined, Declined)
    assert declined.error.code == "454"


def test_the_one_unknown_event_among_answers_does_not_lose_the_others(joined: Pair) -> None:
    booked = joined.vtn.create_event(made(), ["site"], T0)
    joined.settle(T0)
    unknown, known = (
        EventResponse(request_id="D", qualified_event_id=changed(booked.event.qualified_event_id, event_id=name),
                      opt_type=OptType.OPT_IN)
        for name in ("E9", "E1")
    )  # fmt: skip
    message = CreatedEvent(event_responses=[unknown, known], ven_id=joined.ven.ven_id)
    answer: Any = joined.vtn.receive(VEN, message, T0)
    assert answer.ei_response.response_code == Code.INVALID_ID
    assert booked.opt(joined.ven.ven_id) is OptType.OPT_IN


# --- values are values -----------------------------------------------------------------------------------------------


def test_what_was_added_does_not_change_with_what_it_was_made_of(joined: Pair) -> None:
    """Events are values: a list that was given and changes later changes nothing (openleadr's pull request 176)."""
    resources = ["DG1"]
    event = made(target=EiTarget(resource_ids=resources))
    booked = joined.vtn.create_event(event, ["site"], T0)
    resources.append("DG2")
    assert booked.event.ei_target.resource_ids == ("DG1",)
    with pytest.raises(AttributeError):
        event.event_descriptor.priority = 5  # type: ignore[misc]
    assert isinstance(booked.event.ei_event_signals, tuple)
    assert isinstance(booked.event.ei_event_signals[0].item_base, PowerReal)
