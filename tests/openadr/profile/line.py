"""A line between the facades of both roles in one process: real documents, real time-outs of the roles, no network.

The clock stands still until it is moved, so that hours pass in no time and nothing depends on how fast the machine is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import attrs
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import NotReachable
from janusgrid.openadr.binding import reception
from janusgrid.openadr.binding.transport import Station
from janusgrid.openadr.codec import read
from janusgrid.openadr.model import Message, OptType, TransportName
from janusgrid.openadr.ven import EventChange, Ven
from janusgrid.openadr.vtn import Party, Vtn

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
VTN = "https://utility.example"

M = TypeVar("M", bound=Message)


@attrs.frozen
class Said:
    """A message that went over the line, and who has sent it. `reply` says whether it answers another."""

    by: str
    message: Message
    reply: bool


class Line:
    """Who can be reached, and everything that was said."""

    def __init__(self) -> None:
        self.clock = LockStepClock(T0, settle=10)
        self.stations: dict[str, Station] = {}
        self.said: list[Said] = []
        self.cut = False
        self.lose: Callable[[Message], bool] = lambda answer: False
        """Whether an answer is lost on its way."""

    def of(self, kind: type[M], by: str | None = None) -> list[M]:
        """Return the messages of a kind that went over the line."""
        return [each.message for each in self.said if isinstance(each.message, kind) and by in (None, each.by)]

    async def post(self, sender: str, station: Station, to: str, message: Message, identity: str) -> Message | None:
        if self.cut or to not in self.stations:
            raise NotReachable("nobody is there", where=to)
        document = station.envelopes.close(message, identity)
        self.said.append(Said(sender, read(document), False))
        answer = await reception.answer(self.stations[to], sender, document.encode(), sender=sender)
        if answer is None:
            return None
        self.said.append(Said(to, read(answer), True))
        if self.lose(self.said[-1].message):
            raise NotReachable("the answer was lost", where=to)
        return await reception.answered(station, identity, answer.encode(), to)


class End:
    """One end of a line: the transport of one role. `address` is None for a VEN that polls."""

    name = TransportName.SIMPLE_HTTP

    def __init__(self, line: Line, identity: str, address: str | None) -> None:
        self.line, self.identity, self.address = line, identity, address
        self.station: Station | None = None

    async def begin(self, station: Station, vtn: str | None) -> None:
        self.station = station
        if self.address is not None:
            self.line.stations[self.address] = station

    async def end(self) -> None:
        self.line.stations.pop(self.address or "", None)
        self.station = None

    async def carry(self, to: str, message: Message, identity: str) -> Message | None:
        assert self.station is not None
        return await self.line.post(self.identity, self.station, to, message, identity)

    def passing(self, error: Exception) -> bool:
        return isinstance(error, NotReachable)

    def owns(self, identity: str, address: str) -> bool:
        return address == f"https://{identity}.example"

    def same(self, address: str, other: str) -> bool:
        return address == other

    def vtn_identity(self, vtn: str) -> str:
        return VTN

    async def watch(self, identity: str) -> None:
        pass


class Pair:
    """A VTN and VENs on a line; VENs poll, or are reached. `changes` are those that the VENs' applications saw."""

    def __init__(self, stack: AsyncExitStack, polls: bool) -> None:
        self._stack = stack
        self.polls = polls
        self.line = Line()
        self.clock = self.line.clock
        self.changes: list[EventChange] = []
        self.opt: OptType | None = OptType.OPT_IN

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def vtn(self, parties: Iterable[Party] = (Party("site", "site"),), **options: Any) -> Vtn:
        made = Vtn("VTN1", End(self.line, VTN, VTN), parties=parties, clock=self.clock, **options)
        return await self._stack.enter_async_context(made)

    async def ven(self, name: str = "site", **options: Any) -> Ven:
        address = None if self.polls else f"https://{name}.example"
        made = Ven(name, End(self.line, name, address), vtn=VTN, clock=self.clock, **options)

        @made.on_event
        def decide(change: EventChange) -> OptType | None:
            self.changes.append(change)
            return self.opt

        return await self._stack.enter_async_context(made)

    async def both(self, *, vtn: dict[str, Any] | None = None, **ven: Any) -> tuple[Vtn, Ven]:
        """Return both roles once they know each other."""
        roles = await self.vtn(**vtn or {}), await self.ven(**ven)
        await self.let(1.0)
        assert await roles[1].joined()
        return roles

    async def let(self, seconds: float) -> None:
        """Let time pass, and all be done that is due then."""
        await self.clock.advance(seconds)
        before = -1
        while before != len(self.line.said):
            before = len(self.line.said)
            await self.clock.advance(0)


@asynccontextmanager
async def a_pair(*, polls: bool) -> AsyncIterator[Pair]:
    """Yield a pair that is closed in the end."""
    async with AsyncExitStack() as stack:
        yield Pair(stack, polls)
