"""Servers that are killed: their processes are forked from one that has all imported, so that each starts soon."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

Main = Callable[[int, Path, Path, int], Coroutine[None, None, None]]
"""A server's life: its port, the directory of its state, the file in which it writes down what it does, which life."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["pytest", "tests.iec61850.facade.buffering_server", "tests.iec61850.facade.logging_server"]
)


def _live(main: Main, port: int, state: Path, told: Path, run: int) -> None:
    asyncio.run(main(port, state, told, run))


@asynccontextmanager
async def killed(main: Main, port: int, state: Path, told: Path, run: int) -> AsyncIterator[BaseProcess]:
    """Start a server in a process of its own, and kill it in the end."""
    process = _FORKS.Process(target=_live, args=(main, port, state, told, run), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
