"""A fleet of DERs over XMPP reports to one EMS: what a report costs, how long it takes, and whether either grows.

XMPP server, EMS and DERs are three processes. The DERs have a session and a server each, and associations as any: the
EMS browses them, enables their reports and watches all their points through the common data access. What is told is
the time from before a report is handed to a DER's session until the application has its points, and the CPU of each
process for each report, that of the EMS by layer. Reports are not waited for: if they come more slowly than they are
sent, it shows in the time they take.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from . import contest
from .contest import Side, running
from .sides import fleet
from .xmpp_roundtrip import SERVERS

FLEETS = (10, 100, 500)
RATES = (333, 1000)
SECONDS = 5.0
PATIENCE = 240.0
BUDGET, GOAL = 1.0, 0.1
"""Seconds within which 99 of 100 reports are to have arrived: at first at 333 reports a second, then at 1 000."""


@attrs.frozen(slots=True)
class Load:
    """One measurement. Times are seconds.

    Attributes:
        size: of a report, as it is called; `octets` is that of its payload.
        rate: reports a second, as wanted; `sent` is what became of that.
        lost: reports that did not arrive.
        p50, p99, most: until the application had the points of a report.
        late: by how much DERs sent later than they ought to (99 of 100 did not).
        lag: by how much the EMS's event loop came late to what was due (the same).
        ems, server, ders: CPU for each report.
        layers: how that of the EMS divides.
    """

    fleet: int
    size: str
    octets: int
    rate: float
    sent: float
    lost: int
    p50: float
    p99: float
    most: float
    late: float
    lag: float
    ems: float
    server: float
    ders: float
    layers: dict[str, int]

    def __str__(self) -> str:
        total = sum(self.layers.values()) or 1
        shares = sorted(self.layers.items(), key=lambda found: -found[1])
        told = ", ".join(f"{layer} {count / total:.0%}" for layer, count in shares[:6])
        late = f", sent late by {self.late * 1e3:.0f} ms" if self.late > 0.02 else ""
        return (
            f"  {self.fleet:4} DERs {self.size} ({self.octets:5} octets) {self.sent:5.0f} of {self.rate:4.0f}/s:"
            f" p50 {self.p50 * 1e3:7.1f} p99 {self.p99 * 1e3:7.1f} most {self.most * 1e3:7.1f} ms;"
            f" CPU of a report: EMS {self.ems * 1e6:5.0f}, server {self.server * 1e6:5.0f}, DERs"
            f" {self.ders * 1e6:5.0f} us; loop late by {self.lag * 1e3:.1f} ms{late}"
            + (f", {self.lost} lost" if self.lost else "")
            + f"\n       EMS: {told}"
        )


class Plant:
    """A running server with an EMS and a fleet, each in a process of its own."""

    def __init__(self, server: Any, ems: Side, ders: Side) -> None:
        self.server, self.ems, self.ders = server, ems, ders
        self.fleet = 0

    def connect(self, ders: int) -> dict[str, float]:
        """Let the fleet grow to so many; return what that took and what an association holds in the EMS's memory."""
        more = ders - self.fleet
        logins = _patient(self.ders, {"do": "connect", "ders": ders})
        memory, server = self.ems.memory, self.server.memory
        opened = _patient(self.ems, {"do": "watch", "ders": ders})
        _patient(self.ders, {"do": "record"})
        _patient(self.ems, {"do": "settle"})
        self.fleet = ders
        return {
            "logins": more / logins["seconds"], "associations": more / opened["seconds"], "cpu": opened["cpu"] / more,
            "memory": (self.ems.memory - memory) / more, "server": (self.server.memory - server) / more,
        }  # fmt: skip

    def load(self, size: str, rate: float, seconds: float) -> Load:
        """Send reports for some seconds."""
        sides = (self.ems, self.server, self.ders)
        self.ems.ask({"do": "begin"})
        before = [side.cpu for side in sides]
        sent = _patient(self.ders, {"do": "send", "size": size, "rate": rate, "seconds": seconds})
        got = _patient(self.ems, {"do": "end", "sent": sent["count"]})
        ems, server, ders = (side.cpu - was for side, was in zip(sides, before, strict=True))
        count = sent["count"]
        return Load(
            self.fleet, size, int(sent["octets"]), rate, sent["rate"], count - got["count"], got["p50"], got["p99"],
            got["most"], sent["late"], got["lag"], ems / count, server / count, ders / count, got["layers"],
        )  # fmt: skip

    def recover(self) -> None:
        """Go on after more was sent than could be taken: where a server has cut the EMS off, it comes back."""
        self.ems.ask({"do": "back", "lost": False})
        _heard(self.ems)
        _patient(self.ders, {"do": "record"})

    def restart(self) -> tuple[float, float]:
        """Kill the server, start it anew; return the seconds until all DERs are back, and how many that is in one."""
        self.ems.ask({"do": "back", "lost": True})
        self.server.kill()
        self.server.start()
        begun = time.monotonic()
        took = _heard(self.ems) - begun
        return took, self.fleet / took


def _patient(side: Side, message: object) -> Any:
    side.tell(message)
    return _heard(side)


def _heard(side: Side) -> Any:
    """Return what a side says next, which may take long."""
    return side.hear(PATIENCE)


class _Launched:
    """A server program, driven from a thread."""

    def __init__(self, server: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop

    @property
    def where(self) -> dict[str, Any]:
        server = self._server
        return {"host": server.host, "port": server.port, "ca": str(server.ca), "domain": server.domain}

    @property
    def cpu(self) -> float:
        return contest.cpu_of(self._server.pid)

    @property
    def memory(self) -> float:
        return contest.memory_of(self._server.pid)

    def kill(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.kill(), self._loop).result()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result()


class _Embedded:
    """The embedded broker, in a process of its own."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self.where = side.hear()

    @property
    def cpu(self) -> float:
        return self._side.cpu

    @property
    def memory(self) -> float:
        return self._side.memory

    def kill(self) -> None:
        self._side.ask("kill")

    def start(self) -> None:
        self._side.ask("start")


@asynccontextmanager
async def _server(name: str, names: list[str]) -> AsyncIterator[_Launched | _Embedded]:
    if name == "embedded":
        with running("", "our_broker.py", json.dumps(names)) as side:
            yield _Embedded(side)
        return
    server = SERVERS[name]("bench.test")
    for user in names:
        server.add_user(user, fleet.PASSWORD)
    await server.start()
    try:
        yield _Launched(server, asyncio.get_running_loop())
    finally:
        await server.stop()


@asynccontextmanager
async def plant(name: str, ders: int, suite: str = "") -> AsyncIterator[Plant]:
    """Run the server called `name` and both sides, for at most so many DERs; `suite` protects their associations."""
    names = fleet.users(ders)
    with tempfile.TemporaryDirectory() as directory:
        if suite:
            fleet.certify(Path(directory), "bench.test", names)
        async with _server(name, names) as server:
            settings = json.dumps({**server.where, "suite": suite, "certificates": directory})
            with running("", "our_ems.py", settings) as ems, running("", "our_ders.py", settings) as ders_side:
                for side in (ems, ders_side):
                    await asyncio.to_thread(_heard, side)
                yield Plant(server, ems, ders_side)


async def run(name: str, suite: str = "", fleets: tuple[int, ...] = FLEETS, seconds: float = SECONDS) -> None:
    """Measure with one server, and print what is found."""
    print(f"{name}, {f'end-to-end security: {suite.lower()}' if suite else 'without end-to-end security'}", flush=True)
    async with plant(name, fleets[-1], suite) as found:
        for ders in fleets:
            told = await asyncio.to_thread(found.connect, ders)
            print(
                f"  {ders:4} DERs: {told['logins']:.0f} logins, {told['associations']:.0f} associations a second, in"
                f" which one costs the EMS {told['cpu'] * 1e3:.1f} ms of CPU and {told['memory']:.0f} KiB",
                flush=True,
            )
            loads = [(size, rate) for size in fleet.SIZES for rate in RATES]
            for size, rate in loads if ders == fleets[-1] else loads[:1]:
                load = await asyncio.to_thread(found.load, size, rate, seconds)
                print(load, flush=True)
                if load.lost:
                    await asyncio.to_thread(found.recover)
        took, rate = await asyncio.to_thread(found.restart)
        print(
            f"  {ders:4} DERs are back {took:.1f} s after the server was started anew: {rate:.0f} a second", flush=True
        )


def main() -> None:
    """Measure on each server that runs here, with end-to-end security on the first of them."""
    print(contest.noise())
    suites = ["", "ENCRYPTED"]
    for name, launcher in SERVERS.items():
        reason = launcher.unavailable() if hasattr(launcher, "unavailable") else None
        if reason:
            print(f"{name}: {reason}")
            continue
        for suite in suites if name in ("embedded", "ejabberd") else suites[:1]:
            asyncio.run(run(name, suite))
    print(contest.noise())


if __name__ == "__main__":
    wanted = sys.argv[1:]
    fleets = tuple(int(each) for each in wanted if each.isdigit()) or FLEETS
    suite = next((each for each in wanted if each.isupper()), "")
    for each in [each for each in wanted if each in SERVERS]:
        asyncio.run(run(each, suite, fleets))
