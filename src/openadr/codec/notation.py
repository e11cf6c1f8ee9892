"""The compact notation of `carried.py`, as types of a schema."""

from __future__ import annotations

import re

from .markup import Tag, tag

_TOKEN = re.compile(r"\)[?*+]?|[(|]|[^\s()|]+")
_WILDCARDS = {
    "ANY": {"namespace": "##any"},
    "OTHER": {"namespace": "##other"},
    "LAX": {"namespace": "##any", "processContents": "lax"},
    "ALIEN": {"namespace": "##other", "processContents": "lax"},
    "XHTML": {"namespace": "http://www.w3.org/1999/xhtml"},
}
_OCCURS = {
    "": {},
    "?": {"minOccurs": "0"},
    "*": {"minOccurs": "0", "maxOccurs": "unbounded"},
    "+": {"maxOccurs": "unbounded"},
}


def complex_type(head: str, model: str) -> Tag:
    """Return the type declared by `head` (`Name`, `Name mixed`, `Name < Base`, `Name : type`) and its content."""
    name, _, rest = head.partition(" ")
    tokens = _TOKEN.findall(model)
    attributes = [_attribute(token[1:]) for token in tokens if token.startswith("@")]
    attributes.sort(key=lambda made: made.name == "xs:anyAttribute")
    particles = [token for token in tokens if not token.startswith("@")]
    group = _group([*particles, ")"])[0] if particles else tag("sequence")
    if rest.startswith(": "):
        return tag("complexType", tag("simpleContent", tag("extension", *attributes, base=rest[2:])), name=name)
    if rest.startswith("< "):
        extended = tag("extension", group, *attributes, base=rest[2:])
        return tag("complexType", tag("complexContent", extended), name=name)
    return tag("complexType", group, *attributes, name=name, mixed="true" if rest == "mixed" else None)


def _group(tokens: list[str]) -> tuple[Tag, list[str]]:
    """Return the group up to its closing parenthesis, and the tokens after that."""
    particles: list[Tag] = []
    kind = "sequence"
    while not tokens[0].startswith(")"):
        item, *tokens = tokens
        if item == "|":
            kind = "choice"
        elif item == "(":
            inner, tokens = _group(tokens)
            particles.append(inner)
        else:
            particles.append(_particle(item))
    closing, *tokens = tokens
    return tag(kind, *particles, **_OCCURS[closing[1:]]), tokens


def _particle(token: str) -> Tag:
    name = token.rstrip("?*+")
    occurs = _OCCURS[token[len(name) :]]
    if name in _WILDCARDS:
        return tag("any", **_WILDCARDS[name], **occurs)
    name, _, type = name.partition("=")
    return tag("element", name=name, type=type, **occurs) if type else tag("element", ref=name, **occurs)


def _attribute(item: str) -> Tag:
    if item == "OTHER":
        return tag("anyAttribute", namespace="##other")
    name, _, type = item.rstrip("!").partition("=")
    use = "required" if item.endswith("!") else None
    return tag("attribute", name=name, type=type, use=use) if type else tag("attribute", ref=name, use=use)
