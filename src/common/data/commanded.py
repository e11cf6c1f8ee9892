"""The services that an access does not have whose points others command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from .access import Entry
from .services import CommonService, refuse
from .value import Scalar


class Commanded:
    """A part of a `DataAccess`: the peer commands these points, so that this side of it does not."""

    commanded_by = "the peer commands it, nobody else does"
    """Why."""

    async def available(self, name: str) -> bool:
        """Return whether the source of a point is there; raise `UnknownName`."""
        raise NotImplementedError

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Raise `NotOffered`: the peer sets these points."""
        for name in values:
            await self._not_here(CommonService.WRITE, name)

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Raise `NotOffered`: the peer commands these points."""
        await self._not_here(CommonService.SELECT, name)

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Raise `NotOffered`: the peer commands these points."""
        await self._not_here(CommonService.OPERATE, name)

    async def abort(self, name: str) -> None:
        """Raise `NotOffered`: what the peer has begun, it alone withdraws."""
        await self._not_here(CommonService.ABORT, name)

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Raise `NotOffered`: the peer commands these points."""
        await self._not_here(CommonService.SCHEDULE, name)

    async def _not_here(self, service: CommonService, name: str) -> NoReturn:
        await self.available(name)
        refuse(service, name, self.commanded_by)
