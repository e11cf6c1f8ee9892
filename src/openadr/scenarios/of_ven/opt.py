"""EiOpt of a VEN."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from ...core.answers import Code, Rejected, negative
from ...model import CancelOpt, CreatedOpt, CreateOpt, Message
from ..state import State
from ..steps import Asks, Awaits, Check, Confirms, Expect, Quiet, Scenario, Step, equal, that
from .events import NEW, answers, sent
from .messages import modify, of_level
from .registration import JOINED

opts = partial(Scenario, subject="ven", group="opt")


def _learn(state: State, message: Any) -> None:
    state.notes["opt"] = message.opt_id


def _of_now(state: State, message: Any) -> str:
    said, minute = message.created_date_time, timedelta(minutes=1)
    return "" if state.began - minute <= said <= state.now() + minute else f"createdDateTime is {said}"


def _refuse(state: State, message: Any) -> Message:
    error = Rejected(Code.INVALID_ID, "no such event is known")
    return CreatedOpt(ei_response=negative(error, message.request_id), opt_id=message.opt_id)


_FORM = (
    equal("venID", lambda m: m.ven_id, lambda state: state.ven_id),
    that("it is of an event, or of times",
         lambda state, m: (m.qualified_event_id is None) != (m.vavailability is None)),
    Check("createdDateTime is now", _of_now),
)  # fmt: skip
_OF_EVENT = equal("eventID", lambda m: m.qualified_event_id and m.qualified_event_id.event_id,
                  lambda state: state.notes["event"])  # fmt: skip


def _says(text: str, *checks: Check, reply: Any = None) -> Step:
    return Awaits(text, Expect((CreateOpt,), (), checks=(*_FORM, *checks), learn=_learn), reply=reply)


_OPT_OUT = Asks("Let the VEN opt out of the event by EiOpt", "opt_event",
                lambda state: {"event_id": state.notes["event"], "opt": "optOut", "as_opt": True})  # fmt: skip
_SCHEDULE = Asks("Let the VEN say that it is not available in 100 hours, for 2 hours", "opt_schedule",
                 lambda state: {"name": "times", "opt": "optOut", "hours": 100, "lasts": 2})  # fmt: skip
_TAKES_BACK = Awaits("It takes it back", Expect((CancelOpt,), (), checks=(
    equal("optID", lambda m: m.opt_id, lambda state: state.notes["opt"]), _FORM[0])))  # fmt: skip

OPTS = (
    opts("VEN-P-01", "The VEN opts out of an event by EiOpt", steps=(
        JOINED, NEW, answers(), _OPT_OUT,
        _says("It says so", _OF_EVENT, equal("optType", lambda m: m.opt_type, "optOut")),
        Confirms("Does the VEN know that the VTN has confirmed it?", "opt_accepted", True,
                 lambda state: {"name": state.notes["event"]}),
    )),
    opts("VEN-P-02", "The VEN takes an opt of an event back", steps=(
        JOINED, NEW, answers(), _OPT_OUT,
        _says("It says so", _OF_EVENT),
        Asks("Let the VEN take it back", "cancel_opt", lambda state: {"name": state.notes["event"]}),
        _TAKES_BACK,
    )),
    opts("VEN-P-03", "The VEN says when it is not available", steps=(
        JOINED, _SCHEDULE,
        _says("It says so", that("it has one stretch of time, of two hours", lambda state, m: [
            each.duration.timedelta for each in m.vavailability] == [timedelta(hours=2)])),
        Confirms("Does the VEN know that the VTN has confirmed it?", "opt_accepted", True,
                 lambda state: {"name": "times"}),
    )),
    opts("VEN-P-04", "The VEN takes back when it is not available", steps=(
        JOINED, _SCHEDULE, _says("It says so"),
        Asks("Let the VEN take it back", "cancel_opt", lambda state: {"name": "times"}),
        _TAKES_BACK,
    )),
    opts("VEN-P-05", "The VTN refuses an opt", steps=(
        JOINED, _SCHEDULE, _says("It says so", reply=_refuse),
        Quiet("The VEN does not insist", (CreateOpt,)),
        NEW, answers(),
    )),
    opts("VEN-P-06", "The opt of an event stands while the VTN sends other things", steps=(
        JOINED, NEW, answers(), _OPT_OUT, _says("It says so", _OF_EVENT),
        sent("The VTN sends the event changed: level 2", modify(change=of_level(2.0))),
        answers(text="It answers the modification"),
    )),
)  # fmt: skip
