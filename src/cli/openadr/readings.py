"""Where a VEN program has its readings from: constants, a course of values in a CSV file, a command."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import attrs

from ...common.clock import Clock
from ...common.errors import ConfigError, LocalError
from ...openadr.ven import Reading

COMMAND_TIMEOUT = 10.0
"""Seconds that a command may take."""


class Source(Protocol):
    """Gives the present values of some rIDs; those that it does not have are left out."""

    async def __call__(self, r_ids: frozenset[str]) -> Mapping[str, float]:
        """Return the values; raise `LocalError` if there are none for a reason."""
        ...


@attrs.frozen(slots=True)
class Constants:
    """Values that do not change."""

    values: Mapping[str, float]

    async def __call__(self, r_ids: frozenset[str]) -> Mapping[str, float]:
        return {r_id: self.values[r_id] for r_id in r_ids & self.values.keys()}


@attrs.frozen(slots=True)
class Course:
    """Values over time: each holds from its second, counted from the beginning, until the next; the last for good."""

    seconds: tuple[float, ...]
    rows: tuple[Mapping[str, float], ...]
    clock: Clock
    began: datetime

    async def __call__(self, r_ids: frozenset[str]) -> Mapping[str, float]:
        place = bisect_right(self.seconds, (self.clock.now() - self.began).total_seconds()) - 1
        row = self.rows[max(place, 0)]
        return {r_id: row[r_id] for r_id in r_ids & row.keys()}


@attrs.frozen(slots=True)
class Command:
    """Runs a program with the rIDs as its last arguments; it prints a JSON object, rID to number."""

    words: Sequence[str]
    folder: Path

    async def __call__(self, r_ids: frozenset[str]) -> Mapping[str, float]:
        name = self.words[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self.words, *sorted(r_ids), cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise LocalError(f"it cannot be run: {error.strerror}", where=name) from None
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                out, _ = await process.communicate()
        except TimeoutError:
            raise LocalError(f"it has not ended within {COMMAND_TIMEOUT:g} s", where=name) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise LocalError(f"it ended with exit status {process.returncode}", where=name)
        return _numbers(out, name, r_ids)


def _numbers(out: bytes, name: str, r_ids: frozenset[str]) -> dict[str, float]:
    try:
        found: Any = json.loads(out)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise LocalError("it does not print a JSON object: {rID: number, …}", where=name)
    wrong = [key for key, value in found.items() if type(value) not in (int, float) or not math.isfinite(value)]
    if wrong:
        raise LocalError(f"it prints {found[wrong[0]]!r} for {wrong[0]}, which is no number", where=name)
    return {key: float(value) for key, value in found.items() if key in r_ids}


def course(path: Path, clock: Clock, r_ids: frozenset[str]) -> Course:
    """Return the course of values in a CSV file whose first line is `seconds` and rIDs; raise `ConfigError`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read: {getattr(error, 'strerror', None) or error}", where=str(path)) from None
    header = lines[0] if lines else []
    if not header or header[0] != "seconds" or len(lines) < 2:
        raise ConfigError("the first line is `seconds` and rIDs, then come values", where=f"{path}:1")
    if unknown := [name for name in header[1:] if name not in r_ids]:
        raise ConfigError(f"{unknown[0]!r} is no rID of the reports", where=f"{path}:1")
    rows = [_row(path, number, header, line) for number, line in enumerate(lines[1:], 2)]
    seconds = tuple(row.pop("seconds") for row in rows)
    for number, (before, after) in enumerate(itertools.pairwise(seconds), 3):
        if after <= before:
            raise ConfigError("the seconds do not rise", where=f"{path}:{number}")
    return Course(seconds, tuple(rows), clock, clock.now())


def _row(path: Path, number: int, header: list[str], line: list[str]) -> dict[str, float]:
    if len(line) != len(header):
        raise ConfigError(f"{len(line)} cells under {len(header)} headings", where=f"{path}:{number}")
    found = {}
    for name, cell in zip(header, line, strict=True):
        try:
            found[name] = float(cell)
        except ValueError:
            raise ConfigError(f"{name}: {cell!r} is no number", where=f"{path}:{number}") from None
        if not math.isfinite(found[name]):
            raise ConfigError(f"{name}: {cell!r} is no number", where=f"{path}:{number}")
    return found


class Readings:
    """What a program reads: each source gives what it has, a later one before an earlier one.

    Those of `states` are states of resources: what is not 0 is online.
    """

    def __init__(self, sources: Sequence[Source], states: frozenset[str] = frozenset()) -> None:
        self._sources = sources
        self._states = states

    async def __call__(self, r_ids: frozenset[str]) -> Mapping[str, Reading]:
        found: dict[str, float] = {}
        for source in self._sources:
            found.update(await source(r_ids))
        return {r_id: self._reading(r_id, value) for r_id, value in found.items()}

    def _reading(self, r_id: str, value: float) -> Reading:
        return Reading.status(online=value != 0) if r_id in self._states else Reading(value)
