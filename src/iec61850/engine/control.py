"""Control (IEC 61850-7-2 clause 20): the services, selections, executions and times of every controllable object.

What a request may do in the present state is said by the tables of `control_states`, what is checked by
`controllable`. A command that the client was answered already is carried out as a `Job`: whoever drives the engine
takes it out of `jobs` and runs its steps to their end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import attrs

from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import (
    Cancel,
    Operate,
    Origin,
    OriginCategory,
    Select,
    SelectWithValue,
    Termination,
    TimeActivatedOperateTermination,
)
from ..acsi.types import BitString, DataValue, EntryTime, Timestamp
from ..model.nodes import Attribute, DataObject, Model
from .association import Association
from .control_states import ControlModel, Event, State, machine, out_of_place
from .controllable import Changes, Controllable, Running, Store, conditions, denied
from .directory import unknown
from .repeated import Carried, Commands, CommandStore, end_of
from .stamps import Stamps
from .steps import Job, Outcome, Step, Steps
from .tree import Node, Tree

_STATUS = ("stVal", "mxVal", "valWTr")
_LEAVES = (
    "q", "t", "origin", "ctlNum", "minVal", "maxVal", "ctlModel", "sboTimeout", "sboClass", "operTimeout", "stSeld",
    "opRcvd", "opOk", "tOpOk",
)  # fmt: skip


class Control:
    """The controllable objects of the model.

    Attributes:
        jobs: what is to be carried out, oldest first.
    """

    def __init__(
        self, model: Model, tree: Tree, store: Store, stamp: Stamps, now: datetime, kept: CommandStore | None = None
    ) -> None:
        self._stamp = stamp
        self._model = model
        self._tree = tree
        self._store = store
        self._commands = Commands(kept, now)
        self._known: dict[Reference, Controllable] = {}
        self._timers: dict[Controllable, datetime] = {}
        self.jobs: deque[Job] = deque()

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
        commands = self._tree.find(reference.with_fc(FC.CO))
        operate = commands.children.get("Oper") if commands else None
        if commands is None or not isinstance(operate, Attribute):
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
            reference, operate, frozenset(commands.children), status,
            {n: attributes[n] for n in _LEAVES if n in attributes},
            mode if isinstance(mode, Attribute) else None, self._stamp,
        )  # fmt: skip

    # --- services ---------------------------------------------------------------------------------------------------

    def select(self, client: Association, request: Select, now: datetime) -> Steps[None]:
        """Select an object without saying for what (clause 20.5.3.2); raise `ServiceRefused`."""
        with _about(request.control):
            target = self.find(request.control)
            self._needs(target, ControlModel.SBO_NORMAL, "SBO")
            target.check_mode(None)
            nothing = Operate(target.reference, None, Origin(OriginCategory.NOT_SUPPORTED))
            yield from self._select(client, target, nothing, None, now)

    def select_with_value(self, client: Association, request: SelectWithValue, now: datetime) -> Steps[None]:
        """Select an object for one command (clause 20.5.3.3); raise `ServiceRefused`."""
        wanted = _normal(request.command)
        with _about(wanted.control):
            target = self.find(wanted.control)
            self._needs(target, ControlModel.SBO_ENHANCED, "SBOw")
            fitted = target.fitted(wanted)
            self._possible(client, target, Event.SELECT)
            target.check(wanted.test, fitted)
            value = fitted[0][1] if len(fitted) == 1 else wanted.value
            yield from self._select(client, target, wanted, value, now)
            target.selection = wanted

    def _select(
        self, client: Association, target: Controllable, request: Operate, value: DataValue, now: datetime
    ) -> Steps[None]:
        self._possible(client, target, Event.SELECT)
        target.owner = client
        self._move(target, Event.SELECT, now)
        granted = False
        try:
            for step in (*(one for one in conditions(request) if one is Step.INTERLOCK), Step.SELECT):
                outcome = yield target.question(step, client, request, value)
                now = outcome.now
                if outcome.refusal is not None:
                    raise outcome.refusal
            if client.ended:
                raise denied(AddCause.ABORTION_BY_COMMUNICATION_LOSS, "its client has gone")
            granted = True
        finally:
            self._move(target, Event.GRANTED if granted else Event.REFUSED, now)

    def operate(self, client: Association, request: Operate, now: datetime) -> Steps[None]:
        """Command an object (clauses 20.5.3.4 and 20.5.3.5); raise `ServiceRefused` if it is not done.

        With normal security it returns when the execution has ended, with enhanced security when it begins, for a
        later time when it is accepted.
        """
        with _about(request.control):
            target = self.find(request.control)
            if target.model is ControlModel.STATUS_ONLY:
                raise denied(AddCause.NOT_SUPPORTED, "its control model is status-only")
            fitted = target.fitted(request)
            self._possible(client, target, Event.OPERATE)
            request = _normal(request)
            before = self._commands.find(client, request)
            if before is not None and before.answered:
                before.answer_again(client)
                return
            at = request.at
            carried = Carried(client.identity, request, now, client)
            running = Running(client, request, fitted[0][1] if len(fitted) == 1 else request.value, target, carried)
            target.running = running
            target.owner = target.owner or client
            self._move(target, Event.OPERATE, now)
            now = yield from self._granted(target, running, fitted, now, at=at)
            if at is not None:
                carried.answered = True
                self._commands.accept(carried)
                self._timers[target] = at.datetime
            elif target.model.enhanced:
                carried.answered = True
                running.job = Job(self._execution(target, running, now), client)
                self.jobs.append(running.job)
            else:
                yield from self._answered_at_the_end(carried, self._execute(target, running, now))

    def cancel(self, client: Association, request: Cancel, now: datetime) -> Steps[None]:
        """Give up a selection or a command (clause 20.5.3.6); raise `ServiceRefused` if there is nothing to give up.

        What is being carried out is broken off only if the application agrees.
        """
        wanted = request.command
        with _about(wanted.control):
            target = self.find(wanted.control)
            if "Cancel" not in target.parts:
                raise denied(AddCause.NOT_SUPPORTED, "it has no Cancel")
            running = target.running
            if target.state is not State.EXECUTING or running is None:
                self._possible(client, target, Event.CANCEL)
                if running is not None:
                    running.carried.refuse(denied(AddCause.ABORTION_BY_CANCEL, "it was cancelled"))
                    self._commands.end(running.carried)
                target.running = None
                self._move(target, Event.CANCEL, now)
                return
            self._owned(client, target)
            outcome = yield running.question(Step.CANCEL)
            if outcome.refusal is not None:
                raise outcome.refusal
            if target.running is not running:
                raise denied(AddCause.OBJECT_NOT_SELECTED, "it has ended before it could be broken off")
            self._abort(target, running, AddCause.ABORTION_BY_CANCEL, outcome.now)

    def write(
        self, client: Association, reference: Reference, node: Node, value: DataValue, now: datetime
    ) -> Steps[None]:
        """Write under CO as data: an Oper, SBOw or Cancel structure is that service, nothing else can be written."""
        service = reference.path[-1:]
        if service not in (("Oper",), ("SBOw",), ("Cancel",)) or not isinstance(node, Attribute):
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, "command the whole object", where=str(reference))
        request = operate_request(Reference(reference.device, reference.node, reference.path[:-1]), node, value)
        if service == ("Oper",):
            yield from self.operate(client, request, now)
        elif service == ("SBOw",):
            yield from self.select_with_value(client, SelectWithValue(request), now)
        else:
            yield from self.cancel(client, Cancel(request), now)

    # --- what is allowed now ----------------------------------------------------------------------------------------

    @staticmethod
    def _needs(target: Controllable, model: ControlModel, part: str) -> None:
        if target.model is not model or part not in target.parts:
            raise denied(AddCause.NOT_SUPPORTED, f"its control model is {target.model.text}")

    @staticmethod
    def _owned(client: Association, target: Controllable) -> None:
        owner = target.owner
        if owner is not None and owner is not client and not owner.ended:
            raise denied(AddCause.LOCKED_BY_OTHER_CLIENT, f"{owner.peer} holds it")

    def _possible(self, client: Association, target: Controllable, event: Event) -> None:
        """Refuse a request of another client than the one that holds the object, or in a state that has no row."""
        executing = target.state in (State.CHECKING, State.EXECUTING, State.SCHEDULED)
        if target.model.selects or not (executing and event is Event.OPERATE):
            self._owned(client, target)
        if event not in machine(target.model).events(target.state):
            raise denied(out_of_place(event, target.state), f"it is {target.state.value}")

    def _move(self, target: Controllable, event: Event, now: datetime) -> None:
        """Go on to the next state; keep the attributes that show it, and the time of a selection."""
        target.move(event)
        self._timers.pop(target, None)
        if target.state is State.SELECTED:
            self._timers[target] = now + target.select_timeout
        self._show(target.flags(now), now)

    def _show(self, changes: Changes, now: datetime) -> None:
        if changes:
            self._store(changes, now)

    # --- carrying out -----------------------------------------------------------------------------------------------

    def _granted(
        self, target: Controllable, running: Running, fitted: Changes, now: datetime, at: Timestamp | None = None
    ) -> Steps[datetime]:
        """Check a command, ask the application for its conditions, and return when it granted them."""
        granted = False
        try:
            target.check(running.request.test, fitted)
            target.check_selection(running.request)
            if at is not None:
                self._check_time(target, at, now)
            for step in conditions(running.request):
                outcome = yield running.question(step)
                now = outcome.now
                if outcome.refusal is not None:
                    raise outcome.refusal
            if at is None:
                self._commands.begin(running.carried)
            granted = True
        finally:
            if granted:
                self._move(target, Event.GRANTED if at is None else Event.POSTPONED, now)
                limit = target.operate_timeout
                if at is None and limit is not None and (target.model.enhanced or running.request.at is not None):
                    self._timers[target] = now + limit
            else:
                self._leave(target, running, now, Event.REFUSED, Event.REFUSED_KEPT)
        return now

    @staticmethod
    def _check_time(target: Controllable, at: Timestamp, now: datetime) -> None:
        if "operTm" not in target.operate.children:
            raise denied(AddCause.NOT_SUPPORTED, "it has no time-activated control")
        if at.datetime <= now:
            raise denied(AddCause.INCONSISTENT_PARAMETERS, f"{at.datetime} has passed")

    def _leave(self, target: Controllable, running: Running, now: datetime, event: Event, kept: Event) -> None:
        """End a command that is still the present one."""
        if target.running is running:
            target.running = None
            self._move(target, kept if target.keeps_selection else event, now)

    def _execute(self, target: Controllable, running: Running, now: datetime) -> Steps[None]:
        """Let the application carry out what was granted; raise `ServiceRefused` if it does not succeed."""
        outcome: Outcome | None = None
        try:
            outcome = yield running.question(Step.OPERATE)
            now = outcome.now
        finally:
            current = target.running is running
            try:
                if current and outcome is not None and outcome.refusal is None and not running.request.test:
                    self._store(target.followed(running.request, now, outcome.follow), now)
            finally:
                self._leave(target, running, now, Event.ENDED, Event.ENDED_KEPT)
        if not current:
            raise denied(running.aborted or AddCause.UNKNOWN, "it was broken off")
        if outcome.refusal is not None:
            raise outcome.refusal

    def _answered_at_the_end(self, carried: Carried, execution: Steps[None]) -> Steps[None]:
        """Carry out a command whose end is its answer; keep that in mind, should the command come again."""
        carried.not_known()
        try:
            yield from execution
        except ServiceRefused as refused:
            carried.refuse(refused)
            self._commands.end(carried)
            raise
        else:
            carried.refusal = None
            self._commands.end(carried)
        finally:
            carried.answered = True

    def _execution(self, target: Controllable, running: Running, now: datetime) -> Steps[None]:
        """Carry out a command that its client was answered already, and tell it of the end."""
        try:
            yield from self._execute(target, running, now)
        except ServiceRefused as refused:
            self._terminate(running, refused)
        else:
            self._terminate(running, None)

    def _scheduled(self, target: Controllable, running: Running, now: datetime) -> Steps[None]:
        """Check a command anew whose time has come, and carry it out.

        With enhanced security its client is told that it begins, and of the end as ever; else of the end alone.
        """
        try:
            now = yield from self._granted(target, running, target.fitted(running.request), now)
        except ServiceRefused as refused:
            self._terminate(running, refused)
            return
        if target.model.enhanced:
            running.begun = True
            self._tell(running, TimeActivatedOperateTermination(running.request))
        yield from self._execution(target, running, now)

    def _abort(self, target: Controllable, running: Running, cause: AddCause, now: datetime) -> None:
        """Break off an execution, and tell its client if it has been answered already."""
        running.aborted, job = cause, running.job
        self._leave(target, running, now, Event.ENDED, Event.ENDED_KEPT)
        if job is not None:
            self._terminate(running, denied(cause, "it was broken off"))
            job.stop()

    def _terminate(self, running: Running, refused: ServiceRefused | None) -> None:
        """Tell the client once how a command ended that it was answered before."""
        cause = None if refused is None else AddCause.UNKNOWN if refused.add_cause is None else refused.add_cause
        end = end_of(running.request, running.request.at is None or running.begun, cause)
        if running.job is not None:
            running.carried.end = end
            self._commands.end(running.carried)
        self._tell(running, end)
        running.job = None

    @staticmethod
    def _tell(running: Running, notification: Termination) -> None:
        if running.job is not None and not running.client.ended:
            running.client.outbox.append(notification)

    # --- time and clients -------------------------------------------------------------------------------------------

    def due(self) -> datetime | None:
        """Return when a selection, an execution or a wait for a later time ends first; None for never."""
        return min(self._timers.values(), default=None)

    def tick(self, now: datetime) -> None:
        """Do what has become due."""
        for target in [target for target, when in self._timers.items() if when <= now]:
            del self._timers[target]
            running = target.running
            if target.state is State.SELECTED:
                self._move(target, Event.TIMED_OUT, now)
            elif target.state is State.SCHEDULED and running is not None:
                self._move(target, Event.TIME_REACHED, now)
                running.job = Job(self._scheduled(target, running, now), running.client)
                self.jobs.append(running.job)
            elif target.state is State.EXECUTING and running is not None:
                self._abort(target, running, AddCause.TIME_LIMIT_OVER, now)

    def release(self, client: Association, now: datetime) -> None:
        """Free what a client has selected; what it has commanded goes on."""
        for target in self._known.values():
            if target.owner is client and target.state is State.SELECTED:
                self._move(target, Event.CLIENT_LOST, now)


def _normal(request: Operate) -> Operate:
    """Return a command whose object has no constraint, and whose time is None where it is for at once."""
    at = request.at if request.at is not None and (request.at.seconds or request.at.fraction) else None
    if request.control.fc is None and at is request.at:
        return request
    return attrs.evolve(request, control=request.control.with_fc(None), at=at)


@contextmanager
def _about(control: Reference) -> Iterator[None]:
    """Say of each refusal which object it is about."""
    try:
        yield
    except ServiceRefused as refused:
        refused.where = refused.where or str(control)
        raise


def operate_request(control: Reference, operate: Attribute, value: DataValue) -> Operate:
    """Return the command of an Oper, SBOw or Cancel structure; raise `ServiceRefused` (type-conflict) if it is none."""
    conflict = ServiceRefused(
        ServiceError.TYPE_CONFLICT, f"its parts are not those of {operate.name}", where=str(control),
        add_cause=AddCause.INCONSISTENT_PARAMETERS,
    )  # fmt: skip
    if not isinstance(value, list) or len(value) != len(operate.children):
        raise conflict
    parts = dict(zip(operate.children, value, strict=True))
    who, number, time = _origin(parts.get("origin")), parts.get("ctlNum", 0), parts.get("T", Timestamp())
    test, check, at = parts.get("Test", False), parts.get("Check", BitString(0, 2)), parts.get("operTm")
    time, at = (one.timestamp if isinstance(one, EntryTime) else one for one in (time, at))  # as edition 1 has them
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
