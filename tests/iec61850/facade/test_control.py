"""What `Ied.control` does by itself: it selects, operates and waits as the control model asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from janusgrid.common.errors import LocalError, NotReachable, TimedOut
from janusgrid.iec61850 import AddCause, Command, ServiceRefused
from janusgrid.iec61850.acsi.errors import CommandFailed
from janusgrid.iec61850.acsi.services import Operate, Select, SelectWithValue

from tests.iec61850.facade.test_client import DG, WAYS, Plant
from tests.iec61850.wires import START, until

NAMES = ("SwDir", "SwSbo", "SwEnh", "SwSel", "SwMany")


@pytest_asyncio.fixture(params=list(WAYS))
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Plant]:
    made = Plant(request.param)
    for name in NAMES:
        made.server.on_operate(f"{DG}/CSWI1.{name}")(lambda command: None)
    yield made
    await made.server.close()


@pytest.mark.parametrize("name", NAMES)
async def test_one_call_does_what_the_model_asks_for(site: Plant, name: str) -> None:
    control = site.ied().control(f"{DG}/CSWI1.{name}")
    for value in (True, False, True):
        await control.operate(value)
        status = await control.status()
        assert (status.value, status.number, status.origin["orCat"]) == (value, control._number, 3)
        assert status.selected is (name == "SwMany")
    kinds = [type(request) for request in site.calls if isinstance(request, Select | SelectWithValue | Operate)]
    selects = {"SwSbo": [Select], "SwSel": [SelectWithValue], "SwMany": [SelectWithValue]}.get(name, [])
    assert kinds == [*selects, Operate] * 3


@pytest.mark.parametrize("name", ["SwSbo", "SwSel"])
async def test_selecting_and_cancelling_by_hand(site: Plant, name: str) -> None:
    mine, theirs = (site.ied(n).control(f"{DG}/CSWI1.{name}") for n in ("one", "two"))
    await mine.select(True)
    with pytest.raises(ServiceRefused) as refused:
        await theirs.operate(True)
    assert refused.value.add_cause is AddCause.LOCKED_BY_OTHER_CLIENT
    assert (await theirs.status()).selected is True
    await mine.operate(True)
    await mine.select(True)
    with pytest.raises(ServiceRefused) as refused:
        await mine.select(True)
    assert refused.value.add_cause is AddCause.OBJECT_ALREADY_SELECTED, "whoever asks for a selection is told the truth"
    await mine.cancel()
    await theirs.operate(False)
    with pytest.raises(ServiceRefused) as refused:
        await mine.cancel()
    assert refused.value.add_cause is AddCause.OBJECT_NOT_SELECTED


async def test_what_fails_after_it_was_accepted(site: Plant) -> None:
    @site.server.on_operate(f"{DG}/CSWI1.SwEnh")
    async def fail(command: Command) -> None:
        await asyncio.sleep(0)
        command.refuse(AddCause.ENDED_WITH_OVERSHOOT)

    with pytest.raises(CommandFailed) as failed:
        await site.ied().control(f"{DG}/CSWI1.SwEnh").operate(True)
    assert failed.value.add_cause is AddCause.ENDED_WITH_OVERSHOOT
    assert failed.value.where == f"{DG}/CSWI1.SwEnh"


async def test_an_end_that_is_not_told_in_time_or_not_at_all(site: Plant) -> None:
    started = asyncio.Event()

    @site.server.on_operate(f"{DG}/CSWI1.SwEnh")
    async def hang(command: Command) -> None:
        started.set()
        await asyncio.Event().wait()

    site.server.on_cancel(f"{DG}/CSWI1.SwEnh")(lambda command: None)
    ied = site.ied()
    control = ied.control(f"{DG}/CSWI1.SwEnh")
    with pytest.raises(TimedOut):
        await control.operate(True, timeout=0.05)
    await control.cancel()
    await control.operate(True, wait=False)
    await control.cancel()
    started.clear()
    waiting = asyncio.create_task(control.operate(True))
    await started.wait()
    await ied.abort()
    with pytest.raises(NotReachable):
        await waiting


async def test_later(site: Plant) -> None:
    control = site.ied().control(f"{DG}/CSWI1.SwDir")
    at = START + timedelta(seconds=100)
    waiting = asyncio.create_task(control.operate(True, at=at, wait=True))
    await until(lambda: site.server.engine.due() == at)
    await site.clock.advance(100)
    await waiting
    assert (await control.status()).value is True
    with pytest.raises(LocalError, match="later time"):
        await site.ied().control(f"{DG}/CSWI1.SwSbo").operate(True, at=at)


async def test_what_makes_no_sense_is_said_at_once(site: Plant) -> None:
    with pytest.raises(LocalError, match="without selecting"):
        await site.ied().control(f"{DG}/CSWI1.SwEnh").select(True)
    with pytest.raises(LocalError, match="say which"):
        await site.ied().control(f"{DG}/CSWI1.SwSel").select()
