"""What either program says of reports: what it was asked for, and the values that have come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...openadr.model import Duration, PayloadResourceStatus, Report, ReportRequest, Xml
from ...openadr.ven import Sample
from . import summary
from .telling import Teller

ONCE = Duration("PT0S")
"""The time between two reports of which there is but one."""


def asked(say: Teller, requests: Iterable[ReportRequest], by: str = "", **who: str) -> None:
    """Tell of reports that a peer has asked for."""
    for request in requests:
        specifier = request.report_specifier
        r_ids = [payload.r_id for payload in specifier.specifier_payloads]
        every = specifier.report_back_duration.text
        often = "once" if specifier.report_back_duration == ONCE else f"every {every}"
        what = f"to report {', '.join(r_ids)} of {specifier.report_specifier_id} {often}"
        say.tell("asked", f"asked {f'by {by} ' if by else ''}{what}",
                 report=specifier.report_specifier_id, request=request.report_request_id, rids=r_ids,
                 every=every, granularity=specifier.granularity.text, **who)  # fmt: skip


def came(say: Teller, samples: Sequence[Sample], offer: Report | None, peer: str = "", **who: str) -> None:
    """Tell of values of a report that `peer` has offered."""
    items = {each.r_id: each.item_base for each in offer.descriptions} if offer else {}
    for sample in samples:
        unit = summary.unit(items.get(sample.r_id))
        value = _value(sample)
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        time = sample.time.astimezone()
        say.tell("sample", " ".join(filter(None, (peer, sample.r_id, shown, unit, f"at {time:%H:%M:%S}"))),
                 rid=sample.r_id, value=value, unit=unit, at=time.isoformat(),
                 quality=None if sample.quality is None else str(sample.quality), **who)  # fmt: skip


def _value(sample: Sample) -> float | str:
    value = sample.value
    if isinstance(value, PayloadResourceStatus):
        return f"{'online' if value.online else 'offline'}{', overridden' if value.manual_override else ''}"
    if isinstance(value, Xml):
        return value.text
    return float(value) if isinstance(value, int | float) else str(value)
