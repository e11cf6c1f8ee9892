"""Documents that are nearly messages: changed in one to four places, from a seed that differs from run to run.

A failure prints the seed: `JANUSGRID_SEED=… pytest …` makes the same mutants again. `JANUSGRID_MUTANTS=10` makes ten
times as many.
"""

from __future__ import annotations

import os
import random
import re
import string
from collections.abc import Iterator

FACTOR = float(os.environ.get("JANUSGRID_MUTANTS", "1"))
PIECES = (
    b"", b"\0", b"\xff", b"<", b">", b"&", b"&amp;", b"&#0;", b"&#xD800;", b"]]>", b"<![CDATA[", b"<!--", b"<?x?>",
    b'"', b"-1", b"1e999", b"NaN", b"P1Y", b"9" * 40, b"9999-12-31T23:59:59Z", b"0000-00-00T00:00:00Z",
    b"\xed\xa0\x80", b' xmlns=""', b' xsi:type="x"', b' xml:id="a"', b"<a>" * 300, b"<oadr:oadrPoll/>",
    b"\xef\xbb\xbf", b"{}", b"%n%s", b"<!DOCTYPE a>",
)  # fmt: skip
_OPENING, _TEXT = re.compile(b"<"), re.compile(rb">([^<]+)<")


def count(usual: int) -> int:
    """Return how many mutants to make where `usual` are."""
    return int(usual * FACTOR)


def dice() -> random.Random:
    """Return chance from a seed that is printed if the test fails."""
    seed = os.environ.get("JANUSGRID_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"JANUSGRID_SEED={seed}")
    return random.Random(seed)


def mutants(documents: list[bytes], usual: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield mutants, each with what it was made from."""
    chance = dice()
    for _ in range(count(usual)):
        document = chance.choice(documents)
        yield mutated(document, chance), document


def mutated(document: bytes, chance: random.Random) -> bytes:
    """Return a document changed in one to four places: octets, texts, names, whole elements."""
    octets = bytearray(document)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        _CHANGES[int(chance.random() * len(_CHANGES))](octets, chance)
    return bytes(octets)


def _span(octets: bytearray, chance: random.Random) -> tuple[int, int]:
    at = int(chance.random() * (len(octets) + 1))
    return at, at + (0, 1, 8, 40, 400)[int(chance.random() * 5)]


def _bit(octets: bytearray, chance: random.Random) -> None:
    if octets:
        octets[int(chance.random() * len(octets))] ^= 1 << int(chance.random() * 7)


def _octet(octets: bytearray, chance: random.Random) -> None:
    if octets:
        octets[int(chance.random() * len(octets))] = chance.choice(b"ABCxyz019+/=<>&\"' :#\x00\xff")


def _drop(octets: bytearray, chance: random.Random) -> None:
    at, end = _span(octets, chance)
    del octets[at:end]


def _piece(octets: bytearray, chance: random.Random) -> None:
    at, end = _span(octets, chance)
    octets[at:end] = chance.choice(PIECES)


def _again(octets: bytearray, chance: random.Random) -> None:
    at, end = _span(octets, chance)
    octets[at:at] = octets[at:end] * chance.choice((1, 2, 50))


def _name(octets: bytearray, chance: random.Random) -> None:
    at, end = _span(octets, chance)
    name = "".join(chance.choices(string.ascii_letters, k=6)).encode()
    octets[at:end] = b"<%b %b=''>" % (name, name) if chance.random() < 0.5 else name


def _text(octets: bytearray, chance: random.Random) -> None:
    """A text of one element becomes another, so that the document still is one."""
    found = list(_TEXT.finditer(octets))
    if found:
        one, other = chance.choice(found), chance.choice(found)
        octets[slice(*one.span(1))] = other[1] if chance.random() < 0.5 else chance.choice(PIECES)


def _element(octets: bytearray, chance: random.Random) -> None:
    """What stands between two tags is doubled elsewhere, or left out."""
    tags = [found.start() for found in _OPENING.finditer(octets)]
    if tags:
        one, two, three = sorted(chance.choices(tags, k=3))
        if chance.random() < 0.5:
            octets[three:three] = octets[one:two]
        else:
            del octets[one:two]


_CHANGES = (_bit, _octet, _drop, _piece, _again, _name, _text, _text, _element, _element)
