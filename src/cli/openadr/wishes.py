"""What a command wishes of a report, as either role is asked for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypedDict

from ...common.config import duration
from ..control import Request


class Wishes(TypedDict):
    """The arguments of `request_report`."""

    r_ids: list[str] | None
    granularity: timedelta
    every: timedelta
    start: datetime | None
    duration: timedelta | None


def wishes(request: Request) -> Wishes:
    """Return what is wished."""
    return {
        "r_ids": request["rids"] or None,
        "granularity": duration(request["granularity"]),
        "every": duration(request["every"]),
        "start": datetime.fromisoformat(request["start"]) if request["start"] else None,
        "duration": duration(request["lasts"]) if request["lasts"] else None,
    }
