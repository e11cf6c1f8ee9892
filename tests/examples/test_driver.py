"""The example of a driver: its tests as they stand, and that it is found once it is installed."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path

import pytest
from examples.driver.test_text import TestText, pytestmark
from janusgrid.common.data.site import load_site
from janusgrid.common.errors import ConfigError
from janusgrid.ems.drivers import find, installed

__all__ = ["TestText", "pytestmark"]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "driver"


async def test_the_driver_is_found_by_the_name_of_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="no driver 'text'; installed are: iec61850, modbus, opcua, openadr"):
        find("text")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    points = "\n".join(f"{name} = {value}" for name, value in project["entry-points"]["janusgrid.drivers"].items())
    info = tmp_path / "janusgrid_text-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[janusgrid.drivers]\n{points}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLE))
    importlib.invalidate_caches()
    try:
        assert installed()["text"] == "janusgrid-text 1.0"
        assert type(find("text")).__name__ == "TextDriver"
        assert load_site(EXAMPLE / "site.yaml").device("BAT").driver == "text"
    finally:
        sys.modules.pop("janusgrid_text", None)
