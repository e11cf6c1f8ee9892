"""Who stands around an energy-management system of four roles: homes, which are VENs below, and an operator above."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import attrs

from ...common.clock import Clock
from ...common.xmpp.session import Session
from ...iec61850 import connect
from ...iec61850.acsi.services import AcsiClass
from ...iec61850.client import Ied
from ...iec61850.client.reports import Update
from ...openadr.items import item
from ...openadr.model import OptType
from ...openadr.ven import DataPoint, EventChange, Offer, Reading, Ven
from ...openadr.vtn import Sample
from ..local import PlantAccess
from .scenario import MIDNIGHT

LOOK = 5.0
"""Seconds between two looks of a home at the events in force."""


class Home:
    """A VEN below: it does what it is asked, and tells what it delivers.

    Args:
        name: its VEN name.
        device: what it is called at the site, and in the plant.
        session: open; the caller closes it.
        vtn: full JID of the energy-management system, its VTN.
        plant: its own plant, among others.
        every: how often it is asked for its samples.
        told: called with each change of an event, and its answer.

    Attributes:
        ven: open it, and let `run` run beside.
        opt: its answer to each event from now on.
        changes: of events, as they came.
        sampled: the intervals for which it has taken a sample.
    """

    def __init__(
        self,
        name: str,
        device: str,
        session: Session,
        vtn: str,
        plant: PlantAccess,
        clock: Clock,
        *,
        every: timedelta,
        told: Callable[[EventChange, OptType], None] = lambda change, opt: None,
    ) -> None:
        self.name, self.device = name, device
        self._plant, self._clock, self._every, self._told = plant, clock, every, told
        offer = Offer("usage", "TELEMETRY_USAGE", (DataPoint("p", item("W"), minimum=timedelta(seconds=1)),))
        self.ven = Ven(name, session, vtn=vtn, offers=[offer], read=self._read, clock=clock)
        self.ven.on_event(self._decide)
        self.opt = OptType.OPT_IN
        self.changes: list[EventChange] = []
        self.sampled: list[datetime] = []

    async def _read(self, r_ids: frozenset[str]) -> Mapping[str, Reading]:
        self.sampled.append(whole(self._clock.now(), self._every))
        name = f"der.{self.device}.p"
        value = (await self._plant.read([name]))[name]
        return {r_id: Reading(1000 * value.number) for r_id in r_ids}

    def _decide(self, change: EventChange) -> OptType:
        self.changes.append(change)
        self._told(change, self.opt)
        return self.opt

    def opt_out(self) -> None:
        """Opt out of what goes on, and of every event from now on."""
        self.opt = OptType.OPT_OUT
        for known in self.ven.active():
            self.ven.opt(known.event_id, OptType.OPT_OUT)

    async def run(self) -> None:
        """Do what the events in force ask for, for ever."""
        asked = 0.0
        while True:
            wanted = sum(known.value("LOAD_DISPATCH", self._clock.now()) or 0.0 for known in self.ven.active()
                         if known.opt is OptType.OPT_IN)  # fmt: skip
            if wanted != asked:
                await self._plant.operate(f"der.{self.device}.p.set", wanted)
                asked = wanted
            await self._clock.sleep(LOOK)


@attrs.define
class Operator:
    """An IEC 61850 client of a server that mirrors a site, with buffered reports.

    Attributes:
        updates: the reports of each control block, as they came.
        told: called with each of them.
        ied: the server, once `run` has reached it.
    """

    told: Callable[[Update], None] = lambda update: None
    updates: dict[str, list[Update]] = attrs.Factory(dict)
    ied: Ied | None = None

    async def run(self, session: Session, jid: str, ready: asyncio.Event) -> None:
        """Take the reports of each logical device, for ever; `ready` is set when all are enabled."""
        async with AsyncExitStack() as stack:
            self.ied = ied = await stack.enter_async_context(connect(f"xmpp:{jid}", session=session))
            async with asyncio.TaskGroup() as group:
                for device in await ied.devices():
                    names = await ied.instances(f"{device}/LLN0", AcsiClass.BRCB)
                    for name in names:
                        if name.endswith("01"):
                            reports = await stack.enter_async_context(ied.report(f"{device}/LLN0.{name}"))
                            found = self.updates[f"{device}/{name}"] = list[Update]()
                            group.create_task(self._take(reports, found))
                ready.set()

    async def _take(self, reports: AsyncIterable[Update], found: list[Update]) -> None:
        async for update in reports:
            found.append(update)
            self.told(update)

    def course(self, reference: str) -> list[Any]:
        """Return the values that one data object has had, as they were reported."""
        updates = (update for found in self.updates.values() for update in found)
        return [update.values[reference] for update in updates if reference in update.values]


def whole(time: datetime, step: timedelta) -> datetime:
    """Return the beginning of the interval that a time lies in."""
    return time - (time - MIDNIGHT) % step


def good(sample: Sample) -> bool:
    """Return whether a sample has a value that counts."""
    return str(sample.quality or "").startswith("Quality Good") and isinstance(sample.value, int | float)
