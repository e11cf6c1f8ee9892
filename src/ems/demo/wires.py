"""The wires of a demonstration: how the site's application reaches the devices of the simulated plant."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from enum import Enum
from types import TracebackType
from typing import Protocol, Self

import attrs

from ...common.clock import Clock
from ...common.data.site import Device, Site
from ...common.xmpp import jid as jids
from ...common.xmpp.servers.pki import Authority, issue
from ...common.xmpp.slix import SlixSession
from ...iec61850.scsm81.tls import server_context
from ..der import Der
from ..drivers.iec61850 import Iec61850Driver
from ..drivers.port import Link, Surroundings
from ..local import PlantAccess
from ..sim.plant import Plant

HOST = "localhost"
"""Where servers of MMS over TCP listen: on this machine alone."""


class Wire(Enum):
    """What lies between the application and the devices."""

    LOCAL = "local"
    """Nothing: the simulated plant in this process."""
    TCP = "81"
    """An IEC 61850 server for each device, MMS over TCP (8-1)."""
    XMPP = "82"
    """An IEC 61850 server for each device on an XMPP account of its own (8-2)."""

    @property
    def words(self) -> str:
        """What people call it."""
        return _WORDS[self]


_WORDS = {
    Wire.LOCAL: "the plant in process",
    Wire.TCP: "IEC 61850-8-1: MMS over TCP, a server for each device",
    Wire.XMPP: "IEC 61850-8-2: XER over XMPP, an account for each device",
}


@attrs.frozen(slots=True, kw_only=True)
class Field:
    """The devices' side of a demonstration.

    Attributes:
        site: what there is.
        plant: the machines.
        devices, host: the clock as devices see it, and as the site's host does.
        refresh: gives the seconds until a device looks at its machine again.
    """

    site: Site
    plant: Plant
    devices: Clock
    host: Clock
    refresh: Callable[[], float]


class Wired(Protocol):
    """The devices of a demonstration, as its host reaches them."""

    site: Site
    """With the addresses at which the devices are there."""

    @property
    def ders(self) -> Mapping[str, Der]:
        """Their servers, where there are any."""
        ...

    def reach(self, device: Device, around: Surroundings) -> Link:
        """Return a link to a device, not open yet."""
        ...


class Local:
    """The plant itself, in this process."""

    def __init__(self, field: Field) -> None:
        self.site = field.site
        self.ders: Mapping[str, Der] = {}
        self._field = field

    def reach(self, device: Device, around: Surroundings) -> Link:
        """Return the device's part of the plant."""
        return PlantLink(self._field.plant, self._field.devices, poll=self._field.refresh, device=device.name)


class PlantLink(PlantAccess):
    """A device of the plant as a link: it is always there."""

    async def ready(self) -> None:
        """Return at once."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Served:
    """A server for each device, to which there are links by the driver `iec61850`."""

    def __init__(self, field: Field) -> None:
        self.site = field.site
        self.ders: dict[str, Der] = {}
        self._field = field
        self._driver = Iec61850Driver()

    def reach(self, device: Device, around: Surroundings) -> Link:
        """Return a link to the device's server."""
        return self._driver.link(device, attrs.evolve(around, clock=self._field.host))

    async def over_tcp(self, stack: AsyncExitStack, authority: Authority | None) -> None:
        """Start a server for each device on a free port; with TLS if there is an authority for it."""
        context, files = _certified(authority)
        devices = []
        for device in self.site.devices:
            der = await self._served(device, stack)
            listener = await der.server.start_tcp("127.0.0.1", 0, tls=context)
            address = {"host": HOST, "port": str(listener.port), "ied": device.address.get("ied", device.name), **files}
            devices.append(attrs.evolve(device, address=address))
        self.site = attrs.evolve(self.site, devices=tuple(devices))

    async def over_xmpp(self, stack: AsyncExitStack, sessions: Mapping[str, SlixSession]) -> None:
        """Start a server for each device on its own session."""
        for device in self.site.devices:
            (await self._served(device, stack)).server.start(sessions[jids.normal(device.jid)])

    async def _served(self, device: Device, stack: AsyncExitStack) -> Der:
        field = self._field
        plant = PlantAccess(field.plant, field.devices, device=device.name)
        der = await stack.enter_async_context(Der(device, plant, field.devices, refresh=field.refresh))
        self.ders[device.name] = der
        return der


def _certified(authority: Authority | None) -> tuple[ssl.SSLContext | None, dict[str, str]]:
    """Return the servers' side of TLS, and what the address of a device says of the client's."""
    if authority is None:
        return None, {}
    server, client = issue(authority, HOST), issue(authority, "ems")
    files = {"certificate": client.certificate, "key": client.key, "authorities": authority.certificate}
    context = server_context(authority.certificate, server.certificate, server.key)
    return context, {name: str(path) for name, path in files.items()}
