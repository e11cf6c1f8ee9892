"""Commanding one controllable object (IEC 61850-7-2 clause 20)."""

from __future__ import annotations

from datetime import datetime

from ...common.clock import Clock
from ...common.errors import LocalError, Malformed
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.plain import Plain, shape
from ..acsi.ports import ClientAssociation
from ..acsi.references import FC, Reference
from ..acsi.services import GetDataValues, Operate, Origin
from ..acsi.types import BitString, Structure, Timestamp, TypeDescription
from ..engine.control import ControlModel
from .nodes import Nodes


class Control:
    """One controllable object of a server. Get it by `Ied.control`; its type and control model are read once."""

    def __init__(
        self, association: ClientAssociation, nodes: Nodes, reference: Reference, clock: Clock, origin: Origin
    ) -> None:
        self.reference = reference
        self._association = association
        self._nodes = nodes
        self._clock = clock
        self._origin = origin
        self._number = 0
        self._model: ControlModel | None = None
        self._type: TypeDescription | None = None

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
        if self._type is None:
            types = await self._nodes.constraints(self.reference.with_fc(None))
            command = types.get(FC.CO)
            oper = command.component("Oper") if isinstance(command, Structure) else None
            value = oper.component("ctlVal") if isinstance(oper, Structure) else None
            if value is None:
                raise LocalError("it has no command (Oper), its value can only be read", where=str(self.reference))
            self._type = value
        return self._type

    async def operate(
        self,
        value: Plain,
        *,
        test: bool = False,
        interlock_check: bool = False,
        synchrocheck: bool = False,
        at: datetime | None = None,
    ) -> None:
        """Command the object and return when the server has accepted (clause 20.5.3.4).

        Args:
            value: the control value; of an analogue value the number itself.
            test: for test only.
            interlock_check, synchrocheck: have these conditions checked.
            at: not now, but then (TimeActivatedOperate).

        Raises:
            LocalError: the object is for status only, or its control model is not built yet.
            TypeConflict: the value does not fit.
            ServiceRefused: the server refuses; `add_cause` says why, where the server says so.
        """
        description = await self.type()
        model = await self.model()
        where = str(self.reference)
        if model is ControlModel.STATUS_ONLY:
            raise LocalError("its control model is status-only: it takes no command", where=where)
        if model is not ControlModel.DIRECT_NORMAL:
            raise LocalError(f"its control model is {model.text}, which this client cannot do yet", where=where)
        self._number = self._number % 255 + 1
        request = Operate(
            self.reference,
            shape(value, description, where),
            self._origin,
            self._number,
            Timestamp.of(self._clock.now()),
            test,
            BitString.of(*([0] if synchrocheck else []), *([1] if interlock_check else []), size=2),
            Timestamp.of(at) if at is not None else None,
        )
        try:
            await self._association.call(request)
        except ServiceRefused as refused:
            refused.where = where
            raise
