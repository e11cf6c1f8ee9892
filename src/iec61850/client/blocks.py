"""Report control blocks as a subscriber finds them: which instance is free, and what has to be set."""

from __future__ import annotations

import re

import attrs

from ...common.errors import UnknownName
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.services import GetRCBValues, SetRCBValues
from ..acsi.types import BitString, DataValue
from ..model.nodes import Trigger
from .nodes import Nodes

OPTIONS = BitString.of(1, 2, 3, 4, 8, size=10)
"""Sequence number, time, reasons, data set and configuration revision: what makes a report clear by itself."""
BUFFERED_OPTIONS = BitString.of(1, 2, 3, 4, 6, 7, 8, size=10)
"""The overflow and the EntryID too: without them nobody could go on where he was."""


@attrs.frozen(slots=True)
class Settings:
    """How a report control block is set before it is enabled; what is None is left as it is.

    Attributes:
        triggers: what shall raise reports.
        integrity: seconds between reports of all values; sets the trigger, too.
        buffer_time: seconds during which events are gathered into one report.
        data_set: `LD/LN.name`.
        interrogate: ask for all values once, at the start. None: yes, but of a buffered block only where its triggers
            have it already and the start is the first one (to change triggers would empty the buffer).
        after: of a buffered block: the EntryID of the last report that the application has kept; those after it come.
        reserve: of a buffered block: seconds for which it stays reserved for this client when the association breaks.
    """

    triggers: Trigger | None = None
    integrity: float | None = None
    buffer_time: float | None = None
    data_set: str | None = None
    interrogate: bool | None = None
    after: bytes | None = None
    reserve: float = 60.0


async def instances(nodes: Nodes, asked: Reference) -> list[Reference]:
    """Return the instances of a block that a server has, buffered ones first; raise `UnknownName` if it has none."""
    types = await nodes.type(asked.device, asked.node)
    name = asked.path[0] if len(asked.path) == 1 else ""
    there = [
        Reference(asked.device, asked.node, (found,), fc)
        for fc in (FC.BR, FC.RP)
        if fc in types and asked.fc in (None, fc)
        for found, _ in types[fc].components
    ]
    pattern = re.compile(re.escape(name) + r"(\d\d)?")
    blocks = [block for block in there if name and pattern.fullmatch(block.path[0])]
    if not blocks:
        names = ", ".join(sorted(block.path[0] for block in there)) or "none"
        raise UnknownName(f"there is no such report control block; there is {names}", where=str(asked))
    return sorted(blocks, key=lambda block: block.path)


async def reserve(
    association: ClientAssociation, blocks: list[Reference], seconds: float
) -> tuple[Reference, dict[str, DataValue]]:
    """Return the first free block and its attributes, reserved for us; raise `ServiceRefused` if all are taken."""
    for block in blocks:
        present = await association.call(GetRCBValues(block))
        if present.get("RptEna") is True or present.get("Resv") is True:
            continue
        wanted: tuple[tuple[str, DataValue], ...] = ()
        if block.fc is FC.RP:
            wanted = (("Resv", True),)
        elif isinstance(held := present.get("ResvTms"), int) and held >= 0 and seconds > 0:
            wanted = (("ResvTms", max(1, min(32_767, round(seconds)))),)
        try:
            if wanted:
                await association.call(SetRCBValues(block, wanted))
        except ServiceRefused:
            continue  # somebody else has it
        return block, present
    why = "every instance is taken (reports of your own too, until they are closed: async with does it)"
    raise ServiceRefused(ServiceError.INSTANCE_IN_USE, why, where=str(blocks[0]))


def wanted(
    settings: Settings, present: dict[str, DataValue], *, buffered: bool
) -> tuple[list[tuple[str, DataValue]], bool]:
    """Return the attributes to set, in order, leaving out those that are as wanted already; and whether all values can
    be asked for at the start."""
    found: dict[str, DataValue] = {"OptFlds": BUFFERED_OPTIONS if buffered else OPTIONS}
    triggers = settings.triggers
    options = present.get("TrgOps")
    if triggers is None and isinstance(options, BitString):
        triggers = Trigger(sum(1 << bit - 1 for bit in options.bits if 1 <= bit <= 5))
    triggers = triggers or Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE
    if settings.integrity is not None:
        triggers |= Trigger.INTEGRITY
        found["IntgPd"] = round(settings.integrity * 1000)
    if settings.interrogate or (settings.interrogate is None and not buffered):
        triggers |= Trigger.GENERAL_INTERROGATION
    found["TrgOps"] = BitString.of(*(t.value.bit_length() for t in Trigger if t.value and t in triggers), size=6)
    if settings.buffer_time is not None:
        found["BufTm"] = round(settings.buffer_time * 1000)
    if settings.data_set is not None:
        found["DatSet"] = settings.data_set
    asks = settings.interrogate is not False and Trigger.GENERAL_INTERROGATION in triggers
    return [(name, value) for name, value in found.items() if present.get(name) != value], asks
