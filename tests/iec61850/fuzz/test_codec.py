"""The MMS codec: mutated BER and mutated XML in both dialects give a PDU that encodes again, or `MmsDecodeError`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from janusgrid.iec61850.mms import (
    DIALECTS,
    Dialect,
    Limits,
    MmsDecodeError,
    MmsEncodeError,
    decode_ber,
    decode_xer,
    encode_ber,
    encode_xer,
)

from tests.iec61850.fuzz import world
from tests.iec61850.fuzzing import dice, feed, inputs, pieces
from tests.iec61850.mms import strategies

NUMBER = 100_000
LIMITS = Limits(size=1 << 16, depth=16, elements=2_000)
_NAMES = sorted({c.name for t in strategies.TYPES.values() for c in t.components} | set(strategies.TYPES))
NAMES = [*_NAMES, "true", "nul", "CHOICE", "VisibleString"]
TEXTS = ["", "0", "-1", "1" * 45, "1" * 5_000, "true", "01", "FF", "zz", "LLN0", " ", "\x85", "١", "1.2",
         "20261121074357Z", "NaN", "0" * 70_000]  # fmt: skip


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """PDUs of every kind: with every alternative of the module, as we send them, and as real peers do."""
    synthetic = [encode_ber(value) for value in strategies.samples()]
    found = world.samples(tmp_path_factory.mktemp("plant"))
    assert len(found) > 100, "every service is among them"
    return [octets for octets in (*synthetic[::4], *found) if len(octets) < 700]


def test_ber(samples: list[bytes]) -> None:
    again = 0

    def take(octets: bytes) -> bool:
        nonlocal again
        try:
            value = decode_ber(octets, limits=LIMITS)
        except MmsDecodeError:
            return False
        again += 1
        if not again % 4:
            assert decode_ber(encode_ber(value), limits=LIMITS) == value
        return True

    figures = feed("MMS in BER", pieces(samples, dice("ber"), inputs(NUMBER)), take)
    assert NUMBER // 50 < figures.taken < figures.number


def test_cut_off_at_each_octet(samples: list[bytes]) -> None:
    """The beginning of a PDU is none, nor is one with an octet behind it."""
    for sample in samples:
        for end in range(len(sample)):
            with pytest.raises(MmsDecodeError):
                decode_ber(sample[:end])
        with pytest.raises(MmsDecodeError):
            decode_ber(sample + b"\0")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_xer(samples: list[bytes], dialect: Dialect) -> None:
    texts = [encode_xer(decode_ber(octets), dialect) for octets in samples[::2]]
    trees = [ElementTree.fromstring(text) for text in texts if len(text) < 4_000]
    again = 0

    def take(element: Element) -> bool:
        nonlocal again
        try:
            value = decode_xer(element, dialect, limits=LIMITS)
        except MmsDecodeError:
            return False
        again += 1
        if not again % 8:
            try:
                text = encode_xer(value, dialect)
            except MmsEncodeError:  # what BER carries, and XML does not
                return True
            if "lastModified" not in text:  # the two forms of time have other digits
                assert decode_xer(ElementTree.fromstring(text), dialect, limits=LIMITS) == value
        return True

    chance = dice(f"xer {dialect.name}")
    figures = feed(f"MMS in XER, {dialect.name}", scrambled(trees, dialect, chance, inputs(NUMBER)), take)
    assert NUMBER // 50 < figures.taken < figures.number


def scrambled(trees: Sequence[Element], dialect: Dialect, chance: random.Random, number: int) -> Iterator[Element]:
    """Yield trees with one to three changes: to names, texts, attributes, order and number of elements."""
    pool = [element for tree in trees for element in tree.iter()]
    for _ in range(number):
        root = _copy(chance.choice(trees))
        below: list[Element] = list(root.iter())
        for _ in range((1, 1, 2, 3)[int(chance.random() * 4)]):
            _scramble(below[int(chance.random() * len(below))], pool, dialect, chance)
        yield root


def _copy(element: Element) -> Element:
    made = Element(element.tag, element.attrib)
    made.text, made.tail = element.text, element.tail
    made.extend([_copy(child) for child in element])
    return made


def _scramble(element: Element, pool: list[Element], dialect: Dialect, chance: random.Random) -> None:
    kind = int(chance.random() * 10)
    if kind == 0:
        element.tag = f"{{{dialect.namespace}}}{chance.choice(NAMES)}"
    elif kind == 1:
        element.text = chance.choice(TEXTS)
    elif kind == 2:
        element.tail = chance.choice(TEXTS)
    elif kind == 3 and len(element):
        del element[int(chance.random() * len(element))]
    elif kind == 4:
        element.append(_copy(chance.choice(pool)))
    elif kind == 5 and len(element) > 1:
        element[:] = list(element)[::-1]
    elif kind == 6:
        element.set(chance.choice(NAMES), chance.choice(TEXTS))
    elif kind == 7 and len(element):
        child = _copy(element[int(chance.random() * len(element))])
        element.extend([child] * (1, 2, 30)[int(chance.random() * 3)])
    elif kind == 8:
        inner = _copy(element)
        for _ in range((1, 2, 20)[int(chance.random() * 3)]):
            outer = Element(element.tag)
            outer.append(inner)
            inner = outer
        element[:] = [inner]
    else:
        ElementTree.SubElement(element, chance.choice(NAMES)).text = chance.choice(TEXTS)


def test_what_ber_brings_in_xer_carries_or_refuses(samples: list[bytes]) -> None:
    """A gateway passes on what it decodes; strings of devices may have anything in them."""

    def take(octets: bytes) -> bool:
        try:
            value: Any = decode_ber(octets, limits=LIMITS)
        except MmsDecodeError:
            return False
        for dialect in DIALECTS.values():
            try:
                text = encode_xer(value, dialect)
            except MmsEncodeError:
                continue
            if "lastModified" not in text:
                assert decode_xer(ElementTree.fromstring(text), dialect, limits=LIMITS) == value
        return True

    figures = feed("BER to XER", pieces(samples, dice("gateway"), inputs(NUMBER // 20)), take)
    assert figures.taken > NUMBER // 1000
