"""The proof of services proves what it says: it sees real calls, on the right wire, and counts only what passed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from janusgrid.common.errors import ConfigError
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.services import (
    GetDataValues,
    GetRCBValues,
    GetServerDirectory,
    Operate,
    Select,
    SetDataValues,
    SetRCBValues,
)
from janusgrid.iec61850.acsi.types import Timestamp
from janusgrid.iec61850.conformance.services import CLIENT, ROLES, SERVER, SERVICES, applicable
from janusgrid.iec61850.mms import pdu

from tests.iec61850.plant import LD, ref
from tests.iec61850.proof import classify
from tests.iec61850.proof.observe import Witness, listening
from tests.iec61850.proof.page import missing, page
from tests.iec61850.proof.results import BESIDE, ROOT, WIRES, Results
from tests.iec61850.wires import Ber, MemoryRig, Rig, TcpRig, Xer

RIGS = {"local": Rig, "ber": lambda: MemoryRig(Ber()), "xer 2018": lambda: MemoryRig(Xer("2018")), "tcp": TcpRig}


@pytest.mark.parametrize("wire", RIGS)
async def test_what_both_sides_did_is_seen(wire: str) -> None:
    witness = Witness()
    with listening(witness):
        rig = RIGS[wire]()
        association = await rig.associate()
        await association.call(GetServerDirectory())
        reads = (ref("MMXU1.Hz.mag.f", "MX"), ref("MMXU1.Nothing", "MX"))
        assert await association.call(GetDataValues(reads)) == (50.0, ServiceError.INSTANCE_NOT_AVAILABLE)
        with pytest.raises(ServiceRefused):
            await association.call(Select(ref("DWGC1.Fixed")))
        block = ref("LLN0.brcbMeas01", "BR")
        await association.call(SetRCBValues(block, (("RptEna", True), ("GI", True))))
        await rig.quiet(association)
        await association.release()
        await rig.close()
    asked = {
        ("Associate", True), ("GetServerDirectory", True), ("GetDataValues", True), ("GetDataValues", False),
        ("SetBRCBValues", True), ("Report", True), ("Release", True),
    }  # fmt: skip
    by_role = {
        role: {(name, good) for name, who, at, good in witness.seen if (who, at) == (role, wire)} for role in ROLES
    }
    assert by_role[CLIENT] == asked | {("Select", False)}
    types = {(name, True) for name in ("GetDataDefinition", "GetDataDirectory")}  # a client looks up types by itself
    assert by_role[SERVER] == asked | ({("Select", False)} if wire == "local" else types)
    assert {at for _, _, at, _ in witness.seen} == {wire}


async def test_nothing_is_left_behind() -> None:
    before = Rig.associate, GetServerDirectory, Witness()
    with listening(before[2]):
        pass
    await (await Rig().associate()).call(GetServerDirectory())
    assert not before[2].seen


async def test_what_cannot_be_told_is_kept_and_never_reaches_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    witness = Witness()
    for name in ("served", "answered"):
        monkeypatch.setattr(classify, name, _fault)
    with listening(witness):
        for rig in (Rig(), MemoryRig(Ber())):
            association = await rig.associate()
            assert await association.call(GetServerDirectory()) == (LD,)
            await rig.close()
    assert {name for name, *_ in witness.seen} == {"Associate"}
    assert len(witness.faults) == 4, "at both sides of both wires"
    assert all("RuntimeError: planted" in fault for fault in witness.faults)
    witness.begin(awake=False)
    with listening(witness):
        association = await Rig().associate()
        await association.call(GetServerDirectory())
    assert not witness.seen
    assert not witness.faults


def _fault(*_: object) -> classify.Seen:
    raise RuntimeError("planted")


def variable(item: str) -> pdu.VariableDef:
    return pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific(LD, item))))


def served(service: Any, *results: Any) -> classify.Seen:
    answer: Any = results[0] if service[0] not in ("read", "write") else list(results)
    answer = pdu.ReadResponse(answer, None) if service[0] == "read" else answer
    response: Any = ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(1, (service[0], answer)))
    return classify.served(pdu.ConfirmedRequestPDU(1, service), response)


GOOD, BAD = ("success", ("boolean", True)), ("failure", 10)
READS = {
    "MMXU1$MX": "GetAllDataValues", "MMXU1$MX$Hz": "GetDataValues", "LLN0$RP$urcb01": "GetURCBValues",
    "LLN0$BR$brcb01$RptEna": "GetBRCBValues", "LLN0$LG$log$LogEna": "GetLCBValues", "LLN0$GO$gcb": "GetGoCBValues",
    "LLN0$MS$ms": "GetMSVCBValues", "LLN0$US$us": "GetUSVCBValues", "LLN0$SP$SGCB$ActSG": "GetSGCBValues",
    "PTUV1$SE$StrVal": "GetEditSGValue", "PTUV1$SG$StrVal": "GetEditSGValue", "CSWI1$CO$Pos$SBO": "Select",
}  # fmt: skip
WRITES = {
    "LLN0$SP$SGCB$ActSG": "SelectActiveSG", "LLN0$SP$SGCB$EditSG": "SelectEditSG",
    "LLN0$SP$SGCB$CnfEdit": "ConfirmEditSGValues", "PTUV1$SE$StrVal$setMag": "SetEditSGValue",
    "DGEN1$SP$WMaxRtg": "SetDataValues", "LLN0$BR$brcb01$RptEna": "SetBRCBValues", "LLN0$RP$urcb01$GI": "SetURCBValues",
    "LLN0$LG$log$LogEna": "SetLCBValues", "LLN0$GO$gcb$GoEna": "SetGoCBValues", "LLN0$MS$ms$SvEna": "SetMSVCBValues",
    "LLN0$US$us$SvEna": "SetUSVCBValues", "CSWI1$CO$Pos$SBOw": "SelectWithValue", "CSWI1$CO$Pos$Oper": "Operate",
    "CSWI1$CO$Pos$Cancel": "Cancel",
}  # fmt: skip


def test_what_a_server_is_read_and_written() -> None:
    for item, name in READS.items():
        request: Any = ("read", pdu.ReadRequest(("listOfVariable", [variable(item), variable("MMXU1$MX$A$B")])))
        assert served(request, GOOD, BAD) == {(name, True), ("GetDataValues", False)}
    for item, name in WRITES.items():
        request = ("write", pdu.WriteRequest(("listOfVariable", [variable(item)]), [("structure", [])]))
        assert served(request, ("success", None)) == {(name, True)}
        assert served(request, ("failure", 3)) == {(name, False)}
    whole: Any = ("read", pdu.ReadRequest(("listOfVariable", [variable("LLN0$LG$log")])))
    assert served(whole, GOOD) == {("GetLCBValues", True), ("GetLogStatusValues", True)}
    selection: Any = ("read", pdu.ReadRequest(("listOfVariable", [variable("CSWI1$CO$Pos$SBO")])))
    assert served(selection, ("success", ("visible-string", ""))) == {("Select", False)}


@pytest.mark.parametrize(("time", "name"), [(bytes(7) + b"\x1f", "Operate"), (b"i" * 8, "TimeActivatedOperate")])
def test_a_command_for_later_is_told_by_its_time(time: bytes, name: str) -> None:
    oper: Any = ("structure", [("boolean", True), ("utc-time", time), ("structure", [])])
    request: Any = ("write", pdu.WriteRequest(("listOfVariable", [variable("CSWI1$CO$Pos$Oper")]), [oper]))
    assert served(request, ("success", None)) == {(name, True)}
    at = Timestamp(5) if name != "Operate" else None
    assert classify.asked(Operate(ref("CSWI1.SwDir"), True, at=at)) == name


def test_an_error_is_a_negative_answer_of_all_that_it_is_asked_for() -> None:
    request: Any = ("read", pdu.ReadRequest(("listOfVariable", [variable("MMXU1$MX$Hz"), variable("LLN0$GO$gcb")])))
    error: Any = ("confirmed-ErrorPDU", pdu.ConfirmedErrorPDU(1, pdu.ServiceError(("access", 2))))
    assert classify.served(pdu.ConfirmedRequestPDU(1, request), error) == {
        ("GetDataValues", False), ("GetGoCBValues", False),
    }  # fmt: skip
    gone: Any = ("deleteNamedVariableList", pdu.DeleteNamedVariableListRequest(0, []))
    assert served(gone, pdu.DeleteNamedVariableListResponse(1, 0)) == {("DeleteDataSet", False)}


def test_names_and_values_that_differ_in_number_are_no_service() -> None:
    named = [variable("DGEN1$SP$WMaxRtg"), variable("CSWI1$CO$Pos$Oper")]
    request: Any = ("write", pdu.WriteRequest(("listOfVariable", named), [("boolean", True)]))
    rejected: Any = ("rejectPDU", pdu.RejectPDU(("confirmed-requestPDU", 3), 1))
    assert classify.served(pdu.ConfirmedRequestPDU(1, request), rejected) == set()


def test_what_a_client_asks() -> None:
    assert classify.asked(GetRCBValues(ref("LLN0.b", "BR"))) == "GetBRCBValues"
    assert classify.asked(GetRCBValues(ref("LLN0.u"))) == "GetURCBValues"
    assert classify.answered("GetDataValues", (1, ServiceError.ACCESS_VIOLATION)) == {
        ("GetDataValues", True), ("GetDataValues", False),
    }  # fmt: skip
    none = SetDataValues(())
    assert classify.answered(classify.asked(none) or "", ()) == set(), "nothing was asked, so that nothing is shown"


# --- the run ----------------------------------------------------------------------------------------------------------

TESTS = """
import asyncio, pytest
from janusgrid.iec61850.acsi.services import GetLogicalDeviceDirectory, GetServerDirectory
from tests.iec61850.wires import Rig

async def ask(request):
    await (await Rig().associate()).call(request)

@pytest.mark.parametrize("number", [1, 2])
def test_passes(number):
    asyncio.run(ask(GetServerDirectory()))

def test_fails():
    asyncio.run(ask(GetLogicalDeviceDirectory("DG750DER")))
    assert not "after it was seen"

def test_cannot_be_told(monkeypatch):
    monkeypatch.setattr("tests.iec61850.proof.classify.answered", lambda *_: 1 / 0)
    asyncio.run(ask(GetLogicalDeviceDirectory("DG750DER")))

def test_is_skipped():
    pytest.skip("no reason")
"""


@pytest.mark.parametrize("processes", [[], ["-n", "1"]], ids=["one process", "another process"])
def test_only_what_passed_counts(tmp_path: Path, processes: list[str]) -> None:
    suite, elsewhere = tmp_path / "tests/iec61850/acsi", tmp_path / "tests/other"
    for folder in (suite, elsewhere):
        folder.mkdir(parents=True)
        (folder / f"test_{folder.name}.py").write_text(TESTS)
    result = tmp_path / "build" / "services.json"
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "tests.iec61850.proof.plugin",
        "-p", "no:cacheprovider", f"--rootdir={tmp_path}", "-c", os.devnull, "tests", f"--services={result}",
        *processes,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "3 failed, 5 passed" in done.stdout, done.stdout + done.stderr
    assert "ZeroDivisionError" in done.stdout
    found = Results.read(result)
    assert found is not None
    assert (found.passed, found.failed, found.skipped, found.whole) == (2, 2, 1, False)
    assert found.cells == {
        (name, role, "local", True): 2 for name in ("Associate", "GetServerDirectory") for role in ROLES
    }


# --- the verdict and the page -----------------------------------------------------------------------------------------


def proven() -> Results:
    """A run in which every service was answered well and badly on every wire of ours that carries it."""
    results = Results(passed=1, sources="of another time", finished="today")
    for service in SERVICES:
        wires = [wire.key for wire in WIRES if wire.own and applicable(service.name, wire.mapping)] or [BESIDE]
        for role in ROLES:
            results.cells.update((service.name, role, wire, good) for wire in wires for good in (True, False))
    return results


def test_a_gap_is_found() -> None:
    assert missing(proven()) == []
    for key in [("Operate", CLIENT, "tcp", True), ("Associate", SERVER, "embedded 2018", False)]:
        results = proven()
        del results.cells[key]
        (gap,) = missing(results)
        assert f"{key[2]}: {key[0]} as {key[1]}" in gap
    results = proven()
    for key in [key for key in results.cells if key[2] in ("ber", "prosody 80-3")]:
        del results.cells[key]
    assert missing(results) == ["nothing was run on: ber"], "what needs other software may be absent"


def test_the_page_says_what_it_is_worth() -> None:
    assert "No test run has left a result here" in page(None)
    stale = page(proven())
    assert "of other sources than this documentation" in stale
    assert "**8-1 TCP with libiec61850**" in stale
    assert "not applicable (1)" in stale
    assert "**not proven**" not in stale
    gap = attrs.evolve(proven(), whole=False, failed=3)
    for good in (True, False):
        del gap.cells["Cancel", CLIENT, "tcp", good]
    text = page(gap)
    assert "a selection of tests" in text
    assert "3 tests failed" in text
    assert text.count("**not proven**") == 1


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, results = tmp_path / "deep" / "services.json", proven()
    assert Results.read(path) is None
    results.write(path)
    assert Results.read(path) == results
    assert results.sources != "of another time"
    assert "of other sources" not in page(results)
    path.write_text(json.dumps([1]))
    with pytest.raises(ConfigError, match=r"services.json: this is no result"):
        Results.read(path)
