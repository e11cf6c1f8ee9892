"""Our roles stand every scenario, on every way, and the report of that is written to build/."""

from __future__ import annotations

import inspect
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from janusgrid.openadr.scenarios import SCENARIOS, RunRecord, VenOperator, Verdict, VtnOperator, Way, run, write_report
from janusgrid.openadr.scenarios.steps import Asks, Confirms

from tests.openadr.scenarios.rig import a_rig

BUILD = Path(__file__).resolve().parents[3] / "build" / "openadr-scenarios"
ROLES = ("vtn", "ven")


def faults(record: RunRecord) -> list[str]:
    """Return every step that was not passed, for people."""
    return [
        f"{scenario.id} {number} {step.text}: {step.verdict}: expected {step.expected}; observed {step.observed}"
        for scenario in record.scenarios
        for number, step in enumerate(scenario.steps, 1)
        if step.verdict is not Verdict.PASS
    ]


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("role", ROLES)
async def test_our_role_stands_every_scenario(role: str, way: Way, tmp_path: Path) -> None:
    async with a_rig(role, way, tmp_path) as rig:
        record = await run(rig.tester, rig.operator, stranger=rig.stranger)
    write_report([record], BUILD / f"{role}-{way}")
    assert not faults(record)
    due = {each.id for each in SCENARIOS if each.subject == role and way in each.ways}
    assert due == {each.id for each in (*record.scenarios, *record.left_out)}
    assert {each.reason for each in record.left_out} <= {
        "the tester does not sign",
        "the party under test takes events, too",
    }
    assert record.verdict is Verdict.PASS


@pytest.mark.parametrize(("role", "way"), [("vtn", Way.PULL), ("vtn", Way.XMPP), ("ven", Way.PUSH), ("ven", Way.XMPP)])
async def test_our_role_stands_what_is_signed(role: str, way: Way, tmp_path: Path) -> None:
    due = {each.id for each in SCENARIOS if each.subject == role and way in each.ways and each.needs - {"report_only"}}
    only = {*due, f"{role.upper()}-N-02", f"{role.upper()}-E-01", f"{role.upper()}-R-01"}
    async with a_rig(role, way, tmp_path, signed=True) as rig:
        record = await run(rig.tester, rig.operator, only=only, stranger=rig.stranger)
    write_report([record], BUILD / f"{role}-{way}-signed")
    assert not faults(record)
    assert only == {each.id for each in record.scenarios}
    assert any("signing" in each.needs for each in SCENARIOS if each.id in due)


@pytest.mark.parametrize("way", list(Way))
async def test_a_ven_for_reports_only_stands_what_is_for_it(way: Way, tmp_path: Path) -> None:
    only = ["VEN-N-01", "VEN-E-01", "VEN-R-01", "VEN-R-09", "VEN-R-17", "VEN-R-18"]
    async with a_rig("ven", way, tmp_path, report_only=True) as rig:
        record = await run(rig.tester, rig.operator, only=only, stranger=rig.stranger)
    assert not faults(record)
    assert [each.id for each in record.left_out] == only[:2]
    assert {each.reason for each in record.left_out} == {"the party under test registers for reports only"}
    assert [each.id for each in record.scenarios] == only[2:]


def test_scenarios_have_ids_of_their_own() -> None:
    ids = [scenario.id for scenario in SCENARIOS]
    assert len(set(ids)) == len(ids)
    for scenario in SCENARIOS:
        assert re.fullmatch(r"V(TN|EN)-[NEPRG]-\d\d", scenario.id)
        assert scenario.id.lower().startswith(scenario.subject)
        assert scenario.steps
        assert scenario.title


def test_there_is_something_for_every_group_role_and_way() -> None:
    found = {(s.subject, s.group, way) for s in SCENARIOS for way in s.ways}
    assert len(found) == 2 * 5 * 3


class _Page(HTMLParser):
    """Reads a page: its tags in their order, and what it refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "col", "br"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.append(value or "")
            elif name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_report_needs_nothing_else_and_leaves_secrets_out(tmp_path: Path) -> None:
    async with a_rig("vtn", Way.PUSH, tmp_path) as rig:
        record = await run(rig.tester, rig.operator, only=["VTN-N-02", "VTN-G-15"])
    data, page = write_report([record], tmp_path / "out")
    told = json.loads(data.read_text())
    assert (told["format"], told["version"], told["verdict"]) == ("janusgrid-openadr-scenarios", 1, "pass")
    assert "not the certification test" in told["notice"]
    (scenario, odd) = told["runs"][0]["scenarios"]
    assert [step["verdict"] for step in scenario["steps"]] == ["pass"] * 3
    assert scenario["steps"][1]["rules"] == [402, 404]
    answer = scenario["steps"][1]["messages"][1]
    assert (answer["from"], answer["kind"]) == ("subject", "oadrCreatedPartyRegistration")
    assert re.search(r"<ei:registrationID>\[left out, [0-9a-f]{6}\]</ei:registrationID>", answer["text"])
    assert "REG" not in data.read_text().replace("oadrRegisterReport", "")
    assert "Ünïcode" in odd["steps"][1]["messages"][0]["text"]

    read = _Page()
    text = page.read_text()
    read.feed(text)
    assert not read.open
    assert {"script", "link", "img", "iframe"}.isdisjoint(read.tags)
    assert all(link.startswith("#") and link[1:] in read.ids for link in read.links)
    assert "&amp;lt;angle&amp;gt;" in text
    assert "REG-" not in text


def test_secrets_are_left_out_of_texts_that_are_no_messages() -> None:
    from janusgrid.openadr.scenarios.wire import shown

    text = shown(
        "<a><ei:registrationID x='1'>geheim</ei:registrationID><b>https://user:pass@host/</b><nonce>n1</nonce>"
    )
    assert "geheim" not in text
    assert "user:pass" not in text
    assert "n1" not in text
    assert "https://host/" in text


def test_the_reference_names_all_that_an_operator_is_asked() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "openadr-scenarios.md").read_text()
    parts = page.partition("\nFor a VEN:")
    for subject, text, operator in (("vtn", parts[0], VtnOperator), ("ven", parts[2], VenOperator)):
        steps = [step for scenario in SCENARIOS if scenario.subject == subject for step in scenario.steps]
        acts = {step.verb for step in steps if isinstance(step, Asks)}
        acts |= {"clear", "register"} if subject == "ven" else {"clear"}
        questions = {step.question for step in steps if isinstance(step, Confirms)}
        assert {name.removeprefix("do_") for name in dir(operator) if name.startswith("do_")} == acts
        assert {name.removeprefix("is_") for name in dir(operator) if name.startswith("is_")} == questions
        assert all(f"`{name}`" in text for name in acts | questions)
        for act in acts:
            given = set(inspect.signature(getattr(operator, f"do_{act}")).parameters) - {"self"}
            assert all(f"`{name}`" in text for name in given), act
