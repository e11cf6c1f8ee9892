"""What users of other implementations complain of: the table in the docs says which test holds us to each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.model import Poll, RegisteredReport, RegisterReport

from tests.openadr.binding.https import a_house
from tests.openadr.core.report_pair import T0, VEN, VTN, Pair

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs/explanation/interoperability-openadr.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_test_that_is_named_is_there() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "::" in line]
    named = [NAMED.findall(row) for row in rows]
    assert len(rows) >= 30
    assert all(named), "each row names a test"
    for file, name in {each for row in named for each in row}:
        assert re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), name


def test_offers_of_nothing_are_answered_as_offers() -> None:
    for up in (True, False):
        pair = Pair(up=up)
        message = RegisterReport(request_id="R", ven_id=pair.ven.ven_id)
        answer: Any = pair.vtn.receive(VEN, message, T0) if up else pair.ven.receive(VTN, message, T0)
        assert isinstance(answer, RegisteredReport)
        assert (answer.ei_response.response_code, answer.ei_response.request_id) == (Code.OK, "R")
        assert answer.report_requests == ()


async def test_two_vtns_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
    async with a_house(folders[0]) as one, a_house(folders[1]) as two:
        registered = await one.register("site")
        assert [ven.ven_name for ven in one.vtn.core.vens] == ["site"]
        assert two.vtn.core.vens == ()
        refused: Any = await two.ask(Poll(ven_id=registered.ven_id or ""))
        assert refused.ei_response.response_code == Code.NOT_REGISTERED
        again = await two.register("site")
        assert again.ven_id != registered.ven_id
        answer: Any = await one.ask(attrs.evolve(Poll(ven_id=""), ven_id=registered.ven_id or ""))
        assert answer.ei_response.response_code == Code.OK
