"""Documents that are no messages, or bad ones."""

from __future__ import annotations

import re

from ..codec import write
from ..model import Message
from .state import Make, State

_HEAD = re.compile(r'schemaVersion="[^"]*"')


def text(make: Make) -> Make:
    """Return the text of a message, signed if the tester signs."""
    return lambda state: state.seal(_made(make, state))


def unsigned(make: Make) -> Make:
    """Return the text of a message, not signed."""
    return lambda state: write(_made(make, state), check=False)


def kept(make: Make) -> Make:
    """Return the text of a message, and note it."""

    def made(state: State) -> str:
        state.notes["document"] = text(make)(state)
        return str(state.notes["document"])

    return made


def tampered(make: Make) -> Make:
    """Return a signed message in which the requestID was changed afterwards."""
    return lambda state: re.sub(r"(<(?:\w+:)?requestID>)", r"\1x", text(make)(state), count=1)


def broken(make: Make) -> Make:
    """Return a text that ends too early."""
    return lambda state: text(make)(state)[:-20]


def of_version(make: Make, version: str) -> Make:
    """Return a message of another schemaVersion."""
    return lambda state: _HEAD.sub(f'schemaVersion="{version}"', text(make)(state))


def without(make: Make, element: str) -> Make:
    """Return a message in which an element is missing."""
    return lambda state: re.sub(
        rf"<(\w+:)?{element}\b[^>]*?(/>|>.*?</(\w+:)?{element}>)", "", text(make)(state), count=1
    )


def unknown(make: Make) -> Make:
    """Return a message of a kind that there is not."""
    return lambda state: re.sub(
        r"oadr(QueryRegistration|Poll|RequestReregistration)\b", "oadrNoSuchMessage", text(make)(state)
    )


def with_doctype(make: Make) -> Make:
    """Return a message behind a DOCTYPE, whose entity is the venID of the message, or its requestID."""

    def made(state: State) -> str:
        document = re.sub(r"(<(?:\w+:)?(?:venID|requestID)>)[^<]*", r"\1&name;", text(make)(state), count=1)
        return f'<!DOCTYPE p [<!ENTITY name "entity-was-expanded">]>{document}'

    return made


def bomb(state: State) -> str:
    """Return a document whose entities grow beyond all bounds when they are expanded."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    return f'<!DOCTYPE p [<!ENTITY e0 "0123456789">{entities}]><oadrPayload>&e8;</oadrPayload>'


def large(make: Make) -> Make:
    """Return a document beyond the size of any message."""
    return lambda state: f"<!--{'x' * (8 << 20)}-->{text(make)(state)}"


def _made(make: Make, state: State) -> Message:
    found: Message = make(state)
    return found
