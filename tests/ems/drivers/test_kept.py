"""The link that drivers share, over a wire that makes mistakes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from janusgrid.common.clock import RealClock
from janusgrid.common.data.value import Scalar, Value
from janusgrid.common.errors import ConfigError, NotReachable
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.ems.drivers import KeptLink
from janusgrid.ems.drivers.kept import Tell, Values

from .devices import device

ROWS = ["p,measurement,float,kW,float64,kW,,,,read report,,,,1", "q,status,int,,int32,,,,,read,,,,2"]


class Wire:
    """What is wrong with it is raised when it is followed."""

    def __init__(self, wrong: BaseException | None) -> None:
        self.wrong = wrong
        self.closed = False

    async def read(self, names: Sequence[str]) -> Values:
        return {name: Value(1.0) for name in names}

    async def write(self, name: str, value: Scalar) -> None:
        raise NotImplementedError

    async def follow(self, tell: Tell) -> None:
        if self.wrong is not None:
            raise self.wrong
        await asyncio.Event().wait()

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed = True


def link(folder: Path, wires: list[Wire | Exception]) -> KeptLink:
    made = device(folder, "mine", "place", ROWS, "{at: home}")

    async def connect() -> Wire:
        found = wires.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return KeptLink("D", made.bindings, connect, RealClock(), retry=Backoff(0.001))


@pytest.mark.parametrize("wrong", [ZeroDivisionError("oops"), NotReachable("gone"), ConfigError("another device")])
async def test_whatever_ends_a_connection_another_follows(
    tmp_path: Path, wrong: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    wires: list[Wire | Exception] = [Wire(wrong), wrong, Wire(None)]
    first = wires[0]
    with caplog.at_level(logging.INFO):
        async with link(tmp_path, wires) as made:
            await made.ready()
            async with asyncio.timeout(30):
                while wires or not await made.available("der.D.p"):  # noqa: ASYNC110 - it tells no event
                    await asyncio.sleep(0.001)
            assert (await made.read(["der.D.p"]))["der.D.p"].quality.good
    assert isinstance(first, Wire)
    assert first.closed
    assert str(wrong) in caplog.text


@pytest.mark.parametrize("wrong", [ZeroDivisionError("oops"), ConfigError("another device")])
async def test_what_never_was_is_told_to_who_waits_for_it(tmp_path: Path, wrong: Exception) -> None:
    async with link(tmp_path, [NotReachable("not yet"), wrong]) as made:
        with pytest.raises(type(wrong), match=str(wrong)):
            await made.ready()
        assert not await made.available("der.D.p")
