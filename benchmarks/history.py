"""The history: what a row costs, and how long the event loop waits while 2 000 rows a second are written."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from janusgrid.common.data.value import Value
from janusgrid.common.store.history import History

RATE = 2000
POINTS = 1000
LOOK = 0.002
"""Seconds between two looks at how late the loop is."""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        rows, seconds, octets = at_once(Path(folder) / "at_once.sqlite", 200_000)
        print(f"{rows} rows at once: {rows / seconds:,.0f} rows/s, {octets / rows:.0f} octets a row")
        for rate in (0, RATE):
            late = asyncio.run(beside(Path(folder) / f"{rate}.sqlite", rate, 10.0))
            p99 = statistics.quantiles(late, n=100)[98]
            print(f"{rate} rows/s: the loop is late by p50 {statistics.median(late):.2f} ms, p99 {p99:.2f} ms")


def at_once(path: Path, count: int) -> tuple[int, float, int]:
    """Return rows, seconds of the processor, and octets of the file."""
    start, began = datetime(2026, 3, 25, tzinfo=UTC), time.process_time()
    with History(path, most=count) as history:
        for number in range(count):
            moment = start + timedelta(seconds=number // POINTS)
            history.record(f"p{number % POINTS}", Value(float(number), time=moment))
        history.flush(120)
        spent = time.process_time() - began
    return count, spent, path.stat().st_size


async def beside(path: Path, rate: int, seconds: float) -> list[float]:
    """Return by how many milliseconds the loop was late, while so many rows a second are recorded."""
    late: list[float] = []
    with History(path) as history:
        recording = asyncio.create_task(_record(history, rate))
        until = time.perf_counter() + seconds
        while (now := time.perf_counter()) < until:
            await asyncio.sleep(LOOK)
            late.append((time.perf_counter() - now - LOOK) * 1000)
        recording.cancel()
        waiting = history.waiting
    assert waiting <= 2 * rate, f"the writer does not keep up: {waiting} rows wait"
    return late


async def _record(history: History, rate: int) -> None:
    number = 0
    while rate:
        moment = datetime.now(UTC)
        for _ in range(rate // 100):
            number += 1
            history.record(f"p{number % POINTS}", Value(float(number), time=moment))
        await asyncio.sleep(0.01)
