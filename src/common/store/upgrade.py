"""Brings a database to the layout of this version: SQLite by itself when it is opened, PostgreSQL when it is told to.

Many processes may use one PostgreSQL, some of them of the version before: whoever runs them says when it changes.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sql
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigError
from . import layout
from .engine import WRITE, engine, reader, reason, shown, url_of

_OLDEST = "0001"
_LOCK = 0x6A67_7570
"""Of PostgreSQL: held while tables are changed."""


def revision(place: Path | str) -> str | None:
    """Return the revision of a database's layout, None for one that has nothing of ours; raise `ConfigError`."""
    made = engine(url_of(place))
    try:
        with made.connect() as connection:
            return _found(connection)
    except SQLAlchemyError as error:
        raise ConfigError(f"the database cannot be used: {reason(error)}", where=shown(url_of(place))) from None
    finally:
        made.dispose()


def examine(place: Path | str) -> str | None:
    """Return the revision of a database that this version could open; None for one that has nothing of ours, or is new.

    Nothing is made and nothing is changed. Raises `ConfigError` for one that could not be opened, or cannot be read.
    """
    url = url_of(place)
    made = reader(url)
    if made is None:
        return None
    try:
        with made.connect() as connection:
            found = _found(connection)
            _fits(made, found)
            if found == layout.HEAD:  # every one is looked at
                connection.execute(sql.select(sql.func.sum(sql.func.length(layout.records.c.text)))).all()
            return found
    except SQLAlchemyError as error:
        raise ConfigError(f"the database cannot be used: {reason(error)}", where=shown(url)) from None
    finally:
        made.dispose()


def upgrade(place: Path | str) -> tuple[str | None, str]:
    """Bring a database to the layout of this version; return its revision before and now.

    All of it is done, or nothing: processes that do the same at once wait for each other. Raises `ConfigError`.
    """
    made = engine(url_of(place))
    try:
        return _upgraded(made), layout.HEAD
    except SQLAlchemyError as error:
        raise ConfigError(f"the database cannot be used: {reason(error)}", where=shown(url_of(place))) from None
    finally:
        made.dispose()


def prepare(made: Engine) -> None:
    """Make a database ready to be used: lay out a new one, upgrade SQLite; raise `ConfigError` for what is left."""
    with made.connect() as connection:
        found = _found(connection)
    _fits(made, found)
    if found != layout.HEAD:
        _upgraded(made)


def _fits(made: Engine, found: str | None) -> None:
    """Raise `ConfigError` for a layout that this version neither has nor brings up to date by itself."""
    _is_known(made, found)
    if found not in (None, layout.HEAD) and made.dialect.name != "sqlite":
        raise ConfigError(
            f"the database is of layout {found}, this version needs {layout.HEAD}: end all processes that use it, "
            "then run `janusgrid store upgrade` with its URL",
            where=shown(made.url.render_as_string()),
        )


def _is_known(made: Engine, found: str | None) -> None:
    if found is not None and found > layout.HEAD:
        raise ConfigError(
            f"the database is of layout {found}, this version knows {layout.HEAD}: use a later one",
            where=shown(made.url.render_as_string()),
        )


def _upgraded(made: Engine) -> str | None:
    with made.connect().execution_options(**WRITE) as connection, connection.begin():
        if made.dialect.name == "postgresql":
            connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
        found = _found(connection)
        _is_known(made, found)
        if found != layout.HEAD:
            _migrate(connection)
        return found


def _found(connection: Connection) -> str | None:
    """Return the revision of a database; one of before they were counted has a table of another name."""
    names = sql.inspect(connection).get_table_names()
    if layout.VERSIONS in names:
        version: str | None = connection.scalar(sql.text(f"SELECT version_num FROM {layout.VERSIONS}"))  # noqa: S608
        return version
    return _OLDEST if {"layout", "record"} <= set(names) else None


def _migrate(connection: Connection) -> None:
    from alembic import command  # most openings find nothing to do, and it is slow to import
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes.update(connection=connection, version_table=layout.VERSIONS)
    command.upgrade(config, "head")
