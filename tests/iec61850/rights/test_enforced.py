"""What being refused looks like: on the wire, in the audit log, and to whom."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.errors import LocalError
from janusgrid.common.security.role import Role
from janusgrid.iec61850.acsi.errors import AddCause, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import (
    CreateDataSet,
    GetDataSetValues,
    GetDataValues,
    GetServerDirectory,
    Operate,
    Select,
    SetDataValues,
    SetRCBValues,
)
from janusgrid.iec61850.engine import Command
from janusgrid.iec61850.mms import pdu
from janusgrid.iec61850.rights import Rights
from janusgrid.iec61850.rights.table import ConstraintEntry, Entries, Right, RoleEntry
from janusgrid.iec61850.server import Server

from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import Ber, MemoryAssociation

E = ServiceError
RIGHTS = Rights.load()
HZ, LIMIT = ref("MMXU1.Hz.mag.f", "MX"), ref("DGEN1.WMaxRtg.setMag.f", "SP")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server(plant(), rights=RIGHTS)
    yield made
    await made.close()


def over_mms(server: Server, *roles: int) -> MemoryAssociation:
    association = MemoryAssociation(server, Ber(), "10.0.0.1:4711")
    association.association.roles = frozenset(roles)
    return association


async def asked(association: MemoryAssociation, service: Any) -> Any:
    """Return what the server answers to a service: the content of a response or error, or the whole of a reject."""
    request: pdu.MMSpdu = ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, service))
    kind, answer = association.wire.decode(await association.raw(request))
    if kind == "confirmed-ResponsePDU":
        return answer.service  # type: ignore[union-attr]
    return answer.service_error.error_class if kind == "confirmed-ErrorPDU" else (kind, answer)  # type: ignore[union-attr]


def variable(domain: str, item: str) -> pdu.VariableDef:
    return pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific(domain, item))))


def reading(*items: str) -> Any:
    return ("read", pdu.ReadRequest(("listOfVariable", [variable(LD, item) for item in items])))


DENIED = ("failure", int(pdu.DataAccessError.OBJECT_ACCESS_DENIED))
NOT_THERE = ("failure", int(pdu.DataAccessError.OBJECT_NON_EXISTENT))
REFUSED = ("access", int(pdu.AccessError.OBJECT_ACCESS_DENIED))


# --- on the wire ----------------------------------------------------------------------------------------------------


async def test_variables_are_refused_one_by_one(server: Server) -> None:
    association = over_mms(server, Role.INSTALLER)
    items = ["MMXU1$CF$TotW$db", "DGEN1$SP$WMaxRtg$setMag$f", "MMXU1$MX$Hz"]
    data: list[pdu.Data] = [("unsigned", 7), ("boolean", True), ("boolean", True)]
    written = await asked(
        association, ("write", pdu.WriteRequest(("listOfVariable", [variable(LD, item) for item in items]), data))
    )
    assert written == ("write", [("success", None), DENIED, DENIED])


async def test_a_value_of_a_wrong_type_tells_nothing(server: Server) -> None:
    """Whether it may write is asked before what it writes is looked at."""
    association = over_mms(server, Role.VIEWER)
    request = pdu.WriteRequest(("listOfVariable", [variable(LD, "DGEN1$SP$WMaxRtg$setMag$f")]), [("boolean", True)])
    assert await asked(association, ("write", request)) == ("write", [DENIED])
    name: pdu.ObjectName = ("domain-specific", pdu.DomainSpecific(LD, "LLN0$Meas"))
    request = pdu.WriteRequest(("variableListName", name), [("boolean", True)] * 4)
    assert await asked(association, ("write", request)) == ("write", [DENIED] * 4)


@pytest.mark.parametrize(
    "item",
    [
        "MMXU1$MX$Hz",
        "MMXU1$MX$None",
        "MMXU1",
        "XXXX1",
        "XXXX1$MX",
        "$",
        "XXXX1$YY$Z",
        "CSWI1$CO$SwSbo$SBO",
        "A$CO$B$SBO",
    ],
)
async def test_nobody_learns_what_there_is(server: Server, item: str) -> None:
    client = over_mms(server)
    told: list[object] = []
    client._arrive = told.append  # type: ignore[assignment,method-assign]
    answer = await asked(client, reading(item))
    assert answer[1].list_of_access_result == [DENIED]
    for name in (item, "CSWI1$CO$SwDir$Oper"):
        request = pdu.WriteRequest(("listOfVariable", [variable(LD, name)]), [("boolean", True)])
        assert await asked(client, ("write", request)) == ("write", [DENIED])
    assert not told
    local = server.connect()
    for fc in (*FC, None):
        for name in ("MMXU1.Hz", "MMXU1.None", "XXXX1.Y"):
            assert await local.call(GetDataValues((ref(name).with_fc(fc),))) == (E.ACCESS_VIOLATION,)
            assert await local.call(SetDataValues(((ref(name).with_fc(fc), 1),))) == (E.ACCESS_VIOLATION,)


async def test_who_may_look_is_told_that_there_is_nothing(server: Server) -> None:
    answer = await asked(over_mms(server, Role.VIEWER), reading("MMXU1$MX$None", "XXXX1", "MMXU1$MX$Hz$mag$f"))
    assert answer[1].list_of_access_result[:2] == [NOT_THERE, NOT_THERE]
    assert answer[1].list_of_access_result[2][0] == "success"
    answer = await asked(over_mms(server, Role.SECADM), reading("XXXX1", "MMXU1$MX$None", "MMXU1"))
    assert answer[1].list_of_access_result == [NOT_THERE, DENIED, DENIED]


async def test_who_may_read_but_not_look_is_not_told_what_there_is() -> None:
    ours = RIGHTS.entries
    blind = Rights(Entries({"BLIND": RoleEntry(-1, (Right.READ,))}, ours.services, ours.constraints))
    async with Server(plant(), rights=blind) as server:
        local = server.connect(roles=[-1])
        missing = ref("MMXU1.None", "MX")
        assert await local.call(GetDataValues((HZ, missing))) == (50.0, E.ACCESS_VIOLATION)
        answer = await asked(over_mms(server, -1), reading("MMXU1$MX$Hz$mag$f", "MMXU1$MX$None"))
        assert answer[1].list_of_access_result[1] == DENIED
        for name in ("LLN0.Meas", "LLN0.None"):
            with pytest.raises(ServiceRefused) as refused:
                await local.call(GetDataSetValues(ref(name)))
            assert refused.value.error is E.ACCESS_VIOLATION


@pytest.mark.parametrize("service", [("identify", None), ("status", False)])
async def test_what_only_mms_has(server: Server, service: Any) -> None:
    assert (await asked(over_mms(server, Role.SECADM), service))[0] == service[0]
    assert await asked(over_mms(server), service) == REFUSED


async def test_what_nobody_knows_is_rejected_as_ever(server: Server) -> None:
    for association in (over_mms(server), over_mms(server, *Role)):
        kind, answer = await asked(association, ("reportJournalStatus", ("vmd-specific", "x")))
        assert (kind, answer.reject_reason[1]) == ("rejectPDU", int(pdu.ConfirmedRequestReject.UNRECOGNIZED_SERVICE))


async def test_files_have_errors_of_their_own(server: Server, tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("secret")
    server.serve_files(tmp_path, writable=True)
    association = over_mms(server, Role.VIEWER)
    denied = ("file", int(pdu.FileError.FILE_ACCESS_DENIED))
    for service in (
        ("fileOpen", pdu.FileOpenRequest(["a.txt"], 0)), ("fileRead", 1), ("fileClose", 1), ("fileDelete", ["a.txt"]),
        ("fileRename", pdu.FileRenameRequest(["a.txt"], ["b.txt"])), ("fileDirectory", pdu.FileDirectoryRequest()),
        ("obtainFile", pdu.ObtainFileRequest(["x"], ["a.txt"])),
    ):  # fmt: skip
        assert await asked(association, service) == denied
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("way", ["local", "mms"])
async def test_a_command_is_refused_with_its_cause(server: Server, way: str) -> None:
    client = server.connect(roles=[Role.ENGINEER]) if way == "local" else over_mms(server, Role.ENGINEER)
    for request in (Operate(ref("DWGC1.Ena"), True), Select(ref("CSWI1.SwSbo"))):
        with pytest.raises(ServiceRefused) as refused:
            await client.call(request)
        assert (refused.value.error, refused.value.add_cause) == (E.ACCESS_VIOLATION, AddCause.NO_ACCESS_AUTHORITY)


@pytest.mark.parametrize("way", ["local", "mms"])
async def test_an_application_may_say_the_same(server: Server, way: str) -> None:
    """Its rules are finer: who may select this one object, for instance."""

    server.on_operate(f"{LD}/CSWI1.SwSbo")(lambda command: None)

    @server.on_select(f"{LD}/CSWI1.SwSbo")
    def select(command: Command) -> None:
        command.refuse(AddCause.NO_ACCESS_AUTHORITY)

    client = server.connect(roles=[Role.OPERATOR]) if way == "local" else over_mms(server, Role.OPERATOR)
    with pytest.raises(ServiceRefused) as refused:
        await client.call(Select(ref("CSWI1.SwSbo")))
    assert (refused.value.error, refused.value.add_cause) == (E.ACCESS_VIOLATION, AddCause.NO_ACCESS_AUTHORITY)


async def test_a_whole_node_is_for_who_may_read_all_of_it() -> None:
    server = Server(plant(), rights=few())
    answer = await asked(over_mms(server, -1), reading("DGEN1", "DGEN1$ST", "DGEN1$SP"))
    results = answer[1].list_of_access_result
    assert [results[0], results[2]] == [DENIED, DENIED]
    assert results[1][0] == "success"
    await server.close()


# --- what does not come by another door -----------------------------------------------------------------------------


def few() -> Rights:
    """A table in which a role of one's own reads measurands and states only, makes data sets, and has reports."""
    ours = RIGHTS.entries
    constraints = {fc: ConstraintEntry(Right.CONFIG, entry.write) for fc, entry in ours.constraints.items()}
    constraints |= {fc: ConstraintEntry(Right.READ) for fc in (FC.ST, FC.MX)}
    constraints |= {fc: ConstraintEntry(Right.READ, Right.REPORTING) for fc in (FC.RP, FC.BR)}
    role = RoleEntry(-1, (Right.VIEW, Right.READ, Right.DATASET, Right.REPORTING))
    return Rights(Entries({"FEW": role, **ours.roles}, ours.services, constraints))


@pytest.mark.parametrize("way", ["local", "mms"])
async def test_what_may_not_be_read_comes_in_no_report_and_no_data_set(way: str) -> None:
    server = Server(plant(), rights=few())
    client = server.connect(roles=[-1]) if way == "local" else over_mms(server, -1)
    engineer = server.connect(roles=[Role.ENGINEER])
    await engineer.call(CreateDataSet(ref("LLN0.All"), (HZ, LIMIT)))
    assert await client.call(GetDataSetValues(ref("LLN0.All"))) == (50.0, E.ACCESS_VIOLATION)
    for name in (ref("LLN0.Mine"), Reference("@mine")):
        with pytest.raises(ServiceRefused) as refused:
            await client.call(CreateDataSet(name, (HZ, LIMIT)))
        assert refused.value.error is E.ACCESS_VIOLATION
        await client.call(CreateDataSet(name, (HZ,)))
    rcb = ref("LLN0.urcbOne", "RP")
    with pytest.raises(ServiceRefused) as refused:
        await client.call(SetRCBValues(rcb, (("DatSet", f"{LD}/LLN0.All"), ("RptEna", True))))
    assert refused.value.error is E.ACCESS_VIOLATION
    await client.call(SetRCBValues(rcb, (("DatSet", f"{LD}/LLN0.Mine"), ("RptEna", True))))
    await server.close()


# --- who is who -----------------------------------------------------------------------------------------------------


async def test_without_rights_everybody_may_do_everything() -> None:
    server = Server(plant())
    assert await server.connect().call(SetDataValues(((LIMIT, 5.0),))) == (E.NO_ERROR,)
    assert next(iter(server.engine.associations)).permit is None
    with pytest.raises(LocalError, match="mean nothing"):
        Server(plant(), anonymous=[Role.VIEWER])
    await server.close()


@pytest.mark.parametrize(("roles", "may"), [(None, True), ([], True), ([Role.SECADM], False), ([-9], False)])
async def test_anonymous(roles: list[int] | None, may: bool) -> None:
    """Who has proved a role has that, and no longer what everybody has."""
    server = Server(plant(), rights=RIGHTS, anonymous=[Role.VIEWER])
    client = server.connect(roles=roles)
    assert (await client.call(GetDataValues((HZ,))) == (50.0,)) is may
    assert await client.call(SetDataValues(((LIMIT, 5.0),))) == (E.ACCESS_VIOLATION,)
    await server.close()


async def test_roles_are_of_one_association(server: Server) -> None:
    """What one client may do is no other's, however they are mixed."""
    viewer, engineer = over_mms(server, Role.VIEWER), over_mms(server, Role.ENGINEER)
    for value in (1.0, 2.0, 3.0):
        assert await viewer.call(SetDataValues(((LIMIT, 9.0),))) == (E.ACCESS_VIOLATION,)
        assert await engineer.call(SetDataValues(((LIMIT, value),))) == (E.NO_ERROR,)
        assert await viewer.call(GetDataValues((LIMIT,))) == (value,)


# --- the audit log --------------------------------------------------------------------------------------------------


async def test_each_refusal_is_in_the_audit_log(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "janusgrid.audit")
    client = over_mms(server, Role.VIEWER)
    await client.call(SetDataValues(((LIMIT, 5.0),)))
    with pytest.raises(ServiceRefused):
        await server.connect("ems").call(GetServerDirectory())
    with pytest.raises(ServiceRefused):
        await server.connect("ems", roles=[-3]).call(Operate(ref("DWGC1.Ena"), True))
    found = [
        {name: getattr(record, name) for name in ("event", "owner", "peer", "service", "object", "roles")}
        for record in caplog.records
        if record.name == "janusgrid.audit"
    ]
    common = {"event": "access-denied", "owner": "DG750"}
    assert found == [
        common | {"peer": "10.0.0.1:4711", "service": "SetDataValues", "object": str(LIMIT), "roles": ["viewer"]},
        common | {"peer": "ems", "service": "GetServerDirectory", "object": "", "roles": None},
        common | {"peer": "ems", "service": "Operate", "object": f"{LD}/DWGC1.Ena[CO]", "roles": ["-3"]},
    ]


async def test_a_thousand_refusals_are_a_few_lines(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "janusgrid.audit")
    client = server.connect()
    answers = await client.call(GetDataValues(tuple([HZ] * 1000)))
    assert answers == tuple([E.ACCESS_VIOLATION] * 1000)
    assert len(caplog.records) == 20
    assert server.engine.doorkeeper is not None
    assert server.engine.doorkeeper.trail.counts == {"access-denied": 1000}
