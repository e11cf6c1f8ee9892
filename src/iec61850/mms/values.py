"""What holds for a primitive value in every encoding."""

from __future__ import annotations

import re
from typing import TypeVar

from .errors import MmsDecodeError, MmsEncodeError
from .tree import Type

E = TypeVar("E", MmsDecodeError, MmsEncodeError)

LARGEST_INTEGER = 1 << 135
"""Integers without bounds of their own stay within 17 octets: enough for INT128U, and no work for a calculator."""

TIME = re.compile(r"[0-9]{10}(?:[0-9]{2}){0,2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}(?:[0-9]{2})?)?")
"""A GeneralizedTime: hours at least, a fraction of the last part, then UTC, an offset, or nothing for local time."""

_OBJECT_IDENTIFIER = re.compile(r"(?:0|[1-9][0-9]{0,38})(?:\.(?:0|[1-9][0-9]{0,38})){1,99}")


def integer_bounds(type_: Type) -> tuple[int, int]:
    """Return the least and the greatest value of an INTEGER."""
    return type_.range or (-LARGEST_INTEGER, LARGEST_INTEGER - 1)


def check_object_identifier(text: str, error: type[E]) -> list[int]:
    """Return the numbers of an object identifier; raise `error` if it is none, or beyond 100 numbers of 128 bits."""
    arcs = [int(arc) for arc in text.split(".")] if _OBJECT_IDENTIFIER.fullmatch(text) else []
    if not arcs or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39) or max(arcs) >> 128:
        raise error(f"{text[:40]!r} is not an OBJECT IDENTIFIER")
    return arcs
