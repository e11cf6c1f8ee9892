"""What can be asked of a running VTN from another terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ...common.errors import LocalError, UnknownName
from ...openadr.codec import read, write
from ...openadr.core.event_book import BookedEvent
from ...openadr.model import DistributeEvent, OptType, ResponseRequired
from ...openadr.rules import timeline
from ...openadr.vtn import Vtn
from ..control import Handler, Request
from . import summary
from .wishes import wishes


class Desk:
    """Directs a VTN. Events come and go as OpenADR messages; what was asked for is kept before it is answered.

    All is done in turns, so that it may be one of many processes.
    """

    def __init__(self, vtn: Vtn) -> None:
        self._vtn = vtn
        self.handlers: Mapping[str, Handler] = {
            "event.create": self._create,
            "event.modify": self._modify,
            "event.cancel": self._cancel,
            "event.list": self._events,
            "event.get": self._event,
            "event.wait": self._wait,
            "report.request": self._request,
            "report.cancel": self._end,
            "report.list": self._reports,
            "opt.list": self._opts,
            "ven.list": self._vens,
            "ven.cancel": self._expel,
            "ven.reregister": self._reregister,
        }

    # --- events ---

    async def _create(self, request: Request) -> Any:
        required = ResponseRequired(request.get("response", ResponseRequired.ALWAYS.value))
        events = _distributed(request["message"]).events

        def create() -> list[Any]:
            made = [self._vtn.create_event(each.ei_event, request["vens"] or None, required) for each in events]
            return [self._summary(self._booked(each.id)) for each in made]

        return await self._vtn.turn(create)

    async def _modify(self, request: Request) -> Any:
        (event,) = _distributed(request["message"]).events
        return await self._changed(lambda now: self._vtn.core.modify_event(event.ei_event, now))

    async def _cancel(self, request: Request) -> Any:
        return await self._changed(lambda now: self._vtn.core.cancel_event(request["id"], now, request.get("reason")))

    async def _events(self, request: Request) -> Any:
        await self._vtn.look()
        return [self._summary(booked) for booked in self._vtn.core.events]

    async def _event(self, request: Request) -> Any:
        await self._vtn.look()
        booked = self._booked(request["id"])
        return {**self._summary(booked), "message": write(summary.carried(booked.event))}

    async def _wait(self, request: Request) -> Any:
        """Answer when every VEN has answered the event, or the time is over."""
        await self._vtn.look()
        try:
            async with asyncio.timeout(request["seconds"]):
                while self._booked(request["id"]).unanswered:
                    await self._vtn.changed()
        except TimeoutError:
            pass
        booked = self._booked(request["id"])
        return {**self._summary(booked), "answered": not booked.unanswered}

    async def _changed(self, change: Callable[[datetime], BookedEvent]) -> dict[str, Any]:
        return await self._vtn.turn(lambda: self._summary(change(self._vtn.clock.now())))

    def _booked(self, event_id: str) -> BookedEvent:
        return self._vtn.core.events.get(event_id)

    def _summary(self, booked: BookedEvent) -> dict[str, Any]:
        names = {ven.ven_id: ven.ven_name for ven in self._vtn.core.vens}
        opts = {names.get(ven_id, ven_id): self._opt(booked, ven_id) for ven_id in sorted(booked.ven_ids)}
        return {
            **summary.event(booked.event, timeline.status(booked.event, self._vtn.clock.now()).value),
            "opt": {name: None if opt is None else opt.value for name, opt in opts.items()},
        }

    def _opt(self, booked: BookedEvent, ven_id: str) -> OptType | None:
        try:
            return self._vtn.core.opt(booked.event.event_descriptor.event_id, ven_id)
        except UnknownName:  # it is not registered any more
            return booked.opt(ven_id)

    # --- reports ---

    async def _request(self, request: Request) -> Any:
        order = await self._vtn.turn(
            lambda: self._vtn.request_report(request["ven"], request["report"], **wishes(request))
        )
        return {"ven": request["ven"], "request": order.id}

    async def _end(self, request: Request) -> Any:
        wanted = request["requests"]
        await self._vtn.turn(lambda: self._vtn.cancel_report(request["ven"], *wanted, to_follow=request["to_follow"]))
        return {"ven": request["ven"], "cancelled": request["requests"]}

    async def _opts(self, request: Request) -> Any:
        await self._vtn.look()
        return [
            {"ven": ven.ven_name, **summary.opt(each)}
            for ven in self._vtn.core.vens
            for each in self._vtn.opts(ven.ven_id)
        ]

    async def _reports(self, request: Request) -> Any:
        await self._vtn.look()
        return [row for ven in self._vtn.core.vens for row in summary.reports(ven.ven_name, ven)]

    # --- VENs ---

    async def _vens(self, request: Request) -> Any:
        await self._vtn.look()
        return [summary.ven(ven) for ven in self._vtn.core.vens]

    async def _expel(self, request: Request) -> Any:
        return await self._about(request["ven"], self._vtn.cancel_registration)

    async def _reregister(self, request: Request) -> Any:
        return await self._about(request["ven"], self._vtn.request_registration)

    async def _about(self, name: str, act: Callable[[str], None]) -> Any:
        """Do something about a VEN; return what it was then."""

        def done() -> Any:
            ven = self._vtn.ven(name)
            act(ven.ven_id)
            return summary.ven(ven)

        return await self._vtn.turn(done)


def _distributed(text: str) -> DistributeEvent:
    message = read(text, source="the event")
    if not isinstance(message, DistributeEvent):
        raise LocalError(f"events come in an oadrDistributeEvent, this is {type(message).__name__}")
    return message
