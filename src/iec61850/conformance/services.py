"""The services that a mapping carries (IEC TR 61850-80-3 table 2), and where one does not apply, why.

This is the one declared table behind the proof of services in the documentation. Whether a service is announced is not
said here: that is read off the engine and the clients (see `announced`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from ..acsi.services import Request

CLIENT, SERVER = "client", "server"
ROLES = (CLIENT, SERVER)

LOCAL, MMS_8_1, MMS_8_2 = "in process", "8-1", "8-2"
MAPPINGS = (LOCAL, MMS_8_1, MMS_8_2)
"""How a client and a server can be joined: without a wire, by SCSM 8-1 (BER), by SCSM 8-2 (XER)."""


@attrs.frozen(slots=True)
class Service:
    """A service of table 2.

    Attributes:
        name: as IEC 61850-7-2 has it.
        model: the class model that it belongs to.
        requests: names of the request classes that ask for it; none for what is no request.
        unrefused: why there is no negative answer; empty where there is one.
    """

    name: str
    model: str
    requests: tuple[str, ...] = ()
    unrefused: str = ""


def _rows(model: str, *names: str) -> Iterable[Service]:
    return (Service(name, model, (name,)) for name in names)


SERVICES = (
    Service("GetServerDirectory", "Server", ("GetServerDirectory", "GetServerFiles")),
    Service("Associate", "Application association"),
    Service("Abort", "Application association", unrefused="an abort is not answered"),
    Service("Release", "Application association", unrefused="no server here refuses a release"),
    *_rows("Logical device", "GetLogicalDeviceDirectory"),
    *_rows("Logical node", "GetLogicalNodeDirectory", "GetAllDataValues"),
    *_rows("Data", "GetDataValues", "SetDataValues", "GetDataDefinition", "GetDataDirectory"),
    *_rows("Data set", "GetDataSetValues", "SetDataSetValues", "CreateDataSet", "DeleteDataSet", "GetDataSetDirectory"),
    *_rows(
        "Setting group control", "SelectActiveSG", "SelectEditSG", "SetEditSGValue", "ConfirmEditSGValues",
        "GetEditSGValue", "GetSGCBValues",
    ),
    Service("Report", "Reporting", unrefused="a report is not answered"),
    Service("GetBRCBValues", "Reporting", ("GetRCBValues",)),
    Service("SetBRCBValues", "Reporting", ("SetRCBValues",)),
    Service("GetURCBValues", "Reporting", ("GetRCBValues",)),
    Service("SetURCBValues", "Reporting", ("SetRCBValues",)),
    *_rows("Logging", "GetLCBValues", "SetLCBValues", "QueryLogByTime", "QueryLogAfter", "GetLogStatusValues"),
    *_rows("GOOSE", "GetGoCBValues", "SetGoCBValues"),
    *_rows("Sampled values", "GetMSVCBValues", "SetMSVCBValues", "GetUSVCBValues", "SetUSVCBValues"),
    *_rows("Control", "Select", "SelectWithValue", "Cancel", "Operate"),
    Service("CommandTermination", "Control"),
    Service("TimeActivatedOperate", "Control", ("Operate",)),
    Service("TimeSynchronization", "Time", unrefused="an answer that is no time is dropped"),
    *_rows("File transfer", "GetFile", "SetFile", "DeleteFile", "GetFileAttributeValues"),
)  # fmt: skip
"""In the order of table 2; GetDataValue(s) and the pairs for multicast and unicast written out."""

_BESIDE = "SNTP over UDP, beside any association"
NOT_APPLICABLE: dict[tuple[str, str], str] = {("TimeSynchronization", mapping): _BESIDE for mapping in MAPPINGS}
"""Why a service is not carried by a mapping: (service, mapping) to the reason."""

NOT_CARRIED: dict[str, str] = {
    "SendGOOSEMessage, SendMSVMessage, SendUSVMessage": "multicast on a local network: mapped by 8-1 (GOOSE) and 9-2 "
    "onto Ethernet, not onto MMS, and not by 8-2. This package serves their control blocks and publishes nothing.",
    "GetGoReference, GetGOOSEElementNumber, GetMsvReference, GetMSVElementNumber": "management of GOOSE and sampled "
    "values on the local network; not mapped onto MMS, and not by 8-2 (second-hand).",
    "LCB attributes OptFlds and BufTm": "not mapped by 8-1 and 8-2 (second-hand): an LCB has no such components on a "
    "wire.",
}
"""What IEC 61850-7-2 has besides, and why no wire here carries it."""


def service(name: str) -> Service:
    """Return the row of a service."""
    return _BY_NAME[name]


_BY_NAME = {one.name: one for one in SERVICES}


def applicable(name: str, mapping: str) -> bool:
    """Return whether a mapping carries a service."""
    return (name, mapping) not in NOT_APPLICABLE


def announced(known: Iterable[type[Request[Any]]]) -> frozenset[str]:
    """Return the services of the table that a side has which knows these requests.

    What is no request (associations, reports, terminations) comes with what calls for it.
    """
    names = {request.__name__ for request in known}
    found = {one.name for one in SERVICES if one.requests and names.issuperset(one.requests)}
    if found:
        found |= {"Associate", "Abort", "Release"}
    if found & {"SetBRCBValues", "SetURCBValues"}:
        found.add("Report")
    if "Operate" in found:
        found.add("CommandTermination")
    return frozenset(found)
