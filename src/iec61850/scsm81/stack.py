"""One side of an association below MMS: octets in, events and octets out. No input or output, no clock::

    stack = Calling(local, remote)
    stack.connect(initiate_request)
    ...                                # send stack.take(); give what comes to stack.receive
    while (event := stack.next_event()) is not None:
        ...                            # Accepted, Data, Released, Ended

Whatever comes in, `next_event` returns an event or None: a fault is answered by the abort of the layer that found it,
and ends the association.
"""

from __future__ import annotations

import hmac
from typing import Literal

import attrs

from ...common.errors import LocalError, RemoteError
from ...common.statemachine import StateMachine, UnexpectedEvent
from . import acse, cotp, presentation, session, tpkt
from .address import ANY, Address, fits
from .errors import Aborted, AssociationRefused, Layer, LayerFault

State = Literal["idle", "transport", "associating", "deciding", "open", "releasing", "closed"]
HANDSHAKE_LIMIT = 8_192
"""Octets of a message before the association is open."""
OVERHEAD = 64
"""Octets that session and presentation take around a PDU, at most."""
SIZE_CODE = cotp.MAX_SIZE_CODE

_LIFE: list[tuple[State | tuple[State, ...], str, State]] = [
    ("open", "data", "open"),
    ("open", "release", "releasing"),
    ("open", "FINISH", "closed"),
    ("releasing", "data", "releasing"),
    ("releasing", "FINISH", "releasing"),  # both release at the same time: each answers the other
    ("releasing", "DISCONNECT", "closed"),
]
CALLING: StateMachine[State, str] = StateMachine(
    "calling side",
    [
        ("idle", "connect", "transport"),
        ("transport", "CC", "associating"),
        ("transport", "DR", "closed"),
        ("associating", "ACCEPT", "open"),
        ("associating", "REFUSE", "closed"),
        *_LIFE,
        (("idle", "transport", "associating", "open", "releasing"), "abort", "closed"),
    ],
    initial="idle",
    final=["closed"],
)
CALLED: StateMachine[State, str] = StateMachine(
    "called side",
    [
        ("idle", "CR", "transport"),
        ("transport", "CONNECT", "deciding"),
        ("deciding", "accept", "open"),
        ("deciding", "refuse", "closed"),
        *_LIFE,
        (("idle", "transport", "deciding", "open", "releasing"), "abort", "closed"),
    ],
    initial="idle",
    final=["closed"],
)
"""`abort` is either side's, also a refusal before MMS is asked."""


@attrs.frozen(slots=True)
class Requested:
    """A client asks for an association: `accept` or `refuse` it.

    Attributes:
        user_data: the initiate-Request.
        calling: who asks, as it says itself; nothing of it is proven.
    """

    user_data: bytes
    calling: acse.Title


@attrs.frozen(slots=True)
class Accepted:
    """The server has accepted; `user_data` is the initiate-Response."""

    user_data: bytes


@attrs.define(slots=True)
class Data:
    """An MMS PDU."""

    octets: bytes


@attrs.frozen(slots=True)
class Released:
    """The association was released in good order. The connection may be closed once all is sent."""


@attrs.frozen(slots=True)
class Ended:
    """The association has ended otherwise, or was never opened; `error` says why."""

    error: RemoteError


Event = Requested | Accepted | Data | Released | Ended


class Stack:
    """What both sides have in common."""

    def __init__(self, machine: StateMachine[State, str]) -> None:
        self.state: State = machine.initial
        self.message_limit = HANDSHAKE_LIMIT
        """Octets of the longest message that is taken."""
        self._machine = machine
        self._packets = tpkt.Packets()
        self._joiner = cotp.Joiner()
        self._tpdu_size = cotp.octets_of(SIZE_CODE)
        self._contexts = presentation.Contexts()
        self._out: list[bytes] = []

    # --- for the binding --------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take octets from the wire; `next_event` says what they mean."""
        if self.state != "closed":
            self._packets.feed(data)

    def take(self) -> bytes:
        """Return the octets for the wire."""
        if not self._out:
            return b""
        octets = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        return octets

    @property
    def partial(self) -> bool:
        """True while a message has begun to come, and has not ended."""
        return self.state != "closed" and (self._joiner.waiting or self._packets.waiting > 0)

    def next_event(self) -> Event | None:
        """Return what has happened next, None when more octets are needed."""
        try:
            while self.state != "closed" and (tpdu := self._packets.next()) is not None:
                event = self._tpdu(tpdu)
                if event is not None:
                    return event
        except LayerFault as fault:
            return self._fault(fault, fault.layer)
        except UnexpectedEvent as fault:
            return self._fault(fault, "session" if self.state not in ("idle", "transport") else "transport")
        return None

    # --- what the user asks for -------------------------------------------------------------------------------------

    def send(self, pdu: bytes) -> None:
        """Send an MMS PDU; raise `LocalError` if the association is not open."""
        if self.state != "open":
            raise LocalError(f"nothing can be sent: the association is {self.state}")
        self._send(session.DATA_HEADER + presentation.user_data(self._contexts.mms, pdu))

    def release(self) -> None:
        """Ask for the release; `Released` follows."""
        self._user("release")
        content = presentation.user_data(self._contexts.acse, acse.release_request())
        self._send(session.Spdu(session.FINISH, content).encode())

    def abort(self) -> None:
        """Abort at once; the connection may be closed once all is sent. No event follows."""
        if self.state not in ("idle", "transport", "closed"):
            content = presentation.abort_by_user(self._contexts, acse.abort())
            self._send(session.Spdu(session.ABORT, content, reason=session.BY_USER_ABORT).encode())
        self.state = "closed"

    # --- inside -----------------------------------------------------------------------------------------------------

    def _user(self, event: str) -> None:
        """Go on by something that the user asks for."""
        try:
            self.state = self._machine.next(self.state, event)
        except UnexpectedEvent as error:
            raise LocalError(error.message) from None

    def _step(self, event: str) -> None:
        """Go on by something that came in."""
        self.state = self._machine.next(self.state, event)

    def _send(self, message: bytes) -> None:
        self._out.append(cotp.packets(message, self._tpdu_size))

    def _tpdu(self, tpdu: bytes) -> Event | None:
        found = cotp.parse(tpdu)
        if isinstance(found, cotp.Data):
            if self.state == "idle":
                raise UnexpectedEvent("transport", "idle", "DT", ["CR"], None)
            message = self._joiner.add(found, self.message_limit)
            return None if message is None else self._message(message)
        if isinstance(found, cotp.Connect):
            return self._connect(found)
        if isinstance(found, cotp.Disconnect):
            return self._disconnect(found)
        raise LayerFault("transport", f"the peer could not read what was sent (cause {found.cause})")

    def _message(self, message: bytes) -> Event | None:
        payload = session.data(message)
        if payload is not None:
            if self.state != "open":
                self._step("data")
            return Data(presentation.one(payload, self._contexts.mms))
        spdu = session.parse(message)
        match spdu.kind:
            case session.FINISH:
                return self._finish(spdu)
            case session.DISCONNECT:
                self._check_release(spdu, answer=True)
                self._step("DISCONNECT")
                return Released()
            case session.ABORT:
                return self._aborted(spdu)
            case kind:
                return self._handshake(spdu, session.NAMES[kind])

    def _finish(self, spdu: session.Spdu) -> Event | None:
        self._check_release(spdu, answer=False)
        self._step("FINISH")
        content = presentation.user_data(self._contexts.acse, acse.release_response())
        self._send(session.Spdu(session.DISCONNECT, content).encode())
        return Released() if self.state == "closed" else None

    def _check_release(self, spdu: session.Spdu, *, answer: bool) -> None:
        if spdu.user_data:  # some peers say no more than the session needs
            acse.check_release(presentation.one(spdu.user_data, self._contexts.acse), answer=answer)

    def _aborted(self, spdu: session.Spdu) -> Event:
        by_user = False
        if spdu.user_data:
            abrt = presentation.parse_abort(spdu.user_data)
            by_user = abrt is not None and not acse.parse_abort(abrt)
        self._step("abort")
        code = "peer-user" if by_user else "peer-provider"
        return Ended(Aborted(f"the peer aborts (its {'user' if by_user else 'provider'})", code=code))

    def _fault(self, fault: RemoteError, layer: Layer) -> Event:
        """Abort in the way of the layer that found the fault."""
        if self.state not in ("idle", "transport") and layer != "transport":
            content, reason = None, session.BY_PROTOCOL_ERROR
            if layer == "presentation":
                content, reason = presentation.abort_by_provider(), session.BY_USER_ABORT
            elif layer == "acse":
                content = presentation.abort_by_user(self._contexts, acse.abort(by_provider=True))
                reason = session.BY_USER_ABORT
            self._send(session.Spdu(session.ABORT, content, reason=reason).encode())
        self.state = "closed"
        return Ended(fault)

    # --- what differs -----------------------------------------------------------------------------------------------

    def _connect(self, tpdu: cotp.Connect) -> Event | None:
        raise NotImplementedError

    def _disconnect(self, tpdu: cotp.Disconnect) -> Event:
        raise NotImplementedError

    def _handshake(self, spdu: session.Spdu, name: str) -> Event | None:
        raise NotImplementedError


class Calling(Stack):
    """The client's side.

    Args:
        local: who calls.
        remote: who is called.
        password: for ACSE authentication.
    """

    def __init__(self, local: Address = ANY, remote: Address = ANY, password: bytes | None = None) -> None:
        super().__init__(CALLING)
        self._local = local
        self._remote = remote
        self._password = password
        self._user_data = b""

    def connect(self, user_data: bytes) -> None:
        """Ask for an association; `user_data` is the initiate-Request. `Accepted` or `Ended` follows."""
        self._user("connect")
        self._user_data = user_data
        request = cotp.Connect(cotp.CR, 0, 1, SIZE_CODE, self._local.tsel, self._remote.tsel)
        self._out.append(tpkt.wrap(request.encode()))

    def _connect(self, tpdu: cotp.Connect) -> Event | None:
        if tpdu.kind != cotp.CC:
            raise UnexpectedEvent("transport", self.state, "CR", ["CC"], None)
        self._step("CC")
        if not tpdu.class_0:
            raise LayerFault("transport", "the peer settles on a class that was not proposed")
        # A peer that names no size takes what was proposed.
        self._tpdu_size = cotp.octets_of(min(tpdu.size_code or SIZE_CODE, SIZE_CODE))
        aarq = acse.request(self._remote.title, self._local.title, self._user_data, password=self._password)
        content = presentation.connect(self._local.psel, self._remote.psel, aarq)
        self._send(session.Spdu(session.CONNECT, content, self._local.ssel, self._remote.ssel).encode())
        return None

    def _disconnect(self, tpdu: cotp.Disconnect) -> Event:
        if self.state != "transport":
            self.state = "closed"
            return Ended(Aborted("the peer ends the transport connection", code="peer-provider"))
        self._step("DR")
        reason = cotp.REASONS.get(tpdu.reason, f"reason-{tpdu.reason}")
        return Ended(
            AssociationRefused(
                "transport", reason, "the server refuses the transport connection",
                temporary=tpdu.reason in cotp.TEMPORARY,
            )
        )  # fmt: skip

    def _handshake(self, spdu: session.Spdu, name: str) -> Event | None:
        self._machine.next(self.state, name)  # before anything of it is believed
        if name == "REFUSE":
            refused = _refused(spdu)
            self._step(name)
            return Ended(refused)
        if not spdu.user_data:
            raise LayerFault("session", "ACCEPT without user data")
        answer = acse.parse_response(presentation.parse_accept(spdu.user_data))
        if answer.result != acse.ACCEPTED:  # a refusal within an acceptance: some peers do it so
            self.state = "closed"
            return Ended(_rejected(answer))
        self._step(name)
        return Accepted(answer.user_data or b"")


def _refused(spdu: session.Spdu) -> AssociationRefused:
    """Return the refusal that a REFUSE is, by the highest layer that has something to say."""
    reason, aare = presentation.parse_refuse(spdu.user_data) if spdu.user_data else (None, None)
    if aare is not None:
        return _rejected(acse.parse_response(aare))
    if reason is not None:
        return AssociationRefused(
            "presentation", presentation.REASONS.get(reason, f"reason-{reason}"),
            "the server refuses the presentation connection", temporary=reason in presentation.TEMPORARY,
        )  # fmt: skip
    return AssociationRefused(
        "session", session.REASONS.get(spdu.reason, f"reason-{spdu.reason}"), "the server refuses the session",
        temporary=spdu.reason in session.TEMPORARY,
    )  # fmt: skip


def _rejected(answer: acse.Response) -> AssociationRefused:
    reason = acse.DIAGNOSTICS.get(answer.diagnostic, f"diagnostic-{answer.diagnostic}")
    if answer.by_provider:
        reason = "no-common-acse-version" if answer.diagnostic == 2 else "no-reason-given"
    return AssociationRefused(
        "acse", reason, "the server refuses the association", user_data=answer.user_data,
        temporary=answer.result == acse.REJECTED_FOR_NOW,
    )  # fmt: skip


class Called(Stack):
    """The server's side.

    Args:
        local: who we are: what a client calls otherwise is refused.
        password: that a client must know.
    """

    def __init__(self, local: Address = ANY, password: bytes | None = None) -> None:
        super().__init__(CALLED)
        self._local = local
        self._password = password
        self._spdu = session.Spdu(session.CONNECT)
        self._proposed: presentation.Connect | None = None

    def accept(self, user_data: bytes) -> None:
        """Open the association; `user_data` is the initiate-Response."""
        self._user("accept")
        assert self._proposed is not None
        aare = acse.response(
            acse.ACCEPTED, acse.NULL, user_data, context=self._contexts.mms, responding=self._local.title
        )
        selector = self._local.psel if self._local.psel is not None else self._proposed.called
        content = presentation.accept(self._proposed, self._contexts, selector, aare)
        self._send(session.Spdu(session.ACCEPT, content, called=self._spdu.called).encode())

    def refuse(self, user_data: bytes | None = None, *, temporary: bool = False) -> None:
        """Refuse the association; `user_data` is an initiate-Error."""
        self._user("refuse")
        result = acse.REJECTED_FOR_NOW if temporary else acse.REJECTED
        self._reject(result, acse.NO_REASON, user_data)

    def _reject(self, result: int, diagnostic: int, user_data: bytes | None = None) -> None:
        aare = acse.response(result, diagnostic, user_data, context=self._contexts.mms, responding=self._local.title)
        self._refuse_session(session.BY_USER, presentation.refuse(None, self._proposed, self._contexts, aare))

    def _refuse_session(self, reason: int, content: bytes | None = None) -> None:
        self._send(session.Spdu(session.REFUSE, content, reason=reason).encode())

    def _connect(self, tpdu: cotp.Connect) -> Event | None:
        if tpdu.kind != cotp.CR:
            raise UnexpectedEvent("transport", self.state, "CC", ["CR"], None)
        self._step("CR")
        if not fits(tpdu.called, self._local.tsel):
            return self._turned_away(tpdu, cotp.ADDRESS_UNKNOWN, "transport-address-unknown")
        if not tpdu.class_0:
            return self._turned_away(tpdu, cotp.NEGOTIATION_FAILED, "negotiation-failed")
        size = min(tpdu.size_code, SIZE_CODE) if tpdu.size_code is not None else None
        self._tpdu_size = cotp.octets_of(size)
        confirmed = cotp.Connect(cotp.CC, tpdu.source, 1, size, tpdu.calling, tpdu.called)
        self._out.append(tpkt.wrap(confirmed.encode()))
        return None

    def _turned_away(self, tpdu: cotp.Connect, reason: int, code: str) -> Event:
        self._out.append(tpkt.wrap(cotp.Disconnect(reason, tpdu.source, 0).encode()))
        return self._no("transport", code)

    def _no(self, layer: Layer, code: str) -> Event:
        self.state = "closed"
        return Ended(AssociationRefused(layer, code, "the client's call was refused"))

    def _disconnect(self, tpdu: cotp.Disconnect) -> Event:
        self.state = "closed"
        return Ended(Aborted("the peer ends the transport connection", code="peer-provider"))

    def _handshake(self, spdu: session.Spdu, name: str) -> Event | None:
        self._step(name)
        self._spdu = spdu
        if not fits(spdu.called, self._local.ssel):
            self._refuse_session(session.SELECTOR_UNKNOWN)
            return self._no("session", "session-selector-unknown")
        if not spdu.user_data:
            raise LayerFault("session", "CONNECT without user data")
        self._proposed = proposed = presentation.parse_connect(spdu.user_data)
        if not fits(proposed.called, self._local.psel):
            self._refuse_session(session.BY_USER, presentation.refuse(presentation.ADDRESS_UNKNOWN))
            return self._no("presentation", "presentation-address-unknown")
        contexts = presentation.choose(proposed)
        if contexts is None:
            self._refuse_session(session.BY_USER, presentation.refuse(presentation.NOT_SPECIFIED, proposed))
            return self._no("presentation", "contexts-not-supported")
        self._contexts = contexts
        request = acse.parse_request(proposed.user_data)
        diagnostic = self._objection(request)
        if diagnostic is not None:
            self._reject(acse.REJECTED, diagnostic)
            return self._no("acse", acse.DIAGNOSTICS[diagnostic])
        return Requested(request.user_data, request.calling)

    def _objection(self, request: acse.Request) -> int | None:
        """Return the diagnostic with which an AARQ is refused, None if there is nothing against it."""
        own, called = self._local, request.called
        if request.context != acse.MMS_CONTEXT:
            return acse.CONTEXT_NOT_SUPPORTED
        if own.ap_title is not None and called.ap_title not in (None, own.ap_title):
            return acse.CALLED_TITLE_UNKNOWN
        if own.ae_qualifier is not None and called.ae_qualifier not in (None, own.ae_qualifier):
            return acse.CALLED_QUALIFIER_UNKNOWN
        if self._password is None:
            return None
        if request.mechanism is None or request.password is None:
            return acse.AUTHENTICATION_REQUIRED
        if request.mechanism != acse.PASSWORD:
            return acse.MECHANISM_UNKNOWN
        return None if hmac.compare_digest(request.password, self._password) else acse.AUTHENTICATION_FAILURE
