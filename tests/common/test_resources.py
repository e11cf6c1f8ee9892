"""Data is found in a checkout and in a wheel."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from janusgrid.common import resources
from janusgrid.common.errors import UnknownName


def test_a_checkout() -> None:
    root = Path(__file__).resolve().parents[2]
    assert resources.mappings_dir() == root / "mappings"
    assert resources.schemas_dir() == root / "schemas"
    assert resources.resource("mappings/iec61850/pv.csv").is_file()


def test_a_wheel(tmp_path: Path) -> None:
    package = tmp_path / "janusgrid"
    (package / "common").mkdir(parents=True)
    (package / "mappings").mkdir()
    (package / "schemas").mkdir()
    (tmp_path / "mappings").mkdir()  # a stranger's
    for name in ("resources.py", "errors.py"):
        shutil.copy(Path(resources.__file__).with_name(name), package / "common")
    file = package / "common" / "resources.py"
    spec = importlib.util.spec_from_file_location("janusgrid.common.resources_in_wheel", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.mappings_dir() == package / "mappings"
    assert module.schemas_dir() == package / "schemas"


@pytest.mark.parametrize(
    "path", ["mappings/iec61850/pw.csv", "mappings/none/a.csv", "src/common", "mappings/../src", ""]
)
def test_what_is_not_there(path: str) -> None:
    with pytest.raises(UnknownName):
        resources.resource(path)


def test_what_is_there_is_named() -> None:
    with pytest.raises(UnknownName, match=r"battery\.csv"):
        resources.resource("mappings/iec61850/pw.csv")
