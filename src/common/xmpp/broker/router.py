"""Where a stanza goes (RFC 6120 clause 10, RFC 6121 clause 8)."""

from __future__ import annotations

from ...errors import Refused
from . import jid as jids
from .accounts import Account, Directory, Session
from .jid import BadJid, Jid
from .presence import Presence
from .scanner import Element
from .services import Services
from .stanza import Stanza
from .text import IQ, MESSAGE, PRESENCE

KINDS = {IQ: "iq", MESSAGE: "message", PRESENCE: "presence"}
_MESSAGE_TYPES = frozenset({"chat", "normal", "groupchat", "headline", "error"})

# RFC 6121 clause 8.5.4, where a message goes that no session is the exact match of: to the best of the account's
# sessions, to all of them, back as an error, or nowhere. There is no offline storage here.
_FALLBACK = {
    # type: (to a bare JID, to a full JID without a match)
    "normal": ("best", "error"),
    "chat": ("best", "best"),
    "headline": ("all", "drop"),
    "groupchat": ("error", "error"),
    "error": ("drop", "drop"),
}


class ForgedSender(Refused):
    """A client claims to be somebody else (RFC 6120 clause 8.1.2.1)."""

    def __init__(self, claimed: str) -> None:
        super().__init__(f"the sender is not {claimed[:80]!r}", code="invalid-from")


class Router:
    """Takes stanzas from sessions and delivers them to sessions."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.presence = Presence(directory)
        self._services = Services(directory, self.presence)

    def route(self, session: Session, element: Element, lang: str = "") -> None:
        """Take a stanza from the client of `session`; raise `ForgedSender`."""
        get = element.attributes.get
        claimed = get("from")
        if claimed is not None and claimed != session.full and claimed != session.account.bare:
            _check_sender(session, claimed)
        kind, to = KINDS[element.name], get("to", "")
        stanza = Stanza(kind, get("type", ""), get("id", ""), to, session.full, element, "" if kind == "iq" else lang)
        if kind == "iq" and not _well_formed(stanza):
            if stanza.type != "error":
                session.deliver(stanza.error("bad-request"))
        elif kind != "presence" and (exact := self._directory.sessions.get(to)):
            exact.deliver(stanza.data, stanza)
        else:
            self._by_address(session, stanza)

    def abandoned(self, stanza: Stanza) -> None:
        """Find another way for a stanza that its receiver never acknowledged (XEP-0198 clause 4).

        It may have been received all the same, so that a request is never given to anybody else: its sender is told.
        """
        sender = self._directory.sessions.get(stanza.sender)
        if stanza.kind == "message":
            to = jids.parse(stanza.to or (sender.account.bare if sender else self._directory.domain))
            self._message(sender, stanza, to)
        elif stanza.kind == "iq" and stanza.type in ("get", "set") and sender:
            sender.deliver(stanza.error("recipient-unavailable"))

    def _by_address(self, session: Session, stanza: Stanza) -> None:
        try:
            to = jids.parse(stanza.to) if stanza.to else None
        except BadJid:
            _refuse(session, stanza, "jid-malformed")
            return
        if to is not None and to.domain != self._directory.domain:
            _refuse(session, stanza, "remote-server-not-found")
        elif stanza.kind == "presence":
            self.presence.handle(session, stanza)
        elif stanza.kind == "message":
            self._message(session, stanza, to or jids.parse(session.account.bare))
        else:
            self._iq(session, stanza, to)

    def _iq(self, session: Session, stanza: Stanza, to: Jid | None) -> None:
        exact = self._directory.sessions.get(to.full) if to else None
        if exact:
            exact.deliver(stanza.data, stanza)
        elif stanza.type in ("result", "error"):
            return  # to the server: the answer to a roster push; to anybody else: too late
        elif to is None or to.full == session.account.bare:
            self._services.own(session, stanza)
        elif to.resource:
            session.deliver(stanza.error("service-unavailable"))
        elif to.local:
            self._services.other(session, stanza, self._directory.get(to.bare))
        else:
            self._services.server(session, stanza)

    def _message(self, sender: Session | None, stanza: Stanza, to: Jid) -> None:
        if exact := self._directory.sessions.get(to.full):
            exact.deliver(stanza.data, stanza)
            return
        type_ = stanza.type if stanza.type in _MESSAGE_TYPES else "normal"
        way = _FALLBACK[type_][1 if to.resource else 0]
        sessions = _willing(self._directory.get(to.bare))
        if way == "best" and sessions:
            best = max(session.priority for session in sessions)
            sessions = [session for session in sessions if session.priority == best]
        if way in ("best", "all") and sessions:
            for session in sessions:
                session.deliver(stanza.data, stanza)
        elif way in ("best", "error") and sender:
            sender.deliver(stanza.error("service-unavailable"))


def _willing(account: Account | None) -> list[Session]:
    """The sessions that take messages to the bare JID: a negative priority says no."""
    return [session for session in account.available() if session.priority >= 0] if account else []


def _check_sender(session: Session, claimed: str) -> None:
    try:
        same = jids.parse(claimed).full in (session.full, session.account.bare)
    except BadJid:
        same = False
    if not same:
        raise ForgedSender(claimed)


def _well_formed(iq: Stanza) -> bool:
    """RFC 6120 clause 8.2.3."""
    if not iq.id:
        return False
    return iq.element.children == 1 if iq.type in ("get", "set") else iq.type in ("result", "error")


def _refuse(session: Session, stanza: Stanza, condition: str) -> None:
    # An error is never answered with an error, nor is a result (RFC 6120 clauses 8.3.1 and 8.2.3).
    if stanza.type not in ("error", "result"):
        session.deliver(stanza.error(condition))
