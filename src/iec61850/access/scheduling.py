"""A schedule as a server has it: an FSCH node whose course of values goes to the access when it is enabled."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from ...common.data.access import DataAccess, Entry
from ...common.data.value import Scalar
from ...common.errors import ConfigError, JanusGridError, LocalError, UnknownName
from ..acsi.errors import AddCause, ServiceError
from ..acsi.plain import Plain
from ..acsi.references import Reference
from ..acsi.types import Timestamp
from ..server import Change, Command, Server
from .refusals import cause_of
from .schedules import Schedule, State, Wrong

log = logging.getLogger(__name__)

_ENABLED = frozenset({State.READY, State.RUNNING})


class _Unfit(LocalError):
    """What is written in the node is no schedule; `why` says what is wrong with it."""

    def __init__(self, why: Wrong, message: str) -> None:
        super().__init__(message)
        self.why = why


class ServedSchedule:
    """One FSCH node of a server. Enabled, it is handed to `access.schedule`; disabled, aborted there.

    What it does is shown in the node by the server's clock: ready until it begins, running with the number of its
    entry, and at its end not ready, or waiting for another start if it can be used again (`SchdReuse`). While it is
    enabled its settings cannot be written. A node that cannot be enabled says why (`SchdEnaErr`), and the command is
    refused as well.

    Raises `ConfigError` at the row if the model has no such node.
    """

    def __init__(self, server: Server, schedule: Schedule, access: DataAccess) -> None:
        self._server = server
        self._schedule = schedule
        self._access = access
        self._node = str(schedule.reference)
        self._name = schedule.binding.point.name
        self._running: asyncio.Task[None] | None = None
        self._room = 0
        try:
            self._attach()
        except UnknownName as error:
            raise ConfigError(f"schedule: {error}", where=schedule.binding.row.where) from None
        self._shown = server.model.find(schedule.place(schedule.form.shown).with_fc(None)) is not None
        self._controller = self._node.replace("FSCH", "FSCC")
        """The node that gives the schedule to what it controls; a model need not have it."""
        active = Reference.parse(f"{self._controller}.ActSchdRef.stVal")
        self._controlled = server.model.find(active) is not None
        self._optional = {
            name for name in ("ActStrTm", "SchdEntr") if server.model.find(schedule.place(name).with_fc(None))
        }

    @property
    def state(self) -> State:
        """What the node shows."""
        return State(self._server.read(f"{self._node}.SchdSt.stVal"))

    async def close(self) -> None:
        """Show no more; what the access has been given goes on there."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    def _attach(self) -> None:
        server, schedule = self._server, self._schedule
        server.on_operate(f"{self._node}.EnaReq", follow=False)(self._enable)
        server.on_operate(f"{self._node}.DsaReq", follow=False)(self._disable)
        while server.model.find(schedule.value(self._room + 1)) is not None:
            self._room += 1
        settings = ["NumEntr.setVal", "SchdIntv.setVal", "StrTm1.setTm"]
        for text in (*settings, *(".".join(schedule.value(n).path) for n in range(1, self._room + 1))):
            server.on_write(f"{self._node}.{text}")(self._written)

    def _written(self, asked: Change) -> None:
        if self.state in _ENABLED:
            asked.refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "the schedule is enabled: disable it first")

    # --- enabling ---------------------------------------------------------------------------------------------------

    async def _enable(self, asked: Command) -> None:
        if asked.value is not True or self.state in _ENABLED:
            return
        try:
            entries, end = self._course()
            if asked.test:
                return
            await self._access.schedule(self._name, _steps(entries), end=end)
        except _Unfit as error:
            self._update({"SchdEnaErr.stVal": int(error.why), "SchdSt.stVal": int(State.NOT_READY)})
            asked.refuse(AddCause.INCONSISTENT_PARAMETERS, error.message)
        except JanusGridError as error:
            self._update({"SchdEnaErr.stVal": int(Wrong.OTHER)})
            asked.refuse(cause_of(error), error.message)
        start = Timestamp.of(entries[0].start)
        self._update({"SchdEnaErr.stVal": int(Wrong.NONE), "SchdSt.stVal": int(State.READY), "NxtStrTm.stVal": start})
        self._running = asyncio.create_task(self._show(entries, end))

    async def _disable(self, asked: Command) -> None:
        if asked.value is not True or asked.test:
            return
        if self.state in _ENABLED:
            try:
                await self._access.abort(self._name)
            except JanusGridError as error:
                asked.refuse(cause_of(error), error.message)
        await self.close()
        self._tell_active("")
        self._update({"SchdSt.stVal": int(State.NOT_READY), "NxtStrTm.stVal": Timestamp()})

    def _course(self) -> tuple[list[Entry], datetime]:
        """Return what the settings say; raise `_Unfit`."""
        number, interval = self._read("NumEntr.setVal"), self._read("SchdIntv.setVal")
        if not isinstance(number, int) or not 1 <= number <= self._room:
            raise _Unfit(Wrong.NUMBER, f"NumEntr is {number}, not from 1 to {self._room}")
        if not isinstance(interval, int) or interval < 1:
            raise _Unfit(Wrong.INTERVAL, f"SchdIntv is {interval}: a number of seconds is wanted")
        stamp = self._read("StrTm1.setTm")
        now = self._server.clock.now()
        start = stamp.datetime if isinstance(stamp, Timestamp) else now
        step = timedelta(seconds=interval)
        end = start + number * step
        if end <= now:
            raise _Unfit(Wrong.START, f"it would have ended at {end}")
        values = [self._value(n) for n in range(1, number + 1)]
        return [Entry(start + place * step, value) for place, value in enumerate(values)], end

    def _value(self, number: int) -> Scalar:
        binding = self._schedule.binding
        text = ".".join(self._schedule.value(number).path)
        try:
            value = binding.from_wire(self._read(text))
            binding.check(value)
        except JanusGridError as error:
            raise _Unfit(Wrong.VALUES, f"{text}: {error.message}") from None
        return value

    # --- what it shows ----------------------------------------------------------------------------------------------

    async def _show(self, entries: list[Entry], end: datetime) -> None:
        """Show in the node how far the schedule has come, until its end."""
        clock, reuse = self._server.clock, self._read("SchdReuse.setVal")
        for number, entry in enumerate(entries, 1):
            await clock.sleep_until(entry.start)
            values: dict[str, Plain] = {}
            if number == 1:
                values["SchdSt.stVal"] = int(State.RUNNING)
                self._tell_active(self._node)
                if "ActStrTm" in self._optional:
                    values["ActStrTm.stVal"] = Timestamp.of(entry.start)
            if "SchdEntr" in self._optional:
                values["SchdEntr.stVal"] = number
            if self._shown:
                values[self._schedule.form.shown] = self._schedule.binding.to_wire(entry.value)
            self._update(values)
        await clock.sleep_until(end)
        self._tell_active("")
        after = State.START_TIME_REQUIRED if reuse is True else State.NOT_READY
        self._update({"SchdSt.stVal": int(after), "NxtStrTm.stVal": Timestamp()})

    def _tell_active(self, node: str) -> None:
        """Show in the controller which schedule is active."""
        if self._controlled:
            self._server.update(f"{self._controller}.ActSchdRef.stVal", node)

    def _read(self, path: str) -> Plain:
        return self._server.read(f"{self._node}.{path}")

    def _update(self, values: dict[str, Plain]) -> None:
        if values:
            self._server.update_many({f"{self._node}.{path}": value for path, value in values.items()})


def _steps(entries: list[Entry]) -> list[Entry]:
    """Return the entries that differ from the one before: a value that lasts is one step of a course."""
    return [entry for place, entry in enumerate(entries) if not place or entries[place - 1].value != entry.value]
