"""EiReport of a VTN: it takes reports, and may deliver some itself."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...model import (
    CanceledReport,
    CancelReport,
    CreatedReport,
    CreateReport,
    EiResponse,
    RegisteredReport,
    RegisterReport,
    Response,
    UpdatedReport,
    UpdateReport,
)
from ..state import State
from ..steps import Asks, Awaits, Check, Confirms, Expect, Scenario, Sends, Step, equal, that
from .messages import GREEN, HISTORY, OFFERS, STATUS, ask_report, end_report, feed, offer, values
from .registration import JOINED

reports = partial(Scenario, subject="vtn", group="reports")

_UPDATED = (UpdatedReport,)
_OURS = equal("reportRequestID", lambda m: m.report_request_ids, lambda state: (state.notes["request"],))


def _learn(state: State, message: Any) -> None:
    for request in message.report_requests:
        state.notes["request"] = request.report_request_id
        state.own.add(request.report_request_id)


def _offered(state: State, message: Any) -> None:
    """Note what the VTN offers."""
    if message.reports:
        first = message.reports[0]
        state.notes["offered"] = first.report_specifier_id
        state.notes["points"] = tuple(each.r_id for each in first.descriptions)


def _own_values(state: State, message: Any) -> str:
    points = {each.r_id for report in message.reports for interval in report.intervals for each in interval.payloads}
    missing = set(state.notes["points"]) - points
    return f"{', '.join(sorted(missing))} not delivered" if missing else ""


def registers(*which: Any, text: str = "The VEN says what it can report") -> Step:
    """Return the step in which the VEN offers reports."""
    return Sends(text, offer(*(which or OFFERS)), Expect((RegisteredReport,), rules=(301, 311, 312, 331)))


def asked(report: str, every: float = 10, granularity: float = 10) -> tuple[Step, Step]:
    """Return the steps in which the VTN asks for a report, and gets it."""
    how = f"every {every:g} s, a value each {granularity:g} s" if every else "once"
    return (
        Asks(f"Ask the VEN for {report}: {how}", "request_report",
             lambda state: {"report": report, "every": every, "granularity": granularity}),
        Awaits("The VTN asks for it", Expect((CreateReport,), (), learn=_learn, rules=(321, 324), checks=(
            equal("reportSpecifierID", lambda m: m.report_requests[0].report_specifier.report_specifier_id, report),
        ))),
    )  # fmt: skip


def _pending(state: State, message: Any) -> str:
    return "" if state.notes["asked"] in message.pending_reports else "the report is not pending"


def _ended(state: State) -> CanceledReport:
    """Say that a report has ended."""
    return CanceledReport(ei_response=EiResponse(), ven_id=state.ven_id)


_OFFERS_ITSELF = (
    Sends("The VEN asks what the VTN can report", ask_report("METADATA", lambda s: ("0",), every=0), Expect(
        (CreatedReport,), rules=(306,))),
    Awaits("The VTN says what it can report", Expect((RegisterReport,), (), learn=_offered, rules=(311, 312))),
)  # fmt: skip


def _begins(every: float) -> Step:
    return Sends(
        f"The VEN asks for it, every {every:g} s",
        ask_report("", lambda state: state.notes.get("points", ("none",)), every=every),
        Expect((CreatedReport,), checks=(Check("the report is pending", _pending),), rules=(329,)),
    )


_COMES = Awaits(
    "Values come", Expect((UpdateReport,), (), checks=(Check("every point is there", _own_values),), rules=(314, 342))
)

REPORTS = (
    reports("VTN-R-01", "A VEN says what it can report", steps=(
        JOINED, registers(),
        Confirms("Does the VTN know the report usage?", "offered", True, lambda state: {"report": "usage"}),
    )),
    reports("VTN-R-02", "A VEN that can report nothing says so", steps=(
        JOINED,
        Sends("The VEN offers no report", offer(), Expect((RegisteredReport,))),
    )),
    reports("VTN-R-03", "The VTN asks for a report that goes on", steps=(
        JOINED, registers(), *asked("usage"),
        Sends("The VEN delivers values", values(), Expect(_UPDATED)),
        Sends("It delivers more values", values(), Expect(_UPDATED)),
        Confirms("Have values of usage come?", "told", True, lambda state: {"report": "usage"}),
    )),
    reports("VTN-R-04", "Values that were not asked for are refused", steps=(
        JOINED, registers(),
        Sends("The VEN delivers values under an ID that nobody has given", values(request_id="no-such-request"),
              Expect((UpdatedReport, Response), ("452",), rules=(304,))),
    )),
    reports("VTN-R-05", "The VTN asks for a report once", steps=(
        JOINED, registers(), *asked("usage", 0, 0),
        Sends("The VEN delivers values", values(), Expect(_UPDATED, rules=(324,))),
        Confirms("Have values of usage come?", "told", True, lambda state: {"report": "usage"}),
    )),
    reports("VTN-R-06", "The VTN ends a report", steps=(
        JOINED, registers(), *asked("usage"),
        Sends("The VEN delivers values", values(), Expect(_UPDATED)),
        Asks("End the report usage", "cancel_report", lambda state: {"report": "usage"}),
        Awaits("The VTN ends it", Expect((CancelReport,), (), checks=(
            _OURS, that("no last report is wanted", lambda state, m: not m.report_to_follow)))),
    )),
    reports("VTN-R-07", "The VTN ends a report in its answer to values", steps=(
        JOINED, registers(), *asked("usage"),
        Asks("End the report usage with the answer to the next values", "cancel_report",
             lambda state: {"report": "usage", "with_next": True}),
        Sends("The VEN delivers values", values(), Expect(_UPDATED, checks=(
            that("it ends the report", lambda state, m: m.cancel_report is not None
                 and m.cancel_report.report_request_ids == (state.notes["request"],)),))),
        Sends("The VEN says that it has ended", _ended, Expect((Response,), rules=(329,))),
    )),
    reports("VTN-R-08", "The VTN ends a report, and wants a last one", steps=(
        JOINED, registers(), *asked("usage"),
        Asks("End the report usage, with a last report to follow", "cancel_report",
             lambda state: {"report": "usage", "to_follow": True}),
        Awaits("The VTN ends it", Expect((CancelReport,), (), rules=(345,), checks=(
            _OURS, that("a last report is wanted", lambda state, m: m.report_to_follow)))),
        Sends("The VEN delivers the last values", values(), Expect(_UPDATED, rules=(345,))),
        Confirms("Have values of usage come?", "told", True, lambda state: {"report": "usage"}),
    )),
    reports("VTN-R-09", "The VTN asks what the VEN can report", steps=(
        JOINED, registers(),
        Asks("Ask the VEN what it can report", "request_metadata"),
        Awaits("The VTN asks for METADATA", Expect((CreateReport,), (), rules=(306,), checks=(
            equal("reportSpecifierID", lambda m: m.report_requests[0].report_specifier.report_specifier_id,
                  "METADATA"),))),
        registers(text="The VEN says it again"),
    )),
    reports("VTN-R-10", "States of a resource", steps=(
        JOINED, registers(), *asked("status"),
        Sends("The VEN delivers states", values(STATUS), Expect(_UPDATED, rules=(510,))),
        Confirms("Have values of status come?", "told", True, lambda state: {"report": "status"}),
    )),
    reports("VTN-R-11", "What was measured before", steps=(
        JOINED, registers(), *asked("history", 0, 0),
        Sends("The VEN delivers values", values(HISTORY), Expect(_UPDATED)),
        Confirms("Have values of history come?", "told", True, lambda state: {"report": "history"}),
    )),
    reports("VTN-R-12", "Intervals without a start follow one another", steps=(
        JOINED, registers(), *asked("usage"),
        Sends("The VEN delivers intervals that have no start of their own", values(starts=False),
              Expect(_UPDATED, rules=(314,))),
        Confirms("Have values of usage come?", "told", True, lambda state: {"report": "usage"}),
    )),
    reports("VTN-R-13", "A VEN asks the VTN for a report that it does not offer", steps=(
        JOINED,
        Sends("The VEN asks for a report that there is not", ask_report("no-such-report", lambda s: ("p",)), Expect(
            (CreatedReport, Response), ("4..",))),
    )),
    reports("VTN-R-14", "A VEN ends a report that does not run", steps=(
        JOINED,
        Sends("The VEN ends a report that there is not", end_report("no-such-request"), Expect(
            (CanceledReport, Response), ("4..",))),
    )),
    reports("VTN-R-15", "The VTN delivers a report to the VEN, until that ends it", steps=(
        JOINED, *_OFFERS_ITSELF, _begins(10), _COMES,
        Sends("The VEN ends it", end_report(), Expect((CanceledReport,), checks=(
            that("nothing is pending", lambda state, m: not m.pending_reports),), rules=(329,))),
    )),
    reports("VTN-R-16", "The VTN delivers a last report to the VEN that ends it", steps=(
        JOINED, *_OFFERS_ITSELF, _begins(600),
        Sends("The VEN ends it, and wants a last report", end_report(to_follow=True), Expect(
            (CanceledReport,), rules=(345,))),
        Awaits("The last values come", Expect((UpdateReport,), (), rules=(345,))),
    )),
    reports("VTN-R-17", "Green Button data", steps=(
        JOINED, registers(GREEN), *asked("green", 0, 0),
        Sends("The VEN delivers a feed", feed, Expect(_UPDATED)),
        Confirms("Has a feed of green come?", "told", True, lambda state: {"report": "green"}),
    )),
)  # fmt: skip
