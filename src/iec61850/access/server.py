"""The points of a server seen from inside: what its model has now, whoever has changed it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime

import attrs

from ...common.data.access import Change
from ...common.data.commanded import Commanded
from ...common.data.fitting import utc
from ...common.data.newest import Newest
from ...common.data.point import Point
from ...common.data.services import CommonService, Services, refuse
from ...common.data.tables import Binding
from ...common.data.value import GOOD, Quality, Scalar, Value
from ...common.data.watching import Watcher, Watchers, check_watch, renew, stop, task_of
from ...common.errors import ConfigError, UnknownName
from ..engine.tree import Node
from ..engine.values import read
from ..model.nodes import Attribute
from ..server import Server
from .objects import Field, attribute, data_object, field, quality_bits, values

OFFERED = {
    CommonService.DIRECTORY: "the conversion table, held against the model",
    CommonService.READ: "the values of the model",
    CommonService.WATCH: "every update of the model: by the process, by Operate, by SetDataValues, by substitution",
    CommonService.AVAILABLE: "the server itself",
}


@attrs.frozen(slots=True)
class _Place:
    """Where a point is: its data object, and the way to it there."""

    field: Field
    node: Node
    text: str


class ServerAccess(Commanded):
    """`DataAccess` over the points of a server in this process::

        access = ServerAccess(server, site.device("DG750").bindings)
        access.put("der.DG750.p", 412.0)
        async for change in access.watch(["der.DG750.p.set"]):
            ...

    What clients command and write arrives as changes; whether they may is said by the hooks of the server. The owner
    gives new values by `put`: nothing is commanded from this side.

    Raises `ConfigError` at the row of a point that the model does not have.
    """

    services: Services = OFFERED
    commanded_by = "the clients of the server command it, and its owner puts values"

    def __init__(self, server: Server, bindings: Iterable[Binding]) -> None:
        self._server = server
        self._places = {binding.point.name: self._place(binding) for binding in bindings}
        self._newest = Newest()
        self._watchers = Watchers()
        self._names: dict[Attribute, list[str]] = defaultdict(list)
        for name, place in self._places.items():
            for leaf in place.node.leaves():
                self._names[leaf].append(name)
        self._unobserve: Callable[[], None] | None = None

    def put(self, name: str, value: Scalar | None, quality: Quality = GOOD, time: datetime | None = None) -> None:
        """Give a point a new value, at `time` or now; None leaves the value as it is, and says how good it is.

        Raises `UnknownName`, `TypeConflict`.
        """
        place = self._known(name)
        wire = self._server.read(place.text) if value is None else place.field.binding.to_wire(value)
        when = None if time is None else utc(time, name)
        self._server.update(place.text, wire, quality=quality_bits(quality).sound, time=when)

    async def directory(self) -> Sequence[Point]:
        """Return every point, sorted by name."""
        return [self._places[name].field.binding.point for name in sorted(self._places)]

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return what the model has."""
        wanted = [(name, self._known(name)) for name in names]
        return {name: self._value(place) for name, place in wanted}

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield what is updated, by whomever."""
        check_watch(period, deadband)
        watcher = Watcher(frozenset(names))
        for name in sorted(watcher.names):
            watcher.put(Change(name, self._value(self._known(name))))
        if self._unobserve is None:
            self._unobserve = self._server.observe(self._updated)
        self._watchers.add(watcher)
        renewing = task_of(period, lambda seconds: renew(self._server.clock, seconds, watcher, self._present))
        try:
            async for change in watcher.changes(deadband, period):
                yield change
        finally:
            self._watchers.discard(watcher)
            if not self._watchers and self._unobserve is not None:
                self._unobserve()
                self._unobserve = None
            await stop(renewing)

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Raise: logs are for the clients of the server."""
        self._known(name)
        refuse(CommonService.HISTORY, name, "its logs are for the clients of the server")

    async def available(self, name: str) -> bool:
        """Return True: the server is here."""
        self._known(name)
        return True

    def _place(self, binding: Binding) -> _Place:
        target = data_object(binding)
        node = self._server.engine.tree.find(target)
        if node is None:
            raise ConfigError(f"the server has no {target}", where=binding.row.where)
        return _Place(field(binding, node.describe()), node, str(attrs.evolve(attribute(binding), fc=None)))

    def _known(self, name: str) -> _Place:
        place = self._places.get(name)
        if place is None:
            raise UnknownName(f"the server has no point {name!r}")
        return place

    def _present(self, name: str) -> Value:
        return self._value(self._places[name])

    def _value(self, place: _Place) -> Value:
        return values((place.field,), read(place.node), self._server.model.ied)[place.field.binding.point.name]

    def _updated(self, leaves: Iterable[Attribute]) -> None:
        touched = dict.fromkeys(name for leaf in leaves for name in self._names.get(leaf, ()))
        now = self._server.clock.now()
        for name in touched:
            value = self._present(name)
            if self._newest.put(name, value, now):
                self._watchers.put(Change(name, value))
