"""The server over TCP: opens associations, answers their PDUs, sends their reports (IEC 61850-8-1)."""

from __future__ import annotations

import asyncio
import inspect
import logging
import ssl
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from ...common.errors import ConfigError, JanusGridError, LocalError, Malformed, NotReachable, TimedOut
from ...common.security.audit import Trail
from ...common.security.renewal import RenewedContext
from ..acsi.errors import ServiceRefused
from ..engine import Association
from ..mapping import initiate
from ..mapping.answer import UNRECOGNIZED
from ..mapping.server import Answer, Identity, reject
from ..mapping.service import Admission, Caller, Dialogue, Service
from ..mms import OTHER_REQUESTS, decode_ber, encode_ber, pdu
from . import ber
from .address import ANY, Address
from .connection import Connection, LinkLimits
from .errors import LayerFault
from .stack import HANDSHAKE_LIMIT, OVERHEAD, Called, Data, Ended, Event, Released, Requested
from .wire import BerWire

if TYPE_CHECKING:
    from ...common.security.signing import Outdated

log = logging.getLogger(__name__)

_WIRE = BerWire()
DOUBTING = 10.0
"""Seconds after which it is looked again whether clients are still believed, where there are revocation lists."""


@attrs.frozen(slots=True)
class ServerLimits:
    """What a server takes over TCP. Times are real seconds.

    Attributes:
        mms: of each association.
        connections: in all.
        per_peer: connections of one IP address.
        handshake: from the connection (with TLS, from its end) to the association.
        release: from the conclusion to the end of the connection.
        answer: of a client that is asked for a part of the file that it sets.
        idle: without anything from the client, after which its association is aborted; None waits for ever, as TCP
            itself notices a client that is gone.
        link: of each connection.
    """

    mms: initiate.Limits = initiate.Limits()
    connections: int = 100
    per_peer: int = 20
    handshake: float = 10.0
    release: float = 5.0
    answer: float = 10.0
    idle: float | None = None
    link: LinkLimits = LinkLimits()


class TcpServer:
    """Serves a host, or another service, on a TCP port.

    Args:
        host: what is served.
        address: who we are: a client that calls a selector or AP title other than these is refused by that layer.
        password: that clients have to know (ACSE authentication).
        tls: see `tls.server_context`.
        limits: what clients are allowed.
        identity: what the server says of itself.
        area: where it is: roles that a client's certificate gives for another area do not hold here.
    """

    def __init__(
        self,
        host: Service,
        *,
        address: Address = ANY,
        password: str | bytes | None = None,
        tls: ssl.SSLContext | None = None,
        limits: ServerLimits | None = None,
        identity: Identity | None = None,
        area: str = "",
    ) -> None:
        self.host = host
        self.area = area
        self.address = address
        self.password = password.encode() if isinstance(password, str) else password
        self.limits = limits or ServerLimits()
        self.identity = identity
        self.trail = Trail(host.name)
        self._tls = tls
        self._listening: asyncio.Server | None = None
        self._doubting: asyncio.Task[None] | None = None
        self._opened: set[_Opened] = set()

    async def listen(self, host: str, port: int) -> None:
        """Take connections from now on; raise `NotReachable` if that address cannot be listened on."""
        if self._listening is not None:
            raise LocalError("this server is listening already")
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(
                lambda: _Opened(self).connection, host, port, ssl=self._tls,
                ssl_handshake_timeout=self.limits.handshake if self._tls else None,
            )  # fmt: skip
        except OSError as error:
            raise NotReachable(f"cannot listen: {error.strerror or error}", where=f"{host}:{port}") from None
        if isinstance(self._tls, RenewedContext):
            self._doubting = loop.create_task(self._doubt(self._tls))
        log.info("%s: listening on %s port %d", self.host.name, host, self.port)

    def __repr__(self) -> str:
        where = f"listening on port {self.port}" if self.port else "not listening"
        return f"<{type(self).__name__} of {self.host.name}, {where}, {len(self._opened)} connections>"

    @property
    def port(self) -> int:
        """The port that is listened on; 0 if none is."""
        sockets = self._listening.sockets if self._listening else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    def stop(self) -> None:
        """Take no more connections; associations that are open go on."""
        if self._listening is not None:
            self._listening.close()
        if self._doubting is not None:
            self._doubting.cancel()
        for opened in list(self._opened):
            opened.stop()

    async def _doubt(self, context: RenewedContext) -> None:
        """End the connections of clients whose certificates are revoked meanwhile, or out of date."""
        from ...common.security.signing import Outdated

        while True:
            await asyncio.sleep(DOUBTING)
            try:
                now, lists = datetime.now(UTC), Outdated(context.revoked)
                for opened in list(self._opened):
                    opened.doubted(lists, now)
            except ConfigError as error:
                log.error("%s: %s", self.host.name, error)
            except Exception:
                log.exception("a fault of ours; whether clients are still believed is not known")

    # --- connections ------------------------------------------------------------------------------------------------

    def enter(self, opened: _Opened, peer: str) -> bool:
        """Take a connection in, and return whether there is room for it."""
        if len(self._opened) >= self.limits.connections:
            log.warning("%s: refused, there are %d connections", peer, len(self._opened))
            return False
        if sum(other.ip == opened.ip for other in self._opened) >= self.limits.per_peer:
            log.warning("%s: refused, there are %d connections from there", peer, self.limits.per_peer)
            return False
        self._opened.add(opened)
        return True

    def leave(self, opened: _Opened) -> None:
        """Forget a connection."""
        self._opened.discard(opened)


class _Opened:
    """One connection at the server, and the association on it (see `connection.User`)."""

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._host = server.host
        self._loop = asyncio.get_running_loop()
        self.connection = Connection(Called(server.address, server.password), self, server.limits.link)
        self.ip = self._peer = ""
        self._timer: asyncio.TimerHandle | None = None
        self._association: Association | None = None
        self._mms: Dialogue[bytes] | None = None
        self._admitting: asyncio.Task[None] | None = None
        self._asked: dict[int, asyncio.Future[pdu.MMSpdu]] = {}

    # --- the connection ---------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """The connection is there."""
        self.ip, port = self.connection.address
        self._peer = f"[{self.ip}]:{port}" if ":" in self.ip else f"{self.ip}:{port}"
        if not self._server.enter(self, self._peer):
            self.connection.break_off("there is no room for it")
            return
        if subject := self.connection.certificate:
            log.info("%s: certificate of %s", self._peer, subject)
        self._close_in(self._server.limits.handshake, "no association was opened")

    def take(self, event: Event) -> None:
        """Something has happened in the stack."""
        match event:
            case Data(octets):
                self._take_pdu(octets)
            case Requested():
                self._open(event)
            case Released():
                self._leave("released")
                self.connection.close()
            case Ended(error):
                self._leave(f"aborted: {error.message}" if self._association else str(error))
                self.connection.close()
            case other:
                raise AssertionError(f"{other} at the called side")

    def choked(self, full: bool) -> None:
        """The client does not read, or reads again: meanwhile its reports stay where they are bounded."""
        if self._association is not None and not self._association.ended:
            (self._host.hold if full else self._host.go_on)(self._association)

    def lost(self, why: str) -> None:
        """The connection is gone."""
        self._leave(f"lost: {why}")

    def stop(self) -> None:
        """The server takes no more associations."""
        if self._association is None:
            self._leave("the server closes")
            self.connection.close()

    def _close_in(self, seconds: float, why: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.connection.break_off, why)

    # --- the association --------------------------------------------------------------------------------------------

    def _open(self, requested: Requested) -> None:
        try:
            match decode_ber(requested.user_data):
                case ("initiate-RequestPDU", proposed):
                    pass
                case (other, _):
                    raise Malformed(f"{other} came where an initiate-Request is expected")
            identity = self.connection.certificate or self.ip  # its port is another one when it comes back
            size = min(proposed.local_detail_calling or 1 << 31, self._server.limits.mms.pdu_size)
            admission = self._host.admit(Caller(self._peer, identity, False, size, self._roles()))
        except Malformed as malformed:
            self._refuse(malformed, None)
        except ServiceRefused as refused:
            self._refuse(refused, None, temporary=True)
        else:
            if inspect.isawaitable(admission):
                self._admitting = self._loop.create_task(self._admit(admission, identity, proposed))
            else:
                self._settle(admission, identity, proposed)

    async def _admit(self, admission: Awaitable[Admission], identity: str, proposed: pdu.InitiateRequestPDU) -> None:
        try:
            admitted = await admission
        except JanusGridError as refused:
            self._refuse(refused, None, temporary=True)
            return
        except Exception:
            self.connection.fail()
            return
        try:
            self._settle(admitted, identity, proposed)
            self.connection.flush()
        except Exception:
            self.connection.fail()

    def _settle(self, admission: Admission, identity: str, proposed: pdu.InitiateRequestPDU) -> None:
        stack, limits = self.connection.stack, self._server.limits
        try:
            parameters, answer = initiate.accept(proposed, limits.mms, admission.services)
            self._association = self._host.associate(self._peer, self._notify, self._closed, identity)
            self._association.roles = self._roles()
        except initiate.InitiateRefused as refused:
            admission.withdraw()
            self._refuse(refused, encode_ber(("initiate-ErrorPDU", refused.error)))
            return
        except ServiceRefused as refused:  # the engine has as many associations as it may have
            admission.withdraw()
            self._refuse(refused, None, temporary=True)
            return
        self._mms = admission.dialogue(self._association, _WIRE, parameters, self._server.identity, self._exchange)
        stack.message_limit = max(parameters.pdu_size + OVERHEAD, HANDSHAKE_LIMIT)
        stack.accept(encode_ber(answer))
        if self._timer is not None:
            self._timer.cancel()
        if limits.idle is not None:
            self._timer = self._loop.call_later(limits.idle, self._check_idle, limits.idle)

    def _roles(self) -> frozenset[int] | None:
        """Return the roles that the client's certificate gives it here; None for a client that has shown none.

        A password (ACSE) proves who may come in, and nothing of roles.
        """
        octets = self.connection.certificate_octets
        if not octets:
            return None
        from ...common.security.roles import held
        from ...common.security.signing import Untrusted

        try:
            return held(octets, self._server.area)
        except Untrusted as untrusted:
            self._server.trail.note("roles-unreadable", self._peer, untrusted.message)
            return None

    def _refuse(self, why: Exception, user_data: bytes | None, *, temporary: bool = False) -> None:
        self.connection.stack.refuse(user_data, temporary=temporary)
        self._leave(f"refused: {why}")
        self.connection.close()

    def _take_pdu(self, octets: bytes) -> None:
        association, mms = self._association, self._mms
        if association is None or mms is None or association.ended:
            return
        try:
            message = decode_ber(octets)
        except Malformed as malformed:
            log.warning("%s: a PDU that is none: %s", self._peer, malformed)
            self.connection.stack.send(encode_ber(_unreadable(octets)))
            return
        if self._answered(message):
            return
        if message[0] == "rejectPDU":
            log.warning("%s: the client rejects something that was sent to it", self._peer)
            return
        self._host.start(mms.receive(message, self._host.clock.now()), self._answer, self.connection.fail)

    def _answer(self, answer: Answer[bytes]) -> None:
        stack = self.connection.stack
        if stack.state != "open":
            return
        for payload in answer.before:
            stack.send(payload)
        stack.send(answer.answer)
        self.connection.flush()
        if answer.concluded and self._association is not None:
            self._host.end(self._association, "concluded")
            self._close_in(self._server.limits.release, "it was concluded, but not released")

    async def _exchange(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        """Ask the client, for a file that it wants to set, and return the PDU that answers."""
        assert isinstance(message[1], pdu.ConfirmedRequestPDU)
        invoke_id = message[1].invoke_id
        answer: asyncio.Future[pdu.MMSpdu] = self._loop.create_future()
        self._asked[invoke_id] = answer
        try:
            async with asyncio.timeout(self._server.limits.answer):
                if self.connection.stack.state == "open":
                    self.connection.stack.send(encode_ber(message))
                    self.connection.flush()
                return await answer
        except TimeoutError:
            raise TimedOut("the client does not answer", where=self._peer) from None
        finally:
            del self._asked[invoke_id]

    def _answered(self, message: pdu.MMSpdu) -> bool:
        """Return whether a PDU answers what the client was asked, after it was handed on."""
        match message:
            case ("confirmed-ResponsePDU" | "confirmed-ErrorPDU", answer):
                future = self._asked.get(answer.invoke_id)
            case ("rejectPDU", rejected):
                future = self._asked.get(rejected.original_invoke_id or 0)
            case _:
                return False
        if future is None or future.done():
            return False
        future.set_result(message)
        return True

    def _notify(self, notification: Any) -> None:
        stack = self.connection.stack
        if self._mms is not None and stack.state == "open":
            for payload in self._mms.notify(notification):
                stack.send(payload)
            self.connection.flush()

    # --- the end ----------------------------------------------------------------------------------------------------

    def _leave(self, why: str) -> None:
        self._server.leave(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._admitting is not None and self._association is None and self._admitting is not asyncio.current_task():
            self._admitting.cancel()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(NotReachable(why, where=self._peer))
        if self._association is not None and not self._association.ended:
            self._host.end(self._association, why)
        else:
            log.info("%s: %s", self._peer, why)

    def doubted(self, lists: Outdated, now: datetime) -> None:
        """End the connection if its client is not believed any more."""
        octets = self.connection.certificate_octets
        why = lists.doubt(octets, now) if octets else None
        if why is not None:
            self._server.trail.note("tls-certificate", self._peer, why)
            self._closed(why)

    def _closed(self, why: str) -> None:
        """The server itself has ended the association."""
        self.connection.stack.abort()
        self._leave(why)
        self.connection.close()

    def _check_idle(self, seconds: float) -> None:
        if self.connection.heard:
            self.connection.heard = False
            self._timer = self._loop.call_later(seconds, self._check_idle, seconds)
            return
        self.connection.stack.abort()
        self._leave(f"nothing came for {seconds:g} s")
        self.connection.close()


def _unreadable(octets: bytes) -> pdu.MMSpdu:
    """Return the reject for a PDU that could not be decoded, as far as can be seen what it is."""
    invoke_id: int | None = None
    try:
        tag, start, _ = ber.header(octets, 0, "mms")
        inner, start, end = ber.header(octets, start, "mms")
        found = ber.integer(octets[start:end], "mms")
        if (tag, inner) != (0xA0, 0x02) or not 0 <= found < 1 << 32:
            return reject()
        invoke_id = found
        service, _, end = ber.header(octets, end, "mms")
        if service == 0x30:  # modifiers, which nobody sends
            service, _, _ = ber.header(octets, end, "mms")
    except LayerFault:
        return reject(invoke_id)
    number = service & 0x7F if service > 0xFF else service & 0x1F
    return reject(invoke_id, UNRECOGNIZED if number in OTHER_REQUESTS.values() else None)
