"""`janusgrid history`: what a program has recorded of its points, and what happened."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

import click

from ..common.errors import ConfigError, UnknownName
from ..common.store.export import happenings_csv, values_csv
from ..common.store.history import History
from .times import Moment, now

_MOMENT = Moment(past=True)


def _span(command: Callable[..., None]) -> Callable[..., None]:
    since = click.option("--since", type=_MOMENT, default="-24h", show_default=True, help="from this time on")
    until = click.option("--until", type=_MOMENT, help="before this time; until now unless given")
    return since(until(command))


_space = click.option(
    "--space", help="the part of the database, where it has several: `janusgrid ems` names its by the site"
)
_place = click.argument("place")


@click.group()
def command() -> None:
    """Show, export and forget what was recorded.

    PLACE is the file of an SQLite database or the URL of a PostgreSQL one. Times are 2026-03-25T14:00, or
    so long ago: -90min, -24h, -P7D. POINTS are names, or patterns of names with * and ?.
    """


@command.command(short_help="list the points that have a history")
@_place
@_space
@click.option("--json", "as_json", is_flag=True, help="print a JSON list")
def points(place: str, space: str | None, as_json: bool) -> None:
    """List the points of which there is a history, each with its last value."""
    with _opened(place, space) as history:
        far = datetime(9999, 1, 1, tzinfo=UTC)
        found = {name: history.last(name, far) for name in history.names()}
    if as_json:
        rows = [
            {"point": name, "time": value.time.isoformat() if value.time else None, "value": value.value}
            for name, value in found.items()
            if value is not None
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for name, value in found.items():
        shown = "" if value is None or value.time is None else f"{value.value} at {value.time.isoformat()}"
        click.echo(f"{name}  {shown}".rstrip())


@command.command(short_help="write values as CSV")
@_place
@click.argument("names", metavar="[POINTS]...", nargs=-1)
@_span
@_space
@click.option("--output", "-o", type=click.File("w", lazy=True), default="-", help="to this file; - is standard output")
def export(
    place: str, names: tuple[str, ...], since: datetime, until: datetime | None, space: str | None, output: IO[str]
) -> None:
    """Write the values of POINTS (all of them unless given) as CSV, one line for each."""
    with _opened(place, space) as history:
        count = values_csv(history, output, _chosen(history, names), since, until or now() + timedelta(seconds=1))
    click.echo(f"{count} values", err=True)


@command.command(short_help="show events, controls and reports")
@_place
@_span
@_space
@click.option("--kind", "kinds", multiple=True, help="only these: event, control, write, schedule, report")
@click.option("--csv", "as_csv", is_flag=True, help="print CSV")
def happenings(
    place: str, since: datetime, until: datetime | None, space: str | None, kinds: tuple[str, ...], as_csv: bool
) -> None:
    """Show what happened, oldest first."""
    until = until or now() + timedelta(seconds=1)
    with _opened(place, space) as history:
        if as_csv:
            happenings_csv(history, sys.stdout, since, until, kinds)
            return
        for each in history.happenings(since, until, kinds=kinds):
            click.echo(f"{each.time.astimezone():%Y-%m-%d %H:%M:%S} {each.kind} {each.subject}: {each.text}")


@command.command(short_help="delete what is old")
@_place
@_space
@click.option("--before", type=_MOMENT, required=True, help="everything before this time")
def forget(place: str, space: str | None, before: datetime) -> None:
    """Delete what was recorded before a time, for good."""
    with _opened(place, space) as history:
        click.echo(f"{history.forget(values=before, happenings=before)} rows deleted")


@contextmanager
def _opened(place: str, space: str | None) -> Iterator[History]:
    if "://" not in place and not Path(place).is_file():
        raise ConfigError("there is no such file; a program that records makes it", where=place)
    with History(place, space or "history") as history:
        there = history.spaces()
        if space in there or not there:
            yield history
            return
    if space is not None or len(there) > 1:
        wrong = "several programs record there" if space is None else f"nothing was recorded in the space {space!r}"
        raise UnknownName(f"{wrong}; --space is one of {', '.join(there)}", where=place)
    with History(place, there[0]) as history:
        yield history


def _chosen(history: History, patterns: tuple[str, ...]) -> list[str]:
    names = history.names()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UnknownName("nothing was recorded of it; `janusgrid history points` lists what was", where=pattern)
    return [name for name in names if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
