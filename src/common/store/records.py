"""Records in a database: lines of text by kind and key, kept all or not at all.

SQLite in a file by default, PostgreSQL by its URL. What `save` has returned from is on the disk.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sql
from sqlalchemy import Engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigError, LocalError

LAYOUT = 1
"""Of the tables; counted up by each migration."""

_meta = sql.MetaData()
_records = sql.Table(
    "record",
    _meta,
    sql.Column("space", sql.String(200), primary_key=True),
    sql.Column("kind", sql.String(100), primary_key=True),
    sql.Column("key", sql.String(500), primary_key=True),
    sql.Column("number", sql.BigInteger, nullable=False),
    sql.Column("text", sql.Text, nullable=False),
    sql.Index("record_order", "space", "number"),
)
_layout = sql.Table("layout", _meta, sql.Column("number", sql.Integer, primary_key=True))


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
        text = str(place)
        url = text if "://" in text else f"sqlite:///{Path(text).absolute()}"
        try:
            self._engine = _engine(url)
            self.where = self._engine.url.render_as_string(hide_password=True)
            self._prepare()
        except (SQLAlchemyError, ImportError) as error:
            raise ConfigError(f"the database cannot be used: {_reason(error)}", where=_shown(url)) from None
        with self._engine.connect() as connection:
            found = connection.scalar(sql.select(sql.func.max(_records.c.number)).where(_records.c.space == space))
        self._number = found or 0

    def load(self) -> list[Record]:
        """Return everything, in the order in which it was first kept; raise `LocalError` if it cannot be read."""
        wanted = sql.select(_records.c.kind, _records.c.key, _records.c.text).where(_records.c.space == self._space)
        try:
            with self._engine.connect() as connection:
                return [Record(*row) for row in connection.execute(wanted.order_by(_records.c.number))]
        except SQLAlchemyError as error:
            raise LocalError(f"what was kept cannot be read: {_reason(error)}", where=self.where) from None

    def save(self, records: Iterable[Sequence[str | None]]) -> None:
        """Keep records (kind, key, text), all of them or none; raise `NotStored` if that cannot be done.

        May be called from any thread; one at a time goes on.
        """
        latest = {(kind, key): text for kind, key, text in records}
        gone = [{"k": kind, "y": key} for (kind, key), text in latest.items() if text is None]
        with self._lock:
            rows = []
            for (kind, key), text in latest.items():
                if text is not None:
                    self._number += 1
                    rows.append({"space": self._space, "kind": kind, "key": key, "number": self._number, "text": text})
            try:
                with self._engine.begin() as connection:
                    if gone:
                        connection.execute(self._delete, gone)
                    if rows:
                        connection.execute(self._upsert, rows)
            except SQLAlchemyError as error:
                raise NotStored(f"nothing is kept any more: {_reason(error)}", where=self.where) from None

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def _prepare(self) -> None:
        _meta.create_all(self._engine)
        with self._engine.begin() as connection:
            found = connection.scalar(sql.select(sql.func.max(_layout.c.number)))
            if found is None:
                connection.execute(_layout.insert().values(number=LAYOUT))
            elif found > LAYOUT:
                raise ConfigError(
                    f"the database is of layout {found}, this version knows {LAYOUT}: use a later one",
                    where=self.where,
                )
        insert = (postgresql if self._engine.dialect.name == "postgresql" else sqlite).insert(_records)
        self._upsert = insert.on_conflict_do_update(
            index_elements=["space", "kind", "key"], set_={"text": insert.excluded.text}
        )
        table = _records.c
        self._delete = _records.delete().where(
            table.space == self._space, table.kind == sql.bindparam("k"), table.key == sql.bindparam("y")
        )


def _engine(url: str) -> Engine:
    made = sql.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if made.dialect.name == "sqlite":

        @event.listens_for(made, "connect")
        def settings(connection: Any, _: object) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA busy_timeout=5000")
            cursor.close()

    return made


def _reason(error: Exception) -> str:
    """Return what the database itself says, without the statement and its values: they may be secret."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _shown(url: str) -> str:
    try:
        return sql.make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "the URL given"
