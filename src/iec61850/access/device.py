"""One IEC 61850 server as points: `DeviceAccess`."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from ...common.clock import Clock
from ...common.data.access import Change, Entry
from ...common.data.fitting import course, schedulable, utc
from ...common.data.newest import Newest
from ...common.data.point import Point
from ...common.data.services import CommonService, Services, refuse
from ...common.data.tables import Binding, Service
from ...common.data.value import LOST, Detail, Quality, Scalar, Validity, Value
from ...common.data.watching import Watcher, Watchers, check_watch, stop
from ...common.errors import (
    ConfigError,
    LocalError,
    NotReachable,
    Refused,
    RemoteError,
    TimedOut,
    TypeConflict,
    UnknownName,
)
from ...common.openable import Openable
from ...common.xmpp.backoff import Backoff
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import Reference
from ..acsi.services import GetDataValues, SetDataValues
from ..acsi.types import DataValue
from ..client import Control, Ied, Reports
from ..client.returning import Pauses, Returned
from .history import find_log, recorded
from .objects import Field, attribute, commanded, data_object, field, values
from .reports import Subscription, covered, subscribe
from .schedules import give, schedule_of, withdraw

log = logging.getLogger(__name__)

_LONGEST_RETRY = 5.0

Connect = Callable[[], Awaitable[Ied]]
BAD_REFERENCE = Quality(Validity.INVALID, Detail.BAD_REFERENCE)

OFFERED = {
    CommonService.DIRECTORY: "the conversion table, held against GetDataDefinition",
    CommonService.READ: "GetDataValues",
    CommonService.WRITE: "SetDataValues",
    CommonService.SELECT: "Select, SelectWithValue",
    CommonService.OPERATE: "Operate, CommandTermination",
    CommonService.OPERATE_LATER: "TimeActivatedOperate",
    CommonService.OPERATE_TEST: "Operate with Test",
    CommonService.ABORT: "Cancel",
    CommonService.WATCH: "Report; GetDataValues of what no report brings",
    CommonService.SCHEDULE: "SetDataValues into an FSCH node, Operate of its EnaReq",
    CommonService.HISTORY: "QueryLogByTime",
    CommonService.AVAILABLE: "the association",
}


class DeviceAccess(Openable):
    """`DataAccess` over one server. It keeps itself associated: after a loss it comes back by itself.

        def connect():
            return iec61850.connect("xmpp:dg750@plant.example/IEC", session=session, clock=clock)

        async with DeviceAccess("DG750", site.device("DG750").bindings, connect, clock) as device:
            await device.ready()
            print(await device.read(["der.DG750.p"]))

    Args:
        name: of the device, the origin of its values.
        bindings: its points, bound to attributes of the server (columns `reference` and `fc`).
        connect: opens a new association.
        clock: of the application.
        integrity: seconds after which the server reports everything again, on its clock.
        retry: how long to wait between attempts to associate, in real seconds: a back-off, or its first bound.
        returned: gives what returns when the server shows itself (`scsm82.presence.returned`): then the next attempt
            comes at once, also where that happens while an attempt is just failing.
    """

    services: Services = OFFERED

    def __init__(
        self,
        name: str,
        bindings: Iterable[Binding],
        connect: Connect,
        clock: Clock,
        *,
        integrity: float = 30.0,
        retry: Backoff | float = 0.5,
        returned: Returned | None = None,
    ) -> None:
        self._name = name
        self._bindings = {binding.point.name: binding for binding in bindings}
        self._objects = {name: data_object(binding) for name, binding in self._bindings.items()}
        self._plans = {n: schedule_of(one) for n, one in self._bindings.items() if one.offers(Service.SCHEDULE)}
        self._connect = connect
        self._clock = clock
        self._integrity = integrity
        self._pauses = Pauses(retry if isinstance(retry, Backoff) else Backoff(retry, _LONGEST_RETRY), returned)
        self._ied: Ied | None = None
        self._fields: dict[Reference, list[Field]] = {}
        self._logs: dict[Reference, str] = {}
        self._subscriptions: list[Subscription] = []
        self._takers: list[asyncio.Task[None]] = []
        self._newest = Newest()
        self._watchers = Watchers()
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self.reports = 0
        """How many reports have come."""

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin to associate, and go on trying; `ready` tells when it is there."""
        self._keeper = asyncio.create_task(self._keep())

    async def ready(self) -> None:
        """Return when the server is associated and reports.

        Raises `ConfigError` if the server does not have what the table says.
        """
        assert self._keeper is not None, "open it first"
        up = asyncio.create_task(self._up.wait())
        try:
            await asyncio.wait((up, self._keeper), return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if self._keeper.done():
            self._keeper.result()

    async def close(self) -> None:
        """Release the association and stop."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def _keep(self) -> None:
        try:
            while True:
                self._pauses.look_out()
                try:
                    await self._session(await self._connect())
                    self._pauses.begin_anew()
                except RemoteError as error:
                    if self._up.is_set():
                        self._pauses.begin_anew()
                    log.info("%s: %s; trying again", self._name, error)
                except LocalError as error:  # trying again would not help
                    log.error("%s: %s", self._name, error)
                    raise
                finally:
                    self._lose()
                await self._pauses.pause()
        finally:
            self._pauses.close()

    async def _session(self, ied: Ied) -> None:
        """Live through one association, from its beginning to its end."""
        ended = asyncio.Event()
        ied.on_end(lambda _: ended.set())
        try:
            self._ied = ied
            await self._learn(ied)
            await self._take_reports(ied)
            self._up.set()
            self._pauses.look_out()
            await ended.wait()
            log.info("%s: the association has ended", self._name)
        finally:
            if ied.connected:
                await _quietly(ied.release())

    async def _learn(self, ied: Ied) -> None:
        """Ask for the types of the data objects, and see that every point is there."""
        self._fields = defaultdict(list)
        self._logs.clear()
        for name, reference in self._objects.items():
            binding = self._bindings[name]
            try:
                types = await ied.definition(str(reference))
            except UnknownName as error:
                raise ConfigError(str(error), where=binding.row.where) from None
            self._fields[reference].append(field(binding, next(iter(types.values()))))

    async def _take_reports(self, ied: Ied) -> None:
        wanted = {self._objects[n] for n, binding in self._bindings.items() if binding.offers(Service.REPORT)}
        self._subscriptions = await subscribe(ied, wanted, self._integrity)
        self._takers = [asyncio.create_task(self._take(each.reports)) for each in self._subscriptions]

    async def _drop_reports(self) -> None:
        for taker in self._takers:
            taker.cancel()
        for subscription in self._subscriptions:
            await subscription.reports.close()
        self._subscriptions, self._takers = [], []

    async def _take(self, reports: Reports) -> None:
        try:
            while True:
                report = await reports.whole()
                self.reports += 1
                for entry in report.entries:
                    if entry.reference is not None:
                        self._reported(entry.reference, entry.value)
        except (NotReachable, StopAsyncIteration):
            return  # the association has ended; `_session` sees to it

    def _lose(self) -> None:
        """Tell everyone that the values are lost."""
        self._ied = None
        for taker in self._takers:
            taker.cancel()
        self._subscriptions, self._takers = [], []
        self._up.clear()
        for name in self._bindings:
            last = self._newest.last(name)
            if last is not None and last.quality != LOST:
                self._note(Change(name, attrs.evolve(last, quality=LOST), "lost"))

    # --- DataAccess -------------------------------------------------------------------------------------------------

    async def directory(self) -> Sequence[Point]:
        """Return every point, sorted by name."""
        return sorted((binding.point for binding in self._bindings.values()), key=lambda point: point.name)

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Ask the server for the present values; those that cannot be had are lost, or a bad reference."""
        wanted = {name: self._objects[self._binding(name).point.name] for name in names}
        references = tuple(dict.fromkeys(wanted.values()))
        try:
            answers = await self._associated().association.call(GetDataValues(references))
        except (NotReachable, TimedOut):
            return {name: Value(None, LOST, origin=self._name) for name in wanted}
        by_reference = dict(zip(references, answers, strict=True))
        found: dict[str, Value] = {}
        for name, reference in wanted.items():
            answer = by_reference[reference]
            if isinstance(answer, ServiceError):
                found[name] = Value(None, BAD_REFERENCE, origin=self._name)
            else:
                found[name] = self._decode(reference, answer)[name]
        return found

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Write settings; raise `TypeConflict` before anything is sent, `ServiceRefused` if the server does."""
        writes = []
        for name, value in values.items():
            binding = self._offering(name, Service.WRITE)
            binding.check(value)
            writes.append((attribute(binding), binding.to_wire(value)))
        errors = await self._associated().association.call(SetDataValues(tuple(writes)))
        for (reference, _), error in zip(writes, errors, strict=True):
            if error is not ServiceError.NO_ERROR:
                raise ServiceRefused(error, where=str(reference))

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Select a controllable object for the next command; `NotOffered` where its control model has no selection."""
        binding = self._offering(name, Service.OPERATE)
        if value is not None:
            binding.check(value)
        control = self._control(binding)
        model = await control.model()
        if not model.selects:
            refuse(CommonService.SELECT, name, f"its control model is {model.text}")
        await control.select(None if value is None else commanded(binding, value))

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Command a controllable object as its control model asks for; see `client.Control.operate`."""
        binding = self._offering(name, Service.OPERATE)
        binding.check(value)
        at = None if at is None else utc(at, name)
        control = self._control(binding)
        if at is not None and not await control.later():
            refuse(CommonService.OPERATE_LATER, name, "the object takes no command for a later time (operTm)")
        await control.operate(commanded(binding, value), at=at, test=test, interlock_check=check)

    async def abort(self, name: str) -> None:
        """Give up the schedule, else the command that is under way or for later; raise `Refused` if there is none."""
        self._binding(name)
        if (plan := self._plans.get(name)) is not None and await withdraw(self._associated(), plan):
            return
        await self._control(self._offering(name, Service.OPERATE)).cancel()

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield what the server reports; points in none of its reports are read every `period` (or integrity) time.

        A `period` shorter than the integrity period becomes that of all reports of this server.
        """
        check_watch(period, deadband)
        watcher = Watcher(frozenset(self._binding(name).point.name for name in names))
        if period is not None and period < self._integrity:
            await self._quicken(period)
        for name in sorted(watcher.names):
            last = self._newest.last(name)
            if last is not None or not self._up.is_set():
                watcher.put(Change(name, last or Value(None, LOST, origin=self._name)))
        poll = asyncio.create_task(self._poll(watcher, period or self._integrity))
        self._watchers.add(watcher)
        try:
            async for change in watcher.changes(deadband, period):
                yield change
        finally:
            self._watchers.discard(watcher)
            await stop([poll])

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Write it into the FSCH node that the table names and enable it; see `schedules`."""
        point = schedulable(self._binding(name).point)
        plan = self._plans.get(name)
        if plan is None:
            refuse(CommonService.SCHEDULE, name, "its table names no FSCH node")
        steps = [Entry(start, value) for start, value in course(point, entries, end)]
        await give(self._associated(), plan, steps, utc(end, name))

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return what a log of the server has recorded in `[start, end)`, oldest first; raise `Refused` if none has it.

        The time of a value is that which it brings with it; that of the entry where it has none, or is in the log only
        because it is written down from time to time (integrity).
        """
        reference = self._objects[self._binding(name).point.name]
        start, end = utc(start, name), utc(end, name)
        ied = self._associated()
        try:
            log_ = self._logs[reference] = self._logs.get(reference) or await find_log(ied, reference)
        except Refused as refused:
            refused.where = name
            raise
        found = []
        async for time, data, changed in recorded(ied, log_, reference, start, end):
            value = self._decode(reference, data)[name]
            found.append((time, value if changed and value.time is not None else attrs.evolve(value, time=time)))
        return [value for _, value in sorted(found, key=lambda one: one[0])]

    async def available(self, name: str) -> bool:
        """Return whether the server is associated."""
        self._binding(name)
        return self._up.is_set()

    # --- underneath -------------------------------------------------------------------------------------------------

    def _binding(self, name: str) -> Binding:
        binding = self._bindings.get(name)
        if binding is None:
            raise UnknownName(f"{self._name} has no point {name!r}")
        return binding

    def _offering(self, name: str, service: Service) -> Binding:
        binding = self._binding(name)
        if not binding.offers(service):
            raise TypeConflict(f"the table offers no {service.value} for it", where=name)
        return binding

    def _control(self, binding: Binding) -> Control:
        target = attribute(binding)
        return self._associated().control(str(Reference(target.device, target.node, target.path[:1])))

    def _associated(self) -> Ied:
        if self._ied is None:
            raise NotReachable("the server is not associated", where=self._name)
        return self._ied

    def _decode(self, reference: Reference, data: DataValue) -> dict[str, Value]:
        return values(self._fields.get(reference, ()), data, self._name)

    def _reported(self, reference: Reference, data: DataValue) -> None:
        for name, value in self._decode(reference, data).items():
            self._note(Change(name, value, "periodic"))

    def _note(self, change: Change) -> None:
        if self._newest.put(change.name, change.value, self._clock.now()):
            self._watchers.put(change)

    async def _quicken(self, period: float) -> None:
        self._integrity = period
        if self._ied is not None and self._up.is_set():
            await self._drop_reports()
            await self._take_reports(self._ied)

    async def _poll(self, watcher: Watcher, period: float) -> None:
        """Read what no report brings."""
        while True:
            await self._up.wait()
            reported = covered(self._subscriptions)
            silent = [name for name in watcher.names if self._objects[name] not in reported]
            for name, value in (await self.read(silent)).items() if silent else ():
                self._note(Change(name, value, "periodic"))
            await self._clock.sleep(period)


async def _quietly(awaitable: Awaitable[None]) -> None:
    try:
        await awaitable
    except (RemoteError, LocalError) as error:
        log.debug("release: %s", error)
