"""The walls of the house stand: every contract holds, and a planted violation of each one is caught."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / ".importlinter"

# One wrong import per contract: where it is planted, and what is imported there.
PLANTED = {
    "layers": ("openadr/core/planted_layers.py", "from janusgrid.iec61850 import acsi"),
    "cores": ("iec61850/engine/planted_cores.py", "import asyncio"),
    "slixmpp": ("ems/planted_slixmpp.py", "import slixmpp"),
    "lxml": ("openadr/codec/planted_lxml.py", "from lxml import etree"),
    "xmlschema": ("openadr/planted_xmlschema.py", "import xmlschema"),
    "signxml": ("openadr/planted_signxml.py", "import signxml"),
    "asn1tools": ("iec61850/engine/planted_asn1tools.py", "import asn1tools"),
    "ruamel": ("ems/planted_ruamel.py", "import ruamel.yaml"),
    "cattrs": ("iec61850/planted_cattrs.py", "import cattrs"),
    "scramp": ("openadr/planted_scramp.py", "import scramp"),
    "cryptography": ("iec61850/planted_cryptography.py", "import cryptography"),
    "aiohttp": ("openadr/core/planted_aiohttp.py", "import aiohttp"),
    "sqlalchemy": ("ems/planted_sqlalchemy.py", "import sqlalchemy"),
    "click": ("ems/planted_click.py", "import click"),
    "rich": ("common/planted_rich.py", "import rich"),
    "asyncua": ("iec61850/planted_asyncua.py", "import asyncua"),
    "pymodbus": ("ems/planted_pymodbus.py", "import sunspec2"),
    "matplotlib": ("cli/planted_matplotlib.py", "import matplotlib"),
}


def contracts() -> dict[str, str]:
    """Return the contracts of the configuration: id to name."""
    parser = configparser.ConfigParser()
    parser.read(CONFIG)
    mark = "importlinter:contract:"
    return {s.removeprefix(mark): parser[s]["name"] for s in parser.sections() if s.startswith(mark)}


def lint(folder: Path) -> str:
    """Return what the linter says of the package `janusgrid` in `folder`."""
    env = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", CONFIG]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=100)
    return done.stdout + done.stderr


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTED) == set(contracts())


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the package in which every wall is broken once."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "src", folder / "janusgrid", ignore=shutil.ignore_patterns("__pycache__"))
    for file, line in PLANTED.values():
        (folder / "janusgrid" / file).write_text(line + "\n")
    return lint(folder)


@pytest.mark.parametrize("contract", sorted(PLANTED))
def test_a_planted_violation_is_caught(contract: str, report: str) -> None:
    assert f"{contracts()[contract]} BROKEN" in report, report


def test_the_house_as_it_is_keeps_every_contract(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "janusgrid", ignore=shutil.ignore_patterns("__pycache__"))
    assert "0 broken" in lint(tmp_path)
