"""What can be asked of a running VEN from another terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...common.config import duration
from ...common.errors import LocalError, UnknownName
from ...openadr.model import OptType, Poll
from ...openadr.ven import Ven
from ..control import Handler, Request
from . import summary
from .wishes import wishes


class Desk:
    """Directs a VEN."""

    def __init__(self, ven: Ven) -> None:
        self._ven = ven
        self.handlers: Mapping[str, Handler] = {
            "state": self._state,
            "event.list": self._events,
            "opt": self._opt,
            "opt.list": self._opts,
            "opt.schedule": self._schedule,
            "opt.cancel": self._withdraw,
            "report.list": self._reports,
            "report.request": self._request,
            "report.cancel": self._end,
            "poll": self._poll,
            "leave": self._leave,
        }

    async def _state(self, request: Request) -> Any:
        core = self._ven.core
        return {"state": core.state, "ven_id": core.ven_id, "registration_id": core.registration_id,
                "reports": list(core.reports.pending)}  # fmt: skip

    async def _events(self, request: Request) -> Any:
        now = self._ven.clock.now()
        inbox = self._ven.core.events
        active = {known.event_id for known in inbox.active(now)}
        found = []
        for known in inbox.shelf.values():
            status = "active" if known.event_id in active else str(known.event.event_descriptor.event_status)
            opt = None if known.opt is None else known.opt.value
            found.append({**summary.event(known.event, status), "opt": opt})
        return found

    async def _opt(self, request: Request) -> Any:
        self._ven.opt(request["id"], OptType(request["opt"]))
        await self._ven.kept()
        return {"id": request["id"], "opt": request["opt"]}

    async def _opts(self, request: Request) -> Any:
        return [
            {"ven": self._ven.core.office.ven_name, **summary.opt(sent.message), "accepted": sent.is_accepted}
            for sent in self._ven.opts
        ]

    async def _schedule(self, request: Request) -> Any:
        """Tell the VTN when we are available, and answer when it has confirmed that."""
        times = [(datetime.fromisoformat(start), duration(lasts)) for start, lasts in request["times"]]
        sent = self._ven.opt_schedule(
            OptType(request["opt"]), times, reason=request["reason"], market=request["market"]
        )
        await self._ven.kept()
        async with asyncio.timeout(request.get("seconds", 30)):
            await sent.accepted()
        return summary.opt(sent.message)

    async def _withdraw(self, request: Request) -> Any:
        sent = next((each for each in self._ven.opts if each.id == request["id"]), None)
        if sent is None:
            raise UnknownName("there is no opt of that ID", where=request["id"])
        sent.cancel()
        await self._ven.kept()
        return summary.opt(sent.message)

    async def _reports(self, request: Request) -> Any:
        core = self._ven.core
        return summary.reports(core.office.vtn_id, core.vtn_reports)

    async def _request(self, request: Request) -> Any:
        vtn = self._vtn(request)
        order = self._ven.request_report(request["report"], **wishes(request))
        await self._ven.kept()
        return {"ven": vtn, "request": order.id}

    async def _end(self, request: Request) -> Any:
        vtn = self._vtn(request)
        self._ven.cancel_report(*request["requests"], to_follow=request["to_follow"])
        await self._ven.kept()
        return {"ven": vtn, "cancelled": request["requests"]}

    def _vtn(self, request: Request) -> str:
        """Return our VTN's ID; raise `UnknownName` where somebody else is meant."""
        vtn = self._ven.core.office.vtn_id
        if request["ven"] != vtn:
            raise UnknownName(f"a VEN asks its VTN, which is {vtn}", where=request["ven"])
        return vtn

    async def _poll(self, request: Request) -> Any:
        """Ask the VTN now."""
        core = self._ven.core
        if not core.polls:
            raise LocalError("the VTN sends this VEN its messages: it does not poll")
        if not core.registered:
            raise LocalError("this VEN is not registered")
        core.outbox.put(core.office.vtn, Poll(ven_id=core.ven_id), key="poll")
        self._ven.nudge()
        return {"ven_id": core.ven_id}

    async def _leave(self, request: Request) -> Any:
        if not self._ven.core.registration_id:
            raise LocalError("this VEN is not registered")
        async with asyncio.timeout(request.get("seconds", 30)):
            await self._ven.leave()
        return {"left": True}
