"""The application port: what a host runs between the utility above and the devices below."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ..common.clock import Clock
from ..common.data.access import DataAccess
from .events import EventSink


class Application(EventSink, Protocol):
    """A program of the site. It is made with a `DataAccess` and a `Clock`, and imports no protocol.

    What it wants to tell (a baseline, a sum, a state) it offers as points of its own, which the host joins to those
    of the devices: the utility's reports and an operator's server take them from there.
    """

    @property
    def points(self) -> DataAccess | None:
        """The application's own points; None if it has none. The same for its whole life."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...


Maker = Callable[[DataAccess, Clock, Iterable[str]], Application]
"""Makes an application from the devices' points, the clock, and the names of the points that others ask it for."""
