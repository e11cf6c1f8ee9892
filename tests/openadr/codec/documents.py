"""The payloads of others, what they are said to be, and systematic changes to a document."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from functools import cache
from pathlib import Path

import attrs
from lxml import etree

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
TEXTS = (
    *("", "@@", "x-other", " 1 ", "-1", "1.5", "101", "PT1H", "PTS", "2001-12-17T09:30:47Z", "true", "optIn", "none"),
    *("2001-12-17T09:30:47+01:00", "2001-12-17T24:00:00", "NaN", "W", "4294967296", " x-a  b ", "A B", "&", "\u0661W"),
)


@attrs.frozen
class Sample:
    """One payload of MANIFEST.csv."""

    name: str
    path: Path
    message: str
    valid: bool
    fault: str

    @property
    def is_message(self) -> bool:
        """Whether it is a message, and not a fragment of one."""
        return self.message.startswith("oadr") or not self.valid


@cache
def samples(shared: Path) -> tuple[Sample, ...]:
    """Return all samples."""
    directory = shared / "reference/openadr/samples"
    with (directory / "MANIFEST.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(
        Sample(row["file"], directory / row["file"], row["message"], row["xsd"] == "valid", row["first_xsd_error"])
        for row in rows
    )


def difference(one: etree._Element, other: etree._Element) -> str | None:
    """Return where two documents differ in content, or None.

    Blanks around texts do not count, nor how a number or a time is written, nor the schema location.
    """
    if one.tag != other.tag:
        return f"{one.tag} is {other.tag}"
    if not _same_text(one.text, other.text):
        return f"{one.tag}: {one.text!r} is {other.text!r}"
    attributes = [
        {key: text for key, text in each.attrib.items() if key != f"{XSI}schemaLocation"} for each in (one, other)
    ]
    if attributes[0] != attributes[1]:
        return f"{one.tag}: {attributes[0]} is {attributes[1]}"
    if len(one) != len(other):
        return f"{one.tag} holds {[each.tag for each in one]}, not {[each.tag for each in other]}"
    found = (difference(left, right) for left, right in zip(one, other, strict=True))
    return next((each for each in found if each), None)


def _same_text(one: str | None, other: str | None) -> bool:
    texts = [" ".join((text or "").split()) for text in (one, other)]
    if texts[0] == texts[1]:
        return True
    for meaning in (float, datetime.fromisoformat):
        try:
            left, right = (meaning(text) for text in texts)
        except ValueError:
            continue
        return left == right or (isinstance(left, float) and math.isnan(left))
    return False


def changes(root: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Yield the kind of every systematic change while it is in force, and the element that it befell."""
    for element in list(root.iter()):
        if element.getparent() is not None:
            yield from _structure(element)
        yield from _texts(element)
        yield from _additions(element)
        yield from _attributes(element)


def _structure(element: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    parent = element.getparent()
    assert parent is not None
    index = parent.index(element)
    parent.remove(element)
    yield "drop", element
    parent.insert(index, element)
    copy = deepcopy(element)
    parent.insert(index + 1, copy)
    yield "repeat", element
    parent.remove(copy)
    if index + 1 < len(parent):
        parent.insert(index + 1, element)
        yield "reorder", element
        parent.insert(index, element)
    tag = element.tag
    element.tag = f"{tag}x"
    yield "rename", element
    element.tag = tag


def _texts(element: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    text = element.text
    for other in TEXTS if len(element) == 0 else ("text",):
        element.text = other
        yield f"text {other!r}", element
    element.text = text


def _additions(element: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    for tag in ("{urn:other}thing", "thing"):
        added = etree.SubElement(element, tag)
        yield f"add {tag}", element
        element.remove(added)


def _attributes(element: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    for name, text in (("foo", "bar"), ("{urn:other}foo", "bar"), (f"{XSI}nil", "true")):
        if name not in element.attrib:
            element.set(name, text)
            yield f"set {name}", element
            del element.attrib[name]
    for name, text in list(element.attrib.items()):
        del element.attrib[name]
        yield f"drop {name}", element
        for other in ("", "9 9", "2.0b", "x-y"):
            element.set(name, other)
            yield f"set {name}", element
        element.set(name, text)
