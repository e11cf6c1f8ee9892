"""The door to the database: engines for SQLite and PostgreSQL, and what went wrong in words without secrets."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigError

WRITE = {"janusgrid_write": True}
"""Execution options of a transaction that will write: SQLite takes its lock at once, and waits for it."""

_HELP = "; install janusgrid[postgresql]"


def url_of(place: Path | str) -> str:
    """Return the URL of a database that was named by its file or by its URL."""
    text = str(place)
    if "://" not in text:
        return f"sqlite:///{Path(text).absolute()}"
    return text.replace("postgresql://", "postgresql+psycopg://", 1) if text.startswith("postgresql://") else text


def engine(url: str, **options: Any) -> Engine:
    """Return an engine; raise `ConfigError` for what is no database, or one whose driver is not installed."""
    if not url.startswith(("sqlite", "postgresql")):
        raise ConfigError("a database is an SQLite file, or postgresql://user@host/name", where=shown(url))
    try:
        made = sql.create_engine(url, pool_pre_ping=not url.startswith("sqlite"), **options)
    except ImportError as error:
        missing = _HELP if url.startswith("postgresql") else ""
        raise ConfigError(f"the database cannot be used: {error}{missing}", where=shown(url)) from None
    except SQLAlchemyError as error:
        raise ConfigError(f"the database cannot be used: {reason(error)}", where=shown(url)) from None
    if made.dialect.name == "sqlite":
        event.listen(made, "connect", _settings)
        event.listen(made, "begin", _begin)
    return made


def reader(url: str) -> Engine | None:
    """Return an engine that makes and changes nothing; None for an SQLite file that could be made, and is not there.

    Raises `ConfigError` for what is no database, or is where nothing can be written.
    """
    if not url.startswith("sqlite"):
        return engine(url)
    name = sql.make_url(url).database
    if not name or name == ":memory:":
        return None
    file = Path(name)
    if file.exists() and not (file.is_file() and os.access(file, os.R_OK | os.W_OK)):
        raise ConfigError("the database cannot be used: it is no file that we may read and write", where=name)
    if not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        raise ConfigError(f"the database cannot be used: nothing can be made in {file.parent}", where=name)
    if not file.exists():
        return None
    beside = all(file.with_name(file.name + end).exists() for end in ("-wal", "-shm"))
    how = "mode=ro" if beside else "mode=ro&immutable=1"  # where these two are missing, they would be made
    return sql.create_engine(url, creator=lambda: sqlite3.connect(f"file:{quote(str(file))}?{how}", uri=True))


def _settings(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own idea of transactions leaves DDL outside of them
    for setting in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {setting}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("janusgrid_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def reason(error: Exception) -> str:
    """Return what the database itself says, without the statement and its values: they may be secret."""
    return (str(getattr(error, "orig", None) or error).strip() or type(error).__name__).splitlines()[0]


def shown(url: str) -> str:
    """Return a URL without its password."""
    try:
        return sql.make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "the URL given"
