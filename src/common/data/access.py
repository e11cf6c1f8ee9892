"""The data-access port: the one set of services that an application calls, whatever protocol lies beneath.

See docs/explanation/common-services for how ACSI and OpenADR services fold into these.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from .point import Point
from .services import Services
from .value import Scalar, Value


@attrs.frozen(slots=True)
class Change:
    """One new value of a watched point."""

    name: str
    value: Value
    reason: str = "change"
    """Why it is told: `initial`, `change` (of the value), `quality` (of that alone), `periodic`, `lost`."""


@attrs.frozen(slots=True)
class Entry:
    """One step of a schedule: from `start` on, the point shall have `value`; until the next entry, or `end` of it."""

    start: datetime
    value: Scalar


class DataAccess(Protocol):
    """Points by name. Every method raises `UnknownName` for a name it does not know, before anything else is done.

    What the protocol beneath cannot do is `NotOffered`, and is missing in `services`; a service that a point of this
    kind does not have (to command a measurement) is `TypeConflict`. Remote refusals are `Refused` with the protocol's
    code; no connection is `NotReachable`; no answer is `TimedOut`. Times are aware; those that come are in UTC.
    """

    @property
    def services(self) -> Services:
        """What this access offers, and by which service of its protocol."""
        ...

    async def directory(self) -> Sequence[Point]:
        """Return every point of this access, sorted by name."""
        ...

    async def read(self, names: Iterable[str]) -> dict[str, Value]:
        """Return the present value of each name. A point that cannot be read now has invalid quality, not an error."""
        ...

    async def write(self, values: Mapping[str, Scalar]) -> None:
        """Write settings; raise `TypeConflict` before anything is sent if a value does not fit its point."""
        ...

    async def select(self, name: str, value: Scalar | None = None) -> None:
        """Reserve a point for the next `operate` of this access, so that nobody else commands it meanwhile.

        Some peers reserve it for that one `value`. `operate` selects by itself where the peer asks for it: this is for
        who wants to know beforehand. `abort` gives it up.
        """
        ...

    async def operate(
        self, name: str, value: Scalar, *, at: datetime | None = None, test: bool = False, check: bool = True
    ) -> None:
        """Command a set-point or command and return when the peer has accepted it.

        Raises `TypeConflict` before anything is sent for a value that does not fit or is beyond the limits.

        Args:
            at: not now but then.
            test: have it looked at, not carried out.
            check: have the peer's interlocks checked.
        """
        ...

    async def abort(self, name: str) -> None:
        """Withdraw what `select`, `operate` or `schedule` started; raise `Refused` if nothing is under way."""
        ...

    def watch(
        self, names: Iterable[str], *, period: float | None = None, deadband: float = 0.0
    ) -> AsyncIterator[Change]:
        """Yield changes of these points.

        First of each point its present value (`initial`), as soon as it is known. Then what differs from the last one
        told: by more than `deadband` if it is a number, or in quality. With a `period`, in seconds, every point is told
        again that often at least (integrity); with an infinite dead band besides, numbers are told by that alone.
        Loss of the source is a change with invalid quality (`lost`).

        Who is slow is told the newest value of each point, not every one; the points in the order in which they began
        to wait. A value whose source time is before that of the last one is late, and not told.
        """
        ...

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        """Give a point a course of values in time, in place of one given before.

        From `end` on it is bound by it no more: what applies then is up to the device.
        """
        ...

    async def history(self, name: str, start: datetime, end: datetime) -> Sequence[Value]:
        """Return recorded values in `[start, end)`, oldest first."""
        ...

    async def available(self, name: str) -> bool:
        """Return whether the source behind this point (a device, a peer) is there and willing."""
        ...
