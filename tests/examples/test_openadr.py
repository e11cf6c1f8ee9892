"""The OpenADR examples, as a reader of the documentation runs them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.brokers import start_broker

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


async def start(program: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / program), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def test_vtn_and_ven_find_each_other() -> None:
    async with start_broker("embedded", "vtn", "ems") as broker:
        where = ("--host", broker.host, "--port", str(broker.port), "--ca", str(broker.ca))
        vtn = await start(
            "openadr_vtn.py",
            f"vtn@{broker.domain}/vtn",
            "secret of vtn",
            f"ems@{broker.domain}",
            "--samples",
            "3",
            *where,
        )
        ven = await start(
            "openadr_ven.py", f"ems@{broker.domain}/ems", "secret of ems", f"vtn@{broker.domain}/vtn", *where
        )
        try:
            async with asyncio.timeout(60):
                said, _ = await vtn.communicate()
        finally:
            ven.terminate()
            heard, _ = await ven.communicate()
    assert vtn.returncode == 0, said.decode()
    assert "the site answers optIn" in said.decode()
    assert said.decode().count("pcc.p") >= 3
    assert "registered as VEN" in heard.decode()
    assert "new event" in heard.decode()


async def test_a_ven_says_when_it_is_available() -> None:
    program = await start("openadr_opt.py")
    async with asyncio.timeout(60):
        said, _ = await program.communicate()
    lines = said.decode().splitlines()
    assert program.returncode == 0, said.decode()
    assert lines[0] == "site says optOut: outageRunStatus"
    assert lines[1].startswith("in 25 hours: optOut, until ")
    assert lines[2].startswith("in 27 hours: nothing said, until ")
    assert lines[3:] == [
        "after it was taken back: nothing said",
        "site says optOut: mustRun",
        "the site optIn, its lights optOut",
    ]


async def test_reports_of_every_kind_both_ways() -> None:
    program = await start("openadr_reports.py")
    async with asyncio.timeout(60):
        said, _ = await program.communicate()
    assert program.returncode == 0, said.decode()
    assert said.decode().splitlines() == [
        "online: True, capacity 320 kW",
        "the past: [1000.0, 1001.0, 1002.0, 1003.0]",
        "now: pcc.p 1900.0 kW, no value of pv.p",
        "the feeder: 42000.0 kW",
    ]
