"""`janusgrid store`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli.store import command
from janusgrid.common.errors import ConfigError
from janusgrid.common.store import layout

from tests.common.store.test_upgrade import as_first


def test_a_database_is_checked_upgraded_and_checked(tmp_path: Path) -> None:
    place = str(tmp_path / "kept.sqlite")
    as_first(place)
    run = CliRunner().invoke
    found = run(command, ["check", place])
    hint = ", to which `janusgrid store upgrade` brings it"
    assert (found.exit_code, found.output) == (1, f"layout 0001; this version uses {layout.HEAD}{hint}\n")
    assert run(command, ["upgrade", place]).output == f"layout {layout.HEAD}; it was 0001\n"
    assert run(command, ["upgrade", place]).output == f"layout {layout.HEAD}, as it was\n"
    assert run(command, ["check", place]).exit_code == 0


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        CliRunner().invoke(command, ["check", str(tmp_path)], catch_exceptions=False)


def test_to_check_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        CliRunner().invoke(command, ["check", str(tmp_path / "kept.sqlite")], catch_exceptions=False)
    assert not list(tmp_path.iterdir())
