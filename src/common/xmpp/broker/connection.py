"""The broker's sockets: bytes between TCP, TLS and the streams of the core, and the core's timers on the loop."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from .core import Core
from .stream import Stream
from .tls import TlsFault, TlsLayer

log = logging.getLogger(__name__)


class Listener:
    """One run of the broker, from the opening of its port to its closing. Nothing of it is used twice.

    Args:
        core: what the connections are for.
        context: TLS of the server.
        after: called after each turn in which anything happened.
    """

    def __init__(self, core: Core, context: ssl.SSLContext, after: Callable[[], None]) -> None:
        self.core = core
        self.context = context
        self.connections: dict[Stream, Connection] = {}
        self.loop = asyncio.get_running_loop()
        self._after = after
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port; raise `OSError`."""
        self._server = await self.loop.create_server(lambda: Connection(self), host, port, backlog=1024)
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def close(self) -> None:
        """Tell the clients that the system shuts down, and give them a moment to read it."""
        if self._server is not None:
            self._server.close()
        self.core.shutdown("system-shutdown")
        self.flush()
        if self.connections:
            with suppress(TimeoutError):  # whoever has not read it by then is cut off
                await asyncio.wait_for(self._empty.wait(), self.core.limits.close_time)
        await self.abort()

    async def abort(self) -> None:
        """Break everything off."""
        self.core.shutdown("")
        for connection in list(self.connections.values()):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.sleep(0)  # the sockets of aborted connections are closed by the loop's next turn

    def flush(self) -> None:
        """Let all streams send and close that have something to, and be called again when the core wants to."""
        while touched := self.core.touched():
            for stream in touched:
                if connection := self.connections.get(stream):
                    connection.pump()
        self._after()
        self._schedule()

    def forget(self, connection: Connection) -> None:
        """This connection is closed."""
        self.connections.pop(connection.stream, None)
        if not self.connections:
            self._empty.set()

    def _schedule(self) -> None:
        deadline, timer = self.core.deadline, self._timer
        if deadline is None or (timer is not None and timer.when() <= deadline):
            return
        if timer is not None:
            timer.cancel()
        self._timer = self.loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.core.tick(self.loop.time())
        self.flush()


class Connection(asyncio.Protocol):
    """One TCP connection, which feeds one stream."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._core = listener.core
        self._tls: TlsLayer | None = None
        self._transport: asyncio.Transport
        self.stream: Stream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.stream = self._core.connect(self._listener.loop.time())
        full = len(self._listener.connections) >= self._core.limits.connections
        self._listener.connections[self.stream] = self
        if full:
            self.stream.fail("resource-constraint", "too many connections")
        self._listener.flush()

    def data_received(self, data: bytes) -> None:
        try:
            self._receive(data)
        except TlsFault as fault:
            log.info("connection dropped: %s", fault.message)
            self.abort()
        self._listener.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.forget(self)
        self._core.lost(self.stream, self._listener.loop.time())
        self._listener.flush()

    def pump(self) -> None:
        """Do what the stream asks for: send, begin with TLS, close."""
        stream, transport = self.stream, self._transport
        if transport.is_closing():
            return
        if stream.aborted:
            self.abort()
            return
        try:
            self._send(stream.take())
            if stream.closed:
                self._close()
        except TlsFault:
            self.abort()
            return
        if stream.securing and self._tls is None:
            self._tls = TlsLayer(self._listener.context)
        if transport.get_write_buffer_size() > self._core.limits.send_buffer:
            log.warning("%s does not read what it is sent", stream.user or "a client that is not logged in")
            stream.abort()
            self.abort()

    def abort(self) -> None:
        """Break the connection off."""
        self._transport.abort()

    def _receive(self, data: bytes) -> None:
        now = self._listener.loop.time()
        tls = self._tls
        if tls is None:
            self._core.receive(self.stream, data, now)
            return
        was_ready = tls.ready
        plain = tls.receive(data)
        if outgoing := tls.take():
            self._transport.write(outgoing)
        if tls.ready and not was_ready:
            self._core.secured(self.stream, now, tls.proven(), tls.binding())
        if plain:
            self._core.receive(self.stream, plain, now)
        if tls.ended:
            self._listener.flush()
            self._transport.close()

    def _send(self, data: bytes) -> None:
        if not data:
            return
        if self._tls is None:
            self._transport.write(data)
        elif self._tls.ready:
            self._tls.send(data)
            self._transport.write(self._tls.take())

    def _close(self) -> None:
        if self._tls is not None and self._tls.ready:
            self._tls.close()
            self._transport.write(self._tls.take())
        self._transport.close()
        # A client that does not read cannot hold the connection open.
        self._listener.loop.call_later(self._core.limits.close_time, self._transport.abort)
