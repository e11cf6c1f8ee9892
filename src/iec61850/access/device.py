"""One IEC 61850 server as points: `DeviceAccess`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

import attrs

from ...common.clock import Clock
from ...common.data.access import Change, Entry
from ...common.data.point import Point
from ...common.data.tables import Binding, Service
from ...common.data.value import LOST, Detail, Quality, Scalar, Validity, Value
from ...common.errors import LocalError, NotReachable, Refused, RemoteError, TimedOut, TypeConflict, UnknownName
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.services import (
    GetDataDefinition,
    GetDataValues,
    Notification,
    Operate,
    Origin,
    OriginCategory,
    Report,
    SetDataValues,
)
from ..acsi.types import BitString, DataValue, Timestamp
from .objects import Field, attribute, data_object, field, values
from .reports import Subscription, interrogate, release, subscribe

log = logging.getLogger(__name__)

Connect = Callable[[], Awaitable[ClientAssociation]]
BAD_REFERENCE = Quality(Validity.INVALID, Detail.BAD_REFERENCE)
CHECK = BitString.of(1, size=2)
"""Interlock check asked for, synchrocheck not."""


@attrs.define(slots=True, eq=False)
class _Watcher:
    """One `watch` under way: what it wants, what has come for it, in order of coming, the newest of each point."""

    names: frozenset[str]
    waiting: dict[str, Change] = attrs.Factory(dict)
    awake: asyncio.Event = attrs.Factory(asyncio.Event)

    def put(self, change: Change) -> None:
        if change.name in self.names:
            self.waiting.pop(change.name, None)
            self.waiting[change.name] = change
            self.awake.set()


class DeviceAccess:
    """`DataAccess` over one server. It keeps itself associated: after a loss it comes back by itself.

        async with DeviceAccess("DG750", bindings, connect, clock) as device:
            print(await device.read(["der.DG750.p"]))

    Args:
        name: of the device, the origin of its values.
        bindings: its points, bound to attributes of the server (columns `reference` and `fc`).
        connect: returns a new association.
        clock: of the application.
        integrity: seconds after which the server reports everything again, on its clock.
        retry: seconds between attempts to associate, real ones.
        origin: who we are to the server when we command.
    """

    def __init__(
        self,
        name: str,
        bindings: Iterable[Binding],
        connect: Connect,
        clock: Clock,
        *,
        integrity: float = 30.0,
        retry: float = 1.0,
        origin: Origin | None = None,
    ) -> None:
        self._name = name
        self._bindings = {binding.point.name: binding for binding in bindings}
        self._objects = {name: data_object(binding) for name, binding in self._bindings.items()}
        self._connect = connect
        self._clock = clock
        self._integrity = integrity
        self._retry = retry
        self._origin = origin or Origin(OriginCategory.AUTOMATIC_REMOTE)
        self._association: ClientAssociation | None = None
        self._fields: dict[Reference, list[Field]] = {}
        self._subscriptions: list[Subscription] = []
        self._latest: dict[str, Value] = {}
        self._watchers: set[_Watcher] = set()
        self._number = 0
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()

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

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _keep(self) -> None:
        while True:
            try:
                await self._session(await self._connect())
            except RemoteError as error:
                log.info("%s: %s; trying again in %g s", self._name, error, self._retry)
            except LocalError as error:  # trying again would not help
                log.error("%s: %s", self._name, error)
                raise
            finally:
                self._lose()
            await asyncio.sleep(self._retry)

    async def _session(self, association: ClientAssociation) -> None:
        """Live through one association, from its beginning to its end."""
        reasons: list[str] = []
        ended = asyncio.Event()

        def over(why: str) -> None:
            reasons.append(why)
            ended.set()

        association.on_end(over)
        association.on_notification(self._notified)
        try:
            self._association = association
            await self._learn(association)
            await self._take_reports(association)
            self._up.set()
            await ended.wait()
            log.info("%s: association ended: %s", self._name, reasons[0])
        finally:
            if not ended.is_set():
                await _quietly(association.release())

    async def _learn(self, association: ClientAssociation) -> None:
        """Ask for the types of the data objects, and see that every point is there."""
        self._fields = {}
        for name, reference in self._objects.items():
            if reference not in self._fields:
                self._fields[reference] = []
            description = await association.call(GetDataDefinition(reference))
            self._fields[reference].append(field(self._bindings[name], description))

    async def _take_reports(self, association: ClientAssociation) -> None:
        wanted = {self._objects[n] for n, binding in self._bindings.items() if binding.offers(Service.REPORT)}
        self._subscriptions = await subscribe(association, wanted, self._integrity)
        await interrogate(association, self._subscriptions)

    def _lose(self) -> None:
        """Tell everyone that the values are lost."""
        self._association = None
        self._subscriptions = []
        self._up.clear()
        for name, value in list(self._latest.items()):
            if value.quality == LOST:
                continue
            self._note(Change(name, attrs.evolve(value, quality=LOST), "lost"))

    # --- DataAccess -------------------------------------------------------------------------------------------------

    async def directory(self) -> Sequence[Point]:
        """Return every point, sorted by name."""
        return sorted((binding.point for binding in self._bindings.values()), key=lambda point: point.name)

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Ask the server for the present values; those that cannot be had are lost, or a bad reference."""
        wanted = {name: self._objects[self._binding(name).point.name] for name in names}
        references = tuple(dict.fromkeys(wanted.values()))
        try:
            answers = await self._associated().call(GetDataValues(references))
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
        errors = await self._associated().call(SetDataValues(tuple(writes)))
        for (reference, _), error in zip(writes, errors, strict=True):
            if error is not ServiceError.NO_ERROR:
                raise ServiceRefused(error, where=str(reference))

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Command a controllable object (direct control) and return when the server has accepted it."""
        binding = self._offering(name, Service.OPERATE)
        binding.check(value)
        target = attribute(binding)
        command: DataValue = binding.to_wire(value)
        for _ in target.path[2:]:  # an analogue control value is a structure of one component
            command = [command]
        self._number = (self._number + 1) % 256
        await self._associated().call(
            Operate(
                Reference(target.device, target.node, target.path[:1], FC.CO),
                command,
                self._origin,
                self._number,
                Timestamp.of(self._clock.now()),
                test,
                CHECK if check else BitString(0, 2),
                Timestamp.of(at) if at is not None else None,
            )
        )

    async def abort(self, name: str) -> None:
        """Raise: a direct control cannot be withdrawn."""
        self._binding(name)
        raise Refused("a direct control cannot be withdrawn once it is accepted", where=name)

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield what the server reports; points in none of its reports are read every `period` (or integrity) time.

        A `period` shorter than the integrity period becomes that of all reports of this server.
        """
        watcher = _Watcher(frozenset(self._binding(name).point.name for name in names))
        if period is not None and period < self._integrity:
            await self._quicken(period)
        for name in watcher.names & self._latest.keys():
            watcher.put(Change(name, self._latest[name], "initial"))
        poll = asyncio.create_task(self._poll(watcher, period or self._integrity))
        self._watchers.add(watcher)
        shown: dict[str, Value] = {}
        try:
            while True:
                await watcher.awake.wait()
                watcher.awake.clear()
                while watcher.waiting:
                    change = watcher.waiting.pop(next(iter(watcher.waiting)))
                    last = shown.get(change.name)
                    if last is None or _worth(change, last, deadband):
                        shown[change.name] = change.value
                        yield attrs.evolve(change, reason="initial") if last is None else change
        finally:
            poll.cancel()
            self._watchers.discard(watcher)

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Raise: schedules (FSCH) are not served by this adapter."""
        self._binding(name)
        raise Refused("this device takes no schedules", where=name)

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Raise: logs are not served by this adapter."""
        self._binding(name)
        raise Refused("this device keeps no log", where=name)

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

    def _associated(self) -> ClientAssociation:
        if self._association is None:
            raise NotReachable("the server is not associated", where=self._name)
        return self._association

    def _decode(self, reference: Reference, data: DataValue) -> dict[str, Value]:
        return values(self._fields.get(reference, ()), data, self._name)

    def _notified(self, notification: Notification) -> None:
        if not isinstance(notification, Report):
            return
        for subscription in self._subscriptions:
            if subscription.rpt_id == notification.rpt_id:
                self._reported(subscription, notification)
                return

    def _reported(self, subscription: Subscription, report: Report) -> None:
        for entry in report.entries:
            try:
                found = self._decode(subscription.members[entry.index], entry.value)
            except (RemoteError, IndexError) as error:
                log.warning("%s: report %s: %s", self._name, report.rpt_id, error)
                continue
            for name, value in found.items():
                self._note(Change(name, value))

    def _note(self, change: Change) -> None:
        self._latest[change.name] = change.value
        for watcher in self._watchers:
            watcher.put(change)

    async def _quicken(self, period: float) -> None:
        self._integrity = period
        if self._association is not None and self._up.is_set():
            await release(self._association, self._subscriptions)
            await self._take_reports(self._association)

    async def _poll(self, watcher: _Watcher, period: float) -> None:
        """Read what no report brings."""
        while True:
            await self._up.wait()
            reported = {member for subscription in self._subscriptions for member in subscription.members}
            silent = [name for name in watcher.names if self._objects[name] not in reported]
            for name, value in (await self.read(silent)).items() if silent else ():
                self._note(Change(name, value, "periodic"))
            await self._clock.sleep(period)


def _worth(change: Change, last: Value, deadband: float) -> bool:
    """Return whether a change is to be told: always, but for small ones where a deadband was asked for."""
    new, old = change.value.value, last.value
    if deadband and isinstance(new, float) and isinstance(old, float) and change.value.quality == last.quality:
        return abs(new - old) > deadband
    return True


async def _quietly(awaitable: Awaitable[None]) -> None:
    try:
        await awaitable
    except (RemoteError, LocalError) as error:
        log.debug("release: %s", error)
