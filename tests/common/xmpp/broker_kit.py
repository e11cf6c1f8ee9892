"""Peers that drive the broker's core in memory: they log in as a client does, and read what they are sent as XML."""

from __future__ import annotations

import base64
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from janusgrid.common.xmpp.broker.accounts import Directory
from janusgrid.common.xmpp.broker.core import Core
from janusgrid.common.xmpp.broker.limits import Limits
from janusgrid.common.xmpp.broker.sasl import Keys
from scramp import ScramClient

DOMAIN = "site.example"
PASSWORD = "open sesame"
KEYS = Keys.of(PASSWORD)
HEADER = (
    f"<stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
CLIENT = "{jabber:client}"
STREAM = "{http://etherx.jabber.org/streams}"
SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"
SM = "{urn:xmpp:sm:3}"
BIND = "{urn:ietf:params:xml:ns:xmpp-bind}"
ROSTER = "{jabber:iq:roster}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
STREAMS = "{urn:ietf:params:xml:ns:xmpp-streams}"


class World:
    """A core, its accounts, and a clock that stands still until it is told."""

    def __init__(self, *users: str, limits: Limits | None = None) -> None:
        self.now = 1000.0
        self.limits = limits or Limits()
        self.directory = Directory(DOMAIN, self.limits.roster_items)
        for user in users:
            self.directory.add(user, KEYS)
        self.core = Core(self.directory, self.limits)

    def befriend(self, *users: str) -> None:
        """Let these users see each other."""
        for user in users:
            for other in users:
                if other != user:
                    account = self.directory.get(f"{user}@{DOMAIN}")
                    assert account is not None
                    account.roster.befriend(f"{other}@{DOMAIN}", other, ())

    def advance(self, seconds: float) -> None:
        """Let time pass, as whoever owns the connections does."""
        end = self.now + seconds
        while (deadline := self.core.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.core.tick(self.now)
        self.now = end

    def connect(self) -> Peer:
        """A new connection, nothing sent yet."""
        return Peer(self)

    def login(self, user: str, resource: str = "r", *, present: bool = False) -> Peer:
        """A client with a bound resource; `present` if it has sent presence."""
        peer = Peer(self)
        peer.authenticate(user)
        peer.bind(resource)
        if present:
            peer.send("<presence/>")
            peer.read()
        return peer


class Peer:
    """A client without a socket."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stream = world.core.connect(world.now)
        self.jid = ""
        self.header = HEADER
        self._fresh()

    def _fresh(self) -> None:
        self._parser = ElementTree.XMLPullParser(("start", "end"))
        self._depth = 0
        self._unread: list[Element] = []

    def send(self, text: str | bytes) -> None:
        """Send bytes to the broker."""
        data = text.encode() if isinstance(text, str) else text
        self.world.core.receive(self.stream, data, self.world.now)

    def taken(self) -> bytes:
        """Return what the broker has sent since the last call, as bytes."""
        return self.stream.take()

    def read(self) -> list[Element]:
        """Return the complete first-level elements that the broker has sent since the last call."""
        self._parser.feed(self.taken())
        found, self._unread = self._unread, []
        for kind, element in self._parser.read_events():
            if kind == "start":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 1:
                    found.append(element)
        return found

    def one(self) -> Element:
        """Return the only element that the broker has sent."""
        elements = self.read()
        assert len(elements) == 1, [ElementTree.tostring(element) for element in elements]
        return elements[0]

    def ask(self, text: str) -> Element:
        """Send and return the only answer."""
        self.send(text)
        return self.one()

    def open(self) -> Element:
        """Open a stream and return the features."""
        self._fresh()
        return self.ask(self.header)

    def secure(self) -> Element:
        """Go up to the point where mechanisms are offered."""
        self.open()
        assert self.ask("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").tag == TLS + "proceed"
        self.world.core.secured(self.stream, self.world.now)
        return self.open()

    def authenticate(self, user: str, password: str = PASSWORD) -> Element:
        """Go up to the point where binding is offered; return the features, or the failure."""
        self.secure()
        scram = ScramClient(["SCRAM-SHA-256"], user, password)
        answer = self.ask(auth(scram.get_client_first()))
        assert answer.tag == SASL + "challenge"
        scram.set_server_first(base64.b64decode(answer.text or "").decode())
        answer = self.ask(response(scram.get_client_final()))
        if answer.tag != SASL + "success":
            return answer
        scram.set_server_final(base64.b64decode(answer.text or "").decode())
        return self.open()

    def bind(self, resource: str = "") -> Element:
        """Bind a resource and return the answer."""
        wanted = f"<resource>{resource}</resource>" if resource else ""
        self.send(f"<iq type='set' id='bind'><bind xmlns='{BIND[1:-1]}'>{wanted}</bind></iq>")
        answer, *self._unread = self.read()
        self.jid = answer.findtext(f"{BIND}bind/{BIND}jid") or ""
        return answer

    def enable(self) -> str:
        """Enable stream management and return the token."""
        return self.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").get("id", "")

    def resume(self, token: str, count: int) -> list[Element]:
        """Ask to go on with a session."""
        self.send(f"<resume xmlns='urn:xmpp:sm:3' previd='{token}' h='{count}'/>")
        return self.read()

    def roster(self) -> dict[str, str]:
        """Ask for the roster; return the subscription by JID, with a `?` where an answer is awaited."""
        self.read()
        result = self.ask("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
        return {item.get("jid", ""): described(item) for item in result.iter(ROSTER + "item")}

    def lose(self) -> None:
        """The connection breaks."""
        self.world.core.lost(self.stream, self.world.now)


def auth(message: str, mechanism: str = "SCRAM-SHA-256") -> str:
    """Return the auth element with this message."""
    return f"<auth xmlns='{SASL[1:-1]}' mechanism='{mechanism}'>{base64.b64encode(message.encode()).decode()}</auth>"


def response(message: str) -> str:
    """Return the response element with this message."""
    return f"<response xmlns='{SASL[1:-1]}'>{base64.b64encode(message.encode()).decode()}</response>"


def described(item: Element) -> str:
    """Return a roster item's subscription, with a `?` where an answer is awaited."""
    return item.get("subscription", "") + ("?" if item.get("ask") else "")


def condition(stanza: Element) -> str:
    """Return the condition of a stanza error or a stream error, empty if it is none."""
    if stanza.tag == STREAM + "error":
        return stanza[0].tag.partition("}")[2]
    fault = stanza.find(CLIENT + "error")
    return fault[0].tag.partition("}")[2] if stanza.get("type") == "error" and fault is not None else ""
