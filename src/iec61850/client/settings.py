"""The setting groups of one logical device (IEC 61850-7-2 clause 16)."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self

from ...common.errors import JanusGridError
from ..acsi.blocks import (
    ConfirmEditSGValues,
    GetEditSGValue,
    GetSGCBValues,
    SelectActiveSG,
    SelectEditSG,
    SetEditSGValue,
)
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.plain import Plain, plain, shape
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.types import DataValue, Structure
from .nodes import Nodes


class SettingGroups:
    """The setting groups of a logical device. Get it by `Ied.settings`."""

    def __init__(self, association: ClientAssociation, nodes: Nodes, device: str) -> None:
        self.device = device
        self._association = association
        self._nodes = nodes

    async def status(self) -> dict[str, DataValue]:
        """Return the attributes of the control block: NumOfSG, ActSG, EditSG, CnfEdit, LActTm and, if told, ResvTms."""
        return await self._association.call(GetSGCBValues(self.device))

    async def activate(self, group: int) -> None:
        """Let the device work with the values of a group; raise `ServiceRefused`."""
        await self._association.call(SelectActiveSG(self.device, group))

    async def read(self, reference: str) -> Plain:
        """Return the value of a setting in the active group."""
        return await read(self._association, self._nodes, Reference.parse(reference, FC.SG))

    async def values(self, group: int | None = None) -> dict[str, Plain]:
        """Return every setting of the device by its reference, `LD/LN.DO`: those of the active group.

        Those of another `group` are read by way of the edit buffer, which has to be free and is given back. Raises
        `ServiceRefused`.
        """
        if group is None:
            return await self._values(FC.SG)
        edit = self.edit(group)
        await edit.begin()
        try:
            return await self._values(FC.SE)
        finally:
            await edit.give_up()

    async def _values(self, fc: FC) -> dict[str, Plain]:
        found = [
            (Reference(self.device, node, (name,), fc), part)
            for node in await self._nodes.of(self.device)
            for name, part in (await self._nodes.type(self.device, node)).get(fc, Structure(())).components
        ]
        answers = await self._association.call(GetEditSGValue(tuple(where for where, _ in found))) if found else ()
        values: dict[str, Plain] = {}
        for (where, part), answer in zip(found, answers, strict=True):
            if isinstance(answer, ServiceError):
                raise ServiceRefused(answer, where=str(where))
            values[str(where.with_fc(None))] = plain(answer, part)
        return values

    def edit(self, group: int) -> Edit:
        """Return an editing of a group, for `async with`; see `Edit`."""
        return Edit(self._association, self._nodes, self.device, group)


class Edit:
    """One editing of a setting group: reserved on entering, confirmed on leaving, given up if the block raises.

    ::

        async with ied.edit_settings("LD0", group=2) as edit:
            await edit.write("LD0/PTUV1.StrVal", 75.0)
    """

    def __init__(self, association: ClientAssociation, nodes: Nodes, device: str, group: int) -> None:
        self.device = device
        self.group = group
        self._association = association
        self._nodes = nodes

    async def read(self, reference: str) -> Plain:
        """Return the value of a setting in the edit buffer."""
        return await read(self._association, self._nodes, Reference.parse(reference, FC.SE))

    async def write(self, reference: str, value: Plain) -> None:
        """Write a setting into the edit buffer; its type is read by itself, the value checked before it is sent."""
        where = Reference.parse(reference, FC.SE)
        found = await self._nodes.constraints(where)
        (error,) = await self._association.call(SetEditSGValue(((where, shape(value, found[FC.SE], str(where))),)))
        if error is not ServiceError.NO_ERROR:
            raise ServiceRefused(error, where=str(where))

    async def begin(self) -> None:
        """Fill the edit buffer with the values of the group, and reserve it."""
        await self._association.call(SelectEditSG(self.device, self.group))

    async def give_up(self) -> None:
        """Give the edit buffer back, with all that was written into it; nothing is done where that fails."""
        with contextlib.suppress(JanusGridError):  # the server gives it up by itself, later
            await self._association.call(SelectEditSG(self.device, 0))

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                await self._association.call(ConfirmEditSGValues(self.device))
            except ServiceRefused:
                await self.give_up()
                raise
        else:
            await self.give_up()


async def read(association: ClientAssociation, nodes: Nodes, where: Reference) -> Plain:
    """Return the value of a setting under SG or SE; raise `UnknownName` or `ServiceRefused`."""
    found = await nodes.constraints(where)
    (value,) = await association.call(GetEditSGValue((where,)))
    if isinstance(value, ServiceError):
        raise ServiceRefused(value, where=str(where))
    return plain(value, next(iter(found.values())))
