"""Two clients, an application and the time, in any order: what holds for every controllable object."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from janusgrid.iec61850.acsi.errors import AddCause, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.services import Cancel, Operate, Request, Select, SelectWithValue, Termination
from janusgrid.iec61850.acsi.types import BitString, Timestamp
from janusgrid.iec61850.engine import Association, Command, Engine, Job, Outcome, Step, Steps
from janusgrid.iec61850.engine.control_states import DIRECT, SELECT_BEFORE_OPERATE, ControlModel, State, machine

from tests.iec61850.plant import plant, ref
from tests.iec61850.wires import START

NAMES = ("SwDir", "SwSbo", "SwEnh", "SwSel", "SwMany")
CLIENTS = st.integers(0, 1)
CONTROLS = st.sampled_from(NAMES)
CHECKS = st.integers(0, 3)


@attrs.define
class Asking:
    """A service or job that waits for the application."""

    steps: Steps[Any]
    question: Command
    job: Job | None


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.engine = Engine(plant(), START)
        self.clients = [self.engine.associate(f"client {n}") for n in (0, 1)]
        self.asking: list[Asking] = []
        self.refused: list[tuple[ServiceRefused, Job | None]] = []
        self.told: list[tuple[Association, int]] = []

    # --- driving ------------------------------------------------------------------------------------------------------

    def run(self, steps: Steps[Any], job: Job | None = None, outcome: Outcome | None = None) -> AddCause | None:
        """Let a service go on until it asks or ends; return the cause where it is refused."""
        try:
            question = next(steps) if outcome is None else steps.send(outcome)
        except StopIteration:
            return None
        except ServiceRefused as refused:
            self.refused.append((refused, job))
            return refused.add_cause
        assert isinstance(question, Command)
        assert question.interlock_check or question.step is not Step.INTERLOCK
        assert question.synchrocheck or question.step is not Step.SYNCHROCHECK
        self.asking.append(Asking(steps, question, job))
        return None

    def settled(self) -> None:
        for job in self.engine.jobs():
            self.run(job.steps, job)
        for client, notification in self.engine.drain():
            assert isinstance(notification, Termination)
            self.told.append((client, notification.command.number))

    def call(self, client: int, request: Request[None]) -> AddCause | None:
        cause = self.run(self.engine.call(self.clients[client], request, self.now))
        self.settled()
        return cause

    def state(self, name: str) -> State:
        return self.engine.control.find(ref(f"CSWI1.{name}")).state

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(client=CLIENTS, name=CONTROLS, number=st.integers(1, 3), check=CHECKS)
    def select(self, client: int, name: str, number: int, check: int) -> None:
        before = self.state(name)
        control = ref(f"CSWI1.{name}")
        request: Request[None] = Select(control)
        if name in ("SwSel", "SwMany"):
            request = SelectWithValue(Operate(control, True, number=number, check=BitString(check, 2)))
        cause = self.call(client, request)
        if before is not State.IDLE:
            assert cause is not None

    @rule(
        client=CLIENTS, name=CONTROLS, number=st.integers(1, 3), later=st.sampled_from([None, 0, 3, 20]), check=CHECKS
    )
    def operate(self, client: int, name: str, number: int, later: int | None, check: int) -> None:
        target = self.engine.control.find(ref(f"CSWI1.{name}"))
        before, owner = target.state, target.owner
        at = None if later is None else Timestamp.of(self.now + timedelta(seconds=later))
        cause = self.call(client, Operate(target.reference, True, number=number, at=at, check=BitString(check, 2)))
        allowed = machine(target.model).initial if not target.model.selects else State.SELECTED
        if before is not allowed or (target.model.selects and owner is not self.clients[client]):
            assert cause is not None, "only who has selected it operates it, and one at a time"
            assert target.state is before, "whom it does not belong to changes nothing"

    @rule(client=CLIENTS, name=CONTROLS)
    def cancel(self, client: int, name: str) -> None:
        target = self.engine.control.find(ref(f"CSWI1.{name}"))
        before, owner = target.state, target.owner
        cause = self.call(client, Cancel(Operate(target.reference, True)))
        if before is State.IDLE:
            assert cause is not None
        elif owner is not None and owner is not self.clients[client] and not owner.ended:
            assert cause is AddCause.LOCKED_BY_OTHER_CLIENT
            assert target.state is before
        elif before in (State.SELECTED, State.SCHEDULED):
            assert cause is None
            assert target.state is State.IDLE

    @precondition(lambda self: self.asking)
    @rule(data=st.data(), agree=st.booleans())
    def answer(self, data: st.DataObject, agree: bool) -> None:
        """The application answers one of the questions, in any order."""
        asked = self.asking.pop(data.draw(st.integers(0, len(self.asking) - 1)))
        refusal = None
        if not agree:
            refusal = ServiceRefused(ServiceError.ACCESS_VIOLATION, add_cause=AddCause.BLOCKED_BY_PROCESS)
        self.run(asked.steps, asked.job, Outcome(self.now, refusal))
        self.settled()

    @rule(seconds=st.sampled_from([1, 4, 6, 70]))
    def time_passes(self, seconds: int) -> None:
        end: datetime = self.now + timedelta(seconds=seconds)
        while (due := self.engine.due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.engine.tick(self.now)
            self.settled()
            assert (after := self.engine.due()) is None or after > due, "what was due is done"
        self.now = end

    @rule(client=CLIENTS)
    def leave(self, client: int) -> None:
        gone = self.clients[client]
        self.engine.end(gone, self.now)
        for name in NAMES:
            target = self.engine.control.find(ref(f"CSWI1.{name}"))
            assert not (target.state is State.SELECTED and target.owner is gone), "it leaves nothing selected"
        self.clients[client] = self.engine.associate(f"client {client}")

    @precondition(lambda self: self.asking)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """Whoever drives a service gives it up while the application is asked."""
        asked = self.asking.pop(data.draw(st.integers(0, len(self.asking) - 1)))
        asked.steps.close()
        self.settled()

    @invariant()
    def every_refusal_says_why(self) -> None:
        for refused, job in self.refused:
            assert refused.add_cause is not None
            assert refused.error is not ServiceError.NO_ERROR
            assert job is None, "a job raises nothing"

    # --- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def what_is_shown_is_so(self) -> None:
        for name in NAMES:
            target = self.engine.control.find(ref(f"CSWI1.{name}"))
            selected = target.model.selects and target.state not in (State.IDLE, State.SELECTING)
            assert target.leaves["stSeld"].value is selected
            assert target.leaves["opOk"].value is (target.state is State.EXECUTING)
            assert target.leaves["opRcvd"].value is (target.state in (State.CHECKING, State.EXECUTING))

    @invariant()
    def nothing_is_held_by_nobody(self) -> None:
        busy = {asked.question.reference for asked in self.asking}
        for name in NAMES:
            target = self.engine.control.find(ref(f"CSWI1.{name}"))
            assert (target.owner is None) is (target.state is State.IDLE)
            assert (target.running is not None) is (target.state in (State.CHECKING, State.SCHEDULED, State.EXECUTING))
            if target.state in (State.SELECTING, State.CHECKING, State.EXECUTING):
                assert target.reference in busy, "somebody is asked"
            if target.state in (State.SELECTED, State.SCHEDULED):
                assert self.engine.due() is not None, "it ends by itself"


Machine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase


def test_the_tables_can_be_printed() -> None:
    assert "| selected  | operate                 | checking   |" in SELECT_BEFORE_OPERATE.table("markdown")
    assert "stateDiagram-v2" in DIRECT.table("mermaid")
    assert {model.text: machine(model).name for model in ControlModel if model} == {
        "direct-with-normal-security": "direct control",
        "sbo-with-normal-security": "select before operate",
        "direct-with-enhanced-security": "direct control",
        "sbo-with-enhanced-security": "select before operate",
    }
