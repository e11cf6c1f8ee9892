"""Every role, service and functional constraint: what the table says happens, on every way to a server.

What is expected is read from the data file by a few lines here, and not by the code under test. Whoever is refused is
refused with access-violation, reference by reference where the service answers so, and has changed nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from janusgrid.common import config
from janusgrid.common.resources import resource
from janusgrid.iec61850.acsi.blocks import (
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
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.files import (
    DeleteFile,
    GetFile,
    GetFileAttributeValues,
    GetServerFiles,
    RenameFile,
    SetFile,
)
from janusgrid.iec61850.acsi.logs import GetLCBValues, GetLogStatusValues, QueryLogAfter, QueryLogByTime, SetLCBValues
from janusgrid.iec61850.acsi.ports import ClientAssociation
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import (
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
from janusgrid.iec61850.acsi.types import BasicType as T
from janusgrid.iec61850.acsi.types import BitString, DataValue, Timestamp
from janusgrid.iec61850.engine import Association
from janusgrid.iec61850.model.nodes import DataSet
from janusgrid.iec61850.rights import Rights
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import LD, data, leaf, node, plant, ref
from tests.iec61850.wires import Ber, MemoryRig, Rig, TcpRig, Xer

E = ServiceError
TABLE = config.read(resource("mappings/iec61850/rights.yaml")).data
RIGHTS = Rights.load()
ROLES: dict[str, tuple[int, ...]] = {name: (entry["number"],) for name, entry in TABLE["roles"].items()}
NOBODY: dict[str, tuple[int, ...] | None] = {"nobody": None, "no roles": (), "reserved": (7, 4711), "private": (-1,)}
OTHERS = {"viewer and installer": (0, 3), "operator among unknown": (1, -32768)}
OPER: list[DataValue] = [True, [2, b""], 0, Timestamp(), False, BitString(0, 2)]


def rights_of(roles: Iterable[int] | None) -> set[str]:
    entries = TABLE["roles"].values()
    return {right for entry in entries if entry["number"] in (roles or ()) for right in entry["rights"]}


class Case(NamedTuple):
    """A request, and what it is in the table: a service, or what is read or written under constraints."""

    request: Request[Any]
    service: str = ""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def needed(self) -> list[str | None]:
        """The right for each reference, or for the whole."""
        if self.service:
            return [TABLE["services"].get(self.service)]
        how, fcs = ("read", self.reads) if self.reads else ("write", self.writes)
        return [TABLE["constraints"].get(fc, {}).get(how) for fc in fcs]

    def allowed(self, roles: Iterable[int] | None) -> list[bool]:
        return [right in rights_of(roles) for right in self.needed]


def under(fc: str, of: dict[str, tuple[str, DataValue]]) -> tuple[Reference, DataValue]:
    name, value = of[fc]
    return ref(name, fc), value


DATA: dict[str, tuple[str, DataValue]] = {
    "ST": ("DGEN1.DEROpSt.stVal", 3), "MX": ("MMXU1.Hz.mag.f", 51.0), "SP": ("DGEN1.WMaxRtg.setMag.f", 1.0),
    "SV": ("GGIO1.Ind1.subVal", True), "CF": ("MMXU1.TotW.db", 5), "DC": ("MMXU1.TotW.d", "new"),
    "SG": ("PTUV1.StrVal.setMag.f", 1.0), "SE": ("PTUV1.OpDlTmms.setVal", 5), "SR": ("ZZZZ1.Sr.a", True),
    "OR": ("CSWI1.SwDir.opRcvd", True), "BL": ("ZZZZ1.Bl.a", True), "EX": ("ZZZZ1.Ex.a", "new"),
    "CO": ("DWGC1.Ena.Oper", OPER), "RP": ("LLN0.urcbOne.IntgPd", 500), "BR": ("LLN0.brcbMeas02.IntgPd", 500),
    "LG": ("LLN0.lcbMeas.IntgPd", 500), "GO": ("LLN0.gcbMeas.GoEna", True), "MS": ("LLN0.msvcb.SvEna", True),
    "US": ("LLN0.usvcb.SvEna", True),
}  # fmt: skip
LLN0, URCB, BRCB = ref("LLN0"), ref("LLN0.urcbOne", "RP"), ref("LLN0.brcbMeas02", "BR")
GO, MS, US, LCB, LOG = (ref(f"LLN0.{name}") for name in ("gcbMeas", "msvcb", "usvcb", "lcbMeas", "Events"))
SBO, SBOW = ref("CSWI1.SwSbo"), ref("CSWI1.SwSel")
MIXED = ref("LLN0.Mixed")


def cases() -> Iterator[Case]:
    for request in (
        GetServerDirectory(), GetLogicalDeviceDirectory(LD), GetLogicalNodeDirectory(LLN0), GetServerDataSets(),
        GetDataDirectory(ref("MMXU1.TotW")), GetDataDirectory(ref("MMXU1.TotW", "CF")),
        GetDataDefinition(ref("MMXU1.TotW", "MX")), GetDataSetDirectory(MIXED),
    ):  # fmt: skip
        yield Case(request, "GetDirectory")
    yield Case(GetAllDataValues(ref("MMXU1"), FC.MX), reads=("MX",))
    for fc in FC:
        reference, value = under(fc.value, DATA)
        yield Case(GetDataValues((reference,)), reads=(fc.value,))
        yield Case(SetDataValues(((reference, value),)), writes=(fc.value,))
    everything = tuple(fc.value for fc in FC)
    yield Case(GetDataValues(tuple(under(fc, DATA)[0] for fc in everything)), reads=everything)
    yield Case(SetDataValues(tuple(under(fc, DATA) for fc in everything)), writes=everything)
    yield Case(GetDataSetValues(MIXED), reads=("SP", "CF", "MX"))
    yield Case(SetDataSetValues(MIXED, (2.0, 6, 50.0)), writes=("SP", "CF", "MX"))
    yield Case(CreateDataSet(ref("LLN0.New"), (ref("MMXU1.Hz", "MX"),)), "CreateDataSet")
    yield Case(CreateDataSet(Reference("@own"), (ref("MMXU1.Hz", "MX"),)), "CreateDataSet")
    yield Case(DeleteDataSet(ref("LLN0.Made")), "DeleteDataSet")
    yield Case(GetRCBValues(URCB), reads=("RP",))
    yield Case(GetRCBValues(BRCB), reads=("BR",))
    yield Case(SetRCBValues(URCB, (("IntgPd", 700),)), writes=("RP",))
    yield Case(SetRCBValues(BRCB, (("IntgPd", 700),)), writes=("BR",))
    yield Case(GetLCBValues(LCB), reads=("LG",))
    yield Case(SetLCBValues(LCB, (("IntgPd", 700),)), writes=("LG",))
    yield Case(GetLogStatusValues(LOG), reads=("LG",))
    yield Case(QueryLogByTime(LOG), "QueryLog")
    yield Case(QueryLogAfter(LOG, bytes(8)), "QueryLog")
    yield Case(GetGoCBValues(GO), reads=("GO",))
    yield Case(SetGoCBValues(GO, (("GoEna", False),)), writes=("GO",))
    yield Case(GetMSVCBValues(MS), reads=("MS",))
    yield Case(SetMSVCBValues(MS, (("SvEna", False),)), writes=("MS",))
    yield Case(GetUSVCBValues(US), reads=("US",))
    yield Case(SetUSVCBValues(US, (("SvEna", False),)), writes=("US",))
    yield Case(GetSGCBValues(LD), reads=("SP",))
    yield Case(SelectActiveSG(LD, 1), writes=("SP",))
    yield Case(SelectEditSG(LD, 1), writes=("SP",))
    yield Case(GetEditSGValue((ref("PTUV1.OpDlTmms.setVal", "SE"), ref("PTUV1.StrVal", "SG"))), reads=("SE", "SG"))
    yield Case(SetEditSGValue(((ref("PTUV1.OpDlTmms.setVal", "SE"), 9),)), writes=("SE",))
    yield Case(ConfirmEditSGValues(LD), writes=("SP",))
    yield Case(Select(SBO), writes=("CO",))
    yield Case(SelectWithValue(Operate(SBOW, True)), writes=("CO",))
    yield Case(Cancel(Operate(SBOW, True)), writes=("CO",))
    yield Case(Operate(ref("DWGC1.Ena"), True), writes=("CO",))
    yield Case(GetServerFiles(), "GetFileAttributeValues")
    yield Case(GetFileAttributeValues(""), "GetFileAttributeValues")
    yield Case(GetFile("a.txt"), "GetFile")
    yield Case(SetFile("b.txt", b"new"), "SetFile")
    yield Case(RenameFile("c.txt", "d.txt"), "RenameFile")
    yield Case(DeleteFile("a.txt"), "DeleteFile")


CASES = list(cases())


def model() -> Any:
    made = plant()
    nodes = made.devices[LD].nodes
    nodes["LLN0"].data_sets["Mixed"] = DataSet(
        "Mixed", (ref("DGEN1.WMaxRtg.setMag.f", "SP"), ref("MMXU1.TotW.db", "CF"), ref("MMXU1.Hz.mag.f", "MX"))
    )
    nodes["ZZZZ1"] = node("ZZZZ1", "ZZZZ", *(
        data(fc.value.capitalize(), "TST", leaf("a", fc, kind))
        for fc, kind in ((FC.SR, T.BOOLEAN), (FC.BL, T.BOOLEAN), (FC.EX, T.VISSTRING255))
    ))  # fmt: skip
    nodes["ZZZZ1"].objects["Bl"].children["a"].settable = True  # type: ignore[union-attr]
    return made


WAYS: dict[str, Callable[[], Rig]] = {
    "local": Rig, "ber": lambda: MemoryRig(Ber()), "xer 80-3": lambda: MemoryRig(Xer("80-3")),
     "tcp": TcpRig,
}  # fmt: skip


@pytest_asyncio.fixture(params=WAYS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """A plant with rights, with files, with nothing that it would not carry out."""
    made = WAYS[request.param]()
    made.server = Server(model(), clock=made.clock, rights=RIGHTS)
    for name in ("a.txt", "c.txt"):
        (tmp_path / name).write_text("old")
    made.server.serve_files(tmp_path, writable=True)
    for control in ("DWGC1.Ena", "CSWI1.SwSbo", "CSWI1.SwSel"):
        made.server.on_operate(f"{LD}/{control}")(lambda command: None)
    setup = made.server.connect("setup", roles=[2])
    await setup.call(CreateDataSet(ref("LLN0.Made"), (ref("MMXU1.Hz", "MX"),)))
    await setup.release()
    yield made
    await made.close()


async def associate(rig: Rig, roles: Iterable[int] | None) -> tuple[ClientAssociation, Association]:
    association = await rig.associate()
    at_server = next(reversed(rig.server.engine.associations))
    at_server.roles = None if roles is None else frozenset(roles)
    return association, at_server


def state(rig: Rig, files: Path) -> object:
    """All that a client could have changed."""
    engine = rig.server.engine
    groups = [group for nodes in engine.tree.devices.values() for group in nodes.values()]
    values = [(id(leaf), str(leaf.value)) for group in groups for leaf in group.leaves()]
    sets = [(name, list(node.data_sets)) for name, node in rig.server.model.devices[LD].nodes.items()]
    own = [list(association.data_sets) for association in engine.associations]
    control = [(str(where), each.state, each.owner) for where, each in engine.control._known.items()]
    held = [(name, path.read_bytes()) for name, path in sorted((path.name, path) for path in files.iterdir())]
    return values, sets, list(engine.data_sets.of_server), own, control, held


async def outcome(association: ClientAssociation, request: Request[Any]) -> list[ServiceError] | ServiceError:
    """Return the error of each reference, or of the whole; NO_ERROR for what went well."""
    try:
        answer = await association.call(request)
    except ServiceRefused as refused:
        return refused.error
    if isinstance(request, SetDataValues | SetDataSetValues | SetEditSGValue):
        return list(answer)
    if isinstance(request, GetDataValues | GetDataSetValues | GetEditSGValue):
        return [value if isinstance(value, ServiceError) else E.NO_ERROR for value in answer]
    return E.NO_ERROR


def whole(case: Case, roles: Iterable[int] | None) -> bool:
    """Return whether it is refused as a whole: data sets too, but by those who may look at what there is."""
    if isinstance(case.request, GetDataSetValues | SetDataSetValues):
        return "VIEW" not in rights_of(roles)
    return not isinstance(case.request, GetDataValues | SetDataValues | GetEditSGValue | SetEditSGValue)


async def check(rig: Rig, files: Path, roles: Iterable[int] | None) -> None:
    """Ask for everything; first for what is refused altogether, for then nothing has changed."""
    association, _ = await associate(rig, roles)
    refused = [case for case in CASES if not any(case.allowed(roles))]
    before = state(rig, files)
    for case in refused:
        found = await outcome(association, case.request)
        assert found == (E.ACCESS_VIOLATION if whole(case, roles) else [E.ACCESS_VIOLATION] * len(case.needed)), case
    assert state(rig, files) == before
    for case in CASES:
        allowed = case.allowed(roles)
        if not any(allowed):
            continue
        found = await outcome(association, case.request)
        errors = found if isinstance(found, list) else [found]
        assert [error is not E.ACCESS_VIOLATION for error in errors] == allowed, case
    await association.release()


def test_every_service_is_asked_for(tmp_path: Path) -> None:
    server = Server(model())
    server.serve_files(tmp_path, writable=True)
    assert {type(case.request) for case in CASES} == server.engine.services


def test_every_row_is_asked_for() -> None:
    assert {case.service for case in CASES} - {""} == TABLE["services"].keys() - {"Identify"}
    assert {fc for case in CASES for fc in case.reads} == TABLE["constraints"].keys() == {fc.value for fc in FC}


@pytest.mark.parametrize("roles", ROLES)
async def test_roles(rig: Rig, tmp_path: Path, roles: str) -> None:
    await check(rig, tmp_path, ROLES[roles])


async def test_who_has_no_role_may_do_nothing(rig: Rig, tmp_path: Path) -> None:
    for roles in NOBODY.values():
        assert not any(any(case.allowed(roles)) for case in CASES)
        await check(rig, tmp_path, roles)


async def test_roles_add_up(rig: Rig, tmp_path: Path) -> None:
    for roles in OTHERS.values():
        await check(rig, tmp_path, roles)
