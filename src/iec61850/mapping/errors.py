"""Service errors of the ACSI and the errors of MMS, in both directions.

The correspondence is second-hand (from peers' code and public notes on 8-1 and 8-2), so it is data: one table, from
which both directions are made.
"""

from __future__ import annotations

from ...common.errors import LocalError
from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..mms import pdu

_E, _D = ServiceError, pdu.DataAccessError

TO_DATA_ACCESS: dict[ServiceError, pdu.DataAccessError] = {
    _E.INSTANCE_NOT_AVAILABLE: _D.OBJECT_NON_EXISTENT,
    _E.INSTANCE_IN_USE: _D.TEMPORARILY_UNAVAILABLE,
    _E.ACCESS_VIOLATION: _D.OBJECT_ACCESS_DENIED,
    _E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE: _D.TEMPORARILY_UNAVAILABLE,
    _E.PARAMETER_VALUE_INAPPROPRIATE: _D.OBJECT_VALUE_INVALID,
    _E.PARAMETER_VALUE_INCONSISTENT: _D.OBJECT_ATTRIBUTE_INCONSISTENT,
    _E.CLASS_NOT_SUPPORTED: _D.OBJECT_ACCESS_UNSUPPORTED,
    _E.INSTANCE_LOCKED_BY_OTHER_CLIENT: _D.TEMPORARILY_UNAVAILABLE,
    _E.CONTROL_MUST_BE_SELECTED: _D.OBJECT_ACCESS_DENIED,
    _E.TYPE_CONFLICT: _D.TYPE_INCONSISTENT,
    _E.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT: _D.HARDWARE_FAULT,
    _E.FAILED_DUE_TO_SERVER_CONSTRAINT: _D.HARDWARE_FAULT,
}
FROM_DATA_ACCESS: dict[int, ServiceError] = {
    _D.OBJECT_INVALIDATED: _E.INSTANCE_NOT_AVAILABLE,
    _D.HARDWARE_FAULT: _E.FAILED_DUE_TO_SERVER_CONSTRAINT,
    _D.TEMPORARILY_UNAVAILABLE: _E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE,
    _D.OBJECT_ACCESS_DENIED: _E.ACCESS_VIOLATION,
    _D.OBJECT_UNDEFINED: _E.INSTANCE_NOT_AVAILABLE,
    _D.INVALID_ADDRESS: _E.PARAMETER_VALUE_INAPPROPRIATE,
    _D.TYPE_UNSUPPORTED: _E.TYPE_CONFLICT,
    _D.TYPE_INCONSISTENT: _E.TYPE_CONFLICT,
    _D.OBJECT_ATTRIBUTE_INCONSISTENT: _E.PARAMETER_VALUE_INCONSISTENT,
    _D.OBJECT_ACCESS_UNSUPPORTED: _E.CLASS_NOT_SUPPORTED,
    _D.OBJECT_NON_EXISTENT: _E.INSTANCE_NOT_AVAILABLE,
    _D.OBJECT_VALUE_INVALID: _E.PARAMETER_VALUE_INAPPROPRIATE,
}

_CONFIRMED: dict[tuple[str, int], ServiceError] = {
    ("access", pdu.AccessError.OBJECT_ACCESS_UNSUPPORTED): _E.CLASS_NOT_SUPPORTED,
    ("access", pdu.AccessError.OBJECT_NON_EXISTENT): _E.INSTANCE_NOT_AVAILABLE,
    ("access", pdu.AccessError.OBJECT_ACCESS_DENIED): _E.ACCESS_VIOLATION,
    ("access", pdu.AccessError.OBJECT_INVALIDATED): _E.INSTANCE_NOT_AVAILABLE,
    ("definition", pdu.DefinitionError.OBJECT_UNDEFINED): _E.INSTANCE_NOT_AVAILABLE,
    ("definition", pdu.DefinitionError.TYPE_INCONSISTENT): _E.TYPE_CONFLICT,
    ("definition", pdu.DefinitionError.OBJECT_EXISTS): _E.INSTANCE_IN_USE,
    ("definition", pdu.DefinitionError.INVALID_ADDRESS): _E.PARAMETER_VALUE_INAPPROPRIATE,
    ("definition", pdu.DefinitionError.OBJECT_ATTRIBUTE_INCONSISTENT): _E.PARAMETER_VALUE_INCONSISTENT,
    ("service", pdu.ServiceProblem.PDU_SIZE): _E.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT,
    ("service", pdu.ServiceProblem.OBJECT_CONSTRAINT_CONFLICT): _E.INSTANCE_IN_USE,
    ("service", pdu.ServiceProblem.OBJECT_STATE_CONFLICT): _E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE,
}
_CONFIRMED_BACK: dict[ServiceError, tuple[str, int]] = {
    _E.INSTANCE_NOT_AVAILABLE: ("access", pdu.AccessError.OBJECT_NON_EXISTENT),
    _E.ACCESS_VIOLATION: ("access", pdu.AccessError.OBJECT_ACCESS_DENIED),
    _E.CLASS_NOT_SUPPORTED: ("access", pdu.AccessError.OBJECT_ACCESS_UNSUPPORTED),
    _E.TYPE_CONFLICT: ("definition", pdu.DefinitionError.TYPE_INCONSISTENT),
    _E.PARAMETER_VALUE_INAPPROPRIATE: ("definition", pdu.DefinitionError.INVALID_ADDRESS),
    _E.PARAMETER_VALUE_INCONSISTENT: ("definition", pdu.DefinitionError.OBJECT_ATTRIBUTE_INCONSISTENT),
    _E.INSTANCE_IN_USE: ("service", pdu.ServiceProblem.OBJECT_CONSTRAINT_CONFLICT),
    _E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE: ("service", pdu.ServiceProblem.OBJECT_STATE_CONFLICT),
    _E.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT: ("service", pdu.ServiceProblem.PDU_SIZE),
}
_OF_SERVICE: dict[tuple[str, ServiceError], tuple[str, int]] = {
    ("defineNamedVariableList", _E.INSTANCE_IN_USE): ("definition", pdu.DefinitionError.OBJECT_EXISTS),
}
"""What a service says otherwise: peers, as servers and as clients, know of a name that is taken by this error."""

_F = pdu.FileError
_FILE: dict[ServiceError, int] = {
    _E.INSTANCE_NOT_AVAILABLE: _F.FILE_NON_EXISTENT,
    _E.INSTANCE_IN_USE: _F.DUPLICATE_FILENAME,
    _E.ACCESS_VIOLATION: _F.FILE_ACCESS_DENIED,
    _E.PARAMETER_VALUE_INAPPROPRIATE: _F.FILENAME_SYNTAX_ERROR,
    _E.PARAMETER_VALUE_INCONSISTENT: _F.POSITION_INVALID,
    _E.FAILED_DUE_TO_SERVER_CONSTRAINT: _F.OTHER,
    _E.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT: _F.OTHER,
}
_FROM_FILE: dict[int, ServiceError] = {
    _F.FILENAME_AMBIGUOUS: _E.PARAMETER_VALUE_INAPPROPRIATE,
    _F.FILE_BUSY: _E.INSTANCE_IN_USE,
    _F.FILENAME_SYNTAX_ERROR: _E.PARAMETER_VALUE_INAPPROPRIATE,
    _F.CONTENT_TYPE_INVALID: _E.TYPE_CONFLICT,
    _F.POSITION_INVALID: _E.PARAMETER_VALUE_INCONSISTENT,
    _F.FILE_ACCESS_DENIED: _E.ACCESS_VIOLATION,
    _F.FILE_NON_EXISTENT: _E.INSTANCE_NOT_AVAILABLE,
    _F.DUPLICATE_FILENAME: _E.INSTANCE_IN_USE,
}
_FILE_SERVICES = frozenset({
    "fileOpen", "fileRead", "fileClose", "fileDirectory", "fileDelete", "fileRename", "obtainFile",
})  # fmt: skip


class SourceRefused(ServiceRefused):
    """A client did not give the file that it wanted to be fetched from it."""


class TooLarge(LocalError):
    """A PDU would be larger than the association has agreed on; nothing was sent."""


class PduSize(ServiceRefused):
    """The server's answer would be larger than the association has agreed on: ask for less at once."""


def data_access_error(error: ServiceError) -> int:
    """Return the DataAccessError for a service error."""
    return int(TO_DATA_ACCESS.get(error, _D.HARDWARE_FAULT))


def service_error(code: int) -> ServiceError:
    """Return the service error for a DataAccessError, also for a code that MMS does not know."""
    return FROM_DATA_ACCESS.get(code, _E.FAILED_DUE_TO_SERVER_CONSTRAINT)


def confirmed_error(refused: ServiceRefused, service: str = "") -> pdu.ServiceError:
    """Return the MMS service error that a confirmed service is refused with; file services have their own."""
    if service in _FILE_SERVICES and refused.error in _FILE:
        return _file_error(refused, service)
    error_class, code = _OF_SERVICE.get((service, refused.error)) or _CONFIRMED_BACK.get(refused.error, ("others", 1))
    return pdu.ServiceError((error_class, int(code)))  # type: ignore[arg-type]


def _file_error(refused: ServiceRefused, service: str) -> pdu.ServiceError:
    code = int(_FILE[refused.error])
    if service != "obtainFile":
        return pdu.ServiceError(("file", code))
    side = pdu.ObtainFileError.SOURCE_FILE
    if not isinstance(refused, SourceRefused):
        side = pdu.ObtainFileError.DESTINATION_FILE
        if refused.error is ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT:
            code = int(_F.INSUFFICIENT_SPACE_IN_FILESTORE)
    return pdu.ServiceError(("file", code), service_specific_info=("obtainFile", int(side)))


def refusal(error: pdu.ServiceError, where: str) -> ServiceRefused:
    """Return what a client raises for an MMS service error."""
    error_class, code = error.error_class
    known = _FROM_FILE.get(code) if error_class == "file" else _CONFIRMED.get((error_class, code))
    found = known or _E.FAILED_DUE_TO_SERVER_CONSTRAINT
    kind = PduSize if (error_class, code) == ("service", pdu.ServiceProblem.PDU_SIZE) else ServiceRefused
    if error.additional_description:
        return kind(found, error.additional_description, where=where)
    said = next((each.name for each in _F if error_class == "file" and each == code), found.name)
    return kind(found, f"{said.lower().replace('_', ' ')} (MMS {error_class} {code})", where=where)


def add_cause(code: int) -> AddCause:
    """Return the additional cause of a number, `UNKNOWN` for one that the standard does not have."""
    return AddCause(code) if 0 <= code < len(AddCause) else AddCause.UNKNOWN
