"""Object references and functional constraints (IEC 61850-7-2 clauses 6.1.1.2 and 7.3)."""

from __future__ import annotations

import re
from enum import Enum

import attrs

from ...common.errors import LocalError


class FC(Enum):
    """Functional constraints, with those that the MMS mapping adds for control blocks."""

    __hash__ = object.__hash__  # there is one of each; Enum would hash the name anew each time

    ST = "ST"
    MX = "MX"
    SP = "SP"
    SV = "SV"
    CF = "CF"
    DC = "DC"
    SG = "SG"
    SE = "SE"
    SR = "SR"
    OR = "OR"
    BL = "BL"
    EX = "EX"
    CO = "CO"
    RP = "RP"
    BR = "BR"
    LG = "LG"
    GO = "GO"
    MS = "MS"
    US = "US"


class BadReference(LocalError):
    """A text that is no object reference."""


_PART = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\(\d{1,9}(-\d{1,9})?\))?")
_NAME = re.compile(r"[A-Za-z0-9_]+")


def subscript(part: str) -> tuple[str, tuple[int, int] | None]:
    """Return the name in a part of a path, and which elements it means: the first, and how many (0: just that one).

    `Har(3)` is `Har` and (3, 0), `Har(2-4)` is `Har` and (2, 3); a name alone has None.
    """
    name, _, index = part.partition("(")
    if not index:
        return name, None
    low, dash, high = index[:-1].partition("-")
    return name, (int(low), (int(high) - int(low) + 1 or -1) if dash else 0)


@attrs.frozen(slots=True, order=True, cache_hash=True)
class Reference:
    """`LD/LN.DO.DA[FC]`: a logical device, a logical node, or anything below one.

    Two kinds of data sets belong to no logical node: `@name` is one of an association, `/name` one of the whole server.

    Attributes:
        device: the logical device's name, IED name and instance together (an MMS domain); or all of `@name`, `/name`.
        node: the logical node's name; empty for the device itself.
        path: data object, sub data objects, attribute, components; `Har(3)` names an element of an array (the first is
            0), `Har(0-3)` the first four.
        fc: functional constraint; None where it is not given or does not apply.
    """

    device: str
    node: str = ""
    path: tuple[str, ...] = ()
    fc: FC | None = attrs.field(default=None, order=lambda fc: fc.value if fc else "")

    @classmethod
    def parse(cls, text: str, fc: FC | str | None = None) -> Reference:
        """Return the reference that `text` spells; raise `BadReference` saying what is wrong with it."""
        if not isinstance(text, str):
            raise BadReference(f"a reference is text, LD/LN.DO.DA, not {type(text).__name__}", where=repr(text)[:80])
        body = text.strip()
        if body[:1] in ("@", "/") and fc is None:
            if not _NAME.fullmatch(body[1:]) or len(body) > 33:
                whose = "the association" if body[0] == "@" else "the server"
                raise BadReference(f"a data set of {whose} is called {body[0]} and at most 32 letters", where=text)
            return cls(body)
        if body.endswith("]") and "[" in body:
            body, _, suffix = body[:-1].rpartition("[")
            fc = fc or suffix
        if isinstance(fc, str):
            try:
                fc = FC(fc.upper())
            except ValueError:
                raise BadReference(f"{fc!r} is no functional constraint", where=text) from None
        device, slash, rest = body.partition("/")
        if not _NAME.fullmatch(device):
            raise BadReference("a reference begins with a logical device: LD/LN.DO.DA", where=text)
        if slash and not rest:
            raise BadReference("nothing follows the logical device", where=text)
        node, *path = rest.split(".") if rest else [""]
        if rest and not _PART.fullmatch(node):
            raise BadReference(f"{node!r} is no name of a logical node", where=text)
        for part in path:
            if not _PART.fullmatch(part):
                raise BadReference(f"{part!r} is no name of data", where=text)
            if (chosen := subscript(part)[1]) is not None and chosen[1] < 0:
                raise BadReference(f"{part!r} ends before it begins", where=text)
        if len(body) > 129:
            raise BadReference(f"a reference has at most 129 characters, this has {len(body)}", where=text)
        return cls(device, node, tuple(path), fc)

    def __str__(self) -> str:
        text = f"{self.device}/{'.'.join((self.node, *self.path))}" if self.node else self.device
        return f"{text}[{self.fc.value}]" if self.fc else text

    @property
    def ranges(self) -> bool:
        """True if it names several elements of an array."""
        return any("-" in part for part in self.path)

    @property
    def of_association(self) -> bool:
        """True for `@name`, a data set that only the association that has made it knows."""
        return self.device.startswith("@")

    @property
    def of_server(self) -> bool:
        """True for `/name`, a data set that belongs to the server and to none of its logical nodes."""
        return self.device.startswith("/")

    def child(self, name: str) -> Reference:
        """Return the reference of the part `name` of this one (a node's data object, an object's attribute)."""
        if not self.node:
            return Reference(self.device, name, self.path, self.fc)
        return Reference(self.device, self.node, (*self.path, name), self.fc)

    def with_fc(self, fc: FC | None) -> Reference:
        """Return the same reference under another functional constraint."""
        return self if fc is self.fc else Reference(self.device, self.node, self.path, fc)
