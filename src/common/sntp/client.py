"""The client: asks time servers over UDP as long as it is open, and steers a clock by what they say."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Self

from ..clock import DisciplinedClock
from ..errors import LocalError, Malformed, NotReachable, RemoteError, TimedOut
from .core import Synchronization, Synchronizer
from .packet import PORT, KissOfDeath, Sample, read, request
from .peer import Peer

log = logging.getLogger(__name__)

StateListener = Callable[[Synchronization], None]

_MOST_WAITING = 16
"""Datagrams of one exchange that nobody has read yet; what comes beyond that is not kept."""
_SPREAD = 0.1
_TICK = 1.0


class TimeClient:
    """Keeps a clock right by SNTP::

        async with TimeClient(["ntp1.plant.example", "ntp2.plant.example", "192.0.2.7:1123"]) as time:
            await time.synchronized()
            vtn = Vtn(..., clock=time.clock)

    With three servers or more, one that is wrong is outvoted; with two nobody knows which, and neither is believed.

    Args:
        servers: names or addresses, with a port if it is not 123; IPv6 addresses with a port stand in brackets.
        clock: the clock to be steered; a new one unless given.
        poll: seconds, at least and at most, between two requests to a server. Public servers want 64 at least.
        tolerance: seconds by which the clock may be wrong and still be called synchronized.
        timeout: seconds to wait for an answer.

    Raises `LocalError` for an address that is none, or without any.
    """

    def __init__(
        self,
        servers: Iterable[str],
        *,
        clock: DisciplinedClock | None = None,
        poll: tuple[float, float] = (64.0, 1024.0),
        tolerance: float = 0.1,
        timeout: float = 5.0,
    ) -> None:
        if not 0 < poll[0] <= poll[1] or timeout <= 0 or tolerance <= 0:
            raise LocalError("poll is the least and the most time between requests; all times are above zero")
        self.clock = clock or DisciplinedClock()
        self._core = Synchronizer(servers, poll=poll, tolerance=tolerance)
        if not self._core.peers:
            raise LocalError("name at least one time server")
        self._addresses = {peer: address(peer.name) for peer in self._core.peers}
        self._timeout = timeout
        self._listeners: list[StateListener] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._good = asyncio.Event()
        self._told = Synchronization()

    @property
    def state(self) -> Synchronization:
        """Whether the clock is right, and how right, at present."""
        return self._core.state(self.clock.elapsed(), self.clock.lag())

    def on_state(self, listener: StateListener) -> Callable[[], None]:
        """Call `listener` with the state every second, and when an answer has come; return what removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def synchronized(self) -> Synchronization:
        """Return the state once the clock is synchronized; wait for that as long as it takes."""
        await self._good.wait()
        return self.state

    def start(self) -> None:
        """Begin to ask; nothing is done if it was begun already."""
        if self._tasks:
            return
        self._tasks = [asyncio.ensure_future(self._follow(peer)) for peer in self._core.peers]
        self._tasks.append(asyncio.ensure_future(self._tell_of_time()))

    async def close(self) -> None:
        """Ask no more. The clock goes on, with the drift that is known."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- asking -----------------------------------------------------------------------------------------------------

    async def _follow(self, peer: Peer) -> None:
        while peer.due is not None:
            wait = max(0.0, peer.due - self.clock.elapsed())
            # A plant whose power comes back does not ask all at once.
            await asyncio.sleep(wait * (1 + _SPREAD * secrets.randbelow(1000) / 1000))
            peer.asked()
            try:
                sample = await exchange(*self._addresses[peer], self.clock, self._timeout)
            except KissOfDeath as kiss:
                peer.kissed(self.clock.elapsed(), kiss.code)
                log.warning("time server %s: %s", peer.name, kiss)
            except RemoteError as error:
                peer.missed(self.clock.elapsed(), error.message)
                log.debug("time server %s: %s", peer.name, error)
            else:
                agreed = self._core.answered(peer, sample)
                if agreed is not None:
                    self.clock.steer(agreed.offset, self._core.drift or 0.0)
            self._tell()

    async def _tell_of_time(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._tell()

    def _tell(self) -> None:
        state, before = self.state, self._told
        self._told = state
        if state.synchronized:
            self._good.set()
        else:
            self._good.clear()
        if state.synchronized != before.synchronized:
            if state.synchronized:
                log.info("time synchronized to %s, within %.3g s", ", ".join(state.sources), state.accuracy)
            else:
                log.warning("time not synchronized any more: %s", state.reason)
        for listener in list(self._listeners):
            listener(state)


def address(text: str) -> tuple[str, int]:
    """Return host and port of `host`, `host:port`, `[IPv6]:port` or an IPv6 address; raise `LocalError`."""
    host, port = text, str(PORT)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else port if bracket and not rest else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or host.split() != [host] or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise LocalError("a time server is host, host:port or [IPv6 address]:port", where=text)
    return host, int(port)


async def query(server: str, *, timeout: float = 5.0) -> Sample:
    """Ask a time server once; return what it says of the clock of this machine.

    Raises `LocalError` for an address that is none, `NotReachable`, `TimedOut`, and `Refused` for a server that has no
    time to give.
    """
    return await exchange(*address(server), DisciplinedClock(), timeout)


async def exchange(host: str, port: int, clock: DisciplinedClock, timeout: float) -> Sample:
    """Ask a server once, from a port of its own; return what it says. What is no answer to it is passed over."""
    loop = asyncio.get_running_loop()
    nonce = secrets.randbits(64) or 1
    try:
        async with asyncio.timeout(timeout):
            transport, inbox = await loop.create_datagram_endpoint(lambda: _Datagrams(clock), remote_addr=(host, port))
            try:
                sent = clock.elapsed()
                transport.sendto(request(nonce))
                while True:
                    came = await inbox.waiting.get()
                    if isinstance(came, OSError):
                        raise came
                    octets, elapsed = came
                    unsteered = clock.start + timedelta(seconds=elapsed)
                    with suppress(Malformed):
                        return read(octets, nonce, elapsed, unsteered, elapsed - sent)
            finally:
                transport.close()
    except TimeoutError:
        raise TimedOut(f"no answer within {timeout:g} s", where=host) from None
    except OSError as error:
        raise NotReachable(f"no time from it: {error.strerror or error}", where=host) from None
    except UnicodeError:
        raise NotReachable("that is no name of a host", where=host) from None


class _Datagrams(asyncio.DatagramProtocol):
    """Keeps what comes, with the time of the oscillator when it came."""

    def __init__(self, clock: DisciplinedClock) -> None:
        self.waiting: asyncio.Queue[tuple[bytes, float] | OSError] = asyncio.Queue(_MOST_WAITING)
        self._clock = clock

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._keep((data, self._clock.elapsed()))

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self._keep(exc)

    def _keep(self, what: tuple[bytes, float] | OSError) -> None:
        with suppress(asyncio.QueueFull):
            self.waiting.put_nowait(what)
