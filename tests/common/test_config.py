"""Configuration says where it is wrong, and what would be right."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.config import MAX_DEPTH, duration, load, parse
from janusgrid.common.errors import ConfigError, LocalError


class Kind(Enum):
    DIESEL = "diesel"
    BATTERY = "battery"


def _port(_: object, __: object, value: int) -> None:
    if not 0 < value < 65536:
        raise LocalError(f"{value} is not a port")


@attrs.frozen
class Device:
    name: str
    port: int = attrs.field(default=102, validator=_port)
    kind: Kind = Kind.DIESEL
    mode: Literal["on", "off"] = "on"
    rating: float | None = None
    enabled: bool = True
    every: timedelta = timedelta(seconds=1)
    address: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Plant:
    devices: tuple[Device, ...]
    files: tuple[Path, ...] = ()
    limits: dict[str, float] = attrs.field(factory=dict)


GOOD = """\
# a plant
devices:
  - name: DG1
    mode: off           # YAML 1.2: text
    rating: 010         # and no octal
    every: PT4S
    address: {jid: "a@b/c", since: 2026-11-21}
  - &second
    name: 'on'
    kind: battery
    enabled: false
    port: 0x66
files: [a/b.csv]
limits: {low: -1.5e3, high: .inf}
"""


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(GOOD)
    assert load(path, Plant) == Plant(
        devices=(
            Device("DG1", mode="off", rating=10.0, every=timedelta(seconds=4),
                   address={"jid": "a@b/c", "since": "2026-11-21"}),
            Device("on", kind=Kind.BATTERY, enabled=False, port=0x66),
        ),
        files=(Path("a/b.csv"),),
        limits={"low": -1500.0, "high": float("inf")},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("devices:\n  - name: y\n    nam: x", "3:5", "$.devices[0]: 'nam' is not known here; did you mean 'name'?"),
        ("devices: []\nzzz: 1", "2:1", "$: 'zzz' is not known here; known are: devices, files, limits"),
        ("devices:\n- port: 1", "2:3", "$.devices[0]: 'name' is missing"),
        ("devices:\n- name: x\n  port: '1'", "3:9", "$.devices[0].port: expected a whole number, not '1'"),
        ("devices:\n- name: x\n  port: true", "3:9", "$.devices[0].port: expected a whole number, not True"),
        ("devices:\n- name: x\n  port: 70000", "2:3", "$.devices[0]: 70000 is not a port"),
        ("devices:\n- name: 5", "2:9", "$.devices[0].name: expected text, not 5"),
        ("devices:\n- name:", "2:8", "$.devices[0].name: expected text, not nothing"),
        ("devices:\n- name: x\n  kind: oil", "3:9", "$.devices[0].kind: expected one of 'diesel', 'battery'"),
        ("devices:\n- name: x\n  mode: yes", "3:9", "$.devices[0].mode: expected one of 'on', 'off'"),
        ("devices:\n- name: x\n  rating: 5kW", "3:11", "$.devices[0].rating: expected a number, not '5kW'"),
        ("devices:\n- name: x\n  enabled: on", "3:12", "$.devices[0].enabled: expected true or false, not 'on'"),
        ("devices:\n- name: x\n  every: 4", "3:10", "$.devices[0].every: expected a duration (PT4S, 5s, 10min), not 4"),
        ("devices:\n- name: x\n  every: soon", "3:10", "$.devices[0].every: 'soon' is not a duration (PT4S, 5s, 10min, 1.5h)"),  # noqa: E501
        ("devices:\n- name: x\n  address: [a]", "3:12", "$.devices[0].address: expected a mapping, not a list"),
        ("devices:\n- name: x\n  address: {a: 1}", "3:16", "$.devices[0].address.a: expected text, not 1"),
        ("devices: abc", "1:10", "$.devices: expected a list, not 'abc'"),
        ("devices: [abc]", "1:11", "$.devices[0]: expected a mapping, not 'abc'"),
        ("", "1:1", "$: expected a mapping, not nothing"),
        ("- a", "1:1", "$: expected a mapping, not a list"),
        ("devices: []\nfiles: []\ndevices: []", "3:1", "$: key 'devices' is given twice"),
        ("devices: []\nlimits: {? [a] : 1}", "2:12", "$.limits: a key is text"),
        ("devices: []\nlimits: {a: !!int x}", "2:13", "$.limits.a: 'x' is not a number"),
        ("devices: []\nlimits: {a: !rating 5}", "2:13", "$.limits.a: tag '!rating' is not used here"),
        ("devices: []\nlimits: {a: 1", "2:14", "not YAML: expected ',' or '}', but got '<stream end>'"),
        ("devices: *x", "1:10", "not YAML: found undefined alias 'x'"),
        ("devices:\n\t- a", "2:1", "not YAML: found character '\\t' that cannot start any token"),
        ("%YAML 1.1\n---\ndevices: []", "2:1", "this is YAML 1.2: remove the %YAML line"),
        ("devices: []\n---\nfiles: []", "2:1", "not YAML: but found another document"),
        ("a: " + "[" * 5000, f"1:{MAX_DEPTH + 3}", f"deeper than {MAX_DEPTH} levels"),
        ("a: &a [*a]", "1:4", "$.a[0][0]: more than 30 levels with aliases"),
    ],
)  # fmt: skip
def test_a_fault_has_its_place(text: str, where: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yaml").structure(Plant)
    assert str(caught.value) == f"f.yaml:{where}: {message}"


def test_every_fault_is_told() -> None:
    text = "devices:\n- nam: x\n- name: y\n  port: z\nfiles: 5"
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yaml").structure(Plant)
    assert len(str(caught.value).splitlines()) == 4
    assert str(caught.value).startswith("f.yaml:2:3: $.devices[0]: 'nam' is not known here")
    assert "f.yaml:4:9: $.devices[1].port: expected a whole number, not 'z'" in str(caught.value)


def test_an_alias_bomb() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ConfigError, match="more than 50000 values with aliases"):
        parse("\n".join(lines), "f.yaml")


def test_size(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("a: " + "x" * (1 << 20))
    with pytest.raises(ConfigError, match="larger than"):
        load(path, Plant)
    with pytest.raises(ConfigError, match="more than 50000 values"):
        parse("[" + "x," * 110_000 + "]", "f.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read: No such file"):
        load(tmp_path / "none.yaml", Plant)
    path = tmp_path / "latin.yaml"
    path.write_bytes("a: 1\nb: ü".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        load(path, Plant)
    assert caught.value.where == f"{path}:2"


def test_an_alias_is_a_copy_and_a_document_knows_its_places() -> None:
    document = parse("a: &x {b: 1}\nc: *x\n", "f.yaml")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.where("c", "b") == "f.yaml:1:11"
    assert document.where("c", "none", 3) == "f.yaml:1:4"
    assert str(document.error("no", "a", "b")) == "f.yaml:1:11: $.a.b: no"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("PT4S", 4), ("PT0.5S", 0.5), ("P1DT2H3M4S", 93784), ("PT60M", 3600)],
        *[("5s", 5), ("250 ms", 0.25), ("1.5h", 5400), ("10min", 600), ("2d", 172800)],
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "4", "-5s", "PT4", "P4S", "4 parsecs", "P1Y"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration(text)


@given(st.text(max_size=80), st.integers(0, len(GOOD)))
def test_garbage_raises_nothing_but_config_errors(garbage: str, at: int) -> None:
    for text in (garbage, GOOD[:at] + garbage + GOOD[at + len(garbage) :]):
        try:
            assert parse(text, "f").structure(Plant).devices is not None
        except ConfigError:
            continue
