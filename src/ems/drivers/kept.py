"""`KeptLink`: what all field drivers have in common. A driver writes a `Wire`; the link keeps one open and is the port.

The link connects, comes back after a loss, marks what is lost, checks values against the table before they are sent,
keeps what is to be commanded later, and serves watches. A wire is one connection: it reads, writes, and tells what
changes until it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

import attrs

from ...common.clock import Clock
from ...common.data.access import Change, Entry
from ...common.data.agenda import Agenda
from ...common.data.fitting import allowed, course, fitting, operable, utc, writable
from ...common.data.newest import Newest
from ...common.data.point import Point, ValueType
from ...common.data.services import CommonService, Services, refuse
from ...common.data.site import Device
from ...common.data.tables import Binding, Service
from ...common.data.value import GOOD, LOST, Detail, Quality, Scalar, Validity, Value
from ...common.data.watching import Watcher, Watchers, check_watch, renew
from ...common.errors import ConfigError, JanusGridError, LocalError, NotReachable, Refused, RemoteError, UnknownName
from ...common.xmpp.backoff import Backoff

log = logging.getLogger(__name__)

Values = Mapping[str, Value]
Tell = Callable[[Values], None]

BAD_REFERENCE = Quality(Validity.INVALID, Detail.BAD_REFERENCE)
"""Of a point that the device refuses to show, or has no value for."""
UNFIT = Quality(Validity.INVALID, Detail.INCONSISTENT)
"""Of a value that is not what the table says."""

KEPT: Services = {
    CommonService.DIRECTORY: "the rows of the table",
    CommonService.READ: "asked of the device",
    CommonService.WRITE: "written, and seen to be taken",
    CommonService.OPERATE: "written, and seen to be taken",
    CommonService.OPERATE_LATER: "kept by the driver until then",
    CommonService.OPERATE_TEST: "type, limits and connection are looked at",
    CommonService.ABORT: "forgets what is still to come",
    CommonService.WATCH: "what the device tells or is asked again and again",
    CommonService.SCHEDULE: "kept by the driver, carried out step by step",
    CommonService.AVAILABLE: "the connection",
}
"""What every field driver offers."""


class Wire(Protocol):
    """One open connection to a device. Names are those of points; the values are common ones.

    A lost connection is `NotReachable`, an answer that does not come `TimedOut`, one that makes no sense `Malformed`:
    when `follow` raises one of them the link closes the wire and opens another.
    """

    async def read(self, names: Sequence[str]) -> Values:
        """Return the present value of each name; one that cannot be had has invalid quality."""
        ...

    async def write(self, name: str, value: Scalar) -> None:
        """Give a point this common value, which fits the table, and see that the device has taken it.

        Raises `Refused`, with the protocol's code, if it has not.
        """
        ...

    async def follow(self, tell: Tell) -> None:
        """Tell values as they change until the connection ends, which raises one of the errors named above."""
        ...

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return recorded values in `[start, end)`, oldest first; asked only if the driver offers history."""
        ...

    async def close(self) -> None:
        """End the connection; raise nothing."""
        ...


class KeptLink:
    """A `Link` over wires that are opened as they are needed.

    Args:
        name: of the device, the origin of its values.
        bindings: its points.
        connect: opens a wire; raises `ConfigError` if the device does not have what the table says, `RemoteError` if it
            is not reached.
        clock: of the application.
        renew_s: seconds after which every value is read again, whatever the wire tells.
        retry: how long to wait between attempts to connect, in real seconds.
        services: what the driver offers, with what of its protocol; `KEPT` and more.
        fixed: values of points that nobody is asked for, see `fixed`.
    """

    def __init__(
        self,
        name: str,
        bindings: Iterable[Binding],
        connect: Callable[[], Awaitable[Wire]],
        clock: Clock,
        *,
        renew_s: float = 30.0,
        retry: Backoff | None = None,
        services: Services = KEPT,
        fixed: Values | None = None,
    ) -> None:
        self._name = name
        self._bindings = {binding.point.name: binding for binding in bindings}
        self._fixed = dict(fixed or {})
        self._shown = [name for name, bound in self._bindings.items() if is_shown(bound) and name not in self._fixed]
        self._connect = connect
        self._clock = clock
        self._renew_s = renew_s
        self._retry = retry or Backoff(0.5, 10.0)
        self._services = services
        self._wire: Wire | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._been_up = False
        self._newest = Newest()
        self._watchers = Watchers()
        self._agenda = Agenda(clock, self._put)

    # --- life -------------------------------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Return when the device is reached and its values come; raise `ConfigError` if the table does not fit it."""
        assert self._keeper is not None, "open it first"
        up = asyncio.create_task(self._up.wait())
        try:
            await asyncio.wait((up, self._keeper), return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if self._keeper.done():
            self._keeper.result()

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._agenda.close()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def _keep(self) -> None:
        attempt = 0
        while True:
            was_up = False
            try:
                await self._live()
            except RemoteError as error:
                was_up = self._up.is_set()
                log.info("%s: %s; trying again", self._name, error)
            except LocalError as error:
                log.error("%s: %s", self._name, error)
                if not self._been_up:  # it never fitted: trying again would not help
                    raise
            except Exception:
                log.exception("%s: a mistake of the driver; the device is connected anew", self._name)
                if not self._been_up:
                    raise
            finally:
                self._lose()
            attempt = 0 if was_up else attempt + 1
            await asyncio.sleep(self._retry.delay(attempt))

    async def _live(self) -> None:
        """Live through one connection; raise what ended it."""
        wire = await self._connect()
        try:
            self._note(await wire.read(self._shown))
            self._wire = wire
            self._been_up = True
            self._up.set()
            tasks = (asyncio.create_task(self._renew(wire)), asyncio.create_task(wire.follow(self._note)))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            for task in done:
                task.result()
            raise NotReachable("the connection has ended", where=self._name)
        finally:
            self._wire = None
            await wire.close()

    async def _renew(self, wire: Wire) -> None:
        while True:
            await self._clock.sleep(self._renew_s)
            self._note(await wire.read(self._shown))

    def _lose(self) -> None:
        """Tell everyone that the values are lost."""
        self._up.clear()
        now = self._clock.now()
        for name in self._shown:
            lost = self._lost(name)
            self._newest.put(name, lost, now)
            self._watchers.put(Change(name, lost, "lost"))

    # --- DataAccess -------------------------------------------------------------------------------------------------

    @property
    def services(self) -> Services:
        """What it offers."""
        return self._services

    async def directory(self) -> Sequence[Point]:
        """Return every point, sorted by name."""
        return sorted((binding.point for binding in self._bindings.values()), key=lambda point: point.name)

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Ask the device for the present values; those that cannot be had have invalid quality."""
        wanted = [self._binding(name).point.name for name in names]
        shown = [name for name in wanted if is_shown(self._bindings[name]) and name not in self._fixed]
        found = {name: self._fixed[name] for name in wanted if name in self._fixed}
        if self._wire is not None and shown:
            try:
                values = await self._wire.read(shown)
                self._note(values)
                found.update(values)
            except RemoteError as error:
                log.info("%s: %s", self._name, error)
        silent = Value(None, BAD_REFERENCE, origin=self._name)
        return {name: found.get(name) or (self._lost(name) if name in shown else silent) for name in wanted}

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Write settings one after the other; raise `TypeConflict` before anything is sent if a value does not fit."""
        points = {name: self._binding(name) for name in values}
        fits = {name: self._fit(writable(bound.point), values[name], Service.WRITE) for name, bound in points.items()}
        for name, value in fits.items():
            await self._put(points[name].point, value)

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Raise `NotOffered`: field devices are nobody's alone."""
        refuse(CommonService.SELECT, self._binding(name).point.name, "field protocols know no selection")

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Command a point, now or `at` a time; there are no interlocks that `check` could ask the device for."""
        point = self._binding(name).point
        fit = self._fit(operable(point), value, Service.OPERATE)
        when = None if at is None else utc(at, name)
        if test or when is not None:
            self._connected()
        if test:
            return
        if when is not None and when > self._clock.now():
            self._agenda.add(when, point, fit)
        else:
            await self._put(point, fit)

    async def abort(self, name: str) -> None:
        """Forget what is still to come; what has been commanded stays."""
        if not self._agenda.drop(operable(self._binding(name).point)):
            raise Refused("nothing is under way for it", where=name)

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield what is known, then what the wire tells; with a `period`, the device is asked anew that often."""
        check_watch(period, deadband)
        watcher = Watcher(frozenset(self._binding(name).point.name for name in names))
        now = self._clock.now()
        for name in sorted(watcher.names):
            watcher.put(Change(name, self._newest.get(name, now) or self._missing(name)))
        self._watchers.add(watcher)
        asking = [] if period is None else [self._ask_anew(watcher, period)]
        tasks = [asyncio.create_task(each) for each in asking]
        try:
            async for change in watcher.changes(deadband, period):
                yield change
        finally:
            self._watchers.discard(watcher)
            for task in tasks:
                task.cancel()

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Carry out each entry at its time; at `end` the point becomes again what it was before the first."""
        point = self._binding(name).point
        steps = [(start, self._fit(point, value, Service.OPERATE)) for start, value in course(point, entries, end)]
        self._connected()
        self._agenda.follow(point, steps, utc(end, name), lambda: self._missing(name).value)

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return what the device has recorded in `[start, end)`, oldest first."""
        self._binding(name)
        if CommonService.HISTORY not in self._services:
            refuse(CommonService.HISTORY, name, "the protocol has none")
        start, end = utc(start, name), utc(end, name)
        return await self._connected().history(name, start, end)

    async def available(self, name: str) -> bool:
        """Return whether the device is connected."""
        self._binding(name)
        return self._up.is_set()

    # --- underneath -------------------------------------------------------------------------------------------------

    def _binding(self, name: str) -> Binding:
        binding = self._bindings.get(name)
        if binding is None:
            raise UnknownName(f"{self._name} has no point {name!r}")
        return binding

    def _fit(self, point: Point, value: Scalar, service: Service) -> Scalar:
        """Return a value that may be sent; raise `TypeConflict`, or `NotOffered` if the table has no such service."""
        binding, fit = self._bindings[point.name], allowed(point, value)
        binding.to_wire(fit)
        if not binding.offers(service):
            common = CommonService.WRITE if service is Service.WRITE else CommonService.OPERATE
            refuse(common, point.name, f"the table does not have {service.value!r} among its services")
        return fit

    def _connected(self) -> Wire:
        if self._wire is None:
            raise NotReachable("the device is not connected", where=self._name)
        return self._wire

    async def _put(self, point: Point, value: Scalar) -> None:
        wire, name = self._connected(), point.name
        try:
            await wire.write(name, value)
        except JanusGridError as error:
            error.where = error.where or name
            raise
        if is_shown(self._bindings[name]):
            with contextlib.suppress(RemoteError):  # it was taken; what is wrong now shows at the next look
                self._note(await wire.read([name]))

    async def _ask_anew(self, watcher: Watcher, period: float) -> None:
        asking = renew(self._clock, period, watcher, self._missing)
        telling = asyncio.create_task(asking)
        try:
            while True:
                await self._clock.sleep(min(period, self._renew_s))
                await self.read(watcher.names)
        finally:
            telling.cancel()

    def _note(self, values: Values) -> None:
        """Take values over, and tell those that watch them."""
        now = self._clock.now()
        for name, value in values.items():
            if self._newest.put(name, value, now):
                self._watchers.put(Change(name, value))

    def _missing(self, name: str) -> Value:
        """Return what is known of a point that cannot be asked now."""
        if name in self._fixed:
            return self._fixed[name]
        if not is_shown(self._bindings[name]):
            return Value(None, BAD_REFERENCE, origin=self._name)
        known = self._newest.last(name)
        return known if known is not None and self._up.is_set() else self._lost(name)

    def _lost(self, name: str) -> Value:
        known = self._newest.last(name)
        return Value(None, LOST, origin=self._name) if known is None else attrs.evolve(known, quality=LOST)


def fixed(device: Device) -> dict[str, Value]:
    """Return the values that the column `value` of the table gives, perhaps from figures of the site file: `{rating}`.

    They are what a nameplate says and no server does. Raises `ConfigError` at a row whose value does not fit its point,
    or which offers to change it.
    """
    found: dict[str, Value] = {}
    for binding in device.bindings:
        text = binding.address.get("value", "")
        if not text:
            continue
        if others := [text for column, text in binding.address.items() if column != "value" and text]:
            raise ConfigError(f"value: it is {text}, and {others[0]} is not asked for it", where=binding.row.where)
        if not binding.row.services <= {Service.READ, Service.REPORT}:
            raise ConfigError("value: what is given in the table can only be read", where=binding.row.where)
        try:
            value = fitting(binding.point, _parsed(binding.point.type, text))
        except (LocalError, ValueError):
            kind = binding.point.type.value
            raise ConfigError(f"value: {text!r} is not {kind} for this point", where=binding.row.where) from None
        found[binding.point.name] = Value(value, origin=device.name)
    return found


def _parsed(kind: ValueType, text: str) -> Scalar:
    if kind is ValueType.FLOAT:
        return float(text)
    if kind is ValueType.INT:
        return round(float(text)) if float(text).is_integer() else float(text)
    if kind is ValueType.BOOL:
        return {"true": True, "false": False}.get(text, text)
    return text


def is_shown(binding: Binding) -> bool:
    """Return whether a point can be read."""
    return binding.offers(Service.READ) or binding.offers(Service.REPORT)


def common(
    binding: Binding, raw: Scalar, *, origin: str, quality: Quality = GOOD, time: datetime | None = None
) -> Value:
    """Return the common value of what stands on the wire; one that does not fit its table is `UNFIT`."""
    try:
        return Value(binding.from_wire(raw), quality, time, origin)
    except RemoteError as error:
        log.info("%s: %s: %s", origin, binding.point.name, error)
        return Value(None, UNFIT, time, origin)
