"""VTN and VEN, the same on every way: over XMPP servers, by HTTP pull and by HTTP push."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.common.errors import LocalError
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import EiEvent, EiTarget, OptReason, OptType, changed
from janusgrid.openadr.ven import Change, Declined, Rejected
from janusgrid.openadr.vtn import Deregistered, OptCanceled, OptCreated, Party

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


async def test_who_is_refused_registers_once_the_vtn_knows_it(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    """By itself: nobody asks it to. That it is refused is logged once, and not as a VTN that is not reached."""
    vtn = await grid.vtn()
    ven = await grid.ven("late", user="mallory")
    declined: list[Declined] = []
    ven.listen(Declined, declined.append)
    await eventually(lambda: bool(declined))
    vtn.add_party(Party("late", grid.way.identity("mallory")))
    await eventually(lambda: ven.registered, 60)
    said = [each.getMessage() for each in caplog.records if each.name.startswith("janusgrid.openadr")]
    assert [line.partition(" ")[0] for line in said if "refused" in line] == ["event=openadr.registration-refused"]
    assert not [line for line in said if "not-reached" in line]


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


async def test_a_ven_says_when_it_is_available(grid: Grid) -> None:
    vtn, ven = await grid.both()
    told: list[OptCreated | OptCanceled] = []
    vtn.listen(OptCreated, told.append)
    vtn.listen(OptCanceled, told.append)
    begins = grid.clock.now().replace(microsecond=0) + timedelta(hours=5)
    opt = ven.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=2))], reason=OptReason.MUST_RUN)
    async with asyncio.timeout(20):
        await opt.accepted()
    assert opt.is_accepted
    found = vtn.availability("site", begins)
    assert (found.opt, found.schedule, found.until) == (OptType.OPT_OUT, opt.message, begins + timedelta(hours=2))
    assert vtn.availability("site").opt is None
    ven.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=1))], opt_id=opt.id)
    async with asyncio.timeout(20):
        await opt.accepted()
    assert [sent.id for sent in ven.opts] == [opt.id]
    assert vtn.availability("site", begins).until == begins + timedelta(hours=1)
    opt.cancel()
    async with asyncio.timeout(20):
        await opt.canceled()
    await eventually(lambda: len(told) == 3)
    assert [type(each) for each in told] == [OptCreated, OptCreated, OptCanceled]
    assert (vtn.opts("site"), ven.opts) == ((), ())
    with pytest.raises(LocalError, match="taken back"):
        await opt.accepted()


async def test_an_opt_goes_before_the_answer_to_an_event(grid: Grid) -> None:
    vtn, ven = await grid.both()
    dispatch = vtn.create_event(made(grid), ["site"])
    async with asyncio.timeout(20):
        assert await dispatch.opted("site") is OptType.OPT_IN
        lights = ven.opt_event("E1", OptType.OPT_OUT, device_classes=("Exterior_Lighting",))
        await lights.accepted()
        assert dispatch.opt("site") is OptType.OPT_IN
        assert dispatch.opt("site", device_class="Exterior_Lighting") is OptType.OPT_OUT
        whole = ven.opt_event("E1", OptType.OPT_OUT, reason=OptReason.EMERGENCY)
        await whole.accepted()
        assert dispatch.opt("site") is OptType.OPT_OUT
        ven.opt("E1", OptType.OPT_IN)  # which counts when the opt is taken back
        whole.cancel()
        await whole.canceled()
    await eventually(lambda: dispatch.opt("site") is OptType.OPT_IN)


async def test_an_opt_that_makes_no_sense_is_refused(grid: Grid) -> None:
    vtn, ven = await grid.both()
    begins = grid.clock.now() + timedelta(hours=5)
    other = EiTarget(ven_ids=("somebody",))
    opt = ven.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=2))], target=other)
    with pytest.raises(Rejected) as caught:
        async with asyncio.timeout(20):
            await opt.accepted()
    assert caught.value.code == Code.TARGET_MISMATCH
    assert vtn.opts("site") == ()
