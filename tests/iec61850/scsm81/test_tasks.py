"""A request is answered within the call that brought it, unless a hook has to be waited for."""

from __future__ import annotations

import asyncio

import pytest
from janusgrid.iec61850 import connect
from janusgrid.iec61850.acsi.errors import AddCause, ServiceRefused
from janusgrid.iec61850.engine import Command
from janusgrid.iec61850.server import Server

from .peers import CID

SWITCH = "PEERLD0/GGIO1.SPCSO1"


async def test_plain_hooks_need_no_task_and_coroutines_get_one() -> None:
    tasks: list[asyncio.Task[object] | None] = []
    async with Server.from_scl(CID) as server:

        def plain(command: Command) -> None:
            tasks.append(asyncio.current_task())
            if len(tasks) == 2:
                command.refuse(AddCause.BLOCKED_BY_PROCESS)
            if len(tasks) == 3:
                raise ZeroDivisionError

        async def waiting(command: Command) -> None:
            await asyncio.sleep(0)
            plain(command)

        port = (await server.start_tcp(port=0)).port
        async with connect(f"tcp://127.0.0.1:{port}") as ied:
            control = ied.control(SWITCH)
            for hook in (plain, waiting):
                tasks.clear()
                server.on_operate(SWITCH)(hook)
                await control.operate(True)
                assert await ied.read(f"{SWITCH}.stVal") is True
                with pytest.raises(ServiceRefused) as refused:
                    await control.operate(False)
                assert refused.value.add_cause is AddCause.BLOCKED_BY_PROCESS
                with pytest.raises(ServiceRefused) as refused:
                    await control.operate(False)
                assert refused.value.add_cause is AddCause.UNKNOWN
                await control.operate(False)
                assert await ied.read(f"{SWITCH}.stVal") is False
                assert [task is None for task in tasks] == [hook is plain] * 4
