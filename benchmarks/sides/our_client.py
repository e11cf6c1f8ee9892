"""The client of JanusGrid, through `connect`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import contestant
import plant
from janusgrid.iec61850 import connect


class Ours:
    """See `contestant.Client`."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    async def operation(self, port: int, case: str) -> Callable[[], Awaitable[object]]:
        ied = await connect(f"tcp://127.0.0.1:{port}")
        if case == "read 1":
            return lambda: ied.read(plant.VALUES[0])
        if case == "read 100":
            return lambda: ied.read_many(plant.VALUES)
        control = ied.control(plant.SWITCH)
        return lambda: control.operate(True)

    async def subscribe(self, port: int, block: str, number: int, arrived: Callable[[int], None]) -> None:
        ied = await connect(f"tcp://127.0.0.1:{port}")
        reports = ied.report(f"{plant.DEVICE}/LLN0.{block}{number:02}", interrogate=False)
        await reports.start()

        async def listen() -> None:
            async for update in reports:
                arrived(len(update.values))

        self.tasks.append(asyncio.create_task(listen()))


asyncio.run(contestant.play(Ours()))
