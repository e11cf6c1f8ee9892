"""The client over TCP: `TcpAssociation` implements `ClientAssociation` (IEC 61850-8-1)."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Callable

from ...common.errors import JanusGridError, Malformed, NotReachable, TimedOut
from ..acsi.ports import EndListener, NotificationListener
from ..acsi.services import R, Request
from ..mapping import initiate
from ..mapping.answer import Taker
from ..mapping.client import MmsClient
from ..mapping.errors import TooLarge
from ..mapping.files import block_size
from ..mapping.server import reject
from ..mapping.wire import Parameters
from ..mms import decode_ber, encode_ber, pdu
from .address import CALLER, Address
from .connection import Connection, LinkLimits
from .errors import AssociationRefused
from .stack import HANDSHAKE_LIMIT, OVERHEAD, Accepted, Calling, Data, Ended, Event, Released
from .wire import BerWire

log = logging.getLogger(__name__)

PORT, TLS_PORT = 102, 3782
_CONCLUDE = -1
_SETTLE = 0.05
_SERVICE = pdu.ServiceSupportOptions
_PROBES: tuple[tuple[int, pdu.ConfirmedServiceRequest], ...] = (
    (_SERVICE.STATUS, ("status", False)),
    (_SERVICE.IDENTIFY, ("identify", None)),
    (
        _SERVICE.GET_NAME_LIST,
        ("getNameList", pdu.GetNameListRequest(("basicObjectClass", 9), ("vmdSpecific", None), None)),
    ),
)
"""What a server is asked to see whether it is still there: the first of these that it has."""
_PROBE_ID = 0x7FFF_FFFF

_Waiting = tuple["asyncio.Future[pdu.MMSpdu]", float]


class TcpAssociation:
    """An association with a server over TCP. Open it by `TcpAssociation.open`."""

    def __init__(self, peer: str, stack: Calling, limits: initiate.Limits, timeout: float, keep_alive: float) -> None:
        self.peer = peer
        """The server's address, as `connect` takes it."""
        self.parameters = Parameters(limits.pdu_size, 1, 0, limits.nesting)
        """What both sides have agreed on."""
        self._limits = limits
        self._timeout = timeout
        self._keep_alive = keep_alive
        self._loop = asyncio.get_running_loop()
        self._connection = Connection(stack, self, LinkLimits(message=max(timeout, 1.0)))
        self.taker: Taker | None = None
        """Gets what the server sends of itself, in place of the listeners for notifications."""
        self._serving: set[asyncio.Task[None]] = set()
        self._mms = MmsClient(self.exchange, peer, lambda: asyncio.sleep(_SETTLE))
        self._opening: asyncio.Future[bytes] = self._loop.create_future()
        self._leaving: asyncio.Future[None] | None = None
        self._slots = asyncio.Semaphore(1)
        self._waiting: dict[int, _Waiting] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None
        self._listeners: list[NotificationListener] = []
        self._end_listeners: list[EndListener] = []
        self._ended: str | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.peer}{f', ended: {self._ended}' if self._ended else ''}>"

    @classmethod
    async def open(
        cls,
        host: str,
        port: int | None = None,
        *,
        local: Address = CALLER,
        remote: Address | None = None,
        password: str | bytes | None = None,
        tls: ssl.SSLContext | None = None,
        limits: initiate.Limits | None = None,
        timeout: float = 10.0,
        keep_alive: float = 30.0,
    ) -> TcpAssociation:
        """Open an association with the server there.

        Args:
            host: name or IP address.
            port: 102, and over TLS 3782, where none is given.
            local, remote: who calls, and who is called.
            password: for ACSE authentication. Without TLS anybody on the way can read it.
            tls: see `tls.client_context`.
            limits: of PDU size, requests at the same time, and nesting.
            timeout: real seconds to wait for the association, and for each answer.
            keep_alive: real seconds of silence after which the server is asked whether it is there; 0 never asks.

        Raises:
            NotReachable: nobody answers there, or TLS fails.
            TimedOut: no association within `timeout` seconds.
            AssociationRefused: a layer below MMS refuses it; `layer` and `code` say which and why.
            InitiateRefused: MMS refuses it.
            Malformed: the answer does not follow the protocol.
        """
        limits = limits or initiate.Limits()
        port = port or (TLS_PORT if tls else PORT)
        secret = password.encode() if isinstance(password, str) else password
        stack = Calling(local, remote or Address(), secret)
        association = cls(f"tcp://{_host(host)}:{port}", stack, limits, timeout, keep_alive)
        try:
            async with asyncio.timeout(timeout):
                await association._open(host, port, tls)
        except TimeoutError:
            raise TimedOut(f"no association within {timeout:g} s", where=association.peer) from None
        except JanusGridError as error:
            error.where = error.where or association.peer
            raise
        finally:
            if association._watch is None:
                association._end("it was not opened")
        return association

    async def _open(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        try:
            await self._loop.create_connection(lambda: self._connection, host, port, ssl=tls)
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message.rstrip(".")
            raise NotReachable(f"TLS failed: the server's certificate is not accepted: {why}") from None
        except ssl.SSLError as error:
            raise NotReachable(f"TLS failed: {error.reason or error}") from None
        except (OSError, UnicodeError) as error:
            raise NotReachable(f"no connection: {_reason(error)}") from None
        try:
            answer = await self._opening
        except AssociationRefused as refused:
            if refused.user_data is not None:
                initiate.settled(decode_ber(refused.user_data), self._limits)
            raise
        self.parameters = initiate.settled(decode_ber(answer), self._limits)
        self._connection.stack.message_limit = max(self.parameters.pdu_size + OVERHEAD, HANDSHAKE_LIMIT)
        self._slots = asyncio.Semaphore(self.parameters.calling)
        self._watch = self._loop.create_task(self._keep_watch())

    # --- the port ---------------------------------------------------------------------------------------------------

    async def call(self, request: Request[R]) -> R:
        """Ask for a service and return its positive response (see the port)."""
        return await self._mms.call(request)

    def on_notification(self, listener: NotificationListener) -> Callable[[], None]:
        """Call `listener` for each report and command termination; return what removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def on_end(self, listener: EndListener) -> Callable[[], None]:
        """Call `listener` when the association ends; return what removes it."""
        self._end_listeners.append(listener)
        return lambda: self._end_listeners.remove(listener) if listener in self._end_listeners else None

    @property
    def ended(self) -> str | None:
        """Why the association has ended; None as long as it is open."""
        return self._ended

    async def release(self) -> None:
        """Conclude, release and close; where the server does not answer any more, the association ends all the same."""
        if self._ended is not None or self._leaving is not None:
            return
        self._leaving = self._loop.create_future()
        try:
            answer, _ = await self.exchange(("conclude-RequestPDU", None))
            if answer != "conclude-ResponsePDU":
                log.info("%s: %s came in answer to conclude", self.peer, answer)
            if not self._leaving.done():
                self._connection.stack.release()
                self._connection.flush()
                async with asyncio.timeout(self._timeout):
                    await self._leaving
        except (JanusGridError, TimeoutError) as error:
            log.info("%s: not released in good order: %s", self.peer, error or "no answer")
        finally:
            self._end("released")

    async def abort(self) -> None:
        """Abort at once (A-ABORT)."""
        self._end("aborted")

    # --- what goes out ----------------------------------------------------------------------------------------------

    async def exchange(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        """Send a PDU and return the one that answers it; raise as `call`, and `TooLarge` before anything is sent."""
        self._check()
        octets = encode_ber(message)
        if len(octets) > self.parameters.pdu_size:
            raise TooLarge(f"a PDU of {len(octets)} octets, {self.parameters.pdu_size} are agreed on")
        key = message[1].invoke_id if isinstance(message[1], pdu.ConfirmedRequestPDU) else _CONCLUDE
        async with self._slots:
            await self._connection.writable(self._timeout)
            self._check()
            future: asyncio.Future[pdu.MMSpdu] = self._loop.create_future()
            deadline = self._loop.time() + self._timeout
            self._waiting[key] = (future, deadline)
            if self._timer is None:
                self._timer = self._loop.call_at(deadline, self._expire)
            try:
                self._connection.send(octets)
                return await future
            finally:
                self._waiting.pop(key, None)

    def _expire(self) -> None:
        """Give up on what has waited too long. All wait equally long, so that the oldest come first."""
        self._timer = None
        now = self._loop.time()
        for future, deadline in self._waiting.values():
            if deadline > now:
                self._timer = self._loop.call_at(deadline, self._expire)
                return
            if not future.done():
                future.set_exception(TimedOut(f"no answer within {self._timeout:g} s", where=self.peer))

    def _check(self) -> None:
        if self._ended is not None:
            raise NotReachable(f"the association has ended: {self._ended}", where=self.peer)

    # --- what comes in (see `connection.User`) ----------------------------------------------------------------------

    def opened(self) -> None:
        """The connection is there: ask for the association."""
        self._connection.stack.connect(encode_ber(initiate.request(self._limits)))
        self._connection.flush()

    def take(self, event: Event) -> None:
        """Something has happened in the stack."""
        match event:
            case Data(octets):
                self._take_pdu(octets)
            case Accepted(user_data):
                self._connection.stack.message_limit = self._limits.pdu_size + OVERHEAD
                _settle(self._opening, user_data)
            case Released():
                self._released()
            case Ended(error):
                self._fail(error)
            case other:
                raise AssertionError(f"{other} at the calling side")

    def choked(self, full: bool) -> None:
        """Take no note: who asks waits for its answer as ever."""

    def lost(self, why: str) -> None:
        """The connection is gone."""
        if self._leaving is not None:
            self._released()
        else:
            self._fail(NotReachable(why, where=self.peer, code="lost"))

    def _take_pdu(self, octets: bytes) -> None:
        try:
            message = decode_ber(octets)
        except Malformed as malformed:
            malformed.message = f"the server sends what is no PDU: {malformed.message}"
            self._fail(malformed)
            return
        match message:
            case ("confirmed-ResponsePDU", response):
                self._answered(response.invoke_id, message)
            case ("confirmed-ErrorPDU", error):
                self._answered(error.invoke_id, message)
            case ("rejectPDU", rejected):
                self._answered(rejected.original_invoke_id, message)
            case ("conclude-ResponsePDU" | "conclude-ErrorPDU", _):
                self._answered(_CONCLUDE, message)
            case ("confirmed-RequestPDU", request) if self.taker is not None and self.taker.offering:
                task = self._loop.create_task(self._fetch(self.taker, request))
                self._serving.add(task)
                task.add_done_callback(self._serving.discard)
            case ("confirmed-RequestPDU", request) if self._mms.files.offering:
                self._reply_meanwhile(self._mms.files.serve(request, self._block))
            case ("confirmed-RequestPDU", request):  # a client serves nothing but files that it sets
                reason = int(pdu.ConfirmedRequestReject.UNRECOGNIZED_SERVICE)
                self._reply(reject(request.invoke_id, ("confirmed-requestPDU", reason)))
            case ("conclude-RequestPDU", _):
                self._reply(("conclude-ResponsePDU", None))
            case _:
                self._notify(message)

    def _answered(self, key: int | None, message: pdu.MMSpdu) -> None:
        waiting = self._waiting.get(key) if key is not None else None
        if waiting is None:
            log.warning("%s: %s for request %s, which nobody waits for; dropped", self.peer, message[0], key)
        else:
            _settle(waiting[0], message)

    def _reply(self, message: pdu.MMSpdu) -> None:
        if self._connection.stack.state == "open":
            self._connection.stack.send(encode_ber(message))

    def _notify(self, message: pdu.MMSpdu) -> None:
        if self.taker is not None:
            self.taker.unasked(message)
            return
        try:
            notification = self._mms.unasked(message)
        except Malformed as malformed:
            log.warning("%s: something unasked that cannot be read; dropped: %s", self.peer, malformed)
            return
        for listener in list(self._listeners) if notification is not None else ():
            try:
                listener(notification)  # type: ignore[arg-type]
            except Exception:
                log.exception("%s: a listener failed", self.peer)

    # --- the end ----------------------------------------------------------------------------------------------------

    @property
    def _block(self) -> int:
        return block_size(BerWire(), self.parameters.pdu_size)

    async def _fetch(self, taker: Taker, request: pdu.ConfirmedRequestPDU) -> None:
        """Answer what the server asks for a file that it fetches from somebody else."""
        try:
            answer = await taker.serve(request)
            self._reply_meanwhile(answer)
            self._connection.flush()
        except Exception:
            self._connection.fail()

    def _reply_meanwhile(self, answer: pdu.MMSpdu) -> None:
        """Answer what the server asks for a file that it fetches; while it does, it may take longer to answer."""
        deadline = self._loop.time() + self._timeout
        for key, (future, _) in self._waiting.items():
            self._waiting[key] = (future, deadline)
        self._reply(answer)

    def _released(self) -> None:
        if self._leaving is None:  # the server releases
            self._end("released by the server")
        else:
            _settle(self._leaving, None)
            for future, _ in self._waiting.values():
                if not future.done():
                    future.set_exception(NotReachable("the association is released", where=self.peer))

    def _fail(self, error: JanusGridError) -> None:
        """End because of an error, which everybody who waits gets."""
        if not self._opening.done():
            self._opening.set_exception(error)
            return
        self._end(f"lost: {error.message}", error)

    def _end(self, why: str, error: JanusGridError | None = None) -> None:
        if self._ended is not None:
            return
        self._ended = why
        if self._connection.stack.state != "closed":
            self._connection.stack.abort()
        self._connection.close()
        if self._watch is not None:
            self._watch.cancel()
        if self._timer is not None:
            self._timer.cancel()
        for task in self._serving:
            task.cancel()
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(error or NotReachable(f"the association has ended: {why}", where=self.peer))
        log.info("%s: association ended: %s", self.peer, why)
        for listener in list(self._end_listeners):
            try:
                listener(why)
            except Exception:
                log.exception("%s: a listener failed", self.peer)

    # --- whether the server is still there --------------------------------------------------------------------------

    async def _keep_watch(self) -> None:
        probe = next((probe for bit, probe in _PROBES if bit in self.parameters.services), _PROBES[-1][1])
        while self._keep_alive > 0:
            await asyncio.sleep(self._keep_alive)
            if not self._connection.heard and not self._waiting:
                try:
                    await self.exchange(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(_PROBE_ID, probe)))
                except TimedOut:
                    self._fail(NotReachable("the server does not answer any more", where=self.peer, code="lost"))
                except JanusGridError as error:
                    log.info("%s: asked whether it is there: %s", self.peer, error)
                except Exception:
                    self._connection.fail()
            self._connection.heard = False


def _settle(future: asyncio.Future[R], value: R) -> None:
    if not future.done():
        future.set_result(value)


def _reason(error: OSError | UnicodeError) -> str:
    """Return why there is no connection, in the words of the operating system; asyncio's own name the socket."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error) or "the peer closed it"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
