"""Reports that the application has asked for, and waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from ..common.errors import JanusGridError
from .model import CreateReport, ReportRequest

T = TypeVar("T")

MOST_WAITING = 1_000
"""Reports that wait to be taken from an order; of more than that the oldest are forgotten."""


class ReportOrder(Generic[T]):
    """A report that was asked for. Iterate over it, or take what comes one by one::

        order = vtn.request_report("site", "history", start=…, duration=…)
        telemetry = await order.next()

    Whoever listens to `Telemetry` is told of the same reports.
    """

    def __init__(self, request: ReportRequest, cancel: Callable[[str, bool, bool], None]) -> None:
        self.request = request
        self._cancel = cancel
        self._came: asyncio.Queue[T | JanusGridError] = asyncio.Queue()

    @property
    def id(self) -> str:
        """The reportRequestID."""
        return self.request.report_request_id

    async def next(self) -> T:
        """Return the next report; raise `Rejected` if it was refused, and what says that it cannot come any more."""
        found = await self._came.get()
        if isinstance(found, JanusGridError):
            self._came.put_nowait(found)
            raise found
        return found

    def cancel(self, *, to_follow: bool = False, with_next: bool = False) -> None:
        """End the report, with a last one if it is `to_follow` (rule 345).

        `with_next` says so in the answer to the next values, else in a message of its own.

        Raises `UnknownName` if it does not run.
        """
        self._cancel(self.id, to_follow, with_next)

    def __aiter__(self) -> ReportOrder[T]:
        return self

    async def __anext__(self) -> T:
        return await self.next()

    def _take(self, found: T | JanusGridError) -> None:
        if self._came.qsize() >= MOST_WAITING:
            self._came.get_nowait()
        self._came.put_nowait(found)


class Orders(Generic[T]):
    """The orders of a role that somebody still holds."""

    def __init__(self) -> None:
        self._orders: WeakValueDictionary[str, ReportOrder[T]] = WeakValueDictionary()

    def add(self, order: ReportOrder[T]) -> ReportOrder[T]:
        """Remember an order, as long as somebody holds it."""
        self._orders[order.id] = order
        return order

    def came(self, request_id: str, telemetry: T) -> None:
        """A report has come."""
        if (order := self._orders.get(request_id)) is not None:
            order._take(telemetry)

    def refused(self, message: Any, error: JanusGridError) -> None:
        """A message of ours was refused."""
        for request in message.report_requests if isinstance(message, CreateReport) else ():
            self.over(request.report_request_id, error)

    def over_all(self, error: JanusGridError) -> None:
        """Nothing can come any more."""
        for request_id in list(self._orders):
            self.over(request_id, error)

    def over(self, request_id: str, error: JanusGridError) -> None:
        """A report cannot come any more."""
        if (order := self._orders.get(request_id)) is not None:
            order._take(error)
