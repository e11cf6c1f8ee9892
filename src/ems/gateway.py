"""A site's devices as one IEC 61850 server, whatever they are reached by: a gateway, without application or utility."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from ..common.clock import Clock
from ..common.data.joined import Joined, join
from ..common.data.site import Site
from ..common.errors import ConfigError
from ..common.openable import Openable
from ..common.xmpp.session import Session
from ..iec61850.access.mirror import Mirror
from ..iec61850.rights import Rights
from .drivers.port import Link, Surroundings, find


class SiteGateway(Openable):
    """Serves the devices of a site as its `operator` says: a logical device for each, by the operator's tables.

        async with SiteGateway(site, clock, session) as gateway:
            await gateway.ready()

    Args:
        site: with an `operator`.
        clock: of values and drivers.
        session: on which it is served (8-2), and devices of IEC 61850 are reached; open, and closed by the caller.
            None for a gateway on TCP alone, where the site file says `listen`.
        renew_s: seconds after which devices shall tell their values again, changed or not.

    Attributes:
        devices, points, mirror: the link to each device by name; all points; the server. The last two are there from
            `open` on.
        listening: where it is served on TCP, `tcp://host:port`; None where it is not.

    Raises `ConfigError` for a site without `operator`, an unknown driver, and what drivers object to.
    """

    points: Joined
    mirror: Mirror
    listening: str | None = None

    def __init__(self, site: Site, clock: Clock, session: Session | None = None, *, renew_s: float = 30.0) -> None:
        if site.operator is None:
            raise ConfigError(f"{site.name} has no `operator` in its site file: nobody would be let in")
        if session is None and site.operator.listen is None:
            raise ConfigError(f"{site.name} is served nowhere: give an XMPP account, or `listen` under `operator`")
        self._site, self._operator = site, site.operator
        self._clock, self._session = clock, session
        around = Surroundings(clock=clock, session=session, renew_s=renew_s)
        self.devices: dict[str, Link] = {
            device.name: find(device.driver, device.where or None).link(device, around) for device in site.devices
        }
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Go to the devices and serve; what is not reached yet is there with invalid quality."""
        try:
            for link in self.devices.values():
                await self._stack.enter_async_context(link)
            self.points = await join(self.devices.values())
            self.mirror = await self._serve()
        except BaseException:
            await self.close()
            raise

    async def ready(self) -> None:
        """Return when every device is reached; raise `ConfigError` if one does not have what its table says."""
        await asyncio.gather(*(link.ready() for link in self.devices.values()))

    async def close(self) -> None:
        """Serve no more, and leave the devices."""
        await self._stack.aclose()

    async def _serve(self) -> Mirror:
        operator = self._operator
        mirror = Mirror(
            self._site, self.points, self._clock, ied=operator.ied, tables=operator.tables, generic=operator.generic,
            rights=None if operator.rights is None else Rights.load(operator.rights), clients=operator.clients,
        )  # fmt: skip
        await self._stack.enter_async_context(mirror)
        if self._session is not None:
            mirror.server.start(self._session)
        if operator.listen is not None:
            host, _ = operator.listen
            port = (await mirror.server.start_tcp(*operator.listen)).port
            self.listening = f"tcp://{f'[{host}]' if ':' in host else host}:{port}"
        return mirror
