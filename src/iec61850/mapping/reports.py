"""Reports as information reports, both ways (8-1 clause 17, second-hand; the order is that of recorded reports)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from ...common.errors import Malformed
from ..acsi.services import Reason, Report, ReportEntry
from ..acsi.types import BitString, DataValue, EntryTime
from ..mms import pdu
from .names import dollared, dotted, from_full_text, full_text
from .values import decode, encode

D = TypeVar("D")

RPT: pdu.ObjectName = ("vmd-specific", "RPT")
_OPTFLDS = 10
_LONGEST_ENTRY = 64
"""Octets of an EntryID; the standard has 8."""


def _reason(reason: Reason) -> pdu.AccessResult:
    size = 7 if Reason.APPLICATION_TRIGGER in reason else 6
    value = sum(1 << size - 2 - place for place in range(6) if reason.value >> place & 1)
    return ("success", ("bit-string", (value, size)))


REASONS = {number: _reason(Reason(number)) for number in range(64)}
"""The bit string for each combination of reasons, by its number."""


def _success(data: pdu.Data) -> pdu.AccessResult:
    return ("success", data)


def encode_report(report: Report) -> pdu.MMSpdu:
    """Return a report as one information report; which optional fields it has is told by those that are not None."""
    with_reason = any(entry.reason is not None for entry in report.entries)
    with_reference = any(entry.reference is not None for entry in report.entries)
    fields: list[tuple[int, list[pdu.Data]]] = []
    if report.sequence is not None:
        fields.append((1, [("unsigned", report.sequence)]))
    if report.time is not None:
        fields.append((2, [encode(report.time)]))
    if report.data_set is not None:
        fields.append((4, [("visible-string", dollared(report.data_set))]))
    if report.buffer_overflow is not None:
        fields.append((6, [("boolean", report.buffer_overflow)]))
    if report.entry_id is not None:
        fields.append((7, [("octet-string", report.entry_id)]))
    if report.conf_rev is not None:
        fields.append((8, [("unsigned", report.conf_rev)]))
    if report.sub_sequence is not None:
        fields.append((9, [("unsigned", report.sub_sequence), ("boolean", report.more_follows)]))
    options = {bit for bit, _ in fields} | ({3} if with_reason else set()) | ({5} if with_reference else set())
    size = max(report.members, 1)
    inclusion = sum(1 << size - 1 - entry.index for entry in report.entries)
    head: list[pdu.Data] = [
        ("visible-string", report.rpt_id),
        ("bit-string", (sum(1 << _OPTFLDS - 1 - bit for bit in options), _OPTFLDS)),
        *(data for _, parts in fields for data in parts),
        ("bit-string", (inclusion, size)),
    ]
    results = [_success(data) for data in head]
    if with_reference:
        names = [full_text(entry.reference) if entry.reference else "" for entry in report.entries]
        results += [_success(("visible-string", name)) for name in names]
    results += [_value(entry) for entry in report.entries]
    if with_reason:
        results += [REASONS[(entry.reason or Reason.NONE).value] for entry in report.entries]
    return information(("variableListName", RPT), results)


def _value(entry: ReportEntry) -> pdu.AccessResult:
    if entry.value is None:
        return ("failure", int(pdu.DataAccessError.TEMPORARILY_UNAVAILABLE))
    return ("success", encode(entry.value, entry.type))


def information(access: pdu.VariableAccessSpecification, results: list[pdu.AccessResult]) -> pdu.MMSpdu:
    """Return an information report as a PDU."""
    return ("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", pdu.InformationReport(access, results))))


class _Fields:
    """The values of an information report, taken one after the other."""

    def __init__(self, results: list[pdu.AccessResult]) -> None:
        self._left: Iterator[pdu.AccessResult] = iter(results)

    def value(self) -> DataValue:
        """Return the next value, None for one that could not be read."""
        for result in self._left:
            match result:
                case ("success", data):
                    return decode(data)
                case _:
                    return None
        raise Malformed("a report ends before its last field")

    def text(self, what: str) -> str:
        """Return the next value, a text."""
        return self._checked(self.value(), str, what)

    def number(self, what: str) -> int:
        """Return the next value, a number."""
        return self._checked(self.value(), int, what)

    def bits(self, what: str) -> BitString:
        """Return the next value, a bit string (of any length: 13 members make no quality)."""
        for result in self._left:
            match result:
                case ("success", ("bit-string", (value, size))):
                    return BitString(value, size)
            break
        raise Malformed(f"a report has no bits where {what} is expected")

    def reason(self) -> Reason:
        """Return the next value, the reasons of an entry."""
        for result in self._left:
            match result:
                case ("success", ("bit-string", bits)):
                    found = _BY_BITS.get(bits)
                    return _reason_of(BitString(*bits)) if found is None else found
            break
        raise Malformed("a report has no bits where ReasonCode is expected")

    def kind(self, class_: type[D], what: str) -> D:
        """Return the next value, of a class."""
        return self._checked(self.value(), class_, what)

    @staticmethod
    def _checked(value: DataValue, class_: type[D], what: str) -> D:
        if not isinstance(value, class_) or (class_ is int and isinstance(value, bool)):
            raise Malformed(f"a report has {value!r} where {what} is expected")
        return value


def decode_report(results: list[pdu.AccessResult]) -> Report:
    """Return the report that the values of an information report on `RPT` make; raise `Malformed`."""
    fields = _Fields(results)
    report = Report(fields.text("RptID"), [])
    options = fields.bits("OptFlds")
    has = frozenset(options.bits)
    if 1 in has:
        report.sequence = fields.number("SqNum")
    if 2 in has:
        report.time = fields.kind(EntryTime, "TimeOfEntry")
    if 4 in has:
        report.data_set = dotted(fields.text("DatSet"))
    if 6 in has:
        report.buffer_overflow = fields.kind(bool, "BufOvfl")
    if 7 in has:
        report.entry_id = fields.kind(bytes, "EntryID")
        if len(report.entry_id) > _LONGEST_ENTRY:  # they are kept: a server may not choose how much that is
            raise Malformed(f"a report has an EntryID of {len(report.entry_id)} octets")
    if 8 in has:
        report.conf_rev = fields.number("ConfRev")
    if 9 in has:
        report.sub_sequence = fields.number("SubSqNum")
        report.more_follows = fields.kind(bool, "MoreSegmentsFollow")
    inclusion = fields.bits("the inclusion")
    report.members = inclusion.size
    included = inclusion.bits
    names = [from_full_text(fields.text("DataRef")) for _ in included] if 5 in has else [None] * len(included)
    values = [fields.value() for _ in included]
    reasons = [fields.reason() for _ in included] if 3 in has else [None] * len(included)
    report.entries = [
        ReportEntry(index, value, name, reason)
        for index, value, name, reason in zip(included, values, names, reasons, strict=True)
    ]
    return report


def decode_reason(bits: BitString) -> Reason:
    """Return the reasons that a bit string tells."""
    found = _BY_BITS.get((bits.value, bits.size))
    return _reason_of(bits) if found is None else found


def _reason_of(bits: BitString) -> Reason:
    return Reason(sum(1 << bit - 1 for bit in bits.bits if 1 <= bit <= 6))


_BY_BITS = {(value, size): _reason_of(BitString(value, size)) for size in (6, 7) for value in range(1 << size)}
