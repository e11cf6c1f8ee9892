"""A day's course of load and photovoltaic output, from a table of figures."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime

import attrs

from ...common.errors import ConfigError, LocalError

COLUMNS = ("clock", "load_kw", "pv_kw")
"""The columns that a profile must have; others are for people."""


@attrs.frozen(slots=True)
class Profile:
    """Load and photovoltaic output over the minutes of a day, linear between two rows.

    Attributes:
        source: where the figures come from, for messages.
        minutes: since local midnight, ascending.
        load_kw, pv_kw: at those minutes.
    """

    source: str
    minutes: tuple[float, ...]
    load_kw: tuple[float, ...]
    pv_kw: tuple[float, ...]

    @classmethod
    def parse(cls, text: str, source: str) -> Profile:
        """Return the profile in `text`: CSV with a header line, lines that begin with `#` skipped.

        Raises `ConfigError`, with `source:line`, for a missing column, a clock or figure that is none, rows out of
        order, or fewer than two rows.
        """
        rows: list[tuple[float, float, float]] = []
        for line, record in _records(text, source):
            minute, load, pv = _clock(record, source, line), *(_figure(record, c, source, line) for c in COLUMNS[1:])
            if rows and minute <= rows[-1][0]:
                raise ConfigError("rows must follow in time; this one does not", where=f"{source}:{line}")
            rows.append((minute, load, pv))
        if len(rows) < 2:
            raise ConfigError(f"a profile has two rows at least, this one has {len(rows)}", where=source)
        return cls(source, *zip(*rows, strict=True))

    def at(self, midnight: datetime, when: datetime) -> tuple[float, float]:
        """Return load and photovoltaic output in kW at `when`, on the day that began at `midnight` (local, aware).

        Raises `LocalError` outside the profile's time.
        """
        minute = (when - midnight).total_seconds() / 60
        first, last = self.minutes[0], self.minutes[-1]
        if not first <= minute <= last:
            raise LocalError(f"{when.isoformat()} is outside the profile ({_hhmm(first)} to {_hhmm(last)})")
        i = min(bisect_right(self.minutes, minute), len(self.minutes) - 1)
        part = (minute - self.minutes[i - 1]) / (self.minutes[i] - self.minutes[i - 1])
        return _between(self.load_kw, i, part), _between(self.pv_kw, i, part)


def _records(text: str, source: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each data row with its line number in the file."""
    header: list[str] | None = None
    for line, raw in enumerate(text.splitlines(), 1):
        if not raw.strip() or raw.startswith("#"):
            continue
        cells = [cell.strip() for cell in next(csv.reader([raw]))]
        if header is None:
            header = cells
            missing = [c for c in COLUMNS if c not in header]
            if missing:
                raise ConfigError(f"no column {missing[0]!r}; it has {', '.join(header)}", where=f"{source}:{line}")
        elif len(cells) != len(header):
            raise ConfigError(f"{len(cells)} cells under {len(header)} columns", where=f"{source}:{line}")
        else:
            yield line, dict(zip(header, cells, strict=True))


def _clock(record: dict[str, str], source: str, line: int) -> float:
    text = record["clock"]
    hours, colon, minutes = text.partition(":")
    if colon and len(minutes) == 2 and (hours + minutes).isdecimal() and int(hours) < 24 and int(minutes) < 60:
        return int(hours) * 60.0 + int(minutes)
    raise ConfigError(f"clock is HH:MM, not {text!r}", where=f"{source}:{line}")


def _figure(record: dict[str, str], column: str, source: str, line: int) -> float:
    try:
        value = float(record[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{column} is a number, not {record[column]!r}", where=f"{source}:{line}")
    return value


def _between(figures: tuple[float, ...], i: int, part: float) -> float:
    return figures[i - 1] + (figures[i] - figures[i - 1]) * part


def _hhmm(minutes: float) -> str:
    return f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}"
