"""Every mistake of `mistakes/mistakes.md` is told with file and line, and a sentence that says what to do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError
from janusgrid.common.resources import mappings_dir
from janusgrid.ems.check import check, check_table

HOME = Path(__file__).parent / "mistakes"
BLOCK = re.compile(
    r"^(?P<file>\S+): `(?P<old>.*)` → `(?P<new>.*)`(?: in (?P<look>\S+))?\n(?P<told>(?:    .*\n)+)", re.M
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer((HOME / "mistakes.md").read_text(encoding="utf-8") + "\n")]
PLACE = re.compile(r"[\w.-]+\.(yaml|csv):\d+(:\d+)?: .{15,}")


def text(cell: str) -> str:
    return cell.replace("⏎", "\n").replace("⇥", "\t")


def faults(path: Path) -> list[str]:
    try:
        found = (check(path) if path.suffix == ".yaml" else check_table(path)).faults
    except ConfigError as error:
        found = error.faults
    return [str(fault).replace(f"{path.parent}/", "").replace(str(mappings_dir()), "{tables}") for fault in found]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for path in HOME.iterdir():
        if path.suffix in (".yaml", ".csv"):
            shutil.copy(path, tmp_path)
    return tmp_path


def test_without_a_mistake_nothing_is_told(home: Path) -> None:
    assert faults(home / "plant.yaml") == faults(home / "heir.yaml") == faults(home / "genset.csv") == []


@pytest.mark.parametrize("block", BLOCKS, ids=[f"{block['file']}-{block['new']}"[:60] for block in BLOCKS])
def test_a_mistake_is_told_with_its_place_and_what_to_do(home: Path, block: dict[str, str]) -> None:
    path = home / block["file"]
    content = path.read_text(encoding="utf-8")
    assert text(block["old"]) in content
    path.write_text(content.replace(text(block["old"]), text(block["new"]), 1), encoding="utf-8")
    told = faults(home / (block["look"] or "plant.yaml"))
    assert told == [line.strip() for line in block["told"].splitlines()]
    assert all(PLACE.match(line) for line in told)


def test_there_are_enough_of_all_kinds() -> None:
    assert len(BLOCKS) >= 80
    assert {block["file"] for block in BLOCKS} == {path.name for path in HOME.iterdir()} - {"mistakes.md"}


def test_several_mistakes_are_told_at_once(home: Path) -> None:
    for name, old, new in (
        ("plant.yaml", "vtn@{domain}/openadr", "utility"),
        ("plant.yaml", "ied: M1", "ied: DG1"),
        ("genset.csv", "float,kW", "float,kw"),
        ("genset.csv", "alarm=3", "alarm=2"),
        ("signals.csv", "0,{contract}", "0,{sold}"),
    ):
        path = home / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    places = [fault.split(" ")[0] for fault in faults(home / "plant.yaml")]
    assert sorted(places) == [
        "genset.csv:2:",
        "genset.csv:5:",
        "plant.yaml:19:45:",
        "plant.yaml:7:8:",
        "signals.csv:2:",
    ]


FILES = sorted(path.name for path in HOME.iterdir() if path.suffix in (".yaml", ".csv"))
SCRAPS = st.sampled_from(
    [*"{}[],:|=&*\n\t\"'#-0", "null", "{device}", "inherits: ", "1e999", "\N{GREEK SMALL LETTER MU}", ""]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(FILES), st.lists(st.tuples(st.integers(0, 900), st.integers(0, 12), SCRAPS), min_size=1, max_size=3)
)
def test_whatever_is_spoilt_is_a_fault_with_a_file_or_none(
    home: Path, name: str, cuts: list[tuple[int, int, str]]
) -> None:
    original = (HOME / name).read_text(encoding="utf-8")
    content = original
    for at, length, scrap in cuts:
        content = content[:at] + scrap + content[at + length :]
    (home / name).write_text(content, encoding="utf-8")
    try:
        for fault in faults(home / ("heir.yaml" if name == "heir.yaml" else "plant.yaml")):
            assert re.match(rf"({'|'.join(FILES)}|\{{tables\}}/\S+)(:\d+)*: .", fault), fault
    finally:
        (home / name).write_text(original, encoding="utf-8")
