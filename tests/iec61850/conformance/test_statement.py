"""The conformance statement is held to the behaviour: what it says yes to works, what it says no to does not."""

from __future__ import annotations

import importlib
import pkgutil
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import janusgrid.iec61850
import pytest
from janusgrid.common.errors import JanusGridError
from janusgrid.common.sntp.client import TimeClient
from janusgrid.iec61850.acsi import blocks, files, logs, services
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.services import Reason, Request
from janusgrid.iec61850.acsi.types import BitString, EntryTime
from janusgrid.iec61850.conformance import acsi, classes, limits, mms, probe, sides, statement
from janusgrid.iec61850.conformance.services import CLIENT, NOT_APPLICABLE, ROLES, SERVER, SERVICES, announced
from janusgrid.iec61850.conformance.table import Table
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.catalogue import Catalogue
from janusgrid.iec61850.mapping.files import FileClient
from janusgrid.iec61850.mms import REQUESTS, pdu
from janusgrid.iec61850.model.classes import class_tables
from janusgrid.iec61850.scsm81.client import _PROBES
from janusgrid.iec61850.server import Server

from tests.iec61850.acsi.test_announced import ASKED
from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import Ber, MemoryRig, TcpRig

S = pdu.ServiceSupportOptions


def rows(table: Table, column: str) -> dict[str, str]:
    """Return a column by the cells of the first one that is not the number of a row."""
    place = table.columns.index(column)
    return {row[1]: row[place] for row in table.rows}


# --- services ---------------------------------------------------------------------------------------------------------


def test_every_request_class_is_a_service_of_the_table_or_beside_it() -> None:
    known = {name for one in SERVICES for name in one.requests}
    beside = {"RenameFile", "GetServerDataSets"}  # MMS has them, the ACSI has not
    for room in (services, blocks, files, logs):
        for name, value in vars(room).items():
            if isinstance(value, type) and issubclass(value, Request) and value is not Request:
                assert name in known | beside, f"{name} is in no row of the table"
    assert not known - {one.__name__ for one in sides.client_requests()}
    assert not known - {one.__name__ for one in sides.server_requests()}


def test_what_is_announced_follows_what_is_known() -> None:
    assert announced([]) == frozenset()
    assert "GetServerDirectory" not in announced([services.GetServerDirectory]), "files are a part of it"
    assert announced([services.Operate]) >= {"Operate", "CommandTermination", "TimeActivatedOperate", "Associate"}
    assert "Report" not in announced([services.Operate])
    for role in ROLES:
        assert sides.services(role) == {one.name for one in SERVICES}, "nothing of table 2 is left out"
    assert TimeClient.__name__ == "TimeClient", "which is what TimeSynchronization is announced for"
    assert {name for name, _ in NOT_APPLICABLE} == {sides.TIME}


def test_an_engine_without_files_announces_none() -> None:
    bare = {one.__name__ for one in sides.engine(files=False).services}
    assert "GetFile" not in bare
    read_only = {one.__name__ for one in sides.engine(writable=False).services}
    assert read_only - bare == {"GetFile", "GetFileAttributeValues", "GetServerFiles"}


def test_rows_of_annex_a() -> None:
    assert set(acsi.ROWS) == {one.name for one in SERVICES}
    numbers = [int(found) for text in acsi.ROWS.values() for found in re.findall(r"S(\d+)", text)]
    assert len(numbers) == len(set(numbers))
    left_out = set(range(1, 61)) - set(numbers)
    assert left_out == {35, 36, 37, *range(40, 46), 48}, "GOOSE, GSSE and sampled values themselves"


def test_models_are_there_by_their_services(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows(acsi.models(), "server")
    assert {name for name, there in found.items() if there == "N"} == {
        "GOOSE", "GSSE", "Multicast sampled values", "Unicast sampled values",
    }  # fmt: skip
    monkeypatch.setattr(sides, "services", lambda role: frozenset({"Report", "GetURCBValues", "SetURCBValues"}))
    found = rows(acsi.models(), "client")
    assert (found["Unbuffered report control"], found["Buffered report control"], found["Data"]) == ("Y", "N", "N")


@pytest.mark.parametrize("block", ["brcb", "urcb"])
def test_reports_hold_what_was_seen_in_them(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = probe.reports(block)
    assert ({"EntryID", "BufOvfl"} <= found.fields) is (block == "brcb")
    every = Reason.DATA_CHANGE | Reason.QUALITY_CHANGE | Reason.DATA_UPDATE | Reason.INTEGRITY
    assert found.reasons == every | Reason.GENERAL_INTERROGATION
    monkeypatch.setattr(probe, "_ALL_FIELDS", BitString.of(1, 3, 5, size=10))
    monkeypatch.setattr(probe, "_ALL_TRIGGERS", BitString.of(2, 5, size=6))
    less = probe.reports(block)
    assert less.fields == {"SqNum", "ReasonCode", "DataRef"}, "the probe sees what is not there, too"
    assert less.reasons == Reason.QUALITY_CHANGE | Reason.GENERAL_INTERROGATION


# --- MMS --------------------------------------------------------------------------------------------------------------


def test_mms_services_of_the_server() -> None:
    """That a server announces what it answers is shown on every wire (acsi/test_announced); here, that it is said."""
    found = rows(mms.services(), "server announces")
    with_all = Catalogue(sides.engine()).services
    assert {name for name, there in found.items() if there == "Y"} == {
        one.name.lower().replace("_", " ") for one in with_all
    }
    when = rows(mms.services(), "when")
    assert when["read journal"] == "with logs"
    assert when["file open"].startswith("with files;")
    assert when["obtain file"] == "with files that clients may change"
    assert when["read"] == ""


def samples() -> list[Request[Any]]:
    """Return a request of every kind, answered well or not: it is what is asked that counts."""
    a, c, leaf = services, blocks, ref("DGEN1.WMaxRtg.setMag.f", "SP")
    command = a.Operate(ref("CSWI1.SwSel"), True)
    rcb, block, edit = ref("LLN0.urcbOne", "RP"), ref("LLN0.gcbMeas"), ref("PTUV1.OpDlTmms.setVal", "SE")
    log, now = Reference.parse(f"{LD}/LLN0.Events"), EntryTime.of(datetime(2026, 1, 1, tzinfo=UTC))
    return [
        a.GetServerDirectory(), a.GetServerDataSets(), a.GetLogicalDeviceDirectory(LD),
        a.GetLogicalNodeDirectory(ref("LLN0")),
        a.GetLogicalNodeDirectory(ref("LLN0"), a.AcsiClass.DATA_SET), a.GetAllDataValues(ref("LLN0"), FC.ST),
        a.GetDataDirectory(ref("MMXU1.Hz")), a.GetDataDefinition(ref("MMXU1.Hz", "MX")), a.GetDataValues((leaf,)),
        a.SetDataValues(((leaf, 1.0),)), a.GetDataSetDirectory(ref("LLN0.Meas")), a.GetDataSetValues(ref("LLN0.Meas")),
        a.SetDataSetValues(ref("LLN0.Meas"), ()), a.CreateDataSet(ref("LLN0.New"), (leaf,)),
        a.DeleteDataSet(ref("LLN0.New")), a.GetRCBValues(rcb), a.SetRCBValues(rcb, (("Resv", True),)),
        a.Select(ref("CSWI1.SwSbo")), a.SelectWithValue(command), command, a.Cancel(command),
        c.GetSGCBValues(LD), c.SelectActiveSG(LD, 1), c.SelectEditSG(LD, 1), c.SetEditSGValue(((edit, 5),)),
        c.GetEditSGValue((edit,)), c.ConfirmEditSGValues(LD),
        *(kind(block) for kind in (c.GetGoCBValues, c.GetMSVCBValues, c.GetUSVCBValues)),
        *(kind(block, (("GoEna", True),)) for kind in (c.SetGoCBValues, c.SetMSVCBValues, c.SetUSVCBValues)),
        files.GetServerFiles(), files.SetFile("a.txt", b"text"), files.GetFile("a.txt"),
        files.GetFileAttributeValues("a.txt"), files.RenameFile("a.txt", "b.txt"), files.DeleteFile("b.txt"),
        logs.GetLCBValues(ref("LLN0.lcbMeas")), logs.SetLCBValues(ref("LLN0.lcbMeas"), (("LogEna", True),)),
        logs.GetLogStatusValues(ref("LLN0.lcbMeas")), logs.QueryLogByTime(log, now, now),
        logs.QueryLogAfter(log, bytes(8)),
    ]  # fmt: skip


async def test_mms_services_of_the_client(tmp_path: Path) -> None:
    rig = MemoryRig(Ber())
    rig.server.serve_files(tmp_path, writable=True)
    association = await rig.associate()
    asked: set[str] = set()
    exchange = association.client._exchange

    async def seen(message: pdu.MMSpdu) -> pdu.MMSpdu:
        assert isinstance(message[1], pdu.ConfirmedRequestPDU)
        asked.add(message[1].service[0])
        return await exchange(message)

    association.client._exchange = seen
    requests = samples()
    assert {type(one) for one in requests} == association.client.services, "a sample of every kind is asked"
    for request in requests:
        with suppress(JanusGridError):
            await association.call(request)
    await rig.close()
    kinds = {S(REQUESTS[kind]) for kind in asked} | {S(bit) for bit, _ in _PROBES}
    assert kinds | {S.CONCLUDE} == mms.CLIENT_ASKS


async def test_the_client_concludes() -> None:
    rig = TcpRig()
    association = await rig.associate()
    (served,) = rig.server.engine.associations
    await association.release()
    assert served.ended
    await rig.close()


async def test_what_the_client_answers_to_a_server() -> None:
    client = FileClient(lambda service, where: pytest.fail("nothing is asked"), "server")
    client._offers["a"] = b"text"
    for kind in REQUESTS:
        answer = client.serve(pdu.ConfirmedRequestPDU(1, (kind, ASKED[kind])), 100)  # type: ignore[arg-type]
        assert (answer[0] != "rejectPDU") is (S(REQUESTS[kind]) in mms.CLIENT_SERVES), kind


def test_least_parameters_that_are_accepted() -> None:
    least = {name: cell for name, _, cell in mms.parameters().rows}
    kind, proposal = initiate.request(
        initiate.Limits(int(least["PDU size, octets"]), int(least["outstanding calling"]), int(least["nesting levels"]))
    )
    assert kind == "initiate-RequestPDU"
    initiate.accept(proposal, initiate.Limits())
    for name in (
        "local_detail_calling",
        "proposed_max_serv_outstanding_calling",
        "proposed_data_structure_nesting_level",
    ):
        with pytest.raises(initiate.InitiateRefused):
            initiate.accept(attrs.evolve(proposal, **{name: getattr(proposal, name) - 1}), initiate.Limits())
    detail = attrs.evolve(proposal.init_request_detail, proposed_version_number=int(least["version"]) - 1)
    with pytest.raises(initiate.InitiateRefused):
        initiate.accept(attrs.evolve(proposal, init_request_detail=detail), initiate.Limits())


def test_parameter_blocks_are_those_of_the_answer() -> None:
    table = {row[0]: row[1:] for row in mms.blocks().rows}
    _, proposal = initiate.request(initiate.Limits())
    for one in pdu.ParameterSupportOptions:
        proposed = initiate.bits(initiate.CBB | {one}, 11)
        detail = attrs.evolve(proposal.init_request_detail, proposed_parameter_cbb=proposed)
        _, (_, answer) = initiate.accept(attrs.evolve(proposal, init_request_detail=detail), initiate.Limits())
        settled = initiate.numbers(answer.init_response_detail.negotiated_parameter_cbb)
        assert (one in settled) is (table[one.name][1] == "Y")
        without = attrs.evolve(detail, proposed_parameter_cbb=initiate.bits(initiate.CBB - {one}, 11))
        try:
            initiate.accept(attrs.evolve(proposal, init_request_detail=without), initiate.Limits())
            assert table[one.name][2] == ""
        except initiate.InitiateRefused:
            assert table[one.name][2] == "needed"


# --- classes and limits -----------------------------------------------------------------------------------------------


def test_classes_are_all_there() -> None:
    tables = class_tables()
    listed = [name for space, text in classes.nodes().rows if not space.endswith(":2009") for name in text.split(", ")]
    assert sorted(listed) == sorted(tables.ln_classes())
    assert [row[0] for row in classes.data().rows] == sorted(tables.cdcs())
    assert sum(int(row[2]) for row in classes.namespaces().rows[:-1]) == len(listed)
    judged = [name for _, text in classes.presence().rows for name in text.split(", ")]
    assert len(judged) == len(set(judged)), "a condition is judged, or it is not"


def test_every_record_of_limits_is_in_the_statement() -> None:
    known = {class_ for _, class_ in limits.RECORDS.values()}
    for found in pkgutil.walk_packages(janusgrid.iec61850.__path__, "janusgrid.iec61850."):
        for name, value in vars(importlib.import_module(found.name)).items():
            ours = isinstance(value, type) and value.__module__.startswith("janusgrid.iec61850")
            if ours and name.endswith("Limits") and attrs.has(value):
                assert value in known, f"{name} of {found.name}"


def test_each_limit_says_what_it_is() -> None:
    for table in limits.tables():
        assert table.rows, table.title
        for name, default, what in table.rows:
            assert default, name
            assert what, f"{table.title}: {name}"


def test_limits_are_those_in_force() -> None:
    shown = {(table.key, row[0]): row[1].replace(" ", "") for table in limits.tables() for row in table.rows}
    server = Server(plant())
    assert int(shown["server", "max_associations"]) == server.engine._max_associations
    assert int(shown["associations", "pdu_size"]) == initiate.request(initiate.Limits())[1].local_detail_calling  # type: ignore[union-attr]
    assert timedelta(seconds=float(shown["others", "selection"])) == limits.SELECT_TIMEOUT


def test_descriptions_are_read_from_docstrings() -> None:
    text = """What.

    Attributes:
        one, two: this
            and that.
        three: other.

    More: none.
    """
    assert limits.descriptions(text) == {"one": "this and that", "two": "this and that", "three": "other"}
    assert limits.descriptions(None) == {}


# --- the statement as a whole -----------------------------------------------------------------------------------------


def test_forms_say_the_same() -> None:
    page, text, plain = statement.markdown(), statement.text(), statement.plain()
    assert list(plain) == [part.key for part in statement.PARTS]
    for tables in plain.values():
        for table in tables.values():
            assert f"### {table['title']}\n" in page
            assert f"\n{table['title']}\n" in text
            for row in table["rows"]:
                assert all(row), "each column has a name"
                assert all(len(cell.split("\n")) == 1 for cell in row.values())
    assert statement.text("limits").count("PIXIT") == 1
    assert list(statement.plain("classes")) == ["classes"]
    assert plain["acsi"]["services"]["rows"][0] == {
        "row": "S1", "item": "GetServerDirectory", "client": "Y", "server": "Y", "remark": "Server",
    }  # fmt: skip


def test_a_table_in_columns() -> None:
    table = Table("k", "Title", ("a", "b"), (("`x`", "y|z"), ("long", "")), "see `k`")
    assert table.text() == "Title\nsee k\na     b\nx     y|z\nlong\n"
    assert table.markdown() == "### Title\n\nsee `k`\n\n| a | b |\n| --- | --- |\n| `x` | y\\|z |\n| long |  |\n"
    assert (CLIENT, SERVER) == ROLES
