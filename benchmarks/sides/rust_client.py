"""The client of PyPI `iec61850` (a core in Rust)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import contestant
import plant

import iec61850
from iec61850 import FC, ControlModel, IedConnection, RcbWriteMask

MX = FC.MX


class Rust:
    """See `contestant.Client`."""

    async def operation(self, port: int, case: str) -> Callable[[], Awaitable[object]]:
        ied = await IedConnection.connect(f"127.0.0.1:{port}")
        if case == "read 1":
            return lambda: ied.read_float(plant.VALUES[0], MX)
        if case == "read 100":
            targets = [(name, MX) for name in plant.VALUES]
            return lambda: ied.read_multiple(targets)
        control = ied.create_control_object(plant.SWITCH, ControlModel("direct-normal"))
        return lambda: control.operate(True)

    async def subscribe(self, port: int, block: str, number: int, arrived: Callable[[int], None]) -> contestant.Poll:
        ied = await IedConnection.connect(f"127.0.0.1:{port}")
        name = f"{plant.DEVICE}/LLN0.{'RP' if block == plant.UNBUFFERED else 'BR'}.{block}{number:02}"
        found = await ied.get_rcb_values(name)

        def take(report: iec61850.ClientReport) -> None:
            arrived(len(report.entries))

        await ied.install_report_handler(name, take, rpt_id=found.rpt_id)
        found.rpt_ena = True
        await ied.set_rcb_values(found, RcbWriteMask.fields("rpt_ena"))
        return lambda: ied.poll_reports(50)


asyncio.run(contestant.play(Rust()))
