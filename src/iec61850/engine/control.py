"""Control (IEC 61850-7-2 clause 20): what is checked before the application is asked, and what follows from its answer.

This room knows direct control with normal security. A command for another control model is refused `not-supported`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import IntEnum

import attrs

from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import Operate, Origin, OriginCategory
from ..acsi.types import BasicType, BitString, DataValue, Quality, Timestamp
from ..model.nodes import Attribute, DataObject, Model
from .association import Association
from .directory import unknown
from .steps import Command, Steps
from .tree import Node, Tree
from .values import read, spread

Store = Callable[[Iterable[tuple[Attribute, DataValue]], datetime], None]


class ControlModel(IntEnum):
    """The values of ctlModel (IEC 61850-7-3)."""

    STATUS_ONLY = 0
    DIRECT_NORMAL = 1
    SBO_NORMAL = 2
    DIRECT_ENHANCED = 3
    SBO_ENHANCED = 4

    @property
    def text(self) -> str:
        """The standard's own spelling."""
        return {
            ControlModel.STATUS_ONLY: "status-only",
            ControlModel.DIRECT_NORMAL: "direct-with-normal-security",
            ControlModel.SBO_NORMAL: "sbo-with-normal-security",
            ControlModel.DIRECT_ENHANCED: "direct-with-enhanced-security",
            ControlModel.SBO_ENHANCED: "sbo-with-enhanced-security",
        }[self]


_STATUS = ("stVal", "mxVal", "valWTr")
_NO_MODE, _ON, _BLOCKED, _TEST, _TEST_BLOCKED, _OFF = range(6)


def _denied(cause: AddCause, message: str, error: ServiceError = ServiceError.ACCESS_VIOLATION) -> ServiceRefused:
    return ServiceRefused(error, message, add_cause=cause)


@attrs.define(slots=True, eq=False)
class Controllable:
    """One controllable object: its parts, and whether a command is being executed."""

    reference: Reference
    operate: Attribute
    status: Node | None
    model: Attribute | None
    leaves: dict[str, Attribute]
    """Attributes that go with the status or limit the value: q, t, origin, ctlNum, minVal, maxVal."""
    behaviour: Attribute | None
    busy: bool = False

    @property
    def control_model(self) -> ControlModel:
        """Its present control model; status-only if it has none."""
        value = self.model.value if self.model else 0
        return ControlModel(value) if value in tuple(ControlModel) else ControlModel.STATUS_ONLY  # type: ignore[arg-type]


class Control:
    """The controllable objects of the model."""

    def __init__(self, model: Model, tree: Tree, store: Store) -> None:
        self._model = model
        self._tree = tree
        self._store = store
        self._known: dict[Reference, Controllable] = {}

    def find(self, reference: Reference) -> Controllable:
        """Return the controllable object `LD/LN.DO`; raise `ServiceRefused` if there is none of that name."""
        key = reference.with_fc(None)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._make(key)
        return known

    def _make(self, reference: Reference) -> Controllable:
        data = self._model.find(reference)
        if not isinstance(data, DataObject):
            raise unknown(reference)
        command = self._tree.find(reference.with_fc(FC.CO).child("Oper"))
        if not isinstance(command, Attribute):
            raise ServiceRefused(
                ServiceError.INSTANCE_NOT_AVAILABLE, "it cannot be commanded", where=str(reference),
                add_cause=AddCause.NOT_SUPPORTED,
            )  # fmt: skip
        attributes = {a.name: a for a in data.attributes()}
        status = next((attributes[name] for name in _STATUS if name in attributes), None)
        node = self._model.devices[reference.device].nodes[reference.node]
        behaviour = node.objects.get("Beh") or node.objects.get("Mod")
        mode = behaviour.children.get("stVal") if behaviour else None
        return Controllable(
            reference, command, status, attributes.get("ctlModel"),
            {n: attributes[n] for n in ("q", "t", "origin", "ctlNum", "minVal", "maxVal") if n in attributes},
            mode if isinstance(mode, Attribute) else None,
        )  # fmt: skip

    # --- services ---------------------------------------------------------------------------------------------------

    def operate(self, client: Association, request: Operate, now: datetime) -> Steps[None]:
        """Command an object (clause 20.5.3.4); raise `ServiceRefused` with its additional cause if it is not done."""
        try:
            target = self.find(request.control)
            value = self._check(target, request)
            target.busy = True
            try:
                outcome = yield Command(
                    target.reference, value, client.peer, request.origin, request.number, request.time,
                    request.test, request.check,
                )  # fmt: skip
            finally:
                target.busy = False
        except ServiceRefused as refused:
            refused.where = refused.where or str(request.control)
            raise
        if outcome.refusal is not None:
            raise outcome.refusal
        if not request.test:
            self._follow(target, request, outcome.now, outcome.follow)

    def write(
        self, client: Association, reference: Reference, node: Node, value: DataValue, now: datetime
    ) -> Steps[None]:
        """Write under CO as data: an Oper structure is an Operate, nothing else can be written."""
        if reference.path[-1:] != ("Oper",) or not isinstance(node, Attribute):
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, "command the whole object", where=str(reference))
        request = operate_request(Reference(reference.device, reference.node, reference.path[:-1]), node, value)
        yield from self.operate(client, request, now)

    # --- checks -----------------------------------------------------------------------------------------------------

    def _check(self, target: Controllable, request: Operate) -> DataValue:
        """Return the control value for the application, or raise what is wrong with the command."""
        model = target.control_model
        if model is not ControlModel.DIRECT_NORMAL:
            raise _denied(AddCause.NOT_SUPPORTED, f"its control model is {model.text}")
        if request.at is not None and (request.at.seconds or request.at.fraction):
            raise _denied(AddCause.NOT_SUPPORTED, "it has no time-activated control")
        control_value = target.operate.children.get("ctlVal")
        if control_value is None:
            raise _denied(AddCause.NOT_SUPPORTED, "it takes no control value")
        try:
            fitted = list(spread(control_value, request.value))
        except ServiceRefused as refused:
            refused.add_cause = AddCause.INCONSISTENT_PARAMETERS
            raise
        self._check_mode(target, request.test)
        self._check_limits(target, fitted)
        if target.busy:
            raise _denied(
                AddCause.COMMAND_ALREADY_IN_EXECUTION, "a command is being executed",
                ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE,
            )  # fmt: skip
        return fitted[0][1] if len(fitted) == 1 else request.value

    @staticmethod
    def _check_mode(target: Controllable, test: bool) -> None:
        """Refuse what the behaviour of the node forbids (IEC 61850-7-4 annex A)."""
        mode = target.behaviour.value if target.behaviour else _ON
        allowed = (_NO_MODE, _ON) if not test else (_TEST, _TEST_BLOCKED)
        if mode not in allowed:
            raise _denied(
                AddCause.BLOCKED_BY_MODE, f"a command with test={test} does not go with behaviour {mode!r}",
                ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE,
            )  # fmt: skip

    @staticmethod
    def _check_limits(target: Controllable, fitted: list[tuple[Attribute, DataValue]]) -> None:
        if "minVal" not in target.leaves or "maxVal" not in target.leaves:
            return
        low, high = (_number(read(target.leaves[name])) for name in ("minVal", "maxVal"))
        value = _number(fitted[0][1])
        if low is None or high is None or value is None or low >= high:
            return
        if not low <= value <= high:
            raise _denied(
                AddCause.INCONSISTENT_PARAMETERS, f"{value} is not within {low} to {high}",
                ServiceError.PARAMETER_VALUE_INAPPROPRIATE,
            )  # fmt: skip

    def _follow(self, target: Controllable, request: Operate, now: datetime, follow: bool) -> None:
        """Store who commanded last and, where the application leaves it to us, the status."""
        changes: list[tuple[Attribute, DataValue]] = []
        values: dict[str, DataValue] = {
            "origin": [request.origin.category.value, request.origin.identity],
            "ctlNum": request.number,
        }
        if follow and target.status is not None:
            changes += _status(target.status, request.value)
            values |= {"q": Quality(), "t": Timestamp.of(now)}
        for name, value in values.items():
            if name in target.leaves:
                changes += spread(target.leaves[name], value)
        self._store(changes, now)


def _status(status: Node, value: DataValue) -> list[tuple[Attribute, DataValue]]:
    """Return the changes that make a status show the control value; none if the two have nothing in common."""
    if isinstance(value, bool) and isinstance(status, Attribute) and status.type is BasicType.DBPOS:
        value = BitString(0b10 if value else 0b01, 2)
    try:
        return list(spread(status, value))
    except ServiceRefused:
        return []


def _number(value: DataValue) -> float | None:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def operate_request(control: Reference, operate: Attribute, value: DataValue) -> Operate:
    """Return the request that an Oper structure stands for; raise `ServiceRefused` (type-conflict) if it is none."""
    conflict = ServiceRefused(
        ServiceError.TYPE_CONFLICT, "its parts are not those of Oper", where=str(control),
        add_cause=AddCause.INCONSISTENT_PARAMETERS,
    )  # fmt: skip
    if not isinstance(value, list) or len(value) != len(operate.children):
        raise conflict
    parts = dict(zip(operate.children, value, strict=True))
    who, number, time = _origin(parts.get("origin")), parts.get("ctlNum", 0), parts.get("T", Timestamp())
    test, check, at = parts.get("Test", False), parts.get("Check", BitString(0, 2)), parts.get("operTm")
    if who is None:
        raise conflict
    if not (isinstance(number, int) and isinstance(time, Timestamp) and isinstance(test, bool)):
        raise conflict
    if not (isinstance(check, BitString) and (at is None or isinstance(at, Timestamp))):
        raise conflict
    return Operate(control, parts.get("ctlVal"), who, number, time, test, check, at)


def _origin(value: DataValue) -> Origin | None:
    """Return the originator that a structure stands for, None if it is none; Oper may do without one."""
    if value is None:
        return Origin(OriginCategory.NOT_SUPPORTED)
    if not isinstance(value, list) or len(value) != 2:
        return None
    category, identity = value
    if not isinstance(category, int) or not isinstance(identity, bytes):
        return None
    return Origin(OriginCategory(category), identity) if 0 <= category < len(OriginCategory) else None
