"""Garbage: whatever comes in, decoding returns a PDU that encodes again, or raises `MmsDecodeError`.

The number of inputs is `JANUSGRID_FUZZ` (10 000 by default); a failure prints the input.
"""

from __future__ import annotations

import copy
import os
import random
from xml.etree import ElementTree

import pytest
from janusgrid.iec61850.mms import (
    DIALECT_80_3,
    DIALECTS,
    Limits,
    MmsDecodeError,
    MmsEncodeError,
    decode_ber,
    decode_xer,
    encode_ber,
    encode_xer,
)

from .strategies import TYPES, samples

INPUTS = int(os.environ.get("JANUSGRID_FUZZ", "10000"))
LIMITS = Limits(size=1 << 16, depth=16, elements=2_000)
BER = [octets for octets in map(encode_ber, samples()) if len(octets) < 300]
XER = [encode_xer(value) for value in samples()]
NAMES = sorted({c.name for t in TYPES.values() for c in t.components} | set(TYPES) | {"true", "nul", "CHOICE"})
TEXTS = ["", "0", "-1", "1" * 45, "true", "01", "FF", "zz", "LLN0", " ", "\x85", "١", "1.2", "20261121074357Z", "NaN"]


def mutated(octets: bytes, chance: random.Random) -> bytes:
    """Return the octets with one to four changes of the kinds that BER is sensitive to."""
    out = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(out) + 1)
        kind = chance.randrange(7)
        if kind == 0 and at < len(out):
            out[at] = chance.randrange(256)
        elif kind == 1 and at < len(out):
            out[at] = chance.choice(b"\x00\x01\x7f\x80\x81\x82\x84\x88\xbf\xff")
        elif kind == 2:
            del out[at : at + chance.randint(1, 4)]
        elif kind == 3:
            out[at:at] = chance.randbytes(chance.randint(1, 4))
        elif kind == 4:
            out[at:at] = out[at : at + 8]
        elif kind == 5 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        else:
            out[at:] = chance.choice(BER)[chance.randrange(8) :]
    return bytes(out)


def test_ber() -> None:
    chance = random.Random(61850)
    decoded = 0
    for _ in range(INPUTS):
        octets = mutated(chance.choice(BER), chance)
        try:
            value = decode_ber(octets, limits=LIMITS)
        except MmsDecodeError:
            continue
        except BaseException:
            pytest.fail(octets.hex())
        decoded += 1
        assert decode_ber(encode_ber(value), limits=LIMITS) == value, octets.hex()
    assert INPUTS // 50 < decoded < INPUTS  # both ways out were taken


def scrambled(root: ElementTree.Element, chance: random.Random) -> ElementTree.Element:
    """Return a copy of the tree with one to three changes."""
    root = copy.deepcopy(root)
    for _ in range(chance.randint(1, 3)):
        element = chance.choice(list(root.iter()))
        kind = chance.randrange(8)
        if kind == 0:
            element.tag = f"{{{DIALECT_80_3.namespace}}}{chance.choice(NAMES)}"
        elif kind == 1:
            element.text = chance.choice(TEXTS)
        elif kind == 2:
            element.tail = chance.choice(TEXTS)
        elif kind == 3 and len(element):
            element.remove(chance.choice(element))
        elif kind == 4:
            element.append(copy.deepcopy(chance.choice(list(root.iter()))))
        elif kind == 5 and len(element) > 1:
            children = list(element)
            chance.shuffle(children)
            element[:] = children
        elif kind == 6:
            element.set(chance.choice(NAMES), chance.choice(TEXTS))
        else:
            ElementTree.SubElement(element, chance.choice(NAMES)).text = chance.choice(TEXTS)
    return root


def test_xer() -> None:
    chance = random.Random(802)
    trees = [ElementTree.fromstring(text) for text in XER if len(text) < 2_000]
    dialect = DIALECT_80_3
    decoded = 0
    for _ in range(INPUTS):
        element = scrambled(chance.choice(trees), chance)
        try:
            value = decode_xer(element, dialect, limits=LIMITS)
        except MmsDecodeError:
            continue
        except BaseException:
            pytest.fail(ElementTree.tostring(element, "unicode"))
        decoded += 1
        again = ElementTree.fromstring(encode_xer(value, dialect))
        assert decode_xer(again, dialect, limits=LIMITS) == value, ElementTree.tostring(element, "unicode")
    assert INPUTS // 50 < decoded < INPUTS


def test_what_ber_brings_in_xer_carries_or_refuses() -> None:
    """A gateway passes on what it decodes; strings of devices may have anything in them."""
    chance = random.Random(7)
    for _ in range(INPUTS // 4):
        try:
            value = decode_ber(mutated(chance.choice(BER), chance), limits=LIMITS)
        except MmsDecodeError:
            continue
        for dialect in DIALECTS.values():
            try:
                text = encode_xer(value, dialect)
            except MmsEncodeError:
                continue
            if "lastModified" not in text:  # the two forms of time have other digits
                assert decode_xer(ElementTree.fromstring(text), dialect, limits=LIMITS) == value, text
