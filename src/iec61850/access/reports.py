"""Taking reports: find unbuffered control blocks whose data sets cover what is wanted, reserve and enable them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Set

import attrs

from ..acsi.errors import ServiceRefused
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.services import (
    AcsiClass,
    GetDataSetDirectory,
    GetLogicalNodeDirectory,
    GetRCBValues,
    SetRCBValues,
)
from ..acsi.types import BitString

log = logging.getLogger(__name__)

OPTIONS = BitString.of(1, 2, 3, 4, size=10)
"""Sequence number, time of entry, reason for inclusion, data set name."""
TRIGGERS = BitString.of(1, 2, 4, 5, size=6)
"""Data change, quality change, integrity, general interrogation."""


@attrs.frozen(slots=True)
class Subscription:
    """A control block that reports to us: its RptID, and the members of its data set in order."""

    rcb: Reference
    rpt_id: str
    members: tuple[Reference, ...]


async def subscribe(association: ClientAssociation, wanted: Set[Reference], integrity_s: float) -> list[Subscription]:
    """Enable as many blocks as it takes to cover the data objects `wanted`, as far as the server's data sets do.

    Blocks that another client holds are passed over. Each tells all its members at once, then what changes, and all
    of them every `integrity_s` seconds of the server's clock.
    """
    missing = set(wanted)
    members: dict[str, tuple[Reference, ...]] = {}
    found = []
    async for rcb, rpt_id, data_set in _free_blocks(association, {reference.device for reference in wanted}):
        if data_set not in members:
            members[data_set] = await association.call(GetDataSetDirectory(_parse(data_set)))
        if missing.isdisjoint(members[data_set]):
            continue
        if await _enable(association, rcb, integrity_s):
            found.append(Subscription(rcb, rpt_id, members[data_set]))
            missing.difference_update(members[data_set])
        if not missing:
            break
    if missing:
        log.info("%s: no report covers %s", association.peer, ", ".join(sorted(map(str, missing))))
    return found


async def interrogate(association: ClientAssociation, subscriptions: Iterable[Subscription]) -> None:
    """Ask for a report of everything."""
    for subscription in subscriptions:
        await association.call(SetRCBValues(subscription.rcb, (("GI", True),)))


async def release(association: ClientAssociation, subscriptions: Iterable[Subscription]) -> None:
    """Disable and free the blocks."""
    for subscription in subscriptions:
        await association.call(SetRCBValues(subscription.rcb, (("RptEna", False), ("Resv", False))))


async def _free_blocks(
    association: ClientAssociation, devices: Iterable[str]
) -> AsyncIterator[tuple[Reference, str, str]]:
    """Yield reference, RptID and data set of each unbuffered block that nobody holds."""
    for device in sorted(devices):
        node = Reference(device, "LLN0")
        for name in await association.call(GetLogicalNodeDirectory(node, AcsiClass.URCB)):
            rcb = Reference(device, "LLN0", (name,), FC.RP)
            values = await association.call(GetRCBValues(rcb))
            data_set = values.get("DatSet")
            if not values.get("Resv") and not values.get("RptEna") and isinstance(data_set, str) and data_set:
                yield rcb, str(values.get("RptID", "")), data_set


async def _enable(association: ClientAssociation, rcb: Reference, integrity_s: float) -> bool:
    period = round(integrity_s * 1000)
    try:
        await association.call(SetRCBValues(rcb, (("Resv", True),)))
    except ServiceRefused as refused:  # somebody was quicker
        log.info("%s: %s", association.peer, refused)
        return False
    settings = (("OptFlds", OPTIONS), ("TrgOps", TRIGGERS), ("IntgPd", period), ("RptEna", True))
    await association.call(SetRCBValues(rcb, settings))
    return True


def _parse(data_set: str) -> Reference:
    return Reference.parse(data_set.replace("$", "."))
