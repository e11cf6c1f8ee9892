"""The data-access port: the one set of services that an application calls, whatever protocol lies beneath.

See docs/explanation/common-services for how ACSI and OpenADR services fold into these.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from .point import Point
from .value import Scalar, Value


@attrs.frozen(slots=True)
class Change:
    """One new value of a watched point."""

    name: str
    value: Value
    reason: str = "change"
    """Why it is sent: `change`, `quality`, `periodic`, `initial`, `lost`."""


@attrs.frozen(slots=True)
class Entry:
    """One step of a schedule: from `start` on, the point shall have `value`; until the next entry, or `end` of it."""

    start: datetime
    value: Scalar


class DataAccess(Protocol):
    """Points by name. Every method raises `UnknownName` for a name it does not know.

    Remote refusals are `Refused` with the protocol's code; no connection is `NotReachable`; no answer is `TimedOut`.
    """

    async def directory(self) -> Sequence[Point]:
        """Return every point of this access, sorted by name."""
        ...

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return the present value of each name. A point that cannot be read now has invalid quality, not an error."""
        ...

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Write settings; raise `TypeConflict` before anything is sent if a value does not fit its point."""
        ...

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Command a set-point or command and return when the peer has accepted it; `at` asks for a later time."""
        ...

    async def abort(self, name: str) -> None:
        """Withdraw what `operate` or `schedule` started on this point, where the protocol can."""
        ...

    def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield changes of these points: first every present value (`initial`), then on change beyond `deadband`,
        and every `period` seconds where given. Loss of the source is a change with invalid quality."""
        ...

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Give a point a course of values in time."""
        ...

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return recorded values in `[start, end)`, oldest first."""
        ...

    async def available(self, name: str) -> bool:
        """Return whether the source behind this point (a device, a peer) is there and willing."""
        ...
