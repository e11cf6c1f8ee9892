"""The page on malformed input says what the code does: every limit, and every answer."""

from __future__ import annotations

import importlib
import random
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from janusgrid.iec61850.mapping.server import reject
from janusgrid.iec61850.mms import pdu

from tests.iec61850.fuzz.test_found import name, variable
from tests.iec61850.fuzz.world import World

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "malformed-input.md"


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading."""
    section = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in cells] for cells in lines[2:]]


@pytest.mark.parametrize("row", rows("Limits"), ids=lambda row: row[1])
def test_limits(row: list[str]) -> None:
    _, path, value = row
    *module, last = path.strip("`").split(".")
    if module[-1][0].isupper():
        holder: Any = getattr(importlib.import_module(f"janusgrid.iec61850.{'.'.join(module[:-1])}"), module[-1])()
    else:
        holder = importlib.import_module(f"janusgrid.iec61850.{'.'.join(module)}")
    assert str(getattr(holder, last)) == value


def _request(service: Any) -> pdu.MMSpdu:
    return ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, service))


def _read(*variables: pdu.VariableDef) -> pdu.MMSpdu:
    return _request(("read", pdu.ReadRequest(("listOfVariable", list(variables)))))


def _write(item: str, *data: Any) -> pdu.MMSpdu:
    return _request(("write", pdu.WriteRequest(("listOfVariable", [variable(item)] * (len(data) or 1)), list(data))))


_GI, _ENABLE = "LLN0$RP$urcbMeas02$GI", "LLN0$RP$urcbMeas02$RptEna"
_THIRD: Any = [("unnamed", ("selectAccess", ("index", 99)))]
SENT: dict[str, list[pdu.MMSpdu]] = {
    "a PDU that no client sends": [("conclude-ResponsePDU", None)],
    "a service that is not served": [
        _request(("initializeJournal", pdu.InitializeJournalRequest(name("LLN0$log")))),  # type: ignore[list-item]
    ],
    "a write with more variables than values": [_write("MMXU1$CF$TotW$db")],
    "a read of a name that there is not": [_read(variable("MMXU1$MX$Nothing"))],
    "a read of an element that there is not": [_read(variable("MMXU1$MX$HaV$raw", _THIRD))],
    "a write of another type": [_write("MMXU1$CF$TotW$db", ("boolean", True))],
    "a write to what is read-only": [_write("MMXU1$MX$TotW$mag$f", ("floating-point", b"\x08\0\0\0\0"))],
    "a general interrogation before the last one was sent": [
        _write(_ENABLE, ("boolean", True)), _write(_GI, ("boolean", True)), _write(_GI, ("boolean", True))],
    "a read of more than an answer can hold": [_read(*[variable("MMXU1")] * 300)],
    "a data set that there is not": [_request(("read", pdu.ReadRequest(("variableListName", name("LLN0$Nothing")))))],
    "a file handle that there is not": [_request(("fileRead", 77))],
}  # fmt: skip


@pytest.mark.parametrize("row", rows("What a peer gets"), ids=lambda row: row[0])
def test_answers(row: list[str], tmp_path: Path) -> None:
    what, expected = row
    world = World(tmp_path, random.Random(1))
    if what == "octets that are no PDU":
        answer = reject()
    elif what == "more requests at once than agreed on":
        world.mms._outstanding = world.parameters.calling
        answer = world.wire.decode(world.ask(_request(("identify", None))).answer)
    else:
        for message in SENT[what]:
            answer = world.wire.decode(world.ask(message).answer)
    assert _told(answer) == expected


def _told(answer: Any) -> str:
    """Return an answer in the words of the page."""
    kind, content = answer
    if kind == "rejectPDU":
        category, code = content.reject_reason
        codes: Any = pdu.PduError if category == "pdu-error" else pdu.ConfirmedRequestReject
    elif kind == "confirmed-ErrorPDU":
        category, code = content.service_error.error_class
        codes = {"service": pdu.ServiceProblem, "access": pdu.AccessError, "file": pdu.FileError}[category]
    else:
        found = content.service[1]
        category, code = (found if isinstance(found, list) else found.list_of_access_result)[-1]
        codes = pdu.DataAccessError
    return f"{kind}, {category}, {_word(codes(code))}"


def _word(code: IntEnum) -> str:
    return code.name.lower().replace("_", "-")
