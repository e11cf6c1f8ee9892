"""Several data accesses as one: each point belongs to the access that knows it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime

from ..errors import LocalError, UnknownName
from .access import Change, DataAccess, Entry
from .point import Point
from .services import CommonService, Services
from .value import Scalar, Value
from .watching import Watcher, carry, check_watch, stop


class Joined:
    """`DataAccess` over others. Make it with `join`."""

    def __init__(self, points: Mapping[str, tuple[Point, DataAccess]]) -> None:
        self._points = dict(points)
        self._accesses = tuple(dict.fromkeys(access for _, access in self._points.values()))

    @property
    def points(self) -> Mapping[str, tuple[Point, DataAccess]]:
        """Each point by name, with the access that it belongs to."""
        return self._points

    @property
    def services(self) -> Services:
        """What any of the accesses offers: of a point it is offered what its own access does."""
        found: dict[CommonService, list[str]] = defaultdict(list)
        for access in self._accesses:
            for service, by in access.services.items():
                if by not in found[service]:
                    found[service].append(by)
        return {service: "; ".join(ways) for service, ways in found.items()}

    async def directory(self) -> Sequence[Point]:
        """Return every point of every access, sorted by name."""
        return sorted((point for point, _ in self._points.values()), key=lambda point: point.name)

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return the present values, asking all accesses at once."""
        wanted = list(names)
        parts = await asyncio.gather(*(access.read(part) for access, part in self._parts(wanted)))
        found = {name: value for part in parts for name, value in part.items()}
        return {name: found[name] for name in wanted}

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Write settings, to one access after the other; what was written before an error stays written."""
        for access, part in self._parts(values):
            await access.write({name: values[name] for name in part})

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Reserve a point for the next command."""
        await self._access(name).select(name, value)

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Command a point."""
        await self._access(name).operate(name, value, at=at, test=test, check=check)

    async def abort(self, name: str) -> None:
        """Withdraw what was commanded."""
        await self._access(name).abort(name)

    async def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield the changes of all accesses as they come; an error of one of them ends the watch."""
        check_watch(period, deadband)
        parts = self._parts(names)
        watcher = Watcher(frozenset(name for _, part in parts for name in part))
        sources = [access.watch(part, period=period, deadband=deadband) for access, part in parts]
        tasks = [asyncio.create_task(carry(source, watcher)) for source in sources]
        try:
            async for change in watcher.changes(deadband, period):
                yield change
        finally:
            await stop(tasks)

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Give a point a course of values in time."""
        await self._access(name).schedule(name, entries, end=end)

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return recorded values."""
        return await self._access(name).history(name, start, end)

    async def available(self, name: str) -> bool:
        """Return whether the source behind this point is there."""
        return await self._access(name).available(name)

    def _point(self, name: str) -> Point:
        return self._found(name)[0]

    def _access(self, name: str) -> DataAccess:
        return self._found(name)[1]

    def _found(self, name: str) -> tuple[Point, DataAccess]:
        found = self._points.get(name)
        if found is None:
            raise UnknownName(f"no point {name!r} in any of the accesses")
        return found

    def _parts(self, names: Iterable[str]) -> list[tuple[DataAccess, list[str]]]:
        """Return the names by access; an unknown one raises before anything is asked."""
        parts: dict[DataAccess, list[str]] = defaultdict(list)
        for name in names:
            parts[self._access(name)].append(name)
        return list(parts.items())


async def join(accesses: Iterable[DataAccess]) -> Joined:
    """Return one access over these; raise `LocalError` if two of them have a point of the same name."""
    points: dict[str, tuple[Point, DataAccess]] = {}
    for access in accesses:
        for point in await access.directory():
            if point.name in points:
                raise LocalError("two accesses have a point of this name", where=point.name)
            points[point.name] = (point, access)
    return Joined(points)
