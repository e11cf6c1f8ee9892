"""Writes a history: a thread that gathers rows and writes many of them in one transaction."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs
import sqlalchemy as sql
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ..clock import Clock
from ..errors import LocalError, TimedOut
from .cells import microseconds, storable
from .engine import WRITE, reason
from .layout import happenings, samples, series

log = logging.getLogger(__name__)

BATCH = 500
"""Rows that are given to the database at once, so that others get the processor in between."""
RETRY = 5.0
"""Seconds until it is tried again where the database took nothing."""
RETAIN = timedelta(hours=1)
"""How often it is looked for what is too old."""

LONGEST = 500
"""Characters of a name."""

Sample = tuple[str, int, float | None, str | None, int]
"""Name, time, and the cells of a value."""


@attrs.frozen(slots=True)
class Happening:
    """Something that happened: an event, a control, a report.

    Attributes:
        time: when, aware.
        kind: one word for what it is: `event`, `control`, `write`, `report`.
        subject: what it is about: a point, the ID of an event.
        text: what there is to say about it.
    """

    time: datetime
    kind: str
    subject: str
    text: str = ""


@attrs.frozen(slots=True, kw_only=True)
class Retention:
    """How long things are kept; None for ever."""

    values: timedelta | None = None
    happenings: timedelta | None = None


class Writer:
    """The thread that writes into one space; see `History` for what it is given."""

    def __init__(
        self, made: Engine, where: str, space: str, clock: Clock, retention: Retention, pause: float, most: int
    ) -> None:
        self._engine, self.where, self._space = made, where, space
        self._clock, self._retention = clock, retention
        self._pause, self._most = pause, most
        self._rows: deque[Sample | Happening] = deque()
        self._lock = threading.Lock()
        self._work, self._written = threading.Condition(self._lock), threading.Condition(self._lock)
        self._put = self._done = 0
        self._hurry = self._closing = False
        self._failing = ""
        self._retained: datetime | None = None
        self._sql = _Statements(made.dialect.name)
        self.lost = 0
        with made.connect() as connection:
            found = connection.execute(sql.select(series.c.name, series.c.id).where(series.c.space == space))
            self.ids: dict[str, int] = {name: number for name, number in found}  # noqa: C416
        self._thread = threading.Thread(target=self._write_on, name="history", daemon=True)
        self._thread.start()

    def flush(self, timeout: float = 10.0) -> None:
        """Return when everything that came before is written; raise `TimedOut` if that takes too long."""
        with self._lock:
            wanted, self._hurry = self._put, True
            self._work.notify()
            if not self._written.wait_for(lambda: self._done >= wanted, timeout):
                raise TimedOut(self._failing or f"not written within {timeout:g} s", where=self.where)

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        with self._lock:
            return self._put - self._done

    def close(self) -> None:
        """Write what waits, as far as the database takes it, and stop."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._work.notify()
        self._thread.join()

    def take(self, row: Sample | Happening) -> None:
        """Write this, a moment later."""
        with self._lock:
            if self._closing:
                raise LocalError("this history is closed", where=self.where)
            self._rows.append(row)
            self._put += 1
            if len(self._rows) == 1:
                self._work.notify()
            self._give_up()

    def _give_up(self) -> None:
        while len(self._rows) > self._most:
            if not self.lost:
                log.error("%s: %d rows wait, the oldest are given up; %s", self.where, self._most, self._failing)
            self._rows.popleft()
            self.lost += 1
            self._done += 1

    def _write_on(self) -> None:
        while True:
            with self._lock:
                self._work.wait_for(lambda: self._rows or self._closing)
                self._work.wait_for(lambda: self._hurry or self._closing, RETRY if self._failing else self._pause)
                rows, self._rows, self._hurry = self._rows, deque(), False
                last = self._closing
            kept = self._write(rows)
            with self._lock:
                if kept:
                    self._done += len(rows)
                else:
                    rows.extend(self._rows)
                    self._rows = rows
                    self._give_up()
                self._written.notify_all()
            if last:
                if not kept:
                    log.error("%s: %d rows are not written", self.where, len(rows))
                return

    def _write(self, rows: Iterable[Sample | Happening]) -> bool:
        try:
            with self._engine.connect().execution_options(**WRITE) as connection, connection.begin():
                ids = self._write_samples(connection, [row for row in rows if not isinstance(row, Happening)])
                notes = [self._note(row) for row in rows if isinstance(row, Happening)]
                if notes:
                    connection.execute(happenings.insert(), notes)
                self._retain(connection)
        except SQLAlchemyError as error:
            if not self._failing:
                log.error("%s: the history is not written: %s", self.where, reason(error))
            self._failing = f"the database takes nothing: {reason(error)}"
            return False
        except Exception as error:  # a fault of ours: the thread goes on, and says so
            log.exception("%s: the history is not written", self.where)
            self._failing = f"a fault: {error}"
            return False
        with self._lock:
            self.ids.update(ids)
        if self._failing:
            log.info("%s: the history is written again", self.where)
        self._failing = ""
        return True

    def _write_samples(self, connection: Connection, found: list[Sample]) -> dict[str, int]:
        """Write values; return the numbers of the series that are new."""
        new: dict[str, int] = {}
        for name in dict.fromkeys(sample[0] for sample in found):
            if name not in self.ids:
                connection.exec_driver_sql(self._sql.series, (self._space, name))
                at = series.c
                number = sql.select(at.id).where(at.space == self._space, at.name == name)
                new[name] = connection.execute(number).scalar_one()
        ids = self.ids | new if new else self.ids
        rows = [(ids[name], *cell) for name, *cell in found]
        for first in range(0, len(rows), BATCH):
            connection.exec_driver_sql(self._sql.sample, rows[first : first + BATCH])
        return new

    def _note(self, note: Happening) -> dict[str, object]:
        row = {"time": microseconds(note.time), "kind": storable(note.kind)[:40], "text": storable(note.text)}
        return {"space": self._space, "subject": storable(note.subject)[:LONGEST], **row}

    def _retain(self, connection: Connection) -> None:
        """Forget what is too old, once an hour."""
        keep, now = self._retention, self._clock.now()
        if self._retained is not None and abs(now - self._retained) < RETAIN:
            return
        self._retained = now
        self.forget(connection, _ago(now, keep.values), _ago(now, keep.happenings))

    def forget(self, connection: Connection, values: datetime | None, noted: datetime | None) -> int:
        """Delete what is older; return the number of rows."""
        gone = 0
        if values is not None:
            ours = sql.select(series.c.id).where(series.c.space == self._space).scalar_subquery()
            old = samples.delete().where(samples.c.series.in_(ours), samples.c.time < microseconds(values))
            gone += connection.execute(old).rowcount
        if noted is not None:
            past = happenings.delete().where(happenings.c.space == self._space, happenings.c.time < microseconds(noted))
            gone += connection.execute(past).rowcount
        return gone


class _Statements:
    """What is written often, as the drivers take it."""

    def __init__(self, dialect: str) -> None:
        place = "?" if dialect == "sqlite" else "%s"
        self.sample = (
            f"INSERT INTO janusgrid_sample (series, time, number, text, state) VALUES ({', '.join([place] * 5)}) "  # noqa: S608
            "ON CONFLICT (series, time) DO UPDATE "
            "SET number = excluded.number, text = excluded.text, state = excluded.state"
        )
        self.series = f"INSERT INTO janusgrid_series (space, name) VALUES ({place}, {place}) ON CONFLICT DO NOTHING"  # noqa: S608


def _ago(now: datetime, span: timedelta | None) -> datetime | None:
    return None if span is None else now - span
