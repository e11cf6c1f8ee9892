"""Control over MMS (8-1 clause 20, second-hand; checked against a recording of all control models)."""

from __future__ import annotations

import attrs

from ...common.errors import Malformed
from ..acsi.errors import AddCause
from ..acsi.references import FC, Reference
from ..acsi.services import CommandTermination, Operate, Origin, OriginCategory
from ..acsi.types import Basic, BasicType, DataValue, EntryTime, Structure, Timestamp, TypeDescription
from ..mms import pdu
from .errors import add_cause
from .names import from_full_text, full_text, reference
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


def oper_value(request: Operate, description: TypeDescription) -> list[DataValue]:
    """Return the parts of the Oper structure that a server describes, for a command."""
    if not isinstance(description, Structure):
        raise Malformed(f"Oper of {request.control} is no structure")
    time: DataValue = request.time
    if description.component("T") == Basic(BasicType.ENTRYTIME):
        time = EntryTime.of(request.time.datetime)  # as edition 1 has it
    parts: dict[str, DataValue] = {
        "ctlVal": request.value,
        "operTm": request.at,
        "origin": [request.origin.category.value, request.origin.identity],
        "ctlNum": request.number,
        "T": time,
        "Test": request.test,
        "Check": request.check,
    }
    unknown = [name for name, _ in description.components if name not in parts]
    if unknown:
        raise Malformed(f"Oper of {request.control} has a part called {unknown[0]}")
    return [_zero(part) if parts[name] is None else parts[name] for name, part in description.components]


def _zero(description: TypeDescription) -> DataValue:
    """Return what stands for no time at all in operTm."""
    return EntryTime() if description == Basic(BasicType.ENTRYTIME) else Timestamp()


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
    who: list[pdu.Data] = [("integer", error.origin.category.value), encode(error.origin.identity, _OCTETS)]
    structure: list[pdu.Data] = [
        ("visible-string", full_text(error.control.with_fc(FC.CO).child("Oper"))),
        ("integer", error.error),
        ("structure", who),
        ("unsigned", error.number),
        ("integer", int(error.add_cause)),
    ]
    name = pdu.VariableDef(("name", ("vmd-specific", LAST_APPL_ERROR)))
    return information(("listOfVariable", [name]), [("success", ("structure", structure))])


def decode_last_appl_error(result: pdu.AccessResult) -> LastApplError:
    """Return what a LastApplError structure says; raise `Malformed`."""
    match result:
        case ("success", data):
            value = decode(data)
        case _:
            value = None
    match value:
        case [str(name), int(error), [int(category), bytes(identity)], int(number), int(cause)]:
            return LastApplError(
                _object(from_full_text(name)), error, origin(category, identity), number, add_cause(cause)
            )
    raise Malformed("a LastApplError whose parts are not those of one")


def decode_unasked(report: pdu.InformationReport) -> LastApplError | CommandTermination | None:
    """Return what an information report on single variables says; None if it is none of a control."""
    match report.variable_access_specification:
        case ("listOfVariable", variables) if len(variables) == len(report.list_of_access_result):
            pairs = list(zip(variables, report.list_of_access_result, strict=True))
        case _:
            return None
    error, control, value = None, None, None
    for variable, result in pairs:
        match variable.variable_specification:
            case ("name", ("vmd-specific", name)) if name == LAST_APPL_ERROR:
                error = decode_last_appl_error(result)
            case ("name", ("domain-specific", name)):
                control = reference(name.domain_id, name.item_id)
                value = _control_value(result)
    if control is None or control.fc is not FC.CO:
        return error
    return CommandTermination(_object(control), value, error.add_cause if error else None)


def _object(control: Reference) -> Reference:
    """Return the controllable object of `LD/LN$CO$DO$Oper`."""
    path = control.path[:-1] if control.path[-1:] and control.path[-1] in _NAME_PARTS else control.path
    return Reference(control.device, control.node, path)


def _control_value(result: pdu.AccessResult) -> DataValue:
    match result:
        case ("success", ("structure", [first, *_])):
            return decode(first)
    return None
