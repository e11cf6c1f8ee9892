"""Runs clients and servers of several implementations against each other, each in a process of its own.

What a contest measures is true in noise: the contenders take turns in short blocks, a ratio is made of two blocks that
follow each other, and the median of many ratios is told with its quartiles. Beside the time on the wall there is the
time that each process had on a processor, which others on the machine disturb least.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
from tests.iec61850.scsm81 import peers

SIDES = Path(__file__).parent / "sides"
TIMEOUT = 15.0
"""Seconds after which a side that says nothing has failed."""
CLIENTS = {"ours": ("", "our_client.py"), "rust": ("rust", "rust_client.py")}
SERVERS = {
    "ours": ("", "our_server.py"), "libiec61850": ("libiec", "libiec_server.py"), "rust": ("rust", "rust_server.py"),
}  # fmt: skip
MOST = {"libiec61850": 5}
"""Connections that a server takes; the binding of libiec61850 offers no way to have more without TLS."""


class Failed(Exception):
    """A side has failed, or does not have what is measured."""


class Side:
    """A process that is asked, and answers, in lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, message: object) -> Any:
        """Send a line and return the answer."""
        self.tell(message)
        return self.hear()

    def tell(self, message: object) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise Failed(f"it has ended with {self._process.poll()}") from None

    def hear(self, timeout: float = TIMEOUT) -> Any:
        """Return what it says next."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise Failed(f"it says nothing for {timeout:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise Failed("it has ended")
        return json.loads(line)

    @property
    def cpu(self) -> float:
        """Seconds that the process, with all its threads, has had on a processor."""
        return cpu_of(self._process.pid)

    @property
    def memory(self) -> float:
        """KiB that it holds in memory."""
        return memory_of(self._process.pid)


def cpu_of(pid: int) -> float:
    """Return the seconds that a process, with all its threads, has had on a processor."""
    return time.clock_gettime((~pid << 3) | 2)  # the clock of a process, as Linux numbers them


def memory_of(pid: int) -> float:
    """Return the KiB that a process holds in memory."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1024


@contextmanager
def running(peer: str | Path, script: str, *arguments: object) -> Iterator[Side]:
    """Run a side with the interpreter that has the peer, or (a path) with that one; end it at the end."""
    found = peers.python(peer) if peer and isinstance(peer, str) else peer
    interpreter = str(found or sys.executable)
    process = subprocess.Popen(  # noqa: S603
        [interpreter, str(SIDES / script), *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
    )  # fmt: skip
    try:
        yield Side(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@attrs.frozen(slots=True)
class Block:
    """One turn: operations or entries per second, and the CPU of both sides for each, in microseconds."""

    count: int
    rate: float
    client_cpu: float
    server_cpu: float
    lost: float = 0.0


Pair = tuple[str, str]
"""A client and a server."""


def compete(
    case: str, connections: int, pairs: Sequence[Pair], *, rounds: int, seconds: float
) -> dict[Pair, list[Block] | str]:
    """Return what each pair did in each round of a case; a text where it could not."""
    found: dict[Pair, list[Block] | str] = {}
    with ExitStack() as stack:
        sides: dict[Pair, tuple[Side, Side]] = {}
        for both in pairs:  # each with a server of its own: what one client leaves behind troubles no other
            if connections > MOST.get(both[1], connections):
                found[both] = f"it takes {MOST[both[1]]} connections, as it is distributed"
                continue
            try:
                sides[both] = stack.enter_context(pair(case, connections, *both))
                found[both] = []
            except Failed as failed:
                found[both] = str(failed)
        for number in range(rounds + 1):
            for both, processes in list(sides.items()):
                try:
                    block = turn(case, connections, *processes, seconds)
                except Failed as failed:
                    found[both] = str(failed)
                    del sides[both]
                    continue
                blocks = found[both]
                if number and isinstance(blocks, list):  # the first round warms up
                    blocks.append(block)
    return found


@contextmanager
def pair(case: str, connections: int, client: str, server: str) -> Iterator[tuple[Side, Side]]:
    """Run a client and a server that are ready for a case."""
    blocks = [connections if case == name else 0 for name in ("urcb", "brcb")]
    with running(*SERVERS[server], *blocks) as serving, running(*CLIENTS[client]) as asking:
        do = "subscribe" if _reports(case) else "open"
        asking.ask({"do": do, "port": serving.hear(), "case": case, "connections": connections})
        yield asking, serving


def _reports(case: str) -> bool:
    return case.endswith("rcb")


def turn(case: str, connections: int, client: Side, server: Side, seconds: float) -> Block:
    """Let a pair work for so long, or until it has told of all changes, and return what it did."""
    cpu = client.cpu, server.cpu
    if _reports(case):
        return _burst(connections, client, server, cpu)
    done = client.ask({"do": "run", "seconds": seconds})
    count = max(done["count"], 1)
    return Block(count, count / done["wall"], (client.cpu - cpu[0]) / count * 1e6, (server.cpu - cpu[1]) / count * 1e6)


ROUNDS_OF_CHANGES = 50
MEMBERS = 10


def _burst(connections: int, client: Side, server: Side, cpu: tuple[float, float]) -> Block:
    """Have the server change the members of the data set many times, and count the entries at the client."""
    wanted = ROUNDS_OF_CHANGES * MEMBERS * connections
    client.ask({"do": "expect", "entries": wanted})
    begin = time.perf_counter()
    server.tell(ROUNDS_OF_CHANGES)
    done = client.hear()
    count = done["count"]
    if not count:
        raise Failed("no report came")
    return Block(
        count, count / (done["last"] - begin),
        (client.cpu - cpu[0]) / count * 1e6, (server.cpu - cpu[1]) / count * 1e6, 1 - count / wanted,
    )  # fmt: skip


def ratios(ours: Sequence[Block], theirs: Sequence[Block], what: str) -> tuple[float, float, float]:
    """Return median and quartiles of ours against theirs: above 1, ours is faster, or takes less of a processor."""
    pairs = zip(ours, theirs, strict=False)
    found = [a.rate / b.rate if what == "rate" else getattr(b, what) / getattr(a, what) for a, b in pairs]
    if len(found) < 2:
        return found[0], found[0], found[0]
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
    return middle, low, high


def median(blocks: Sequence[Block], what: str) -> float:
    """Return the median of one measure."""
    return float(statistics.median(getattr(block, what) for block in blocks))


def noise() -> str:
    """Return how much the same work varies on this machine just now, and how busy it is."""
    times = []
    for _ in range(40):
        begin = time.perf_counter()
        sum(range(200_000))
        times.append(time.perf_counter() - begin)
    low, _, high = statistics.quantiles(times, n=4)
    return (
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; the same work takes {high / low - 1:.0%} longer"
        f" at the upper quartile than at the lower, {max(times) / min(times) - 1:.0%} longer at worst"
    )
