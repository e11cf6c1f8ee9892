"""A stack on a TCP connection: what asyncio adds to it, for both sides.

It hands on events in small batches, so that one peer never holds the loop; it stops reading from a peer that does not
read what is sent to it; and it breaks off with one that lets messages hang or a send buffer grow. A fault of ours in
what comes of all that ends the one association it happens on: nothing reaches asyncio, which would keep half of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast

import attrs

from ...common.errors import TimedOut
from .stack import Event, Stack

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Stack)
A = ParamSpec("A")
_BATCH = 32
"""Events that are handed on before others get their turn."""


@attrs.frozen(slots=True)
class LinkLimits:
    """What one connection may take of this machine. Times are real seconds.

    Attributes:
        message: for a message that has begun to be there as a whole.
        linger: for what is left to be sent when the connection is closed.
        send_buffer: octets that may wait for a peer that does not read.
        keep_alive: of silence, until TCP asks whether the peer is still there (three times, then it is lost).
    """

    message: float = 30.0
    linger: float = 3.0
    send_buffer: int = 4 << 20
    keep_alive: int = 20


class User(Protocol):
    """What uses a connection."""

    def opened(self) -> None:
        """The connection is there."""
        ...

    def take(self, event: Event) -> None:
        """Something has happened in the stack."""
        ...

    def choked(self, full: bool) -> None:
        """The peer does not read what is sent to it (True), or reads again."""
        ...

    def lost(self, why: str) -> None:
        """The connection is gone, and was not closed by the user of it."""
        ...


def _contained(
    step: Callable[Concatenate[Connection[S], A], None],
) -> Callable[Concatenate[Connection[S], A], None]:
    """Let an exception that asyncio would get end this association instead."""

    @functools.wraps(step)
    def contained(self: Connection[S], /, *args: A.args, **more: A.kwargs) -> None:
        try:
            step(self, *args, **more)
        except Exception:
            self.fail()

    return contained


class Connection(asyncio.Protocol, Generic[S]):
    """One TCP connection and its stack."""

    def __init__(self, stack: S, user: User, limits: LinkLimits) -> None:
        self.stack = stack
        self.heard = False
        """Set when something comes in; for whoever watches over silence."""
        self._user = user
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._held = False  # not reading
        self._choked = False  # the peer does not read
        self._again = False  # `_work` is called soon
        self._writable: asyncio.Future[None] | None = None
        self._message_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None

    # --- for the user -----------------------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """The peer's IP address and port."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return (str(name[0]), int(name[1])) if isinstance(name, tuple) else ("?", 0)

    @property
    def certificate(self) -> str:
        """The subject of the peer's certificate over TLS, empty without one."""
        found = self._transport.get_extra_info("peercert") if self._transport else None
        names = [f"{name}={value}" for part in (found or {}).get("subject", ()) for name, value in part]
        return ", ".join(names)

    @property
    def certificate_octets(self) -> bytes:
        """The peer's certificate over TLS in DER, which TLS has verified; empty without one."""
        found = self._transport.get_extra_info("ssl_object") if self._transport else None
        return (found.getpeercert(binary_form=True) or b"") if found is not None else b""

    def send(self, pdu: bytes) -> None:
        """Send a PDU now."""
        self.stack.send(pdu)
        self.flush()

    def flush(self) -> None:
        """Send what the stack has ready."""
        data = self.stack.take()
        if not data or self._transport is None:
            return
        self._transport.write(data)
        if self._choked and self._transport.get_write_buffer_size() > self._limits.send_buffer:
            self.break_off("it does not read what is sent to it")

    async def writable(self, timeout: float) -> None:
        """Return when the peer reads again; raise `TimedOut`."""
        if not self._choked:
            return
        if self._writable is None:
            self._writable = self._loop.create_future()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._writable)
        except TimeoutError:
            raise TimedOut("the peer does not read what is sent to it", where=self.address[0]) from None

    def close(self) -> None:
        """Close when all is sent, or not any more can be."""
        if self._closed:
            return
        self.flush()
        self._finish()
        if self._transport is not None:
            self._transport.close()
            self._linger_timer = self._loop.call_later(self._limits.linger, self._transport.abort)

    def break_off(self, why: str) -> None:
        """Close at once, and tell the user."""
        if self._closed:
            return
        self._finish()
        if self._transport is not None:
            self._transport.abort()
        self._tell_lost(why)

    def fail(self) -> None:
        """End the association for a fault of ours, the exception that is being handled: the peer gets an abort."""
        log.exception("%s: a fault of ours; the association ends", self.address[0])
        if self._closed:
            return
        try:
            if self.stack.state != "closed":
                self.stack.abort()
            self.close()
        except Exception:  # the stack itself is what fails
            self._finish()
            if self._transport is not None:
                self._transport.abort()
        self._tell_lost("a fault of ours")

    def _tell_lost(self, why: str) -> None:
        try:
            self._user.lost(why)
        except Exception:
            log.exception("%s: a fault of ours at the end of an association", self.address[0])

    def _finish(self) -> None:
        self._closed = True
        if self._message_timer is not None:
            self._message_timer.cancel()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # --- asyncio ----------------------------------------------------------------------------------------------------

    @_contained
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        _keep_alive(transport.get_extra_info("socket"), self._limits.keep_alive)
        self._user.opened()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        if not self._closed:
            self._finish()
            self._tell_lost(f"the connection broke: {error}" if error else "the peer closed the connection")

    @_contained
    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.heard = True
        self.stack.receive(data)
        if not self._again:
            self._work()

    @_contained
    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._choked = True
        self._hold()
        self._user.choked(True)

    @_contained
    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._choked = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        self._user.choked(False)
        self._soon()

    # --- inside -----------------------------------------------------------------------------------------------------

    @_contained
    def _work(self) -> None:
        self._again = False
        stack, take = self.stack, self._user.take
        for number in range(_BATCH):
            if self._closed or self._choked:
                return
            event = stack.next_event()
            if event is None:
                self.flush()
                self._resume()
                self._watch_message(moved=number > 0)
                return
            take(event)
        self.flush()
        self._hold()
        if not self._choked:
            self._soon()

    def _soon(self) -> None:
        if not self._again and not self._closed:
            self._again = True
            self._loop.call_soon(self._work)

    def _hold(self) -> None:
        if not self._held and self._transport is not None and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._held and self._transport is not None and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()

    def _watch_message(self, *, moved: bool) -> None:
        """See that a message which has begun comes to its end."""
        if self._message_timer is not None:
            if not moved and self.stack.partial:
                return
            self._message_timer.cancel()
            self._message_timer = None
        if self.stack.partial:
            late = f"a message was not there after {self._limits.message:g} s"
            self._message_timer = self._loop.call_later(self._limits.message, self.break_off, late)


def _keep_alive(found: socket.socket | None, seconds: int) -> None:
    """Have TCP notice a peer that is gone without a word; where the system does not let us, it takes its own times."""
    if found is None or seconds <= 0:
        return
    with contextlib.suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", seconds), ("TCP_KEEPINTVL", max(1, seconds // 4)), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
