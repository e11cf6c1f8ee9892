"""Taking the reports that bring what is wanted: control blocks whose data sets cover it, the first that are free."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Set

import attrs

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import AcsiClass, GetDataSetDirectory, GetRCBValues
from ..client import Ied, Reports
from ..model.nodes import Trigger

log = logging.getLogger(__name__)

TRIGGERS = Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE


@attrs.frozen(slots=True)
class Subscription:
    """Reports that have been started, and the members of their data set."""

    reports: Reports
    members: tuple[Reference, ...]


async def subscribe(ied: Ied, wanted: Set[Reference], integrity: float) -> list[Subscription]:
    """Start as many reports as it takes to cover the data objects `wanted`, as far as the server's data sets do.

    Blocks that another client holds are passed over. Each tells all its members at once, then what changes, and all
    of them every `integrity` seconds of the server's clock.
    """
    missing = set(wanted)
    members: dict[str, tuple[Reference, ...]] = {}
    found = []
    async for block, data_set in _free_blocks(ied, {reference.device for reference in wanted}):
        if data_set not in members:
            members[data_set] = await ied.association.call(GetDataSetDirectory(Reference.parse(data_set)))
        if missing.isdisjoint(members[data_set]):
            continue
        reports = ied.report(block, triggers=TRIGGERS, integrity=integrity)
        try:
            await reports.start()
        except ServiceRefused as refused:
            if refused.error is not ServiceError.INSTANCE_IN_USE:
                raise
            continue  # somebody was quicker
        found.append(Subscription(reports, members[data_set]))
        missing.difference_update(members[data_set])
        if not missing:
            break
    if missing:
        log.info("%s: no report covers %s", ied.peer, ", ".join(sorted(map(str, missing))))
    return found


async def _free_blocks(ied: Ied, devices: Set[str]) -> AsyncIterator[tuple[str, str]]:
    """Yield name and data set of each unbuffered block that nobody holds."""
    for device in sorted(devices):
        for name in await ied.instances(f"{device}/LLN0", AcsiClass.URCB):
            values = await ied.association.call(GetRCBValues(Reference(device, "LLN0", (name,), FC.RP)))
            data_set = values.get("DatSet")
            if not values.get("Resv") and not values.get("RptEna") and isinstance(data_set, str) and data_set:
                yield f"{device}/LLN0.{name}", data_set


def covered(subscriptions: list[Subscription]) -> set[Reference]:
    """Return the data objects that these reports bring."""
    return {member for subscription in subscriptions for member in subscription.members}
