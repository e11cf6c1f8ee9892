"""The client side of control over MMS: Select reads SBO, the other services write SBOw, Oper and Cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import (
    Cancel,
    Operate,
    Request,
    Select,
    SelectWithValue,
    Termination,
    TimeActivatedOperateTermination,
)
from ..acsi.types import DataValue, Structure, TypeDescription
from ..mms import pdu
from .controls import LastApplError, command_value, decode_unasked
from .values import encode

_SHARPER = {
    AddCause.OBJECT_NOT_SELECTED: ServiceError.CONTROL_MUST_BE_SELECTED,
    AddCause.LOCKED_BY_OTHER_CLIENT: ServiceError.INSTANCE_LOCKED_BY_OTHER_CLIENT,
    AddCause.NO_ACCESS_AUTHORITY: ServiceError.ACCESS_VIOLATION,
}
"""MMS has fewer errors than the ACSI; the additional cause gives back what was lost."""

Describe = Callable[[Reference], Awaitable[TypeDescription]]
Read = Callable[[Sequence[Reference]], Awaitable[list[DataValue | ServiceError]]]
Write = Callable[[Sequence[Reference], Sequence[pdu.Data]], Awaitable[list[ServiceError]]]
Settle = Callable[[], Awaitable[None]]


class CommandClient:
    """Commands of one association, and what the server says of them unasked.

    `settle` is awaited once when a command was refused and its reason has not come yet.
    """

    def __init__(self, describe: Describe, read: Read, write: Write, settle: Settle) -> None:
        self._describe = describe
        self._read = read
        self._write = write
        self._settle = settle
        self._causes: dict[Reference, LastApplError] = {}
        self._asking: dict[Reference, int] = {}
        """How many requests about each object have not been answered."""
        self._scheduled: dict[Reference, Operate] = {}
        self.services: dict[type[Request[Any]], Callable[[Any], Awaitable[Any]]] = {
            Select: self._select,
            SelectWithValue: self._select_with_value,
            Operate: self._operate,
            Cancel: self._cancel,
        }

    def unasked(self, report: pdu.InformationReport) -> Termination | None:
        """Return the termination that a report tells of; keep why a command is refused for the answer that follows."""
        found = decode_unasked(report)
        if found is None:
            return None
        scheduled = self._scheduled.get(found.control)
        if isinstance(found, Termination):
            if scheduled is not None and found.command.number == scheduled.number:
                del self._scheduled[found.control]
            return found
        same = scheduled is not None and (scheduled.origin, scheduled.number) == (found.origin, found.number)
        if scheduled is not None and same and not self._asking.get(found.control):
            # All that comes when a command does not begin at its time is the reason.
            del self._scheduled[found.control]
            return TimeActivatedOperateTermination(scheduled, found.add_cause)
        if found.control in self._asking:  # of what nobody has asked for, a server could tell without end
            self._causes[found.control] = found
        return None

    # --- services ---------------------------------------------------------------------------------------------------

    async def _select(self, request: Select) -> None:
        control = request.control.with_fc(None)
        await self._part(control, "SBO")
        with self._asked(control):
            (answer,) = await self._read([control.with_fc(FC.CO).child("SBO")])
            if isinstance(answer, list) and len(answer) == 1:  # some servers wrap it (second-hand)
                (answer,) = answer
            if isinstance(answer, ServiceError):
                raise ServiceRefused(answer, where=str(control))
            if not answer:
                await self._refuse(control, ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, AddCause.SELECT_FAILED)

    async def _select_with_value(self, request: SelectWithValue) -> None:
        await self._command(request.command, "SBOw")

    async def _operate(self, request: Operate) -> None:
        control = request.control.with_fc(None)
        if request.at is not None:
            before = self._scheduled.get(control)
            await self._command(request, "Oper")
            if self._scheduled.get(control) is before:
                self._scheduled[control] = attrs.evolve(request, control=control)
        else:
            await self._command(request, "Oper")

    async def _cancel(self, request: Cancel) -> None:
        await self._command(request.command, "Cancel")
        self._scheduled.pop(request.command.control.with_fc(None), None)

    async def _part(self, control: Reference, name: str) -> TypeDescription:
        whole = await self._describe(control.with_fc(FC.CO))
        found = whole.component(name) if isinstance(whole, Structure) else None
        if found is None:
            commanded = isinstance(whole, Structure) and whole.component("Oper") is not None
            raise ServiceRefused(
                ServiceError.ACCESS_VIOLATION if commanded else ServiceError.INSTANCE_NOT_AVAILABLE,
                f"the server has no {name} there",
                where=str(control),
                add_cause=AddCause.NOT_SUPPORTED,
            )
        return found

    async def _command(self, request: Operate, name: str) -> None:
        control = request.control.with_fc(None)
        description = await self._part(control, name)
        value = encode(command_value(request, description), description)
        with self._asked(control):
            (error,) = await self._write([control.with_fc(FC.CO).child(name)], [value])
            if error is not ServiceError.NO_ERROR:
                await self._refuse(control, error, None)

    @contextmanager
    def _asked(self, control: Reference) -> Iterator[None]:
        """While this lasts, a reason that comes alone is that of the answer which is awaited."""
        self._causes.pop(control, None)
        self._asking[control] = self._asking.get(control, 0) + 1
        try:
            yield
        finally:
            self._asking[control] -= 1
            if not self._asking[control]:
                del self._asking[control]
                self._causes.pop(control, None)

    async def _refuse(self, control: Reference, error: ServiceError, otherwise: AddCause | None) -> None:
        if control not in self._causes:
            await self._settle()
        reason = self._causes.pop(control, None)
        cause = reason.add_cause if reason else otherwise
        sharper = _SHARPER.get(cause, error) if cause is not None else error
        raise ServiceRefused(sharper, where=str(control), add_cause=cause)
