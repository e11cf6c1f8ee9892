"""Points served by an IEC 61850 server: the rows of a device table, seen from the device's side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from ...common.data.access import DataAccess
from ...common.data.conversion import Field, WireType
from ...common.data.tables import Binding, Service
from ...common.data.value import Detail, Quality, Scalar, Validity, Value
from ...common.errors import ConfigError, JanusGridError, Malformed, TypeConflict, UnknownName
from ...common.openable import Openable
from ..acsi.plain import Plain
from ..acsi.references import Reference
from ..acsi.types import BitString, DataValue
from ..acsi.types import Quality as QualityBits
from ..model.nodes import Attribute, DataObject
from ..server import Change, Command, Server
from .objects import attribute, quality_bits
from .past import HistoryLog, history_logs
from .refusals import NOT_THERE, cause_of, error_of
from .schedules import schedule_of
from .scheduling import ServedSchedule

log = logging.getLogger(__name__)

_PAUSE = 5.0
"""Seconds after which a watch that has ended is tried again."""

_UNKNOWN = Quality(Validity.INVALID)
_MISFIT = Quality(Validity.INVALID, Detail.INCONSISTENT)
"""Of a value that the table has no place for."""


class ServedPoints(Openable):
    """Serves the points of `access`: values go to the server's model, commands, settings and schedules come back.

        async with ServedPoints(server, bindings, access):
            server.start(session)

    Values come by a watch of the access as they change, with their quality and source time; or, without `open`, when
    `refresh` is called. A select, a command and its abort are those of the access; a command for a later time is
    kept by the server until then. What the access refuses is refused to the client with its additional cause. Points
    that the access does not have keep what the server's configuration says.

    Args:
        server: of a model that has the points.
        bindings: rows with the columns `reference` and `fc`, and `schedule` where that service is offered.
        access: where the points are.
        period: seconds after which the access tells all values again; None for only when they change.
        history: whether logs of the model are answered from the history of the access, from `open` on; else they have
            what their control blocks write.

    Raises `ConfigError` at the row of a point that the server's model does not have.
    """

    def __init__(
        self,
        server: Server,
        bindings: Iterable[Binding],
        access: DataAccess,
        *,
        period: float | None = None,
        history: bool = False,
    ) -> None:
        self._server = server
        self._access = access
        self._period = period
        self._history = history
        self._logs: dict[str, HistoryLog] = {}
        self._bindings = {binding.point.name: binding for binding in bindings}
        self._references = {name: attribute(binding) for name, binding in self._bindings.items()}
        self._wholes: dict[str, int] = {}
        self._shown: dict[str, Value] = {}
        self._misfits: set[str] = set()
        self._followed: list[str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._schedules: dict[str, ServedSchedule] = {}
        self._unseen: dict[str, Value] = {}
        for name, binding in self._bindings.items():
            try:
                self._attach(name, binding)
            except UnknownName as error:
                raise ConfigError(str(error), where=binding.row.where) from None

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Show the present values, and follow their changes from now on."""
        if self._history:
            told = {name: self._bindings[name] for name in await self._names()}
            self._logs = history_logs(self._server, told, self._access)
        await self.refresh()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Follow no more; the server shows what it has shown last."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for schedule in self._schedules.values():
            await schedule.close()

    async def refresh(self) -> None:
        """Bring the model up to date, telling what has changed since the last time."""
        self._show(await self._access.read(await self._names()))

    async def _names(self) -> list[str]:
        if self._followed is None:
            self._followed = [p.name for p in await self._access.directory() if p.name in self._bindings]
        return self._followed

    async def _follow(self) -> None:
        """Show what the watch tells; begin anew where it ends."""
        names = await self._names()
        while True:
            try:
                async for change in self._access.watch(names, period=self._period):
                    if not self._unseen:  # all that is told in one go becomes one update, and one report
                        asyncio.get_running_loop().call_soon(self._flush)
                    self._unseen[change.name] = change.value
                log.warning("%s: the watch of the points has ended; beginning anew", self._server.model.ied)
            except JanusGridError as error:
                log.warning("%s: %s; watching anew", self._server.model.ied, error)
            except Exception:
                log.exception("%s: a fault at watching; beginning anew", self._server.model.ied)
            await self._server.clock.sleep(_PAUSE)

    def _flush(self) -> None:
        values, self._unseen = self._unseen, {}
        self._show(values)

    # --- what clients want ------------------------------------------------------------------------------------------

    def _attach(self, name: str, binding: Binding) -> None:
        target = self._references[name]
        self._server.read(_text(target))
        if binding.offers(Service.OPERATE):
            self._attach_control(name, binding, Reference(target.device, target.node, target.path[:1]))
        if binding.offers(Service.WRITE):

            @self._server.on_write(_text(target))
            async def write(asked: Change) -> None:
                await self._write(binding, asked)

        if binding.offers(Service.SCHEDULE) and isinstance(binding.address.get("reference"), str):
            schedule = schedule_of(binding)
            self._schedules[name] = ServedSchedule(self._server, schedule, self._access)

    def _attach_control(self, name: str, binding: Binding, control: Reference) -> None:
        server, text = self._server, _text(control)

        @server.on_operate(text, follow=False)
        async def command(asked: Command) -> None:
            await self._operate(binding, asked)

        @server.on_check(text)
        async def check(asked: Command) -> None:
            await self._check(binding, asked)

        @server.on_cancel(text)
        async def cancel(asked: Command) -> None:
            try:
                await self._access.abort(name)
            except JanusGridError as error:
                asked.refuse(cause_of(error), error.message)

        data = server.model.find(control)
        if isinstance(data, DataObject) and {"SBO", "SBOw"} & data.children.keys():

            @server.on_select(text)
            async def select(asked: Command) -> None:
                await self._select(binding, asked)

    def _wanted(self, binding: Binding, asked: Command) -> Scalar:
        """Return the value of a command as the point has it; raise what `cause_of` knows if it is none."""
        value = asked.value
        if isinstance(value, BitString):
            value = value.value
        if binding.row.conversion.wire_type is WireType.BITS2 and isinstance(value, bool):
            value = 0b10 if value else 0b01  # a double point is commanded by a truth value
        wanted = binding.from_wire(_scalar(value, binding.point.name))
        binding.check(wanted)
        return wanted

    async def _check(self, binding: Binding, asked: Command) -> None:
        """Refuse before the client is answered what cannot be carried out."""
        try:
            self._wanted(binding, asked)
            there = await self._access.available(binding.point.name)
        except JanusGridError as error:
            asked.refuse(cause_of(error), error.message)
        if not there:
            asked.refuse(NOT_THERE, f"{binding.point.name} is not available")

    async def _select(self, binding: Binding, asked: Command) -> None:
        if asked.value is not None:
            await self._check(binding, asked)
        try:
            value = None if asked.value is None else self._wanted(binding, asked)
            await self._access.select(binding.point.name, value)
        except JanusGridError as error:
            if error.code != "not-offered":  # then the server's own selection is all that is wanted
                asked.refuse(cause_of(error), error.message)

    async def _operate(self, binding: Binding, asked: Command) -> None:
        name = binding.point.name
        try:
            wanted = self._wanted(binding, asked)
            if asked.blocked:
                return  # nothing of it may reach the process
            await self._access.operate(name, wanted, test=asked.test, check=asked.interlock_check)
        except JanusGridError as error:
            asked.refuse(cause_of(error), error.message)
        await self._again(name)

    async def _write(self, binding: Binding, asked: Change) -> None:
        name = binding.point.name
        try:
            wanted = binding.from_wire(_scalar(asked.value, name))
            binding.check(wanted)
            await self._access.write({name: wanted})
        except JanusGridError as error:
            asked.refuse(error_of(error), error.message)

    async def _again(self, name: str) -> None:
        """Show what has become of a point."""
        try:
            if name in await self._names():
                self._show(await self._access.read([name]))
        except JanusGridError as error:
            log.warning("%s: %s", name, error)

    # --- values -----------------------------------------------------------------------------------------------------

    def _show(self, found: Mapping[str, Value]) -> None:
        """Update what differs from what is shown already, all of it in one go."""
        together: dict[str, tuple[Plain, QualityBits, datetime | None]] = {}
        newest: dict[HistoryLog, datetime] = {}
        for name, value in found.items():
            before = self._shown.get(name)
            if before is not None and (before.value, before.quality) == (value.value, value.quality):
                continue
            self._shown[name] = value
            text = _text(self._references[name])
            wire, quality = self._wire(name, value)
            time = value.time
            if before is not None and quality != before.quality and time == before.time:
                time = None  # the value is of then, what is known of it of now
            if time is not None and (log_ := self._logs.get(name)) is not None:
                newest[log_] = max(time, newest.get(log_, time))
            bits = quality_bits(quality).sound
            if wire is not None:
                together[text] = wire, bits, time
            elif (place := self._quality_of(name)) is not None:  # the former value stays, as what it is now
                together[place] = bits, QualityBits(), time
        self._update(together)
        for log_, latest in newest.items():
            log_.told(latest)

    def _update(self, values: dict[str, tuple[Plain, QualityBits, datetime | None]]) -> None:
        try:
            self._server.update_each(values)
        except JanusGridError:  # one that the model has no place for must not hide the others
            for text, value in values.items():
                try:
                    self._server.update_each({text: value})
                except JanusGridError as error:
                    log.warning("%s: it cannot be shown: %s", text, error)

    def _wire(self, name: str, value: Value) -> tuple[Plain | None, Quality]:
        """Return what the model is to hold, and its quality; None for what is unknown or does not fit."""
        if value.value is None:
            return None, _UNKNOWN if value.quality.good else value.quality
        try:
            wire = self._stands(name, self._bindings[name].to_wire(value.value))
        except TypeConflict as error:
            if name not in self._misfits:
                self._misfits.add(name)
                log.warning("%s; it is shown as invalid", error)
            return None, _MISFIT
        self._misfits.discard(name)
        return wire, value.quality

    def _stands(self, name: str, wire: Scalar) -> Plain:
        """Return a value as the model holds it: a bit string as one, bits of a whole with the others as they are."""
        conversion, text = self._bindings[name].row.conversion, _text(self._references[name])
        if isinstance(conversion, Field):
            wire = self._wholes[text] = self._wholes.get(text, 0) & ~conversion.mask | int(wire)
        size = conversion.wire_type.size
        if size is None or not conversion.wire_type.value.startswith("bits"):
            return wire
        return QualityBits(int(wire)) if conversion.wire_type is WireType.BITS13 else BitString(int(wire), size)

    def _quality_of(self, name: str) -> str | None:
        """Return the quality that stands beside a point's attribute; None if there is none."""
        target = self._references[name]
        for length in range(len(target.path) - 1, 0, -1):
            beside = Reference(target.device, target.node, (*target.path[:length], "q"), target.fc)
            if isinstance(self._server.model.find(beside), Attribute):
                return _text(beside)
        return None


def _text(reference: Reference) -> str:
    return str(attrs.evolve(reference, fc=None))


def _scalar(value: DataValue, where: str) -> Scalar:
    if isinstance(value, bool | int | float | str):
        return value
    raise Malformed(f"{value!r} is no value that the table converts", where=where)
