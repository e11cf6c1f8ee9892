"""Letters to peers: in order for each peer, kept until they are answered, sent again after a growing pause."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import attrs

from ...common.errors import LocalError
from ..model import Message

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=120)


@attrs.define(slots=True, eq=False)
class Letter:
    """A message on its way to a peer.

    Attributes:
        to: the peer's address, as the binding understands it.
        key: a later letter with the same key takes the place of this one while it has not been sent.
    """

    to: str
    message: Message
    key: str | None = None
    in_flight: bool = False


@attrs.define(slots=True, eq=False)
class _Queue:
    letters: deque[Letter] = attrs.Factory(deque)
    not_before: datetime | None = None
    pause: timedelta = FIRST_PAUSE


class Outbox:
    """Letters by peer; one at a time is on its way to each.

    A letter leaves when it is answered (`done`); after a failure it stays first in line. `capacity`
    bounds the letters that wait for one peer.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._queues: dict[str, _Queue] = {}
        self._capacity = capacity

    def put(self, to: str, message: Message, *, key: str | None = None) -> Letter:
        """Add a letter; raise `LocalError` if too many wait for that peer."""
        queue = self._queues.setdefault(to, _Queue())
        letter = Letter(to, message, key)
        if key is not None:
            for position, waiting in enumerate(queue.letters):
                if waiting.key == key and not waiting.in_flight:
                    queue.letters[position] = letter
                    return letter
        if len(queue.letters) >= self._capacity:
            raise LocalError(f"{self._capacity} messages wait for {to}: it has been away for too long")
        queue.letters.append(letter)
        return letter

    def due(self, now: datetime) -> list[Letter]:
        """Return the letters to send now, and count them as on their way."""
        found = []
        for queue in self._queues.values():
            if queue.letters and not queue.letters[0].in_flight and (queue.not_before or now) <= now:
                queue.letters[0].in_flight = True
                found.append(queue.letters[0])
        return found

    def done(self, letter: Letter) -> None:
        """The letter was answered."""
        queue = self._queues.get(letter.to)
        if queue and letter in queue.letters:
            queue.letters.remove(letter)
            queue.not_before, queue.pause = None, FIRST_PAUSE
            if not queue.letters:
                del self._queues[letter.to]

    def failed(self, letter: Letter, now: datetime) -> None:
        """The letter did not get through, or its answer did not: it will be sent again."""
        letter.in_flight = False
        queue = self._queues.get(letter.to)
        if queue:
            queue.not_before = now + queue.pause
            queue.pause = min(2 * queue.pause, LONGEST_PAUSE)

    def kick(self, to: str | None = None) -> None:
        """The peer (or everybody) is back: send at once what waits."""
        for peer, queue in self._queues.items():
            if to in (None, peer):
                queue.not_before, queue.pause = None, FIRST_PAUSE

    def drop(self, to: str) -> None:
        """Forget everything for a peer that is gone for good."""
        self._queues.pop(to, None)

    def wake(self) -> datetime | None:
        """Return when something may be due again; None if nothing waits for a time.

        What can be sent at once is no matter of time: call `due` after every `put`, `done` and `kick`.
        """
        times = [q.not_before for q in self._queues.values() if q.letters and not q.letters[0].in_flight]
        return min((time for time in times if time), default=None)

    def __len__(self) -> int:
        return sum(len(queue.letters) for queue in self._queues.values())
