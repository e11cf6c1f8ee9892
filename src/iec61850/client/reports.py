"""Subscribing to a server's reports (IEC 61850-7-2 clause 17): finds a free instance, reserves and enables it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import attrs

from ...common.errors import JanusGridError, LocalError, NotReachable, UnknownName
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.plain import Plain, plain
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.services import (
    GetDataSetDirectory,
    GetRCBValues,
    Notification,
    Reason,
    Report,
    SetRCBValues,
)
from ..acsi.types import BitString, DataValue, TypeDescription
from ..model.nodes import Trigger
from .nodes import Nodes

log = logging.getLogger(__name__)

_OPTIONS = BitString.of(1, 2, 3, 4, 8, size=10)
"""Sequence number, time, reasons, data set and configuration revision: what makes a report clear by itself."""
_MOST_WAITING = 10_000


@attrs.frozen(slots=True)
class Update:
    """A report as people read it.

    Attributes:
        values: by reference (`LD/LN.DO`, `LD/LN.DO.DA`) the values that the report brings, structures as dicts.
        reasons: why each of them is there.
        time: when the server made it; None if it does not say.
        missed: how many reports were lost before this one, as far as sequence numbers tell.
        report: the report itself; each entry has its reference.
    """

    values: dict[str, Plain]
    reasons: dict[str, Reason]
    time: datetime | None
    missed: int
    report: Report


@attrs.frozen(slots=True)
class Settings:
    """How a report control block is set before it is enabled; what is None is left as it is.

    Attributes:
        triggers: what shall raise reports.
        integrity: seconds between reports of all values; sets the trigger, too.
        buffer_time: seconds during which events are gathered into one report.
        data_set: `LD/LN.name`.
        interrogate: ask for all values once, at the start.
    """

    triggers: Trigger | None = None
    integrity: float | None = None
    buffer_time: float | None = None
    data_set: str | None = None
    interrogate: bool = True


class Reports:
    """The reports of one control block, as an async iterator of `Update`.

        async with ied.report("LD/LLN0.urcbMeas") as reports:
            async for update in reports:
                ...

    Iterating without `async with` starts it too; it then ends with `close`, or with the association.
    """

    def __init__(self, association: ClientAssociation, nodes: Nodes, block: Reference, settings: Settings) -> None:
        self.block = block
        """The instance that is used; before the start, what was asked for."""
        self._association = association
        self._nodes = nodes
        self._settings = settings
        self._members: list[tuple[Reference, TypeDescription | None]] = []
        self._id = ""
        self._data_set = ""
        self._waiting: asyncio.Queue[Report | str] = asyncio.Queue()
        self._segments: list[Report] = []
        self._sequence: int | None = None
        self._dropped = 0
        self._started = False
        self._over = False
        self._stop: list[Callable[[], None]] = []

    # --- start and end ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Find a free instance, reserve it, set it and enable it.

        Raises:
            UnknownName: there is no such report control block.
            ServiceRefused: every instance is taken (`instance-in-use`), or the server refuses a setting.
        """
        if self._started:
            return
        self._started = True
        self.block, present = await self._reserve()
        try:
            settings = self._wanted(present)
            name = str(dict(settings).get("DatSet", present["DatSet"]))
            if not name:
                raise LocalError("it has no data set; give one by data_set=", where=str(self.block))
            self._data_set = name
            references = await self._association.call(GetDataSetDirectory(Reference.parse(name)))
            self._members = [(reference, await self._type(reference)) for reference in references]
            self._id = str(present["RptID"])
            self._stop = [
                self._association.on_notification(self._take),
                self._association.on_end(self._waiting.put_nowait),
            ]
            await self._set(*settings, ("RptEna", True))
            if self._settings.interrogate:
                await self._set(("GI", True))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Disable reporting and free the instance."""
        if self._over:
            return
        self._over = True
        for stop in self._stop:
            stop()
        if self._started and self.block.fc is FC.RP:
            with contextlib.suppress(JanusGridError):
                await self._set(("RptEna", False))
                await self._set(("Resv", False))
        self._waiting.put_nowait("closed")

    async def _reserve(self) -> tuple[Reference, dict[str, DataValue]]:
        """Return the first free instance and its attributes, reserved for us."""
        for name in await self._instances():
            block = Reference(self.block.device, self.block.node, (name,), FC.RP)
            present = await self._association.call(GetRCBValues(block))
            if present.get("RptEna") is True or present.get("Resv") is True:
                continue
            try:
                await self._association.call(SetRCBValues(block, (("Resv", True),)))
            except ServiceRefused:
                continue  # somebody was quicker
            return block, present
        raise ServiceRefused(ServiceError.INSTANCE_IN_USE, "every instance is taken", where=str(self.block))

    async def _instances(self) -> list[str]:
        types = await self._nodes.type(self.block.device, self.block.node)
        asked = self.block.path[0] if len(self.block.path) == 1 else ""
        there = [name for name, _ in types[FC.RP].components] if FC.RP in types else []
        found = [name for name in there if name == asked or re.fullmatch(re.escape(asked) + r"\d\d", name)]
        if not found or not asked:
            names = ", ".join(sorted(there)) or "none"
            raise UnknownName(
                f"there is no such unbuffered report control block; there is {names}", where=str(self.block)
            )
        return sorted(found)

    def _wanted(self, present: dict[str, DataValue]) -> list[tuple[str, DataValue]]:
        """Return the attributes to set, in order, leaving out those that are as wanted already."""
        settings = self._settings
        found: dict[str, DataValue] = {"OptFlds": _OPTIONS}
        triggers = settings.triggers
        options = present.get("TrgOps")
        if triggers is None and isinstance(options, BitString):
            triggers = Trigger(sum(1 << bit - 1 for bit in options.bits if 1 <= bit <= 5))
        triggers = triggers or Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE
        if settings.integrity is not None:
            triggers |= Trigger.INTEGRITY
            found["IntgPd"] = round(settings.integrity * 1000)
        if settings.interrogate:
            triggers |= Trigger.GENERAL_INTERROGATION
        found["TrgOps"] = BitString.of(*(t.value.bit_length() for t in Trigger if t.value and t in triggers), size=6)
        if settings.buffer_time is not None:
            found["BufTm"] = round(settings.buffer_time * 1000)
        if settings.data_set is not None:
            found["DatSet"] = settings.data_set
        return [(name, value) for name, value in found.items() if present.get(name) != value]

    async def _set(self, *values: tuple[str, DataValue]) -> None:
        await self._association.call(SetRCBValues(self.block, values))

    async def _type(self, reference: Reference) -> TypeDescription | None:
        try:
            return (await self._nodes.constraints(reference)).get(reference.fc) if reference.fc else None
        except UnknownName:
            return None  # a member that names nothing: it will bring no value either

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- what comes in ----------------------------------------------------------------------------------------------

    def _take(self, notification: Notification) -> None:
        if not isinstance(notification, Report) or notification.rpt_id != self._id:
            return
        if notification.data_set is not None and notification.data_set != self._data_set:
            return
        whole = self._assembled(notification)
        if whole is None:
            return
        if self._waiting.qsize() >= _MOST_WAITING:
            self._waiting.get_nowait()
            self._dropped += 1
        self._waiting.put_nowait(whole)

    def _assembled(self, report: Report) -> Report | None:
        """Return the whole report, once its last segment is there."""
        if report.sub_sequence is None:
            return report
        if report.sub_sequence == 0:
            self._segments = []
        others = self._segments and self._segments[0].sequence != report.sequence
        if others or report.sub_sequence != len(self._segments):
            log.warning("%s: a segment of a report is missing; the report is dropped", self.block)
            self._segments = []
            return None
        self._segments.append(report)
        if report.more_follows:
            return None
        segments, self._segments = self._segments, []
        entries = [entry for segment in segments for entry in segment.entries]
        return attrs.evolve(segments[0], entries=entries, sub_sequence=None, more_follows=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update:
        """Return the next report; raise `NotReachable` when the association has ended."""
        await self.start()
        if self._over and self._waiting.empty():
            raise StopAsyncIteration
        found = await self._waiting.get()
        if isinstance(found, Report):
            return self._update(found)
        self._waiting.put_nowait(found)  # whoever asks again gets the same answer
        if self._over:
            raise StopAsyncIteration
        raise NotReachable(f"no more reports: the association has ended ({found})", where=str(self.block))

    def _update(self, report: Report) -> Update:
        missed, self._dropped = self._dropped, 0
        if report.sequence is not None:
            if self._sequence is not None:
                missed = max(missed, (report.sequence - self._sequence - 1) % 256)
            self._sequence = report.sequence
        values: dict[str, Any] = {}
        reasons: dict[str, Reason] = {}
        for entry in report.entries:
            if entry.index >= len(self._members):
                log.warning("%s: a report tells of member %d, which there is not", self.block, entry.index)
                continue
            entry.reference, description = self._members[entry.index]
            name = str(entry.reference.with_fc(None))
            if name in values:  # the same name under two constraints
                name = str(entry.reference)
            values[name] = plain(entry.value, description) if description else entry.value
            reasons[name] = entry.reason or Reason.NONE
        return Update(values, reasons, report.time.datetime if report.time else None, missed, report)
