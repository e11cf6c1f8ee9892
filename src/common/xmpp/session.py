"""The session port: what a protocol binding sees of XMPP.

Both protocols share one session. A payload is the single child element of a stanza; it is routed to the handler that
was registered for its name (`"{namespace}local"`). Outgoing payloads are XML text, already rendered by the protocol's
own codec; incoming ones are elements already parsed and checked for depth and size by the adapter.

`request` is an `<iq type="get|set">` and waits for its result; `push` is a `<message>` and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Literal, Protocol
from xml.etree.ElementTree import Element

import attrs

from ..errors import Refused

IqKind = Literal["get", "set"]
MessageKind = Literal["normal", "chat"]
StanzaKind = Literal["get", "set", "normal", "chat"]


class StanzaRefused(Refused):
    """A stanza error (RFC 6120 clause 8.3): sent when a handler raises it, raised when a peer answers with it.

    `code` is the defined condition (`item-not-found`, `not-allowed`, ...), `kind` the error type
    (`cancel`, `continue`, `modify`, `auth`, `wait`).
    """

    def __init__(self, condition: str, message: str = "", *, kind: str = "cancel") -> None:
        super().__init__(message or condition, code=condition)
        self.kind = kind


@attrs.define(slots=True)
class Incoming:
    """A stanza that came in with a payload for us.

    Attributes:
        sender: the full JID as the server stamped it, never what the payload claims.
        kind: `get`, `set` (an answer is owed), `normal`, `chat` (none is).
        payload: the child element.
        id: the stanza id.
    """

    sender: str
    kind: StanzaKind
    payload: Element
    id: str


@attrs.frozen(slots=True)
class DiscoItem:
    """One item of service discovery (XEP-0030)."""

    jid: str
    node: str = ""
    name: str = ""


@attrs.frozen(slots=True)
class Identity:
    """What kind of entity one is (the registry of XEP-0030); of a program without a user, `client/bot`."""

    category: str = "client"
    type: str = "bot"
    name: str = "JanusGrid"


@attrs.frozen(slots=True)
class DiscoInfo:
    """What an entity says of itself (disco#info)."""

    identities: tuple[Identity, ...] = ()
    features: frozenset[str] = frozenset()


Handler = Callable[[Incoming], Awaitable[str | None]]
"""Given a stanza; returns the payload of the result as XML text, or None for an empty result (or for a message).

Raises `StanzaRefused` to answer with that stanza error; any other exception is answered `internal-server-error` and
logged, and never reaches the session."""

PresenceListener = Callable[[str, bool], None]
"""Called with a full JID and whether it is available now."""

LinkListener = Callable[[str], None]
"""Called with `"up"` (a new session), `"down"`, `"resumed"` (the old one goes on, nothing lost) or `"lost"`.

After `"down"` the session may still be resumed: peers stay as they were, pending requests wait. Once it is `"lost"` for
good (or closed), all peers are unavailable and pending requests have failed. Others may reach the next session, and be
reached, a moment before it is `"up"`: end at `"lost"` what hung on the old one."""


class Session(Protocol):
    """One logged-in XMPP session.

    It supervises itself: after a loss it comes back with back-off and jitter, and calls the link listeners.
    """

    @property
    def jid(self) -> str:
        """The full JID of this session, as bound by the server."""
        ...

    @property
    def connected(self) -> bool:
        """True while stanzas can be sent."""
        ...

    @property
    def max_octets(self) -> int:
        """The largest stanza that may be sent."""
        ...

    async def open(self) -> None:
        """Return when the session is up; raise `NotReachable` or `Refused` (`not-authorized`) if it cannot be."""
        ...

    async def close(self) -> None:
        """Leave: presence unavailable, stream closed, no reconnection. Pending requests fail with `NotReachable`."""
        ...

    async def request(
        self, to: str, payload: str | Callable[[], str], *, kind: IqKind = "set", timeout: float = 10.0
    ) -> Element | None:
        """Send an iq and return the payload of its result, None if the result is empty.

        `payload` is the text, or what makes it: that is called when the request is sent, which may be later.

        Raises:
            StanzaRefused: the peer or a server answered with a stanza error.
            TimedOut: no answer within `timeout` real seconds.
            NotReachable: the session is down, or went down for good before the answer came; or the peer left.
        Waits while too many requests are outstanding (bounded by the adapter's `max_outstanding`).
        """
        ...

    async def push(self, to: str, payload: str, *, kind: MessageKind = "normal") -> None:
        """Send a message with this payload; raise `NotReachable` if the session is down and the queue is full."""
        ...

    def handle(self, name: str, handler: Handler, *, kinds: Iterable[StanzaKind] = ("get", "set")) -> None:
        """Route payloads called `name` (`"{namespace}local"`), in stanzas of these kinds, to `handler`.

        One handler per name and kind: a second one raises `LocalError`. A payload nobody handles is answered
        `service-unavailable`.
        """
        ...

    def unhandle(self, name: str) -> None:
        """Stop routing payloads called `name`."""
        ...

    def on_presence(self, listener: PresenceListener) -> Callable[[], None]:
        """Call `listener` at each change of presence of a peer; return what removes it."""
        ...

    def on_link(self, listener: LinkListener) -> Callable[[], None]:
        """Call `listener` at each change of this session's own link; return what removes it."""
        ...

    def available(self, jid: str) -> bool:
        """Return whether this full JID has announced itself available."""
        ...

    def contacts(self) -> tuple[str, ...]:
        """Return the bare JIDs whose presence our account follows (its roster), in order.

        Listeners are told of all of them from now on, not only of those that this session has subscribed to.
        """
        ...

    def present(self) -> tuple[str, ...]:
        """Return the full JIDs that have announced themselves available, in order; none of the same account."""
        ...

    async def subscribe(self, jid: str) -> None:
        """Ask to see the presence of this bare JID, and let it see ours."""
        ...

    def expect(self, jid: str) -> None:
        """Let this bare JID see our presence, and ask to see its own, once it asks for ours."""
        ...

    def announce(self, *features: str) -> None:
        """Add features to our own disco#info."""
        ...

    def offer(self, node: str, items: Iterable[DiscoItem]) -> None:
        """Answer disco#items for `node` (`""` for none) with these items."""
        ...

    async def info(self, jid: str, *, timeout: float = 10.0) -> DiscoInfo:
        """Return what `jid` says of itself in disco#info: its identities and features."""
        ...

    async def features(self, jid: str, *, timeout: float = 10.0) -> frozenset[str]:
        """Return the features that `jid` lists in disco#info."""
        ...

    async def items(self, jid: str, node: str = "", *, timeout: float = 10.0) -> tuple[DiscoItem, ...]:
        """Return the items that `jid` lists in disco#items for `node`."""
        ...

    async def ping(self, jid: str, *, timeout: float = 5.0) -> bool:
        """Return whether `jid` answered a ping (XEP-0199); a stanza error from the entity itself is an answer."""
        ...
