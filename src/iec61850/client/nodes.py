"""What a client knows of a server: the types of its logical nodes, each asked for once.

The type of a whole logical node tells all there is in it: constraints, data objects, attributes, control blocks. Where
a server cannot answer that at once, it is put together from the types of its constraints and data objects.
"""

from __future__ import annotations

from difflib import get_close_matches

import attrs

from ...common.errors import UnknownName
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference, subscript
from ..acsi.services import (
    AcsiClass,
    GetDataDefinition,
    GetLogicalDeviceDirectory,
    GetLogicalNodeDirectory,
    GetServerDirectory,
)
from ..acsi.types import Array, Structure, TypeDescription, descend

BESIDE_DATA = (FC.CO, FC.SE, FC.RP, FC.BR, FC.LG, FC.GO, FC.MS, FC.US)
"""Constraints that are no part of a data object's value: commands, edit buffers, control blocks."""


_CLASSES = {
    FC.RP: AcsiClass.URCB,
    FC.BR: AcsiClass.BRCB,
    FC.LG: AcsiClass.LCB,
    FC.GO: AcsiClass.GOCB,
    FC.MS: AcsiClass.MSVCB,
    FC.US: AcsiClass.USVCB,
}


class Nodes:
    """The types of a server's logical nodes, remembered while the association lasts."""

    def __init__(self, association: ClientAssociation) -> None:
        self._association = association
        self._devices: dict[str, tuple[str, ...]] = {}
        self._types: dict[tuple[str, str], dict[FC, Structure]] = {}

    def forget(self) -> None:
        """Ask anew from here on."""
        self._devices.clear()
        self._types.clear()

    async def of(self, device: str) -> tuple[str, ...]:
        """Return the names of a device's nodes; raise `UnknownName`."""
        found = self._devices.get(device)
        if found is None:
            try:
                found = await self._association.call(GetLogicalDeviceDirectory(device))
            except ServiceRefused as refused:
                if refused.error is not ServiceError.INSTANCE_NOT_AVAILABLE:
                    raise
                devices = await self._association.call(GetServerDirectory())
                raise _unknown("logical device", device, devices, device) from None
            self._devices[device] = found
        return found

    async def type(self, device: str, node: str) -> dict[FC, Structure]:
        """Return the type of a logical node under each of its constraints; raise `UnknownName`."""
        key = (device, node)
        found = self._types.get(key)
        if found is None:
            nodes = await self.of(device)
            if node not in nodes:
                raise _unknown("logical node", node, nodes, f"{device}/{node}")
            found = self._types[key] = await self._ask(device, node)
        return found

    async def _ask(self, device: str, node: str) -> dict[FC, Structure]:
        try:
            whole = await self._association.call(GetDataDefinition(Reference(device, node)))
        except ServiceRefused:
            return await self._ask_in_parts(device, node)
        parts = whole.components if isinstance(whole, Structure) else ()
        known = {fc.value: fc for fc in FC}
        return {known[n]: part for n, part in parts if n in known and isinstance(part, Structure)}

    async def _ask_in_parts(self, device: str, node: str) -> dict[FC, Structure]:
        found: dict[FC, Structure] = {}
        for fc in FC:
            whole = Reference(device, node, (), fc)
            try:
                part = await self._association.call(GetDataDefinition(whole))
            except ServiceRefused as refused:
                if refused.error is ServiceError.INSTANCE_NOT_AVAILABLE:
                    continue  # most nodes have nothing under most constraints
                part = await self._ask_one_by_one(whole)
            if isinstance(part, Structure):
                found[fc] = part
        return found

    async def _ask_one_by_one(self, whole: Reference) -> Structure:
        """Return the type of a node under a constraint from those of its parts: it is too large to be told at once."""
        acsi_class = _CLASSES.get(whole.fc, AcsiClass.DATA_OBJECT) if whole.fc else AcsiClass.DATA_OBJECT
        node = Reference(whole.device, whole.node)
        parts: list[tuple[str, TypeDescription]] = []
        for name in await self._association.call(GetLogicalNodeDirectory(node, acsi_class)):
            part = attrs.evolve(whole, path=(name,))
            try:
                parts.append((name, await self._association.call(GetDataDefinition(part))))
            except ServiceRefused as refused:
                if refused.error is not ServiceError.INSTANCE_NOT_AVAILABLE:
                    raise
        return Structure(tuple(parts))

    async def constraints(self, reference: Reference) -> dict[FC, TypeDescription]:
        """Return the constraints under which there is something of that name, each with its type there.

        Raises `UnknownName`, naming what is near, if there is none.
        """
        types = await self.type(reference.device, reference.node)
        asked = {reference.fc: types[reference.fc]} if reference.fc in types else {} if reference.fc else types
        found = {fc: below for fc, whole in asked.items() if (below := descend(whole, reference.path)) is not None}
        if not found:
            raise self._nothing(reference, types)
        return found

    @staticmethod
    def _nothing(reference: Reference, types: dict[FC, Structure]) -> UnknownName:
        path = reference.path or (reference.node,)
        wholes = types.values()
        missing = (n for n in range(len(path)) if not any(descend(whole, path[: n + 1]) for whole in wholes))
        depth = next(missing, len(path) - 1)
        above, last = path[:depth], path[depth]
        siblings: set[str] = set()
        for whole in wholes:
            parent = descend(whole, above)
            if isinstance(parent, Structure):
                siblings.update(name for name, _ in parent.components)
            name, chosen = subscript(last)
            array = descend(whole, (*above, name)) if chosen else None
            if array is not None:
                there = f"0 to {array.count - 1}" if isinstance(array, Array) else "none, it is no array"
                return UnknownName(
                    f"{name} has no element {last[len(name) + 1 : -1]}; there is {there}", where=str(reference)
                )
        if reference.fc and last in siblings:
            under = ", ".join(fc.value for fc, whole in types.items() if descend(whole, path) is not None)
            message = f"{last!r} has nothing under {reference.fc.value}, but under {under}"
            return UnknownName(message, where=str(reference))
        return _unknown("name of data", last, tuple(siblings), str(reference))


_COMPARED = 500  # names that are looked through for one that is near: a server can have a million of them


def _unknown(kind: str, name: str, there: tuple[str, ...], where: str) -> UnknownName:
    near = get_close_matches(name, there[:_COMPARED], 3, 0.5) or sorted(there)[:8]
    return UnknownName(f"{name!r} is no {kind}; there is {', '.join(near) or 'nothing'}", where=where)
