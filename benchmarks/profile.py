"""Where the time goes, by layer: our client and our server of a contest are sampled while they work.

A timer of the processor's time interrupts a process as often as the system lets it, some hundreds of times a second.
Each time the innermost frame of a room of the house gets the blame; what lies below it in other people's code (asyncio,
sockets, slixmpp) is told apart by where it is. Sampling costs each layer in proportion, so that shares are true where a
tracing profiler's are not.
"""

from __future__ import annotations

import asyncio
import time

import attrs

from . import contest, scsm82_read
from .sides.sampler import Sampler
from .xmpp_roundtrip import PASSWORD, SERVERS, USERS

CASES = ["read 1", "read 100", "operate", "urcb", "brcb"]
SECONDS = 2.0


@attrs.frozen(slots=True)
class Profile:
    """The shares of one process: of its processor's time for each operation, in microseconds."""

    title: str
    microseconds: float
    counts: dict[str, int]

    def __str__(self) -> str:
        total = sum(self.counts.values()) or 1
        shares = sorted(self.counts.items(), key=lambda found: -found[1])
        listed = ", ".join(f"{layer} {count / total:.0%}" for layer, count in shares if count / total >= 0.01)
        return f"  {self.title:34}{self.microseconds:8.1f} us: {listed}"


def over_tcp(case: str) -> list[Profile]:
    """Return the profiles of our client and our server in one case of SCSM 8-1."""
    found = []
    with contest.pair(case, 1, "ours", "ours") as (client, server):
        contest.turn(case, 1, client, server, 0.3)
        cpu, count = (client.cpu, server.cpu), 0
        client.ask({"do": "sample"})
        server.ask("sample")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            count += contest.turn(case, 1, client, server, 0.25).count
        for name, side, before in (("client", client, cpu[0]), ("server", server, cpu[1])):
            used = side.cpu - before
            counts = side.ask({"do": "sampled"} if side is client else "sampled")
            found.append(Profile(f"{case}: {name}", used / count * 1e6, counts))
    return found


async def over_xmpp(points: int) -> list[Profile]:
    """Return the profiles of a read over XMPP, and of a bare iq of the same size: both ends and the broker."""
    server = SERVERS["embedded"]("bench.test")
    for user in USERS:
        server.add_user(user, PASSWORD)
    await server.start()
    try:
        sampled: dict[str, Sampler] = {}
        result = await scsm82_read.measure(
            server, points, rounds=10, sampled=lambda name: sampled.setdefault(name, Sampler())
        )
    finally:
        await server.stop()
    used = {"bare": result.bare_cpu, "read": result.read_cpu}
    titles = {"bare": f"bare iq of the size of {points}", "read": f"read {points} over XMPP, all"}
    return [Profile(titles[name], used[name] * 1e6, sampled[name].counts) for name in used]


def main() -> None:
    """Print one line for each process."""
    print(contest.noise())
    print("SCSM 8-1, the processor's time of each operation (of each entry of a report), and whose it is")
    for case in CASES:
        for profile in over_tcp(case):
            print(profile, flush=True)
    print("SCSM 8-2, the same for both ends and the embedded broker, which share a process")
    for points in (1, 100):
        for profile in asyncio.run(over_xmpp(points)):
            print(profile, flush=True)


if __name__ == "__main__":
    main()
