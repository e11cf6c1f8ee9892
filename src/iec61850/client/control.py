"""Commanding one controllable object (IEC 61850-7-2 clause 20)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import attrs

from ...common.clock import Clock
from ...common.errors import LocalError, Malformed, NotReachable, TimedOut
from ..acsi.errors import AddCause, CommandFailed, ServiceError, ServiceRefused
from ..acsi.plain import Plain, plain, shape
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.services import (
    Cancel,
    GetDataValues,
    Notification,
    Operate,
    Origin,
    Select,
    SelectWithValue,
    Termination,
    TimeActivatedOperateTermination,
)
from ..acsi.types import Basic, BitString, DataValue, Structure, Timestamp, TypeDescription
from ..acsi.values import default
from ..engine.control_states import ControlModel
from .nodes import Nodes

TERMINATION_TIMEOUT = 30.0
"""Seconds that `operate` waits for a CommandTermination where it is not told otherwise."""


@attrs.frozen(slots=True)
class ControlStatus:
    """What a controllable object shows of itself; None for what it does not have.

    Attributes:
        value: stVal, of an analogue value mxVal.
        quality, time: of that value.
        selected: stSeld.
        origin: who commanded last, a dict of `orCat` and `orIdent`.
        number: the control number of that command.
    """

    value: Plain
    quality: Plain = None
    time: Plain = None
    selected: bool | None = None
    origin: Plain = None
    number: int | None = None


class Control:
    """One controllable object of a server. Get it by `Ied.control`; its type and control model are read once."""

    def __init__(
        self,
        association: ClientAssociation,
        nodes: Nodes,
        reference: Reference,
        clock: Clock,
        origin: Origin,
        stamp: Callable[[], Timestamp],
    ) -> None:
        self.reference = reference
        self._where = str(reference)
        self._association = association
        self._nodes = nodes
        self._clock = clock
        self._origin = origin
        self._stamp = stamp
        self._number = 0
        self._model: ControlModel | None = None
        self._oper: Structure | None = None
        self._selected: Operate | None = None
        self._held = False
        """True from a selection of ours on, until it is given up: what is selected for many commands outlasts each."""
        self._last: Operate | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.reference} of {self._association.peer}>"

    async def model(self) -> ControlModel:
        """Return its control model (ctlModel)."""
        if self._model is None:
            attribute = self.reference.with_fc(FC.CF).child("ctlModel")
            (value,) = await self._association.call(GetDataValues((attribute,)))
            if isinstance(value, ServiceError):
                raise ServiceRefused(value, "its control model cannot be read", where=str(attribute))
            known = next((model for model in ControlModel if model == value), None)
            if known is None:
                raise Malformed(f"{value!r} is no control model", where=str(attribute))
            self._model = known
        return self._model

    async def type(self) -> TypeDescription:
        """Return the type of its control value; raise `LocalError` if it cannot be commanded."""
        if not self.reference.path:
            raise LocalError("name a data object, LD/LN.DO, not a whole logical node", where=self._where)
        if self._oper is None:
            types = await self._nodes.constraints(self.reference.with_fc(None))
            command = types.get(FC.CO)
            oper = command.component("Oper") if isinstance(command, Structure) else None
            self._oper = oper if isinstance(oper, Structure) else None
        value = self._oper.component("ctlVal") if self._oper is not None else None
        if value is None:
            raise LocalError("it has no command (Oper), its value can only be read", where=self._where)
        return value

    async def later(self) -> bool:
        """Return whether it takes commands for a later time (operTm); raise `LocalError` if it takes none at all."""
        await self.type()
        return self._oper is not None and self._oper.component("operTm") is not None

    async def status(self) -> ControlStatus:
        """Return its status, with who commanded last and whether it is selected."""
        types = await self._nodes.constraints(self.reference.with_fc(None))
        wanted = [fc for fc in (FC.ST, FC.MX, FC.OR) if fc in types]
        values = await self._association.call(GetDataValues(tuple(self.reference.with_fc(fc) for fc in wanted)))
        found: dict[str, Plain] = {}
        for fc, value in zip(wanted, values, strict=True):
            if isinstance(value, ServiceError):
                raise ServiceRefused(value, where=str(self.reference.with_fc(fc)))
            shown = plain(value, types[fc])
            if isinstance(shown, dict):
                found |= shown
        value = next((found[name] for name in ("stVal", "mxVal", "valWTr") if name in found), None)
        return ControlStatus(
            value, found.get("q"), found.get("t"), found.get("stSeld"), found.get("origin"), found.get("ctlNum")
        )

    # --- commands ---------------------------------------------------------------------------------------------------

    async def select(
        self,
        value: Plain = None,
        *,
        test: bool = False,
        interlock_check: bool = False,
        synchrocheck: bool = False,
        at: datetime | None = None,
    ) -> None:
        """Select the object for the next `operate` (clauses 20.5.3.2 and 20.5.3.3).

        With enhanced security it is selected for one command: `value` and the rest are those that `operate` will say.

        Raises:
            LocalError: its control model knows no selection, or no value is given where one is needed.
            ServiceRefused: the server refuses; `add_cause` says why (locked-by-other-client, object-already-selected).
        """
        model = await self._commandable()
        if not model.selects:
            raise LocalError(f"its control model is {model.text}: operate it without selecting", where=self._where)
        if value is None and model.enhanced:
            raise LocalError("with enhanced security it is selected for a value; say which", where=self._where)
        await self._select(model, await self._request(value, test, interlock_check, synchrocheck, at))

    async def operate(
        self,
        value: Plain,
        *,
        test: bool = False,
        interlock_check: bool = False,
        synchrocheck: bool = False,
        at: datetime | None = None,
        wait: bool | None = None,
        timeout: float = TERMINATION_TIMEOUT,
    ) -> None:
        """Command the object: select it where its model asks for that, operate it, and wait for the end.

        It returns when the server has accepted (normal security), or when it says that the execution has ended well
        (enhanced security, clause 20.5.3.7). With normal security a server may say no more of a command for a later
        time than that its time has come: `wait` then ends there.

        Args:
            value: the control value; of an analogue value the number itself.
            test: for test only.
            interlock_check, synchrocheck: have these conditions checked.
            at: not now, but then (TimeActivatedOperate); it returns when the server has accepted.
            wait: True to wait for the end of a command for a later time too, False not to wait for any.
            timeout: seconds to wait for the end, counted from `at` where that is given.

        Raises:
            LocalError: the object is for status only, or takes no command for a later time.
            TypeConflict: the value does not fit.
            ServiceRefused: the server refuses; `add_cause` says why, where the server says so.
            CommandFailed: it was accepted, and its execution failed; `add_cause` says why.
            TimedOut: no end was told in time: whether it has been carried out is not known.
            NotReachable: the association ended before.
        """
        model = await self._commandable()
        request = await self._request(value, test, interlock_check, synchrocheck, at)
        if model.selects:
            if self._selected is None:
                await self._select(model, request, again=self._held)
            elif model.enhanced:
                request = attrs.evolve(request, number=self._selected.number, time=self._selected.time)
        self._selected, self._last = None, request
        waits = (model.enhanced and at is None) if wait is None else wait and (model.enhanced or at is not None)
        delay = max(0.0, (at - self._clock.now()).total_seconds()) if at is not None else 0.0
        if not waits:
            with self._located():
                await self._association.call(request)
            return
        with self._terminations(request, model.enhanced) as ended, self._located():
            await self._association.call(request)
            try:
                async with asyncio.timeout(timeout + delay):
                    termination = await ended
            except TimeoutError:
                raise TimedOut(f"no end was told within {timeout} s", where=self._where) from None
        if termination.add_cause is not None:
            raise CommandFailed("it was accepted, but failed", termination.add_cause, where=self._where)

    async def cancel(self) -> None:
        """Give up the selection, the command for a later time or the one being carried out (clause 20.5.3.6).

        Raises `ServiceRefused` where the server has nothing to give up, or does not break off what it carries out.
        """
        await self._commandable()
        request = self._selected or self._last
        if request is None:
            request = await self._request(None, False, False, False, None)
        self._selected, self._held = None, False
        with self._located():
            await self._association.call(Cancel(request))

    # --- parts ------------------------------------------------------------------------------------------------------

    async def _commandable(self) -> ControlModel:
        await self.type()
        model = await self.model()
        if model is ControlModel.STATUS_ONLY:
            raise LocalError("its control model is status-only: it takes no command", where=self._where)
        return model

    async def _request(
        self, value: Plain, test: bool, interlock_check: bool, synchrocheck: bool, at: datetime | None
    ) -> Operate:
        """Return a command under a new number; without a value, one that only says who."""
        description = await self.type()
        if at is not None and (self._oper is None or self._oper.component("operTm") is None):
            raise LocalError("it takes no command for a later time (operTm)", where=self._where)
        self._number = self._number % 255 + 1
        return Operate(
            self.reference,
            _zero(description) if value is None else shape(value, description, self._where),
            self._origin,
            self._number,
            self._stamp(),
            test,
            BitString.of(*([0] if synchrocheck else []), *([1] if interlock_check else []), size=2),
            Timestamp.of(at) if at is not None else None,
        )

    async def _select(self, model: ControlModel, request: Operate, *, again: bool = False) -> None:
        """Select it; `again` where a selection of ours for many commands may still be there."""
        with self._located():
            try:
                selection = SelectWithValue(request) if model.enhanced else Select(self.reference)
                await self._association.call(selection)
            except ServiceRefused as refused:
                # Servers say this of another client's selection too: then the command itself is refused.
                if not (again and refused.add_cause is AddCause.OBJECT_ALREADY_SELECTED):
                    self._held = False
                    raise
        self._selected, self._held = request, True

    @contextmanager
    def _located(self) -> Iterator[None]:
        try:
            yield
        except ServiceRefused as refused:
            refused.where = self._where
            raise

    @contextmanager
    def _terminations(self, request: Operate, enhanced: bool) -> Iterator[asyncio.Future[Termination]]:
        """Give what the end of a command will be; it may come before the answer to the command."""
        ended: asyncio.Future[Termination] = asyncio.get_running_loop().create_future()

        def notified(notification: Notification) -> None:
            if ended.done() or not isinstance(notification, Termination):
                return
            if (notification.control, notification.command.number) != (self.reference, request.number):
                return
            begins = isinstance(notification, TimeActivatedOperateTermination) and notification.add_cause is None
            if not (begins and enhanced):  # then the end itself is still to come
                ended.set_result(notification)

        def lost(why: str) -> None:
            if not ended.done():
                ended.set_exception(NotReachable(f"the association ended before the command: {why}", where=self._where))

        forget = self._association.on_notification(notified), self._association.on_end(lost)
        try:
            yield ended
        finally:
            for remove in forget:
                remove()
            if ended.done() and not ended.cancelled():
                ended.exception()  # so that nobody is told of one that nobody waited for
            ended.cancel()


def _zero(description: TypeDescription) -> DataValue:
    """Return a value that stands for none, for a selection or a cancellation that needs some."""
    if isinstance(description, Basic):
        return default(description.type)
    if isinstance(description, Structure):
        return [_zero(part) for _, part in description.components]
    return [_zero(description.element) for _ in range(description.count)]
