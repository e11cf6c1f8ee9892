"""Events, VENs and reports in a few words: what commands print of them."""

from __future__ import annotations

from typing import Any

from ...common.errors import Malformed
from ...openadr.core.report_ledger import Ledger
from ...openadr.core.ven_book import Ven
from ...openadr.items import unit_of
from ...openadr.model import CreateOpt, DistributeEvent, EiEvent, EiEventSignal, Event, ItemBase, SignalPayload

EVENT_COLUMNS = ("id", "status", "start", "for", "signals", "opt")
OPT_COLUMNS = ("ven", "id", "opt", "of", "reason")
VEN_COLUMNS = ("name", "ven_id", "transport", "address", "reports")


def event(found: EiEvent, status: str) -> dict[str, Any]:
    """Return an event as commands show it."""
    descriptor, period = found.event_descriptor, found.ei_active_period
    return {
        "id": descriptor.event_id,
        "modification": descriptor.modification_number,
        "status": status,
        "start": period.dtstart.isoformat(),
        "for": period.duration.text,
        "signals": [signal(each) for each in found.ei_event_signals],
        "priority": descriptor.priority,
        "market": descriptor.market_context,
        "test": descriptor.is_test,
        "comment": descriptor.vtn_comment,
    }


def signal(found: EiEventSignal) -> str:
    """Return a signal in words: its name, type, values and unit."""
    payloads = (payload for interval in found.intervals for payload in interval.payloads)
    values = [
        f"{each.value:g}" for each in payloads if isinstance(each, SignalPayload) and isinstance(each.value, float)
    ]
    words = (str(found.signal_name), found.signal_type.value, ",".join(values), unit(found.item_base))
    return " ".join(word for word in words if word)


def unit(item: ItemBase | None) -> str:
    """Return the symbol of an item's unit, or its own words."""
    try:
        return unit_of(item).symbol
    except Malformed:
        return str(getattr(item, "item_units", "") or type(item).__name__)


def opt(found: CreateOpt) -> dict[str, Any]:
    """Return an opt as commands show it."""
    stretches = [f"{each.dtstart.isoformat()} for {each.duration.text}" for each in found.vavailability or ()]
    event_id = found.qualified_event_id.event_id if found.qualified_event_id else None
    return {
        "id": found.opt_id,
        "opt": found.opt_type.value,
        "of": event_id or ", ".join(stretches),
        "reason": str(found.opt_reason),
        "event_id": event_id,
        "times": stretches,
        "market": found.market_context,
    }


def ven(found: Ven) -> dict[str, Any]:
    """Return a registered VEN as commands show it."""
    return {
        "name": found.ven_name,
        "ven_id": found.ven_id,
        "registration_id": found.registration_id,
        "identity": found.identity,
        "transport": str(found.transport),
        "address": found.address,
        "reports": list(found.offers),
        "report_only": found.report_only,
        "signs": found.signs,
    }


def reports(peer: str, ledger: Ledger) -> list[dict[str, Any]]:
    """Return what a peer offers to report, and what it was asked for, as commands show it."""
    rows = []
    for specifier, offer in ledger.offers.items():
        asked = [
            {
                "request": identity,
                "rids": [payload.r_id for payload in each.report_specifier.specifier_payloads],
                "granularity": each.report_specifier.granularity.text,
                "every": each.report_specifier.report_back_duration.text,
            }
            for identity, each in ledger.requests.items()
            if each.report_specifier.report_specifier_id == specifier
        ]
        points = {each.r_id: unit(each.item_base) for each in offer.descriptions}
        rows.append({"ven": peer, "report": specifier, "name": str(offer.report_name),
                     "points": points, "requests": asked})  # fmt: skip
    return rows


def carried(found: EiEvent) -> DistributeEvent:
    """Return the message in which an event goes between a command and a program."""
    return DistributeEvent(request_id="0", vtn_id="0", events=(Event(ei_event=found),))
