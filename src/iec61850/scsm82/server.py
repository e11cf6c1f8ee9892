"""The server over XMPP: opens associations, answers their PDUs, sends their reports (IEC 61850-8-2)."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections import deque
from typing import TYPE_CHECKING, Any, Literal
from xml.etree.ElementTree import Element

import attrs

from ...common.errors import JanusGridError, LocalError, Malformed, NotReachable, Refused
from ...common.xmpp import jid as jids
from ...common.xmpp.session import Session, StanzaRefused
from ..acsi.errors import ServiceError, ServiceRefused
from ..engine import Association
from ..mapping import initiate
from ..mapping.answer import UNRECOGNIZED
from ..mapping.server import Identity, reject
from ..mapping.service import Admission, Caller, Dialogue, Service
from ..mapping.wire import Parameters
from ..mms import OTHER_REQUESTS, pdu
from .context import PROFILES, Context, Envelope, Profile, around, content_of, new_number, stanza_kind
from .endpoint import Endpoint
from .security import NOT_BELIEVED, Aborted, Off
from .table import Key, Peer
from .xer import XerWire, largest

if TYPE_CHECKING:
    from .protection import Security
    from .validation import Validation

log = logging.getLogger(__name__)


_MANY, _FEW = 64, 8
"""PDUs that wait for the session: at so many the engine keeps what comes, until it is so few again."""


@attrs.frozen(slots=True)
class ServerLimits:
    """What a server takes over XMPP.

    Attributes:
        mms: of each association.
        per_account: associations of one account, over all its resources.
        backlog: notifications that may wait for one association; with more of them it is aborted.
        answer: real seconds for a client that is asked for a part of the file that it sets, or that has opened an
            end-to-end session and is to open the association in it.
    """

    mms: initiate.Limits = initiate.Limits()
    per_account: int = 8
    backlog: int = 10_000
    answer: float = 10.0


class XmppServer:
    """Serves a host, or another service, on an XMPP session, to clients of every dialect."""

    def __init__(
        self,
        host: Service,
        session: Session,
        *,
        limits: ServerLimits | None = None,
        identity: Identity | None = None,
        security: Security | None = None,
        validation: Validation | None = None,
    ) -> None:
        self.host = host
        self.limits = limits or ServerLimits()
        self.identity = identity
        self.security = security
        self.validation = validation
        self.endpoint = Endpoint.of(session)
        if self.endpoint.acceptor is not None:
            raise LocalError(f"{session.jid} serves a model already; one session is one server")
        self.endpoint.acceptor = self
        session.announce(*(profile.namespace for profile in PROFILES.values()))  # by this servers are found
        self._accepting = None if security is None else security.accepting()

    def stop(self) -> None:
        """Open no more associations; those that are open go on."""
        if self.endpoint.acceptor is self:
            self.endpoint.acceptor = None

    async def handshake(self, sender: str, context: Context) -> str:
        """Open an end-to-end session, in which an association is to be opened (see `Acceptor`)."""
        from .protection import accept

        profile = next((p for p in PROFILES.values() if p.namespace == context.outer), PROFILES["80-3"])
        made = accept(self.security, self._accepting, context.content, sender, self.endpoint.session.jid)
        if made.protected is None:
            self.endpoint.note(made.code, sender, made.why)
            return around(profile, context.id, made.answer)
        id = self._paired(profile, sender, context.id)
        key = sender, id
        before = self.endpoint.serving(key)
        self._count(sender, but=int(before is not None))
        # Nobody has proved that this handshake is not an old one, held back by somebody between or recorded before we
        # were started, nor that it is for this identifier: what is there ends when the first PDU comes, not before.
        self.endpoint.replace(key, _Secured(self, key, Envelope(profile, id, made.protected), made.roles, before))
        return around(profile, id, made.answer)

    async def open(
        self, sender: str, context: Context, envelope: Envelope | None = None, roles: frozenset[int] | None = None
    ) -> str:
        """Open an association for an initiate-Request; return the payload of the answer."""
        profile = next((p for p in PROFILES.values() if p.dialect.namespace == context.namespace), PROFILES["80-3"])
        if envelope is None:
            if self.security is not None and self.security.policy == "required":
                from .protection import required

                self.endpoint.note("e2e-unprotected", sender, "an association without end-to-end security")
                return around(profile, context.id, required())
            envelope = Envelope(profile, context.id)
        wire = XerWire(profile.dialect, self.validation, sender)
        session = self.endpoint.session
        limits = initiate.within(self.limits.mms, largest(session.max_octets, session.jid, sender, envelope.security))
        try:
            match wire.decode(context.content):
                case ("initiate-RequestPDU", proposed):
                    pass
                case _:
                    raise Malformed("an initiate-Request was expected")
            self._room(sender, context.id)
            admission = await self._admit(sender, context.id, proposed, limits, roles)
            parameters, answer = initiate.accept(proposed, limits, admission.services)
        except Malformed as malformed:
            log.warning("%s: an initiate-Request that is none: %s", sender, malformed)
            return envelope.wrap(wire.encode(reject()))
        except initiate.InitiateRefused as refused:
            admission.withdraw()
            log.warning("%s: association refused: %s", sender, refused)
            return envelope.wrap(wire.encode(("initiate-ErrorPDU", refused.error)))
        try:
            envelope.profile, envelope.id = profile, self._paired(profile, sender, context.id)
            opened = _Opened(self, envelope, wire, sender, admission, parameters, roles)
        except ServiceRefused as refused:
            admission.withdraw()
            raise StanzaRefused("resource-constraint", refused.message, kind="wait") from None
        except StanzaRefused:
            admission.withdraw()
            raise
        key = sender, envelope.id
        self.endpoint.serve(key, opened)
        try:
            await self.endpoint.session.subscribe(jids.bare(sender))
            return envelope.wrap(wire.encode(answer))
        except BaseException:  # whatever comes between, the client does not learn that it has an association
            self.endpoint.drop(key, "it could not be opened")
            raise

    async def _admit(
        self, sender: str, id: str, proposed: pdu.InitiateRequestPDU, limits: initiate.Limits,
        roles: frozenset[int] | None,
    ) -> Admission:  # fmt: skip
        size = min(proposed.local_detail_calling or 1 << 31, limits.pdu_size)
        try:
            admission = self.host.admit(Caller(sender, jids.bare(sender), True, size, roles))
            if not inspect.isawaitable(admission):
                return admission
            admitted = await admission
        except Refused as refused:
            if isinstance(refused, ServiceRefused) and refused.error is ServiceError.ACCESS_VIOLATION:
                raise StanzaRefused("forbidden", refused.message, kind="auth") from None
            raise StanzaRefused("resource-constraint", refused.message, kind="wait") from None
        except JanusGridError as error:
            raise StanzaRefused("recipient-unavailable", error.message, kind="wait") from None
        try:
            self._room(sender, id)  # others may have come meanwhile
        except StanzaRefused:
            admitted.withdraw()
            raise
        return admitted

    def _paired(self, profile: Profile, sender: str, id: str) -> str:
        """Return the identifier of an association, with our half of it where the dialect wants that.

        Raises `StanzaRefused` if it is that of an association that we, as a client, have with the very same peer: what
        comes from there could not be told apart.
        """
        if not profile.paired or ":" in id:
            if self.endpoint.asks((sender, id)):
                raise StanzaRefused("conflict", f"association {id} is one that was opened the other way round")
            return id
        while self.endpoint.asks((sender, paired := f"{id}:{new_number()}")):
            pass
        return paired

    def _room(self, sender: str, id: str) -> None:
        """Make room for another association of a client; raise `StanzaRefused` if there is none."""
        # Who comes again with an identifier it has is a client that lost its association: it takes its place.
        self.endpoint.drop((sender, id), "the client began anew")
        self._count(sender)

    def _count(self, sender: str, but: int = 0) -> None:
        """Raise `StanzaRefused` if an account has all the associations that it may have, not counting `but` of them."""
        if self.endpoint.count(sender) - but >= self.limits.per_account:
            raise StanzaRefused(
                "resource-constraint", f"an account may open {self.limits.per_account} associations", kind="wait"
            )


class _Secured:
    """An end-to-end session at the server, before there is an association in it.

    What was under the same identifier before goes on until the client has shown that it has the keys.
    """

    def __init__(
        self, server: XmppServer, key: Key, envelope: Envelope, roles: frozenset[int], before: Peer | None
    ) -> None:
        self._server = server
        self._key = key
        self._envelope = envelope
        self._roles = roles
        self._opened = False
        self._before = before
        if isinstance(before, _Secured):  # one that has shown nothing either
            self._before, before._before = before._before, None
            before.lost("the client began anew")
        self._patience = asyncio.get_running_loop().call_later(server.limits.answer, self._expire)

    async def take(self, content: Element, kind: str) -> str | None:
        """Open the association (see `Peer`)."""
        try:
            initiate = self._envelope.open(content)
        except Aborted:
            self._expire()
            return None
        except Malformed:
            if self._before is None:
                raise
            return await self._before.take(content, kind)
        if initiate is None:
            return self._envelope.wrap("")
        self._opened = True
        self._patience.cancel()
        self._end_before("the client began anew")
        return await self._server.open(self._key[0], Context(self._key[1], initiate), self._envelope, self._roles)

    def lost(self, why: str) -> None:
        """The client is gone, or the association takes its place (see `Peer`)."""
        self._patience.cancel()
        if not self._opened:
            self._envelope.abort()
        self._end_before(why)

    def doubted(self) -> None:
        """Do nothing: it lasts for a moment only (see `Peer`)."""

    def _end_before(self, why: str) -> None:
        before, self._before = self._before, None
        if before is not None:
            before.lost(why)

    def _expire(self) -> None:
        before, self._before = self._before, None
        self._server.endpoint.leave(self._key, self)
        self.lost("no association was opened")
        if isinstance(before, _Opened) and not before.ended:
            self._server.endpoint.serve(self._key, before)


class _Opened:
    """One association at the server."""

    def __init__(
        self,
        server: XmppServer,
        envelope: Envelope,
        wire: XerWire,
        sender: str,
        admission: Admission,
        parameters: Parameters,
        roles: frozenset[int] | None,
    ) -> None:
        self._server = server
        self._host = server.host
        self._session = server.endpoint.session
        self._envelope = envelope
        self._profile = envelope.profile
        self._wire = wire
        self._key: Key = (sender, envelope.id)
        self._queue: deque[str] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._association: Association = self._host.associate(sender, self._notify, self._closed)
        self._association.roles = roles
        try:
            self._mms: Dialogue[str] = admission.dialogue(
                self._association, wire, parameters, server.identity, self._exchange
            )
        except Exception:
            self._host.end(self._association, "a fault of ours")
            raise

    @property
    def ended(self) -> bool:
        """Whether there is no association any more."""
        return self._association.ended

    async def take(self, content: Element, kind: str) -> str | None:
        """Answer a PDU (see `Peer`)."""
        try:
            element = self._envelope.open(content)
        except Aborted:
            self._end("aborted by the client")
            return None
        if element is None:
            return self._envelope.wrap("")
        try:
            message = self._wire.decode(element)
        except Malformed as malformed:
            log.warning("%s: a PDU that is none: %s", self._key[0], malformed)
            return await self._rejected(self._wire.encode(_unreadable(element)))
        if kind == "get" and _changes(message):
            raise StanzaRefused("bad-request", "what changes something is an iq of type set", kind="modify")
        if kind not in ("get", "set") and message[0] != "rejectPDU":
            self._server.endpoint.note("request-in-message", self._key[0], "nobody waits for the answer")
            return None
        match message:
            case ("initiate-RequestPDU", _) if isinstance(self._envelope.security, Off):
                return await self._server.open(self._key[0], Context(self._key[1], element))
            case ("rejectPDU", _):
                log.warning("%s: the client rejects something that was sent to it", self._key[0])
                return None
        answer = await self._host.perform(self._mms.receive(message, self._host.clock.now()))
        for payload in answer.before:
            await self._push(payload)
        if answer.rejected:
            return await self._rejected(answer.answer)
        text = self._envelope.wrap(answer.answer)
        if answer.concluded:
            self._left("released")
        return text

    async def _rejected(self, payload: str) -> str | None:
        """Return the answer that carries a reject, or send it by itself where the dialect wants that."""
        if self._profile.reject_in_result:
            return self._envelope.wrap(payload)
        await self._push(payload)
        return None

    async def _exchange(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        """Ask the client, for a file that it wants to set, and return the PDU that answers."""
        payload = self._envelope.wrap(self._wire.encode(message))
        kind: Literal["get", "set"] = "get" if stanza_kind(message) == "get" else "set"
        answer = await self._session.request(self._key[0], payload, kind=kind, timeout=self._server.limits.answer)
        if answer is None or answer.get("id", "") != self._key[1]:
            raise Malformed("the client's answer is none of this association", where=self._key[0])
        element = self._envelope.open(content_of(answer))
        if element is None:
            raise Malformed("the client's answer is empty", where=self._key[0])
        return self._wire.decode(element)

    # --- notifications ----------------------------------------------------------------------------------------------

    def _notify(self, notification: Any) -> None:
        self._queue.extend(self._mms.notify(notification))
        if len(self._queue) >= _MANY:
            self._host.hold(self._association)
        if len(self._queue) > self._server.limits.backlog:
            self._end("it does not take its reports")
        elif self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._queue and not self._association.ended:
                await self._push(self._queue[0])
                self._queue.popleft()
                if len(self._queue) <= _FEW:
                    self._host.go_on(self._association)
        except NotReachable as error:
            self._end(f"reports cannot be sent: {error.message}")
        except Exception:
            log.exception("%s: a report cannot be sent", self._key[0])
            self._end("a report cannot be sent")

    async def _push(self, payload: str) -> None:
        await self._session.push(self._key[0], self._envelope.wrap(payload), kind=self._profile.reports)

    # --- the end ----------------------------------------------------------------------------------------------------

    def lost(self, why: str) -> None:
        """The client is gone (see `Peer`)."""
        self._host.end(self._association, why)
        self._queue.clear()
        self._envelope.abort()

    def doubted(self) -> None:
        """End the association of a client whose certificate was revoked, or is out of date (see `Peer`)."""
        why = self._envelope.security.doubt()
        if why is not None:
            self._server.endpoint.note(NOT_BELIEVED, self._key[0], why)
            self._end(why)

    def _left(self, why: str) -> None:
        self._server.endpoint.leave(self._key, self)
        self.lost(why)

    def _end(self, why: str) -> None:
        """The server ends the association; the client is told, where there is a PDU for it."""
        self._tell()
        self._left(why)

    def _closed(self, why: str) -> None:
        """The server itself has ended the association: what is left is not to be answered any more."""
        self._tell()
        self._server.endpoint.leave(self._key, self)
        self._queue.clear()

    def _tell(self) -> None:
        last = self._envelope.abort()
        if last is not None:
            self._telling = asyncio.get_running_loop().create_task(self._say(last))

    async def _say(self, payload: str) -> None:
        try:
            await self._session.push(self._key[0], payload, kind=self._profile.reports)
        except JanusGridError as error:
            log.debug("%s: it does not learn of the end: %s", self._key[0], error)


def _changes(message: pdu.MMSpdu) -> bool:
    """Return whether a PDU asks for something to be changed."""
    match message:
        case ("confirmed-RequestPDU" | "initiate-RequestPDU" | "conclude-RequestPDU", _):
            return stanza_kind(message) == "set"
        case _:
            return False


def _unreadable(content: Element) -> pdu.MMSpdu:
    """Return the reject for a PDU that could not be decoded, as far as can be seen what it is."""
    invoke_id: int | None = None
    for element in content.iter():
        name = element.tag.rpartition("}")[2]
        if name == "invokeID" and re.fullmatch(r"\s*[0-9]{1,9}\s*", element.text or ""):
            invoke_id = int(element.text or "")
        elif name in ("ConfirmedServiceRequest", "service") and len(element):
            other = element[0].tag.rpartition("}")[2] in OTHER_REQUESTS
            return reject(invoke_id, UNRECOGNIZED if other else None)
    return reject(invoke_id)
