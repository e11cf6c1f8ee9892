"""Points served by an IEC 61850 server: the rows of a device table, seen from the device's side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import attrs

from ...common.data.access import DataAccess
from ...common.data.tables import Binding, Service
from ...common.data.value import Quality, Scalar, Value
from ...common.errors import ConfigError, JanusGridError, Malformed, UnknownName
from ..acsi.errors import AddCause
from ..acsi.plain import Plain
from ..acsi.references import Reference
from ..acsi.types import DataValue
from ..server import Change, Command, Server
from .objects import attribute, quality_bits

_CAUSES = {cause.text: cause for cause in AddCause}


class ServedPoints:
    """Serves the points of `access`: values go to the server's model by `refresh`, commands and settings come back.

    A command that the access refuses is refused to the client with its additional cause, where `code` of the refusal
    is one (`blocked-by-health`). Points that the access does not have keep what the server's configuration says.

    Raises `ConfigError` at the row of a point that the server's model does not have.
    """

    def __init__(self, server: Server, bindings: Iterable[Binding], access: DataAccess) -> None:
        self._server = server
        self._access = access
        self._bindings = {binding.point.name: binding for binding in bindings}
        self._references = {name: attribute(binding) for name, binding in self._bindings.items()}
        self._shown: dict[str, tuple[Scalar | None, Quality]] = {}
        self._followed: list[str] | None = None
        for name, binding in self._bindings.items():
            try:
                self._attach(name, binding)
            except UnknownName as error:
                raise ConfigError(str(error), where=binding.row.where) from None

    async def refresh(self) -> None:
        """Bring the model up to date, telling what has changed since the last time."""
        if self._followed is None:
            self._followed = [p.name for p in await self._access.directory() if p.name in self._bindings]
        self._show(await self._access.read(self._followed))

    def _attach(self, name: str, binding: Binding) -> None:
        target = self._references[name]
        self._server.read(_text(target))
        if binding.offers(Service.OPERATE):
            control = _text(Reference(target.device, target.node, target.path[:1]))

            @self._server.on_operate(control, follow=False)
            async def command(asked: Command) -> None:
                await self._operate(binding, asked)

        if binding.offers(Service.WRITE):

            @self._server.on_write(_text(target))
            async def write(asked: Change) -> None:
                await self._write(binding, asked)

    async def _operate(self, binding: Binding, asked: Command) -> None:
        name = binding.point.name
        try:
            await self._access.operate(name, binding.from_wire(_scalar(asked.value, name)), test=asked.test)
        except JanusGridError as error:
            asked.refuse(_CAUSES.get(error.code or "", AddCause.BLOCKED_BY_PROCESS), error.message)
        self._show(await self._access.read([name]))

    async def _write(self, binding: Binding, asked: Change) -> None:
        name = binding.point.name
        try:
            await self._access.write({name: binding.from_wire(_scalar(asked.value, name))})
        except JanusGridError as error:
            asked.refuse(why=error.message)

    def _show(self, found: dict[str, Value]) -> None:
        """Update what differs from what is shown already, all that is of one quality and time in one go."""
        together: dict[tuple[Quality, datetime | None], dict[str, Plain]] = defaultdict(dict)
        for name, value in found.items():
            state = (value.value, value.quality)
            if self._shown.get(name) == state:
                continue
            self._shown[name] = state
            text = _text(self._references[name])
            wire = self._server.read(text) if value.value is None else self._bindings[name].to_wire(value.value)
            together[value.quality, value.time][text] = wire
        for (quality, time), values in together.items():
            self._server.update_many(values, quality=quality_bits(quality).sound, time=time)


def _text(reference: Reference) -> str:
    return str(attrs.evolve(reference, fc=None))


def _scalar(value: DataValue, where: str) -> Scalar:
    if isinstance(value, bool | int | float | str):
        return value
    raise Malformed(f"{value!r} is no value that the table converts", where=where)
