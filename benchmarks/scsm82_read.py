"""An 8-2 read, round trip, against a bare iq of the same size on the same server, taking turns in one run.

The bare iq carries the very same octets both ways, under another name: what is measured is what the mapping, the codec
and the engine add to XMPP at both ends.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
from janusgrid.common.security import Credentials
from janusgrid.common.security.e2e import Identity, Suite
from janusgrid.common.xmpp import tls
from janusgrid.common.xmpp.servers import LocalServer, pki
from janusgrid.common.xmpp.session import Incoming
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import GetDataValues
from janusgrid.iec61850.acsi.types import BasicType, DataValue
from janusgrid.iec61850.client import Ied
from janusgrid.iec61850.model.nodes import Attribute, DataObject, LogicalDevice, LogicalNode, Model
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.protection import Security
from janusgrid.iec61850.server import Server

from .sides.sampler import Sampler
from .xmpp_roundtrip import NAMESPACE, PASSWORD, SERVERS, USERS

BUDGET = 1.5
"""The ratio at first; the goal is 1.15."""

LEAF = Reference("BenchLD0", "MMXU1", ("TotW", "mag", "f"), FC.MX)


@attrs.frozen(slots=True)
class Read:
    """One measurement; times are seconds for each round trip, the median of blocks that took turns.

    Attributes:
        points: how many values one read asks for.
        octets: of the payload, request and response together.
        bare, read, facade: a bare iq, the ACSI service, and reading by name (`Ied.read`).
        bare_cpu, read_cpu: CPU of both ends (and of the server, if it is embedded).
        ratio, cpu_ratio: the read against the bare iq, the median of the rounds: each compares its own two blocks.
        low, high: the quartiles of `ratio`.
        clear, encrypted: the read with end-to-end security against the bare iq, as `ratio`; None if not measured.
    """

    server: str
    points: int
    octets: int
    bare: float
    read: float
    facade: float
    bare_cpu: float
    read_cpu: float
    ratio: float
    cpu_ratio: float
    low: float
    high: float
    clear: float | None = None
    encrypted: float | None = None


def model() -> Model:
    """Return a model with one measured value."""

    def leaf(name: str, kind: BasicType, value: DataValue = None) -> Attribute:
        return Attribute(name, FC.MX, kind, value=value)

    magnitude = Attribute("mag", FC.MX, children={"f": leaf("f", BasicType.FLOAT32, 412.5)})
    value = DataObject("TotW", "MV", {
        "mag": magnitude, "q": leaf("q", BasicType.QUALITY), "t": leaf("t", BasicType.TIMESTAMP),
    })  # fmt: skip
    node = LogicalNode("MMXU1", "MMXU", {"TotW": value})
    return Model("Bench", {"BenchLD0": LogicalDevice("BenchLD0", "LD0", {"MMXU1": node})})


class Tap:
    """Notes what a session sends and gets, to play it back as a bare iq."""

    def __init__(self, session: SlixSession) -> None:
        self.sent = self.answered = ""
        self._session = session
        self._request = session.request

    async def catch(self, ask: Callable[[], Awaitable[object]], serving: XmppAssociation) -> None:
        """Let one request pass and keep its payload; ask for the answer in the form in which it was sent."""
        from janusgrid.iec61850.mms import decode_xer, encode_xer
        from janusgrid.iec61850.scsm82.context import PROFILES, around, parse

        async def request(to: str, payload: str, **options: object) -> object:
            self.sent = payload
            answer = await self._request(to, payload, **options)  # type: ignore[arg-type]
            assert answer is not None
            context = parse(answer)
            self.answered = around(PROFILES["80-3"], context.id, encode_xer(decode_xer(context.content)))
            return answer

        self._session.request = request  # type: ignore[method-assign, assignment]
        try:
            await ask()
        finally:
            self._session.request = self._request  # type: ignore[method-assign]


async def measure(
    server: LocalServer,
    points: int = 1,
    *,
    rounds: int = 30,
    block: int = 50,
    sampled: Callable[[str], Sampler] | None = None,
    secured: bool = False,
) -> Read:
    """Return what a read of `points` values takes on this running server, which has the users `USERS`.

    `sampled` gives for each operation what samples it; with `secured`, it is read with end-to-end security too.
    """
    context = tls.client_context(server.ca)
    left, right = (
        SlixSession(
            f"{user}@{server.domain}/IEC",
            password=PASSWORD,
            host=server.host,
            port=server.port,
            tls=context,
            allow=lambda _: True,
        )
        for user in USERS
    )
    async with left, right, Server(model()) as plant:
        safe = _securities(left.jid, right.jid) if secured else {}
        plant.start(right, security=safe.get(right.jid))
        association = await XmppAssociation.open(left, right.jid)
        others: dict[str, XmppAssociation] = {}
        for suite in Suite if secured else ():
            security = attrs.evolve(safe[left.jid], suites=(suite,))
            others[suite.name.lower()] = await XmppAssociation.open(left, right.jid, security=security)
        ied, request, name = Ied(association), GetDataValues((LEAF,) * points), str(LEAF.with_fc(None))

        async def read() -> None:
            await association.call(request)

        async def facade() -> None:
            await ied.read(name)

        tap = Tap(left)
        await tap.catch(read, association)
        sent, answered = (
            text.replace("AssociationContext", "bare").replace("http://www.iec.ch/61850/2015/SCSM_8_2", NAMESPACE)
            for text in (tap.sent, tap.answered)
        )

        async def answer(_: Incoming) -> str:
            return answered

        right.handle(f"{{{NAMESPACE}}}bare", answer, kinds=("get",))

        async def bare() -> None:
            await left.request(right.jid, sent, kind="get")

        def through(other: XmppAssociation) -> Callable[[], Awaitable[None]]:
            async def protected() -> None:
                await other.call(request)

            return protected

        operations: dict[str, Callable[[], Awaitable[None]]] = {"bare": bare, "read": read, "facade": facade}
        operations |= {suite: through(other) for suite, other in others.items()}
        found = await _take_turns(operations, rounds, block, sampled)
        wall = {name: statistics.median(wall for wall, _ in times) for name, times in found.items()}
        cpu = {name: statistics.median(cpu for _, cpu in times) for name, times in found.items()}
        pairs = list(zip(found["bare"], found["read"], strict=True))
        low, middle, high = statistics.quantiles([b[0] / a[0] for a, b in pairs], n=4, method="inclusive")
        octets = len(tap.sent) + len(tap.answered)
        against = {
            suite: statistics.median(b[0] / a[0] for a, b in zip(found["bare"], found[suite], strict=True))
            for suite in others
        }
        return Read(
            type(server).__name__.lower(), points, octets, wall["bare"], wall["read"], wall["facade"], cpu["bare"],
            cpu["read"], middle, statistics.median(b[1] / a[1] for a, b in pairs), low, high,
            **against,
        )  # fmt: skip


def _securities(*jids: str) -> dict[str, Security]:
    """Return for each JID what end-to-end security takes; the certificates are made on the spot."""
    with tempfile.TemporaryDirectory() as folder:
        authority = pki.make_ca(Path(folder))
        made = {}
        for jid in jids:
            issued = pki.issue_client(authority, jid.partition("/")[0])
            identity = Identity.of(Credentials(issued.certificate, issued.key, authority.certificate))
            made[jid] = Security(identity, "allowed", tuple(Suite))
        return made


async def _take_turns(
    operations: dict[str, Callable[[], Awaitable[None]]],
    rounds: int,
    block: int,
    sampled: Callable[[str], Sampler] | None,
) -> dict[str, list[tuple[float, float]]]:
    """Return wall and CPU seconds for one operation, of each block."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in operations}
    for number in range(rounds + 1):
        for name, operation in operations.items():
            sampler = sampled(name) if sampled is not None and number else None
            wall, cpu = time.perf_counter(), time.process_time()
            if sampler is not None:
                sampler.start()
            for _ in range(block):
                await operation()
            if sampler is not None:
                sampler.stop()
            if number:  # the first round warms up
                found[name].append(((time.perf_counter() - wall) / block, (time.process_time() - cpu) / block))
    return found


async def run(name: str, points: tuple[int, ...] = (1, 10, 100), rounds: int = 30) -> None:
    """Start the server called `name`, measure, and print one line for each number of points."""
    server: LocalServer = SERVERS[name]("bench.test")
    for user in USERS:
        server.add_user(user, PASSWORD)
    await server.start()
    try:
        for many in points:
            result = await measure(server, many, rounds=rounds, block=50 if many < 100 else 15, secured=True)
            print(
                f"{result.server:9} {many:4} points {result.octets:6} octets: bare {result.bare * 1e6:6.0f} us, "
                f"read {result.read * 1e6:6.0f} us, ratio {result.ratio:.2f} [{result.low:.2f} {result.high:.2f}] "
                f"(budget {BUDGET}, goal 1.15), cpu ratio {result.cpu_ratio:.2f}"
                + (f", by name {result.facade / result.bare:.2f}" if many == 1 else "")
                + f"; clear {result.clear:.2f}, encrypted {result.encrypted:.2f}",
                flush=True,
            )
    finally:
        await server.stop()


def main() -> None:
    """Measure on each server that runs here."""
    for each in SERVERS:
        launcher = SERVERS[each]
        reason = launcher.unavailable() if hasattr(launcher, "unavailable") else None
        if reason:
            print(f"{each}: {reason}")
        else:
            asyncio.run(run(each))


if __name__ == "__main__":
    for each in sys.argv[1:] or SERVERS:
        asyncio.run(run(each))
