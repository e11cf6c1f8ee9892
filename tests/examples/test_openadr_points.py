"""The example of OpenADR as points, with the VEN of the tutorial."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_points_of_a_site(tmp_path: Path) -> None:
    port = free()
    config = (EXAMPLES / "openadr" / "ven.yaml").read_text()
    (tmp_path / "ven.yaml").write_text(config.replace("8088", str(port)))
    ven = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from janusgrid.cli import main; main()", "ven", "ven.yaml",
        cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    vtn = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / "openadr_points.py"), "127.0.0.1", str(port),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(120):
            said, _ = await vtn.communicate()
    finally:
        ven.terminate()
        await ven.wait()
    lines = said.decode().splitlines()
    assert vtn.returncode == 0, said.decode()
    assert lines[0] == "site.dispatch.p, site.level, site.pcc.p"
    assert lines[1].startswith("1900 kW at ")
    assert lines[2] == "the site takes part"
    assert lines[3:] == ["initial: 1900 kW", "periodic: 1900 kW", "periodic: 1900 kW"]
