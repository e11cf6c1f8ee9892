"""Reads what the reports of a role want, when they want it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from ...common.clock import Clock
from ...common.errors import LocalError
from ..core.report_desk import Recall
from ..core.report_offers import Offer, Value
from ..core.telemetry import Sample
from .alarm import Alarm
from .calls import call

log = logging.getLogger(__name__)

Reader = Callable[[frozenset[str]], "Mapping[str, Value] | Awaitable[Mapping[str, Value]]"]
"""Given rIDs that are due, returns their readings; a point that is left out is reported as having no value."""

History = Callable[[Recall], "Iterable[Sample] | Awaitable[Iterable[Sample]]"]
"""Given what is asked of the past, returns what is known of it."""


class Deliverer(Protocol):
    """A core that delivers reports."""

    def wanted(self, now: datetime) -> frozenset[str]:
        """Return the rIDs to read now."""
        ...

    def sample(self, readings: Mapping[str, Value], now: datetime) -> None:
        """Take readings of `wanted`."""
        ...

    def recalls(self, now: datetime) -> list[Recall]:
        """Return the reports of the past that are to be answered."""
        ...

    def recall(self, asked: Recall, found: Iterable[Sample], now: datetime) -> None:
        """Answer a report of the past."""
        ...

    def wake(self) -> datetime | None:
        """Return when there is something to do next."""
        ...


def checked_offers(offers: Iterable[Offer], history: History | None) -> tuple[Offer, ...]:
    """Return offers; raise `LocalError` for one of the past where nobody knows it."""
    found = tuple(offers)
    for offer in found:
        if offer.of_the_past and history is None:
            raise LocalError(f"{offer.name} is offered, but no history is given to answer it", where=offer.specifier_id)
    return found


class Reporting:
    """Reads for a core. A slow or failing reader delays nothing but what it is asked for.

    Args:
        tick: called in each round.
        sent: called when there may be something to send.
    """

    def __init__(
        self,
        core: Deliverer,
        clock: Clock,
        read: Reader | None,
        history: History | None,
        *,
        sent: Callable[[], None],
        tick: Callable[[datetime], None] = lambda now: None,
    ) -> None:
        self._core = core
        self._clock = clock
        self._read: Reader = read or (lambda r_ids: {})
        self._history: History = history or (lambda asked: ())
        self._sent = sent
        self._tick = tick
        self._samples, self._recalls = Alarm(clock), Alarm(clock)
        self._failed = ""
        """Why points cannot be read, as it was logged: said once, and again when it is something else."""

    def nudge(self) -> None:
        """Reports may have begun or ended."""
        self._samples.ring()
        self._recalls.ring()

    async def sampling(self) -> None:
        """Sample when the reports want it."""
        while True:
            now = self._clock.now()
            if wanted := self._core.wanted(now):
                try:
                    self._core.sample(await call(self._read, wanted), now)
                    self._failed = ""
                except LocalError as error:  # which says itself what is wrong
                    self._complain(wanted, str(error))
                except Exception:
                    log.exception("reading %s failed", ", ".join(sorted(wanted)))
            self._core.sample({}, now)
            self._tick(now)
            self._sent()
            await self._samples.wait(self._core.wake())

    def _complain(self, wanted: frozenset[str], why: str) -> None:
        if why != self._failed:
            self._failed = why
            log.error("reading %s failed: %s; they are reported as having no value", ", ".join(sorted(wanted)), why)

    async def recalling(self) -> None:
        """Answer reports of the past, one after the other."""
        while True:
            for asked in self._core.recalls(self._clock.now()):
                try:
                    self._core.recall(asked, await call(self._history, asked), self._clock.now())
                except LocalError as error:
                    log.error("recalling %s failed: %s", ", ".join(asked.r_ids), error)
                    self._core.recall(asked, (), self._clock.now())
                except Exception:
                    log.exception("recalling %s from %s to %s failed", ", ".join(asked.r_ids), asked.start, asked.end)
                    self._core.recall(asked, (), self._clock.now())
                self._sent()
            await self._recalls.wait(None)
