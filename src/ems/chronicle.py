"""What a site writes down: values of all its points, commands, events, reports; and the past answered from there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from ..common.clock import Clock
from ..common.data.access import DataAccess
from ..common.data.tables import Binding
from ..common.store.history import Happening, History
from ..common.store.recorded import Recorded
from ..openadr.ven import Delivered, Recall, Sample
from ..openadr.vtn import Telemetry
from .events import Answer
from .past import recaller

AGAIN_S = 300.0
"""Seconds after which a value is written down again that has not changed."""


class Chronicle:
    """A host's part of a history; the caller opens and closes the history."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history, self._clock = history, clock

    def noting(self, access: DataAccess) -> DataAccess:
        """Return an access that notes what is commanded through it; its values are written down by `recorded`."""
        return Recorded(access, self._history, self._clock, names=())

    def recorded(self, access: DataAccess) -> Recorded:
        """Return an access whose points are written down while it is open."""
        return Recorded(access, self._history, self._clock, period=AGAIN_S)

    def recall(self, reports: Iterable[Binding], points: DataAccess) -> Callable[[Recall], Awaitable[list[Sample]]]:
        """Return what answers the utility's questions for the past."""
        return recaller(reports, points)

    def answered(self, event_id: str, answer: Answer) -> None:
        """Note what was answered to an event."""
        self._note("event", event_id, f"{answer.opt.value}: {answer.reason}" if answer.reason else answer.opt.value)

    def cancelled(self, event_id: str) -> None:
        """Note that an event was cancelled."""
        self._note("event", event_id, "cancelled")

    def delivered(self, what: Delivered) -> None:
        """Note reports that the utility has taken."""
        for report in what.reports:
            count = sum(len(interval.payloads) for interval in report.intervals or ())
            self._note("report", str(report.report_specifier_id), f"{count} values taken by the utility")

    def came(self, report: Telemetry) -> None:
        """Note a report of a VEN below."""
        what = f"{len(report.samples)} values of {report.report.report_specifier_id}"
        self._note("report", report.ven.ven_name, f"{what}; {len(report.missing)} missing" if report.missing else what)

    def _note(self, kind: str, subject: str, text: str) -> None:
        self._history.note(Happening(self._clock.now(), kind, subject, text))
