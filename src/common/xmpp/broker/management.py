"""Stream management of one session (XEP-0198): what was received is counted, what was sent is kept until it is
acknowledged, so that it can be sent again when the session goes on over a new connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import attrs

from ...errors import Malformed
from .stanza import Stanza
from .timers import Timer

_WRAP = 2**32


class TooHigh(Malformed):
    """The client acknowledges more stanzas than it was sent."""

    def __init__(self, claimed: int, sent: int) -> None:
        super().__init__(f"{claimed} stanzas acknowledged, but only {sent} were sent")
        self.claimed = claimed
        self.sent = sent


@attrs.define(slots=True, eq=False)
class Management:
    """Counters and the queue of one session.

    Attributes:
        token: what the client names when it resumes; empty if this session cannot be resumed.
        received: stanzas taken from the client since management was enabled, modulo 2**32.
        sent: stanzas for the client since then, modulo 2**32.
        held: bytes of what is not acknowledged.
        asked: when the client was asked to acknowledge; None if no answer is owed.
        unasked: stanzas sent since then.
        timer: what is to happen next: ask, give up waiting for the answer, or give up waiting for the client.
        full: True once more was held than is allowed; the session is about to end.
    """

    token: str
    received: int = 0
    sent: int = 0
    held: int = 0
    asked: float | None = None
    unasked: int = 0
    timer: Timer | None = None
    full: bool = False
    _unacked: deque[tuple[bytes, Stanza | None]] = attrs.field(factory=deque, repr=False)

    def __len__(self) -> int:
        return len(self._unacked)

    def count_received(self) -> None:
        """A stanza was taken over from the client."""
        self.received = (self.received + 1) % _WRAP

    def hold(self, data: bytes, stanza: Stanza | None) -> None:
        """Keep what is sent until it is acknowledged; `stanza` is where it came from, None for the server itself."""
        self._unacked.append((data, stanza))
        self.held += len(data)
        self.unasked += 1
        self.sent = (self.sent + 1) % _WRAP

    def acknowledge(self, count: int) -> None:
        """The client has taken over `count` stanzas (its `h`); raise `TooHigh` if that cannot be."""
        new = (count - (self.sent - len(self._unacked))) % _WRAP
        if new > len(self._unacked):
            raise TooHigh(count, self.sent)
        for _ in range(new):
            self.held -= len(self._unacked.popleft()[0])
        self.asked = None

    def unacked(self) -> Iterator[bytes]:
        """What has to be sent again, in order."""
        return (data for data, _ in self._unacked)

    def abandon(self) -> list[Stanza]:
        """Return the stanzas of other parties that were never acknowledged, and forget them."""
        left = [stanza for _, stanza in self._unacked if stanza is not None]
        self._unacked.clear()
        self.held = 0
        return left

    def set_timer(self, timer: Timer | None) -> None:
        """Replace the timer."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer
