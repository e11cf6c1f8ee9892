"""Who comes in to an HTTP server, and how long they may take: before and below HTTP.

Handshakes that do not end, connections that ask nothing or read nothing, and too many of them, end here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial

import attrs

from ...common.errors import NotReachable
from ...common.security import fingerprint
from ...common.security.audit import Trail
from ...common.security.renewal import RenewedContext
from ..core.identity import NOBODY

log = logging.getLogger(__name__)


@attrs.frozen(slots=True)
class HttpLimits:
    """What a server takes.

    Attributes:
        body: octets of a request.
        handshake: seconds for the TLS handshake.
        request: seconds until a request has come in whole, and until an answer was taken.
        idle: seconds that a connection may stay without a request.
        connections: open at once. Where there are more, a handshake gives way, the oldest first.
        per_address: open at once from one address; many VENs may be behind one.
        per_peer: open at once with one certificate, wherever they come from.
    """

    body: int = 2 << 20
    handshake: float = 5.0
    request: float = 10.0
    idle: float = 75.0
    connections: int = 5_000
    per_address: int = 2_000
    per_peer: int = 100


class Guest(asyncio.Protocol):
    """A connection, in front of what speaks HTTP on it.

    Args:
        admits: asked with the connection once it is known who that is.

    Attributes:
        identity: the fingerprint of the certificate that the peer has shown; `NOBODY` if it has shown none.
        gone: done when the connection has ended.
    """

    def __init__(
        self, inside: Callable[[], asyncio.Protocol], limits: HttpLimits, admits: Callable[[Guest], bool]
    ) -> None:
        self._make = inside
        self._admits = admits
        self._inside = asyncio.Protocol()
        self._limits = limits
        self._tls: ssl.SSLObject | None = None
        self._until = float("inf")
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self.identity = NOBODY
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def asked(self) -> None:
        """Take note that a request has begun: from now on HTTP looks after the time."""
        self._stop()

    def stale(self, context: RenewedContext | None) -> bool:
        """Return whether what let the peer in does not hold any more.

        Its certificate has expired, or our files (authorities, revocation lists) have changed since.
        """
        if self._tls is None or context is None:
            return False
        return time.time() > self._until or self._tls.context is not context.current()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tls = transport.get_extra_info("ssl_object")
        if self._tls is not None and (certificate := self._tls.getpeercert(binary_form=True)):
            self.identity = fingerprint(certificate)
            about = self._tls.getpeercert() or {}
            self._until = ssl.cert_time_to_seconds(str(about["notAfter"])) if "notAfter" in about else self._until
        if not self._admits(self):
            transport.abort()
            return
        self._start()
        self._inside = self._make()  # nothing is made for those who do not get through the handshake
        self._inside.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._stop()
        try:
            self._inside.connection_lost(error)
        finally:
            if not self.gone.done():
                self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._inside.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inside.eof_received()

    def pause_writing(self) -> None:
        self._start()
        self._inside.pause_writing()

    def resume_writing(self) -> None:
        self._stop()
        self._inside.resume_writing()

    def _start(self) -> None:
        self._stop()
        if self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(self._limits.request, self._transport.abort)

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


class Door:
    """Listens and lets peers in, each as a `Guest` in front of what `inside` makes."""

    def __init__(
        self, inside: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None, limits: HttpLimits
    ) -> None:
        self._inside = inside
        self._context = context
        self._limits = limits
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._count: Counter[str] = Counter()
        self._peers: Counter[str] = Counter()
        self._shaking: dict[asyncio.Task[None], None] = {}
        self._trail = Trail("HTTPS server")

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many are in, or about to be."""
        return self._count.total()

    async def open(self, host: str, port: int) -> None:
        """Listen; raise `NotReachable` if that port cannot be had."""
        self._trail = Trail(f"HTTPS server {host}:{port}")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, kind, protocol, _, address in dict.fromkeys(found):
                listening = socket.socket(family, kind, protocol)
                self._sockets.append(listening)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.bind((address[0], self.port if len(self._sockets) > 1 else port, *address[2:]))
                listening.listen(1024)
                listening.setblocking(False)
        except (OSError, OverflowError) as error:
            self.shut()
            reason = getattr(error, "strerror", None) or error
            raise NotReachable(f"cannot listen: {reason}", where=f"{host}:{port}") from None
        for listening in self._sockets:
            self._accepting.append(self._begin(self._accept(listening)))

    def shut(self) -> None:
        """Let nobody in any more."""
        sockets, self._sockets = self._sockets, []
        for task in self._accepting:
            task.cancel()
        for listening in sockets:
            listening.close()

    async def close(self) -> None:
        """Let nobody in any more, and end every connection."""
        self.shut()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                accepted, address = await asyncio.get_running_loop().sock_accept(listening)
            except OSError as error:  # no descriptors left, say: those who wait are let in when some are
                log.error("event=openadr.http-not-accepting: %s", error)
                await asyncio.sleep(1.0)
                continue
            host = str(address[0])
            if not self._admits(host):
                log.warning("event=openadr.http-full: %s is not let in: too many connections", host)
                accepted.close()
                continue
            self._count[host] += 1
            task = self._begin(self._serve(accepted, host))
            self._shaking[task] = None
            task.add_done_callback(partial(self._left, host))

    def _admits(self, host: str) -> bool:
        if self._count[host] >= self._limits.per_address:
            return False
        if self._count.total() < self._limits.connections:
            return True
        oldest = next(iter(self._shaking), None)
        if oldest is not None:
            oldest.cancel()
            del self._shaking[oldest]
        return oldest is not None

    def _knows(self, guest: Guest) -> bool:
        """Return whether one more of this peer is let in; count it until it has gone."""
        peer = guest.identity
        if peer == NOBODY:
            return True
        if self._peers[peer] >= self._limits.per_peer:
            log.warning("event=openadr.http-full: %s is not let in: too many connections", peer)
            return False
        self._peers[peer] += 1
        guest.gone.add_done_callback(lambda _: _less(self._peers, peer))
        return True

    def _refused(self, host: str, error: OSError) -> None:
        """Take note of a handshake that came to nothing: of a certificate that is refused in the audit log."""
        if why := _why(error):
            self._trail.note("client-certificate", host, why)
        else:
            log.info("event=openadr.tls-refused: %s: %s", host, error)

    def _left(self, host: str, task: asyncio.Task[None]) -> None:
        self._shaking.pop(task, None)
        _less(self._count, host)

    async def _serve(self, accepted: socket.socket, host: str) -> None:
        accepted.setblocking(False)
        task = asyncio.current_task()
        assert task is not None
        try:
            transport, guest = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Guest(self._inside, self._limits, self._knows),
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.handshake if self._context is not None else None,
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            self._refused(host, error)
            accepted.close()
            return
        except asyncio.CancelledError:
            accepted.close()
            raise
        self._shaking.pop(task, None)
        try:
            await guest.gone
        except asyncio.CancelledError:
            transport.abort()
            with contextlib.suppress(asyncio.CancelledError):
                await guest.gone
            raise


def _why(error: OSError) -> str:
    """Return what is wrong with the certificate of a client, or that it has shown none; empty for other troubles."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message).rstrip(".")
    missing = isinstance(error, ssl.SSLError) and error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    return "none was shown" if missing else ""


def _less(count: Counter[str], of: str) -> None:
    count[of] -= 1
    if count[of] <= 0:
        del count[of]
