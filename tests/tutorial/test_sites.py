"""The guides to site files and device classes do what they say, as their reader meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_tutorial import Reader

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "how-to"


@pytest.mark.parametrize(("page", "commands"), [("add-a-device-class.md", 5), ("write-a-site-file.md", 5)])
@pytest.mark.timeout(300)  # programs, one after the other: how long that takes, the machine says
async def test_a_guide_does_what_it_says(tmp_path: Path, page: str, commands: int) -> None:
    reader = Reader(tmp_path)
    await reader.follow(GUIDES / page)
    assert reader.commands == commands
