"""Reports as a relay sees them: enough of a report to go on after it, and to say that what it told is old."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..acsi.services import Reason
from ..acsi.types import BitString
from ..mapping.reports import REASONS, RPT, information
from ..mms import pdu
from .stale import GONE, old

_SEQUENCE, _TIME, _REASONS, _DATA_SET, _NAMES, _OVERFLOW, _ENTRY, _REVISION, _SEGMENT = range(1, 10)
_WIDTHS = {_SEQUENCE: 1, _TIME: 1, _DATA_SET: 1, _OVERFLOW: 1, _ENTRY: 1, _REVISION: 1, _SEGMENT: 2}
"""How many values each optional field has, in their order."""
_SAID_AGAIN = (_SEQUENCE, _DATA_SET, _REVISION)
_OPTIONS = 10
_ROUND = frozenset({0xFF, 0xFFFF})
"""The highest sequence numbers, of unbuffered and of buffered blocks."""
_QUALITY_CHANGE = REASONS[Reason.QUALITY_CHANGE.value]
_LONGEST_ENTRY = 64
_MOST_DIVIDED = 100


@attrs.define(slots=True)
class Told:
    """A report, or what all reports of one RptID have told.

    Attributes:
        id: RptID.
        options: the optional fields that it has, as bits of OptFlds.
        fields: their values, the first of each.
        members: of the data set.
        values, names, reasons: of the members that are included, by their places.
        segment: its SubSqNum, None for a report in one piece.
        complete: False if more segments follow.
    """

    id: str
    options: frozenset[int]
    fields: dict[int, pdu.AccessResult]
    members: int
    values: dict[int, pdu.AccessResult]
    names: dict[int, pdu.AccessResult]
    reasons: dict[int, pdu.AccessResult]
    segment: int | None
    complete: bool

    @property
    def entry(self) -> pdu.Data | None:
        """The EntryID."""
        match self.fields.get(_ENTRY):
            case ("success", ("octet-string", octets) as data) if len(octets) <= _LONGEST_ENTRY:
                return data
        return None

    def goes_on(self, later: Told) -> None:
        """Take in a later report."""
        if later.members != self.members:  # another data set
            self.values.clear()
            self.names.clear()
        self.options, self.fields, self.members = later.options, later.fields, later.members
        self.values |= later.values
        self.names |= later.names

    def part(self, places: list[int], number: int, *, more: bool) -> pdu.MMSpdu:
        """Return a segment of it with these members alone."""
        fields: list[pdu.AccessResult] = []
        for bit in _WIDTHS:
            if bit == _SEGMENT:
                fields += [("success", ("unsigned", number)), ("success", ("boolean", more))]
            elif bit in self.fields:
                fields.append(self.fields[bit])
        results: list[pdu.AccessResult] = [
            ("success", ("visible-string", self.id)),
            ("success", ("bit-string", _bits(set(self.options) | {_SEGMENT}, _OPTIONS))),
            *fields,
            ("success", ("bit-string", _bits(set(places), self.members))),
            *(kept[place] for kept in (self.names, self.values, self.reasons) if kept for place in places),
        ]
        return information(("variableListName", RPT), results)

    def as_old(self) -> pdu.MMSpdu | None:
        """Return a report of all that was told last, as old data; None if nothing of it can be marked so."""
        marked: dict[int, pdu.AccessResult] = {}
        for place in sorted(self.values):
            match self.values[place]:
                case ("success", data) if (new := old(data)) is not None:
                    marked[place] = ("success", new)
        if not marked:
            return None
        again = [bit for bit in _SAID_AGAIN if bit in self.options]
        named = _NAMES in self.options and all(place in self.names for place in marked)
        options = {*again, *({_NAMES} if named else ()), *({_REASONS} & self.options)}
        results: list[pdu.AccessResult] = [
            ("success", ("visible-string", self.id)),
            ("success", ("bit-string", _bits(options, _OPTIONS))),
            *(_next(self.fields[bit]) if bit == _SEQUENCE else self.fields[bit] for bit in again),
            ("success", ("bit-string", _bits(marked, self.members))),
            *([self.names[place] for place in marked] if named else ()),
            *marked.values(),
            *([_QUALITY_CHANGE] * len(marked) if _REASONS in options else ()),
        ]
        return information(("variableListName", RPT), results)


def told(message: pdu.MMSpdu) -> Told | None:
    """Return what a PDU reports; None if it is no report, or none that follows the rules."""
    match message:
        case ("unconfirmed-PDU", unconfirmed):
            match unconfirmed.service:
                case ("informationReport", report) if report.variable_access_specification == ("variableListName", RPT):
                    return _told(report.list_of_access_result)
    return None


def _told(results: list[pdu.AccessResult]) -> Told | None:
    match results:
        case [("success", ("visible-string", name)), ("success", ("bit-string", (bits, size))), *rest]:
            options = frozenset(BitString(bits, size).bits)
        case _:
            return None
    fields: dict[int, pdu.AccessResult] = {}
    segment: int | None = None
    at, complete = 0, True
    for bit, width in _WIDTHS.items():
        if bit in options and len(rest) >= at + width:
            fields[bit] = rest[at]
            at += width
    match fields.get(_SEGMENT):
        case ("success", ("unsigned", segment)):
            complete = rest[at - 1] != ("success", ("boolean", True))
    match rest[at : at + 1]:
        case [("success", ("bit-string", (included, members)))]:
            places = BitString(included, members).bits
        case _:
            return None
    rest = rest[at + 1 :]
    columns = [rest[start : start + len(places)] for start in range(0, len(rest), max(len(places), 1))]
    wanted = (_NAMES in options) + 1 + (_REASONS in options)
    if places and (len(columns) != wanted or any(len(column) != len(places) for column in columns)):
        return None
    names = dict(zip(places, columns.pop(0), strict=True)) if places and _NAMES in options else {}
    values = dict(zip(places, columns.pop(0), strict=True)) if places else {}
    reasons = dict(zip(places, columns.pop(0), strict=True)) if places and _REASONS in options else {}
    return Told(name, options, fields, members, values, names, reasons, segment, complete)


class Segments:
    """Divides reports that are too large for the near side, and numbers their segments anew."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    @property
    def busy(self) -> bool:
        """Whether more segments follow of a report that was divided."""
        return bool(self._next)

    def divide(self, message: pdu.MMSpdu, fits: Callable[[pdu.MMSpdu], bool]) -> list[pdu.MMSpdu]:
        """Return what goes out for a PDU: itself, its parts where it is a report that does not fit; nothing for
        anything else that does not."""
        fitting, report = fits(message), told(message)
        if report is None or (fitting and report.id not in self._next):
            return [message] if fitting else []
        number = self._next.pop(report.id, report.segment or 0) if report.segment else 0
        parts: list[pdu.MMSpdu] = []
        left = [sorted(report.values)]
        while left:
            places = left.pop()
            part = report.part(places, number + len(parts), more=bool(left) or not report.complete)
            if fits(part):
                parts.append(part)
            elif len(places) > 1:
                left += [places[len(places) // 2 :], places[: len(places) // 2]]
            elif places and report.values[places[0]] != GONE:
                report.values[places[0]] = GONE  # the client learns that there is one that it cannot get
                left.append(places)
            else:
                return []
        if not report.complete and len(self._next) < _MOST_DIVIDED:
            self._next[report.id] = number + len(parts)
        return parts


def _bits(places: dict[int, pdu.AccessResult] | set[int], size: int) -> pdu.Bits:
    return sum(1 << size - 1 - place for place in places), size


def _next(number: pdu.AccessResult) -> pdu.AccessResult:
    match number:
        case ("success", ("unsigned", value)):
            return ("success", ("unsigned", 0 if value in _ROUND else value + 1))
    return number
