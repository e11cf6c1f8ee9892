"""The one suite of the data-access port, over a VEN that is a device of the site."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.data.suite import AccessSuite, Rig
from janusgrid.common.data.tables import parse_table
from janusgrid.common.errors import JanusGridError
from janusgrid.ems.drivers.openadr import OpenAdrLink

from tests.data.openadr import Both, VtnRig, both

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLE = """\
point,kind,type,unit,rid,signal,signal_type,about,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description
p,measurement,float,kW,p,,,,float32,kW,,,,read report,,,
q,measurement,float,kW,q,,,,float32,kW,,,,read report,,,
p.set,setpoint,float,kW,,LOAD_DISPATCH,setpoint,,float32,kW,,,,read report operate schedule,-1000,1000,
available,status,bool,,,,,availability,bool,,,,,read report,,,
"""
SECOND = timedelta(seconds=1)


class LinkRig(VtnRig):
    """A home that reports what the tests say, as often as it can."""

    number, second, setpoint = "der.HOME.p", "der.HOME.q", "der.HOME.p.set"

    def __init__(self, two: Both) -> None:
        super().__init__(two)
        rows = parse_table(TABLE.encode(), "ven.csv")
        bindings = [row.bind(f"der.HOME.{row.point}", {}) for row in rows]
        self.link = OpenAdrLink("site", bindings, two.vtn, two.clock, renew=10.0)
        self.access = self.link

    async def open(self) -> None:
        self._ask()
        await self.link.open()
        await self.link.ready()

    async def close(self) -> None:
        with suppress(JanusGridError):
            await self.link.abort(self.setpoint)
        with suppress(JanusGridError):
            self._order.cancel()
        await self.link.close()
        await self.seen.stop()

    def _ask(self) -> None:
        """Ask for what the plan of a VTN would ask for."""
        self._order = self.both.vtn.request_report("site", "live", granularity=SECOND, every=SECOND)

    async def restore(self) -> None:
        await super().restore()
        self._ask()

    async def show(self, name: str, value: float, *args: Any, **more: Any) -> None:
        await super().show(name.replace("der.HOME.", "site."), value, *args, **more)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    async with both("embedded", Path(tmp_path_factory.mktemp("ven"))) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def rig(two: Both) -> AsyncIterator[Rig]:
    await two.reset()
    made = LinkRig(two)
    await made.open()
    yield made
    await made.close()
    two.used.clear()


class TestAVenAsADevice(AccessSuite):
    """By `OpenAdrLink`."""
