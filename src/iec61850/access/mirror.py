"""The operator's mirror: the points of a site as one IEC 61850 server, whatever they are reached by below."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...common.clock import Clock
from ...common.data.access import DataAccess
from ...common.data.site import Site
from ...common.data.tables import Binding, Table
from ...common.openable import Openable
from ..acsi.references import Reference
from ..model.nodes import Attribute, Model
from ..scl import write_cid
from ..server import Server
from .modelling import model_of
from .places import DEVICE, SITE, Places
from .serve import ServedPoints

IED = "EMS"
"""What the server for an operator is called, unless it is said."""


class Mirror(Openable):
    """A server whose IED is the energy management system, with a logical device for each device of the site.

        async with Mirror(site, access, clock) as mirror:
            mirror.server.start(session)

    Every point of the access has a place in it (see `Places`); measurements and states come from below as they change,
    with quality and source time, and are invalid while their device is gone. Commands, settings and schedules go down.

    Args:
        site: whose devices say of which class they are; or rows that are bound already, if nothing else is served.
        access: all points, joined: those of the devices and those of the application.
        clock: of the application.
        ied: name of the IED.
        addresses: of its access point, for its CID file.
        tables: the operator's own tables (or files), which come before those of the package.
        generic: whether points without a row are served in generic nodes (GGIO), or not at all.
        history: whether the log of each logical device is answered from the history of the access.
        options: of the server: `state`, `rights`, `identity`, ...

    The server and its model are there from `open` on.
    """

    server: Server
    bindings: tuple[Binding, ...]

    def __init__(
        self,
        site: Site | Iterable[Binding],
        access: DataAccess,
        clock: Clock,
        *,
        ied: str = IED,
        addresses: dict[str, str] | None = None,
        tables: Iterable[Table | Path] = (),
        generic: bool = True,
        history: bool = False,
        **options: Any,
    ) -> None:
        self._site = site if isinstance(site, Site) else None
        self._given = () if isinstance(site, Site) else tuple(site)
        self._access = access
        self._clock = clock
        self._ied = ied
        self._addresses = addresses or ({"JID": site.jid} if isinstance(site, Site) else {})
        self._tables = tuple(tables)
        self._generic = generic
        self._history = history
        self._options = options
        self._points: ServedPoints | None = None

    @property
    def model(self) -> Model:
        """The model that is served."""
        return self.server.model

    async def open(self) -> None:
        """Make the model from the points that there are, and follow them.

        Raises `ConfigError` for a row that does not fit its point or the class tables, at the row.
        """
        self.bindings = await self._bound()
        with _no_collection():
            model = mirror_model(self._ied, self.bindings, self._site, addresses=self._addresses)
            self.server = Server(model, clock=self._clock, **self._options)
            try:
                self._points = ServedPoints(self.server, self.bindings, self._access, history=self._history)
                await self._points.open()
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        """End every association and stop."""
        if self._points is not None:
            await self._points.close()
            self._points = None
        await self.server.close()

    def cid(self, path: Path | str | None = None) -> str:
        """Return its CID file as text, and write it to `path` if one is given; for clients of others."""
        return write_cid(mirror_model(self._ied, self.bindings, self._site, addresses=self._addresses), path)

    async def _bound(self) -> tuple[Binding, ...]:
        points = await self._access.directory()
        if self._site is None:
            there = {point.name for point in points}
            return tuple(binding for binding in self._given if binding.point.name in there)
        places = Places(self._ied, self._site.devices, tables=self._tables, generic=self._generic)
        return places.bind(points)


def model_of_site(site: Site) -> Model:
    """Return the model of the server for an operator, with what the devices of a site have.

    As its site file says under `operator`; a running program has the points of its application too.
    """
    operator = site.operator
    ied, tables, generic = (operator.ied, operator.tables, operator.generic) if operator else (IED, (), True)
    points = (binding.point for device in site.devices for binding in device.bindings)
    bindings = Places(ied, site.devices, tables=tables, generic=generic).bind(points)
    return mirror_model(ied, bindings, site, addresses={"JID": site.jid})


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let nobody look for garbage while a large model is made: there is none, and it takes longer than the making."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def mirror_model(
    ied: str, bindings: Iterable[Binding], site: Site | None = None, *, addresses: dict[str, str] | None = None
) -> Model:
    """Return the model of a mirror: that of its rows, in which the nodes of devices say that they stand for others."""
    devices = {device.name: device for device in site.devices} if site is not None else {}
    descriptions = {f"{ied}{name}{DEVICE}": device.description for name, device in devices.items()}
    descriptions[f"{ied}{SITE}"] = f"Points of {site.name}" if site is not None else ""
    description = f"Mirror of {site.name}" if site is not None else ""
    model = model_of(ied, bindings, description=description, addresses=addresses, descriptions=descriptions)
    for name in model.devices:
        proxy = model.find(Reference(name, "LPHD1", ("Proxy", "stVal")))
        if isinstance(proxy, Attribute) and name != f"{ied}{SITE}":
            proxy.value = True
    return model
