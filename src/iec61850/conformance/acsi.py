"""The conformance statement to IEC 61850-7-2 (annex A): basics, models and services, by role.

The numbers of the rows are those of published statements (second-hand). What is supported is read off the two sides:
the requests that the engine answers and the client makes, and what a probe of reports brings.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..acsi.services import Reason
from ..engine.control_states import ControlModel
from ..mms.dialect import DIALECTS
from . import probe, sides
from .services import CLIENT, NOT_CARRIED, SERVER, SERVICES
from .table import Table, yes

_ROLES = ("row", "item", "client", "server", "remark")


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    return basics(), models(), services(), control_models()


# --- basics -----------------------------------------------------------------------------------------------------------


def basics() -> Table:
    """Return which roles and mappings there are."""
    client, server = (bool(sides.services(role)) for role in (CLIENT, SERVER))
    forms = ", ".join(DIALECTS)
    rows = (
        ("B11", "Server side of a two-party application association", "-", yes(server), ""),
        ("B12", "Client side of a two-party application association", yes(client), "-", ""),
        ("B21", "SCSM: IEC 61850-8-1", yes(client), yes(server), "MMS in BER over TCP; no GOOSE"),
        ("B22", "SCSM: IEC 61850-9-1", "N", "N", ""),
        ("B23", "SCSM: IEC 61850-9-2", "N", "N", ""),
        ("B24", "SCSM: other", yes(client), yes(server), f"IEC 61850-8-2, MMS in XER over XMPP, dialects {forms}"),
        *((row, f"{what} {side}", "N", "N", "")
          for row, what, side in (("B31", "GSE", "publisher"), ("B32", "GSE", "subscriber"),
                                  ("B41", "Sampled values", "publisher"), ("B42", "Sampled values", "subscriber"))),
    )  # fmt: skip
    note = "The dialect 2018 is provisional: the schema of IEC 61850-8-2:2018 is not public."
    return Table("basics", "Basic conformance", _ROLES, rows, note)


# --- models -----------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class Model:
    """A class model: there if all services are that it needs. `publishes` names one that this package never has."""

    row: str
    name: str
    needs: tuple[str, ...] = ()
    publishes: str = ""
    remark: str = ""


MODELS = (
    Model("M1", "Logical device", ("GetServerDirectory", "GetLogicalDeviceDirectory")),
    Model("M2", "Logical node", ("GetLogicalNodeDirectory", "GetAllDataValues")),
    Model("M3", "Data", ("GetDataValues", "SetDataValues", "GetDataDirectory", "GetDataDefinition")),
    Model("M4", "Data set", ("GetDataSetValues", "SetDataSetValues", "CreateDataSet", "DeleteDataSet")),
    Model("M5", "Substitution", ("SetDataValues",), remark="data under SV"),
    Model("M6", "Setting group control", ("SelectActiveSG", "SelectEditSG", "SetEditSGValue", "ConfirmEditSGValues")),
    Model("M7", "Buffered report control", ("Report", "GetBRCBValues", "SetBRCBValues")),
    Model("M8", "Unbuffered report control", ("Report", "GetURCBValues", "SetURCBValues")),
    Model("M9", "Log control", ("GetLCBValues", "SetLCBValues")),
    Model("M10", "Log", ("QueryLogByTime", "QueryLogAfter", "GetLogStatusValues")),
    Model("M11", "Control", ("Select", "SelectWithValue", "Cancel", "Operate", "CommandTermination")),
    Model("M12", "GOOSE", publishes="SendGOOSEMessage", remark="control blocks only"),
    Model("M13", "GSSE", publishes="SendGSSEMessage"),
    Model("M14", "Multicast sampled values", publishes="SendMSVMessage", remark="control blocks only"),
    Model("M15", "Unicast sampled values", publishes="SendUSVMessage", remark="control blocks only"),
    Model("M16", "Time", ("TimeSynchronization",), remark="as a client of SNTP servers"),
    Model("M17", "File transfer", ("GetFile", "SetFile", "DeleteFile", "GetFileAttributeValues")),
)

OPTIONS = {
    "M7": ("SqNum", "TimeOfEntry", "ReasonCode", "DatSet", "DataRef", "BufOvfl", "EntryID", "BufTm", "IntgPd", "GI",
           "ConfRev"),
    "M8": ("SqNum", "TimeOfEntry", "ReasonCode", "DatSet", "DataRef", "BufTm", "IntgPd", "GI", "ConfRev"),
}  # fmt: skip
"""What a report control block can be able to do, in the order of the rows; named as the fields and attributes are."""
_BLOCKS = {"M7": "brcb", "M8": "urcb"}
_ATTRIBUTES = frozenset({"BufTm", "IntgPd", "GI"})


def has(role: str, model: Model) -> bool:
    """Return whether a role has a model."""
    return not model.publishes and sides.services(role).issuperset(model.needs)


def models() -> Table:
    """Return which class models there are, with what reports can hold."""
    return Table("models", "Models", _ROLES, tuple(_model_rows()))


def _model_rows() -> Iterator[tuple[str, ...]]:
    for model in MODELS:
        client = has(CLIENT, model)
        yield model.row, model.name, yes(client), yes(has(SERVER, model)), model.remark
        if model.row in OPTIONS:
            found = probe.reports(_BLOCKS[model.row])
            for number, option in enumerate(OPTIONS[model.row], 1):
                there = option in (found.attributes if option in _ATTRIBUTES else found.fields)
                yield f"{model.row}-{number}", f"· {option}", yes(client), yes(there), ""


# --- services ---------------------------------------------------------------------------------------------------------

ROWS = {
    "GetServerDirectory": "S1", "Associate": "S2", "Abort": "S3", "Release": "S4", "GetLogicalDeviceDirectory": "S5",
    "GetLogicalNodeDirectory": "S6", "GetAllDataValues": "S7", "GetDataValues": "S8", "SetDataValues": "S9, S17",
    "GetDataDirectory": "S10", "GetDataDefinition": "S11", "GetDataSetValues": "S12", "SetDataSetValues": "S13",
    "CreateDataSet": "S14", "DeleteDataSet": "S15", "GetDataSetDirectory": "S16", "SelectActiveSG": "S18",
    "SelectEditSG": "S19", "SetEditSGValue": "S20", "ConfirmEditSGValues": "S21", "GetEditSGValue": "S22",
    "GetSGCBValues": "S23", "Report": "S24, S27", "GetBRCBValues": "S25", "SetBRCBValues": "S26",
    "GetURCBValues": "S28", "SetURCBValues": "S29", "GetLCBValues": "S30", "SetLCBValues": "S31",
    "QueryLogByTime": "S32", "QueryLogAfter": "S33", "GetLogStatusValues": "S34", "GetGoCBValues": "S38",
    "SetGoCBValues": "S39", "GetMSVCBValues": "S46", "SetMSVCBValues": "S47", "GetUSVCBValues": "S49",
    "SetUSVCBValues": "S50", "Select": "S51", "SelectWithValue": "S52", "Cancel": "S53", "Operate": "S54",
    "CommandTermination": "S55", "TimeActivatedOperate": "S56", "GetFile": "S57", "SetFile": "S58",
    "DeleteFile": "S59", "GetFileAttributeValues": "S60", "TimeSynchronization": "T",
}  # fmt: skip
"""The rows of annex A for the services of table 2 (second-hand)."""
_REASONS = {
    "dchg": Reason.DATA_CHANGE, "qchg": Reason.QUALITY_CHANGE, "dupd": Reason.DATA_UPDATE,
    "integrity": Reason.INTEGRITY, "general interrogation": Reason.GENERAL_INTERROGATION,
}  # fmt: skip


def services() -> Table:
    """Return which services each role has."""
    client, server = sides.services(CLIENT), sides.services(SERVER)
    rows: list[tuple[str, ...]] = []
    for service in SERVICES:
        name = service.name
        rows.append((ROWS[name], name, yes(name in client), yes(name in server), service.model))
        if name == "Report":
            for block, number in (("brcb", "S24"), ("urcb", "S27")):
                reasons = probe.reports(block).reasons
                rows += (
                    (
                        f"{number}-{n}" if n < 4 else number,
                        f"· {block.upper()}: {text}",
                        "Y",
                        yes(bool(reasons & one)),
                        "",
                    )
                    for n, (text, one) in enumerate(_REASONS.items(), 1)
                )
    rows += (("", what, "N", "N", "not carried by any mapping here") for what in NOT_CARRIED)
    return Table("services", "Services", _ROLES, tuple(rows))


def control_models() -> Table:
    """Return the control models with their services."""
    rows = []
    for model in ControlModel:
        select = {2: "Select", 4: "SelectWithValue"}.get(model.value, "")
        more = "CommandTermination" if model.enhanced else ""
        asked = [] if not model else [select, "Operate", "Cancel", "TimeActivatedOperate", more]
        rows.append((str(model.value), model.text, ", ".join(filter(None, asked))))
    note = "All are served and used; a client reads the model of an object by itself."
    return Table("controls", "Control models", ("ctlModel", "model", "services"), tuple(rows), note)
