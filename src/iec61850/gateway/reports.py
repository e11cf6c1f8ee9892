"""Reports as a relay sees them: enough of a report to go on after it, and to say that what it told is old."""

from __future__ import annotations

import attrs

from ..acsi.services import Reason
from ..acsi.types import BitString
from ..mapping.reports import REASONS, RPT, information
from ..mms import pdu
from .stale import old

_SEQUENCE, _TIME, _REASONS, _DATA_SET, _NAMES, _OVERFLOW, _ENTRY, _REVISION, _SEGMENT = range(1, 10)
_WIDTHS = {_SEQUENCE: 1, _TIME: 1, _DATA_SET: 1, _OVERFLOW: 1, _ENTRY: 1, _REVISION: 1, _SEGMENT: 2}
"""How many values each optional field has, in their order."""
_SAID_AGAIN = (_SEQUENCE, _DATA_SET, _REVISION)
_OPTIONS = 10
_ROUND = frozenset({0xFF, 0xFFFF})
"""The highest sequence numbers, of unbuffered and of buffered blocks."""
_QUALITY_CHANGE = REASONS[Reason.QUALITY_CHANGE.value]
_LONGEST_ENTRY = 64


@attrs.define(slots=True)
class Told:
    """A report, or what all reports of one RptID have told.

    Attributes:
        id: RptID.
        options: the optional fields that it has, as bits of OptFlds.
        fields: their values, the first of each.
        members: of the data set.
        values, names: of the members that are included, by their places.
        complete: False if more segments follow.
    """

    id: str
    options: frozenset[int]
    fields: dict[int, pdu.AccessResult]
    members: int
    values: dict[int, pdu.AccessResult]
    names: dict[int, pdu.AccessResult]
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
    at, complete = 0, True
    for bit, width in _WIDTHS.items():
        if bit in options and len(rest) >= at + width:
            fields[bit] = rest[at]
            at += width
            complete = bit != _SEGMENT or rest[at - 1] != ("success", ("boolean", True))
    match rest[at : at + 1]:
        case [("success", ("bit-string", (included, members)))]:
            places = BitString(included, members).bits
        case _:
            return None
    rest = rest[at + 1 :]
    names = dict(zip(places, rest, strict=False)) if _NAMES in options else {}
    values = dict(zip(places, rest[len(names) :], strict=False))
    return Told(name, options, fields, members, values, names, complete)


def _bits(places: dict[int, pdu.AccessResult] | set[int], size: int) -> pdu.Bits:
    return sum(1 << size - 1 - place for place in places), size


def _next(number: pdu.AccessResult) -> pdu.AccessResult:
    match number:
        case ("success", ("unsigned", value)):
            return ("success", ("unsigned", 0 if value in _ROUND else value + 1))
    return number
