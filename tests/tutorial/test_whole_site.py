"""The tutorial of a whole site does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.xmpp.servers.process import free_port

from .page import File, steps
from .test_tutorial import ROOT, Reader

pytestmark = pytest.mark.timeout(300)  # many programs, one after the other

PAGE = ROOT / "docs" / "tutorial" / "a-whole-site.md"
FILES = ROOT / "examples" / "whole_site"


async def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path, {"5299": str(free_port())})
    try:
        await reader.follow(PAGE)
        assert not reader.terminals, "the page leaves something running"
    finally:
        await reader.close()
    assert reader.commands >= 11


def test_every_file_of_the_folder_is_on_the_page() -> None:
    shown = {step.source.resolve() for step in steps(PAGE) if isinstance(step, File)}
    assert shown == {path for path in FILES.iterdir() if path.is_file()}
