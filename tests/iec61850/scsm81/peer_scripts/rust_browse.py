"""The client of PyPI `iec61850` browses whole servers: every name, every definition, every attribute, one by one.

rust_browse.py PORT...; prints a JSON object: for each port what there is and what was read, and each failure.
"""

import asyncio
import json
import os
import sys

from iec61850 import FC, AcsiClass, DataAccessFailure, IedConnection

AT_ONCE = 50
CLASSES = ("DS", "BR", "RP", "LG", "GO", "SG")


class Browse:
    """What one server says of itself."""

    def __init__(self, ied: IedConnection) -> None:
        self.ied = ied
        self.failures: list[str] = []
        self.found: dict[str, object] = {"failures": self.failures}
        self.leaves: dict[str, object] = {}

    async def attempt(self, what: str, call) -> object:
        try:
            return await call
        except Exception as error:
            self.failures.append(f"{what}: {type(error).__name__}: {error}")
            return None

    async def whole(self) -> dict[str, object]:
        ied = self.ied
        devices = await ied.get_server_directory()
        model = await ied.get_device_model()
        names = {one["name"]: one["variables"] for one in model["logical_devices"]}
        self.found["devices"] = devices
        self.found["nodes"] = {}
        self.found["instances"] = {}
        for device in devices:
            if any("$SE$" in name for name in names[device]):  # settings to be edited can be read while a group is
                edit = ied.write_uint32(f"{device}/LLN0.SGCB.EditSG", FC.SP, 1)
                await self.attempt(f"{device} edit", edit)
            nodes = await ied.get_logical_device_directory(device)
            self.found["nodes"][device] = nodes
            constraints: dict[str, list[str]] = {}
            for name in names[device]:
                node, fc, *path = name.split("$") + [""] * 2
                if path[0] and not path[1]:
                    constraints.setdefault(f"{device}/{node}.{path[0]}", []).append(fc)
            for node in nodes:
                await self.node(f"{device}/{node}", constraints)
        self.found["leaves"] = self.leaves
        return self.found

    async def node(self, node: str, constraints: dict[str, list[str]]) -> None:
        ied = self.ied
        objects = await self.attempt(node, ied.get_logical_node_directory(node, AcsiClass.DATA_OBJECT)) or []
        there = {"DO": objects}
        for name in CLASSES:
            there[name] = await self.attempt(f"{node} {name}", ied.get_logical_node_directory(node, AcsiClass(name)))
        self.found["instances"][node] = {name: names for name, names in there.items() if names}
        leaves: list[tuple[str, FC, str]] = []
        wholes: list[tuple[str, FC, str]] = []
        for name in objects:
            await self.attempt(f"{node}.{name} directory", ied.get_data_directory(f"{node}.{name}"))
            for fc in (FC(fc) for fc in constraints[f"{node}.{name}"] if fc in set(FC)):
                wholes.append((f"{node}.{name}", fc, ""))
                leaves += await self.definition(f"{node}.{name}", fc)
        await self.read(wholes)
        await self.read(leaves)
        for name in there["DS"] or ():
            await self.data_set(f"{node}.{name}")
        for kind in ("BR", "RP"):
            for name in there[kind] or ():
                await self.attempt(f"{node}.{kind}.{name}", ied.get_rcb_values(f"{node}.{kind}.{name}"))

    async def definition(self, reference: str, fc: FC) -> list[tuple[str, FC, str]]:
        """Return every attribute of data under a constraint with its kind; those in arrays are read at once."""
        specification = await self.attempt(f"{reference}[{fc}]", self.ied.get_variable_specification(reference, fc))
        found = []
        for path, kind, array in flat(specification, reference) if specification is not None else ():
            if array:  # there is one way only, one by one
                self.take(path, fc, kind, await self.attempt(f"{path}[{fc}]", self.ied.read(path, fc)))
            else:
                found.append((path, fc, kind))
        return found

    async def read(self, wanted: list[tuple[str, FC, str]]) -> None:
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            what = f"{part[0][0]}[{part[0][1]}] and {len(part) - 1} more"
            values = await self.attempt(what, self.ied.read_multiple([(path, fc) for path, fc, _ in part]))
            for (path, fc, kind), value in zip(part, values or (), strict=False):
                self.take(path, fc, kind, value)

    def take(self, path: str, fc: FC, kind: str, value: object) -> None:
        """Keep the value of an attribute; a whole, which is of no kind, only has to be there."""
        if isinstance(value, DataAccessFailure):
            self.failures.append(f"{path}[{fc}]: {value.error}")
        elif kind:
            self.leaves[f"{path}[{fc}]"] = [kind, value.hex() if isinstance(value, bytes) else value]

    async def data_set(self, reference: str) -> None:
        directory = await self.attempt(reference, self.ied.get_data_set_directory(reference))
        values = await self.attempt(f"{reference} values", self.ied.get_data_set_values(reference))
        self.failures += [f"{reference}: {one.error}" for one in values or () if isinstance(one, DataAccessFailure)]
        if directory is not None and values is not None and len(directory.members) != len(values):
            self.failures.append(f"{reference}: {len(directory.members)} members, {len(values)} values")


def flat(specification: dict[str, object], path: str, array: bool = False):
    """Yield path and kind of every attribute, and whether it is in an array."""
    if specification["kind"] == "structure":
        for part in specification["components"]:
            yield from flat(part["type"], f"{path}.{part['name']}", array)
    elif specification["kind"] == "array":
        for index in range(specification["element_count"]):
            yield from flat(specification["element_type"], f"{path}({index})", True)
    else:
        yield path, specification["kind"], array


async def main() -> None:
    result = {}
    for port in sys.argv[1:]:
        ied = await IedConnection.connect(f"127.0.0.1:{port}")
        result[port] = await Browse(ied).whole()
        await ied.disconnect()
    print(json.dumps(result), flush=True)
    os._exit(0)  # the native module now and then crashes when the interpreter takes itself down


asyncio.run(main())
