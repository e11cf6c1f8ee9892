"""The example of the how-to on history: what was recorded is what the utility is told, and what is exported."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from click.testing import CliRunner
from janusgrid.cli.history import command

from .test_openadr_points import free

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "keep_history.py"


async def test_the_past_is_kept_told_and_exported(tmp_path: Path) -> None:
    place = str(tmp_path / "plant.sqlite")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), place, "127.0.0.1", str(free()), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(100):
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.decode().splitlines() == ["1900 kW", "1800 kW", "1700 kW"]
    found = CliRunner().invoke(command, ["export", place, "site.*", "--since", "-1h"]).stdout.splitlines()
    assert [line.split(",")[1:] for line in found[1:4]] == [
        ["site.pcc.p", f"{value}.0", "good", ""] for value in (1900, 1800, 1700)
    ]
