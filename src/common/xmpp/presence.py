"""Who is there: presence and roster of the peers we deal with (RFC 6121), no others.

The server tells the truth about who sent a presence, but lets everybody send us one. What counts here is the presence
of peers we know: those we subscribed to, announced ourselves to, or were told of by the policy `allow`. Whom our
account follows since an earlier session is kept in mind, and told once somebody asks for all contacts.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

from . import jid as jids
from . import stanza
from .guard import Refusals
from .session import PresenceListener

ROSTER = "jabber:iq:roster"
Allow = Callable[[str], bool]
"""Given a bare JID in normal form: may this peer see our presence, and does its presence matter to us?"""


def nobody(_: str) -> bool:
    """The default policy: only peers that we named ourselves."""
    return False


class Peers:
    """The availability of peers and the state of the subscriptions between them and us."""

    def __init__(self, own: str, allow: Allow, refusals: Refusals) -> None:
        self._allow = allow
        self._refusals = refusals
        self._wanted: dict[str, None] = {}  # ordered set: subscriptions are asked for in the order of the calls
        self._announced: dict[str, None] = {}
        self._own = jids.bare(own)
        self._known: set[str] = {self._own}  # the bare JIDs of both
        self._all_contacts = False
        self._roster: dict[str, str] = {}
        self._available: dict[str, set[str]] = {}
        self._listeners: list[PresenceListener] = []

    # What the application asks

    def available(self, jid: str) -> bool:
        """Return whether this full JID (normal form) is there; for a bare JID, whether any resource of it is."""
        present = self._available.get(jids.bare(jid), set()) if self._matters(jid) else set()
        return jid in present if jids.resource(jid) else bool(present)

    def present(self) -> tuple[str, ...]:
        """Return the full JIDs that are there, in order; none of our own account."""
        others = (
            jids_there for peer, jids_there in self._available.items() if self._matters(peer) and peer != self._own
        )
        return tuple(sorted(jid for jids_there in others for jid in jids_there))

    def contacts(self) -> tuple[str, ...]:
        """Return the bare JIDs that our account follows, in order; listeners hear of all of them from now on."""
        self._all_contacts = True
        return tuple(sorted(peer for peer in self._roster if self._follows(peer)))

    def listen(self, listener: PresenceListener) -> Callable[[], None]:
        """Call `listener` at each change; return what removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def want(self, jid: str) -> tuple[str, ...]:
        """Wish for a mutual subscription with `jid`; return the stanzas to send now."""
        peer = jids.bare(jid)
        self._wanted[peer] = None
        self._come_to_know(peer)
        return self._subscription(peer)

    def expect(self, jid: str) -> None:
        """Grant `jid` a mutual subscription once it asks for one."""
        self._come_to_know(jids.bare(jid))

    def announce(self, jid: str) -> str:
        """Show ourselves to `jid` directly, without a roster; return the stanza to send now."""
        self._announced[jid] = None
        self._known.add(jids.bare(jid))
        return stanza.presence(to=jid)

    def knows(self, jid: str) -> bool:
        """Return whether the presence of this peer matters to us."""
        peer = jids.bare(jid)
        return peer in self._known or self._allow(peer)

    # The course of the session

    def entrance(self) -> tuple[str, ...]:
        """Return the presence stanzas that begin a session, once the roster was taken over."""
        subscriptions = [text for peer in self._wanted for text in self._subscription(peer)]
        return stanza.presence(), *(stanza.presence(to=jid) for jid in self._announced), *subscriptions

    def exit(self) -> tuple[str, ...]:
        """Return the presence stanzas that end it."""
        return *(stanza.presence("unavailable", jid) for jid in self._announced), stanza.presence("unavailable")

    def gone(self) -> None:
        """Our session is lost: for us, nobody is there any more."""
        for peer in list(self._available):
            self._absent(peer)

    def take_roster(self, query: Element | None) -> None:
        """Replace the roster by what the server keeps."""
        self._roster.clear()
        if query is not None:
            self.update_roster(query)

    def update_roster(self, query: Element) -> None:
        """Apply the items of a roster result or of a push that came from our own server."""
        for item in query.iter(f"{{{ROSTER}}}item"):
            peer, subscription = item.get("jid", ""), item.get("subscription", "none")
            if subscription == "remove":
                self._roster.pop(peer, None)
            elif peer:
                self._roster[peer] = subscription

    # What comes in

    def receive(self, xml: Element, own: str) -> tuple[str, ...]:
        """Take a presence stanza and return the stanzas that answer it; `own` is our full JID."""
        sender, kind = xml.get("from", ""), xml.get("type", "")
        if sender in ("", own):
            return ()  # the server reflects our own presence
        if kind == "subscribe":
            return self._asked(jids.bare(sender))
        if kind in ("", "unavailable", "error") and (self.knows(sender) or self._follows(sender)):
            # An error is the answer to our own presence: the peer, or its server, cannot be reached.
            if kind:
                self._absent(sender)
            else:
                self._present(sender)
        elif kind in ("", "error"):
            self._refusals.note("presence-not-allowed", sender)
        return ()

    def _asked(self, peer: str) -> tuple[str, ...]:
        if not self.knows(peer):
            self._refusals.note("subscription-not-allowed", peer, "those whom `allow` names may see our presence")
            return (stanza.presence("unsubscribed", peer),)
        self._wanted.setdefault(peer, None)
        return (stanza.presence("subscribed", peer), *self._subscription(peer))

    def _follows(self, jid: str) -> bool:
        """Return whether our account is subscribed to this peer: perhaps another session of it has asked for that."""
        return self._roster.get(jids.bare(jid)) in ("to", "both")

    def _come_to_know(self, peer: str) -> None:
        news = () if self._matters(peer) else tuple(sorted(self._available.get(peer, ())))
        self._known.add(peer)
        for each in news:
            self._tell(each, True)

    def _matters(self, jid: str) -> bool:
        """Return whether listeners are to hear of this peer."""
        return self._all_contacts or self.knows(jid)

    def _subscription(self, peer: str) -> tuple[str, ...]:
        if self._follows(peer):
            return ()
        return (stanza.presence("subscribe", peer),)

    def _present(self, jid: str) -> None:
        present = self._available.setdefault(jids.bare(jid), set())
        if jid not in present and jids.resource(jid):
            present.add(jid)
            self._tell(jid, True)

    def _absent(self, jid: str) -> None:
        peer = jids.bare(jid)
        present = self._available.get(peer, set())
        left = {jid} & present if jids.resource(jid) else set(present)
        present -= left
        if not present:
            self._available.pop(peer, None)
        for each in sorted(left):
            self._tell(each, False)

    def _tell(self, jid: str, available: bool) -> None:
        if not self._matters(jid):
            return
        for listener in tuple(self._listeners):
            try:
                listener(jid, available)
            except Exception:  # a listener's fault is no reason to lose the stream
                self._refusals.failed("presence-listener-failed", jid)
