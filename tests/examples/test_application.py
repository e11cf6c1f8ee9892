"""The example of the how-to on applications: one file on four ways to its devices, and it knows none of them."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "application"
APPLICATIONS = [
    FOLDER / "peak.py",
    ROOT / "src" / "ems" / "controller.py",
    ROOT / "src" / "ems" / "dispatch.py",
    *sorted((ROOT / "src" / "ems" / "reserve").glob("*.py")),
]
PROTOCOLS = {"janusgrid.openadr", "janusgrid.iec61850", "janusgrid.common.xmpp", "janusgrid.common.xml"} | {
    "slixmpp", "lxml", "xmlschema", "aiohttp", "asn1tools", "asyncua", "pymodbus", "sunspec2", "socket", "ssl",
}  # fmt: skip


@pytest.mark.parametrize("way", ["memory", "simulation", "81", "82"])
async def test_the_application_runs_unchanged_on_every_way(
    way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("run_an_application", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    await program.main(way)
    (line,) = capsys.readouterr().out.splitlines()
    words = line.split()
    assert words[:1] == ["import"]
    assert words[2:6] == ["kW,", "the", "battery", "takes"]
    assert int(words[1]) < 1705
    assert int(words[6]) > 150


@pytest.mark.parametrize("path", APPLICATIONS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_application_imports_no_protocol(path: Path) -> None:
    assert not {name for name in imported(path) for one in PROTOCOLS if name == one or name.startswith(f"{one}.")}


def test_an_import_of_a_protocol_would_be_seen(tmp_path: Path) -> None:
    folder = tmp_path / "src" / "ems" / "reserve"
    folder.mkdir(parents=True)
    bad = folder / "bad.py"
    bad.write_text("from ...iec61850 import connect\nimport slixmpp.xmlstream\nfrom . import core\n")
    assert imported(bad, tmp_path) >= {"janusgrid.iec61850", "slixmpp.xmlstream", "janusgrid.ems.reserve.core"}


def test_nothing_that_the_reserve_application_needs_loads_a_protocol() -> None:
    code = "import sys, janusgrid.ems.reserve.controller, janusgrid.ems.reserve.local; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "janusgrid.ems.reserve.core" in loaded
    ours = {
        name for name in loaded for one in PROTOCOLS - {"socket", "ssl"} if name == one or name.startswith(f"{one}.")
    }
    assert not ours, "asyncio itself has sockets"


def imported(path: Path, root: Path = ROOT) -> set[str]:
    """Return the full names of what a file imports, with what it takes from there."""
    found: set[str] = set()
    package = ("janusgrid", *path.relative_to(root / "src").parts[:-1]) if (root / "src") in path.parents else ()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.update({module, *(f"{module}.{alias.name}" for alias in node.names)})
    return found
