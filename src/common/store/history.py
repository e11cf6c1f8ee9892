"""The history: values of points, and what happened, in a database; written in batches by a thread of its own.

`record` and `note` never wait: what they are given is written a moment later, many rows in one transaction. What has
been written is what `flush` has returned after; a process that is killed loses what came in the last moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ..clock import Clock, RealClock
from ..data.value import Value
from ..errors import ConfigError, LocalError, UnknownName
from .cells import cells, microseconds, storable, time_of, value_of
from .engine import WRITE, reason
from .layout import happenings, samples, series
from .records import opened
from .writer import LONGEST, Happening, Retention, Writer

__all__ = ["History", "Happening", "Retention"]

PAGE = 5000
"""Rows that are read at once."""


class History:
    """A history in one space of a database; it may be used from any thread, its reading methods block.

        with History("plant.sqlite") as history:
            history.record("der.DG750.p", value)
            history.values("der.DG750.p", start, end)

    Args:
        place: an SQLite file, which is made if it is not there, or the URL of a PostgreSQL database.
        space: the name of the part that is ours.
        clock: gives the time to values without one, and says what is too old.
        retention: how long things are kept.
        pause: seconds in which rows are gathered before they are written.
        most: rows that may wait while the database takes none; beyond it the oldest are lost, and counted.

    Raises:
        ConfigError: the place cannot be used, or was laid out by a later version.
    """

    def __init__(
        self,
        place: Path | str,
        space: str = "history",
        clock: Clock | None = None,
        *,
        retention: Retention | None = None,
        pause: float = 0.5,
        most: int = 200_000,
    ) -> None:
        self._engine, self.where = opened(place)
        if self._engine.dialect.name == "sqlite":
            sql.event.listen(self._engine, "connect", _relax)
            self._engine.dispose()  # the connection that `opened` has used is as strict as one for records
        self._space = space
        self._clock = clock or RealClock()
        try:
            self._writer = Writer(self._engine, self.where, space, self._clock, retention or Retention(), pause, most)
        except SQLAlchemyError as error:
            raise ConfigError(f"the database cannot be used: {reason(error)}", where=self.where) from None

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing ------------------------------------------------------------------------------------------------------

    def record(self, name: str, value: Value) -> None:
        """Keep a value of a point under its own time, or the present one; another of the same time takes its place.

        Raises `LocalError` for a name of more than 500 characters, or a value that no point can have.
        """
        if len(name) > LONGEST:
            raise LocalError(f"the name of a point has at most {LONGEST} characters", where=name[:60])
        time = value.time or self._clock.now()
        self._writer.take((storable(name), microseconds(time), *cells(value)))

    def note(self, happening: Happening) -> None:
        """Keep what happened."""
        self._writer.take(happening)

    def flush(self, timeout: float = 10.0) -> None:
        """Return when everything that came before is written; raise `TimedOut` if that takes too long."""
        self._writer.flush(timeout)

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return self._writer.waiting

    @property
    def lost(self) -> int:
        """Rows that were given up because the database took none for too long."""
        return self._writer.lost

    def close(self) -> None:
        """Write what waits, as far as the database takes it, and stop."""
        self._writer.close()
        self._engine.dispose()

    # --- reading ------------------------------------------------------------------------------------------------------

    def spaces(self) -> list[str]:
        """Return the spaces of this database in which anything was recorded, ours or not, sorted."""
        self.flush()
        with self._reading() as connection:
            wanted = sql.union(sql.select(series.c.space), sql.select(happenings.c.space))
            return sorted(connection.scalars(wanted))

    def names(self) -> list[str]:
        """Return the names of the points of which there is a history, sorted."""
        self.flush()
        with self._reading() as connection:
            wanted = sql.select(series.c.name).where(series.c.space == self._space).order_by(series.c.name)
            return list(connection.scalars(wanted))

    def values(self, name: str, start: datetime, end: datetime, *, most: int | None = None) -> list[Value]:
        """Return the values of a point in `[start, end)`, oldest first, `most` of them at most.

        Raises `UnknownName` for a point of which nothing was ever recorded.
        """
        self.flush()
        found: list[Value] = []
        for value in self.each(name, start, end):
            if most is not None and len(found) >= most:
                break
            found.append(value)
        return found

    def each(self, name: str, start: datetime, end: datetime) -> Iterator[Value]:
        """Yield the values of a point in `[start, end)`, oldest first, a page of rows in memory at a time."""
        at, number = samples.c, self._known(name)
        after, until = microseconds(start) - 1, microseconds(end)
        while True:
            page = sql.select(at.time, at.number, at.text, at.state).where(
                at.series == number, at.time > after, at.time < until
            )
            with self._reading() as connection:
                rows = connection.execute(page.order_by(at.time).limit(PAGE)).all()
            yield from (value_of(*row, origin="history") for row in rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def last(self, name: str, before: datetime) -> Value | None:
        """Return the last value of a point before a time; None if there is none."""
        self.flush()
        at, number = samples.c, self._known(name)
        wanted = sql.select(at.time, at.number, at.text, at.state).where(
            at.series == number, at.time < microseconds(before)
        )
        with self._reading() as connection:
            row = connection.execute(wanted.order_by(at.time.desc()).limit(1)).first()
        return None if row is None else value_of(*row, origin="history")

    def happenings(
        self, start: datetime, end: datetime, *, kinds: Iterable[str] = (), subject: str | None = None
    ) -> Iterator[Happening]:
        """Yield what happened in `[start, end)`, oldest first; of these kinds, about this subject, where given."""
        self.flush()
        at, wanted = happenings.c, tuple(kinds)
        where = [at.space == self._space, at.time < microseconds(end)]
        where += [at.kind.in_(wanted)] if wanted else []
        where += [at.subject == subject] if subject is not None else []
        after = (microseconds(start) - 1, 1 << 62)
        while True:
            later = sql.or_(at.time > after[0], sql.and_(at.time == after[0], at.id > after[1]))
            page = sql.select(at.time, at.kind, at.subject, at.text, at.id).where(*where, later)
            with self._reading() as connection:
                rows = connection.execute(page.order_by(at.time, at.id).limit(PAGE)).all()
            yield from (Happening(time_of(time), kind, about, text) for time, kind, about, text, _ in rows)
            if len(rows) < PAGE:
                return
            after = (rows[-1][0], rows[-1][4])

    # --- keeping ------------------------------------------------------------------------------------------------------

    def forget(self, *, values: datetime | None = None, happenings: datetime | None = None) -> int:
        """Forget values, and what happened, before these times; return the number of rows."""
        self.flush()
        try:
            with self._engine.connect().execution_options(**WRITE) as connection, connection.begin():
                return self._writer.forget(connection, values, happenings)
        except SQLAlchemyError as error:
            raise LocalError(f"nothing is forgotten: {reason(error)}", where=self.where) from None

    def _known(self, name: str) -> int:
        number = self._writer.ids.get(name)
        if number is None:
            with self._reading() as connection:
                at = series.c
                number = connection.scalar(sql.select(at.id).where(at.space == self._space, at.name == name))
        if number is None:
            raise UnknownName("nothing was ever recorded of it", where=name)
        return number

    def _reading(self) -> _Reading:
        return _Reading(self._engine, self.where)


class _Reading:
    """A connection to read from; what goes wrong there is told in our words."""

    def __init__(self, made: Engine, where: str) -> None:
        self._engine, self._where = made, where

    def __enter__(self) -> Connection:
        try:
            self._connection = self._engine.connect()
        except SQLAlchemyError as error:
            raise self._failed(error) from None
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._connection.close()
        if isinstance(error, SQLAlchemyError):
            raise self._failed(error) from None

    def _failed(self, error: SQLAlchemyError) -> LocalError:
        return LocalError(f"the history cannot be read: {reason(error)}", where=self._where)


def _relax(connection: object, _: object) -> None:
    """Let SQLite write without a wait for the disk at each batch: a loss of power may cost the last of them."""
    connection.execute("PRAGMA synchronous=NORMAL").close()  # type: ignore[attr-defined]
