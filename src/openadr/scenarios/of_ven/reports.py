"""EiReport of a VEN."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...core.answers import Code, Rejected, negative, ok
from ...model import (
    CanceledReport,
    CreatedEvent,
    CreatedReport,
    CreatePartyRegistration,
    Message,
    PayloadResourceStatus,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportPayload,
    RequestEvent,
    Response,
    UpdatedReport,
    UpdateReport,
)
from ..replies import offered
from ..state import State
from ..steps import Awaits, Check, Expect, Quiet, Scenario, Sends, Step, that
from .messages import ask, ask_metadata, canceling, end, offer, requested, reregister
from .registration import BEGIN, ENDED, FRESH, JOINED, NO_IDS, OK, SAME_IDS, SHOWN

reports = partial(Scenario, subject="ven", group="reports")

USAGE, STATUS, HISTORY = "TELEMETRY_USAGE", "TELEMETRY_STATUS", "HISTORY_USAGE"
_BEGUN = (CreatedReport,)
_ALONE = frozenset({"report_only"})
_UPDATE = (UpdateReport,)


def _pending(*names: str) -> Check:
    def fault(state: State, message: Any) -> str:
        wanted, found = {state.notes[name] for name in names}, set(message.pending_reports)
        return "" if wanted == found else f"pending are {len(found)} reports: {', '.join(sorted(found))[:200]}"

    return Check(f"{len(names) or 'no'} reports are pending, and these", fault)


def _reports(state: State, message: Any, note: str) -> list[Report]:
    return [report for report in message.reports if report.report_request_id == state.notes[note]]


def _every_point(note: str) -> Check:
    """Every point that was asked for is delivered."""

    def fault(state: State, message: Any) -> str:
        found = {
            payload.r_id
            for report in _reports(state, message, note)
            for interval in report.intervals or ()
            for payload in interval.payloads
            if isinstance(payload, ReportPayload)
        }
        missing = set(state.notes[f"points of {note}"]) - found
        return f"{', '.join(sorted(missing))} not delivered" if missing else ""

    return Check("every point that was asked for is there", fault)


def _states(state: State, message: Any) -> bool:
    payloads = [p for r in message.reports for i in r.intervals or () for p in i.payloads]
    return bool(payloads) and all(isinstance(payload.value, PayloadResourceStatus) for payload in payloads)


def _end_with_answer(state: State, message: Any) -> Message:
    """Take values, and end their report."""
    return UpdatedReport(ei_response=ok(message), cancel_report=canceling(state, "request"), ven_id=state.ven_id)


def _unknown(state: State, message: Any) -> Message:
    """Say that the values were not asked for."""
    state.running.clear()
    error = Rejected(Code.INVALID_ID, "no such report was asked for", rule=304)
    return UpdatedReport(ei_response=negative(error, message.request_id), ven_id=state.ven_id)


def _ask_at_once(state: State, message: Any) -> Message:
    """Take what is offered, and ask for usage with that."""
    offered(state, message)
    return RegisteredReport(ei_response=ok(message), report_requests=(requested(state, USAGE),), ven_id=state.ven_id)


def asks(name: str, **how: Any) -> Step:
    """Return the step in which the VTN asks for a report."""
    once = " once" if how.get("once") else ""
    note = how.get("note", "request")
    return Sends(f"The VTN asks for {name}{once}", ask(name, **how), Expect(_BEGUN, checks=(
        Check("the report is pending", lambda s, m: "" if s.notes[note] in m.pending_reports else "it is not"),),
        rules=(324, 329)))  # fmt: skip


def values(*checks: Check, note: str = "request", reply: Any = None, text: str = "Values come") -> Step:
    """Return the step in which values come."""
    return Awaits(text, Expect(_UPDATE, (), checks=(_every_point(note), *checks), rules=(314, 342)), reply=reply)


REPORTS = (
    reports("VEN-R-01", "A report that goes on", offers=(USAGE,), steps=(
        JOINED, asks(USAGE), values(), values(text="More values come"),
        Sends("The VTN ends it", end("request"), Expect((CanceledReport,), checks=(_pending(),), rules=(329,))),
    )),
    reports("VEN-R-02", "A report that comes once", offers=(USAGE,), steps=(
        JOINED, asks(USAGE, once=True), values(),
        Quiet("No more values come", _UPDATE, rules=(324,), periods=2.5),
        Sends("The VTN ends it, and it is over already", end("request"), Expect((CanceledReport,), ("452", "200"),
              checks=(_pending(),), rules=(329,))),
    )),
    reports("VEN-R-03", "All reports that run are pending", offers=(USAGE, STATUS), steps=(
        JOINED, asks(USAGE),
        Sends("The VTN asks for TELEMETRY_STATUS, too", ask(STATUS, note="second"), Expect(
            _BEGUN, checks=(_pending("request", "second"),), rules=(329,))),
        Sends("It ends the first", end("request"), Expect(
            (CanceledReport,), checks=(_pending("second"),), rules=(329,))),
        Sends("It ends the second", end("second"), Expect((CanceledReport,), checks=(_pending(),), rules=(329,))),
    )),
    reports("VEN-R-04", "A report is asked for with the answer to what is offered", offers=(USAGE,), steps=(
        JOINED,
        Sends("The VTN asks what the VEN can report", ask_metadata, Expect(_BEGUN, rules=(306,))),
        Awaits("The VEN says it, and is asked for usage", Expect((RegisterReport,), (), rules=(306, 311)),
               reply=_ask_at_once),
        Awaits("It begins the report", Expect(_BEGUN, (), checks=(_pending("request"),), rules=(329,))),
        values(),
    )),
    reports("VEN-R-05", "A report is ended with the answer to its values", offers=(USAGE,), steps=(
        JOINED, asks(USAGE), values(reply=_end_with_answer, text="Values come, and the VTN ends the report"),
        Awaits("The VEN says that it has ended", Expect((CanceledReport,), ("200",), checks=(_pending(),),
                                                        rules=(329,))),
        Quiet("No more values come", _UPDATE, stragglers=2, periods=2.5),
    )),
    reports("VEN-R-06", "A report is ended with a last one to follow", offers=(USAGE,), steps=(
        JOINED, asks(USAGE, every=600),
        Sends("The VTN ends it, and wants a last report", end("request", to_follow=True), Expect(
            (CanceledReport,), checks=(_pending(),), rules=(345,))),
        values(text="The last values come"),
        Quiet("No more values come", _UPDATE),
    )),
    reports("VEN-R-07", "A report that is not offered: 461", steps=(
        JOINED,
        Sends("The VTN asks for a report that there is not", ask("no-such-report"), Expect(
            _BEGUN, ("461", "452"), checks=(_pending(),))),
    )),
    reports("VEN-R-08", "A point that is not offered: 452", offers=(USAGE,), steps=(
        JOINED,
        Sends("The VTN asks for a point that there is not", ask(USAGE, r_ids=("no-such-point",)), Expect(
            _BEGUN, ("452", "454", "461"), checks=(_pending(),))),
    )),
    reports("VEN-R-09", "What the VEN can report", steps=(
        JOINED,
        Sends("The VTN asks what the VEN can report", ask_metadata, Expect(_BEGUN, rules=(306,))),
        Awaits("It says it", Expect((RegisterReport,), (), rules=(306, 311, 312, 331), checks=(
            that("it offers TELEMETRY_USAGE and TELEMETRY_STATUS", lambda state, m: {
                "METADATA_TELEMETRY_USAGE", "METADATA_TELEMETRY_STATUS"} <= {str(r.report_name) for r in m.reports}),
        ))),
    )),
    reports("VEN-R-10", "A report that does not run is not ended: 452", steps=(
        JOINED,
        Sends("The VTN ends a report that there is not", end("nothing"), Expect(
            (CanceledReport, Response), ("452", "461"))),
    )),
    reports("VEN-R-11", "The VTN says what it can report", steps=(
        JOINED,
        Sends("The VTN offers a report", offer, Expect((RegisteredReport,))),
    )),
    reports("VEN-R-12", "The state of a resource", offers=(STATUS,), steps=(
        JOINED, asks(STATUS), values(that("every value is a state", _states)),
        Sends("The VTN ends it", end("request"), Expect((CanceledReport,), checks=(_pending(),))),
    )),
    reports("VEN-R-13", "What was measured before", offers=(HISTORY,), steps=(
        JOINED,
        Sends("The VTN asks for HISTORY_USAGE", ask(HISTORY), Expect(_BEGUN)),
        values(), Quiet("No more values come", _UPDATE, rules=(324,), periods=2.5),
    )),
    reports("VEN-R-14", "Values that the VTN does not know are not sent for ever", offers=(USAGE,), steps=(
        JOINED, asks(USAGE), values(reply=_unknown, text="Values come, and the VTN says that it has not asked"),
        Quiet("No more values come", _UPDATE, rules=(304,), stragglers=2, periods=2.5),
    )),
    reports("VEN-R-15", "A request under the ID 0 is refused: 452", offers=(USAGE,), steps=(
        JOINED,
        Sends("The VTN asks for usage under the reportRequestID 0", ask(USAGE, request_id="0"), Expect(
            _BEGUN, ("452", "454", "459"), checks=(_pending(),))),
    )),
    reports("VEN-R-16", "A new registration ends every report", offers=(USAGE,), steps=(
        JOINED, asks(USAGE), values(), FRESH,
        Quiet("No more values come", _UPDATE, rules=(406,), stragglers=2, periods=2.5),
    )),
    reports("VEN-R-17", "A VEN for reports only says so, and asks for no events", needs=_ALONE, steps=(
        JOINED, ENDED, BEGIN,
        Awaits("The VEN registers", Expect((CreatePartyRegistration,), (), rules=(404,), checks=(
            *NO_IDS, that("it is for reports only", lambda state, m: bool(m.report_only))))),
        Awaits("It says what it can report", Expect((RegisterReport,), (), rules=(301, 311, 312, 331))),
        Quiet("It asks for no events, and answers none", (RequestEvent, CreatedEvent)),
        SHOWN,
    )),
    reports("VEN-R-18", "A VEN for reports only reports", needs=_ALONE, offers=(USAGE,), steps=(
        JOINED, asks(USAGE), values(), values(text="More values come"),
        Sends("The VTN ends it", end("request"), Expect((CanceledReport,), checks=(_pending(),), rules=(329,))),
        Sends("The VTN wants the VEN to register again", reregister, OK),
        Awaits("It does, under its IDs, for reports only", Expect((CreatePartyRegistration,), (), checks=(
            *SAME_IDS, that("it is for reports only", lambda state, m: bool(m.report_only))))),
        Quiet("It asks for no events", (RequestEvent,)),
    )),
)  # fmt: skip
