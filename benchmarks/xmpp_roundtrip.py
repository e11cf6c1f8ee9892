"""Bare iq round trips between two sessions on one server: the floor that protocols over XMPP are measured against."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time

import attrs
from janusgrid.common.xmpp import tls
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.servers.ejabberd import Ejabberd
from janusgrid.common.xmpp.servers.prosody import Prosody
from janusgrid.common.xmpp.session import Incoming
from janusgrid.common.xmpp.slix import SlixSession

NAMESPACE = "urn:janusgrid:benchmark"
SERVERS = {"embedded": Broker, "prosody": Prosody, "ejabberd": Ejabberd}
USERS = ("left", "right")
PASSWORD = "benchmark"  # noqa: S105 - of a server that lives for seconds, on loopback


@attrs.frozen(slots=True)
class RoundTrip:
    """One measurement. Times are seconds for each round trip, of which a payload of `size` octets goes both ways.

    Attributes:
        wall: total time through the number of round trips, however many were outstanding.
        median, p99: of the single round trips.
        client_cpu: CPU of this process, both sessions together (and the server's, if it is embedded).
        server_cpu: CPU of the server process; 0 if it is embedded.
    """

    server: str
    size: int
    outstanding: int
    count: int
    wall: float
    median: float
    p99: float
    client_cpu: float
    server_cpu: float


def payload(size: int) -> str:
    """Return an element of about `size` octets made of many small ones, as protocol messages are."""
    item = "<item><name>MMXU1$MX$TotW$mag$f</name><value>0842F60000</value></item>"
    return f'<items xmlns="{NAMESPACE}">{item * max(1, (size - 60) // len(item))}</items>'


async def measure(
    server: LocalServer, size: int = 1000, *, outstanding: int = 1, count: int = 2000, pid: int | None = None
) -> RoundTrip:
    """Return what an iq round trip takes on this running server, which has the users `USERS`.

    `pid` is the process of the server, if its CPU time is wanted.
    """
    context = tls.client_context(server.ca)
    left, right = (
        SlixSession(
            f"{user}@{server.domain}/bench",
            password=PASSWORD,
            host=server.host,
            port=server.port,
            tls=context,
            allow=lambda _: True,
        )
        for user in USERS
    )
    text = payload(size)

    async def answer(_: Incoming) -> str:
        return text

    async with left, right:
        right.handle(f"{{{NAMESPACE}}}items", answer, kinds=("get",))
        times: list[float] = []

        async def worker(share: int) -> None:
            for _ in range(share):
                begin = time.perf_counter()
                await left.request(right.jid, text, kind="get")
                times.append(time.perf_counter() - begin)

        await worker(20)
        times.clear()
        server_before, own_before, begin = _cpu(pid), time.process_time(), time.perf_counter()
        await asyncio.gather(*(worker(count // outstanding) for _ in range(outstanding)))
        wall, own, served = time.perf_counter() - begin, time.process_time() - own_before, _cpu(pid) - server_before
    done = len(times)
    times.sort()
    return RoundTrip(
        type(server).__name__.lower(),
        len(text),
        outstanding,
        done,
        wall / done,
        statistics.median(times),
        times[int(done * 0.99) - 1],
        own / done,
        served / done,
    )


def _cpu(pid: int | None) -> float:
    """Return the CPU seconds that a process has used so far."""
    if pid is None:
        return 0.0
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def run(name: str, sizes: tuple[int, ...] = (1000, 5000), outstanding: tuple[int, ...] = (1, 50)) -> None:
    """Start the server called `name`, measure, print one line for each combination."""
    server: LocalServer = SERVERS[name]("bench.test")
    for user in USERS:
        server.add_user(user, PASSWORD)
    await server.start()
    try:
        for size in sizes:
            for many in outstanding:
                result = await measure(server, size, outstanding=many, pid=getattr(server, "pid", None))
                print(
                    f"{result.server:9} {result.size:6} octets {many:3} outstanding: "
                    f"{1 / result.wall:7.0f}/s  median {result.median * 1e3:6.2f} ms  p99 {result.p99 * 1e3:6.2f} ms  "
                    f"cpu {result.client_cpu * 1e3:5.2f} + {result.server_cpu * 1e3:5.2f} ms"
                )
    finally:
        await server.stop()


def main() -> None:
    """Measure on each server that runs here."""
    for each, launcher in SERVERS.items():
        reason = launcher.unavailable() if hasattr(launcher, "unavailable") else None
        if reason:
            print(f"{each}: {reason}")
        else:
            asyncio.run(run(each))


if __name__ == "__main__":
    for each in sys.argv[1:] or SERVERS:
        asyncio.run(run(each))
