"""Elements of a schema document, and their text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import quoteattr

import attrs


@attrs.frozen
class Tag:
    """An element of a schema."""

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    inner: tuple[Tag, ...] = ()

    def lines(self, depth: int) -> Iterator[str]:
        """Yield the element as text."""
        start = "  " * depth + "<" + self.name + "".join(f" {name}={quoteattr(text)}" for name, text in self.attributes)
        if not self.inner:
            yield f"{start}/>"
            return
        yield f"{start}>"
        for tag in self.inner:
            yield from tag.lines(depth + 1)
        yield "  " * depth + f"</{self.name}>"

    def names(self) -> Iterator[str]:
        """Yield every name that the element refers to."""
        for name, text in self.attributes:
            if name in {"type", "ref", "base", "itemType", "substitutionGroup", "memberTypes"}:
                yield from text.split()
        for tag in self.inner:
            yield from tag.names()


def tag(kind: str, /, *inner: Tag, **attributes: str | None) -> Tag:
    """Return an element `xs:kind`; attributes that are None are left out."""
    return Tag(f"xs:{kind}", tuple((key, text) for key, text in attributes.items() if text is not None), inner)


def restriction(base: str, facets: Iterable[tuple[str, str]]) -> Tag:
    """Return the restriction of a simple type by facets."""
    return tag("restriction", *[tag(name, value=value) for name, value in facets], base=base)
