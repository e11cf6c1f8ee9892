"""Carries letters from an outbox to their peers and brings the answers back to the core."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ...common.clock import Clock
from ...common.errors import JanusGridError, LocalError, NotReachable
from ..core.outbox import Letter, Outbox
from ..model import Message
from .alarm import Alarm

log = logging.getLogger(__name__)

MOST_FAULTS = 5
"""How often a message is sent to a peer that answers with an error of its own."""

FAULTS = ("internal-server-error", "http-500")
"""What a peer says that has made an error: over XMPP, over HTTP."""


class Held(NotReachable):
    """A letter does not leave now, for a reason of ours that is told elsewhere: nothing is wrong with the peer."""


class Courier:
    """Runs until it is cancelled; what was on its way then is sent again by the next run.

    Args:
        outbox: where the letters are.
        send: carries one letter and returns the answer.
        passing: whether an error of `send` may be over the next time.
        carried: whether letters are carried to a peer; the others come for theirs.
        answered: takes a letter and its answer back into the core.
        refused: tells the core of a letter that cannot be delivered.
    """

    def __init__(
        self,
        outbox: Outbox,
        send: Callable[[Letter], Awaitable[Message | None]],
        answered: Callable[[Letter, Message | None], Awaitable[None]],
        refused: Callable[[Letter, JanusGridError], Awaitable[None]],
        clock: Clock,
        *,
        passing: Callable[[Letter, JanusGridError], bool],
        carried: Callable[[str], bool],
    ) -> None:
        self._outbox = outbox
        self._send = send
        self._answered = answered
        self._refused = refused
        self._clock = clock
        self._passing = passing
        self._carried = carried
        self._alarm = Alarm(clock)
        self._away: dict[str, str] = {}
        """Why a peer is not reached, as it was logged: said once, and again when it is something else."""
        self._leaving = False

    def nudge(self) -> None:
        """There may be something new to do."""
        self._alarm.ring()

    def leave(self) -> None:
        """The connections are about to end by our own will: whoever is not reached any more is nobody's concern."""
        self._leaving = True

    async def run(self) -> None:
        """Carry letters as they become due."""
        self._leaving = False
        carrying: set[asyncio.Task[None]] = set()
        try:
            while True:
                for letter in self._outbox.due(self._clock.now(), self._carried):
                    task = asyncio.create_task(self._carry(letter))
                    carrying.add(task)
                    task.add_done_callback(carrying.discard)
                await self._alarm.wait(self._outbox.wake())
        finally:
            for task in carrying:
                task.cancel()

    async def _carry(self, letter: Letter) -> None:
        """Deliver a letter. Whatever happens, it does not stay in the way of those behind it."""
        name = type(letter.message).__name__
        try:
            answer = await self._send(letter)
        except asyncio.CancelledError:
            self._outbox.failed(letter, self._clock.now())
            raise
        except JanusGridError as error:
            if self._passes(error, letter):
                log.info("%s to %s will be sent again: %s", name, letter.to, error)
                if not isinstance(error, Held):
                    self._away_is(letter.to, error.message if error.where == letter.to else str(error))
                self._outbox.failed(letter, self._clock.now())
            else:
                log.error("%s to %s is given up: %s", name, letter.to, error)
                self._away.pop(letter.to, None)
                await self._refused(letter, error)
        except Exception as error:
            log.exception("%s to %s is given up", name, letter.to)
            await self._refused(letter, LocalError(f"sending failed: {error!r}"))
        else:
            if self._away.pop(letter.to, None) is not None:
                log.warning("event=openadr.reached-again to=%s", letter.to)
            await self._answered(letter, answer)
        self.nudge()

    def _away_is(self, to: str, why: str) -> None:
        """Say that a peer is not reached: the first time, and when the reason changes, our operator has to know."""
        if self._away.get(to) != why and not self._leaving:
            self._away[to] = why
            log.warning("event=openadr.not-reached to=%s: %s; it is tried again until it goes", to, why)

    def _passes(self, error: JanusGridError, letter: Letter) -> bool:
        """Return whether it may go better the next time."""
        if error.code in FAULTS and letter.attempts >= MOST_FAULTS:
            return False
        return self._passing(letter, error)
