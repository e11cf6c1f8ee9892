"""A history as CSV: one line for each value, or for each thing that happened."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import datetime
from typing import IO

from ..data.value import Detail, Quality
from .history import History

COLUMNS = ("time", "point", "value", "validity", "detail")
HAPPENINGS = ("time", "kind", "subject", "text")


def values_csv(history: History, stream: IO[str], names: Iterable[str], start: datetime, end: datetime) -> int:
    """Write the values of these points in `[start, end)`, point after point; return how many.

    Times are ISO 8601 in UTC; a value that is not known is empty; details are separated by spaces. Raises
    `UnknownName` for a point of which nothing was recorded.
    """
    history.flush()
    out, count = csv.writer(stream, lineterminator="\n"), 0
    out.writerow(COLUMNS)
    for name in names:
        for value in history.each(name, start, end):
            text = (
                ""
                if value.value is None
                else str(value.value).lower()
                if isinstance(value.value, bool)
                else value.value
            )
            out.writerow((_shown(value.time), name, text, value.quality.validity.value, _details(value.quality)))
            count += 1
    return count


def happenings_csv(history: History, stream: IO[str], start: datetime, end: datetime, kinds: Iterable[str] = ()) -> int:
    """Write what happened in `[start, end)`, oldest first; return how many lines."""
    out, count = csv.writer(stream, lineterminator="\n"), 0
    out.writerow(HAPPENINGS)
    for each in history.happenings(start, end, kinds=kinds):
        out.writerow((_shown(each.time), each.kind, each.subject, each.text))
        count += 1
    return count


def _shown(time: datetime | None) -> str:
    return "" if time is None else time.isoformat().replace("+00:00", "Z")


def _details(quality: Quality) -> str:
    return " ".join(str(flag.name).lower() for flag in Detail if flag in quality.detail)
