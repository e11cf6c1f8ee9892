"""Rosters and presence subscriptions (RFC 6121 clauses 2 and 3, appendix A), as state without any effect outside."""

from __future__ import annotations

from enum import Flag
from typing import Any

import attrs

from ...errors import Refused
from .text import escape, quote


class Sub(Flag):
    """The state of a subscription, seen from the owner of the roster: the nine states of appendix A.1 are the
    combinations of these four, without those that ask for what is already granted."""

    NONE = 0
    TO = 1  # the owner sees the contact's presence
    FROM = 2  # the contact sees the owner's presence
    ASKED = 4  # the owner has asked to see the contact's ("pending out")
    ASKING = 8  # the contact has asked to see the owner's ("pending in")


@attrs.frozen(slots=True)
class Rule:
    """One change: it happens if one of the flags in `having` is set (or `having` is empty) and none of `unless`."""

    having: Sub = Sub.NONE
    unless: Sub = Sub.NONE
    add: Sub = Sub.NONE
    drop: Sub = Sub.NONE

    def applies(self, state: Sub) -> bool:
        """Return whether a subscription in this state changes."""
        return (not self.having or bool(state & self.having)) and not state & self.unless


# RFC 6121 appendix A.2: what the owner sends.
OUTBOUND = {
    "subscribe": Rule(unless=Sub.TO | Sub.ASKED, add=Sub.ASKED),
    "unsubscribe": Rule(having=Sub.TO | Sub.ASKED, drop=Sub.TO | Sub.ASKED),
    "subscribed": Rule(having=Sub.ASKING, add=Sub.FROM, drop=Sub.ASKING),
    "unsubscribed": Rule(having=Sub.FROM | Sub.ASKING, drop=Sub.FROM | Sub.ASKING),
}
# RFC 6121 appendix A.3: what the owner receives.
INBOUND = {
    "subscribe": Rule(unless=Sub.FROM | Sub.ASKING, add=Sub.ASKING),
    "unsubscribe": Rule(having=Sub.FROM | Sub.ASKING, drop=Sub.FROM | Sub.ASKING),
    "subscribed": Rule(having=Sub.ASKED, add=Sub.TO, drop=Sub.ASKED),
    "unsubscribed": Rule(having=Sub.TO | Sub.ASKED, drop=Sub.TO | Sub.ASKED),
}
_NAMES = {Sub.NONE: "none", Sub.TO: "to", Sub.FROM: "from", Sub.TO | Sub.FROM: "both"}


@attrs.define(slots=True)
class Item:
    """One contact.

    Attributes:
        jid: its bare JID.
        listed: True if the owner's clients see it: a mere request by the contact does not put it on the list.
        request: the contact's request as it is to be shown to the owner, while the owner has not answered it.
    """

    jid: str
    name: str = ""
    groups: tuple[str, ...] = ()
    state: Sub = Sub.NONE
    listed: bool = True
    request: str = ""

    def xml(self) -> str:
        """Return the item element (RFC 6121 clause 2.1.2)."""
        subscription = _NAMES[self.state & (Sub.TO | Sub.FROM)]
        ask = " ask='subscribe'" if self.state & Sub.ASKED else ""
        name = f" name={quote(self.name)}" if self.name else ""
        groups = "".join(f"<group>{escape(group)}</group>" for group in self.groups)
        return f"<item jid={quote(self.jid)} subscription='{subscription}'{ask}{name}>{groups}</item>"


class Roster:
    """The contacts of one account."""

    def __init__(self, max_items: int = 2_000) -> None:
        self._items: dict[str, Item] = {}
        self._max_items = max_items

    def __iter__(self) -> Any:
        return iter(tuple(self._items.values()))

    def __len__(self) -> int:
        return len(self._items)

    def get(self, jid: str) -> Item | None:
        """Return the item of this bare JID, None if there is none."""
        return self._items.get(jid)

    def state(self, jid: str) -> Sub:
        """Return the state of the subscription with this bare JID."""
        item = self._items.get(jid)
        return item.state if item else Sub.NONE

    def put(self, jid: str, name: str, groups: tuple[str, ...]) -> Item:
        """Add a contact, or give it a new name and groups; raise `Refused` if the roster is full."""
        item = self._item(jid)
        item.name, item.groups, item.listed = name, groups, True
        return item

    def remove(self, jid: str) -> Item | None:
        """Remove a contact and return it; None if there is none that the owner's clients see."""
        item = self._items.get(jid)
        if item is None or not item.listed:
            return None
        return self._items.pop(jid)

    def befriend(self, jid: str, name: str, groups: tuple[str, ...]) -> None:
        """Make the owner and this contact see each other, without asking either."""
        item = self._items.setdefault(jid, Item(jid, name, groups))
        item.state, item.listed, item.request = Sub.TO | Sub.FROM, True, ""

    def send(self, jid: str, kind: str) -> Item | None:
        """Note that the owner sends a subscription stanza; return the item if it changed, None if it did not.

        Raises:
            Refused: the roster is full.
        """
        rule = OUTBOUND[kind]
        if not rule.applies(self.state(jid)):
            return None
        item = self._item(jid)
        item.state = (item.state | rule.add) & ~rule.drop
        item.listed = item.listed or kind in ("subscribe", "subscribed")
        return self._changed(item)

    def receive(self, jid: str, kind: str, request: str = "") -> Item | None:
        """Note that a subscription stanza came from `jid`; return the item if it changed, None if it did not.

        Raises:
            Refused: the roster is full.
        """
        rule = INBOUND[kind]
        if not rule.applies(self.state(jid)):
            return None
        item = self._item(jid)
        item.state = (item.state | rule.add) & ~rule.drop
        if item.state & Sub.ASKING:
            item.request = item.request or request
        return self._changed(item)

    def dump(self) -> list[dict[str, Any]]:
        """Return the contacts as plain data, for `load`."""
        return [
            {
                "jid": item.jid,
                "name": item.name,
                "groups": list(item.groups),
                "state": item.state.value,
                "listed": item.listed,
                "request": item.request,
            }
            for item in self
        ]

    def load(self, items: list[dict[str, Any]]) -> None:
        """Replace the contacts by what `dump` returned; raise `KeyError`, `TypeError` or `ValueError` if it is not."""
        loaded = [
            Item(
                jid=str(item["jid"]),
                name=str(item["name"]),
                groups=tuple(str(group) for group in item["groups"]),
                state=Sub(item["state"]),
                listed=bool(item["listed"]),
                request=str(item["request"]),
            )
            for item in items
        ]
        self._items = {item.jid: item for item in loaded}

    def _item(self, jid: str) -> Item:
        item = self._items.get(jid)
        if item is None:
            if len(self._items) >= self._max_items:
                raise Refused(f"the roster is full at {self._max_items} contacts", code="resource-constraint")
            item = self._items[jid] = Item(jid, listed=False)
        return item

    def _changed(self, item: Item) -> Item:
        if not item.state & Sub.ASKING:
            item.request = ""
        if not item.listed and not item.state:
            del self._items[item.jid]
        return item
