"""Carries letters from an outbox to their peers and brings the answers back to the core."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from ...common.clock import Clock
from ...common.errors import Malformed, NotReachable, Refused, RemoteError, TimedOut
from ..core.outbox import Letter, Outbox
from ..model import Message

log = logging.getLogger(__name__)

PASSING = frozenset(
    {
        "service-unavailable",
        "recipient-unavailable",
        "remote-server-not-found",
        "remote-server-timeout",
        "resource-constraint",
        "internal-server-error",
    }
)
"""Stanza errors that may be over the next time: the letter is sent again."""


class Courier:
    """Runs until it is cancelled.

    Args:
        outbox: where the letters are.
        send: carries one message and returns the answer.
        answered: takes a letter and its answer back into the core.
        wake: when the core wants `tick` next, beyond the outbox; None for never.
        tick: lets the core do what is due.
    """

    def __init__(
        self,
        outbox: Outbox,
        send: Callable[[str, Message], Awaitable[Message | None]],
        answered: Callable[[Letter, Message | None], None],
        clock: Clock,
        *,
        wake: Callable[[], datetime | None] = lambda: None,
        tick: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._outbox = outbox
        self._send = send
        self._answered = answered
        self._clock = clock
        self._wake = wake
        self._tick = tick
        self._nudged = asyncio.Event()
        self._carrying: set[asyncio.Task[None]] = set()

    def nudge(self) -> None:
        """There may be something new to do."""
        self._nudged.set()

    async def run(self) -> None:
        """Carry letters as they become due, and let the core tick at its times."""
        try:
            while True:
                self._nudged.clear()
                if self._tick is not None:
                    await self._tick()
                for letter in self._outbox.due(self._clock.now()):
                    task = asyncio.create_task(self._carry(letter))
                    self._carrying.add(task)
                    task.add_done_callback(self._carrying.discard)
                await self._pause()
        finally:
            for task in self._carrying:
                task.cancel()

    async def _pause(self) -> None:
        """Wait for a nudge or for the next time."""
        times = [time for time in (self._outbox.wake(), self._wake()) if time is not None]
        nudged = asyncio.create_task(self._nudged.wait())
        waits: list[asyncio.Task[object]] = [nudged]
        if times:
            waits.append(asyncio.create_task(self._clock.sleep_until(min(times))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _carry(self, letter: Letter) -> None:
        name = type(letter.message).__name__
        try:
            answer = await self._send(letter.to, letter.message)
        except (NotReachable, TimedOut) as error:
            log.info("%s to %s will be sent again: %s", name, letter.to, error)
            self._outbox.failed(letter, self._clock.now())
        except (Refused, Malformed) as error:
            if error.code in PASSING:
                log.info("%s to %s will be sent again: %s", name, letter.to, error)
                self._outbox.failed(letter, self._clock.now())
            else:
                log.error("%s to %s is given up: %s", name, letter.to, error)
                self._outbox.done(letter)
        else:
            try:
                self._answered(letter, answer)
            except RemoteError as error:
                log.error("the answer of %s to %s: %s", letter.to, name, error)
        self.nudge()
