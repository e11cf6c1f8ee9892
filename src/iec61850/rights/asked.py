"""What a request is to the table of rights: a kind of service, on an object, under a functional constraint.

MMS has fewer services than the ACSI: most control blocks, and commands too, are variables that are read and written.
Services that cannot be told apart there are of one kind here, so that a client may do the same whatever the mapping.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from ..acsi.blocks import (
    BLOCK_FC,
    ConfirmEditSGValues,
    GetEditSGValue,
    GetGoCBValues,
    GetMSVCBValues,
    GetSGCBValues,
    GetUSVCBValues,
    SelectActiveSG,
    SelectEditSG,
    SetEditSGValue,
    SetGoCBValues,
    SetMSVCBValues,
    SetUSVCBValues,
)
from ..acsi.files import DeleteFile, GetFile, GetFileAttributeValues, GetServerFiles, RenameFile, SetFile
from ..acsi.logs import GetLCBValues, GetLogStatusValues, QueryLogAfter, QueryLogByTime, SetLCBValues
from ..acsi.references import FC, Reference
from ..acsi.services import (
    Cancel,
    CreateDataSet,
    DeleteDataSet,
    GetAllDataValues,
    GetDataDefinition,
    GetDataDirectory,
    GetDataSetDirectory,
    GetDataSetValues,
    GetDataValues,
    GetLogicalDeviceDirectory,
    GetLogicalNodeDirectory,
    GetRCBValues,
    GetServerDataSets,
    GetServerDirectory,
    Operate,
    Request,
    Select,
    SelectWithValue,
    SetDataSetValues,
    SetDataValues,
    SetRCBValues,
)


class ServiceKind(StrEnum):
    """Services that can be told apart on every mapping, by the name of the one that stands for them."""

    __hash__ = object.__hash__  # there is one of each; else the name is hashed each time

    GET_DIRECTORY = "GetDirectory"
    """All directories, of data sets too, and GetDataDefinition."""
    GET_DATA_VALUES = "GetDataValues"
    """All that reads: data, data sets (member by member), control blocks, the edit buffer, the status of logs."""
    SET_DATA_VALUES = "SetDataValues"
    """All that writes: data, data sets (member by member), control blocks, the edit buffer; and commands, under CO."""
    CREATE_DATA_SET = "CreateDataSet"
    DELETE_DATA_SET = "DeleteDataSet"
    QUERY_LOG = "QueryLog"
    """QueryLogByTime and QueryLogAfter."""
    GET_FILE_ATTRIBUTES = "GetFileAttributeValues"
    GET_FILE = "GetFile"
    SET_FILE = "SetFile"
    DELETE_FILE = "DeleteFile"
    RENAME_FILE = "RenameFile"
    IDENTIFY = "Identify"
    """Identify and status, which MMS has and the ACSI has not."""


Asked = tuple[ServiceKind, Reference | str | None, FC | None]
"""The kind of service, the object, and the constraint; None for those that have none."""

_K = ServiceKind


def _block(request: Any) -> Asked:
    return _K.GET_DATA_VALUES, request.block, BLOCK_FC[type(request)]


def _set_block(request: Any) -> Asked:
    return _K.SET_DATA_VALUES, request.block, BLOCK_FC[type(request)]


def _settings(request: Any) -> Asked:
    return _K.SET_DATA_VALUES, Reference(request.device, "LLN0", ("SGCB",), FC.SP), FC.SP


def _file(kind: ServiceKind) -> Callable[[Any], Asked]:
    return lambda request: (kind, request.name, None)


def _directory(request: Any) -> Asked:
    return _K.GET_DIRECTORY, None, None


ASKED: dict[type[Request[Any]], Callable[[Any], Asked] | None] = {
    GetServerDirectory: _directory,
    GetLogicalDeviceDirectory: _directory,
    GetLogicalNodeDirectory: _directory,
    GetDataDirectory: _directory,
    GetDataDefinition: _directory,
    GetServerDataSets: _directory,
    GetDataSetDirectory: _directory,
    GetAllDataValues: lambda request: (_K.GET_DATA_VALUES, request.node.with_fc(request.fc), request.fc),
    GetDataValues: None,
    SetDataValues: None,
    GetDataSetValues: None,
    SetDataSetValues: None,
    GetEditSGValue: None,
    SetEditSGValue: None,
    CreateDataSet: lambda request: (_K.CREATE_DATA_SET, request.data_set, None),
    DeleteDataSet: lambda request: (_K.DELETE_DATA_SET, request.data_set, None),
    GetRCBValues: lambda request: (_K.GET_DATA_VALUES, request.rcb, request.rcb.fc or FC.RP),
    SetRCBValues: lambda request: (_K.SET_DATA_VALUES, request.rcb, request.rcb.fc or FC.RP),
    GetLCBValues: _block,
    SetLCBValues: _set_block,
    GetGoCBValues: _block,
    SetGoCBValues: _set_block,
    GetMSVCBValues: _block,
    SetMSVCBValues: _set_block,
    GetUSVCBValues: _block,
    SetUSVCBValues: _set_block,
    GetSGCBValues: lambda request: (_K.GET_DATA_VALUES, Reference(request.device, "LLN0", ("SGCB",), FC.SP), FC.SP),
    SelectActiveSG: _settings,
    SelectEditSG: _settings,
    ConfirmEditSGValues: _settings,
    Select: lambda request: (_K.SET_DATA_VALUES, request.control, FC.CO),
    SelectWithValue: lambda request: (_K.SET_DATA_VALUES, request.command.control, FC.CO),
    Operate: lambda request: (_K.SET_DATA_VALUES, request.control, FC.CO),
    Cancel: lambda request: (_K.SET_DATA_VALUES, request.command.control, FC.CO),
    QueryLogByTime: lambda request: (_K.QUERY_LOG, request.log, None),
    QueryLogAfter: lambda request: (_K.QUERY_LOG, request.log, None),
    GetLogStatusValues: lambda request: (_K.GET_DATA_VALUES, request.log, FC.LG),
    GetServerFiles: lambda request: (_K.GET_FILE_ATTRIBUTES, "", None),
    GetFileAttributeValues: _file(_K.GET_FILE_ATTRIBUTES),
    GetFile: _file(_K.GET_FILE),
    SetFile: _file(_K.SET_FILE),
    DeleteFile: _file(_K.DELETE_FILE),
    RenameFile: _file(_K.RENAME_FILE),
}
"""What each request asks for; None where that is asked for each reference in it, and answered for each."""
