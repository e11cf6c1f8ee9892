"""What a running program says: lines for people, or JSON, one object a line, for machines."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs
import click

Tell = Callable[..., None]


@attrs.define(slots=True)
class Teller:
    """Says on standard output what happens; nobody reading it is no reason to stop.

    Attributes:
        as_json: for machines.
        now: the time that is told.
    """

    as_json: bool
    now: Callable[[], datetime]

    def tell(self, event: str, text: str, /, **fields: Any) -> None:
        """Say `text`, or for machines `event` with these fields."""
        time = self.now().astimezone()
        line = f"{time:%H:%M:%S} {text}"
        if self.as_json:
            line = json.dumps({"time": time.isoformat(timespec="milliseconds"), "event": event, **fields})
        try:
            click.echo(line)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def log_to_stderr(level: str) -> None:
    """Let everything from this level on be logged on standard error."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def show(what: Any, as_json: bool, lines: list[str]) -> None:
    """Print the outcome of a command: lines for people, or the object itself."""
    for line in [json.dumps(what, indent=2)] if as_json else lines:
        click.echo(line)


def columns(rows: list[Mapping[str, Any]], names: tuple[str, ...]) -> list[str]:
    """Return rows in columns, `-` for what is not there."""
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells)
    return list(lines)


def _cell(value: Any) -> str:
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_cell(each)}" for name, each in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
