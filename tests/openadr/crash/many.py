"""One of several processes that are one VTN, on one PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from janusgrid.common.clock import ScaledClock
from janusgrid.common.store.shared import SharedRecords
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.vtn import Opted, Party, Telemetry, TelemetryPlan, Vtn

SPEED = 30.0
T0 = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
SITES = ("site0", "site1", "site2")


@attrs.frozen
class Plan:
    """What a process is to do: `make` events, then wait for the file `end`."""

    name: str
    url: str
    port: int
    folder: Path
    origin: float
    make: int

    def clock(self) -> ScaledClock:
        return ScaledClock(SPEED, T0 + timedelta(seconds=(time.monotonic() - self.origin) * SPEED))


def live(plan: Plan) -> None:
    try:
        asyncio.run(_live(plan))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


async def _live(plan: Plan) -> None:
    diary = os.open(plan.folder / f"{plan.name}.diary", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(*words: object) -> None:
        os.write(diary, (" ".join(map(str, words)) + "\n").encode())

    vtn = Vtn(
        "VTN1",
        HttpTransport(listen=("127.0.0.1", plan.port), plain=True),
        parties=[Party(site, ANYBODY) for site in SITES],
        clock=plan.clock(),
        plan=TelemetryPlan(granularity=timedelta(seconds=20), every=timedelta(seconds=20)),
        poll_every=timedelta(seconds=2),
        store=SharedRecords(plan.url, "vtn"),
    )

    def telemetry(told: Telemetry) -> None:
        for sample in told.samples:
            note("sample", told.ven.ven_name, f"{sample.time:%H:%M:%S}")

    def opted(told: Opted) -> None:
        identity = told.response.qualified_event_id
        note("opted", told.ven.ven_name, identity.event_id, identity.modification_number)

    vtn.listen(Telemetry, telemetry)
    vtn.listen(Opted, opted)
    async with vtn:
        for site in SITES:
            await vtn.wait_registered(site)
        for _ in range(plan.make):
            dispatch = await vtn.turn(_make, vtn)
            note("made", dispatch)
            await asyncio.sleep(0.05)
        while not (plan.folder / "end").exists():
            events = list(vtn.core.events)
            settled = [event for event in events if not event.unanswered]
            (plan.folder / f"{plan.name}.settled").write_text(f"{len(settled)} of {len(events)}")
            await asyncio.sleep(0.1)
        await vtn.turn(lambda: None)
        contents = {kind: text for kind, text in vtn.core.cabinet.contents().items() if kind[0] in ("event", "ven")}
        (plan.folder / f"{plan.name}.state").write_text(
            hashlib.sha256(repr(sorted(contents.items())).encode()).hexdigest()
        )


def _make(vtn: Vtn) -> str:
    now = vtn.clock.now()
    number = len(list(vtn.core.events))
    name = f"E{number}"
    start = T0 + timedelta(hours=12 + 2 * number)
    made = load_dispatch(100.0, start=start, duration=timedelta(hours=1), created=now, event_id=name)
    return vtn.create_event(made, SITES).id
