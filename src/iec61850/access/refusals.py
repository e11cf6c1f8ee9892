"""What a client of ours is told where the access behind the server refuses: additional causes and service errors."""

from __future__ import annotations

from ...common.errors import JanusGridError, NotReachable, TimedOut, TypeConflict, UnknownName
from ..acsi.errors import AddCause, ServiceError, ServiceRefused

_CAUSES = {cause.text: cause for cause in AddCause}
_ERRORS = {error.text: error for error in ServiceError}
NOT_THERE = AddCause.BLOCKED_BY_HEALTH
"""For a command to what is not there."""


def cause_of(error: JanusGridError) -> AddCause:
    """Return the additional cause of a refused command.

    That which a device below has given, or the code of the refusal names (`blocked-by-health`). Else: what is not
    there is blocked by health, no answer in time is a time limit, a value that does not fit or is beyond its limits
    an inconsistent parameter, a service that is not offered not supported, and everything else blocked by process.
    """
    if isinstance(error, ServiceRefused) and error.add_cause is not None:
        return error.add_cause
    if error.code in _CAUSES:
        return _CAUSES[error.code]
    if isinstance(error, NotReachable):
        return NOT_THERE
    if isinstance(error, TimedOut):
        return AddCause.TIME_LIMIT_OVER
    if isinstance(error, TypeConflict):
        return AddCause.INCONSISTENT_PARAMETERS
    if error.code == "not-offered" or isinstance(error, UnknownName):
        return AddCause.NOT_SUPPORTED
    return AddCause.BLOCKED_BY_PROCESS


def error_of(error: JanusGridError) -> ServiceError:
    """Return the service error of a refused setting or schedule: that of the device below, or what is like it."""
    if isinstance(error, ServiceRefused):
        return error.error
    if error.code in _ERRORS:
        return _ERRORS[error.code]
    if isinstance(error, NotReachable | TimedOut):
        return ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT
    if isinstance(error, TypeConflict):
        return ServiceError.PARAMETER_VALUE_INAPPROPRIATE
    return ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
