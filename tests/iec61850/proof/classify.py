"""Which services of table 2 a request stands for, and whether they were answered positively, negatively or both.

A client asks in ACSI requests: `asked`. A server of MMS sees PDUs, from whichever client: `served` knows what IEC
61850-8-1 makes of each service. One MMS request can be the mapping of several services (getNameList of variables is
GetLogicalDeviceDirectory as well as GetLogicalNodeDirectory): it then counts for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from janusgrid.iec61850.acsi.errors import ServiceError
from janusgrid.iec61850.acsi.references import FC
from janusgrid.iec61850.acsi.services import Operate, Request
from janusgrid.iec61850.conformance.services import SERVICES
from janusgrid.iec61850.mms import pdu

Seen = set[tuple[str, bool]]
"""Services with whether the answer was positive."""

_NAMES = {one.name for one in SERVICES}
_BY_REQUEST = {request: one.name for one in SERVICES for request in one.requests}
_PER_OBJECT = {"GetDataValues", "SetDataValues", "GetDataSetValues", "SetDataSetValues", "SetEditSGValue",
               "GetEditSGValue"}  # fmt: skip
"""Services that are answered object by object."""


# --- what a client asks -----------------------------------------------------------------------------------------------


def asked(request: Request[Any]) -> str | None:
    """Return the service that a request asks for; None if it is none of the table."""
    kind = type(request).__name__
    if kind in ("GetRCBValues", "SetRCBValues"):
        rcb = request.rcb  # type: ignore[attr-defined]
        return f"{kind[:3]}{'BRCB' if rcb.fc is FC.BR else 'URCB'}Values"
    if isinstance(request, Operate) and request.at is not None:
        return "TimeActivatedOperate"
    return kind if kind in _NAMES else _BY_REQUEST.get(kind)


def answered(service: str, answer: Any) -> Seen:
    """Return what a response says of a service: one that answers object by object can do well and badly at once."""
    if service not in _PER_OBJECT:
        return {(service, True)}
    return {(service, one is ServiceError.NO_ERROR or not isinstance(one, ServiceError)) for one in answer}


# --- what a server of MMS is asked ------------------------------------------------------------------------------------

_CLASS = pdu.BasicObjectClass
_BLOCKS = {"RP": "URCB", "BR": "BRCB", "LG": "LCB", "GO": "GoCB", "MS": "MSVCB", "US": "USVCB"}
_OF_LOG = {"OldEntrTm", "NewEntrTm", "OldEntr", "NewEntr"}
_GROUPS = {"ActSG": "SelectActiveSG", "EditSG": "SelectEditSG", "CnfEdit": "ConfirmEditSGValues"}
_SIMPLE = {
    "getVariableAccessAttributes": ("GetDataDefinition", "GetDataDirectory"),
    "getNamedVariableListAttributes": ("GetDataSetDirectory",),
    "defineNamedVariableList": ("CreateDataSet",),
    "deleteNamedVariableList": ("DeleteDataSet",),
    "fileOpen": ("GetFile",),
    "fileRead": ("GetFile",),
    "fileClose": ("GetFile",),
    "fileDelete": ("DeleteFile",),
    "obtainFile": ("SetFile",),
}


def served(request: pdu.ConfirmedRequestPDU, answer: pdu.MMSpdu) -> Seen:
    """Return what a server has shown of the table by answering a request in this way."""
    kind, argument = request.service
    if kind in ("read", "write"):
        return set(_accessed(kind, argument, answer))
    return {(name, _positive(kind, answer)) for name in _names(kind, argument)}


def _positive(kind: str, answer: pdu.MMSpdu) -> bool:
    match answer:
        case ("confirmed-ResponsePDU", response):
            if kind == "deleteNamedVariableList":
                return bool(response.service[1].number_deleted)
            return True
    return False


def _names(kind: str, argument: Any) -> Iterable[str]:
    match kind:
        case "getNameList":
            return _listed(argument)
        case "readJournal":
            return ("QueryLogAfter" if argument.entry_to_start_after is not None else "QueryLogByTime",)
        case "fileDirectory":
            return ("GetFileAttributeValues", "GetServerDirectory")
    return _SIMPLE.get(kind, ())


def _listed(argument: pdu.GetNameListRequest) -> Iterable[str]:
    match argument.object_class[1], argument.object_scope[0]:
        case _CLASS.DOMAIN, "vmdSpecific":
            return ("GetServerDirectory",)
        case _CLASS.NAMED_VARIABLE, "domainSpecific":
            return ("GetLogicalDeviceDirectory", "GetLogicalNodeDirectory", "GetDataDirectory")
        case ((_CLASS.NAMED_VARIABLE_LIST | _CLASS.JOURNAL), "domainSpecific"):
            return ("GetLogicalNodeDirectory",)
    return ()


def _accessed(kind: str, argument: Any, answer: pdu.MMSpdu) -> Iterator[tuple[str, bool]]:
    access, named = argument.variable_access_specification
    if access == "variableListName":
        for good, _ in _results(kind, answer, 1):
            yield ("GetDataSetValues" if kind == "read" else "SetDataSetValues"), good
        return
    data = argument.list_of_data if kind == "write" else [None] * len(named)
    if len(data) != len(named):
        return  # no service of the table is asked for like this
    results = list(_results(kind, answer, len(named)))
    for definition, value, (good, found) in zip(named, data, results, strict=True):
        match definition.variable_specification:
            case ("name", ("domain-specific", name)):
                parts = name.item_id.split("$")
                for service in _read(parts) if kind == "read" else _written(parts, value):
                    # An SBO that is read is an empty text where the selection was refused.
                    yield service, good and (service, found) != ("Select", ("visible-string", ""))


def _results(kind: str, answer: pdu.MMSpdu, count: int) -> Iterator[tuple[bool, Any]]:
    """Yield for each object whether it went well, and its value."""
    match answer:
        case ("confirmed-ResponsePDU", response):
            results: Any = response.service[1]
            for how, value in results.list_of_access_result if kind == "read" else results:
                yield how == "success", value
        case _:
            yield from [(False, None)] * count


def _read(parts: list[str]) -> Iterable[str]:
    match parts:
        case [_, _]:
            return ("GetAllDataValues",)
        case ["LLN0", "SP", "SGCB", *_]:
            return ("GetSGCBValues",)
        case [_, "LG", _, *below]:
            status = not below or below[0] in _OF_LOG
            return ("GetLCBValues", "GetLogStatusValues") if status else ("GetLCBValues",)
        case [_, fc, _, *_] if fc in _BLOCKS:
            return (f"Get{_BLOCKS[fc]}Values",)
        case [_, "SE" | "SG", *_]:
            return ("GetEditSGValue",)
        case [_, "CO", *_, "SBO"]:
            return ("Select",)
        case [_, _, _, *_]:
            return ("GetDataValues",)
    return ()


def _written(parts: list[str], value: Any) -> Iterable[str]:
    match parts:
        case ["LLN0", "SP", "SGCB", name]:
            return (_GROUPS.get(name, "SetDataValues"),)
        case [_, fc, _, *_] if fc in _BLOCKS:
            return (f"Set{_BLOCKS[fc]}Values",)
        case [_, "SE", *_]:
            return ("SetEditSGValue",)
        case [_, "CO", *_, "SBOw"]:
            return ("SelectWithValue",)
        case [_, "CO", *_, "Cancel"]:
            return ("Cancel",)
        case [_, "CO", *_, "Oper"]:
            return ("TimeActivatedOperate" if _for_later(value) else "Operate",)
        case [_, _, _, *_]:
            return ("SetDataValues",)
    return ()


def _for_later(value: pdu.Data) -> bool:
    """Return whether an Oper structure has a time in operTm, which stands between ctlVal and origin."""
    match value:
        case ("structure", [_, (("utc-time" | "binary-time"), time), *_]):
            return any(time[:7])  # what follows is quality
    return False
