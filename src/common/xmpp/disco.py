"""Service discovery (XEP-0030): what we are, can do and offer, and how the answers of others are read."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from .session import DiscoInfo, DiscoItem, Identity, Incoming, StanzaRefused
from .stanza import escape

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"
PING = "urn:xmpp:ping"


class Discovery:
    """Our own answers."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._features: set[str] = {INFO, ITEMS, PING}
        self._items: dict[str, tuple[DiscoItem, ...]] = {"": ()}

    def announce(self, features: Iterable[str]) -> None:
        """Add features to disco#info."""
        self._features.update(features)

    def offer(self, node: str, items: Iterable[DiscoItem]) -> None:
        """Answer disco#items for `node` with these items."""
        self._items[node] = tuple(items)

    def info(self, incoming: Incoming) -> str:
        """Return the answer to a disco#info request."""
        node = self._node(incoming)
        one = self.identity
        features = "".join(f'<feature var="{escape(feature)}"/>' for feature in sorted(self._features))
        return (
            f'<query xmlns="{INFO}"{node}><identity category="{escape(one.category)}" type="{escape(one.type)}" '
            f'name="{escape(one.name)}"/>{features}</query>'
        )

    def items(self, incoming: Incoming) -> str:
        """Return the answer to a disco#items request."""
        node = self._node(incoming)
        listed = self._items[incoming.payload.get("node", "")]
        return f'<query xmlns="{ITEMS}"{node}>{"".join(map(_item, listed))}</query>'

    def _node(self, incoming: Incoming) -> str:
        node = incoming.payload.get("node", "")
        if node not in self._items:
            raise StanzaRefused("item-not-found", f"no node {node[:100]!r} here")
        return f' node="{escape(node)}"' if node else ""


def ask(namespace: str, node: str = "") -> str:
    """Return the query for disco#info or disco#items."""
    return f'<query xmlns="{namespace}" node="{escape(node)}"/>' if node else f'<query xmlns="{namespace}"/>'


def read_info(query: Element | None) -> DiscoInfo:
    """Return what a disco#info answer says."""
    found = () if query is None else query.iter(f"{{{INFO}}}identity")
    kinds = tuple(Identity(one.get("category", ""), one.get("type", ""), one.get("name", "")) for one in found)
    return DiscoInfo(kinds, read_features(query))


def read_features(query: Element | None) -> frozenset[str]:
    """Return the features of a disco#info answer."""
    found = () if query is None else query.iter(f"{{{INFO}}}feature")
    return frozenset(feature.get("var", "") for feature in found) - {""}


def read_items(query: Element | None) -> tuple[DiscoItem, ...]:
    """Return the items of a disco#items answer."""
    found = () if query is None else query.iter(f"{{{ITEMS}}}item")
    return tuple(
        DiscoItem(item.get("jid", ""), item.get("node", ""), item.get("name", "")) for item in found if item.get("jid")
    )


def _item(item: DiscoItem) -> str:
    node = f' node="{escape(item.node)}"' if item.node else ""
    name = f' name="{escape(item.name)}"' if item.name else ""
    return f'<item jid="{escape(item.jid)}"{node}{name}/>'
