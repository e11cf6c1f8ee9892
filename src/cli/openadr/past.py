"""Where a program has the past from: a CSV file of values by time, Green Button feeds in files of their own."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from ...common.errors import ConfigError, Malformed
from ...common.xml import read_file
from ...openadr.model import Xml
from ...openadr.ven import Recall, Sample

GREENBUTTON = "HISTORY_GREENBUTTON"

_INTERVAL = "{http://naesb.org/espi}interval"
_START, _DURATION = "{http://naesb.org/espi}start", "{http://naesb.org/espi}duration"


@attrs.frozen(slots=True)
class Past:
    """What is kept, in files that other programs may go on writing: they are read whenever somebody asks.

    Attributes:
        values: a CSV file whose first line is `time` and rIDs; a cell that is empty is no value.
        feeds: Green Button feeds (Atom files) by rID.
    """

    values: Path | None
    feeds: Mapping[str, Path]
    r_ids: frozenset[str]

    def __call__(self, asked: Recall) -> list[Sample]:
        """Return what is known of what is asked; raise `ConfigError` for a file that cannot be read."""
        if asked.name == GREENBUTTON:
            return [feed(r_id, self.feeds[r_id]) for r_id in asked.r_ids if r_id in self.feeds]
        if self.values is None:
            return []
        wanted = frozenset(asked.r_ids)
        found = (each for each in values(self.values, self.r_ids) if each.r_id in wanted)
        return list(_thinned(found, asked.granularity))

    def check(self) -> None:
        """Raise `ConfigError` for a file that cannot be read as it is now."""
        if self.values is not None:
            for _ in values(self.values, self.r_ids):
                pass
        for r_id, path in self.feeds.items():
            feed(r_id, path)


def values(path: Path, r_ids: frozenset[str]) -> Iterator[Sample]:
    """Yield the values of a file, each with the time until the next line as its length; raise `ConfigError`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.reader(stream)
            header = next(rows, [])
            if not header or header[0] != "time":
                raise ConfigError("the first line is `time` and rIDs, then come values", where=f"{path}:1")
            if unknown := [name for name in header[1:] if name not in r_ids]:
                raise ConfigError(f"{unknown[0]!r} is no rID of a report of the past", where=f"{path}:1")
            before: tuple[datetime, dict[str, float]] | None = None
            for row in rows:
                if not row:
                    continue
                now = _row(row, header, f"{path}:{rows.line_num}")
                if before is not None:
                    if now[0] <= before[0]:
                        raise ConfigError("the times do not rise", where=f"{path}:{rows.line_num}")
                    yield from _samples(*before, now[0] - before[0])
                before = now
            if before is not None:
                yield from _samples(*before, None)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read: {getattr(error, 'strerror', None) or error}", where=str(path)) from None


def feed(r_id: str, path: Path) -> Sample:
    """Return a Green Button feed, placed in time by the intervals that stand in it; raise `ConfigError`."""
    try:
        root = read_file(path)
        spans = [(float(one.findtext(_START) or ""), float(one.findtext(_DURATION) or "0"))
                 for one in root.iter(_INTERVAL)]  # fmt: skip
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError, Malformed) as error:
        raise ConfigError(f"is no Green Button feed: {error}", where=str(path)) from None
    if not spans:
        raise ConfigError("is no Green Button feed: it has no espi:interval", where=str(path))
    start, end = min(at for at, _ in spans), max(at + lasts for at, lasts in spans)
    body = text.partition("?>")[2] if text.lstrip().startswith("<?xml") else text
    return Sample(r_id, datetime.fromtimestamp(start, UTC), Xml(body.strip()), timedelta(seconds=end - start))


def _row(row: list[str], header: list[str], where: str) -> tuple[datetime, dict[str, float]]:
    if len(row) != len(header):
        raise ConfigError(f"{len(row)} cells under {len(header)} headings", where=where)
    try:
        time = datetime.fromisoformat(row[0])
    except ValueError:
        raise ConfigError(f"{row[0]!r} is no time (2026-03-25T14:00:00Z)", where=where) from None
    found: dict[str, float] = {}
    for name, cell in zip(header[1:], row[1:], strict=True):
        try:
            number = float(cell) if cell.strip() else None
        except ValueError:
            number = math.nan
        if number is not None and not math.isfinite(number):
            raise ConfigError(f"{name}: {cell!r} is no number", where=where)
        if number is not None:
            found[name] = number
    return time.astimezone(UTC), found


def _samples(time: datetime, row: Mapping[str, float], lasts: timedelta | None) -> Iterator[Sample]:
    return (Sample(r_id, time, value, lasts) for r_id, value in row.items())


def _thinned(found: Iterator[Sample], granularity: timedelta) -> Iterator[Sample]:
    """Yield what is as dense as is wanted, and no denser."""
    last: dict[str, datetime] = {}
    for each in found:
        if each.r_id not in last or each.time - last[each.r_id] >= granularity:
            last[each.r_id] = each.time
            yield each
