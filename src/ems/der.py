"""A DER: its points served by an IEC 61850 server from its own CID file, in process or over XMPP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..common.clock import Clock
from ..common.data.access import DataAccess
from ..common.data.site import Device
from ..common.errors import ConfigError
from ..iec61850.access import ServedPoints
from ..iec61850.server import Server


class Der:
    """One device's server.

        async with Der(device, plant, clock) as der:
            der.server.start(session)

    Args:
        device: as the site file has it, with its CID file.
        access: where its points come from: the simulated plant, or a driver of the real machine.
        clock: of the application; integrity periods and time stamps follow it.
        refresh: seconds of that clock between two looks at the points, or what gives them after each look.

    Raises `ConfigError` if the device has no file or the file not what the table says, `SclError` if it is no good.
    """

    def __init__(
        self, device: Device, access: DataAccess, clock: Clock, *, refresh: float | Callable[[], float] = 10.0
    ) -> None:
        if device.cid is None:
            raise ConfigError("the site file names no cid for this device", where=device.name)
        self.device = device
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

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _follow(self) -> None:
        while True:
            await self._clock.sleep(self._refresh() if callable(self._refresh) else self._refresh)
            await self._points.refresh()
