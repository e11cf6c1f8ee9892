"""Times and time spans as options of commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ..common.config import duration


class Span(click.ParamType[timedelta]):
    """A time span: `PT1H`, `90s`, `10min`, `1.5h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[datetime]):
    """A time: ISO 8601, that of this machine's zone if it names none; or `+10min` from now; `-1h` if it may be past."""

    name = "time"

    def __init__(self, *, past: bool = False) -> None:
        self._past = past

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if value.startswith("+"):
                return now() + duration(value[1:])
            if self._past and value.startswith("-"):
                return now() - duration(value[1:])
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            like = "-10min" if self._past else "+10min"
            self.fail(f"{value!r} is no time (2026-03-25T14:00, {like})", param, ctx)


def now() -> datetime:
    """Return the present time in whole seconds, UTC."""
    return datetime.now(UTC).replace(microsecond=0)
