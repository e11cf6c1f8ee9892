"""What a server has recorded of a data object: the log whose control block writes it, and its entries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from ...common.errors import Refused
from ..acsi.logs import GetLCBValues
from ..acsi.references import FC, Reference
from ..acsi.services import AcsiClass, GetDataSetDirectory, Reason
from ..acsi.types import DataValue
from ..client import Ied


async def find_log(ied: Ied, wanted: Reference) -> str:
    """Return the log `LD/LN.name` into which a data object with its constraint is written; raise `Refused` for none.

    It is that of a control block of its logical device whose data set has the object as a member; rather of one that
    writes now.
    """
    found: list[tuple[bool, str]] = []
    blocks = 0
    for node in await ied.nodes(wanted.device):
        for name in await ied.instances(f"{wanted.device}/{node}", AcsiClass.LCB):
            blocks += 1
            block = await ied.association.call(GetLCBValues(Reference(wanted.device, node, (name,), FC.LG)))
            log, data_set = block.get("LogRef"), block.get("DatSet")
            if not (isinstance(log, str) and log and isinstance(data_set, str) and data_set):
                continue
            if wanted in await ied.association.call(GetDataSetDirectory(Reference.parse(data_set.replace("$", ".")))):
                found.append((block.get("LogEna") is True, log))
    if not found:
        raise Refused("none of its logs has this" if blocks else "this device keeps no log", where=str(wanted))
    return max(found, key=lambda one: one[0])[1]


async def recorded(
    ied: Ied, log: str, wanted: Reference, start: datetime, end: datetime
) -> AsyncIterator[tuple[datetime, DataValue, bool]]:
    """Yield what a log has of a data object from `start` until before `end`, in its order.

    Each with the time of its entry, and whether the value had changed (or was only written down again).
    """
    async for update in ied.log(log).entries(start=start, stop=end):
        if start <= update.time < end:
            for one in update.entry.data:
                if one.reference == wanted:
                    yield update.time, one.value, Reason.INTEGRITY not in one.reason
