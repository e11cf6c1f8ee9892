"""What reports of our server can hold, found by asking an engine for all of it."""

from __future__ import annotations

from datetime import timedelta

import attrs

from ..acsi.references import FC, Reference
from ..acsi.services import GetRCBValues, Reason, Report, SetRCBValues
from ..acsi.types import BitString, DataValue
from ..engine import Outcome, settle
from .sides import BEGIN, INDICATION, RCBS, engine

_ALL_FIELDS = BitString(0b0111111111, 10)
_ALL_TRIGGERS = BitString(0b011111, 6)


@attrs.frozen(slots=True)
class Reports:
    """What reports of one kind of control block hold.

    Attributes:
        fields: names of the optional fields that came (`SqNum` as 8-1 names them).
        attributes: of the control block.
        reasons: for which entries were included.
    """

    fields: frozenset[str]
    attributes: tuple[str, ...]
    reasons: Reason


def reports(block: str) -> Reports:
    """Return what came of a control block of `sides.engine` (`brcb`, `urcb`) with every option and trigger set."""
    made, now = engine(), BEGIN
    client = made.associate("probe")
    rcb = Reference("LD", "LLN0", (block,), FC.BR if RCBS[block] else FC.RP)
    settings: tuple[tuple[str, DataValue], ...] = (
        ("OptFlds", _ALL_FIELDS), ("TrgOps", _ALL_TRIGGERS), ("IntgPd", 1000), ("RptEna", True), ("GI", True),
    )  # fmt: skip
    settle(made.call(client, SetRCBValues(rcb, settings), now), Outcome(now))
    value, quality = (made.find(INDICATION.child(name)) for name in ("stVal", "q"))
    assert value is not None
    assert quality is not None
    for leaf, new in ((value, True), (value, True), (quality, BitString.of(1, size=13))):
        made.update([(leaf, new)], now)
    now += timedelta(seconds=1)
    made.tick(now)
    sent = [report for _, report in made.drain() if isinstance(report, Report)]
    attributes = settle(made.call(client, GetRCBValues(rcb), now), Outcome(now))
    fields = frozenset(name for report in sent for name in _fields(report))
    reasons = Reason.NONE
    for report in sent:
        for entry in report.entries:
            reasons |= entry.reason or Reason.NONE
    return Reports(fields, tuple(attributes), reasons)


def _fields(report: Report) -> frozenset[str]:
    found = {
        "SqNum": report.sequence, "TimeOfEntry": report.time, "DatSet": report.data_set,
        "BufOvfl": report.buffer_overflow, "EntryID": report.entry_id, "ConfRev": report.conf_rev,
        "SubSqNum": report.sub_sequence,
        "DataRef": next((entry.reference for entry in report.entries), None),
        "ReasonCode": next((entry.reason for entry in report.entries), None),
    }  # fmt: skip
    return frozenset(name for name, value in found.items() if value is not None)
