"""VTN and VEN, the same on every way: over XMPP servers, by HTTP pull and by HTTP push."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import EiEvent, OptType, changed
from janusgrid.openadr.ven import Change, Rejected
from janusgrid.openadr.vtn import Deregistered

from tests.openadr.binding.ways import WAYS, Grid, a_grid, eventually


@pytest_asyncio.fixture(params=WAYS)
async def grid(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Grid]:
    async with a_grid(request.param, tmp_path) as made:
        yield made


def made(grid: Grid, kilowatt: float = 1000.0) -> EiEvent:
    now = grid.clock.now()
    begins = now + timedelta(minutes=10)
    return load_dispatch(kilowatt, start=begins, duration=timedelta(hours=1), created=now, event_id="E1")


async def test_an_event_goes_down_and_telemetry_comes_up(grid: Grid) -> None:
    vtn, ven = await grid.both()
    assert ven.core.ven_id == vtn.core.ven("site").ven_id
    dispatch = vtn.create_event(made(grid), ["site"])
    async with asyncio.timeout(20):
        assert await dispatch.opted("site") is OptType.OPT_IN
    await eventually(lambda: len(grid.samples) >= 5)
    times = [sample.time for sample in grid.samples]
    assert times == sorted(set(times))
    assert all(sample.r_id == "pcc.p" for sample in grid.samples)
    dispatch.cancel("enough")
    await eventually(lambda: grid.changes == [Change.NEW, Change.CANCELLED])


async def test_an_event_is_modified_while_it_waits(grid: Grid) -> None:
    vtn, ven = await grid.both()
    dispatch = vtn.create_event(made(grid), ["site"])
    async with asyncio.timeout(20):
        await dispatch.opted("site")
        dispatch.modify(changed(made(grid, 500.0), ei_active_period=dispatch.event.ei_active_period))
        assert dispatch.opt("site") is None
        await dispatch.opted("site")
    assert grid.changes == [Change.NEW, Change.MODIFIED]
    ven.opt("E1", OptType.OPT_OUT)  # rule 17
    await eventually(lambda: dispatch.opt("site") is OptType.OPT_OUT)


async def test_who_is_not_agreed_is_refused(grid: Grid) -> None:
    await grid.vtn()
    ven = await grid.ven("site", user="mallory")
    with pytest.raises(Rejected) as caught:
        async with asyncio.timeout(20):
            await ven.joined()
    assert caught.value.code == Code.NOT_REGISTERED


async def test_the_registration_is_renewed_at_the_vtns_wish(grid: Grid) -> None:
    vtn, ven = await grid.both()
    before = vtn.core.ven("site")
    vtn.core.request_registration("site")
    vtn.nudge()
    await eventually(lambda: vtn.core.ven("site") is not before)
    await eventually(lambda: ven.core.registered)
    assert vtn.core.ven("site").registration_id == before.registration_id


async def test_the_registration_is_ended_by_either_side(grid: Grid) -> None:
    vtn, ven = await grid.both()
    gone: list[Deregistered] = []
    vtn.listen(Deregistered, gone.append)
    async with asyncio.timeout(20):
        await ven.leave()
    await eventually(lambda: len(gone) == 1)
    ven.core.start(grid.clock.now())
    ven.nudge()
    async with asyncio.timeout(20):
        await vtn.wait_registered("site")
    vtn.core.cancel_registration("site")
    vtn.nudge()
    await eventually(lambda: len(gone) == 2 and not ven.core.registration_id)
