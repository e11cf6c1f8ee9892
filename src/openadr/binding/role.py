"""What the facades of both roles share: a core, its letters, and what happens told to the application in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from ...common.clock import Clock, RealClock
from ...common.xmpp.session import Session
from ..core.outbox import Letter, Outbox
from ..model import Message
from .calls import call
from .courier import Courier
from .xmpp import XmppBinding

log = logging.getLogger(__name__)

H = TypeVar("H")


class Core(Protocol):
    """What a role's behaviour is to its facade."""

    outbox: Outbox
    happened: deque[Any]

    def receive(self, identity: str, message: Message, now: datetime) -> Message:
        """Return the answer to a message."""
        ...

    def answered(self, letter: Letter, answer: Message | None, now: datetime) -> None:
        """Take the answer to a letter."""
        ...


class Role:
    """A role on an XMPP session.

    The session is opened and closed by the caller; other protocols may share it. Time-outs of the network run in real
    time, everything else in that of `clock`.
    """

    def __init__(
        self,
        core: Core,
        session: Session,
        clock: Clock | None,
        *,
        wake: Callable[[], datetime | None] = lambda: None,
        tick: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.clock = clock or RealClock()
        self._core = core
        self._binding = XmppBinding(session, self._receive)
        self._courier = Courier(core.outbox, self._binding.send, self._answered, self.clock, wake=wake, tick=tick)
        self._listeners: list[tuple[type[Any], Callable[[Any], Any]]] = []
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._undo: list[Callable[[], None]] = []

    async def open(self) -> None:
        """Begin to serve."""
        session = self._binding.session
        await self._opening()
        self._undo = [
            session.on_presence(lambda jid, here: self._back(jid) if here else None),
            session.on_link(lambda link: self._back(None) if link != "down" else None),
        ]
        self._start(self._courier.run())
        self._start(self._tell())

    async def close(self) -> None:
        """Stop serving."""
        for undo in self._undo:
            undo()
        self._binding.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def nudge(self) -> None:
        """Send what waits."""
        self._courier.nudge()

    async def changed(self) -> None:
        """Return when something has happened and was told to the listeners."""
        await self._changed.wait()

    def listen(self, kind: type[H], listener: Callable[[H], Awaitable[None] | None]) -> None:
        """Call `listener`, plain or a coroutine function, with every happening of this kind, in order."""
        self._listeners.append((kind, listener))

    async def _opening(self) -> None:
        """What the role does first."""
        raise NotImplementedError

    async def _happened(self, happening: Any) -> None:
        """What the role itself does about a happening, after the listeners."""

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    def _receive(self, identity: str, message: Message) -> Message:
        answer = self._core.receive(identity, message, self.clock.now())
        self._drain()
        return answer

    def _answered(self, letter: Letter, answer: Message | None) -> None:
        self._core.answered(letter, answer, self.clock.now())
        self._drain()

    def _back(self, jid: str | None) -> None:
        self._core.outbox.kick(jid)
        self._courier.nudge()

    def _drain(self) -> None:
        while self._core.happened:
            self._queue.put_nowait(self._core.happened.popleft())
        self._courier.nudge()

    async def _tell(self) -> None:
        """Tell what happened, one thing at a time."""
        while True:
            happening = await self._queue.get()
            for kind, listener in list(self._listeners):
                if isinstance(happening, kind):
                    try:
                        await call(listener, happening)
                    except Exception:
                        log.exception("a listener for %s failed", kind.__name__)
            try:
                await self._happened(happening)
            except Exception:
                log.exception("dealing with %s failed", type(happening).__name__)
            self._changed.set()
            self._changed = asyncio.Event()
