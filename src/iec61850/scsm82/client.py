"""The client over XMPP: `XmppAssociation` implements `ClientAssociation` (IEC 61850-8-2)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal
from xml.etree.ElementTree import Element

from ...common.errors import JanusGridError, Malformed, NotReachable, TimedOut
from ...common.xmpp import jid as jids
from ...common.xmpp.session import Session, StanzaRefused
from ..acsi.ports import EndListener, NotificationListener
from ..acsi.services import R, Request
from ..mapping import initiate
from ..mapping.answer import Taker
from ..mapping.client import MmsClient
from ..mapping.errors import TooLarge
from ..mapping.files import block_size
from ..mapping.wire import Parameters
from ..mms import pdu
from .context import Context, Envelope, content_of, parse, profile, stanza_kind
from .endpoint import Endpoint
from .security import ELEMENT as SECURITY
from .security import NOT_BELIEVED, Aborted
from .table import Key
from .xer import XerWire, largest

if TYPE_CHECKING:
    from .protection import Beginning, Security
    from .validation import Validation

log = logging.getLogger(__name__)

_ABSENT = frozenset({
    "service-unavailable", "recipient-unavailable", "remote-server-not-found", "remote-server-timeout", "gone",
})  # fmt: skip
"""Stanza errors that say that the peer is not there."""
_TRIES = 10
_REJECT_WAIT = 1.0
_SETTLE = 0.05
_LONGEST = 3600.0


class XmppAssociation:
    """An association with a server over XMPP. Open it by `XmppAssociation.open`."""

    def __init__(
        self,
        endpoint: Endpoint,
        peer: str,
        envelope: Envelope,
        parameters: Parameters,
        timeout: float,
        validation: Validation | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._key: Key = (peer, envelope.id)
        self._envelope = envelope
        self._profile = envelope.profile
        self._wire = XerWire(envelope.profile.dialect, validation, peer)
        self.parameters = parameters
        """What both sides have agreed on."""
        self._timeout = timeout
        self.taker: Taker | None = None
        """Gets what the server sends of itself, in place of the listeners for notifications."""
        self._mms = MmsClient(self.exchange, peer, lambda: asyncio.sleep(_SETTLE))
        self._served = 0
        self._slots = asyncio.Semaphore(parameters.calling)
        self._waiting: set[asyncio.Timeout] = set()
        self._rejects: dict[int | None, asyncio.Future[pdu.MMSpdu]] = {}
        self._listeners: list[NotificationListener] = []
        self._end_listeners: list[EndListener] = []
        self._ended: str | None = None
        self._last: asyncio.Task[None] | None = None
        endpoint.ask(self._key, self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.peer}{f', ended: {self._ended}' if self._ended else ''}>"

    @classmethod
    async def open(
        cls,
        session: Session,
        jid: str,
        *,
        dialect: str = "80-3",
        limits: initiate.Limits | None = None,
        timeout: float = 10.0,
        security: Security | None = None,
        validation: Validation | None = None,
    ) -> XmppAssociation:
        """Open an association with the server at this full JID (the resource is `IEC` where none is given).

        With `security` (see `protection`) it is safe from the XMPP servers between. With `validation` every PDU is held
        against its schema. `limits` are cut down to what the session lets through.

        Raises:
            NotReachable: there is no session, or nobody at that JID.
            TimedOut: no answer within `timeout` seconds.
            InitiateRefused, StanzaRefused: the server refuses it.
            HandshakeRefused: one of both does not believe the other, or only one of both wants end-to-end security.
            Malformed: the answer does not follow the protocol.
        """
        limits, chosen = limits or initiate.Limits(), profile(dialect)
        endpoint = Endpoint.of(session)
        peer = jids.normal(jid if "/" in jid else f"{jid}/IEC")
        session.expect(jids.bare(peer))
        wire = XerWire(chosen.dialect, validation, peer)
        for attempt in range(_TRIES):
            with endpoint.number(peer) as number:
                envelope = Envelope(chosen, number)
                try:
                    return await cls._open(endpoint, peer, envelope, wire, limits, timeout, security, validation)
                except StanzaRefused as refused:
                    if refused.code != "conflict" or attempt == _TRIES - 1:
                        raise
        raise AssertionError

    @classmethod
    async def _open(
        cls, endpoint: Endpoint, peer: str, envelope: Envelope, wire: XerWire, limits: initiate.Limits, timeout: float,
        security: Security | None, validation: Validation | None,
    ) -> XmppAssociation:  # fmt: skip
        """Open an association under an identifier, that of the envelope."""
        session = endpoint.session

        def opened(answer: Element | None) -> XmppAssociation:
            if answer is None:
                raise Malformed("an empty result came in answer to initiate-Request", where=peer)
            context = parse(answer)
            _settle(envelope, context, peer)
            if security is None and context.content.tag == SECURITY:
                from .protection import refusal

                raise refusal(context.content, peer)
            parameters = initiate.settled(wire.decode(_filled(envelope.open(context.content), peer)), limits)
            return cls(endpoint, peer, envelope, parameters, timeout, validation)

        try:
            if security is not None:
                await _secure(endpoint, peer, envelope, security, timeout)
            limits = initiate.within(limits, largest(session.max_octets, session.jid, peer, envelope.security))
            request = envelope.wrap(wire.encode(initiate.request(limits)))
            asking = asyncio.ensure_future(_request(session, peer, request, "set", timeout))
            try:
                return opened(await asyncio.shield(asking))
            except asyncio.CancelledError:
                endpoint.afterwards(cls._leave(asking, opened))
                raise
        finally:
            # It knows us by now. A server that does not would refuse, and seem to leave while we speak to it.
            await session.subscribe(jids.bare(peer))

    @staticmethod
    async def _leave(
        asking: asyncio.Future[Element | None], opened: Callable[[Element | None], XmppAssociation]
    ) -> None:
        """Release an association that nobody waits for any more, once it is there: the server would keep it."""
        with contextlib.suppress(JanusGridError):
            await opened(await asking).release()

    # --- the port ---------------------------------------------------------------------------------------------------

    @property
    def peer(self) -> str:
        """The server's full JID."""
        return self._key[0]

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
        """Release in good order; where the server does not answer any more, the association ends all the same."""
        if self._ended is not None:
            return
        try:
            await self.exchange(("conclude-RequestPDU", None))
        except JanusGridError as error:
            log.info("%s: not released in good order: %s", self.peer, error)
        self._end("released")

    async def abort(self) -> None:
        """Abort at once. With end-to-end security the server is told; else nothing is sent, for 8-2 has no PDU for it:
        the server drops the association with our presence, or when we come again."""
        last = self._envelope.abort() if self._ended is None else None
        self._end("aborted")
        if last is not None:
            await self._say(last)

    # --- what goes out ----------------------------------------------------------------------------------------------

    async def exchange(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        """Send a PDU and return the one that answers it; raise as `call`, and `TooLarge` before anything is sent."""
        self._check()
        text = self._wire.encode(message)
        size = self._wire.size(text)
        if size > self.parameters.pdu_size:
            raise TooLarge(f"a PDU of {size} octets, {self.parameters.pdu_size} are agreed on")
        kind: Literal["get", "set"] = "get" if stanza_kind(message) == "get" else "set"
        payload = self._envelope.wrap(text)
        invoke_id = message[1].invoke_id if isinstance(message[1], pdu.ConfirmedRequestPDU) else None
        async with self._slots:
            self._check()
            rejected = self._rejects[invoke_id] = asyncio.get_running_loop().create_future()
            try:
                answer = await self._request_unless_ended(payload, kind)
                if answer is None:
                    return await self._reject_in(rejected)
            except NotReachable as error:
                if error.code in _ABSENT or error.code == "item-not-found":
                    self._end(f"lost: {error.message}")
                raise
            finally:
                self._rejects.pop(invoke_id, None)
        id = answer.get("id", "")
        if id != self._key[1]:
            raise Malformed(f"the answer is for association {id[:40]!r}, not {self._key[1]}", where=self.peer)
        try:
            return self._wire.decode(_filled(self._envelope.open(content_of(answer)), self.peer))
        except Aborted:
            self._end("aborted by the server")
            raise NotReachable("the association has ended: aborted by the server", where=self.peer) from None
        except Malformed as malformed:
            if malformed.code is not None:
                self._endpoint.note(malformed.code, self.peer, malformed.message)
            raise

    async def _reject_in(self, rejected: asyncio.Future[pdu.MMSpdu]) -> pdu.MMSpdu:
        """Return the reject that came as a message, or comes soon, where an iq was answered by an empty result."""
        try:
            return await asyncio.wait_for(rejected, _REJECT_WAIT)
        except TimeoutError:
            raise Malformed("an empty result came where a PDU was expected", where=self.peer) from None

    def _check(self) -> None:
        if self._ended is not None:
            raise NotReachable(f"the association has ended: {self._ended}", where=self.peer)

    # --- what comes in ----------------------------------------------------------------------------------------------

    async def take(self, content: Element, kind: str) -> str | None:
        """Take what the server sends unasked (see `Peer`)."""
        try:
            element = self._envelope.open(content)
        except Aborted:
            self._end("aborted by the server")
            return None
        except Malformed as malformed:
            if malformed.code == "e2e-delayed" and kind in ("normal", "chat"):
                # What it says is lost, and nobody would notice: with another association all goes on from a known
                # place, buffered reports after the last that came.
                self._endpoint.note(malformed.code, self.peer, malformed.message)
                last = self._envelope.abort()
                self._end("lost: what the server sends is held back on its way, or the clocks have parted")
                if last is not None:
                    await self._say(last)
                return None
            raise
        if self._envelope.security.must_speak and self._last is None:
            self._last = asyncio.get_running_loop().create_task(self._rekey())
        if element is None:
            return self._envelope.wrap("") if kind in ("get", "set") else None
        message = self._wire.decode(element)
        if kind in ("get", "set"):
            return await self._serve(message)
        match message:
            case ("rejectPDU", rejected):
                future = self._rejects.get(rejected.original_invoke_id)
                if future is None:
                    log.warning("%s: a reject of what nobody has asked; dropped", self.peer)
                elif not future.done():
                    future.set_result(message)
                return None
            case _ if self.taker is not None:
                self.taker.unasked(message)
                return None
            case _:
                notification = self._mms.unasked(message)
        for listener in list(self._listeners) if notification is not None else ():
            try:
                listener(notification)  # type: ignore[arg-type]
            except Exception:
                log.exception("%s: a listener failed", self.peer)
        return None

    async def _serve(self, message: pdu.MMSpdu) -> str:
        """Answer what the server asks, for a file that it fetches."""
        match message:
            case ("confirmed-RequestPDU", request) if self.taker is not None and self.taker.offering:
                self._served += 1
                return self._envelope.wrap(self._wire.encode(await self.taker.serve(request)))
            case ("confirmed-RequestPDU", request) if self._mms.files.offering:
                self._served += 1
                answer = self._mms.files.serve(request, block_size(self._wire, self.parameters.pdu_size))
                return self._envelope.wrap(self._wire.encode(answer))
        raise StanzaRefused("service-unavailable", "this is the client's side of the association")

    async def _request_unless_ended(self, payload: str, kind: Literal["get", "set"]) -> Element | None:
        """Send a PDU and return what answers it; nobody waits any longer than there is an association."""
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                try:
                    return await self._request(payload, kind)
                finally:
                    self._waiting.discard(waiting)
        except TimeoutError:
            self._check()
            raise

    async def _request(self, payload: str, kind: Literal["get", "set"]) -> Element | None:
        """Send a PDU. While a file is set, the server may take longer, as long as it goes on fetching it."""
        peer, session = self.peer, self._endpoint.session
        if not (self._mms.files.offering or (self.taker is not None and self.taker.offering)):
            return await _request(session, peer, payload, kind, self._timeout)
        asking = asyncio.ensure_future(_request(session, peer, payload, kind, _LONGEST))
        try:
            served = -1
            while served != self._served:
                served = self._served
                await asyncio.wait((asking,), timeout=self._timeout)
                if asking.done():
                    return await asking
            raise TimedOut(f"no answer within {self._timeout:g} s", where=peer)
        finally:
            asking.cancel()

    async def _rekey(self) -> None:
        """Have the keys changed, where nothing else is sent that could say so."""
        try:
            while self._envelope.security.must_speak:
                answer = await self._request(self._envelope.wrap(""), "set")
                if answer is not None:
                    self._envelope.open(content_of(answer))
        except (JanusGridError, Aborted) as error:
            log.info("%s: the keys were not changed: %s", self.peer, error)
        finally:
            self._last = None

    async def _say(self, payload: str) -> None:
        try:
            await self._endpoint.session.push(self.peer, payload, kind=self._profile.reports)
        except JanusGridError as error:
            log.debug("%s: it does not learn of the end: %s", self.peer, error)

    def lost(self, why: str) -> None:
        """The server or the session is gone (see `Peer`)."""
        self._end(f"lost: {why}")

    def doubted(self) -> None:
        """End an association with a server whose certificate was revoked, or is out of date (see `Peer`)."""
        why = self._envelope.security.doubt()
        if why is not None:
            self._endpoint.note(NOT_BELIEVED, self.peer, why)
            last = self._envelope.abort()
            self._end(f"lost: {why}")
            if last is not None:
                self._endpoint.afterwards(self._say(last))

    def _end(self, why: str) -> None:
        if self._ended is not None:
            return
        self._ended = why
        self._endpoint.leave(self._key, self)
        self._envelope.abort()
        for waiting in self._waiting:
            waiting.reschedule(0)
        log.info("%s: association %s ended: %s", self.peer, self._key[1], why)
        for listener in list(self._end_listeners):
            try:
                listener(why)
            except Exception:
                log.exception("%s: a listener failed", self.peer)


async def _secure(endpoint: Endpoint, peer: str, envelope: Envelope, security: Security, timeout: float) -> None:
    """Open an end-to-end session for an association that is to be; raise `HandshakeRefused`."""
    from .protection import begin, without

    session, calling = endpoint.session, list["Beginning"]()

    def request() -> str:
        """Begin: not before it is sent, for it says when that was, and is not believed when it is old."""
        begun, text = begin(security, session.jid, peer)
        calling.append(begun)
        return envelope.wrap(text)

    try:
        answer = await _request(session, peer, request, "set", timeout)
        if answer is None:
            raise Malformed("an empty result came in answer to a handshake", where=peer)
        context = parse(answer)
        protected = calling[0].finish(context.content)
    except JanusGridError as error:
        if security.policy == "required" or not without(error):
            if error.code is not None and error.code.startswith("e2e-"):
                endpoint.note(error.code, peer, error.message)
            raise
        endpoint.note("e2e-fallback", peer, "it has no end-to-end security: the association goes without")
        return
    _settle(envelope, context, peer)
    envelope.security = protected


def _settle(envelope: Envelope, context: Context, peer: str) -> None:
    """Take the identifier that the server has given; raise `Malformed` if it cannot be that of our association."""
    asked = envelope.id
    if context.id != asked and not (
        envelope.profile.paired and ":" not in asked and context.id.startswith(f"{asked}:")
    ):
        raise Malformed(f"association {asked} was asked for, {context.id} was opened", where=peer)
    envelope.id = context.id


def _filled(element: Element | None, peer: str) -> Element:
    if element is None:
        raise Malformed("an answer without a PDU", where=peer)
    return element


async def _request(
    session: Session, peer: str, payload: str | Callable[[], str], kind: Literal["get", "set"], timeout: float
) -> Element | None:
    """Send an iq and return the payload of its result; raise `NotReachable` where a stanza error says that the peer,
    or the association, is not there."""
    try:
        return await session.request(peer, payload, kind=kind, timeout=timeout)
    except StanzaRefused as refused:
        if refused.code in _ABSENT:
            raise NotReachable("nobody is there who speaks IEC 61850", where=peer, code=refused.code) from None
        if refused.code == "item-not-found":
            raise NotReachable(
                "the server does not know the association any more", where=peer, code=refused.code
            ) from None
        raise
