"""`janusgrid broker`: who has an account file can log in, and see the others; at the end nothing is left."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli.broker import command
from janusgrid.common.errors import ConfigError
from janusgrid.common.xmpp.login import Login


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_whoever_is_named_can_log_in(tmp_path: Path) -> None:
    folder = tmp_path / "accounts"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from janusgrid.cli import main; main()", "broker", "ems@grid.test/IEC",
        "vtn@grid.test/openadr", "--folder", str(folder), "--port", str(free()), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    async with asyncio.timeout(60):
        said = [(await program.stdout.readline()).decode() for _ in range(3)]
        assert said[0].startswith("XMPP server of grid.test at 127.0.0.1 port ")
        assert said[1] == f"  ems@grid.test/IEC: {folder}/ems.yaml\n"
        seen = asyncio.Event()
        async with Login.load(folder / "ems.yaml").session() as ems:
            ems.on_presence(lambda jid, here: seen.set() if here and jid == "vtn@grid.test/openadr" else None)
            await ems.subscribe("vtn@grid.test")
            async with Login.load(folder / "vtn.yaml").session():
                await seen.wait()
        program.send_signal(signal.SIGINT)
        assert await program.wait() == 0
    assert list(folder.iterdir()) == []


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"not of the domain a\.test"):
        CliRunner().invoke(command, ["ems@a.test/x", "vtn@b.test/y"], catch_exceptions=False)
    found = CliRunner().invoke(command, ["ems@a.test/x", "ems@a.test/y"])
    assert found.exit_code == 2
    assert "given twice" in found.output
