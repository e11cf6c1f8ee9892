"""One controllable object: its parts, its state, and what is checked before the application is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import attrs

from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import Reference
from ..acsi.services import Operate
from ..acsi.types import BasicType, BitString, DataValue, Quality
from ..model.nodes import Attribute
from .association import Association
from .control_states import ERRORS, ControlModel, Event, State, machine
from .repeated import Carried
from .stamps import Stamps
from .steps import Command, Job, Step
from .tree import Node
from .values import read, spread

Changes = list[tuple[Attribute, DataValue]]

SELECT_TIMEOUT = timedelta(seconds=30)
"""How long a selection lasts where the model gives no sboTimeout, or none above zero: none lasts for ever."""

_NO_MODE, _ON, _BLOCKED, _TEST, _TEST_BLOCKED, _OFF = range(6)
_OPERATE_MANY = 1
_MODELS: dict[int, ControlModel] = {model.value: model for model in ControlModel}


def denied(cause: AddCause, message: str, error: ServiceError | None = None) -> ServiceRefused:
    """Return the refusal of a command."""
    default = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    return ServiceRefused(error or ERRORS.get(cause, default), message, add_cause=cause)


@attrs.define(slots=True, eq=False)
class Running:
    """A command from its Operate to its end."""

    client: Association
    request: Operate
    value: DataValue
    """As the application sees it."""
    target: Controllable
    carried: Carried
    """What is kept in mind of it, once it is granted."""
    job: Job | None = None
    """What the application carries out after the client was answered."""
    aborted: AddCause | None = None
    begun: bool = False
    """The client of a command for a later time was told that it begins."""

    def question(self, step: Step) -> Command:
        """Return what the application is asked."""
        return self.target.question(step, self.client, self.request, self.value)


def conditions(request: Operate) -> list[Step]:
    """Return what the application is asked before a command is granted: what its Check asks for, and the rest."""
    wanted = [step for bit, step in ((1, Step.INTERLOCK), (0, Step.SYNCHROCHECK)) if bit in request.check.bits]
    return [*wanted, Step.CHECK]


@attrs.define(slots=True, eq=False)
class Controllable:
    """A controllable object, its state and who holds it.

    Attributes:
        reference: `LD/LN.DO`.
        operate: its Oper structure.
        parts: the names of what there is under CO: Oper, SBO, SBOw, Cancel.
        status: stVal or mxVal.
        leaves: attributes that the control services read or own, by name.
        behaviour: Beh.stVal of its node.
        stamp: makes time stamps.
        owner: the client that selects or has selected it.
        selection: what SelectWithValue said, which Operate has to say again.
        running: the command under way.
    """

    reference: Reference
    operate: Attribute
    parts: frozenset[str]
    status: Node | None
    leaves: dict[str, Attribute]
    behaviour: Attribute | None
    stamp: Stamps
    state: State = State.IDLE
    owner: Association | None = None
    selection: Operate | None = None
    running: Running | None = None
    _model: ControlModel = ControlModel.STATUS_ONLY

    @property
    def model(self) -> ControlModel:
        """Its control model: as ctlModel says; while a command or a selection is under way, as it said before."""
        if self.state is State.IDLE:
            leaf = self.leaves.get("ctlModel")
            known = _MODELS.get(leaf.value) if leaf and isinstance(leaf.value, int) else None
            self._model = ControlModel.STATUS_ONLY if known is None else known
        return self._model

    @property
    def select_timeout(self) -> timedelta:
        """How long a selection lasts (sboTimeout)."""
        return self._duration("sboTimeout") or SELECT_TIMEOUT

    @property
    def operate_timeout(self) -> timedelta | None:
        """How long an execution may last (operTimeout); None without a limit."""
        return self._duration("operTimeout")

    def _duration(self, name: str) -> timedelta | None:
        leaf = self.leaves.get(name)
        value = leaf.value if leaf else None
        return timedelta(milliseconds=value) if isinstance(value, int) and value > 0 else None

    @property
    def keeps_selection(self) -> bool:
        """True if the selection outlives a command (sboClass operate-many) and its client is still there."""
        leaf = self.leaves.get("sboClass")
        many = leaf is not None and leaf.value == _OPERATE_MANY
        return many and self.model.selects and self.owner is not None and not self.owner.ended

    def question(self, step: Step, client: Association, request: Operate, value: DataValue) -> Command:
        """Return what the application is asked about a request."""
        blocked = self.behaviour is not None and self.behaviour.value == _TEST_BLOCKED
        return Command(
            request.control, value, client.peer, request.origin, request.number, request.time, request.test,
            request.check, step, request.at, blocked,
        )  # fmt: skip

    def move(self, event: Event) -> bool:
        """Go on to the state that the table names; return whether it differs. Raises `UnexpectedEvent`."""
        before, model = self.state, self.model
        self.state = machine(model).next(before, event)
        if self.state is State.IDLE:
            self.owner = self.selection = None
        return self.state is not before

    # --- checks -----------------------------------------------------------------------------------------------------

    def fitted(self, request: Operate) -> Changes:
        """Return the control value spread over ctlVal; raise `ServiceRefused` if it does not fit."""
        control_value = self.operate.children.get("ctlVal")
        if control_value is None:
            raise denied(AddCause.NOT_SUPPORTED, "it takes no control value")
        try:
            return list(spread(control_value, request.value))
        except ServiceRefused as refused:
            refused.add_cause = AddCause.INCONSISTENT_PARAMETERS
            raise

    def check(self, test: bool, fitted: Changes) -> None:
        """Refuse what mode and limits forbid."""
        self.check_mode(test)
        if "minVal" not in self.leaves or "maxVal" not in self.leaves:
            return
        low, high = (_number(read(self.leaves[name])) for name in ("minVal", "maxVal"))
        value = _number(fitted[0][1])
        if low is None or high is None or value is None or low >= high:
            return
        if not low <= value <= high:
            raise denied(
                AddCause.INCONSISTENT_PARAMETERS, f"{value} is not within {low} to {high}",
                ServiceError.PARAMETER_VALUE_INAPPROPRIATE,
            )  # fmt: skip

    def check_mode(self, test: bool | None) -> None:
        """Refuse what the behaviour of the node forbids (IEC 61850-7-4 annex A); `test` is None if it is not known yet.

        The mode itself (Mod) takes commands in every behaviour: else a node that is off could never be on again.
        """
        mode = self.behaviour.value if self.behaviour else _ON
        allowed: set[int] = set()
        if test is not True:
            allowed |= {_NO_MODE, _ON}
        if test is not False:
            allowed |= {_TEST, _TEST_BLOCKED}
        if mode not in allowed and (test or self.reference.path != ("Mod",)):
            what = "a selection" if test is None else f"a command with test={test}"
            raise denied(AddCause.BLOCKED_BY_MODE, f"{what} does not go with behaviour {mode!r}")

    def check_selection(self, request: Operate) -> None:
        """Refuse a command that is not the one that was selected with its value.

        A selection that names no time is one for any: some clients say only with the command when it shall be.
        """
        selected = self.selection
        if selected is None:
            return
        same = selected.origin == request.origin
        if not self.keeps_selection:  # operate-many takes other values with every command
            same = same and selected.at in (None, request.at)
            same = same and (selected.value, selected.number, selected.test) == (
                request.value, request.number, request.test,
            )  # fmt: skip
        if not same:
            raise denied(AddCause.INCONSISTENT_PARAMETERS, "it was selected for another command")

    # --- what the server owns ---------------------------------------------------------------------------------------

    def flags(self, now: datetime) -> Changes:
        """Return what stSeld, opRcvd, opOk and tOpOk are to be in the present state."""
        real = self.running is not None and not self.running.request.test
        executing = self.state is State.EXECUTING and real
        wanted: dict[str, DataValue] = {
            "stSeld": self.model.selects and self.state not in (State.IDLE, State.SELECTING),
            "opRcvd": self.state in (State.CHECKING, State.EXECUTING) and real,
            "opOk": executing,
        }
        if executing:
            wanted["tOpOk"] = self.stamp(now)
        return [
            (leaf, value) for name, value in wanted.items() if (leaf := self.leaves.get(name)) and leaf.value != value
        ]

    def followed(self, request: Operate, now: datetime, follow: bool) -> Changes:
        """Return who commanded last and, where the application leaves it to us, the status that was commanded."""
        changes: Changes = []
        values: dict[str, DataValue] = {
            "origin": [request.origin.category.value, request.origin.identity],
            "ctlNum": request.number,
        }
        if follow and self.status is not None:
            changes += _status(self.status, request.value)
            values |= {"q": Quality(), "t": self.stamp(now)}
        for name, value in values.items():
            if name in self.leaves:
                changes += spread(self.leaves[name], value)
        return changes


def _status(status: Node, value: DataValue) -> Iterable[tuple[Attribute, DataValue]]:
    """Return the changes that make a status show the control value; none if the two have nothing in common."""
    if isinstance(value, bool) and isinstance(status, Attribute) and status.type is BasicType.DBPOS:
        value = BitString(0b10 if value else 0b01, 2)
    elif isinstance(value, int) and list(status.children) in (["posVal"], ["posVal", "transInd"]):
        reached: list[DataValue] = [value, False]  # the step position that was commanded
        value = reached[: len(status.children)]
    try:
        return list(spread(status, value))
    except ServiceRefused:
        return []


def _number(value: DataValue) -> float | None:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


Store = Callable[[Iterable[tuple[Attribute, DataValue]], datetime], None]
