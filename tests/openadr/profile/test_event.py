"""EiEvent, noun by noun, through the facades of both roles."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

import attrs
import pytest
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.events import OPEN, DeviceClass, baseline, compose, kilowatts, load_dispatch, signal, simple
from janusgrid.openadr.model import (
    CreatedEvent,
    DistributeEvent,
    EiEvent,
    EiTarget,
    Event,
    EventStatus,
    FeatureCollection,
    ItemBase,
    OptType,
    Polygon,
    PowerAttributes,
    RequestEvent,
    Response,
    ResponseRequired,
    SignalName,
    SignalType,
    TransportInterface,
    Xml,
    changed,
)
from janusgrid.openadr.rules.event_checks import named
from janusgrid.openadr.rules.signals import SIGNALS
from janusgrid.openadr.ven import Change
from janusgrid.openadr.vtn import Opted, Party

from .line import VTN, Pair

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ALL = tuple(name.value for name in SignalName)
FEED = Xml('<atom:feed xmlns:atom="http://www.w3.org/2005/Atom"><atom:title>usage</atom:title></atom:feed>')
GRID = PowerAttributes(hertz=Decimal(50), voltage=Decimal(230), ac=True)
GIVEN: dict[str, Any] = {
    "power_attributes": GRID, "pulse_factor": 2.5, "feed": FEED, "item_units": "EUR", "item_description": "ice",
}  # fmt: skip
UNITS: dict[type, Any] = {
    kind: kind(**{
        field.name: GIVEN[field.name]
        for field in attrs.fields(kind)
        if field.default is attrs.NOTHING and field.name in GIVEN
    })
    for kind in get_args(ItemBase)
}  # fmt: skip


def dispatch(pair: Pair, event_id: str = "E1", after: timedelta = 10 * MINUTE, **about: Any) -> EiEvent:
    """Return an event of 500 kW for an hour."""
    given = {"start": pair.now + after, "duration": HOUR, "created": pair.now, "event_id": event_id, **about}
    return load_dispatch(given.pop("kilowatt", 500.0), **given)


def plain(event: EiEvent) -> EiEvent:
    """Return an event without what the time changes in it."""
    descriptor = changed(event.event_descriptor, event_status=EventStatus.NONE)
    signals = tuple(changed(each, current_value=None) for each in event.ei_event_signals)
    return changed(event, event_descriptor=descriptor, ei_event_signals=signals)


async def test_signals_of_every_name_type_and_unit_arrive_as_they_are(pair: Pair) -> None:
    vtn, ven = await pair.both(signals=[*ALL, "x-heat"])
    rows: list[tuple[str, SignalType, Any]] = [
        (row.name.value, row.kind, UNITS[unit] if unit else None)
        for row in SIGNALS
        for unit in row.units or (tuple(UNITS) if row.any_unit else (None,))
    ]
    rows += [("x-heat", kind, unit) for kind in SignalType for unit in (None, *UNITS.values())]
    made = [
        compose(
            signal(name, kind, [(MINUTE, 1.0), (MINUTE, 2.0)], item=unit),
            start=pair.now + n * HOUR, created=pair.now, market=f"http://utility.example/{n}", event_id=f"E{n}",
        )
        for n, (name, kind, unit) in enumerate(rows, 1)
    ]  # fmt: skip
    assert {(name, kind) for name, kind, _ in rows} >= {(row.name.value, row.kind) for row in SIGNALS}
    sent = [vtn.create_event(event, ["site"]) for event in made]
    await pair.let(30)
    assert [plain(known.event) for known in ven.events] == [plain(event) for event in made]
    assert {each.opt("site") for each in sent} == {OptType.OPT_IN}
    assert not any(each.warnings for each in sent)


async def test_a_signal_that_is_not_understood_is_refused_with_its_code(pair: Pair) -> None:
    vtn, ven = await pair.both(signals=["SIMPLE"])
    sent = vtn.create_event(dispatch(pair), ["site"])
    told: list[Opted] = []
    vtn.listen(Opted, told.append)
    await pair.let(30)
    assert (sent.opt("site"), told[0].response.response_code) == (OptType.OPT_OUT, Code.SIGNAL_NOT_SUPPORTED)
    assert "rule 109" in str(told[0].response.response_description)
    assert not ven.events


async def test_all_that_surrounds_an_event_arrives(pair: Pair) -> None:
    vtn, ven = await pair.both()
    base = baseline([(HOUR, 900.0), (HOUR, 950.0)], start=pair.now - HOUR, resources=["R1"], name="last week")
    vtn.create_event(
        dispatch(
            pair, notification=10 * MINUTE, ramp_up=5 * MINUTE, recovery=2 * MINUTE, priority=3, comment="a hot day",
            baseline=base,
        ),
        ["site"],
    )  # fmt: skip
    await pair.let(30)
    (known,) = ven.events
    period, descriptor = known.event.ei_active_period, known.event.event_descriptor
    assert known.event.ei_event_baseline == base
    assert [each.timedelta for each in (period.notification, period.ramp_up, period.recovery) if each] == [
        10 * MINUTE, 5 * MINUTE, 2 * MINUTE,
    ]  # fmt: skip
    assert (descriptor.priority, descriptor.vtn_comment, known.is_test) == (3, "a hot day", False)


async def test_an_event_lives_through_its_states(pair: Pair) -> None:
    vtn, ven = await pair.both()
    steps = [(20 * MINUTE, 300.0), (40 * MINUTE, 400.0)]
    sent = vtn.create_event(dispatch(pair, kilowatt=steps, duration=None, ramp_up=5 * MINUTE), ["site"])
    seen = []
    for seconds in (30, 300, 330, 1260, 2340):
        await pair.let(seconds)
        (known,) = ven.events
        seen.append((sent.status, known.status(pair.now), known.value("LOAD_DISPATCH", pair.now), len(ven.active())))
        assert known.value("SIMPLE", pair.now) is None
    states = (EventStatus.FAR, EventStatus.NEAR, EventStatus.ACTIVE, EventStatus.ACTIVE, EventStatus.COMPLETED)
    assert [each[:2] for each in seen] == [(state, state) for state in states]
    assert [each[2:] for each in seen] == [(None, 0), (None, 0), (300.0, 1), (400.0, 1), (None, 0)]


async def test_events_come_in_the_order_of_their_priority(pair: Pair) -> None:
    vtn, ven = await pair.both()
    for name, priority in (("last", 0), ("second", 2), ("first", 1)):
        vtn.create_event(dispatch(pair, name, -MINUTE, market=f"http://{name}.example", priority=priority), ["site"])
    vtn.create_event(dispatch(pair, "later", HOUR, priority=1), ["site"])
    await pair.let(30)
    order = ["first", "second", "last", "later"]
    assert [known.event_id for known in ven.events] == order
    assert [known.event_id for known in ven.active()] == order[:3]
    message = pair.line.of(DistributeEvent)[-1]
    assert [each.ei_event.event_descriptor.event_id for each in message.events] == order
    assert [each.status for each in vtn.events] == [EventStatus.ACTIVE] * 3 + [EventStatus.FAR]


async def test_a_modification_counts_and_is_decided_on_anew(pair: Pair) -> None:
    vtn, ven = await pair.both()
    sent = vtn.create_event(dispatch(pair), ["site"])
    await pair.let(30)
    for number, kilowatt in ((1, 400.0), (2, 300.0)):  # before it is active, and while it is
        values = tuple(changed(each, intervals=dispatch(pair, kilowatt=kilowatt).ei_event_signals[0].intervals)
                       for each in sent.event.ei_event_signals)  # fmt: skip
        sent.modify(changed(sent.event, ei_event_signals=values))
        assert sent.opt("site") is None
        sent.modify(sent.event)  # which is no modification
        await pair.let(30)
        (known,) = ven.events
        assert known.event.event_descriptor.modification_number == number
        assert known.event.event_descriptor.modification_date_time is not None
        assert sent.opt("site") is OptType.OPT_IN
        await pair.let(900)
    assert ven.active()[0].value("LOAD_DISPATCH", pair.now) == 300.0
    assert [each.change for each in pair.changes] == [Change.NEW, Change.MODIFIED, Change.MODIFIED]


@pytest.mark.parametrize("wait", [30, 900])
async def test_a_cancellation_is_confirmed(pair: Pair, wait: int) -> None:
    vtn, ven = await pair.both()
    pair.opt = OptType.OPT_OUT
    sent = vtn.create_event(dispatch(pair), ["site"])
    await pair.let(wait)
    assert sent.opt("site") is OptType.OPT_OUT
    sent.cancel("it rains")
    await pair.let(30)
    assert (sent.status, sent.opt("site")) == (EventStatus.CANCELLED, OptType.OPT_IN)
    assert not ven.active()
    change = pair.changes[-1]
    assert (change.change, change.known.cancelled) == (Change.CANCELLED, True)
    assert change.known.event.event_descriptor.modification_reason == "it rains"
    with pytest.raises(LocalError, match="cancelled"):
        sent.modify(dispatch(pair, kilowatt=1.0))


async def test_what_is_missing_is_cancelled(pair: Pair) -> None:
    party = Party("site", "site", targets=EiTarget(group_ids=["east"]))
    vtn, ven = await pair.both(vtn={"parties": [party, Party("mill", "mill", targets=EiTarget(group_ids=["west"]))]})
    sent = vtn.create_event(dispatch(pair, target=EiTarget(group_ids=["east"])))
    await pair.let(30)
    sent.modify(changed(sent.event, ei_target=EiTarget(group_ids=["west"])))
    await pair.let(30)
    assert [each.change for each in pair.changes] == [Change.NEW, Change.IMPLICITLY_CANCELLED]
    assert not ven.events


async def test_a_start_that_is_left_open_is_picked_by_the_ven(pair: Pair) -> None:
    vtn, ven = await pair.both()
    ven.core.events._pick = lambda: 0.5
    steps = [(10 * MINUTE, 300.0), (50 * MINUTE, 400.0)]
    sent = vtn.create_event(dispatch(pair, kilowatt=steps, duration=None, randomise=20 * MINUTE), ["site"])
    start = sent.event.ei_active_period.dtstart
    await pair.let(30)
    (known,) = ven.events
    assert (known.delay, known.event.ei_active_period.dtstart) == (10 * MINUTE, start + 10 * MINUTE)
    assert [len(ven.active(start + delay)) for delay in (9 * MINUTE, 10 * MINUTE, 69 * MINUTE, 70 * MINUTE)] == [
        0, 1, 1, 0,
    ]  # fmt: skip
    await pair.let((start - pair.now).total_seconds() + 15 * 60)
    sent.cancel()
    await pair.let(30)
    ends = pair.changes[-1].at  # half of the twenty minutes in which it may end, too
    assert (ends - pair.now) // MINUTE in (9, 10)
    assert ven.active()[0].value("LOAD_DISPATCH", pair.now) == 300.0
    assert ven.active()[0].value("LOAD_DISPATCH", start + 21 * MINUTE) == 400.0  # as it would have run
    assert not ven.active(ends)


async def test_a_test_event_says_so(pair: Pair) -> None:
    vtn, ven = await pair.both()
    vtn.create_event(dispatch(pair, test=True), ["site"])
    await pair.let(30)
    assert [known.is_test for known in ven.events] == [True]
    assert pair.changes[0].known.is_test


async def test_no_answer_is_given_where_none_is_wanted(pair: Pair) -> None:
    vtn, _ = await pair.both()
    sent = vtn.create_event(dispatch(pair), ["site"], ResponseRequired.NEVER)
    await pair.let(60)
    sent.cancel()
    await pair.let(60)
    assert [each.change for each in pair.changes] == [Change.NEW, Change.CANCELLED]
    assert (pair.line.of(CreatedEvent), sent.opt("site")) == ([], None)


async def test_an_answer_may_come_later_and_be_changed(pair: Pair) -> None:
    vtn, ven = await pair.both()
    pair.opt = None
    sent = vtn.create_event(dispatch(pair), ["site"])
    await pair.let(60)
    assert sent.opt("site") is None
    ven.opt("E1", OptType.OPT_IN)
    await pair.let(30)
    assert sent.opt("site") is OptType.OPT_IN
    ven.opt("E1", OptType.OPT_OUT)
    await pair.let(30)
    assert sent.opt("site") is OptType.OPT_OUT
    assert ven.events[0].opt is OptType.OPT_OUT


async def test_a_reply_limit_is_kept_and_loses_nothing(pair: Pair) -> None:
    vtn = await pair.vtn()
    ven = await pair.ven(reply_limit=2)
    await pair.let(5)
    for n in range(5):
        vtn.create_event(dispatch(pair, f"E{n}", n * 2 * HOUR), ["site"])
    pair.line.cut = True
    ven.register_again()
    await pair.let(1)
    pair.line.cut, pair.line.said[:] = False, []
    await pair.let(60)
    (asked,), (answer, *rest) = pair.line.of(RequestEvent), pair.line.of(DistributeEvent)
    limited = next(each for each in (answer, *rest) if each.ei_response is not None)
    assert (asked.reply_limit, len(limited.events)) == (2, 2)
    assert [known.event_id for known in ven.events] == [f"E{n}" for n in range(5)]
    assert {each.change for each in pair.changes} == {Change.NEW}


PLACE = FeatureCollection(
    id="a1", polygon=Polygon(id="p1", pos_list=(24.0, 121.0, 25.0, 121.0, 25.0, 122.0, 24.0, 121.0))
)
KINDS: dict[str, Any] = {
    "aggregated_pnodes": "apn", "end_device_assets": "Thermostat", "meter_assets": "M1", "pnodes": "pn",
    "service_areas": PLACE, "service_delivery_points": "SDP", "service_locations": PLACE,
    "transport_interfaces": TransportInterface(point_of_receipt="a", point_of_delivery="b"), "group_ids": "east",
    "group_names": "East", "resource_ids": "R1", "party_ids": "P1",
}  # fmt: skip


async def test_targets_of_every_kind_mean_whom_they_name(pair: Pair) -> None:
    assert {*KINDS, "ven_ids"} == set(EiTarget.__annotations__)
    ours = EiTarget(**{kind: [name] for kind, name in KINDS.items()})
    vtn = await pair.vtn([Party("site", "site", ven_id="VEN1", targets=ours), Party("mill", "mill")])
    ven, other = await pair.ven(targets=ours), await pair.ven("mill")
    await pair.let(5)
    targets = [EiTarget(**{kind: [name]}) for kind, name in KINDS.items()] + [EiTarget(ven_ids=["VEN1"])]
    targets.append(EiTarget(service_areas=[changed(PLACE, id="other")]))
    for n, target in enumerate(targets):
        sent = vtn.create_event(dispatch(pair, f"E{n}", n * 2 * HOUR, target=target))
        assert sent.vens == {ven.ven_id}, target
    await pair.let(60)
    assert [named(known.event.ei_target) for known in ven.events] == [named(target) for target in targets]
    assert {each.opt("site") for each in vtn.events} == {OptType.OPT_IN}
    assert not other.events
    vtn.create_event(dispatch(pair, "all", 100 * HOUR))  # an empty target means everybody
    await pair.let(30)
    assert [known.event_id for known in other.events] == ["all"]


async def test_what_no_document_can_carry_is_refused_at_once(pair: Pair) -> None:
    vtn, _ = await pair.both()
    twice = changed(PLACE, polygon=changed(PLACE.polygon, id="b c"))
    for wrong in ({"comment": "\0"}, {"market": "no uri %%"}, {"target": EiTarget(service_areas=[twice])}):
        with pytest.raises(LocalError, match="E1: "):
            vtn.create_event(dispatch(pair, **wrong), ["site"])
    sent = vtn.create_event(dispatch(pair), ["site"])
    for change in ({"vtn_comment": "\ud800"}, {"modification_reason": "\v"}):
        with pytest.raises(LocalError, match="E1: "):
            sent.modify(changed(sent.event, event_descriptor=changed(sent.event.event_descriptor, **change)))
    with pytest.raises(LocalError, match="E1: "):
        sent.cancel("\0")
    await pair.let(30)
    assert sent.opt("site") is OptType.OPT_IN


async def test_a_target_that_is_not_ours_is_refused(pair: Pair) -> None:
    vtn, ven = await pair.both(targets=EiTarget(resource_ids=["R1"]))
    told: list[Opted] = []
    vtn.listen(Opted, told.append)
    vtn.create_event(dispatch(pair, target=EiTarget(resource_ids=["R2"])), ["site"])
    await pair.let(30)
    assert told[0].response.response_code == Code.TARGET_MISMATCH
    assert not ven.events


async def test_device_classes_say_for_which_devices_a_signal_is(pair: Pair) -> None:
    vtn, ven = await pair.both(targets=EiTarget(end_device_assets=["Thermostat"]))
    signals = [
        signal(SignalName.LOAD_DISPATCH, SignalType.SETPOINT, [(HOUR, float(n))], item=kilowatts(), devices=[device])
        for n, device in enumerate(DeviceClass)
    ]
    sent = vtn.create_event(compose(*signals, start=pair.now, created=pair.now, event_id="E1"), ["site"])
    await pair.let(30)
    (known,) = ven.events
    found = [each.ei_target for each in known.event.ei_event_signals if ven.is_for_us(each)]
    assert found == [EiTarget(end_device_assets=["Thermostat"])]
    assert (sent.opt("site"), sent.warnings) == (OptType.OPT_IN, ())


async def test_an_event_without_end_goes_on_until_it_is_given_one(pair: Pair) -> None:
    vtn, ven = await pair.both()
    sent = vtn.create_event(simple([(HOUR, 1), (OPEN, 2)], start=pair.now, created=pair.now, event_id="E1"), ["site"])
    await pair.let(30)
    assert ven.active(pair.now + 1000 * HOUR)[0].value("SIMPLE", pair.now + 1000 * HOUR) == 2.0
    ended = simple([(HOUR, 1), (HOUR, 2)], start=sent.event.ei_active_period.dtstart, created=pair.now, event_id="E1")
    sent.modify(ended)
    await pair.let(30)
    assert ven.active(pair.now + 90 * MINUTE)
    assert not ven.active(pair.now + 3 * HOUR)


async def test_events_are_found_again(pair: Pair) -> None:
    vtn, _ = await pair.both()
    vtn.create_event(dispatch(pair), ["site"])
    assert [each.id for each in vtn.events] == [vtn.event("E1").id] == ["E1"]
    with pytest.raises(UnknownName):
        vtn.event("E2")
    with pytest.raises(LocalError, match="already"):
        vtn.create_event(dispatch(pair), ["site"])


async def test_good_and_bad_events_are_answered_each_for_itself(pair: Pair) -> None:
    _, ven = await pair.both()
    count = itertools.count()

    def sent(*events: EiEvent) -> DistributeEvent:
        return DistributeEvent(
            request_id=f"D{next(count)}", vtn_id="VTN1", events=[Event(ei_event=event) for event in events]
        )

    good, alien = dispatch(pair, "good"), dispatch(pair, "alien", target=EiTarget(ven_ids=["somebody"]))
    gone = dispatch(pair, "gone")
    gone = changed(gone, event_descriptor=changed(gone.event_descriptor, event_status=EventStatus.CANCELLED))
    later = changed(good, event_descriptor=changed(good.event_descriptor, modification_number=3))
    for message in (sent(good, alien, gone), sent(later), sent(good)):
        answer = await ven.receive(VTN, message)
        assert isinstance(answer, Response)
        assert answer.ei_response.ok
        await pair.let(10)
    given = [
        (each.request_id, each.qualified_event_id.event_id, each.response_code, each.opt_type)
        for message in pair.line.of(CreatedEvent)
        for each in message.event_responses or ()
    ]
    assert sorted(given) == [
        ("D0", "alien", "462", OptType.OPT_OUT),
        ("D0", "gone", "200", OptType.OPT_IN),
        ("D0", "good", "200", OptType.OPT_IN),
        ("D1", "good", "200", OptType.OPT_IN),
        ("D2", "good", "450", OptType.OPT_OUT),
    ]
    assert all(message.ei_response.request_id == "" for message in pair.line.of(CreatedEvent))
    assert [each.change for each in pair.changes] == [Change.NEW, Change.MODIFIED]


async def test_what_a_ven_says_of_unknown_events_is_refused(pair: Pair) -> None:
    vtn, _ = await pair.both()
    vtn.create_event(dispatch(pair), ["site"])
    await pair.let(30)
    (before,) = pair.line.of(CreatedEvent)
    (response,) = before.event_responses or ()
    for identity, code in (
        (changed(response.qualified_event_id, event_id="none"), Code.INVALID_ID),
        (changed(response.qualified_event_id, modification_number=7), Code.OUT_OF_SEQUENCE),
    ):
        wrong = changed(before, event_responses=(changed(response, qualified_event_id=identity),))
        answer = await vtn.receive("site", wrong)
        assert isinstance(answer, Response)
        assert answer.ei_response.response_code == code
