"""Values that a device tells in several parts, as meters tell a long count in three short registers.

The table lists the addresses in the column of the address, joined by `+`, and in the column `parts` what a unit of each
is worth: `1000000 1000 1` is first × 1 000 000 + second × 1000 + third. The worths fall, and each is a multiple of the
next, so that a count has one way to be told.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import attrs

from ...common.errors import ConfigError, Malformed

TRIES = 3
"""How often parts are read anew that do not fit together."""


@attrs.frozen(slots=True)
class Parts:
    """What the parts of a value are worth, the greatest first."""

    worths: tuple[int, ...]

    def joined(self, values: Sequence[int]) -> int:
        """Return the value that these parts tell; raise `Malformed` for a part that is not below the one before it."""
        total = 0
        for index, (value, worth) in enumerate(zip(values, self.worths, strict=True)):
            if value < 0 or (index and value * worth >= self.worths[index - 1]):
                limit = self.worths[index - 1] // worth - 1 if index else "any"
                raise Malformed(f"part {index + 1} is {value}, not within 0 to {limit}")
            total += value * worth
        return total

    def split(self, total: int) -> tuple[int, ...]:
        """Return the parts of a value that is not negative."""
        found = []
        for worth in self.worths:
            part, total = divmod(total, worth)
            found.append(part)
        return tuple(found)


def parts(text: str, count: int, where: str) -> Parts | None:
    """Return what the column `parts` says of `count` addresses; None for a value of one part.

    Raises `ConfigError` at the row.
    """
    if count == 1 and not text:
        return None
    words = text.split()
    if not all(re.fullmatch(r"[1-9]\d{0,17}", word) for word in words) or len(words) != count or count < 2:
        reason = f"parts: {count} addresses need as many whole numbers, what each is worth, not {text!r}"
        raise ConfigError(reason, where=where)
    worths = tuple(map(int, words))
    if any(high <= low or high % low for high, low in itertools.pairwise(worths)) or worths[-1] != 1:
        raise ConfigError("parts: the worths fall, each a multiple of the next, the last is 1", where=where)
    return Parts(worths)


def fit_together(first: Sequence[int], second: Sequence[int]) -> bool:
    """Return whether the second of two readings, one after the other, is of one instant.

    The parts of one reading may have been taken before and after a carry. If the higher parts are the same in both and
    the lowest has not fallen, there was none between the first part of one and the last of the other.
    """
    return tuple(first[:-1]) == tuple(second[:-1]) and first[-1] <= second[-1]
