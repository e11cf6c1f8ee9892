"""What the broker itself answers: rosters, service discovery (XEP-0030), ping (XEP-0199), the old session request.

An iq reaches this room when it is for the server, for the sender's own account, or for somebody else's account.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

from ...errors import Refused
from . import jid as jids
from .accounts import Account, Directory, Session
from .jid import BadJid
from .presence import Presence
from .roster import Sub
from .stanza import Stanza
from .text import BIND, DISCO_INFO, DISCO_ITEMS, PING, ROSTER, SESSION, quote

NAME = "JanusGrid broker (not for production)"
_MAX_TEXT = 1023  # RFC 6121 clause 2.3.3 lets a server bound names and groups
_ITEM = f"{{{ROSTER}}}item"
_GROUP = f"{{{ROSTER}}}group"
_FEATURES = "".join(f"<feature var='{feature}'/>" for feature in (DISCO_INFO, DISCO_ITEMS, PING))

Service = Callable[[Session, Stanza], bytes]
"""Returns the answer; raises `Refused` with the condition of the stanza error as its code."""


class Services:
    """The answers of the server and of accounts."""

    def __init__(self, directory: Directory, presence: Presence) -> None:
        self._directory = directory
        self._presence = presence
        self._server: dict[tuple[str, str], Service] = {
            ("get", f"{{{DISCO_INFO}}}query"): self._server_info,
            ("get", f"{{{DISCO_ITEMS}}}query"): self._server_items,
            ("get", f"{{{PING}}}ping"): _done,
            ("set", f"{{{SESSION}}}session"): _done,
        }
        self._own: dict[tuple[str, str], Service] = {
            ("get", f"{{{ROSTER}}}query"): self._roster_get,
            ("set", f"{{{ROSTER}}}query"): self._roster_set,
            ("get", f"{{{PING}}}ping"): _done,
            ("set", f"{{{SESSION}}}session"): _done,
            ("get", f"{{{DISCO_INFO}}}query"): self._account_info,
            ("get", f"{{{DISCO_ITEMS}}}query"): self._account_items,
            ("set", f"{{{BIND}}}bind"): _not_allowed,
        }
        self._other: dict[tuple[str, str], Service] = {
            ("get", f"{{{DISCO_INFO}}}query"): self._account_info,
            ("get", f"{{{DISCO_ITEMS}}}query"): self._account_items,
            ("get", f"{{{PING}}}ping"): _done,
        }

    def server(self, session: Session, stanza: Stanza) -> None:
        """Answer a request to the server."""
        self._answer(self._server, session, stanza)

    def own(self, session: Session, stanza: Stanza) -> None:
        """Answer a request to the sender's own account."""
        self._answer(self._own, session, stanza)

    def other(self, session: Session, stanza: Stanza, account: Account | None) -> None:
        """Answer a request to another account: only to those who see its presence, and to others as if there were
        no such account."""
        allowed = account is not None and account.roster.state(session.account.bare) & Sub.FROM
        self._answer(self._other if allowed else {}, session, stanza)

    def _answer(self, table: dict[tuple[str, str], Service], session: Session, stanza: Stanza) -> None:
        service = table.get((stanza.type, stanza.element.child))
        if service is None:
            session.deliver(stanza.error("service-unavailable"))
            return
        try:
            session.deliver(service(session, stanza))
        except (Refused, BadJid) as error:
            session.deliver(stanza.error(error.code or "not-allowed"))

    def _server_info(self, session: Session, stanza: Stanza) -> bytes:
        _without_node(stanza)
        identity = f"<identity category='server' type='im' name={quote(NAME)}/>"
        return stanza.result(f"<query xmlns='{DISCO_INFO}'>{identity}{_FEATURES}</query>")

    def _server_items(self, session: Session, stanza: Stanza) -> bytes:
        _without_node(stanza)
        return stanza.result(f"<query xmlns='{DISCO_ITEMS}'/>")

    def _account_info(self, session: Session, stanza: Stanza) -> bytes:
        _without_node(stanza)
        identity = "<identity category='account' type='registered'/>"
        return stanza.result(f"<query xmlns='{DISCO_INFO}'>{identity}{_FEATURES}</query>")

    def _account_items(self, session: Session, stanza: Stanza) -> bytes:
        _without_node(stanza)
        account = self._directory.get(jids.parse(stanza.to).bare) if stanza.to else session.account
        sessions = account.available() if account else []
        items = "".join(f"<item jid={quote(other.full)}/>" for other in sessions)
        return stanza.result(f"<query xmlns='{DISCO_ITEMS}'>{items}</query>")

    def _roster_get(self, session: Session, stanza: Stanza) -> bytes:
        session.interested = True
        items = "".join(item.xml() for item in session.account.roster if item.listed)
        return stanza.result(f"<query xmlns='{ROSTER}'>{items}</query>")

    def _roster_set(self, session: Session, stanza: Stanza) -> bytes:
        items = stanza.element.tree()[0].findall(_ITEM)
        if len(items) != 1:
            raise Refused("a roster set has exactly one item", code="bad-request")
        account, contact = session.account, jids.parse(items[0].get("jid", "")).bare
        if contact == account.bare:
            raise Refused("an account is not its own contact", code="not-allowed")
        if items[0].get("subscription") == "remove":
            removed = account.roster.remove(contact)
            if removed is None:
                raise Refused("no such contact", code="item-not-found")
            self._presence.push(account, removed, removed=True)
            self._presence.forget(account, removed)
        else:
            name, groups = _named(items[0])
            self._presence.push(account, account.roster.put(contact, name, groups))
        return stanza.result()


def _named(item: Element) -> tuple[str, tuple[str, ...]]:
    name = item.get("name", "")
    groups = tuple(group.text or "" for group in item.findall(_GROUP))
    if len(groups) != len(set(groups)):
        raise Refused("the same group twice", code="bad-request")
    if "" in groups or len(groups) > 100 or any(len(text) > _MAX_TEXT for text in (name, *groups)):
        raise Refused("a group without a name, too many groups, or a text too long", code="not-acceptable")
    return name, groups


def _without_node(stanza: Stanza) -> None:
    if stanza.element.tree()[0].get("node"):
        raise Refused("the server has no nodes", code="item-not-found")


def _done(session: Session, stanza: Stanza) -> bytes:
    return stanza.result()


def _not_allowed(session: Session, stanza: Stanza) -> bytes:
    raise Refused("a resource is bound already", code="not-allowed")
