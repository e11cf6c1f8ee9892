"""Writing: what one turn of the event loop has to say goes out in one piece, and senders wait when too much waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .acks import REQUEST, Acknowledgements

# More than so many stanzas without acknowledgement, and senders wait: memory is bounded although the server is not.
UNACKNOWLEDGED = 5000


class Outlet:
    """The way out of one connection; `transport` returns where octets go, None while there is no connection.

    `writable` is set while more may be written.
    """

    def __init__(self, acks: Acknowledgements, transport: Callable[[], asyncio.Transport | None]) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self._acks = acks
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unwritten: list[bytes] = []
        self._paused = False

    def put(self, stanza: bytes) -> None:
        """Write a stanza, counted, and ask for an acknowledgement when it is time."""
        self.write(stanza)
        if self._acks.sent(stanza):
            self.say(REQUEST)
            self.throttle()

    def say(self, text: str) -> None:
        """Write what is no stanza and is not counted."""
        self.write(text.encode())

    def write(self, data: bytes) -> None:
        """Put octets on the wire, in one piece with all else that is written in this turn of the loop.

        A system call for each stanza would cost a third of the time. Without a connection they are dropped.
        """
        if not self._unwritten:
            self._loop.call_soon(self.flush)
        self._unwritten.append(data)

    def flush(self) -> None:
        """Hand over at once what was written; on a connection that is being closed it is dropped, too."""
        parts, self._unwritten = self._unwritten, []
        transport = self._transport()
        if parts and transport is not None and not transport.is_closing():
            transport.write(b"".join(parts))

    def pause(self, paused: bool) -> None:
        """Take notice that the buffer of the transport is full, or is not any more."""
        self._paused = paused
        self.throttle()

    def throttle(self) -> None:
        """Let senders wait, or go on, as the transport and the server can take it."""
        if self._paused or len(self._acks) > UNACKNOWLEDGED:
            self.writable.clear()
        else:
            self.writable.set()
