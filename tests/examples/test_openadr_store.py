"""The example of the how-to on state, as a reader runs it: twice, over SQLite and over PostgreSQL."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from janusgrid.common.xmpp.servers.process import free_port

from tests.postgres import Postgres, postgres

__all__ = ["postgres"]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "openadr_store.py"


def run(place: str) -> tuple[str, str]:
    """Return the venID, and how many events there are."""
    command = [sys.executable, str(EXAMPLE), place, str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = re.fullmatch(r"(VEN\w+) has (\d+) events\n", done.stdout)
    assert found is not None, done.stdout
    return found[1], found[2]


def goes_on(place: str) -> None:
    ven_id, first = run(place)
    assert first == "1"
    assert run(place) == (ven_id, "2")


def test_sqlite(tmp_path: Path) -> None:
    goes_on(str(tmp_path / "vtn.sqlite"))


def test_postgresql(postgres: Postgres) -> None:
    goes_on(postgres.database())
