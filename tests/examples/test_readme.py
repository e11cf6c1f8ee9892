"""The ten lines of the README, as they are printed."""

from __future__ import annotations

import asyncio
import itertools
import re
import textwrap
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from janusgrid.common.resources import resource
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.servers.accounts import Accounts
from janusgrid.iec61850 import Server, connect
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Vtn

README = Path(__file__).resolve().parents[2] / "README.md"
JIDS = ("ems@site.example/ems", "utility@site.example/vtn", "dg750@site.example/IEC")


def printed(word: str) -> str:
    """Return the one example of the README that has this word in it."""
    (found,) = (text for text in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if word in text)
    return str(found)


async def play(text: str, **names: Any) -> list[str]:
    """Run an example with these names defined; return what it prints, when it ends or has printed five things."""
    said: list[str] = []
    enough = asyncio.Event()

    def say(what: object) -> None:
        said.append(str(what))
        if len(said) == 5:
            enough.set()

    scope: dict[str, Any] = {**names, "print": say}
    exec(f"async def example():\n{textwrap.indent(text, '    ')}", scope)
    example, waiting = asyncio.create_task(scope["example"]()), asyncio.create_task(enough.wait())
    async with asyncio.timeout(60):
        await asyncio.wait((example, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not example.done():
        example.cancel()
        await asyncio.gather(example, return_exceptions=True)
    else:
        await example
    return said


@pytest_asyncio.fixture
async def accounts() -> AsyncIterator[Accounts]:
    broker = Broker("site.example")
    made = Accounts(broker, JIDS)
    async with broker:
        yield made


async def test_reading_commanding_and_watching_a_device(accounts: Accounts) -> None:
    server = Server.from_scl(resource("mappings/sites/microgrid/DG750.cid"))
    asked: list[float] = []

    @server.on_operate("DG750DER/DWGC1.WSpt")
    def operate(command: Any) -> None:
        asked.append(command.value)

    async def live() -> None:
        for watts in itertools.count(1):
            server.update("DG750DER/MMXU1.TotW", float(watts))
            await asyncio.sleep(0.05)

    async with accounts.session(JIDS[0]) as session, accounts.session(JIDS[2]) as device, server:
        server.start(device)
        living = asyncio.create_task(live())
        said = await play(
            printed("ied.report").replace("plant.example", "site.example"), connect=connect, session=session
        )
        living.cancel()
    assert asked == [400_000.0]
    assert float(said[0]) >= 0
    assert all("DG750DER/MMXU1.TotW" in report for report in said[1:])


async def test_asking_a_site(accounts: Accounts) -> None:
    async with accounts.session(JIDS[0]) as session, accounts.session(JIDS[1]) as utility:
        ven = Ven("site", session, vtn=JIDS[1], offers=[], read=lambda r_ids: {})
        ven.on_event(lambda change: OptType.OPT_IN)
        async with ven:
            now = datetime.now(UTC)
            said = await play(
                printed("vtn.create_event"), Vtn=Vtn, Party=Party, load_dispatch=load_dispatch, session=utility,
                start=now + timedelta(hours=1), hour=timedelta(hours=1), now=now,
            )  # fmt: skip
    assert said == ["optIn"]
