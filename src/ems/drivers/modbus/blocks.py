"""Which registers are read together: few requests, none longer than the protocol allows, no point torn apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from .codecs import Codec

LONGEST = {"holding": 125, "input": 125, "coil": 2000, "discrete": 2000}
"""Addresses that one request may read (Modbus Application Protocol V1.1b3, clauses 6.1 to 6.4)."""


@attrs.frozen(slots=True, order=True)
class Span:
    """A run of addresses of one table."""

    table: str
    address: int
    count: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.count

    def holds(self, other: Span) -> bool:
        """Return whether the other lies within."""
        return self.table == other.table and self.address <= other.address and other.end <= self.end

    def over(self, other: Span) -> Span:
        """Return the least span over both."""
        low = min(self.address, other.address)
        return Span(self.table, low, max(self.end, other.end) - low)

    def __str__(self) -> str:
        return f"{self.table}:{self.address}" + (f" to {self.end - 1}" if self.count > 1 else "")


@attrs.frozen(slots=True, eq=False)
class Slot:
    """Where the value of a point stands, and what it means; the first span is the one that is written."""

    spans: tuple[Span, ...]
    codec: Codec


@attrs.frozen(slots=True)
class Block:
    """One request, for the units that are not to be parted."""

    span: Span
    units: tuple[Span, ...]

    def parted(self) -> tuple[Block, ...]:
        """Return smaller blocks for one that the device refuses: without the gaps, or else each unit for itself."""
        closer = merged(self.units, 0)
        return closer if len(closer) > 1 else tuple(Block(unit, (unit,)) for unit in self.units)


def blocks(slots: Iterable[Slot], gap: int) -> tuple[Block, ...]:
    """Return the requests for these slots; at most `gap` addresses that nobody wants are read along in one place."""
    units = {unit for slot in slots for unit in _units(slot.spans)}
    return merged(units, gap)


def merged(units: Iterable[Span], gap: int) -> tuple[Block, ...]:
    """Return blocks over these units, in the order of their addresses."""
    found: list[Block] = []
    for unit in sorted(units):
        if found and _joinable(found[-1].span, unit, gap):
            found[-1] = Block(found[-1].span.over(unit), (*found[-1].units, unit))
        else:
            found.append(Block(unit, (unit,)))
    return tuple(found)


def _units(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return the spans of a point as one if a request can hold them: then they are of one instant."""
    if len({span.table for span in spans}) > 1:
        return tuple(spans)
    whole = spans[0]
    for span in spans[1:]:
        whole = whole.over(span)
    return (whole,) if whole.count <= LONGEST[whole.table] else tuple(spans)


def _joinable(left: Span, right: Span, gap: int) -> bool:
    if left.table != right.table or right.address - left.end > gap:
        return False
    return left.over(right).count <= LONGEST[left.table]
