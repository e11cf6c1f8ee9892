"""What is rare in an element: comments, text where none belongs, names that stand for values; and what is wrong there.

The decoder's loops come here only for what they cannot take in their stride.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .errors import MmsDecodeError
from .shape import Budget
from .text import SPACE

Element = Any
"""An element of xml.etree or lxml: `tag`, `text`, `tail`, `get`, `len` and iteration are used."""
Plain = Callable[[str | None], Any] | None
"""Decodes an element by its text; None for one that has to have children, or may have none."""
Decode = Callable[[Element, Budget], Any]
"""Decodes any element."""


class Around(list[Element]):
    """Stands for the `MMSpdu` element around a PDU that came without one; what follows the PDU is not part of it."""

    text = None

    def __init__(self, element: Element) -> None:
        super().__init__([element])


def constant(number: int) -> tuple[Plain, Decode]:
    """Return the decoders of an empty element that stands for a number."""

    def plain(content: str | None) -> int:
        if content and content.strip(SPACE):
            raise stray_text(content)
        return number

    def decode(element: Element, budget: Budget) -> int:
        raise unexpected(element[0], {})

    return plain, decode


def children_of(element: Element) -> list[Element]:
    """Return the children that are elements; comments and instructions are none."""
    return [child for child in element if not skipped(child)]


def only_child(element: Element) -> Element:
    """Return the one child that is an element; raise if there is none, or another."""
    children = children_of(element)
    if len(children) != 1:
        raise MmsDecodeError(f"{len(children)} alternatives, not one")
    return children[0]


def no_text_around(element: Element) -> None:
    """Raise if there is text between the children of an element."""
    if isinstance(element, Around):
        return
    for stray in (element.text, *(node.tail for node in element)):
        if stray and stray.strip(SPACE):
            raise stray_text(stray)


def named_values(element: Element, by_look: Mapping[str, Any], plain: Callable[[str | None], Any]) -> list[Any]:
    """Return the values that the children of an element stand for; without children, the value of its text."""
    children = children_of(element)
    if not children:
        return [plain(text_of(element))]
    no_text_around(element)
    values = []
    for child in children:
        if child.tag not in by_look or len(child) or (child.text and child.text.strip(SPACE)):
            raise unexpected(child, by_look)
        values.append(by_look[child.tag])
    return values


def only(values: list[Any]) -> Any:
    """Return the one value; raise if there is another number of them."""
    if len(values) != 1:
        raise MmsDecodeError(f"{len(values)} values, not one")
    return values[0]


def bits(values: list[Any], size: int) -> tuple[int, int]:
    """Return the bit string of these named bits; a value read from text is one already."""
    if isinstance(values[0], tuple):
        bits: tuple[int, int] = values[0]
        return bits
    return sum(1 << (size - 1 - bit) for bit in set(values)), size


def characters(element: Element, by_look: Mapping[str, str]) -> str:
    """Return the text of an element in which control characters stand as elements."""
    parts = [element.text or ""]
    for child in element:
        if child.tag in by_look and not len(child) and not child.text:
            parts.append(by_look[child.tag])
        elif not skipped(child):
            raise unexpected(child, by_look)
        parts.append(child.tail or "")
    return "".join(parts)


def text_of(element: Element) -> str:
    """Return the text of an element in which there may be comments."""
    return (element.text or "") + "".join(child.tail or "" for child in element)


def skipped(element: Element, extension: bool = False) -> bool:
    """Return whether an element says nothing: a comment or an instruction, or an extension that may be ignored."""
    if not isinstance(element.tag, str):
        return getattr(element.tag, "__name__", "") in {"Comment", "ProcessingInstruction", "PI"}
    # Second-hand, of 2018: what is not known is ignored unless it has to be understood. How that is said is not known.
    return extension and (element.get("mustUnderstand") or "false") in {"false", "0"}


def stray_text(stray: str) -> MmsDecodeError:
    """Return the error of text where none belongs."""
    return MmsDecodeError(f"text between elements: {stray.strip(SPACE)[:40]!r}")


def unexpected(element: Element, table: Mapping[str, Any]) -> MmsDecodeError:
    """Return the error of an element that cannot stand where it does."""
    tag = element.tag if isinstance(element.tag, str) else "an entity"
    namespace, _, name = tag.rpartition("}")
    known = [look for look in table if look[0] != "{"]
    where = f" in namespace {namespace[1:][:80]!r}, which is not this dialect's," if name in known else ""
    expected = ", ".join(known[:20]) or "nothing more"
    return MmsDecodeError(f"unexpected element {name[:80]!r}{where} (expected here: {expected})")
