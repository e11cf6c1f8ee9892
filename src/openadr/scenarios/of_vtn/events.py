"""EiEvent of a VTN."""

from __future__ import annotations

from functools import partial
from typing import Any

from ....common.errors import JanusGridError
from ...model import DistributeEvent, EiEvent, EventStatus, OptType, Response, ResponseRequired
from ...rules.event import rule_13, rule_14, rule_15
from ..state import State, event_of
from ..steps import Asks, Awaits, Check, Confirms, Expect, Quiet, Scenario, Sends, Step, that
from .messages import answer, answer_nothing, answer_to, ask_events
from .registration import JOINED

events = partial(Scenario, subject="vtn", group="events")

_DISTRIBUTED = (DistributeEvent,)


def note(name: str = "event") -> Any:
    """Note an event of a message under a name: the one that has it already, or else the new one."""

    def learn(state: State, message: Any) -> None:
        found = noted(name, state, message)
        if found is not None:
            identity = found.qualified_event_id
            state.notes[name] = message.request_id, identity.event_id, identity.modification_number
            state.own.add(identity.event_id)

    return learn


def noted(name: str, state: State, message: Any) -> EiEvent | None:
    """Return the event of a message that was noted under a name, or else the one that is new."""
    if name in state.notes:
        return event_of(message, state.notes[name][1])
    others = {found[1] for found in state.notes.values() if isinstance(found, tuple)} | state.notes.get("old", set())
    found = (sent.ei_event for sent in message.events)
    return next((each for each in found if each.event_descriptor.event_id not in others), None)


def has(text: str, holds: Any, name: str = "event") -> Check:
    """Return a check of the event that was noted."""

    def fault(state: State, message: Any) -> str:
        found = noted(name, state, message)
        if found is None:
            return "the event is not there"
        try:
            return "" if holds(found) else f"not so: {text}"
        except JanusGridError as error:
            return str(error)

    return Check(text, fault)


def timely(state: State, message: Any) -> str:
    """Hold status, current values and order to the time (rules 13 to 15)."""
    now = state.now()
    found = [finding for sent in message.events for rule in (rule_13, rule_14) for finding in rule(sent.ei_event, now)]
    return "; ".join(str(finding) for finding in [*found, *rule_15(message, now)])


TIMELY = Check("status, current values and order fit the time", timely)


def made(text: str, name: str = "event", **arguments: Any) -> Step:
    """Return the step in which the VTN makes an event."""
    return Asks(text, "create_event", lambda state: {"name": name, **arguments})


def comes(*checks: Check, name: str = "event", text: str = "The event comes", rules: tuple[int, ...] = ()) -> Step:
    """Return the step in which the event arrives."""
    return Awaits(text, Expect(_DISTRIBUTED, (), checks=(TIMELY, *checks), rules=rules, learn=note(name)))


def accepted(text: str = "The VEN opts in", name: str = "event", opt: OptType = OptType.OPT_IN) -> Step:
    """Return the step in which the VEN answers."""
    return Sends(text, answer(name, opt), Expect((Response,), rules=(16,)))


def _wants_answer(state: State, message: Any) -> str:
    required = {sent.response_required for sent in message.events}
    return "" if ResponseRequired.ALWAYS in required else "no answer is required"


def _order(*names: str) -> Check:
    def fault(state: State, message: Any) -> str:
        ids = [sent.ei_event.event_descriptor.event_id for sent in message.events]
        places = [ids.index(state.notes[name][1]) if state.notes[name][1] in ids else -1 for name in names]
        if -1 in places:
            return "not every event is there"
        return "" if places == sorted(places) else f"their places are {places}"

    return Check(f"{' before '.join(names)}", fault)


EVENTS = (
    events("VTN-E-01", "An event is sent, and accepted", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(Check("an answer is required", _wants_answer),
              has("it is at modification 0", lambda e: e.event_descriptor.modification_number == 0),
              has("it is far", lambda e: e.event_descriptor.event_status is EventStatus.FAR), rules=(2, 4, 8, 13)),
        accepted(),
        Confirms("What has the VEN said of the event?", "opt", "optIn", lambda state: {"name": "event"}),
    )),
    events("VTN-E-02", "A VEN asks for its events", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        Sends("The VEN asks for its events", ask_events(), Expect(
            _DISTRIBUTED, checks=(that("it has an eiResponse", lambda s, m: m.ei_response is not None),
                                  has("the event is there", lambda e: True)), rules=(40,))),
        accepted(),
    )),
    events("VTN-E-03", "An event is modified; who answers the old one is told so", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        accepted(),
        Asks("Modify the event: level 2", "modify_event", lambda state: {"name": "event"}),
        comes(has("it is at modification 1", lambda e: e.event_descriptor.modification_number == 1),
              text="The modified event comes", rules=(5, 57)),
        Sends("The VEN answers modification 0", answer(older=1), Expect((Response,), ("450",))),
        accepted("It answers modification 1"),
        Confirms("What has the VEN said of the event?", "opt", "optIn", lambda state: {"name": "event"}),
    )),
    events("VTN-E-04", "An event is cancelled", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        accepted(),
        Asks("Cancel the event", "cancel_event", lambda state: {"name": "event"}),
        comes(has("it is cancelled", lambda e: e.event_descriptor.event_status is EventStatus.CANCELLED),
              has("it is one modification further", lambda e: e.event_descriptor.modification_number == 1),
              text="The cancelled event comes", rules=(5, 59)),
        Sends("The VEN confirms it by optIn", answer(), Expect((Response,), rules=(36,))),
    )),
    events("VTN-E-05", "An event is modified and then cancelled", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        Asks("Modify the event: level 2", "modify_event", lambda state: {"name": "event"}),
        comes(has("it is at modification 1", lambda e: e.event_descriptor.modification_number == 1), rules=(5,)),
        Asks("Cancel the event", "cancel_event", lambda state: {"name": "event"}),
        comes(has("it is at modification 2", lambda e: e.event_descriptor.modification_number == 2),
              has("it is cancelled", lambda e: e.event_descriptor.event_status is EventStatus.CANCELLED), rules=(5,)),
        Sends("The VEN confirms it by optIn", answer(), Expect((Response,), rules=(36,))),
    )),
    events("VTN-E-06", "No more events than replyLimit says", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        made("Make another: in 96 hours", "later", hours=96),
        comes(name="later"),
        Sends("The VEN asks for one event", ask_events(1), Expect(
            _DISTRIBUTED, checks=(that("there is one event", lambda s, m: len(m.events) == 1),))),
        Sends("It asks for two events", ask_events(2), Expect(
            _DISTRIBUTED, checks=(that("there are two events", lambda s, m: len(m.events) == 2),
                                  _order("event", "later")), rules=(15,))),
        accepted(), accepted(name="later"),
    )),
    events("VTN-E-07", "An answer to an event that nobody knows is refused", steps=(
        JOINED,
        Sends("The VEN answers an event that there is not", answer_to("no-such-event"), Expect((Response,), ("452",))),
        Sends("It asks for its events", ask_events(), Expect(_DISTRIBUTED, rules=(40,))),
    )),
    events("VTN-E-08", "Good and bad answers in one message", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        Sends("The VEN answers this event and one that there is not", answer(others=("no-such-event",)),
              Expect((Response,), ("452", "200"))),
        Confirms("What has the VEN said of the event?", "opt", "optIn", lambda state: {"name": "event"}),
    )),
    events("VTN-E-09", "A VEN opts out; the event is sent to it all the same", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        accepted("The VEN opts out", opt=OptType.OPT_OUT),
        Confirms("What has the VEN said of the event?", "opt", "optOut", lambda state: {"name": "event"}),
        Sends("It asks for its events", ask_events(), Expect(
            _DISTRIBUTED, checks=(has("the event is there", lambda e: True),), rules=(50,))),
    )),
    events("VTN-E-10", "A VEN opts out of what it had accepted", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        accepted(),
        Sends("The VEN opts out", answer(opt=OptType.OPT_OUT), Expect((Response,), rules=(17,))),
        Confirms("What has the VEN said of the event?", "opt", "optOut", lambda state: {"name": "event"}),
    )),
    events("VTN-E-11", "An answer without eventResponses is refused, unless it reports a failure", steps=(
        JOINED,
        Sends("The VEN says 200, and nothing of any event", answer_nothing(), Expect(
            (Response,), ("454", "459"), rules=(25,))),
        Sends("The VEN says 454, and nothing of any event", answer_nothing("454"), Expect((Response,), rules=(35,))),
    )),
    events("VTN-E-12", "Events to come stand in the order of their starts", steps=(
        JOINED,
        made("Make an event in 96 hours", "later", hours=96),
        comes(name="later"),
        made("Make an event in 72 hours", "sooner"),
        comes(that("both are there", lambda s, m: len(m.events) >= 2), name="sooner"),
        Sends("The VEN asks for its events", ask_events(), Expect(
            _DISTRIBUTED, checks=(_order("sooner", "later"), TIMELY), rules=(15,))),
        accepted(name="sooner"), accepted(name="later"),
    )),
    events("VTN-E-13", "Active events stand in the order of their priorities", steps=(
        JOINED,
        made("Make an event that began an hour ago and lasts 2 days: priority 2", "second", hours=-1, lasts=48,
             priority=2),
        comes(has("it is active", lambda e: e.event_descriptor.event_status is EventStatus.ACTIVE, "second"),
              name="second", rules=(13, 14)),
        made("Make another of another market context: priority 1", "first", hours=-1, lasts=48, priority=1,
             market="http://janusgrid.example/other"),
        comes(name="first"),
        Sends("The VEN asks for its events", ask_events(), Expect(
            _DISTRIBUTED, checks=(_order("first", "second"), TIMELY), rules=(13, 14, 15))),
        accepted(name="first"), accepted(name="second"),
    )),
    events("VTN-E-14", "A test event says that it is one", steps=(
        JOINED,
        made("Make a test event", test=True),
        comes(has("testEvent is there, and not false", lambda e: e.event_descriptor.is_test), rules=(6,)),
        accepted(),
    )),
    events("VTN-E-15", "An event of several signals, with a baseline", steps=(
        JOINED,
        made("Make an event of SIMPLE and LOAD_DISPATCH, with a baseline", signal="both", with_baseline=True),
        comes(has("it has two signals", lambda e: len(e.ei_event_signals) == 2),
              has("it has a baseline", lambda e: e.ei_event_baseline is not None), rules=(2, 8, 9, 100, 116)),
        accepted(),
    )),
    events("VTN-E-16", "An event names the resource that it means", steps=(
        JOINED,
        made("Make an event for the resource pcc", resource="pcc"),
        comes(has("its target names the resource", lambda e: "pcc" in e.ei_target.resource_ids), rules=(22,)),
        accepted(),
    )),
    events("VTN-E-17", "An event may begin somewhat later", steps=(
        JOINED,
        made("Make an event that may begin up to 30 minutes later", randomise=30),
        comes(has("startafter is there", lambda e: e.ei_active_period.tolerance is not None), rules=(30,)),
        accepted(),
    )),
    events("VTN-E-18", "An event with ramp-up and recovery is near before it begins", steps=(
        JOINED,
        made("Make an event in 24 hours, with a ramp-up of 48 hours and a recovery of one hour", hours=24, ramp_up=48,
             recovery=1),
        comes(has("it is near", lambda e: e.event_descriptor.event_status is EventStatus.NEAR),
              has("x-eiNotification is there", lambda e: e.ei_active_period.notification is not None),
              has("x-eiRampUp is there", lambda e: e.ei_active_period.ramp_up is not None),
              has("x-eiRecovery is there", lambda e: e.ei_active_period.recovery is not None), rules=(13, 105)),
        accepted(),
    )),
    events("VTN-E-19", "An event that has no end yet", steps=(
        JOINED,
        made("Make an event without an end", lasts=0),
        comes(has("its duration is zero", lambda e: not e.ei_active_period.duration.timedelta), rules=(8,)),
        accepted(),
    )),
    events("VTN-E-20", "An event that wants no answer", steps=(
        JOINED,
        made("Make an event that wants no answer", response="never"),
        comes(Check("no answer is required", lambda s, m: "" if _wants_answer(s, m) else "an answer is required"),
              rules=(12, 62)),
        Sends("The VEN asks for its events", ask_events(), Expect(
            _DISTRIBUTED, checks=(has("the event is there", lambda e: True),))),
    )),
    events("VTN-E-21", "An answer in the name of another VEN is refused", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        Sends("The VEN answers under another venID", answer(ven_id="another-ven"), Expect(
            (Response,), ("463", "452"), rules=(21,))),
        Confirms("What has the VEN said of the event?", "opt", "nothing", lambda state: {"name": "event"}),
    )),
    events("VTN-E-22", "Events of one market context do not overlap", steps=(
        JOINED,
        made("Make an event in 72 hours"),
        comes(),
        Asks("Make another at the same time, of the same market context", "create_event",
             lambda state: {"name": "other"}, may_refuse=True),
        Quiet("No event comes that overlaps it", _DISTRIBUTED),
    )),
    events("VTN-E-23", "An event is offered until it is answered", steps=(
        JOINED,
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        comes(),
        Sends("The VEN asks for its events without having answered", ask_events(), Expect(
            _DISTRIBUTED, checks=(has("the event is there", lambda e: True),), rules=(40,))),
        accepted(),
        Confirms("What has the VEN said of the event?", "opt", "optIn", lambda state: {"name": "event"}),
    )),
)  # fmt: skip
