"""A disk that is really full, and one that is really read-only: a small file system, where we may mount one."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.common.store.records import NotStored, Records
from janusgrid.openadr.binding import keeper
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import EventChange, Ven
from janusgrid.openadr.vtn import Vtn

from tests.openadr.binding.test_keeping import Kept
from tests.openadr.binding.test_ways import made
from tests.openadr.binding.ways import OFFER, eventually


class Disk:
    """A file system of one megabyte."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no room."""
        with (self.path / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 512):
                pass

    def empty(self) -> None:
        """Make room again."""
        (self.path / "ballast").unlink()

    def mount(self, how: str) -> None:
        """Let it be written to (`rw`) or not (`ro`)."""
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    yield Disk(path)
    subprocess.run(["umount", "-l", path], check=True, capture_output=True)


class OnDisk(Kept):
    """A grid of which one role keeps its books on that disk, the other beside it."""

    disk: Disk
    there = "vtn"

    def records(self, who: str) -> Records:
        return Records((self.disk.path if who == self.there else self.folder) / f"{who}.sqlite", who)


@pytest_asyncio.fixture
async def grid(tmp_path: Path, disk: Disk) -> AsyncIterator[OnDisk]:
    async with AsyncExitStack() as stack:
        made = OnDisk(tmp_path, stack)
        made.disk = disk
        yield made


async def begun(grid: OnDisk) -> tuple[Vtn, str]:
    vtn = await grid.start_vtn()
    ven = await grid.ven()
    async with asyncio.timeout(20):
        await ven.joined()
        await vtn.wait_registered("site")
    return vtn, ven.core.ven_id


async def storing(role: Vtn | Ven, kind: str) -> None:
    """Store something again and again: what is left of the write-ahead log takes a little."""
    while True:
        shelf = role.core.cabinet.shelves[kind]
        shelf.touch(next(iter(shelf)))
        await role.kept()


@pytest.mark.parametrize("fault", ["full", "read-only"])
async def test_nothing_is_told_that_is_not_stored_and_all_goes_on_later(grid: OnDisk, fault: str) -> None:
    vtn, ven_id = await begun(grid)
    if fault == "full":
        grid.disk.fill()
    else:
        vtn._keeper._store._engine.dispose()  # type: ignore[union-attr]  # nobody may have it open to write
        grid.disk.mount("ro")
    vtn.create_event(made(grid), ["site"])
    with pytest.raises(NotStored):
        await storing(vtn, "ven")
    known = list(grid.changes)
    await asyncio.sleep(0.5)
    if fault == "read-only":
        assert not known, "an event that is not kept does not leave"
    assert grid.changes == known
    if fault == "full":
        grid.disk.empty()
    else:
        grid.disk.mount("rw")
    await vtn.kept()
    vtn.nudge()
    await eventually(lambda: vtn.core.events.get("E1").opt(ven_id) is OptType.OPT_IN)
    await vtn.close()
    again = await grid.start_vtn()
    assert again.core.events.get("E1").opt(ven_id) is OptType.OPT_IN
    await again.close()


@pytest.mark.parametrize("fault", ["full", "read-only"])
async def test_a_ven_takes_nothing_that_it_cannot_store(
    grid: OnDisk, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RETRY", 0.1)
    grid.there = "ven"
    vtn = await grid.start_vtn()
    transport = await grid.way.transport("ems")
    told: list[str] = []
    ven = Ven("site", transport, vtn=grid.way.vtn, offers=[OFFER], clock=grid.clock, store=grid.records("ven"))

    @ven.on_event
    def decide(change: EventChange) -> OptType:
        told.append(change.known.event_id)
        return OptType.OPT_IN

    await ven.open()
    async with asyncio.timeout(30):
        await ven.joined()
        await vtn.wait_registered("site")
    if fault == "full":
        grid.disk.fill()
    else:
        ven._keeper._store._engine.dispose()  # type: ignore[union-attr]  # nobody may have it open to write
        grid.disk.mount("ro")
    with pytest.raises(NotStored):
        await storing(ven, "registration")
    vtn.create_event(made(grid), ["site"])
    await asyncio.sleep(0.5)
    if fault == "read-only":
        assert not told, "what is not kept is not told"
        assert vtn.core.events.get("E1").opt(ven.core.ven_id) is None
    else:  # on a full disk there may be room for a little, of what was there before
        assert set(told) <= {key for _, key, _ in ven._keeper._store.load()}  # type: ignore[union-attr]
    if fault == "full":
        grid.disk.empty()
    else:
        grid.disk.mount("rw")
    await eventually(lambda: vtn.core.events.get("E1").opt(ven.core.ven_id) is OptType.OPT_IN)
    assert told == ["E1"]
    await ven.close()
    await vtn.close()
