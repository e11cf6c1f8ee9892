"""A client of libiec61850 that does what it is told: see talk.py for how, and the verbs below for what."""

import contextlib
import ctypes
import os

from libiec import BOOL, CLASSES, FCS, INT, LONG, UINT, P, ask, call, callback, listed, made, names, text, tls, value
from talk import No, serve, tell

_FIELDS = {
    "RptID": (1, "RptId", P), "RptEna": (2, "RptEna", BOOL), "Resv": (4, "Resv", BOOL),
    "DatSet": (8, "DataSetReference", P), "OptFlds": (32, "OptFlds", INT), "BufTm": (64, "BufTm", UINT),
    "TrgOps": (256, "TrgOps", INT), "IntgPd": (512, "IntgPd", UINT), "GI": (1024, "GI", BOOL),
    "PurgeBuf": (2048, "PurgeBuf", BOOL), "EntryID": (4096, "EntryId", P),
    "ResvTms": (16384, "ResvTms", ctypes.c_int16), "Owner": (0, "Owner", P),
}  # fmt: skip
_SHOWN = {"ConfRev": ("ConfRev", UINT), "SqNum": ("SqNum", ctypes.c_uint16), "EntryTime": ("EntryTime", LONG)}


class LastApplError(ctypes.Structure):
    _fields_ = (("number", INT), ("error", INT), ("cause", INT))


class Client:
    """One connection, its control objects and its report handlers."""

    def __init__(self) -> None:
        self.connection = None
        self.controls: dict[str, int] = {}
        self.content = b""

    # --- association ------------------------------------------------------------------------------------------------

    def connect(
        self, port: int, password: str | None = None, pems: list[str] | None = None, local: str | None = None
    ) -> None:
        """Connect. Now and then a connection that is there takes no request, nothing of which is sent: then again.

        Such a connection is not ended by closing it either: the server would keep its association.
        """
        for _ in range(5):
            self._connect(port, password, pems, local)
            with contextlib.suppress(No):
                self.status()
                return
            call("IedConnection_destroy", self.connection)
        raise No("connected, but no request is sent")

    def _connect(self, port: int, password: str | None, pems: list[str] | None, local: str | None) -> None:
        configuration = tls(*pems) if pems else None
        if configuration:
            self.connection = call("IedConnection_createWithTlsSupport", configuration, gives=P)
        else:
            self.connection = call("IedConnection_create", gives=P)
        call("IedConnection_setConnectTimeout", self.connection, 5000)
        if local:
            call("IedConnection_setLocalAddress", self.connection, local, 0)
        if password is not None:
            secret = call("AcseAuthenticationParameter_create", gives=P)
            call("AcseAuthenticationParameter_setAuthMechanism", secret, 1)
            call("AcseAuthenticationParameter_setPassword", secret, password)
            parameters = call("MmsConnection_getIsoConnectionParameters", self.mms(), gives=P)
            call("IsoConnectionParameters_setAcseAuthenticationParameter", parameters, secret)
        closed = callback(lambda *_: tell("closed", None), None, P, P)
        call("IedConnection_installConnectionClosedHandler", self.connection, closed, None)
        ask("IedConnection_connect", self.connection, "127.0.0.1", port)

    def mms(self) -> int:
        return call("IedConnection_getMmsConnection", self.connection, gives=P)

    def release(self) -> None:
        ask("IedConnection_release", self.connection)

    def abort(self) -> None:
        ask("IedConnection_abort", self.connection)

    def state(self) -> int:
        return call("IedConnection_getState", self.connection, gives=INT)

    def identify(self) -> list[str]:
        class Identity(ctypes.Structure):
            _fields_ = (("vendor", ctypes.c_char_p), ("model", ctypes.c_char_p), ("revision", ctypes.c_char_p))

        error = INT(0)
        found = call("MmsConnection_identify", self.mms(), ctypes.byref(error), gives=ctypes.POINTER(Identity))
        if error.value or not found:
            raise No(error.value)
        parts = found.contents
        return [parts.vendor.decode(), parts.model.decode(), parts.revision.decode()]

    def status(self) -> list[int]:
        logical, physical, error = INT(-1), INT(-1), INT(0)
        references = [ctypes.byref(item) for item in (error, logical, physical)]
        call("MmsConnection_getServerStatus", self.mms(), *references, 0)
        if error.value:
            raise No(error.value)
        return [logical.value, physical.value]

    # --- data -------------------------------------------------------------------------------------------------------

    def devices(self) -> list[str]:
        return names(ask("IedConnection_getLogicalDeviceList", self.connection, gives=P))

    def nodes(self, device: str) -> list[str]:
        return names(ask("IedConnection_getLogicalDeviceDirectory", self.connection, device, gives=P))

    def directory(self, node: str, acsi_class: str) -> list[str]:
        return names(ask("IedConnection_getLogicalNodeDirectory", self.connection, node, CLASSES[acsi_class], gives=P))

    def parts(self, reference: str, fc: str) -> list[str]:
        found = ask("IedConnection_getDataDirectoryByFC", self.connection, reference, FCS.index(fc), gives=P)
        return names(found)

    def read(self, reference: str, fc: str):
        found = value(ask("IedConnection_readObject", self.connection, reference, FCS.index(fc), gives=P))
        if isinstance(found, dict):
            raise No(found["error"])
        return found

    def write(self, reference: str, fc: str, kind: str, given) -> None:
        ask("IedConnection_writeObject", self.connection, reference, FCS.index(fc), made(kind, given))

    # --- control ----------------------------------------------------------------------------------------------------

    def control(self, reference: str) -> int:
        """Make a control object; return its control model."""
        found = call("ControlObjectClient_create", reference, self.connection, gives=P)
        if not found:
            raise No("no control object")
        self.controls[reference] = found
        ended = callback(lambda *_: tell("termination", [reference, self.last(reference)]), None, P, P)
        call("ControlObjectClient_setCommandTerminationHandler", found, ended, None)
        return call("ControlObjectClient_getControlModel", found, gives=INT)

    def last(self, reference: str) -> list[int]:
        """Return the error, the additional cause and the control number of the last LastApplError."""
        found = call("ControlObjectClient_getLastApplError", self.controls[reference], gives=LastApplError)
        return [found.error, found.cause, found.number]

    def _command(self, name: str, reference: str, *arguments) -> None:
        control = self.controls[reference]
        if not call(f"ControlObjectClient_{name}", control, *arguments, gives=BOOL):
            error = call("ControlObjectClient_getLastError", control, gives=INT)
            raise No([error, self.last(reference)[1]])

    def select(self, reference: str) -> None:
        self._command("select", reference)

    def select_with_value(self, reference: str, kind: str, given) -> None:
        self._command("selectWithValue", reference, made(kind, given))

    def operate(self, reference: str, kind: str, given, at: int = 0) -> None:
        """Operate; `at` is a time in milliseconds, 0 for now."""
        self._command("operate", reference, made(kind, given), at)

    def cancel(self, reference: str) -> None:
        self._command("cancel", reference)

    def flags(self, reference: str, test: bool, interlock: bool, synchro: bool) -> None:
        control = self.controls[reference]
        call("ControlObjectClient_setTestMode", control, int(test))
        call("ControlObjectClient_setInterlockCheck", control, int(interlock))
        call("ControlObjectClient_setSynchroCheck", control, int(synchro))

    def origin(self, reference: str, identity: str, category: int) -> None:
        call("ControlObjectClient_setOrigin", self.controls[reference], identity, category)

    # --- reports ----------------------------------------------------------------------------------------------------

    def _block(self, reference: str) -> int:
        return ask("IedConnection_getRCBValues", self.connection, reference, None, gives=P)

    def block(self, reference: str) -> dict[str, object]:
        found = self._block(reference)
        shown: dict[str, object] = {}
        fields = {name: (getter, kind) for name, (_, getter, kind) in _FIELDS.items()} | _SHOWN
        for name, (getter, kind) in fields.items():
            got = call(f"ClientReportControlBlock_get{getter}", found, gives=kind)
            shown[name] = value(got) if name in ("EntryID", "Owner") else text(got) if kind is P else got
        call("ClientReportControlBlock_destroy", found)
        return shown

    def set_block(self, reference: str, values: dict[str, object]) -> None:
        found, mask = self._block(reference), 0
        for name, given in values.items():
            bit, setter, kind = _FIELDS[name]
            mask |= bit
            if name == "EntryID":
                given = made("octets", given)
            call(f"ClientReportControlBlock_set{setter}", found, int(given) if kind is BOOL else given)
        try:
            ask("IedConnection_setRCBValues", self.connection, found, mask, 0)
        finally:
            call("ClientReportControlBlock_destroy", found)

    def reports(self, reference: str) -> None:
        """Tell of every report of a block from now on."""
        handler = callback(lambda _, report: tell("report", _report(report)), None, P, P)
        report_id = self.block(reference)["RptID"]
        call("IedConnection_installReportHandler", self.connection, reference, report_id, handler, None)

    def interrogate(self, reference: str) -> None:
        ask("IedConnection_triggerGIReport", self.connection, reference)

    # --- data sets --------------------------------------------------------------------------------------------------

    def create_data_set(self, reference: str, members: list[str]) -> None:
        elements = call("LinkedList_create", gives=P)
        texts = [ctypes.create_string_buffer(member.encode()) for member in members]
        for member in texts:
            call("LinkedList_add", elements, ctypes.cast(member, P))
        ask("IedConnection_createDataSet", self.connection, reference, elements)

    def delete_data_set(self, reference: str) -> bool:
        return ask("IedConnection_deleteDataSet", self.connection, reference, gives=BOOL)

    def members(self, reference: str) -> list[object]:
        deletable = BOOL(False)
        found = ask("IedConnection_getDataSetDirectory", self.connection, reference, ctypes.byref(deletable), gives=P)
        return [names(found), deletable.value]

    def data_set(self, reference: str) -> list[object]:
        found = ask("IedConnection_readDataSetValues", self.connection, reference, None, gives=P)
        return value(call("ClientDataSet_getValues", found, gives=P))

    # --- files ------------------------------------------------------------------------------------------------------

    def files(self, directory: str) -> list[list[object]]:
        found = ask("IedConnection_getFileDirectory", self.connection, directory, gives=P)
        return [
            [
                text(call("FileDirectoryEntry_getFileName", entry, gives=P)),
                call("FileDirectoryEntry_getFileSize", entry, gives=UINT),
                call("FileDirectoryEntry_getLastModified", entry, gives=LONG),
            ]
            for entry in listed(found)
        ]

    def get_file(self, name: str) -> bytes:
        self.content = b""

        def take(_, octets, size) -> bool:
            self.content += ctypes.string_at(octets, size)
            return True

        ask("IedConnection_getFile", self.connection, name, callback(take, BOOL, P, P, UINT), None, gives=UINT)
        return self.content

    def put_file(self, base: str, source: str, name: str) -> None:
        call("IedConnection_setFilestoreBasepath", self.connection, base)
        ask("IedConnection_setFile", self.connection, source, name)

    def delete_file(self, name: str) -> None:
        ask("IedConnection_deleteFile", self.connection, name)

    def rename_file(self, name: str, new: str) -> None:
        error = INT(0)
        call("MmsConnection_fileRename", self.mms(), ctypes.byref(error), name, new)
        if error.value:
            raise No(error.value)

    # --- GOOSE ------------------------------------------------------------------------------------------------------

    def goose(self, reference: str) -> dict[str, object]:
        found = ask("IedConnection_getGoCBValues", self.connection, reference, None, gives=P)
        shown = {
            name: call(f"ClientGooseControlBlock_get{name}", found, gives=kind)
            for name, kind in (("GoEna", BOOL), ("ConfRev", UINT), ("NdsComm", BOOL), ("MinTime", UINT))
        }
        for name in ("GoID", "DatSet"):
            shown[name] = text(call(f"ClientGooseControlBlock_get{name}", found, gives=P))
        return shown

    def enable_goose(self, reference: str, enabled: bool) -> None:
        found = ask("IedConnection_getGoCBValues", self.connection, reference, None, gives=P)
        call("ClientGooseControlBlock_setGoEna", found, int(enabled))
        ask("IedConnection_setGoCBValues", self.connection, found, 1, 1)


def _report(report) -> dict[str, object]:
    values = call("ClientReport_getDataSetValues", report, gives=P)
    members = value(values)
    reasons = [call("ClientReport_getReasonForInclusion", report, at, gives=INT) for at in range(len(members))]
    shown = {
        "id": text(call("ClientReport_getRptId", report, gives=P)),
        "sequence": call("ClientReport_getSeqNum", report, gives=ctypes.c_uint16),
        "entry": value(call("ClientReport_getEntryId", report, gives=P)),
        "values": {at: members[at] for at, reason in enumerate(reasons) if reason},
        "reasons": {at: reason for at, reason in enumerate(reasons) if reason},
    }
    if call("ClientReport_hasBufOvfl", report, gives=BOOL):
        shown["overflow"] = call("ClientReport_getBufOvfl", report, gives=BOOL)
    if call("ClientReport_hasTimestamp", report, gives=BOOL):
        shown["time"] = call("ClientReport_getTimestamp", report, gives=LONG)
    return shown


client = Client()
serve({name: getattr(client, name) for name in dir(client) if name[0] != "_"})
os._exit(0)
