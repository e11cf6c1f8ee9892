"""Control over MMS (8-1 clause 20, second-hand; checked against a recording of all control models)."""

from __future__ import annotations

import attrs

from ...common.errors import Malformed
from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import (
    CommandTermination,
    Operate,
    Origin,
    OriginCategory,
    Termination,
    TimeActivatedOperateTermination,
)
from ..acsi.types import Basic, BasicType, BitString, DataValue, EntryTime, Structure, Timestamp, TypeDescription
from ..mms import pdu
from .errors import add_cause
from .names import from_full_text, full_text, object_name, reference
from .reports import information
from .values import decode, encode

LAST_APPL_ERROR = "LastApplError"
_OCTETS = Basic(BasicType.OCTET64)
_NAME_PARTS = ("Oper", "SBOw", "SBO", "Cancel")


@attrs.define(slots=True)
class LastApplError:
    """Why a control was refused; it is sent before the negative answer itself."""

    control: Reference
    error: int
    origin: Origin
    number: int
    add_cause: AddCause
    part: str = "Oper"
    """What was written or read: Oper, SBOw, SBO or Cancel."""


def command_value(request: Operate, description: TypeDescription) -> list[DataValue]:
    """Return the parts of the Oper, SBOw or Cancel structure that a server describes, for a command.

    Raises `ServiceRefused` (not-supported) for a command for a later time where there is no part for that.
    """
    if not isinstance(description, Structure):
        raise Malformed(f"Oper of {request.control} is no structure")
    if request.at is not None and description.component("operTm") is None:
        raise ServiceRefused(
            ServiceError.ACCESS_VIOLATION,
            "it has no time-activated control",
            where=str(request.control),
            add_cause=AddCause.NOT_SUPPORTED,
        )
    parts: dict[str, DataValue] = {
        "ctlVal": request.value,
        "operTm": _time(request.at, description.component("operTm")),
        "origin": [request.origin.category.value, request.origin.identity],
        "ctlNum": request.number,
        "T": _time(request.time, description.component("T")),
        "Test": request.test,
        "Check": request.check,
    }
    unknown = [name for name, _ in description.components if name not in parts]
    if unknown:
        raise Malformed(f"Oper of {request.control} has a part called {unknown[0]}")
    return [parts[name] for name, _ in description.components]


def _time(time: Timestamp | None, description: TypeDescription | None) -> DataValue:
    """Return a time as its part holds it, as an EntryTime where edition 1 has that; nothing but zeros for none."""
    if description == Basic(BasicType.ENTRYTIME):
        return time.entry_time if time is not None else EntryTime()
    return time or Timestamp()


def origin(category: int, identity: bytes) -> Origin:
    """Return an originator, its category `NOT_SUPPORTED` for a number that the standard does not have."""
    known = 0 <= category < len(OriginCategory)
    return Origin(OriginCategory(category) if known else OriginCategory.NOT_SUPPORTED, identity)


def command_identity(value: DataValue, description: TypeDescription) -> tuple[Origin, int]:
    """Return originator and control number of an Oper structure, as far as it has them."""
    who, number = Origin(OriginCategory.NOT_SUPPORTED), 0
    if isinstance(value, list) and isinstance(description, Structure) and len(value) == len(description.components):
        for (name, _), part in zip(description.components, value, strict=True):
            match name, part:
                case "origin", [int(category), bytes(identity)]:
                    who = origin(category, identity)
                case "ctlNum", int(number):
                    pass
    return who, number


def encode_last_appl_error(error: LastApplError) -> pdu.MMSpdu:
    """Return the information report that goes before the refusal of a control."""
    return information(*_listed([_last_appl_error(error)]))


def encode_termination(termination: Termination, oper: TypeDescription) -> pdu.MMSpdu:
    """Return the information report that tells of the end of a command, or that one for a later time begins.

    `oper` is the type of its Oper. What goes well repeats the command: with its time when that has come, without at the
    end. A command that failed says why before; one for a later time that does not even begin says only why.
    """
    command, cause = termination.command, termination.add_cause
    found = []
    if cause is not None:
        found.append(_last_appl_error(LastApplError(command.control, 0, command.origin, command.number, cause)))
    if cause is None or isinstance(termination, CommandTermination):
        name = object_name(command.control.with_fc(FC.CO).child("Oper"))
        found.append((pdu.VariableDef(("name", name)), encode(command_value(command, oper), oper)))
    return information(*_listed(found))


def _listed(
    found: list[tuple[pdu.VariableDef, pdu.Data]],
) -> tuple[pdu.VariableAccessSpecification, list[pdu.AccessResult]]:
    return ("listOfVariable", [name for name, _ in found]), [("success", value) for _, value in found]


def _last_appl_error(error: LastApplError) -> tuple[pdu.VariableDef, pdu.Data]:
    who: list[pdu.Data] = [("integer", error.origin.category.value), encode(error.origin.identity, _OCTETS)]
    structure: list[pdu.Data] = [
        ("visible-string", full_text(error.control.with_fc(FC.CO).child(error.part))),
        ("integer", error.error),
        ("structure", who),
        ("unsigned", error.number),
        ("integer", int(error.add_cause)),
    ]
    return pdu.VariableDef(("name", ("vmd-specific", LAST_APPL_ERROR))), ("structure", structure)


def decode_last_appl_error(result: pdu.AccessResult) -> LastApplError:
    """Return what a LastApplError structure says; raise `Malformed`."""
    match result:
        case ("success", data):
            value = decode(data)
        case _:
            value = None
    match value:
        case [str(name), int(error), [int(category), bytes(identity)], int(number), int(cause)]:
            about = from_full_text(name)
            return LastApplError(
                _object(about), error, origin(category, identity), number, add_cause(cause),
                about.path[-1] if about.path else "",
            )  # fmt: skip
    raise Malformed("a LastApplError whose parts are not those of one")


def decode_unasked(report: pdu.InformationReport) -> LastApplError | Termination | None:
    """Return what an information report on single variables says; None if it is none of a control."""
    match report.variable_access_specification:
        case ("listOfVariable", variables) if len(variables) == len(report.list_of_access_result):
            pairs = list(zip(variables, report.list_of_access_result, strict=True))
        case _:
            return None
    error, control, data = None, None, None
    for variable, result in pairs:
        match variable.variable_specification:
            case ("name", ("vmd-specific", name)) if name == LAST_APPL_ERROR:
                error = decode_last_appl_error(result)
            case ("name", ("domain-specific", name)):
                control = reference(name.domain_id, name.item_id)
                data = decode(result[1]) if result[0] == "success" else None
    if control is None or control.fc is not FC.CO:
        return error
    command = _command(_object(control), data)
    if error is None and command.at is not None:
        return TimeActivatedOperateTermination(command)
    return CommandTermination(attrs.evolve(command, at=None), error.add_cause if error else None)


def _object(control: Reference) -> Reference:
    """Return the controllable object of `LD/LN$CO$DO$Oper`."""
    path = control.path[:-1] if control.path[-1:] and control.path[-1] in _NAME_PARTS else control.path
    return Reference(control.device, control.node, path)


def _command(control: Reference, data: DataValue) -> Operate:
    """Return the command that an Oper structure repeats: without its type, but in the order that the parts have."""
    value, *parts = data if isinstance(data, list) and data else [None]
    who, number, times, test, check = Origin(OriginCategory.NOT_SUPPORTED), 0, [Timestamp()], False, BitString(0, 2)
    at = None
    for part in parts:
        match part:
            case [int(category), bytes(identity)]:
                who, at = origin(category, identity), times[1] if len(times) > 1 else None
            case bool():
                test = part
            case int():
                number = part
            case Timestamp():
                times.append(part)
            case EntryTime():
                times.append(part.timestamp)
            case BitString():
                check = part
    later = at is not None and at.seconds  # some servers clear no more of it than that
    return Operate(control, value, who, number, times[-1], test, check, at if later else None)
