"""Presence: who is told of whom (RFC 6121 clauses 3 and 4)."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import Refused
from . import jid as jids
from .accounts import Account, Directory, Session
from .roster import OUTBOUND, Item, Sub
from .stanza import Stanza
from .text import CLIENT, ROSTER, quote

_PRIORITY = f"{{{CLIENT}}}priority"


class Presence:
    """The presence of all sessions of one domain."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._pushes = 0

    def handle(self, session: Session, stanza: Stanza) -> None:
        """Take a presence stanza from the client of `session`."""
        kind = stanza.type
        if kind in OUTBOUND and stanza.to:
            self._subscription(session, stanza)
        elif kind in ("", "unavailable"):
            if stanza.to:
                self._direct(session, stanza)
            elif kind:
                self.leave(session, stanza)
            else:
                self._appear(session, stanza)
        elif kind == "probe" and stanza.to:
            self._probe(session, jids.parse(stanza.to).bare)
        elif kind == "error" and stanza.to:
            self._pass(stanza)
        else:
            session.deliver(stanza.error("bad-request"))

    def leave(self, session: Session, stanza: Stanza | None = None) -> None:
        """The session is not available any more: say so to all who think that it is."""
        was, session.presence = session.presence, None
        directed, session.directed = session.directed, set()
        render = _unavailable(session, stanza)
        if stanza is not None:
            session.deliver(render(session.account.bare))
        if was is not None:
            self._broadcast(session, render)
        roster = session.account.roster
        for to in directed:
            bare = jids.parse(to).bare
            if was is not None and (bare == session.account.bare or roster.state(bare) & Sub.FROM):
                continue  # the broadcast has reached it
            for other in self._reached(to):
                other.deliver(render(to))

    def push(self, account: Account, item: Item, *, removed: bool = False) -> None:
        """Tell the clients of `account` that this contact has changed (RFC 6121 clause 2.1.6)."""
        self._directory.changed = True
        if not (item.listed or removed):
            return
        xml = f"<item jid={quote(item.jid)} subscription='remove'/>" if removed else item.xml()
        for session in account.interested():
            self._pushes += 1
            head = f"<iq type='set' id='push-{self._pushes}' to={quote(session.full)}>"
            session.deliver(f"{head}<query xmlns='{ROSTER}'>{xml}</query></iq>".encode())

    def forget(self, account: Account, item: Item) -> None:
        """A contact was removed from the roster: end the subscriptions in both directions (clause 2.5.2)."""
        if item.state & (Sub.TO | Sub.ASKED):
            self._arrive(account, item.jid, "unsubscribe", _notice("unsubscribe", account.bare, item.jid))
        if item.state & (Sub.FROM | Sub.ASKING):
            self._hide(account, item.jid)
            self._arrive(account, item.jid, "unsubscribed", _notice("unsubscribed", account.bare, item.jid))

    # Availability

    def _appear(self, session: Session, stanza: Stanza) -> None:
        priority = _priority(stanza)
        if priority is None:
            session.deliver(stanza.error("bad-request"))
            return
        initial = session.presence is None
        session.presence, session.priority = stanza, priority
        session.deliver(stanza.addressed(session.full, session.account.bare))
        self._broadcast(session, lambda to: stanza.addressed(session.full, to))
        if initial:
            self._inform(session)

    def _inform(self, session: Session) -> None:
        """Show a session that has just become available who else is, and what was asked meanwhile."""
        account = session.account
        for other in account.available():
            if other is not session and other.presence is not None:
                session.deliver(other.presence.addressed(other.full, account.bare))
        for item in account.roster:
            if item.state & Sub.TO:
                self._probe(session, item.jid)
            if item.state & Sub.ASKING:
                session.deliver(item.request.encode())

    def _broadcast(self, session: Session, render: Callable[[str], bytes]) -> None:
        account = session.account
        for other in account.available():
            if other is not session:
                other.deliver(render(account.bare))
        for item in account.roster:
            if item.state & Sub.FROM and (contact := self._directory.get(item.jid)):
                watchers = contact.available()
                data = render(item.jid) if watchers else b""
                for other in watchers:
                    other.deliver(data)

    def _probe(self, session: Session, bare: str) -> None:
        contact = self._directory.get(bare)
        if contact is None or not contact.roster.state(session.account.bare) & Sub.FROM:
            return
        for other in contact.available():
            if other.presence is not None:
                session.deliver(other.presence.addressed(other.full, session.account.bare))

    def _direct(self, session: Session, stanza: Stanza) -> None:
        to = jids.parse(stanza.to).full
        reached = self._reached(to)
        if stanza.type:
            session.directed.discard(to)
        elif reached:
            session.directed.add(to)
        for other in reached:
            other.deliver(stanza.data, stanza)

    def _reached(self, to: str) -> list[Session]:
        if session := self._directory.sessions.get(to):
            return [session]
        account = self._directory.get(to)
        return account.available() if account else []

    def _pass(self, stanza: Stanza) -> None:
        if session := self._directory.sessions.get(jids.parse(stanza.to).full):
            session.deliver(stanza.data, stanza)

    # Subscriptions

    def _subscription(self, session: Session, stanza: Stanza) -> None:
        account, kind, contact = session.account, stanza.type, jids.parse(stanza.to).bare
        if contact == account.bare:
            return
        try:
            item = account.roster.send(contact, kind)
        except Refused as error:
            session.deliver(stanza.error(error.code or "not-allowed"))
            return
        if item:
            self.push(account, item)
        if kind == "unsubscribed" and item:
            self._hide(account, contact)
        if item or kind in ("subscribe", "unsubscribe"):
            self._arrive(account, contact, kind, stanza.addressed(account.bare, contact))
        if kind == "subscribed" and item:
            self._show(account, contact)

    def _arrive(self, sender: Account, to: str, kind: str, data: bytes) -> None:
        """A subscription stanza of `sender` reaches the contact."""
        contact = self._directory.get(to)
        if contact is None:
            if kind == "subscribe":
                self._return(sender, to, "unsubscribed")
            return
        if kind == "subscribe" and contact.roster.state(sender.bare) & Sub.FROM:
            self._return(sender, to, "subscribed")
            self._show(contact, sender.bare)
            return
        try:
            item = contact.roster.receive(sender.bare, kind, data.decode())
        except Refused:
            return  # a request that a full roster has no room for is as good as unanswered
        if item is None:
            return
        told = contact.available()
        told += [] if kind == "subscribe" else [session for session in contact.interested() if session not in told]
        for session in told:
            session.deliver(data)
        self.push(contact, item)
        if kind == "unsubscribe":
            self._hide(contact, sender.bare)

    def _return(self, asker: Account, contact: str, kind: str) -> None:
        """Answer a request in the contact's place."""
        if item := asker.roster.receive(contact, kind):
            for session in asker.available():
                session.deliver(_notice(kind, contact, asker.bare))
            self.push(asker, item)

    def _show(self, account: Account, to: str) -> None:
        if watcher := self._directory.get(to):
            for session in watcher.available():
                self._probe(session, account.bare)

    def _hide(self, account: Account, to: str) -> None:
        if watcher := self._directory.get(to):
            for session in account.available():
                for other in watcher.available():
                    other.deliver(_notice("unavailable", session.full, to))


def _notice(kind: str, sender: str, to: str) -> bytes:
    return f"<presence type='{kind}' from={quote(sender)} to={quote(to)}/>".encode()


def _unavailable(session: Session, stanza: Stanza | None) -> Callable[[str], bytes]:
    if stanza is not None:
        return lambda to: stanza.addressed(session.full, to)
    return lambda to: _notice("unavailable", session.full, to)


def _priority(stanza: Stanza) -> int | None:
    """Return the priority of a presence stanza (RFC 6121 clause 4.7.2.3); None if it is none."""
    if b"priority" not in stanza.element.raw:
        return 0
    text = (stanza.element.tree().findtext(_PRIORITY) or "0").strip()
    try:
        value = int(text)
    except ValueError:
        return None
    return value if -128 <= value <= 127 else None
