"""A space of a PostgreSQL database that many processes share: each has its turn, sees what the others have changed,
changes something itself, and gives the turn on.

The turn is the lock of one row, held by a transaction: what a process that dies had begun is undone, and its turn is
free at once.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import ConfigError, LocalError
from .engine import reason, shown, url_of
from .layout import gone, records, spaces
from .records import NotStored, Record, Writing, everything, opened

REMEMBERED = 10_000
"""For how many turns it is known what is gone; a process that was away for longer reads everything anew."""

_FAMILY = 0x6A67  # of advisory locks: ours
_OPTIONS = "-c lock_timeout={patience} -c idle_in_transaction_session_timeout={patience}"


class SharedRecords:
    """The records of a space that many processes share. Calls block; they come from one thread at a time.

    Args:
        url: `postgresql://…`.
        space: the name of the part that these processes share.
        patience: seconds to wait for a turn, and for which a process that has stopped in its turn may hold it.

    Raises:
        ConfigError: the database cannot be used, is none of PostgreSQL, or has another layout than this version.
    """

    def __init__(self, url: str, space: str, *, patience: float = 10.0) -> None:
        if not url_of(url).startswith("postgresql"):
            raise ConfigError("only a PostgreSQL database is shared by many processes", where=shown(url_of(url)))
        options = _OPTIONS.format(patience=int(patience * 1000))
        self._engine, self.where = opened(url, connect_args={"options": options, "connect_timeout": 5})
        self._space = space
        self._seen: int | None = None
        self._turn: tuple[Connection, int, int, int] | None = None
        self._leading: Connection | None = None
        self._lock = threading.Lock()
        self._writing = Writing(self._engine, space)
        row = self._writing.insert(spaces).values(space=space, revision=0, number=0, floor=0)
        try:
            with self._engine.begin() as connection:
                connection.execute(row.on_conflict_do_nothing())
        except SQLAlchemyError as error:
            raise ConfigError(f"the database cannot be used: {reason(error)}", where=self.where) from None

    def load(self) -> list[Record]:
        """Return everything, in the order in which it was first kept; raise `LocalError` if it cannot be read."""
        try:
            with self._engine.connect() as connection:
                return everything(connection, self._space)
        except SQLAlchemyError as error:
            raise LocalError(f"what was kept cannot be read: {reason(error)}", where=self.where) from None

    def begin(self) -> tuple[bool, list[Record]]:
        """Wait for our turn; return what others have changed since the last one.

        The first value is True where that is not known: then everything is returned, and what is not there is no
        more. Raises `NotStored` if there is no turn to be had: then none has begun.
        """
        unfinished, self._turn = self._turn, None
        if unfinished is not None:
            self._drop(unfinished[0])
            self._seen = None
        connection = None
        try:
            connection = self._engine.connect()
            here = sql.select(spaces.c.revision, spaces.c.number, spaces.c.floor).where(spaces.c.space == self._space)
            revision, number, floor = connection.execute(here.with_for_update()).one()
            found = self._news(connection, revision, floor)
        except SQLAlchemyError as error:
            self._drop(connection)
            raise NotStored(f"there is no turn to be had: {reason(error)}", where=self.where) from None
        self._turn = (connection, revision, number, floor)
        return found

    def end(self, changes: Iterable[Sequence[str | None]]) -> None:
        """Keep changes (kind, key, text), all of them or none, and give the turn on.

        Raises `NotStored` if that cannot be done: then nothing is kept, and the next turn begins with everything.
        """
        turn, self._turn = self._turn, None
        if turn is None:
            raise LocalError("it is not our turn", where=self.where)
        connection, revision, number, floor = turn
        latest = {(kind, key): text for kind, key, text in changes}
        try:
            if latest:
                revision += 1
                self._write(connection, latest, revision, number, floor)
            connection.commit()
            connection.close()
        except SQLAlchemyError as error:
            self._seen = None
            self._drop(connection)
            raise NotStored(f"nothing is kept any more: {reason(error)}", where=self.where) from None
        self._seen = revision

    def forget(self) -> None:
        """Know nothing any more: the next turn begins with everything."""
        self._seen = None

    def leads(self) -> bool:
        """Return whether this process is the one of all that does what only one may; it is, until it ends."""
        with self._lock:
            try:
                if self._leading is not None:
                    self._leading.execute(sql.text("SELECT 1"))
                    return True
                connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                key = zlib.crc32(self._space.encode()) - (1 << 31)
                if connection.scalar(sql.select(sql.func.pg_try_advisory_lock(_FAMILY, key))):
                    self._leading = connection
                    return True
                connection.close()
            except SQLAlchemyError:
                self._drop(self._leading)
                self._leading = None
            return False

    def resign(self) -> None:
        """Lead no more: another process may."""
        with self._lock:
            leading, self._leading = self._leading, None
            self._drop(leading)

    def close(self) -> None:
        """Give up what this process leads, and close the database."""
        self.resign()
        turn, self._turn = self._turn, None
        if turn is not None:
            self._drop(turn[0])
        self._engine.dispose()

    def _news(self, connection: Connection, revision: int, floor: int) -> tuple[bool, list[Record]]:
        seen = self._seen
        if seen is None or seen < floor or seen > revision:
            return True, everything(connection, self._space)
        if seen == revision:
            return False, []
        at = records.c
        wanted = sql.select(at.kind, at.key, at.text).where(at.space == self._space, at.revision > seen)
        away = sql.select(gone.c.kind, gone.c.key).where(gone.c.space == self._space, gone.c.revision > seen)
        removed = [Record(kind, key, None) for kind, key in connection.execute(away)]
        return False, removed + [Record(*row) for row in connection.execute(wanted.order_by(at.number))]

    def _write(
        self, connection: Connection, latest: dict[Any, str | None], revision: int, number: int, floor: int
    ) -> None:
        number = self._writing.write(connection, latest, number, revision)
        back = [{"k": kind, "y": key} for (kind, key), text in latest.items() if text is not None]
        away = [
            {"space": self._space, "kind": kind, "key": key, "revision": revision}
            for (kind, key), text in latest.items()
            if text is None
        ]
        if back:
            match = (gone.c.kind == sql.bindparam("k"), gone.c.key == sql.bindparam("y"))
            connection.execute(gone.delete().where(gone.c.space == self._space, *match), back)
        if away:
            insert = self._writing.insert(gone)
            changed = {"revision": insert.excluded.revision}
            keys = ["space", "kind", "key"]
            connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), away)
        if revision - floor > 2 * REMEMBERED:
            floor = revision - REMEMBERED
            connection.execute(gone.delete().where(gone.c.space == self._space, gone.c.revision <= floor))
        here = spaces.update().where(spaces.c.space == self._space)
        connection.execute(here.values(revision=revision, number=number, floor=floor))

    @staticmethod
    def _drop(connection: Connection | None) -> None:
        """Let a connection go, with all that it holds."""
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except (DBAPIError, SQLAlchemyError):
                return
