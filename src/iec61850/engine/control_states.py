"""The states of a controllable object as tables that can be printed (IEC 61850-7-2 clause 20, drawn in our own words).

There are two tables: for direct control, and for control with a selection before. Normal and enhanced security go
through the same states. They differ in when the client is answered: with normal security when the execution has ended,
with enhanced security when the command is granted, and a CommandTermination tells of the end.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from ...common.statemachine import StateMachine
from ..acsi.errors import AddCause, ServiceError


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

    @property
    def selects(self) -> bool:
        """True if an object has to be selected before it is operated."""
        return self in (ControlModel.SBO_NORMAL, ControlModel.SBO_ENHANCED)

    @property
    def enhanced(self) -> bool:
        """True if a CommandTermination tells how the execution went."""
        return self in (ControlModel.DIRECT_ENHANCED, ControlModel.SBO_ENHANCED)


class State(Enum):
    """Where a controllable object is."""

    __hash__ = object.__hash__  # there is one of each; Enum would hash the name anew each time

    IDLE = "idle"
    SELECTING = "selecting"
    SELECTED = "selected"
    CHECKING = "checking"
    SCHEDULED = "scheduled"
    EXECUTING = "executing"


class Event(Enum):
    """What moves it on."""

    __hash__ = object.__hash__

    SELECT = "select"
    OPERATE = "operate"
    CANCEL = "cancel"
    REFUSED = "refused"
    REFUSED_KEPT = "refused, selection kept"
    GRANTED = "granted"
    POSTPONED = "granted for later"
    TIME_REACHED = "time reached"
    ENDED = "ended"
    ENDED_KEPT = "ended, selection kept"
    TIMED_OUT = "select time-out"
    CLIENT_LOST = "association lost"


_S, _E = State, Event
_COMMON = (
    (_S.CHECKING, _E.REFUSED, _S.IDLE),
    (_S.CHECKING, _E.GRANTED, _S.EXECUTING),
    (_S.CHECKING, _E.POSTPONED, _S.SCHEDULED),
    (_S.SCHEDULED, _E.TIME_REACHED, _S.CHECKING),
    (_S.SCHEDULED, _E.CANCEL, _S.IDLE),
    (_S.EXECUTING, _E.ENDED, _S.IDLE),
)

DIRECT: StateMachine[State, Event] = StateMachine(
    "direct control", [(_S.IDLE, _E.OPERATE, _S.CHECKING), *_COMMON], initial=_S.IDLE
)
"""What direct control goes through."""

SELECT_BEFORE_OPERATE: StateMachine[State, Event] = StateMachine(
    "select before operate",
    [
        (_S.IDLE, _E.SELECT, _S.SELECTING),
        (_S.SELECTING, _E.GRANTED, _S.SELECTED),
        (_S.SELECTING, _E.REFUSED, _S.IDLE),
        (_S.SELECTED, _E.TIMED_OUT, _S.IDLE),
        (_S.SELECTED, _E.CANCEL, _S.IDLE),
        (_S.SELECTED, _E.CLIENT_LOST, _S.IDLE),
        (_S.SELECTED, _E.OPERATE, _S.CHECKING),
        *_COMMON,
        (_S.CHECKING, _E.REFUSED_KEPT, _S.SELECTED),
        (_S.EXECUTING, _E.ENDED_KEPT, _S.SELECTED),
    ],
    initial=_S.IDLE,
)
"""What control with a selection goes through; the rows that keep a selection are those of sboClass operate-many."""


def machine(model: ControlModel) -> StateMachine[State, Event]:
    """Return the table of a control model."""
    return SELECT_BEFORE_OPERATE if model.selects else DIRECT


OUT_OF_PLACE: dict[tuple[Event, State], AddCause] = {
    (_E.SELECT, _S.SELECTED): AddCause.OBJECT_ALREADY_SELECTED,
    (_E.SELECT, _S.SELECTING): AddCause.OBJECT_ALREADY_SELECTED,
    (_E.OPERATE, _S.IDLE): AddCause.OBJECT_NOT_SELECTED,
    (_E.OPERATE, _S.SELECTING): AddCause.OBJECT_NOT_SELECTED,
    (_E.CANCEL, _S.IDLE): AddCause.OBJECT_NOT_SELECTED,
    (_E.CANCEL, _S.SELECTING): AddCause.OBJECT_NOT_SELECTED,
}
"""What a client is told of its request in a state that has no row for it; else a command is being executed."""

ERRORS: dict[AddCause, ServiceError] = {
    AddCause.OBJECT_NOT_SELECTED: ServiceError.CONTROL_MUST_BE_SELECTED,
    AddCause.LOCKED_BY_OTHER_CLIENT: ServiceError.INSTANCE_LOCKED_BY_OTHER_CLIENT,
    AddCause.NOT_SUPPORTED: ServiceError.ACCESS_VIOLATION,
    AddCause.INCONSISTENT_PARAMETERS: ServiceError.PARAMETER_VALUE_INCONSISTENT,
}
"""The service error that goes with an additional cause; for others access-not-allowed-in-current-state (our choice)."""


def out_of_place(event: Event, state: State) -> AddCause:
    """Return the cause for which a request is refused that has no row in a state."""
    return OUT_OF_PLACE.get((event, state), AddCause.COMMAND_ALREADY_IN_EXECUTION)
