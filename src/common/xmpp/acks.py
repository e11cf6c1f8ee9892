"""Stream management, client side (XEP-0198): what was sent and not yet acknowledged, so that nothing is lost.

No I/O and no clock. Both counters run modulo 2**32 and count iq, message and presence stanzas only.
"""

from __future__ import annotations

from collections import deque

import attrs

from ..errors import Malformed
from .stanza import escape

NAMESPACE = "urn:xmpp:sm:3"
REQUEST = f'<r xmlns="{NAMESPACE}"/>'
_MODULUS = 2**32


@attrs.define(slots=True)
class Acknowledgements:
    """The two counters of a session and the stanzas in between.

    Attributes:
        window: an acknowledgement is asked for after so many stanzas.
        resumable: ask the server to keep the session when the connection breaks.
        resumption: the id under which it lets us resume; None while it does not.
        keeps: the seconds for which the server keeps a broken session; None if it did not say.
        active: stanzas are being counted on the present stream.
        acknowledged: the last count of the server.
        forgotten: how many stanzas were given up without knowing whether they arrived.
    """

    window: int = 10
    resumable: bool = True
    resumption: str | None = None
    keeps: float | None = None
    active: bool = False
    forgotten: int = 0
    _received: int = 0
    acknowledged: int = 0
    _unacknowledged: deque[bytes] = attrs.field(factory=deque, init=False)
    _since_request: int = 0

    def __len__(self) -> int:
        """Return how many stanzas were sent and are not acknowledged."""
        return len(self._unacknowledged)

    def forget(self) -> None:
        """End the session: nothing can be resumed, and nobody knows which of the open stanzas arrived."""
        self.forgotten += len(self._unacknowledged)
        self._unacknowledged.clear()
        self.resumption = None
        self.keeps = None
        self.active = False
        self._received = self.acknowledged = self._since_request = 0

    def pause(self) -> None:
        """Stop counting: the stream is gone, the session may be resumed on another."""
        self.active = False

    # Enabling: counting starts with our request on the way out, with the server's answer on the way in.

    def enable(self) -> str:
        """Return the request for stream management with resumption; start counting what is sent."""
        self.forget()
        self.active = True
        resume = ' resume="true"' if self.resumable else ""
        return f'<enable xmlns="{NAMESPACE}"{resume}/>'

    def enabled(self, id: str | None, resume: str | None, keeps: str | None) -> None:
        """Take the server's consent: its resumption id, whether it resumes, for how many seconds it keeps us."""
        self._received = 0
        self.resumption = id if id and resume in ("true", "1") else None
        self.keeps = None if keeps is None else _number(keeps)

    # Resuming

    def resume(self) -> str:
        """Return the request to resume, with `previd` and the count of what we received."""
        assert self.resumption is not None
        return f'<resume xmlns="{NAMESPACE}" previd="{escape(self.resumption)}" h="{self._received}"/>'

    def resumed(self, handled: str | None) -> tuple[bytes, ...]:
        """Return what has to be sent again, in order, given the count of the server."""
        self.active = True
        self._since_request = 0
        self.acknowledge(handled)
        return tuple(self._unacknowledged)

    # Counting

    def sent(self, stanza: bytes) -> bool:
        """Remember a stanza that goes out now; return whether it is time to ask for an acknowledgement."""
        if not self.active:
            return False
        self._unacknowledged.append(stanza)
        self._since_request += 1
        if self._since_request < self.window:
            return False
        self._since_request = 0
        return True

    def received(self) -> None:
        """Count a stanza that came in, whatever becomes of it."""
        if self.active:
            self._received = (self._received + 1) % _MODULUS

    def answer(self) -> str:
        """Return our acknowledgement of what came in so far."""
        return f'<a xmlns="{NAMESPACE}" h="{self._received}"/>'

    def acknowledge(self, handled: str | None) -> int:
        """Drop what the server says it has handled and return how much that was.

        Raises `Malformed` if it claims more than was sent, for then the two sides have lost each other.
        """
        number = _number(handled or "")
        if number is None:
            raise Malformed(f"an acknowledgement without a count: h={(handled or '')[:20]!r}")
        count = (number - self.acknowledged) % _MODULUS
        if count > len(self._unacknowledged):
            raise Malformed(f"the server acknowledges {count} stanzas where {len(self._unacknowledged)} are open")
        for _ in range(count):
            self._unacknowledged.popleft()
        self.acknowledged = number % _MODULUS
        return count


def _number(text: str) -> int | None:
    """Return the number that `text` is, None if it is none or longer than a counter of 32 bits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None
