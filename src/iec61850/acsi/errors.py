"""Service errors of the ACSI (IEC 61850-7-2, type ServiceError) and the additional cause of a refused control."""

from __future__ import annotations

from enum import IntEnum

from ...common.errors import Refused


class ServiceError(IntEnum):
    """Why a service was refused (IEC 61850-7-2 clause 6.1.2.11; numbers as peers use them, second-hand)."""

    NO_ERROR = 0
    INSTANCE_NOT_AVAILABLE = 1
    INSTANCE_IN_USE = 2
    ACCESS_VIOLATION = 3
    ACCESS_NOT_ALLOWED_IN_CURRENT_STATE = 4
    PARAMETER_VALUE_INAPPROPRIATE = 5
    PARAMETER_VALUE_INCONSISTENT = 6
    CLASS_NOT_SUPPORTED = 7
    INSTANCE_LOCKED_BY_OTHER_CLIENT = 8
    CONTROL_MUST_BE_SELECTED = 9
    TYPE_CONFLICT = 10
    FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT = 11
    FAILED_DUE_TO_SERVER_CONSTRAINT = 12

    @property
    def text(self) -> str:
        """The standard's own spelling: `instance-not-available`."""
        return self.name.lower().replace("_", "-")


class AddCause(IntEnum):
    """Additional cause of a negative control response (IEC 61850-7-2 clause 20.5.2.9)."""

    UNKNOWN = 0
    NOT_SUPPORTED = 1
    BLOCKED_BY_SWITCHING_HIERARCHY = 2
    SELECT_FAILED = 3
    INVALID_POSITION = 4
    POSITION_REACHED = 5
    PARAMETER_CHANGE_IN_EXECUTION = 6
    STEP_LIMIT = 7
    BLOCKED_BY_MODE = 8
    BLOCKED_BY_PROCESS = 9
    BLOCKED_BY_INTERLOCKING = 10
    BLOCKED_BY_SYNCHROCHECK = 11
    COMMAND_ALREADY_IN_EXECUTION = 12
    BLOCKED_BY_HEALTH = 13
    ONE_OF_N_CONTROL = 14
    ABORTION_BY_CANCEL = 15
    TIME_LIMIT_OVER = 16
    ABORTION_BY_TRIP = 17
    OBJECT_NOT_SELECTED = 18
    OBJECT_ALREADY_SELECTED = 19
    NO_ACCESS_AUTHORITY = 20
    ENDED_WITH_OVERSHOOT = 21
    ABORTION_DUE_TO_DEVIATION = 22
    ABORTION_BY_COMMUNICATION_LOSS = 23
    BLOCKED_BY_COMMAND = 24
    NONE = 25
    INCONSISTENT_PARAMETERS = 26
    LOCKED_BY_OTHER_CLIENT = 27

    @property
    def text(self) -> str:
        """The name as people read it: `blocked-by-interlocking`."""
        return self.name.lower().replace("_", "-")


class ServiceRefused(Refused):
    """A negative ACSI response: raised by a server's engine, and by the client whose request it answers.

    Attributes:
        error: the service error; `code` is its text.
        add_cause: for control services, why; None for others.
        where: the object reference.
    """

    def __init__(
        self, error: ServiceError, message: str = "", *, where: str | None = None, add_cause: AddCause | None = None
    ) -> None:
        text = message or error.text.replace("-", " ")
        if add_cause is not None:
            text = f"{text} ({add_cause.text})"
        super().__init__(text, where=where, code=error.text)
        self.error = error
        self.add_cause = add_cause


class CommandFailed(ServiceRefused):
    """A command that the server had accepted and that did not succeed: a negative CommandTermination."""

    def __init__(self, message: str, add_cause: AddCause, *, where: str | None = None) -> None:
        super().__init__(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, message, where=where, add_cause=add_cause)
