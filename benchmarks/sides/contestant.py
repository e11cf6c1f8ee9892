"""How a client or a server of a contest is driven: one JSON object for each line, in and out."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sampler import Sampler

QUIET = 0.5
"""Seconds without an entry after which those that are missing are taken for lost."""


class Client(Protocol):
    """A client: each method opens connections of its own, and returns what is done over and over on one of them."""

    async def operation(self, port: int, case: str) -> Callable[[], Awaitable[object]]:
        """Return what reads or operates once."""
        ...

    async def subscribe(self, port: int, block: str, number: int, arrived: Callable[[int], None]) -> Poll | None:
        """Have reports of instance `number` of a block arrive; return what has to be called for that, if anything."""
        ...


Poll = Callable[[], Awaitable[object]]


def say(message: object) -> None:
    """Write one line."""
    print(json.dumps(message), flush=True)


async def lines() -> Any:
    """Yield what comes in, until the input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        yield line


async def play(client: Client) -> None:
    """Do what the lines ask for."""
    operations: list[Callable[[], Awaitable[object]]] = []
    polls: list[Poll] = []
    entries, sampler = _Entries(), Sampler()
    async for line in lines():
        asked = json.loads(line)
        match asked["do"]:
            case "open":
                operations = [await client.operation(asked["port"], asked["case"]) for _ in range(asked["connections"])]
                say("ready")
            case "subscribe":
                for number in range(1, asked["connections"] + 1):
                    poll = await client.subscribe(asked["port"], asked["case"], number, entries.arrived)
                    polls += [poll] if poll else []
                say("ready")
            case "run":
                say(await _run(operations, asked["seconds"]))
            case "sample":
                sampler.start()
                say("started")
            case "sampled":
                sampler.stop()
                say(sampler.counts)
            case "expect":
                say("waiting")
                say(await entries.expect(asked["entries"], polls))
    os._exit(0)  # some bindings crash when the interpreter takes itself down


async def _run(operations: list[Callable[[], Awaitable[object]]], seconds: float) -> dict[str, float]:
    begin = time.perf_counter()
    end = begin + seconds

    async def one(operation: Callable[[], Awaitable[object]]) -> int:
        count = 0
        while time.perf_counter() < end:
            await operation()
            count += 1
        return count

    counts = await asyncio.gather(*map(one, operations))
    return {"count": sum(counts), "wall": time.perf_counter() - begin}


class _Entries:
    """Counts the entries of reports."""

    def __init__(self) -> None:
        self._count = 0
        self._last = 0.0

    def arrived(self, entries: int) -> None:
        self._count += entries
        self._last = time.perf_counter()

    async def expect(self, wanted: int, polls: list[Poll]) -> dict[str, float]:
        """Return how many of the entries came, and when the last of them did (on the clock of the machine)."""
        self._count, self._last = 0, time.perf_counter()
        while self._count < wanted and time.perf_counter() < self._last + QUIET:
            if polls:
                await asyncio.gather(*(poll() for poll in polls))
            else:
                await asyncio.sleep(0.001)
        return {"count": self._count, "last": self._last}
