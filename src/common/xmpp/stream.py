"""One connection: from the TCP handshake to a stream on which stanzas flow, and its end. This is where slixmpp is.

slixmpp looks up the server, starts TLS, opens the stream and negotiates its features. What it reads goes through our
guard first; logging in, stream management and everything after the resource is bound is ours (the reasons are in
`sasl`, `acks` and `lane`). A `Stream` serves once; `link` makes a new one for each attempt.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, Literal
from xml.etree.ElementTree import Element

import attrs
from slixmpp import ClientXMPP
from slixmpp.plugins.xep_0198.stanza import StreamManagement
from slixmpp.stanza import StreamFeatures
from slixmpp.xmlstream import register_stanza_plugin
from slixmpp.xmlstream.tostring import tostring

from ..errors import Malformed, NotReachable, Refused, RemoteError
from ..security.tls import told
from . import acks as management
from . import jid as jids
from . import sasl, stanza, tls
from .acks import Acknowledgements
from .authentication import Authentication
from .guard import Closed, Limits, Opened, StanzaReader, StreamFault
from .outlet import Outlet

_log = logging.getLogger(__name__)
_STREAMS = "http://etherx.jabber.org/streams"
_STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
_RESULTS = ("result", "error")
# Stream errors that are no verdict on what we sent. After any other, resuming would send the offence once more.
_HARMLESS = ("connection-timeout", "reset", "system-shutdown")
BUSY = "busy"
"""The code of a failure to log in to a server that is there, and did not get as far as that in time."""
# Stanzas that come between the binding of the resource and the beginning of the session: a moment's worth.
_MOST_EARLY = 1000

Outcome = Literal["new", "resumed"]
Receive = Callable[[Element, str | None], None]


@attrs.frozen(slots=True)
class Account:
    """Who logs in where, and what is asked of the server."""

    jid: str
    credentials: sasl.Credentials
    context: ssl.SSLContext = attrs.field(repr=False)
    host: str | None = None
    port: int = 5222
    direct_tls: bool = False
    minimum: str = "SCRAM-SHA-256"

    @property
    def address(self) -> str:
        """Where we connect to, in words."""
        if self.host is None:
            return f"{jids.domain(self.jid)} (looked up in DNS)"
        return f"{self.host}:{self.port}"


class Stream(ClientXMPP):  # type: ignore[misc]  # slixmpp's types are not followed
    """One connection of `account`.

    `established` is called when a session is there, before anything else comes in. `receive` is called from then on
    with each iq, message and presence, and with the event code of the limit it breaks. `ready` and `lost` are futures:
    how the login ended, and why the connection did.
    """

    # Kept by slixmpp
    transport: Any
    socket: Any
    parser: Any
    features: set[str]
    scheduled_events: dict[str, asyncio.TimerHandle]
    _run_out_filters: asyncio.Future[None] | None

    def __init__(
        self,
        account: Account,
        limits: Limits,
        acks: Acknowledgements,
        receive: Receive,
        established: Callable[[Outcome], None],
    ) -> None:
        self._account = account
        self._limits = limits
        self._acks = acks
        self._receive = receive
        self._tell = established
        loop = asyncio.get_running_loop()
        super().__init__(account.jid, "", ssl_context=account.context, loop=loop)
        self.ready: asyncio.Future[Outcome] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.outlet = Outlet(acks, lambda: self.transport)
        self.heard = loop.time()
        self.condition: str | None = None  # of the stream error that ended it
        self._reader: StanzaReader | None = None
        self._upgrading = False
        self._established = False
        self._early: list[tuple[Element, str | None]] = []
        self._login = Authentication(jids.bare(account.jid), account.credentials, account.minimum, self.outlet.say)
        self._negotiation: asyncio.Task[Any] | None = None
        self._features: Any = None
        self._connecting = ""
        self._set_up()

    def _set_up(self) -> None:
        self.enable_direct_tls = self._account.direct_tls
        self.enable_starttls = not self._account.direct_tls
        self.enable_plaintext = False
        self.default_port = self._account.port  # where DNS names no other
        self.del_event_handler("session_start", self._start_keepalive)  # does not survive a resumption; ours does
        self.unregister_feature("mechanisms", self.plugin["feature_mechanisms"].order)
        self.register_feature("mechanisms", self._log_in, restart=True, order=100)
        register_stanza_plugin(StreamFeatures, StreamManagement)
        self.register_feature("sm", self._manage, restart=True, order=9000)  # to resume instead of binding
        self.register_feature("sm", self._manage, restart=True, order=10100)  # to enable after binding
        self.add_event_handler("connection_failed", self._connection_failed)
        self.add_event_handler("reconnect_delay", self._gave_up)
        self.add_event_handler("ssl_invalid_chain", self._tls_failed)
        self.add_event_handler("session_bind", self._bound)
        self.add_event_handler("stream_negotiated", self._negotiated)

    # Coming up

    async def start(self, timeout: float) -> Outcome:
        """Connect and log in; return whether the session is new or goes on.

        Raises `NotReachable` or `sasl.SaslError`.
        """
        try:
            async with asyncio.timeout(timeout):
                self.connect(self._account.host, self._account.port)
                return await self.ready
        except TimeoutError:
            what = f"{self._account.address} did not let us in within {timeout:g} s{self._connecting}"
            raise NotReachable(what, code=BUSY if self.transport is not None else None) from None
        finally:
            if not self.ready.done() or self.ready.cancelled() or self.ready.exception():
                self.drop()

    def fail(self, error: RemoteError) -> None:
        """End the attempt, or the connection, for this reason."""
        if not self.ready.done():
            self.ready.set_exception(error)
        elif not self.lost.done() and self.ready.exception() is None:
            _log.warning("%s: %s", self._account.jid, error)
        self.drop(str(error))

    def drop(self, reason: str = "dropped") -> None:
        """Break the connection off; the session may be resumed on another."""
        self.cancel_connection_attempt()
        transport, self.disconnect_reason = self.transport, reason
        if transport is not None:
            self.outlet.flush()
            transport.abort()
        else:
            self._over(reason)

    async def end(self, wait: float = 2.0) -> None:
        """Close the stream in good order, or break it off after `wait` seconds."""
        if self.transport is not None:
            if self._acks.active:
                self.outlet.say(self._acks.answer())  # or the server would send back to their senders what we took
            self.outlet.write(b"</stream:stream>")
            await asyncio.wait((self.lost,), timeout=wait)
        self.drop("closed")

    def _over(self, reason: str) -> None:
        """Let go of everything that belongs to this connection."""
        self._reader = self.parser = self.transport = self.socket = None
        self._early.clear()
        for timer in self.scheduled_events.values():
            timer.cancel()
        self.scheduled_events.clear()
        for task in (self._negotiation, self._run_out_filters):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self.outlet.writable.set()
        if not self.ready.done():
            self.ready.set_exception(NotReachable(f"{self._account.address} broke the connection off: {reason}"))
        if not self.lost.done():
            self.lost.set_result(reason)

    def _connection_failed(self, error: object) -> None:
        if isinstance(error, ssl.SSLError):
            self._tls_failed(error)
        self._connecting = f" ({told(error) if isinstance(error, OSError) else error})"

    def _gave_up(self, _: object) -> None:
        """All addresses of the server were tried; slixmpp would go on for ever, we have our own back-off."""
        self.fail(NotReachable(f"no XMPP server answers at {self._account.address}{self._connecting}; is it running?"))

    def _tls_failed(self, error: BaseException) -> None:
        self.fail(NotReachable(f"{self._account.address}: {tls.reason(error)}", code="tls"))

    async def start_tls(self) -> bool:
        """Upgrade the connection; slixmpp raises whatever happens when it breaks meanwhile."""
        try:
            return bool(await super().start_tls())
        except Exception as error:
            self._tls_failed(error)
            return False

    async def _handle_stream_features(self, features: Any) -> Any:
        self._negotiation = asyncio.current_task()
        self._features = features
        if not isinstance(self.socket, ssl.SSLObject) and "starttls" not in features["features"]:
            self.fail(
                NotReachable(f"{self._account.address} offers no TLS, and without TLS we say nothing", code="tls")
            )
            return True
        return await super()._handle_stream_features(features)

    def _log_in(self, features: Any) -> bool:
        if self._login.done:
            return False
        try:
            self._login.begin(features.xml, self.socket)
        except sasl.SaslError as error:
            self.fail(error)
        return True

    def _on_sasl(self, name: str, xml: Element) -> None:
        self._login.turn(name, xml)
        if self._login.done:
            self.features.add("mechanisms")
            self.init_parser()
            self.outlet.say(self.stream_header)

    def _bound(self, jid: Any) -> None:
        asked = jids.bare(self._account.jid)
        if jid.bare != asked:  # as a client certificate of somebody else brings about
            self.fail(Refused(f"the server let us in as {jid.bare}, not as {asked}", code="not-authorized"))
        else:
            self._established = True

    def _negotiated(self, _: object) -> None:
        if self._established:
            self._up("new")

    def _up(self, outcome: Outcome) -> None:
        if not self.ready.done():
            self.ready.set_result(outcome)
            self._tell(outcome)
            early, self._early = self._early, []
            for xml, fault in early:
                self._receive(xml, fault)

    def _manage(self, _: object) -> bool:
        """Ask for stream management: to resume before binding, to begin after it."""
        if self._established:
            self.outlet.say(self._acks.enable())
        elif self._acks.resumption:
            self.outlet.say(self._acks.resume())
        else:
            return False
        return True

    def _on_management(self, name: str, xml: Element) -> None:
        acks = self._acks
        if name == "a":
            acks.acknowledge(xml.get("h"))
            self.outlet.throttle()
        elif name == "r":
            self.outlet.say(acks.answer())
        elif name == "enabled":
            acks.enabled(xml.get("id"), xml.get("resume"), xml.get("max"))
            self._negotiated(None)
        elif name == "resumed":
            if self._established or not acks.resumption:
                raise StreamFault("unsupported-stanza-type", "a session was resumed that is none")
            self._established = True
            for text in acks.resumed(xml.get("h")):
                self.outlet.write(text)
            self._up("resumed")
        elif name == "failed" and self._established:
            acks.forget()
            self._negotiated(None)
        elif name == "failed":
            acks.forget()
            # The old session is over: go on to bind a resource, as the same features allow.
            self._negotiation = asyncio.get_running_loop().create_task(self._handle_stream_features(self._features))

    # Reading

    def init_parser(self) -> None:
        """Begin a new stream on the same connection, as after TLS and after the login."""
        self._upgrading = False
        self._reader = StanzaReader(self._limits)
        self.parser = self._reader  # slixmpp asks only whether there is one

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None or self._upgrading:
            return
        self.heard = self.loop.time()
        try:
            for part in reader.feed(data):
                if isinstance(part, Opened):
                    self.start_stream_handler(part.root)
                elif isinstance(part, Closed):
                    self._closed_by_server()
                else:
                    self._take(part.xml, part.fault)
                if self._reader is not reader or self._upgrading:
                    # What was sent in clear behind the server's consent to TLS would pass for protected.
                    return
        except StreamFault as fault:
            self._broken(fault)
        except Malformed as error:
            self._broken(StreamFault("undefined-condition", error.message))
        except RemoteError as error:
            self.fail(error)

    def _take(self, xml: Element, fault: str | None) -> None:
        namespace, _, name = xml.tag[1:].rpartition("}")
        if namespace == stanza.CLIENT and self._established:
            if self.ready.done():
                self._acks.received()
                self._receive(xml, fault)
            elif name == "iq" and xml.get("type") in _RESULTS:
                super()._spawn_event(xml)
            elif len(self._early) < _MOST_EARLY:
                # Others reach us as soon as the resource is bound. What they ask is for the session that is about to
                # begin: taken now, the answer would be one of the session before, and be lost with it.
                self._early.append((xml, fault))
        elif fault:
            raise StreamFault("policy-violation", f"{name} of the server: {fault}")
        elif namespace == management.NAMESPACE:
            self._on_management(name, xml)
        elif namespace == sasl.NAMESPACE:
            self._on_sasl(name, xml)
        elif namespace == _STREAMS and name == "error":
            self._stream_error(xml)
        elif namespace == stanza.CLIENT and xml.get("type") == "error":
            refused = stanza.refusal(xml)
            self.fail(
                NotReachable(f"the server binds no resource for {self._account.jid}: {refused}", code=refused.code)
            )
        elif not self._established:
            self._upgrading = name == "proceed"
            super()._spawn_event(xml)

    def _stream_error(self, xml: Element) -> None:
        conditions = [child.tag.rpartition("}")[2] for child in xml if child.tag.startswith("{" + _STREAM_ERRORS)]
        self.condition = next((each for each in conditions if each != "text"), "undefined-condition")
        text = (xml.findtext(f"{{{_STREAM_ERRORS}}}text") or "")[:200]
        if self.condition not in _HARMLESS:
            self._acks.forget()
        self.fail(NotReachable(f"the server ended the stream: {self.condition} {text}".rstrip(), code=self.condition))

    def _broken(self, fault: StreamFault) -> None:
        """Leave a stream that cannot be trusted any more, for good: resumed, it would bring the same again."""
        self._acks.forget()
        self.condition = fault.condition
        self.outlet.say(f'<stream:error><{fault.condition} xmlns="{_STREAM_ERRORS}"/></stream:error></stream:stream>')
        self.fail(NotReachable(f"{self._account.address} broke the protocol: {fault.message}", code=fault.condition))

    def _closed_by_server(self) -> None:
        self.outlet.write(b"</stream:stream>")
        if self.transport is not None:
            self.disconnect_reason = "the server closed the stream"
            self.outlet.flush()
            self.transport.close()

    def connection_lost(self, error: BaseException | None) -> None:
        if isinstance(error, ssl.SSLError):
            self._tls_failed(error)
        self._over(self.disconnect_reason or str(error or "the server closed the connection"))

    # What slixmpp and the transport ask of us

    def send(self, data: Any, use_filters: bool = True) -> None:
        """Send what slixmpp itself has to say during the negotiation, at once and in order."""
        self.outlet.say(data if isinstance(data, str) else tostring(data.xml, self.default_ns, self, top_level=True))

    def send_raw(self, data: str | bytes) -> None:
        self.outlet.write(data.encode() if isinstance(data, str) else data)

    def pause_writing(self) -> None:
        self.outlet.pause(True)

    def resume_writing(self) -> None:
        self.outlet.pause(False)
