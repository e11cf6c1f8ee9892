"""The client of PyPI `pyiec61850-ng` (libiec61850) browses whole servers: every name, every type, every attribute.

libiec_browse.py PORT...; prints a JSON object: for each port what there is and what was read, and each failure.
"""

import json
import os
import sys

from pyiec61850 import pyiec61850 as lib

AT_ONCE = 50
BROKEN = (lib.IED_ERROR_NOT_CONNECTED, lib.IED_ERROR_CONNECTION_LOST, lib.IED_ERROR_TIMEOUT)
CLASSES = {
    "DO": lib.ACSI_CLASS_DATA_OBJECT,
    "DS": lib.ACSI_CLASS_DATA_SET,
    "BR": lib.ACSI_CLASS_BRCB,
    "RP": lib.ACSI_CLASS_URCB,
    "LG": lib.ACSI_CLASS_LCB,
    "GO": lib.ACSI_CLASS_GoCB,
    "SG": lib.ACSI_CLASS_SGCB,
    "MS": lib.ACSI_CLASS_MSVCB,
}
VALUES = {
    lib.MMS_BOOLEAN: lib.MmsValue_getBoolean,
    lib.MMS_INTEGER: lib.MmsValue_toInt64,
    lib.MMS_UNSIGNED: lib.MmsValue_toInt64,
    lib.MMS_FLOAT: lib.MmsValue_toDouble,
    lib.MMS_VISIBLE_STRING: lib.MmsValue_toString,
    lib.MMS_STRING: lib.MmsValue_toString,
}


class Lost(Exception):
    """The answer to a request did not come, as it happens with this binding: the run has to begin anew."""


def pair(answer) -> tuple[object, int]:
    """Return what was answered, and the error; the MMS layer of the binding leaves the latter out."""
    if isinstance(answer, (list, tuple)):
        return answer[0], answer[-1]
    return answer, 0 if answer is not None else lib.IED_ERROR_UNKNOWN


def texts(listed) -> list[str]:
    found, element = [], lib.LinkedList_getNext(listed)
    while element:
        found.append(lib.toCharP(lib.LinkedList_getData(element)))
        element = lib.LinkedList_getNext(element)
    lib.LinkedList_destroy(listed)
    return found


class Browse:
    """What one server says of itself."""

    def __init__(self, port: int) -> None:
        self.ied = lib.IedConnection_create()
        if pair(lib.IedConnection_connect(self.ied, "127.0.0.1", port))[1]:
            raise Lost("no association")
        self.mms = lib.IedConnection_getMmsConnection(self.ied)
        self.failures: list[str] = []
        self.leaves: dict[str, object] = {}

    def check(self, what: str, answer) -> object:
        """Return an answer; None, noted, if it is an error."""
        found, error = pair(answer)
        if error in BROKEN or lib.IedConnection_getState(self.ied) != lib.IED_STATE_CONNECTED:
            raise Lost(what)
        if error or found is None:
            self.failures.append(f"{what}: error {error}")
            return None
        return found

    def brought(self, what: str, answer) -> object:
        """Return an answer of the MMS layer, which does not tell a refusal from an answer that did not come."""
        if pair(answer)[0] is None:
            raise Lost(what)
        return self.check(what, answer)

    def names(self, what: str, answer) -> list[str]:
        listed = self.check(what, answer)
        return texts(listed) if listed is not None else []

    def whole(self) -> dict[str, object]:
        devices = self.names("devices", lib.IedConnection_getLogicalDeviceList(self.ied))
        nodes: dict[str, list[str]] = {}
        instances: dict[str, dict[str, list[str]]] = {}
        for device in devices:
            nodes[device] = self.names(device, lib.IedConnection_getLogicalDeviceDirectory(self.ied, device))
            variables = self.names(device, lib.IedConnection_getLogicalDeviceVariables(self.ied, device))
            if any("$SE$" in name for name in variables):  # settings to be edited can be read while a group is
                edit = f"{device}/LLN0.SGCB.EditSG"
                _, error = pair(lib.IedConnection_writeUnsigned32Value(self.ied, edit, lib.IEC61850_FC_SP, 1))
                if error:
                    self.failures.append(f"{edit}: error {error}")
            below: dict[str, list[str]] = {}
            for name in variables:
                below.setdefault(name.rpartition("$")[0], []).append(name)
            typed: list[str] = []
            for node in nodes[device]:
                instances[f"{device}/{node}"] = self.directories(f"{device}/{node}")
                typed += self.node(device, node, below)
            plain = {name for name in variables if name not in below}
            arrays = {name.partition("(")[0] for name in typed if "(" in name}
            told = {name for name in typed if "(" not in name} | arrays
            self.failures += [f"{device}/{name}: not both a name and part of a type" for name in sorted(plain ^ told)]
        lib.IedConnection_close(self.ied)
        found = {"devices": devices, "nodes": nodes, "instances": instances, "leaves": self.leaves}
        return {**found, "failures": self.failures}

    def directories(self, node: str) -> dict[str, list[str]]:
        found = {}
        for name, acsi_class in CLASSES.items():
            answer = lib.IedConnection_getLogicalNodeDirectory(self.ied, node, acsi_class)
            if names := self.names(f"{node} {name}", answer):
                found[name] = names
        for name in found.get("DO", ()):
            self.names(f"{node}.{name}", lib.IedConnection_getDataDirectory(self.ied, f"{node}.{name}"))
        for name in found.get("DS", ()):
            self.data_set(f"{node}.{name}")
        for kind in ("BR", "RP"):
            for name in found.get(kind, ()):
                block = lib.ClientReportControlBlock_create(f"{node}.{kind}.{name}")
                answer = lib.IedConnection_getRCBValues(self.ied, f"{node}.{kind}.{name}", block)
                self.check(f"{node}.{kind}.{name}", (block, pair(answer)[1]))
        return found

    def data_set(self, reference: str) -> None:
        device, _, name = reference.partition("/")
        answer = lib.MmsConnection_readNamedVariableListDirectory(
            self.mms, None, device, name.replace(".", "$", 1), None
        )
        directory = self.brought(f"{reference} directory", answer)
        answer = lib.MmsConnection_readNamedVariableListValues(self.mms, None, device, name.replace(".", "$", 1), True)
        values = self.brought(f"{reference} values", answer)
        if directory is None or values is None:
            return
        size, members = lib.MmsValue_getArraySize(values), lib.LinkedList_size(directory)
        errors = [
            at
            for at in range(size)
            if lib.MmsValue_getType(lib.MmsValue_getElement(values, at)) == lib.MMS_DATA_ACCESS_ERROR
        ]
        if size != members or errors:
            self.failures.append(f"{reference}: {members} members, {size} values, errors at {errors}")

    def node(self, device: str, node: str, below: dict[str, list[str]]) -> list[str]:
        """Read every attribute of a node; return their MMS names."""
        leaves = [leaf for name, specification in self.types(device, node, below) for leaf in flat(specification, name)]
        single = [name for name in leaves if "(" not in name]
        for start in range(0, len(single), AT_ONCE):
            part = single[start : start + AT_ONCE]
            wanted = lib.LinkedList_create()
            for name in part:
                lib.LinkedList_addStringCopy(wanted, name)
            answer = lib.MmsConnection_readMultipleVariables(self.mms, None, device, wanted)
            values = self.brought(f"{device}/{part[0]} and {len(part) - 1} more", answer)
            for at, name in enumerate(part if values is not None else ()):
                self.take(device, name, lib.MmsValue_getElement(values, at))
            if values is not None:
                lib.MmsValue_delete(values)
            lib.LinkedList_destroy(wanted)
        for name in leaves:
            if "(" in name:
                self.element(device, name)
        return leaves

    def types(self, device: str, name: str, below: dict[str, list[str]]):
        """Yield the type of a variable; where it is too large to be told at once, those of its parts."""
        answer = lib.MmsConnection_getVariableAccessAttributes(self.mms, None, device, name)
        specification, _ = pair(answer)
        if specification is not None or name not in below:
            yield name, self.check(f"{device}/{name}", answer)
            return
        for part in below[name]:
            yield from self.types(device, part, below)

    def element(self, device: str, name: str) -> None:
        """Read what is in an array."""
        node, fc, *path = name.split("$")
        constraint = lib.FunctionalConstraint_fromString(fc)
        answer = lib.IedConnection_readObject(self.ied, f"{device}/{node}.{'.'.join(path)}", constraint)
        value = self.check(f"{device}/{name}", answer)
        if value is not None:
            self.take(device, name, value)

    def take(self, device: str, name: str, value) -> None:
        node, fc, *path = name.split("$")
        reference = f"{device}/{'.'.join([node, *path])}[{fc}]"
        kind = lib.MmsValue_getType(value)
        if kind == lib.MMS_DATA_ACCESS_ERROR:
            self.failures.append(f"{reference}: data access error {lib.MmsValue_getDataAccessError(value)}")
        read = VALUES.get(kind)
        self.leaves[reference] = [lib.MmsValue_getTypeString(value), read(value) if read else None]


def flat(specification, name: str):
    """Yield the name of every attribute in a type."""
    if specification is None:
        return
    kind = lib.MmsVariableSpecification_getType(specification)
    if kind == lib.MMS_STRUCTURE:
        for at in range(lib.MmsVariableSpecification_getSize(specification)):
            part = lib.MmsVariableSpecification_getChildSpecificationByIndex(specification, at)
            yield from flat(part, f"{name}${lib.MmsVariableSpecification_getName(part)}")
    elif kind == lib.MMS_ARRAY:
        element = lib.MmsVariableSpecification_getArrayElementSpecification(specification)
        for at in range(lib.MmsVariableSpecification_getSize(specification)):
            yield from flat(element, f"{name}({at})")
    else:
        yield name


def browsed(port: int) -> dict[str, object]:
    """Return what a server says of itself; this client now and then loses its first request, with nothing sent."""
    for _ in range(3):
        try:
            return Browse(port).whole()
        except Lost:
            continue
    return Browse(port).whole()


print(json.dumps({port: browsed(int(port)) for port in sys.argv[1:]}), flush=True)
os._exit(0)  # the binding crashes now and then when it takes itself down
