"""EiEvent of a VEN."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from ...core.answers import Code, Rejected, negative
from ...model import CreatedEvent, EiTarget, EventResponse, Message, OptType, Response, ResponseRequired
from ..state import State
from ..steps import Asks, Awaits, Check, Confirms, Expect, Quiet, Scenario, Sends, Step, equal
from .messages import (
    add,
    canceled,
    distribute,
    drop,
    first,
    modify,
    numbered_wrongly,
    of_level,
    too_short,
)
from .registration import JOINED, OK

events = partial(Scenario, subject="ven", group="events")

_ANSWER = (CreatedEvent,)


def _response(state: State, message: Any, name: str) -> EventResponse | None:
    named = (each for each in message.event_responses or () if each.qualified_event_id.event_id == state.notes[name])
    return next(named, None)


def said(name: str = "event", opt: OptType | None = OptType.OPT_IN, codes: tuple[str, ...] = ("200",)) -> Check:
    """Return a check of the answer to an event: its code, whether the VEN takes part, and which message it answers."""

    def fault(state: State, message: Any) -> str:
        found = _response(state, message, name)
        if found is None:
            return f"{name} is not answered"
        number = state.events[state.notes[name]].ei_event.event_descriptor.modification_number
        if found.response_code not in codes and not ("4.." in codes and found.response_code.startswith("4")):
            return f"{name} is answered {found.response_code} {found.response_description or ''}"
        if opt is not None and found.opt_type is not opt:
            return f"{name} is answered {found.opt_type}"
        if found.qualified_event_id.modification_number != number:
            return f"modification {found.qualified_event_id.modification_number} is answered, not {number}"
        if found.request_id != state.notes["distributed"]:
            return f"the requestID of the answer is {found.request_id!r:.60}, not that of the message"
        return ""

    words = f"{name} answered {' or '.join(codes)}" + (f", {opt}" if opt else "")
    return Check(words, fault)


def sent(text: str, *acts: Any, **how: Any) -> Step:
    """Return the step in which the VTN sends its events."""
    return Sends(text, first(distribute(**how), *acts), OK)


def answers(*checks: Check, text: str = "It answers", rules: tuple[int, ...] = ()) -> Step:
    """Return the step in which the VEN answers."""
    of_ven = equal("venID", lambda m: m.ven_id, lambda state: state.ven_id)
    return Awaits(text, Expect(_ANSWER, (), checks=(*(checks or (said(),)), of_ven), rules=(12, 25, 42, *rules)))


def _told(what: str, name: str = "event") -> Step:
    return Confirms("What was the application told of the event?", "event", what,
                    lambda state: {"event_id": state.notes[name]})  # fmt: skip


def _out_of_sequence(state: State, message: Any) -> Message:
    return Response(ei_response=negative(Rejected(Code.OUT_OF_SEQUENCE, "another modification"), ""))


NEW = sent("The VTN sends an event: SIMPLE level 1, in 72 hours, for 2 hours", add())

EVENTS = (
    events("VEN-E-01", "An event is accepted", steps=(JOINED, NEW, answers(rules=(41, 56)), _told("new"))),
    events("VEN-E-02", "An event is modified", steps=(
        JOINED, NEW, answers(),
        sent("The VTN sends it changed: level 2", modify(change=of_level(2.0))),
        answers(rules=(57,)), _told("modified"),
    )),
    events("VEN-E-03", "An event is cancelled", steps=(
        JOINED, NEW, answers(),
        sent("The VTN cancels it", modify(change=canceled)),
        answers(text="It confirms that by optIn", rules=(36, 59)), _told("cancelled"),
    )),
    events("VEN-E-04", "An event that is not sent any more is cancelled", steps=(
        JOINED, NEW, answers(),
        sent("The VTN sends other events without it", drop(), add("other", hours=96)),
        answers(said("other"), text="It answers the other", rules=(61,)), _told("implicitly cancelled"),
    )),
    events("VEN-E-05", "An older modification is refused: 450", steps=(
        JOINED, sent("The VTN sends an event at modification 3", add(), modify(by=3)), answers(),
        sent("It sends modification 1", modify(by=-2)),
        answers(said(opt=None, codes=("450",)), rules=(58,)),
    )),
    events("VEN-E-06", "An event that wants no answer gets none", steps=(
        JOINED,
        sent("The VTN sends an event that wants no answer", add(response=ResponseRequired.NEVER)),
        _told("new"),
        Quiet("No answer comes", _ANSWER, rules=(12, 62)),
    )),
    events("VEN-E-07", "A good event and a bad one are answered each for itself", steps=(
        JOINED,
        sent("The VTN sends an event, and one of SIMPLE level 7", add(), add("bad", hours=96, change=of_level(7.0))),
        Awaits("It refuses the bad one", Expect(_ANSWER, (), rules=(9, 19), checks=(
            said("bad", None, ("4..",)),))),
        _told("new"), _told("nothing", "bad"),
    )),
    events("VEN-E-08", "A signal that is not known: 460", steps=(
        JOINED,
        sent("The VTN sends an event of the signal x-unheard-of", add(kind="x-unheard-of")),
        answers(said(opt=OptType.OPT_OUT, codes=("460", "200")), rules=(109,)),
    )),
    events("VEN-E-09", "An event for another VEN: 462", steps=(
        JOINED,
        sent("The VTN sends an event whose target is another VEN", add(target=EiTarget(ven_ids=("another-ven",)))),
        answers(said(opt=OptType.OPT_OUT, codes=("462",)), rules=(22,)),
    )),
    events("VEN-E-10", "A cancelled event that was not known is no mistake", steps=(
        JOINED,
        sent("The VTN sends an event that is cancelled already", add(change=canceled)),
        answers(rules=(36, 60)), _told("nothing"),
    )),
    events("VEN-E-11", "What is sent again is answered again", steps=(
        JOINED, NEW, answers(),
        sent("The VTN sends it once more, unchanged"),
        answers(),
    )),
    events("VEN-E-12", "A message of another VTN: 452", steps=(
        JOINED,
        Sends("The VTN sends events under another vtnID", first(distribute(vtn_id="another-vtn"), add()), Expect(
            (Response,), ("452", "463"), rules=(21,))),
        _told("nothing"),
    )),
    events("VEN-E-13", "An eventID that stands twice: 452", steps=(
        JOINED,
        sent("The VTN sends a message in which an event stands twice", add(), twice=True),
        answers(said(opt=None, codes=("452", "454", "459"))),
    )),
    events("VEN-E-14", "A test event is answered", steps=(
        JOINED, sent("The VTN sends a test event", add(test=True)), answers(rules=(6,)),
    )),
    events("VEN-E-15", "An event whose start is left open", steps=(
        JOINED, sent("The VTN sends an event that may begin up to 30 minutes later",
                     add(randomise=timedelta(minutes=30))),
        answers(rules=(30,)),
        sent("It cancels it", modify(change=canceled)), answers(rules=(65,)), _told("cancelled"),
    )),
    events("VEN-E-16", "An event without an end", steps=(
        JOINED, sent("The VTN sends an event without an end", add(lasts=0)), answers(),
    )),
    events("VEN-E-17", "An event of several signals", steps=(
        JOINED, sent("The VTN sends an event of SIMPLE and LOAD_DISPATCH", add(kind="both")),
        answers(said(opt=None, codes=("200", "460")), rules=(109,)),
    )),
    events("VEN-E-18", "Any URI may be a market context", steps=(
        JOINED, sent("The VTN sends an event of a market context that nobody has heard of",
                     add(market="urn:nobody:has:heard:of:this")),
        answers(rules=(48,)),
    )),
    events("VEN-E-19", "Intervals that are numbered wrongly are refused", steps=(
        JOINED, sent("The VTN sends an event whose intervals begin at uid 5", add(change=numbered_wrongly)),
        answers(said(opt=None, codes=("4..",)), rules=(2,)),
    )),
    events("VEN-E-20", "Intervals that do not fill the period are refused", steps=(
        JOINED, sent("The VTN sends an event of 2 hours with an interval of a minute", add(change=too_short)),
        answers(said(opt=None, codes=("4..",)), rules=(8,)),
    )),
    events("VEN-E-21", "Events of two market contexts at the same time", steps=(
        JOINED, sent("The VTN sends two events, of priority 1 and 2",
                     add("first", priority=1), add("second", priority=2, market="http://janusgrid.example/other")),
        answers(said("first", None), rules=(15,)),
    )),
    events("VEN-E-22", "The VEN opts out of what it had accepted", steps=(
        JOINED, NEW, answers(),
        Asks("Let the VEN opt out of the event", "opt_event",
             lambda state: {"event_id": state.notes["event"], "opt": "optOut"}),
        answers(said(opt=OptType.OPT_OUT), text="It says so", rules=(17,)),
    )),
    events("VEN-E-23", "The VEN opts out", steps=(
        JOINED,
        Asks("Let the VEN opt out of what comes", "decide", lambda state: {"opt": "optOut"}),
        NEW, answers(said(opt=OptType.OPT_OUT)),
    )),
    events("VEN-E-24", "The VTN refuses the answer; the VEN goes on", steps=(
        JOINED, NEW,
        Awaits("It answers", Expect(_ANSWER, (), checks=(said(),)), reply=_out_of_sequence),
        sent("The VTN sends it changed: level 2", modify(change=of_level(2.0))),
        answers(rules=(57,)),
    )),
    events("VEN-E-25", "An active event, with ramp-up and recovery", steps=(
        JOINED,
        sent("The VTN sends an event that began an hour ago and lasts 2 days", add(
            hours=-1, lasts=48, ramp_up=timedelta(minutes=10), recovery=timedelta(minutes=10))),
        answers(),
    )),
)  # fmt: skip
