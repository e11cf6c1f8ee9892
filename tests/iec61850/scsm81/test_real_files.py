"""Every real SCL file is served, and browsed to the last attribute by two peers' clients and by ours, without an error.

What a file has wrong is said when it is read (`tests/iec61850/scl/test_real_files.py`) and left out of what is served:
no error is left for a client to see.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from janusgrid.iec61850 import Ied, Server, connect
from janusgrid.iec61850.acsi.references import FC
from janusgrid.iec61850.acsi.services import AcsiClass
from janusgrid.iec61850.acsi.types import BasicType, DataValue
from janusgrid.iec61850.model.nodes import LogicalNode, Model
from janusgrid.iec61850.scl import servers

from tests.iec61850.scl.soundness import leaves
from tests.iec61850.scl.test_real_files import FILES
from tests.iec61850.scsm81 import peers

SERVED = [path for path in FILES if servers(path) and path.name != "Annex D - SCL example.scd"]  # there twice
EACH = pytest.mark.parametrize("path", SERVED, ids=lambda path: path.name)
pytestmark = pytest.mark.usefixtures("shared")

CLASSES = {
    "DO": AcsiClass.DATA_OBJECT,
    "DS": AcsiClass.DATA_SET,
    "BR": AcsiClass.BRCB,
    "RP": AcsiClass.URCB,
    "LG": AcsiClass.LCB,
    "GO": AcsiClass.GOCB,
    "MS": AcsiClass.MSVCB,
    "US": AcsiClass.USVCB,
}
UNKNOWN = {"rust": {"MS", "US"}, "libiec": {"MS", "US"}}  # classes that the peer's client does not list
CONSTRAINTS = frozenset(fc.value for fc in FC if fc.value not in {"RP", "BR", "LG", "GO", "MS", "US"})


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[dict[int, Server]]:
    """Give a server for each IED of a file, by the port that it listens on."""
    found: dict[int, Server] = {}
    try:
        for ied, point in servers(path):
            server = Server.from_scl(path, ied=ied, access_point=point)
            found[(await server.start_tcp(port=0)).port] = server
        yield found
    finally:
        for server in found.values():
            await server.close()


@EACH
@pytest.mark.parametrize("peer", ["rust", "libiec"])
async def test_a_peer_reads_every_attribute_of_every_server(peer: str, path: Path) -> None:
    async with serving(path) as served:
        expected = {port: Expected(server.model) for port, server in served.items()}
        found = await peers.run(peer, f"{peer}_browse.py", *served)
        for port, model in expected.items():
            seen = found[str(port)]
            assert seen["failures"] == []
            assert sorted(seen["devices"]) == sorted(model.nodes)
            assert {device: sorted(nodes) for device, nodes in seen["nodes"].items()} == model.nodes
            assert flat(seen["instances"], peer) ^ model.instances(peer) <= model.taken_for_data()
            model.compare({name: value for name, (_, value) in seen["leaves"].items()})


@EACH
async def test_our_client_reads_every_attribute_of_every_server(path: Path) -> None:
    async with serving(path) as served:
        for port, server in served.items():
            expected = Expected(server.model)
            async with connect(f"tcp://127.0.0.1:{port}") as ied:
                assert sorted(await ied.devices()) == sorted(expected.nodes)
                found: dict[str, dict[str, list[str]]] = {}
                for device, nodes in expected.nodes.items():
                    assert sorted(await ied.nodes(device)) == nodes
                    for node in nodes:
                        found[f"{device}/{node}"] = await _of_node(ied, f"{device}/{node}")
                assert flat(found, "") ^ expected.instances("") == set()
                expected.compare(await _values(ied, [name for name in expected.leaves if not name.endswith("[SE]")]))


async def _of_node(ied: Ied, node: str) -> dict[str, list[str]]:
    found = {name: list(await ied.instances(node, acsi_class)) for name, acsi_class in CLASSES.items()}
    for name in found["DO"]:
        assert set(await ied.directory(f"{node}.{name}"))
        assert await ied.definition(f"{node}.{name}")
    for name in found["DS"]:
        assert len(await ied.members(f"{node}.{name}")) == len(await ied.read_data_set(f"{node}.{name}"))
    assert await ied.read(node)
    return found


async def _values(ied: Ied, names: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for start in range(0, len(names), 200):
        found |= await ied.read_many(names[start : start + 200])
    return found


def flat(found: dict[str, dict[str, list[str]]], peer: str) -> set[tuple[str, str, str]]:
    """Return what there is in each node as node, class and name, without what a peer's client cannot tell."""
    return {
        (node, kind, name)
        for node, of in found.items()
        for kind, names in of.items()
        for name in names
        if kind in CLASSES and kind not in UNKNOWN.get(peer, ())
    }


class Expected:
    """What a client shall find, by the model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.nodes = {device.name: sorted(device.nodes) for device in model.devices.values()}
        self.leaves: dict[str, tuple[BasicType, DataValue]] = {}
        for reference, one in leaves(model):
            assert one.type is not None
            for index in range(one.count) or [None]:  # type: ignore[list-item]
                name = str(reference.with_fc(None)) + (f"({index})" if index is not None else "")
                value = one.value[index] if index is not None and isinstance(one.value, list) else one.value
                for fc in ("SG", "SE") if one.fc is FC.SG else (one.fc.value,):
                    self.leaves[f"{name}[{fc}]"] = (one.type, value)

    def instances(self, peer: str) -> set[tuple[str, str, str]]:
        found = {
            f"{device.name}/{node.name}": _there(node, peer)
            for device in self.model.devices.values()
            for node in device.nodes.values()
        }
        return flat(found, peer)

    def taken_for_data(self) -> set[tuple[str, str, str]]:
        """Return what peers' clients list among data objects: control blocks of setting groups, which are under SP, of
        logs and of sampled values (docs/explanation, interoperability)."""
        groups = {(f"{device}/LLN0", "DO", "SGCB") for device in self.nodes}
        return groups | {(node, "DO", name) for node, kind, name in self.instances("") if kind in {"LG", "MS", "US"}}

    def compare(self, seen: dict[str, Any]) -> None:
        """Check that all was read that there is, and that plain values are those of the file."""
        data = {name: value for name, value in seen.items() if name[-3:-1] in CONSTRAINTS and ".SGCB." not in name}
        wanted = {name for name in self.leaves if name in data or not name.endswith("[SE]")}
        assert set(data) == wanted
        for name, value in data.items():
            kind, own = self.leaves[name]
            if kind is BasicType.FLOAT32 and isinstance(own, float):
                own = struct.unpack(">f", struct.pack(">f", own))[0]
            if isinstance(own, bool | int | float) or (isinstance(own, str) and value is not None):
                assert value == own, name


def _there(node: LogicalNode, peer: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"DO": list(node.objects), "DS": list(node.data_sets)}
    found["LG"] = list(node.logs if peer == "rust" else node.log_controls)  # its client asks for the logs themselves
    for report in node.reports.values():
        names = (
            [f"{report.name}{n:02}" for n in range(1, report.max_instances + 1)] if report.indexed else [report.name]
        )
        found.setdefault("BR" if report.buffered else "RP", []).extend(names)
    for block in node.others:
        sampled = "US" if block.attributes.get("multicast") == "false" else "MS"
        if kind := {"gse": "GO", "smv": sampled}.get(block.kind):
            found.setdefault(kind, []).append(block.name)
    return found
