"""A server of libiec61850 that does what it is told: libiec_serves.py CONFIGURATION PORT [OPTION=VALUE ...].

Options: controls=REFERENCES of what can be commanded, files=DIRECTORY, password=TEXT, ca=, certificate=, key= (TLS),
buffer=OCTETS for buffered reports. Commands are carried out as `behave` says for each object, first as accepted; each
is told of.
"""

import ctypes
import os
import sys
import threading
import time

from libiec import BOOL, FLOAT, INT, P, call, callback, tls, value
from talk import say, serve, tell

OPTIONS = dict(part.split("=", 1) for part in sys.argv[3:])
model = call("ConfigFileParser_createModelFromConfigFileEx", sys.argv[1], gives=P)
if not model:
    sys.exit("the configuration file is not understood")
config = call("IedServerConfig_create", gives=P)
call("IedServerConfig_setEdition", config, 2)
call("IedServerConfig_enableDynamicDataSetService", config, 1)
call("IedServerConfig_enableEditSG", config, 1)
call("IedServerConfig_enableResvTmsForSGCB", config, 1)
call("IedServerConfig_enableResvTmsForBRCB", config, 1)
call("IedServerConfig_enableOwnerForRCB", config, 1)
call("IedServerConfig_setMaxMmsConnections", config, 20)
call("IedServerConfig_setReportBufferSize", config, int(OPTIONS.get("buffer", 65536)))
if "files" in OPTIONS:
    call("IedServerConfig_enableFileService", config, 1)
    call("IedServerConfig_setFileServiceBasePath", config, OPTIONS["files"] + "/")
configuration = tls(OPTIONS["ca"], OPTIONS["certificate"], OPTIONS["key"]) if "ca" in OPTIONS else None
server = call("IedServer_createWithConfig", model, configuration, config, gives=P)
call("IedServer_setLocalIpAddress", server, "127.0.0.1")
call("IedServer_setServerIdentity", server, "MZ", "station", "1.6")
for fc in (2, 3, 4, 5, 7):  # SP, SV, CF, DC, SE
    call("IedServer_setWriteAccessPolicy", server, fc, 0)


def found(reference: str) -> int:
    node = call("IedModel_getModelNodeByShortObjectReference", model, reference, gives=P)
    if not node:
        raise KeyError(reference)
    return node


class Controlled:
    """One controllable object: how it answers, and what it tells."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        self.accepted, self.cause, self.outcome, self.waits, self.after = -1, 0, 1, 0.0, 0
        self.status = call("IedModel_getModelNodeByShortObjectReference", model, f"{reference}.stVal", gives=P)
        self.release = threading.Event()
        node = found(reference)
        check = callback(self.check, INT, P, P, P, BOOL, BOOL)
        call("IedServer_setPerformCheckHandler", server, node, check, None)
        wait = callback(self.wait, INT, P, P, P, BOOL, BOOL)
        call("IedServer_setWaitForExecutionHandler", server, node, wait, None)
        operate = callback(self.operate, INT, P, P, P, BOOL)
        call("IedServer_setControlHandler", server, node, operate, None)
        selected = callback(self.selection, None, P, P, BOOL, INT)
        call("IedServer_setSelectStateChangedHandler", server, node, selected, None)

    def check(self, action, _, given, test, interlock) -> int:
        size = INT(0)
        identity = call("ControlAction_getOrIdent", action, ctypes.byref(size), gives=P)
        tell("command", {
            "object": self.reference, "value": value(given), "test": test, "interlock": interlock,
            "synchro": call("ControlAction_getSynchroCheck", action, gives=BOOL),
            "select": call("ControlAction_isSelect", action, gives=BOOL),
            "number": call("ControlAction_getCtlNum", action, gives=INT),
            "category": call("ControlAction_getOrCat", action, gives=INT),
            "identity": ctypes.string_at(identity, size.value).decode() if identity else None,
        })  # fmt: skip
        if self.accepted == -1 or self.after > 0:
            self.after -= 1
            return -1
        call("ControlAction_setAddCause", action, self.cause)
        return self.accepted

    def wait(self, *_) -> int:
        return 1

    def operate(self, action, _, given, test) -> int:
        if self.waits:
            if self.since is None:
                tell("executing", self.reference)
                self.since = time.monotonic()
            if time.monotonic() - self.since < self.waits:
                return 2
        self.since = None
        if self.outcome != 1:
            call("ControlAction_setAddCause", action, self.cause)
            tell("failed", self.reference)
            return self.outcome
        if self.status and not test:
            call("IedServer_updateBooleanAttributeValue", server, self.status, int(value(given)))
        tell("operated", [self.reference, value(given), test])
        return 1

    since: float | None = None

    def selection(self, _, __, selected, reason) -> None:
        tell("selection", [self.reference, selected, reason])


controlled: dict[str, Controlled] = {}


def behave(
    reference: str, accepted: int = -1, outcome: int = 1, cause: int = 0, waits: float = 0.0, after: int = 0
) -> None:
    """Say how an object answers: `accepted` is the result of the check, of which `after` are passed before, and
    `outcome` that of the execution after `waits`."""
    target = controlled[reference]
    target.after = after
    target.accepted, target.outcome, target.cause, target.waits = accepted, outcome, cause, waits


def update(reference: str, new) -> None:
    """Give an attribute a new value."""
    attribute = found(reference)
    call("IedServer_lockDataModel", server)
    if isinstance(new, bool):
        call("IedServer_updateBooleanAttributeValue", server, attribute, int(new))
    elif isinstance(new, float):
        call("IedServer_updateFloatAttributeValue", server, attribute, FLOAT(new))
    else:
        call("IedServer_updateInt32AttributeValue", server, attribute, new)
    call("IedServer_unlockDataModel", server)


def connections() -> int:
    return call("IedServer_getNumberOfOpenConnections", server, gives=INT)


# --- setting groups ---------------------------------------------------------------------------------------------------

GROUPS = {1: [80.0, 10], 2: [90.0, 20]}
SETTINGS = ("setMag.f", "setVal")


def setting(at: int, edited: bool) -> int:
    """Return the attribute of a setting under SG or SE, which have the same name."""
    data = found(f"LD0/PTUV1.{('StrVal', 'OpDlTmms')[at]}")
    part = call("ModelNode_getChildWithFc", data, SETTINGS[at].split(".")[0], 7 if edited else 6, gives=P)
    return call("ModelNode_getChild", part, "f", gives=P) if at == 0 else part


def put(group: int, edited: bool) -> None:
    call("IedServer_updateFloatAttributeValue", server, setting(0, edited), FLOAT(GROUPS[group][0]))
    call("IedServer_updateInt32AttributeValue", server, setting(1, edited), GROUPS[group][1])


def activate(_, __, group, ___) -> bool:
    tell("activate", group)
    put(group, False)
    return True


def edit(_, __, group, ___) -> bool:
    tell("edit", group)
    if group:
        put(group, True)
    return True


def confirm(_, __, group) -> None:
    GROUPS[group] = [
        call("IedServer_getFloatAttributeValue", server, setting(0, True), gives=FLOAT),
        call("IedServer_getInt32AttributeValue", server, setting(1, True), gives=INT),
    ]
    tell("confirm", [group, *GROUPS[group]])
    if call("IedServer_getActiveSettingGroup", server, block, gives=ctypes.c_uint8) == group:
        put(group, False)


device = call("IedModel_getDeviceByInst", model, "LD0", gives=P)
block = call("LogicalDevice_getSettingGroupControlBlock", device, gives=P)
if block:
    for name, function, gives, takes in (
        ("ActiveSettingGroupChanged", activate, BOOL, (P, P, ctypes.c_uint8, P)),
        ("EditSettingGroupChanged", edit, BOOL, (P, P, ctypes.c_uint8, P)),
        ("EditSettingGroupConfirmation", confirm, None, (P, P, ctypes.c_uint8)),
    ):
        handler = callback(function, gives, *takes)
        call(f"IedServer_set{name}Handler", server, block, handler, None)

for name in OPTIONS["controls"].split(","):
    controlled[name] = Controlled(name)
if "password" in OPTIONS:

    def known(_, secret, __, ___) -> bool:
        if not secret or call("AcseAuthenticationParameter_getAuthMechanism", secret, gives=INT) != 1:
            return False
        size = call("AcseAuthenticationParameter_getPasswordLength", secret, gives=INT)
        password = call("AcseAuthenticationParameter_getPassword", secret, gives=P)
        return ctypes.string_at(password, size).decode() == OPTIONS["password"]

    call("IedServer_setAuthenticator", server, callback(known, BOOL, P, P, P, P), None)
call("IedServer_start", server, int(sys.argv[2]))
if not call("IedServer_isRunning", server, gives=BOOL):
    sys.exit("it does not run")
say(port=int(sys.argv[2]))
serve({"behave": behave, "update": update, "connections": connections})
os._exit(0)
