"""A DER: its points served by an IEC 61850 server from its CID file or its table, in process or over XMPP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..common.clock import Clock
from ..common.data.access import DataAccess
from ..common.data.site import Device
from ..common.openable import Openable
from ..iec61850.access import ServedPoints, model_of_device
from ..iec61850.server import Server


class Der(Openable):
    """One device's server.

        async with Der(device, plant, clock) as der:
            der.server.start(session)

    Args:
        device: as the site file has it; its model is that of its CID file, and made from its table where it has none.
        access: where its points come from: the simulated plant, or a driver of the real machine.
        clock: of the application; integrity periods and time stamps follow it.
        refresh: seconds of that clock between two looks at the points, or what gives them after each look.

    Raises `ConfigError` if the file has not what the table says, or the class tables have not; `SclError` for a file
    that is no good.
    """

    def __init__(
        self, device: Device, access: DataAccess, clock: Clock, *, refresh: float | Callable[[], float] = 10.0
    ) -> None:
        self.device = device
        if device.cid is None:
            self.server = Server(model_of_device(device), clock=clock)
        else:
            self.server = Server.from_scl(device.cid, ied=device.address.get("ied"), clock=clock)
        self._points = ServedPoints(self.server, device.bindings, access)
        self._clock = clock
        self._refresh = refresh
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to follow the points."""
        await self._points.refresh()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """End every association and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.server.close()

    async def _follow(self) -> None:
        while True:
            await self._clock.sleep(self._refresh() if callable(self._refresh) else self._refresh)
            await self._points.refresh()
