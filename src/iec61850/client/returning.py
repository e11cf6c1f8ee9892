"""Waiting for a server that was lost: for a while, or until it shows itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from ...common.xmpp.backoff import Backoff

Returned = Callable[[], Awaitable[None]]
"""Returns when the server becomes available from now on."""

ATTEMPTS = Backoff(base=0.2, cap=30.0, quick=30)
"""Between attempts to open an association anew: a minute of attempts every two seconds, then up to thirty."""


class Pauses:
    """The pauses between attempts to come back to a server; they end early when it shows itself.

    `returned` says when it does; None where nobody knows, then time alone counts.
    """

    def __init__(self, backoff: Backoff, returned: Returned | None) -> None:
        self._backoff = backoff
        self._returned = returned
        self._showing: asyncio.Future[None] | None = None
        self._shown = asyncio.Event()
        self._attempt = 0

    def look_out(self) -> None:
        """Notice it when the server shows itself from now on, also while an attempt is just failing."""
        self._shown.clear()
        if self._returned is not None and (self._showing is None or self._showing.done()):
            self._showing = asyncio.ensure_future(self._returned())
            self._showing.add_done_callback(lambda done: None if done.cancelled() else self._shown.set())

    async def pause(self) -> None:
        """Return after a time, or as soon as the server shows itself: at once if it has, since the look-out began."""
        delay, self._attempt = self._backoff.delay(self._attempt), self._attempt + 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._shown.wait()

    def begin_anew(self) -> None:
        """Count attempts from the first again: the server was there meanwhile."""
        self._attempt = 0

    def close(self) -> None:
        """Look out no more."""
        if self._showing is not None:
            self._showing.cancel()
