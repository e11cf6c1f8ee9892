"""Setting groups and the control blocks of logs, GOOSE and sampled values at the client: variables that are read and
written (8-1 clauses 16 to 19)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from ...common.errors import Malformed
from ..acsi.blocks import (
    BLOCK_FC,
    ConfirmEditSGValues,
    GetBlock,
    GetEditSGValue,
    GetSGCBValues,
    SelectActiveSG,
    SelectEditSG,
    SetBlock,
    SetEditSGValue,
)
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.logs import GetLCBValues, SetLCBValues
from ..acsi.references import FC, Reference
from ..acsi.services import GetDataValues, Request, SetDataValues
from ..acsi.types import DataValue, Structure, TypeDescription
from ..mms import pdu
from . import names
from .values import encode


@attrs.frozen(slots=True)
class Means:
    """What the client of an association gives to read and write with."""

    type: Callable[[Reference], Awaitable[TypeDescription]]
    read: Callable[[Sequence[Reference]], Awaitable[list[DataValue | ServiceError]]]
    write: Callable[[Sequence[Reference], Sequence[pdu.Data]], Awaitable[list[ServiceError]]]
    values: Callable[[GetDataValues], Awaitable[tuple[DataValue | ServiceError, ...]]]
    set_values: Callable[[SetDataValues], Awaitable[tuple[ServiceError, ...]]]


class BlockClient:
    """The services on these blocks."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self.services: dict[type[Request[Any]], Callable[[Any], Awaitable[Any]]] = {
            GetSGCBValues: self._get_groups,
            SelectActiveSG: lambda request: self._set_group(request.device, "ActSG", request.group),
            SelectEditSG: lambda request: self._set_group(request.device, "EditSG", request.group),
            ConfirmEditSGValues: lambda request: self._set_group(request.device, "CnfEdit", True),
            SetEditSGValue: lambda request: means.set_values(SetDataValues(request.data)),
            GetEditSGValue: lambda request: means.values(GetDataValues(request.data)),
            **{kind: self._get if kind.__name__.startswith("Get") else self._set for kind in BLOCK_FC},
        }

    async def _get_groups(self, request: GetSGCBValues) -> dict[str, DataValue]:
        return await self._values(_groups(request.device))

    async def _set_group(self, device: str, name: str, value: DataValue) -> None:
        await self._write(_groups(device), ((name, value),))

    async def _get(self, request: GetBlock | GetLCBValues) -> dict[str, DataValue]:
        found = await self._values(request.block.with_fc(BLOCK_FC[type(request)]))
        texts = {name: found[name] for name in names.OF_OBJECTS & found.keys()}
        return found | {name: names.dotted(text) for name, text in texts.items() if isinstance(text, str)}

    async def _set(self, request: SetBlock | SetLCBValues) -> None:
        await self._write(request.block.with_fc(BLOCK_FC[type(request)]), request.values)

    async def _values(self, block: Reference) -> dict[str, DataValue]:
        """Return all attributes of a block by name."""
        description = await self._means.type(block)
        parts = [name for name, _ in description.components] if isinstance(description, Structure) else []
        (value,) = await self._means.read([block])
        if isinstance(value, ServiceError):
            raise ServiceRefused(value, where=str(block))
        if not isinstance(value, list) or len(value) != len(parts):
            raise Malformed(f"{block} has not the parts that its type says")
        return dict(zip(parts, value, strict=True))

    async def _write(self, block: Reference, values: Sequence[tuple[str, DataValue]]) -> None:
        """Write attributes one after the other; raise the first refusal, and write none after it."""
        description = await self._means.type(block)
        for name, value in values:
            wire = names.dollared(value) if name in names.OF_OBJECTS and isinstance(value, str) else value
            part = description.component(name) if isinstance(description, Structure) else None
            (error,) = await self._means.write([block.child(name)], [encode(wire, part)])
            if error is not ServiceError.NO_ERROR:
                raise ServiceRefused(error, where=f"{block.with_fc(None)}.{name}")


def _groups(device: str) -> Reference:
    return Reference(device, "LLN0", ("SGCB",), FC.SP)
