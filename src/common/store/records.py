"""Records in a database: lines of text by kind and key, kept all or not at all.

SQLite in a file by default, PostgreSQL by its URL. What `save` has returned from is on the disk. One process at a time
uses a space; many share one with `SharedRecords`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sql
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigError, LocalError
from .engine import WRITE, engine, reason, shown, url_of
from .layout import records as table
from .upgrade import prepare


class Record(NamedTuple):
    """What is kept under a kind and a key; None for what is kept no more."""

    kind: str
    key: str
    text: str | None


class NotStored(LocalError):
    """The database does not take what it was given: it is full, read-only or away. Nothing of it was kept."""


class Records:
    """The records of one space of a database; spaces know nothing of each other.

    Args:
        place: the file of an SQLite database, which is made if it is not there, or the URL of any that SQLAlchemy
            knows, such as `postgresql+psycopg://…`.
        space: the name of the part that is ours.

    Raises:
        ConfigError: the place cannot be used, or was laid out by a later version.
    """

    def __init__(self, place: Path | str, space: str) -> None:
        self._space = space
        self._lock = threading.Lock()
        self._engine, self.where = opened(place)
        try:
            with self._engine.connect() as connection:
                found = connection.scalar(sql.select(sql.func.max(table.c.number)).where(table.c.space == space))
        except SQLAlchemyError as error:
            raise ConfigError(f"the database cannot be used: {reason(error)}", where=self.where) from None
        self._number = found or 0
        self._writing = Writing(self._engine, space)

    def load(self) -> list[Record]:
        """Return everything, in the order in which it was first kept; raise `LocalError` if it cannot be read."""
        try:
            with self._engine.connect() as connection:
                return everything(connection, self._space)
        except SQLAlchemyError as error:
            raise LocalError(f"what was kept cannot be read: {reason(error)}", where=self.where) from None

    def save(self, records: Iterable[Sequence[str | None]]) -> None:
        """Keep records (kind, key, text), all of them or none; raise `NotStored` if that cannot be done.

        May be called from any thread; one at a time goes on.
        """
        latest = {(kind, key): text for kind, key, text in records}
        with self._lock:
            try:
                with self._engine.connect().execution_options(**WRITE) as connection, connection.begin():
                    self._number = self._writing.write(connection, latest, self._number, 0)
            except SQLAlchemyError as error:
                raise NotStored(f"nothing is kept any more: {reason(error)}", where=self.where) from None

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()


def opened(place: Path | str, **options: Any) -> tuple[Engine, str]:
    """Return an engine for a database that is laid out as this version needs it, and how it is named in messages."""
    url = url_of(place)
    made = engine(url, **options)
    try:
        prepare(made)
    except SQLAlchemyError as error:
        raise ConfigError(f"the database cannot be used: {reason(error)}", where=shown(url)) from None
    return made, shown(url)


def everything(connection: Connection, space: str) -> list[Record]:
    """Return all records of a space, in the order in which they were first kept."""
    wanted = sql.select(table.c.kind, table.c.key, table.c.text).where(table.c.space == space)
    return [Record(*row) for row in connection.execute(wanted.order_by(table.c.number))]


class Writing:
    """The statements that write records of a space."""

    def __init__(self, made: Engine, space: str) -> None:
        self._space = space
        self.insert = (postgresql if made.dialect.name == "postgresql" else sqlite).insert
        insert = self.insert(table)
        self._upsert = insert.on_conflict_do_update(
            index_elements=["space", "kind", "key"],
            set_={"text": insert.excluded.text, "revision": insert.excluded.revision},
        )
        self._delete = table.delete().where(
            table.c.space == space, table.c.kind == sql.bindparam("k"), table.c.key == sql.bindparam("y")
        )

    def write(
        self, connection: Connection, latest: Mapping[tuple[Any, Any], str | None], number: int, revision: int
    ) -> int:
        """Write records, those of None as deleted; return the number of the last."""
        removed = [{"k": kind, "y": key} for (kind, key), text in latest.items() if text is None]
        rows = []
        for (kind, key), text in latest.items():
            if text is not None:
                number += 1
                row = {"space": self._space, "kind": kind, "key": key, "number": number, "text": text}
                rows.append({**row, "revision": revision})
        if removed:
            connection.execute(self._delete, removed)
        if rows:
            connection.execute(self._upsert, rows)
        return number
