"""One client's stream, from its first byte to the last, without any input or output of its own.

Bytes go in by `receive`, bytes come out by `take`; what is to be done with the connection stands in `securing`,
`closed` and `aborted`. What concerns more than this stream is left to the hub.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...errors import Refused
from ...ids import new
from ...statemachine import UnexpectedEvent
from . import header as headers
from .accounts import Session
from .hub import Hub
from .jid import BadJid
from .machine import EVENTS, MACHINE
from .management import TooHigh
from .sasl import EXTERNAL, MECHANISM, PLUS, Binding, Exchange, SaslRefused, named
from .scanner import Element, Event, Fault, Header, Scanner
from .text import BIND, SASL, SM, STANZA_ERRORS, STREAM_ERRORS, TLS, error, escape, quote

log = logging.getLogger(__name__)

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class Stream:
    """The broker's end of one stream.

    Attributes:
        state: one of `MACHINE`.
        user: the account's name once it is authenticated, otherwise empty.
        session: the session, while one is bound to this stream.
        aborted: True if the connection is to be broken off without a word.
    """

    def __init__(self, hub: Hub) -> None:
        self.state = MACHINE.initial
        self.user = ""
        self.session: Session | None = None
        self.aborted = False
        self._hub = hub
        self._limits = hub.limits
        self._output: list[bytes] = []
        self._proven: tuple[str, ...] = ()
        self._binding: Binding | None = None
        self._exchange: Exchange | None = None
        self._failures = 0
        self._lang = ""
        self._restart()

    @property
    def closed(self) -> bool:
        """True if nothing more is read or written."""
        return self.state == "closed"

    @property
    def securing(self) -> bool:
        """True from the moment that the client was told to begin with TLS until `secured` is called."""
        return self.state == "securing"

    def receive(self, data: bytes) -> None:
        """Take bytes from the client; over TLS, what was decrypted."""
        scanner = self._scanner
        events = scanner.feed(data)
        for number, event in enumerate(events, 1):
            if self.closed:
                return
            self._event(event)
            if self._scanner is not scanner and (number < len(events) or not scanner.idle):
                # What follows belongs to a stream that the client could not know to be open yet; in front of TLS
                # somebody else may have slipped it in.
                self.fail("policy-violation", "data after the end of a negotiation step")

    def secured(self, proven: tuple[str, ...] = (), binding: Binding | None = None) -> None:
        """TLS is up; the client has shown a certificate of these JIDs, `binding` is what binds a login to TLS."""
        if not self.closed:
            self._proven, self._binding = proven, binding
            self._move("secured")

    def take(self) -> bytes:
        """Return what is to be sent."""
        output, self._output = self._output, []
        return output[0] if len(output) == 1 else b"".join(output)

    def write(self, data: bytes) -> None:
        """Send `data` after all that was written before."""
        if self.state != "closed":
            self._output.append(data)
            self._hub.touch(self)

    def fail(self, condition: str, text: str = "") -> None:
        """End the stream with a stream error, and its session with it."""
        if self.closed:
            return
        log.info("stream of %s ends: %s %s", self.user or "a client not logged in", condition, text)
        if not self._answered:
            self._send_header()
        detail = f"<text xmlns='{STREAM_ERRORS}' xml:lang='en'>{escape(text)}</text>" if text else ""
        self._send(f"<stream:error><{condition} xmlns='{STREAM_ERRORS}'/>{detail}</stream:error></stream:stream>")
        self._close("fault")

    def abort(self) -> None:
        """Break the connection off; the session waits for resumption if it can."""
        if not self.closed:
            self.state = MACHINE.next(self.state, "fault")
            self.aborted = True
            self._hub.touch(self)

    def _send(self, text: str) -> None:
        self.write(text.encode())

    def _restart(self) -> None:
        """Another stream begins on the same connection (RFC 6120 clauses 5.4.3.3 and 6.4.6)."""
        limits = self._limits
        self._scanner = Scanner(
            limits.login_bytes, tag_bytes=limits.tag_bytes, depth=limits.depth, elements=limits.elements
        )
        self._answered = False

    def _move(self, event: str) -> None:
        self.state = MACHINE.next(self.state, event)

    def _close(self, event: str) -> None:
        self._move(event)
        self._hub.touch(self)
        session, self.session = self.session, None
        if session is not None:
            self._hub.end(session)

    def _event(self, event: Event) -> None:
        if isinstance(event, Element):
            self._element(event)
        elif isinstance(event, Header):
            self._header(event)
        elif isinstance(event, Fault):
            self.fail(event.condition, event.text)
        else:
            self._send("</stream:stream>")
            self._close("footer")

    def _element(self, element: Element) -> None:
        try:
            event = EVENTS[element.name]
            self.state = MACHINE.next(self.state, event)
        except (KeyError, UnexpectedEvent):
            known = self.session is not None
            self.fail("unsupported-stanza-type" if known else "not-authorized", "this is not expected here")
        else:
            _ACTIONS[event](self, element)

    # The header and what is offered

    def _header(self, header: Header) -> None:
        condition = headers.wrong(header, self._hub.domain)
        if condition:
            self.fail(condition)
            return
        self._lang = header.attributes.get(_LANG, "")[:35]
        self._move("header")
        self._send_header()
        self._send(headers.features(self.state, self._limits.stanza_bytes, self._mechanisms))

    def _send_header(self) -> None:
        self._answered = True
        self._send(headers.answer(self._hub.domain, new()))

    # TLS and authentication

    def _starttls(self, element: Element) -> None:
        self._send(f"<proceed xmlns='{TLS}'/>")
        self._restart()

    @property
    def _mechanisms(self) -> list[str]:
        """The mechanisms of SASL that there are for this client, the strongest first."""
        return [*([EXTERNAL] if self._proven else []), *([PLUS] if self._binding else []), MECHANISM]

    def _auth(self, element: Element) -> None:
        mechanism = element.attributes.get("mechanism", "")
        if mechanism not in self._mechanisms:
            self._refuse("invalid-mechanism", f"there is {', '.join(self._mechanisms)}")
            return
        if mechanism == EXTERNAL:
            self._external((element.tree().text or "").strip())
            return
        self._exchange = Exchange(self._hub.keys, self._hub.decoys, self._binding, mechanism == PLUS)
        self._respond(element)

    def _respond(self, element: Element) -> None:
        exchange = self._exchange
        assert exchange is not None, "a response is expected only after auth"
        try:
            answer = exchange.answer((element.tree().text or "").strip())
        except SaslRefused as refusal:
            self._refuse(refusal.code or "not-authorized", refusal.message)
            return
        if not exchange.done:
            self._send(f"<challenge xmlns='{SASL}'>{answer}</challenge>")
            return
        self._accept(exchange.user, answer)

    def _external(self, text: str) -> None:
        try:
            user = named(text, self._proven, self._hub.domain)
            if self._hub.keys(user) is None:
                raise SaslRefused("not-authorized", "the certificate names no account here")
        except SaslRefused as refusal:
            self._refuse(refusal.code or "not-authorized", refusal.message)
            return
        self._accept(user, "")

    def _accept(self, user: str, proof: str) -> None:
        self._send(f"<success xmlns='{SASL}'>{proof}</success>")
        self.user, self._exchange = user, None
        self._move("accepted")
        self._restart()

    def _abort(self, element: Element) -> None:
        self._exchange = None
        self._count_failure("aborted", "")

    def _refuse(self, condition: str, text: str) -> None:
        self._exchange = None
        self._move("refused")
        self._count_failure(condition, text)

    def _count_failure(self, condition: str, text: str) -> None:
        detail = f"<text xml:lang='en'>{escape(text)}</text>" if text else ""
        self._send(f"<failure xmlns='{SASL}'><{condition}/>{detail}</failure>")
        self._failures += 1
        if self._failures >= self._limits.login_attempts:
            self.fail("policy-violation", "too many failed authentications")

    # Sessions and stanzas

    def _iq(self, element: Element) -> None:
        if self.session is not None:
            self._stanza(element)
        elif element.child != f"{{{BIND}}}bind" or element.attributes.get("type") != "set":
            self.fail("not-authorized", "a resource has to be bound first")
        else:
            self._bind(element)

    def _bind(self, element: Element) -> None:
        identity = quote(element.attributes.get("id", ""))
        wanted = (element.tree().findtext(f"{{{BIND}}}bind/{{{BIND}}}resource") or "").strip()
        try:
            session, left = self._hub.bind(self, self.user, wanted)
        except Refused as refusal:
            self._send(f"<iq type='error' id={identity}>{error(refusal.code or 'not-allowed')}</iq>")
            return
        except BadJid:
            self._send(f"<iq type='error' id={identity}>{error('bad-request')}</iq>")
            return
        self._bound(session)
        self._send(
            f"<iq type='result' id={identity}><bind xmlns='{BIND}'><jid>{escape(session.full)}</jid></bind></iq>"
        )
        self._hub.redirect(left)

    def _bound(self, session: Session) -> None:
        self.session = session
        self._scanner.max_bytes = self._limits.stanza_bytes
        self._move("bound")

    def _stanza(self, element: Element) -> None:
        session = self.session
        assert session is not None, "stanzas are expected only with a session"
        if session.management is not None:
            session.management.count_received()
        try:
            self._hub.route(session, element, self._lang)
        except Refused as refusal:
            self.fail(refusal.code or "undefined-condition", refusal.message)

    # Stream management

    def _enable(self, element: Element) -> None:
        session = self.session
        if session is None:
            self._unexpected(element)
        elif session.management is not None:
            self.fail("policy-violation", "stream management is enabled already")
        else:
            token = self._hub.manage(session, element.attributes.get("resume") in ("true", "1")).token
            resumable = f" id='{token}' resume='true' max='{int(self._limits.hibernation)}'" if token else ""
            self._send(f"<enabled xmlns='{SM}'{resumable}/>")

    def _resume(self, element: Element) -> None:
        count = _count(element)
        if self.session is not None or count is None:
            self._unexpected(element)
            return
        token = element.attributes.get("previd", "")
        try:
            session = self._hub.resume(self, self.user, token, count)
        except TooHigh as fault:
            self._too_high(fault)
            return
        if session is None or session.management is None:
            self._send(f"<failed xmlns='{SM}'><item-not-found xmlns='{STANZA_ERRORS}'/></failed>")
            return
        self._bound(session)
        received = session.management.received
        self._send(f"<resumed xmlns='{SM}' h='{received}' previd={quote(token)}/>")
        for data in session.management.unacked():
            self.write(data)

    def _request(self, element: Element) -> None:
        if self.session is None or self.session.management is None:
            self._unexpected(element)
        else:
            self._send(f"<a xmlns='{SM}' h='{self.session.management.received}'/>")

    def _ack(self, element: Element) -> None:
        count = _count(element)
        if self.session is None or self.session.management is None or count is None:
            self._unexpected(element)
            return
        try:
            self._hub.acknowledged(self.session, count)
        except TooHigh as fault:
            self._too_high(fault)

    def _unexpected(self, element: Element) -> None:
        self._send(f"<failed xmlns='{SM}'><unexpected-request xmlns='{STANZA_ERRORS}'/></failed>")

    def _too_high(self, fault: TooHigh) -> None:
        counts = f"h='{fault.claimed}' send-count='{fault.sent}'"
        self._send(
            f"<stream:error><undefined-condition xmlns='{STREAM_ERRORS}'/>"
            f"<handled-count-too-high xmlns='{SM}' {counts}/></stream:error></stream:stream>"
        )
        self._close("fault")


_ACTIONS: dict[str, Callable[[Stream, Element], None]] = {
    "starttls": Stream._starttls,
    "auth": Stream._auth,
    "response": Stream._respond,
    "abort": Stream._abort,
    "iq": Stream._iq,
    "message": Stream._stanza,
    "presence": Stream._stanza,
    "enable": Stream._enable,
    "resume": Stream._resume,
    "request": Stream._request,
    "ack": Stream._ack,
}


def _count(element: Element) -> int | None:
    """Return the `h` attribute (XEP-0198 clause 4), None if it is no such number."""
    text = element.attributes.get("h", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32 else None
