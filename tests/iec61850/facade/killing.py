"""Servers that are killed: their processes are forked from one that has all imported, so that each starts soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.forks import FORKS

Main = Callable[[int, Path, Path, int], Coroutine[None, None, None]]
"""A server's life: its port, the directory of its state, the file in which it writes down what it does, which life."""


def _live(main: Main, port: int, state: Path, told: Path, run: int) -> None:
    asyncio.run(main(port, state, told, run))


@asynccontextmanager
async def killed(main: Main, port: int, state: Path, told: Path, run: int) -> AsyncIterator[BaseProcess]:
    """Start a server in a process of its own, and kill it in the end."""
    process = FORKS.Process(target=_live, args=(main, port, state, told, run), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
