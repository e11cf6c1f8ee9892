"""What the services of MMS are to the table of rights, for the server to ask whether a client may have them."""

from __future__ import annotations

from ..acsi.errors import ServiceError
from ..mms import pdu
from ..rights import Permit, ServiceKind
from .names import reference

NEEDED: dict[str, ServiceKind] = {
    "status": ServiceKind.IDENTIFY,
    "identify": ServiceKind.IDENTIFY,
    "getNameList": ServiceKind.GET_DIRECTORY,
    "getVariableAccessAttributes": ServiceKind.GET_DIRECTORY,
    "getNamedVariableListAttributes": ServiceKind.GET_DIRECTORY,
    "defineNamedVariableList": ServiceKind.CREATE_DATA_SET,
    "deleteNamedVariableList": ServiceKind.DELETE_DATA_SET,
    "readJournal": ServiceKind.QUERY_LOG,
    "fileDirectory": ServiceKind.GET_FILE_ATTRIBUTES,
    "fileOpen": ServiceKind.GET_FILE,
    "fileRead": ServiceKind.GET_FILE,
    "fileClose": ServiceKind.GET_FILE,
    "obtainFile": ServiceKind.SET_FILE,
    "fileDelete": ServiceKind.DELETE_FILE,
    "fileRename": ServiceKind.RENAME_FILE,
}
BY_ITEM = frozenset({"read", "write"})
"""Services that are asked for each variable, and answered for each."""


def need(permit: Permit, service: str, argument: object) -> bool:
    """Raise `ServiceRefused` if a client may not ask for a service; return whether it stands here at all."""
    kind = NEEDED.get(service)
    if kind is not None:
        permit.need(kind, _object(argument))
    return kind is not None or service in BY_ITEM


def absent(permit: Permit, kind: ServiceKind, definition: pdu.VariableDef) -> ServiceError:
    """Return what a client is told of a variable that does not exist: that, if it may know."""
    match definition.variable_specification:
        case ("name", ("domain-specific", name)):
            where = reference(name.domain_id, name.item_id)
        case _:
            where = None
    if where is not None and where.fc is not None and not permit.allows(kind, where, where.fc):
        return ServiceError.ACCESS_VIOLATION
    return permit.absent(where)


def _object(argument: object) -> str:
    """Return what a request is about, for the audit log."""
    match argument:
        case pdu.DefineNamedVariableListRequest(variable_list_name=name) | pdu.ReadJournalRequest(journal_name=name):
            return _name(name)
        case pdu.DeleteNamedVariableListRequest(list_of_variable_list_name=[name, *_]):
            return _name(name)
        case pdu.FileOpenRequest(file_name=parts) | pdu.FileRenameRequest(current_file_name=parts):
            return "".join(parts)
        case pdu.ObtainFileRequest(destination_file=parts) | pdu.FileDirectoryRequest(file_specification=list(parts)):
            return "".join(parts)
        case list(parts):
            return "".join(map(str, parts))
        case (_, name):  # of a list; of a variable there is one tuple more around
            return _name(name if isinstance(name, tuple) else argument)
    return ""


def _name(name: object) -> str:
    match name:
        case (_, pdu.DomainSpecific(domain_id=domain, item_id=item)):
            return f"{domain}/{item}"
        case (_, str(found)):
            return found
    return ""
