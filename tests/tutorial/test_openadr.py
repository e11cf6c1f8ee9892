"""The tutorial of the first VTN and VEN does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.xmpp.servers.process import free_port

from .page import File, steps
from .test_tutorial import ROOT, Reader

pytestmark = pytest.mark.timeout(300)  # many programs, one after the other

PAGE = ROOT / "docs" / "tutorial" / "first-vtn-and-ven.md"
FILES = ROOT / "examples" / "openadr"


async def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path, {port: str(free_port()) for port in ("8088", "8443")})
    try:
        await reader.follow(PAGE)
        assert not reader.terminals, "the page leaves something running"
    finally:
        await reader.close()
    assert reader.commands >= 18


def test_every_file_of_the_folder_is_on_the_page_and_short() -> None:
    shown = {step.source.resolve() for step in steps(PAGE) if isinstance(step, File)}
    assert shown == {path for path in FILES.iterdir() if path.is_file()}
    for path in shown:
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        assert len(lines) <= 18, path.name
