"""The client of PyPI `pyiec61850-ng` (libiec61850) asks a server with the model of peer.cid for all it can.

libiec_client.py PORT [PASSWORD]; prints what it found as a JSON object.
"""

import json
import os
import sys
import time

from pyiec61850 import pyiec61850 as lib

PORT = int(sys.argv[1])
found: dict[str, object] = {}


def names(answer) -> object:
    """Return the strings of a list that comes with an error, or the error."""
    listed, error = answer if isinstance(answer, (list, tuple)) else (answer, 0)
    if error or not listed:
        return f"error {error}"
    result, element = [], lib.LinkedList_getNext(listed)
    while element:
        result.append(lib.toCharP(lib.LinkedList_getData(element)))
        element = lib.LinkedList_getNext(element)
    lib.LinkedList_destroy(listed)
    return result


def value(answer) -> object:
    """Return a value that comes with an error, or the error."""
    got, error = answer if isinstance(answer, (list, tuple)) else (answer, 0)
    return f"error {error}" if error else got


def connect(password: str | None):
    connection = lib.IedConnection_create()
    if password is not None:
        mms = lib.IedConnection_getMmsConnection(connection)
        secret = lib.AcseAuthenticationParameter_create()
        lib.AcseAuthenticationParameter_setAuthMechanism(secret, lib.ACSE_AUTH_PASSWORD)
        lib.AcseAuthenticationParameter_setPassword(secret, password)
        parameters = lib.MmsConnection_getIsoConnectionParameters(mms)
        lib.IsoConnectionParameters_setAcseAuthenticationParameter(parameters, secret)
    error = lib.IedConnection_connect(connection, "127.0.0.1", PORT)
    return connection, error[-1] if isinstance(error, (list, tuple)) else error


def mms_value(answer):
    """Return a value of the MMS layer, whose errors come in an argument that the binding leaves out."""
    return (answer[0], answer[-1]) if isinstance(answer, (list, tuple)) else (answer, 0 if answer else "unknown")


def wait_for(condition) -> bool:
    """Return whether a condition comes to hold within five seconds."""
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())


reports: list[object] = []


class Handler(lib.RCBHandler):
    """Takes reports, in a thread of the library.

    That thread needs the interpreter, which requests hold while they wait for their answers: a report that comes with
    an answer stops both for ever. So reports are waited for while nothing is asked, and no interrogation is.
    """

    def __init__(self) -> None:
        lib.RCBHandler.__init__(self)

    def trigger(self) -> None:
        report = self._client_report
        values = lib.ClientReport_getDataSetValues(report)
        reports.append(
            [
                lib.ClientReport_getSeqNum(report),
                lib.MmsValue_toFloat(lib.MmsValue_getElement(values, 1)),
                lib.ClientReport_getReasonForInclusion(report, 1),
            ]
        )


ied, error = connect(sys.argv[2] if len(sys.argv) > 2 else None)
found["connect"] = error
if error == lib.IED_ERROR_OK:
    mx, sp, st = lib.IEC61850_FC_MX, lib.IEC61850_FC_SP, lib.IEC61850_FC_ST
    found["devices"] = names(lib.IedConnection_getLogicalDeviceList(ied))
    found["nodes"] = names(lib.IedConnection_getLogicalDeviceDirectory(ied, "PEERLD0"))
    for what, node, kind in (
        ("data", "GGIO1", lib.ACSI_CLASS_DATA_OBJECT),
        ("data sets", "LLN0", lib.ACSI_CLASS_DATA_SET),
        ("report blocks", "LLN0", lib.ACSI_CLASS_URCB),
    ):
        found[what] = names(lib.IedConnection_getLogicalNodeDirectory(ied, f"PEERLD0/{node}", kind))
    found["directory"] = names(lib.IedConnection_getDataDirectory(ied, "PEERLD0/GGIO1.AnIn1"))
    specification = lib.IedConnection_getVariableSpecification(ied, "PEERLD0/GGIO1.AnIn1", mx)[0]
    size = lib.MmsVariableSpecification_getSize(specification)
    found["definition"] = [
        lib.MmsVariableSpecification_getName(
            lib.MmsVariableSpecification_getChildSpecificationByIndex(specification, at)
        )
        for at in range(size)
    ]
    found["float"] = value(lib.IedConnection_readFloatValue(ied, "PEERLD0/GGIO1.AnIn1.mag.f", mx))
    setting = "PEERLD0/GGIO1.Set1.setMag.f"
    lib.IedConnection_writeFloatValue(ied, setting, sp, 1.5)  # as it was before an attempt that failed
    found["setting"] = value(lib.IedConnection_readFloatValue(ied, setting, sp))
    found["write"] = lib.IedConnection_writeFloatValue(ied, setting, sp, 2.5)
    found["written"] = value(lib.IedConnection_readFloatValue(ied, setting, sp))
    found["write refused"] = lib.IedConnection_writeFloatValue(ied, "PEERLD0/GGIO1.AnIn1.mag.f", mx, 2.5)
    found["read refused"] = value(lib.IedConnection_readFloatValue(ied, "PEERLD0/GGIO1.Nothing.mag.f", mx))
    mms = lib.IedConnection_getMmsConnection(ied)
    values, error = mms_value(lib.MmsConnection_readNamedVariableListValues(mms, None, "PEERLD0", "LLN0$Meas", True))
    if error:
        found["data set"] = f"error {error}"
    else:
        parts = [lib.MmsValue_getElement(values, at) for at in range(lib.MmsValue_getArraySize(values))]
        found["data set"] = [lib.MmsValue_toFloat(parts[0]), lib.MmsValue_getBoolean(parts[2])]
    block = lib.ClientReportControlBlock_create("PEERLD0/LLN0.RP.urcb02")
    _, error = lib.IedConnection_getRCBValues(ied, "PEERLD0/LLN0.RP.urcb02", block)
    found["report block"] = (
        f"error {error}"
        if error
        else [
            lib.ClientReportControlBlock_getRptId(block),
            lib.ClientReportControlBlock_getDataSetReference(block),
            lib.ClientReportControlBlock_getConfRev(block),
        ]
    )
    if not error:
        handler, subscriber = Handler(), lib.RCBSubscriber()
        subscriber.setIedConnection(ied)
        subscriber.setRcbReference("PEERLD0/LLN0.RP.urcb02")
        subscriber.setRcbRptId("PEER/urcb")
        subscriber.setEventHandler(handler)
        subscriber.subscribe()
        lib.ClientReportControlBlock_setRptEna(block, True)
        error = lib.IedConnection_setRCBValues(ied, block, lib.RCB_ELEMENT_RPT_ENA, True)
        found["enabled"] = error
        wait_for(lambda: len(reports) >= 3)
        found["reports"] = reports
        lib.ClientReportControlBlock_setRptEna(block, False)
        lib.IedConnection_setRCBValues(ied, block, lib.RCB_ELEMENT_RPT_ENA, True)
    for name in ("SPCSO1", "SPCSO2"):
        control = lib.ControlObjectClient_create(f"PEERLD0/GGIO1.{name}", ied)
        if control is None:
            found[f"operate {name}"] = "no control object"
            continue
        found[f"operate {name}"] = bool(lib.ControlObjectClient_operate(control, lib.MmsValue_newBoolean(True), 0))
        lib.ControlObjectClient_destroy(control)
    found["status"] = value(lib.IedConnection_readBooleanValue(ied, "PEERLD0/GGIO1.SPCSO1.stVal", st))
    other, error = connect(sys.argv[2] if len(sys.argv) > 2 else None)
    found["second"] = error
    lib.IedConnection_abort(other)
    found["aborted"] = wait_for(lambda: lib.IedConnection_getState(other) == lib.IED_STATE_CLOSED)
    lib.IedConnection_destroy(other)
    identity = lib.MmsConnection_identify(lib.IedConnection_getMmsConnection(ied), None)
    found["identify"] = "answered" if identity else "none"
    lib.IedConnection_release(ied)
    found["released"] = wait_for(lambda: lib.IedConnection_getState(ied) == lib.IED_STATE_CLOSED)
print(json.dumps(found, default=str), flush=True)
os._exit(0)  # the binding crashes when it takes itself down after a report
