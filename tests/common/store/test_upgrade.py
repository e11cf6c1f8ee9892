"""Layouts of databases: new ones, those of older versions, those of later ones; SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sql
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from janusgrid.common.errors import ConfigError
from janusgrid.common.store import layout
from janusgrid.common.store import upgrade as upgrade_room
from janusgrid.common.store.engine import engine, url_of
from janusgrid.common.store.records import Record, Records
from janusgrid.common.store.upgrade import examine, revision, upgrade
from janusgrid.openadr.core import spelling
from janusgrid.openadr.core.shelf import Change
from janusgrid.openadr.core.vtn import VtnCore
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import EventResponse, OptType, QualifiedEventId, ResponseRequired

from tests.postgres import Postgres, postgres

__all__ = ["postgres"]

FIRST = (
    "CREATE TABLE record (space VARCHAR(200) NOT NULL, kind VARCHAR(100) NOT NULL, key VARCHAR(500) NOT NULL, "
    "number BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (space, kind, key))",
    "CREATE INDEX record_order ON record (space, number)",
    "CREATE TABLE layout (number INTEGER NOT NULL PRIMARY KEY)",
    "INSERT INTO layout VALUES (1)",
    "INSERT INTO record VALUES ('a', 'x', '2', 1, 'two'), ('a', 'x', '1', 2, 'one'), ('b', 'y', '1', 1, 'other')",
)
"""What the first version made."""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "kept.sqlite")
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


def as_first(place: str) -> None:
    made = engine(url_of(place))
    with made.begin() as connection:
        for statement in FIRST:
            connection.exec_driver_sql(statement)
    made.dispose()


def test_the_steps_lead_to_the_tables_that_are_used(place: str) -> None:
    assert revision(place) is None
    assert upgrade(place) == (None, layout.HEAD)
    assert upgrade(place) == (layout.HEAD, layout.HEAD)
    made = engine(url_of(place))
    with made.connect() as connection:
        names = {"version_table": layout.VERSIONS}
        assert compare_metadata(MigrationContext.configure(connection, opts=names), layout.metadata) == []
    made.dispose()


def test_the_last_step_is_the_one_that_is_looked_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade_room.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [layout.HEAD]


def test_what_the_first_version_kept_is_kept(place: str) -> None:
    as_first(place)
    assert revision(place) == "0001"
    if "://" in place:
        with pytest.raises(ConfigError, match="janusgrid store upgrade"):
            Records(place, "a")
        upgrade(place)
    records = Records(place, "a")
    assert records.load() == [Record("x", "2", "two"), Record("x", "1", "one")]
    records.save([("x", "1", None), ("x", "3", "three")])
    assert Records(place, "a").load() == [Record("x", "2", "two"), Record("x", "3", "three")]
    assert Records(place, "b").load() == [Record("y", "1", "other")]
    assert revision(place) == layout.HEAD


def test_answers_to_events_get_records_of_their_own(place: str) -> None:
    """A VTN that goes on from them knows who has said what; a VEN's events, and what is no event, stay as they are."""
    now = datetime(2026, 3, 25, 8, tzinfo=UTC)
    made = load_dispatch(100.0, start=now, duration=timedelta(hours=1), created=now, event_id="E1")
    told = {each: spelling.responses((_response(each, opt),)) for each, opt in (("V1", "optIn"), ("V2", "optOut"))}
    kept = {
        "event": spelling.event(made, ResponseRequired.ALWAYS), "vens": ["V1", "V2", "V3"], "by_target": False,
        "answers": told, "overrides": {"V1": spelling.responses((_response("V1", "optOut"),))},
    }  # fmt: skip
    as_first(place)
    others = [("ven", "event", "E1", 1, json.dumps({"event": "of a VEN"})), ("a", "event", "odd", 8, "no JSON")]
    database = engine(url_of(place))
    with database.begin() as connection:
        for row in [("a", "event", "E1", 7, json.dumps(kept)), *others]:
            values = dict(zip("skynt", row, strict=True))
            connection.execute(sql.text("INSERT INTO record VALUES (:s, :k, :y, :n, :t)"), values)
    database.dispose()
    upgrade(place)
    core = VtnCore("VTN1", ())
    (fault,) = core.restore(Change(*each) for each in Records(place, "a").load() if each.kind.startswith("event"))
    assert fault.startswith("event odd: ")
    (booked,) = core.events
    assert {ven: booked.opt(ven) for ven in booked.ven_ids} == {"V1": "optOut", "V2": "optOut", "V3": None}
    assert [booked.is_overridden(ven) for ven in ("V1", "V2", "V3")] == [True, False, False]
    core.events.override(booked, "V1", None)
    assert booked.opt("V1") is OptType.OPT_IN
    core.events.record("V2", _response("V2", "optIn"))
    assert [each.key for each in core.cabinet.changes() if each.kind == "event answer"] == [
        each.key for each in core.events.answers.of("E1").values()
    ], "they are kept where the migration has put them"
    assert Records(place, "ven").load() == [Record("event", "E1", others[0][4])]


def _response(ven: str, opt: str) -> EventResponse:
    return EventResponse(
        request_id=ven, qualified_event_id=QualifiedEventId(event_id="E1", modification_number=0), opt_type=OptType(opt)
    )


def test_a_later_version_is_left_alone(place: str) -> None:
    Records(place, "a").close()
    made = engine(url_of(place))
    with made.begin() as connection:
        connection.execute(sql.text(f"UPDATE {layout.VERSIONS} SET version_num = '9999'"))
    made.dispose()
    for attempt in (lambda: Records(place, "a"), lambda: upgrade(place)):
        with pytest.raises(ConfigError, match="layout 9999"):
            attempt()


def test_a_database_is_examined_without_a_change(place: str, tmp_path: Path) -> None:
    def seen() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".sqlite-shm"}

    assert examine(place) is None
    assert not seen()
    as_first(place)
    before = seen()
    if "://" in place:
        with pytest.raises(ConfigError, match="janusgrid store upgrade"):
            examine(place)
    else:
        assert examine(place) == "0001"
    assert seen() == before
    upgrade(place)
    records = Records(place, "a")
    records.save([("x", "9", "nine")])
    before = seen()
    assert examine(place) == layout.HEAD  # a program has it open, and has just written
    assert seen() == before
    records.close()
    made = engine(url_of(place))
    with made.begin() as connection:
        connection.execute(sql.text(f"UPDATE {layout.VERSIONS} SET version_num = '9999'"))
    made.dispose()
    with pytest.raises(ConfigError, match="layout 9999"):
        examine(place)


@pytest.mark.parametrize("left", [("",), ("", "-wal"), ("", "-wal", "-shm")], ids=["file", "log", "all"])
def test_what_a_killed_program_has_left_is_examined_without_a_change(left: tuple[str, ...], tmp_path: Path) -> None:
    def seen() -> dict[str, bytes]:  # -shm is memory that readers share, too
        found = (path for path in tmp_path.iterdir() if path.is_file())
        return {path.name: b"" if path.name.endswith("-shm") else path.read_bytes() for path in found}

    (tmp_path / "of").mkdir()
    with contextlib.closing(Records(tmp_path / "of" / "kept.sqlite", "a")) as records:
        records.save([("x", "1", "one")])
        for end in left:
            shutil.copy(tmp_path / "of" / f"kept.sqlite{end}", tmp_path)
    before = seen()
    assert examine(tmp_path / "kept.sqlite") in (None, layout.HEAD)
    assert seen() == before


def test_what_is_no_database_or_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert examine(tmp_path / "empty") is None
    (tmp_path / "text").write_text("nothing of a database, but long enough to be taken for one; " * 20)
    for name, said in (("text", "not a database"), (".", "no file"), ("none/kept", "nothing can be made in")):
        with pytest.raises(ConfigError, match=said):
            examine(tmp_path / name)


def test_many_open_a_new_database_at_once(place: str) -> None:
    failures: list[Exception] = []

    def begin(number: int) -> None:
        try:
            Records(place, f"s{number}").save([("x", "1", str(number))])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [Records(place, f"s{n}").load() for n in range(4)] == [[Record("x", "1", str(n))] for n in range(4)]


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    """The index that the second step makes is there already: it fails, and the first version can go on."""
    file = tmp_path / "kept.sqlite"
    as_first(str(file))
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE janusgrid_space (x)")
    with pytest.raises(ConfigError, match="already exists"):
        Records(file, "a")
    with sqlite3.connect(file) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"record", "layout", "janusgrid_space"}
        assert connection.execute("SELECT count(*) FROM record").fetchone() == (3,)


def test_a_database_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    file = tmp_path / "kept.sqlite"
    Records(file, "a").close()
    code = (
        "import sys; from janusgrid.common.store.records import Records; "
        f"Records({str(file)!r}, 'a'); print('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
