"""Whatever can be declared can be inverted; what cannot be inverted cannot be declared."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.data.conversion import (
    Coded,
    Conversion,
    Field,
    Linear,
    Same,
    Stepped,
    Whole,
    WireType,
    conversion,
)
from janusgrid.common.data.point import ValueType
from janusgrid.common.data.unit import UNITS, Unit, convert, unit
from janusgrid.common.errors import LocalError, Malformed, TypeConflict

NONE = unit("")
FLOATS = [WireType.FLOAT32, WireType.FLOAT64]
INTEGERS = [wire for wire in WireType if wire.range and wire is not WireType.ENUM]
NUMBERS = st.floats(-1e9, 1e9)


def make(type: str, wire: str, **more: Any) -> Conversion:
    units = {"unit": NONE, "wire_unit": NONE} | more
    return conversion(ValueType(type), WireType(wire), **units)


def kw(wire: str, **more: Any) -> Conversion:
    return make("float", wire, unit=unit("kW"), wire_unit=unit("W"), **more)


@st.composite
def unit_pairs(draw: st.DrawFn) -> tuple[Unit, Unit]:
    first = draw(st.sampled_from(list(UNITS.values())))
    return first, draw(st.sampled_from([u for u in UNITS.values() if u.dimension == first.dimension]))


@given(unit_pairs(), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from(FLOATS), NUMBERS)
def test_whatever_is_accepted_is_inverted(
    units: tuple[Unit, Unit], scale: float, offset: float, wire: WireType, value: float
) -> None:
    common, other = units
    try:
        there = conversion(ValueType.FLOAT, wire, unit=common, wire_unit=other, scale=scale, offset=offset)
    except LocalError:
        return
    assert isinstance(there, Linear)
    near = 1e-12 * (abs(value) + abs(there.offset) + 1)
    assert there.from_wire(there.to_wire(value)) == pytest.approx(value, abs=near)
    assert there.from_wire(value) == pytest.approx(
        convert(value, other, common) * scale + offset, rel=1e-9, abs=1e-9 * (abs(scale) * 1e3 + abs(offset) + 1)
    )


@given(st.sampled_from(INTEGERS), st.sampled_from([1.0, -1.0, 0.1, 10.0, 0.25]), NUMBERS)
def test_an_integer_wire_keeps_half_a_step(wire: WireType, scale: float, value: float) -> None:
    there = make("float", wire.value, scale=scale)
    assert isinstance(there, Linear)
    try:
        code = there.to_wire(value)
    except TypeConflict:
        assert wire.range is not None
        assert not wire.range[0] <= value / scale <= wire.range[1]
        return
    assert type(code) is int
    assert abs(there.from_wire(code) - value) <= there.step / 2 * (1 + 1e-9)  # type: ignore[operator]
    assert there.to_wire(there.from_wire(code)) == code


@given(st.sampled_from(INTEGERS), st.sampled_from([1.0, -1.0]), st.integers(-100, 100), st.integers())
def test_whole_numbers_are_exact(wire: WireType, scale: float, offset: int, value: int) -> None:
    there = make("int", wire.value, scale=scale, offset=float(offset))
    assert isinstance(there, Whole)
    try:
        assert there.from_wire(there.to_wire(value)) == value
    except TypeConflict:
        assert wire.range is not None
        assert not wire.range[0] <= (value - offset) * scale <= wire.range[1]


@given(st.integers(-(10**9), 10**9))
def test_whole_numbers_on_a_float_wire(value: int) -> None:
    there = make("int", "float32", scale=0.1, offset=3)
    assert there.from_wire(there.to_wire(value)) == value


@given(
    st.dictionaries(st.text("abcxyz_", min_size=1), st.integers(0, 127), min_size=1),
    st.sampled_from([w for w in INTEGERS if "int" in w.value]),
)
def test_every_name_has_its_code(codes: dict[str, int], wire: WireType) -> None:
    if len(set(codes.values())) < len(codes):
        with pytest.raises(LocalError, match="stands for two names"):
            make("enum", wire.value, codes=codes)
        return
    there = make("enum", wire.value, codes=codes)
    assert isinstance(there, Coded)
    assert there.literals == tuple(codes)
    for name, code in codes.items():
        assert there.to_wire(name) == code
        assert there.from_wire(code) == name


def test_a_number_of_some_values_only() -> None:
    part = make("float", "enum", unit=unit("%"), codes={"0": 0, "100": 1, "-50.5": 2})
    assert isinstance(part, Stepped)
    assert [part.to_wire(value) for value in (0, 100, -50.5)] == [0, 1, 2]
    assert [part.from_wire(code) for code in (0, 1, 2)] == [0.0, 100.0, -50.5]
    with pytest.raises(TypeConflict, match=r"50 has no code; known are: 0, 100, -50\.5"):
        part.to_wire(50)
    with pytest.raises(Malformed, match=r"code 3 is not in the enumeration \(0, 1, 2\)"):
        part.from_wire(3)
    tap = make("int", "int8", codes={"3": 7})
    assert (tap.to_wire(3), tap.from_wire(7), type(tap.from_wire(7))) == (7, 3, int)


UNSIGNED = [wire for wire in WireType if wire.size]


@st.composite
def fields(draw: st.DrawFn) -> tuple[Field, Any]:
    """Some bits of something, and a value that they can have."""
    wire = draw(st.sampled_from(UNSIGNED))
    assert wire.size
    first = draw(st.integers(0, wire.size - 1))
    last = draw(st.integers(first, wire.size - 1))
    top = (1 << last - first + 1) - 1
    type = draw(st.sampled_from(["int", "float", "enum", *(["bool"] if first == last else [])]))
    codes = None
    if type == "enum":
        numbers = draw(st.lists(st.integers(0, top), min_size=1, max_size=5, unique=True))
        codes = {f"n{number}": number for number in numbers}
    there = make(type, wire.value, bits=(first, last), codes=codes)
    assert isinstance(there, Field)
    if type == "float":
        top = min(top, 1 << 52)
    values = {"bool": st.booleans(), "enum": st.sampled_from(list(codes or {"": 0}))}
    return there, draw(values.get(type, st.integers(0, top)))


@given(fields(), st.data())
def test_some_bits_are_changed_and_no_other(pair: tuple[Field, Any], data: st.DataObject) -> None:
    there, value = pair
    low, high = there.wire_type.range or (0, 0)
    whole = data.draw(st.integers(low, high))
    assert there.from_wire(there.to_wire(value)) == value
    changed = there.within(whole, value)
    assert low <= changed <= high
    assert there.from_wire(changed) == value
    assert changed & ~there.mask == whole & ~there.mask
    assert there.within(changed, value) == changed


@given(st.data())
def test_fields_of_one_whole_compose_in_any_order(data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, 15), max_size=5)))
    edges = [0, *cuts, 16]
    parts = [make("int", "uint16", bits=(low, high - 1)) for low, high in pairwise(edges)]
    values = [data.draw(st.integers(0, (1 << high - low) - 1)) for low, high in pairwise(edges)]
    whole = data.draw(st.integers(0, 65535))
    for part, value in data.draw(st.permutations(list(zip(parts, values, strict=True)))):
        assert isinstance(part, Field)
        whole = part.within(whole, value)
    assert [part.from_wire(whole) for part in parts] == values


def test_bits_are_numbered_as_their_standards_do() -> None:
    run = make("bool", "uint16", bits=(0, 0))
    mode = make("enum", "uint16", bits=(4, 6), codes={"off": 0, "hand": 1, "auto": 5})
    assert (run.to_wire(True), run.from_wire(0xFFFE), mode.to_wire("auto"), mode.from_wire(0x5F)) == (
        *(1, False, 0x50),
        "auto",
    )
    test, validity = make("bool", "bits13", bits=(11, 11)), make("int", "bits13", bits=(0, 1))
    assert (test.to_wire(True), validity.from_wire(0b11_000_0000_0000)) == (0b10, 3)
    inverted = make("bool", "uint8", bits=(7, 7), codes={"true": 0, "false": 1})
    assert (inverted.to_wire(True), inverted.to_wire(False)) == (0, 128)
    scaled = make("float", "uint16", bits=(8, 15), scale=0.5, offset=-40)
    assert (scaled.from_wire(0x6400), scaled.to_wire(10)) == (10, 0x6400)
    with pytest.raises(TypeConflict, match="500 does not fit in bits 8-15 of uint16"):
        scaled.to_wire(500)
    with pytest.raises(Malformed, match="70000 is not uint16"):
        scaled.from_wire(70_000)
    position = make("enum", "bits2", codes={"between": 0, "open": 1, "closed": 2, "bad": 3})
    assert (position.to_wire("closed"), position.from_wire(1)) == (2, "open")


def test_bits_and_truth_values() -> None:
    switch = make("enum", "bool", codes={"open": 0, "closed": 1})
    assert (switch.to_wire("closed"), switch.from_wire(False)) == (True, "open")
    inverted = make("bool", "int8", codes={"false": 1, "true": 0})
    assert (inverted.to_wire(True), inverted.from_wire(1), inverted.literals) == (0, False, ())
    same = make("bool", "bool")
    assert isinstance(same, Same)
    assert (same.to_wire(True), same.from_wire(False)) == (True, False)
    assert make("text", "text").to_wire("x") == "x"


def test_watts_are_exact_to_the_last_digit() -> None:
    there = kw("float64")
    assert [there.from_wire(w) for w in (300_000, 123_456, 57, 0.3)] == [300.0, 123.456, 0.057, 0.0003]
    assert there.to_wire(123.456) == 123_456.0
    back = kw("float64", scale=-1)
    assert (back.to_wire(-250), back.from_wire(250_000)) == (250_000.0, -250.0)
    kelvin = make("float", "float32", unit=unit("degC"), wire_unit=unit("K"))
    assert kelvin.from_wire(273.15) == 0
    assert kelvin.to_wire(100) == pytest.approx(373.15)


@pytest.mark.parametrize(
    ("reason", "arguments"),
    [
        ("scale 0 cannot be inverted", {"scale": 0.0}),
        ("within the accuracy of a float", {"scale": 1e-300}),
        ("within the accuracy of a float", {"scale": 1e300}),
        ("within the accuracy of a float", {"scale": math.nan}),
        ("within the accuracy of a float", {"offset": math.inf}),
        ("within the accuracy of a float", {"offset": 1e15}),
        ("'a' is not a number: the enumeration of a float is number=code", {"codes": {"a": 1}}),
        (r"'Hz' \(frequency\) on the wire does not convert to no unit", {"wire_unit": unit("Hz")}),
        (r"no unit on the wire does not convert to 'kW' \(active power\)", {"unit": unit("kW")}),
        (r"'var' \(reactive power\) on the wire does", {"unit": unit("kW"), "wire_unit": unit("var")}),
        ("a float does not convert to bool", {"wire": "bool"}),
        ("a float does not convert to enum", {"wire": "enum"}),
        (
            "'1.5' is not a whole number: the enumeration of an int",
            {"type": "int", "wire": "int8", "codes": {"1.5": 1}},
        ),
        ("'nan' is not a number", {"codes": {"nan": 1}, "wire": "int8"}),
        ("'1.0' is given twice", {"codes": {"1": 1, "1.0": 2}, "wire": "int8"}),
        ("code 1 stands for two names", {"codes": {"1": 1, "2": 1}, "wire": "int8"}),
        ("codes have no wire_unit, scale or offset", {"codes": {"1": 1}, "wire": "int8", "scale": 2.0}),
        ("a float with codes does not convert to bool", {"codes": {"1": 1}, "wire": "bool"}),
        ("a float with codes does not convert to float32", {"codes": {"1": 1}}),
        ("a float32 has no bits: uint8 to uint64", {"bits": (0, 0)}),
        ("an int16 has no bits", {"wire": "int16", "bits": (0, 0)}),
        ("uint16 has no bit 16: it has bits 0 to 15", {"wire": "uint16", "bits": (16, 16)}),
        ("bits2 has no bits 1-2: it has bits 0 to 1", {"wire": "bits2", "bits": (1, 2)}),
        ("bits are no text", {"type": "text", "wire": "uint8", "bits": (1, 2)}),
        ("a bool is one bit; several need an enumeration", {"type": "bool", "wire": "uint8", "bits": (1, 2)}),
        ("code a=4 does not fit in bits 1-2", {"type": "enum", "wire": "uint8", "bits": (1, 2), "codes": {"a": 4}}),
        ("code a=2 does not fit in bit 1", {"type": "enum", "wire": "uint8", "bits": (1, 1), "codes": {"a": 2}}),
        ("an int on an integer wire needs scale 1 or -1", {"type": "int", "wire": "int16", "scale": 10.0}),
        ("an int on an integer wire needs scale 1 or -1", {"type": "int", "wire": "int16", "offset": 0.5}),
        ("an enum needs an enumeration", {"type": "enum", "wire": "enum"}),
        ("an enum has no unit, scale or offset", {"type": "enum", "wire": "enum", "scale": 2.0}),
        ("an enum with codes does not convert to float32", {"type": "enum", "codes": {"a": 1}}),
        ("an enum with codes does not convert to text", {"type": "enum", "wire": "text", "codes": {"a": 1}}),
        ("code 1 stands for two names", {"type": "enum", "wire": "enum", "codes": {"a": 1, "b": 1}}),
        ("code a=256 does not fit in uint8", {"type": "enum", "wire": "uint8", "codes": {"a": 256}}),
        ("code b=2 does not fit in bool", {"type": "enum", "wire": "bool", "codes": {"a": 1, "b": 2}}),
        ("the enumeration of a bool is", {"type": "bool", "wire": "int8", "codes": {"on": 1, "off": 0}}),
        ("a bool does not convert to int8", {"type": "bool", "wire": "int8"}),
        ("a text does not convert to bool", {"type": "text", "wire": "bool"}),
        ("a text has no enumeration", {"type": "text", "wire": "text", "codes": {"a": 1}}),
    ],
)
def test_what_cannot_be_inverted_cannot_be_declared(reason: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(LocalError, match=reason):
        make(**({"type": "float", "wire": "float32"} | arguments))


JUNK = [True, "x", "", "y" * 10_000, 10**5000, math.nan, math.inf, 10**400, 1e300, -(10**30), 0.5]


@pytest.mark.parametrize("value", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize(
    "there",
    [
        make("float", "int16", scale=0.1),
        make("int", "uint64"),
        make("int", "float32"),
        kw("float32"),
        make("enum", "enum", codes={"a": 1}),
        make("bool", "uint8", codes={"false": 0, "true": 2}),
        make("bool", "bool"),
        make("text", "text"),
    ],
)
def test_junk_is_named_on_either_side(there: Conversion, value: Any) -> None:
    for turn, error in ((there.to_wire, TypeConflict), (there.from_wire, Malformed)):
        try:
            result = turn(value)
        except error as caught:
            assert len(caught.message) < 300  # noqa: PT017
        else:
            assert result is not None


def test_reasons_of_values() -> None:
    state = make("enum", "enum", codes={"running": 6, "stopping": 8})
    with pytest.raises(TypeConflict, match="'runing' has no code; did you mean 'running'"):
        state.to_wire("runing")
    with pytest.raises(Malformed, match=r"code 7 is not in the enumeration \(6, 8\)"):
        state.from_wire(7)
    with pytest.raises(Malformed, match="code True is not"):
        state.from_wire(True)
    with pytest.raises(TypeConflict, match="40000 does not fit in int16"):
        make("float", "int16").to_wire(40_000)
    with pytest.raises(TypeConflict, match="does not fit in float32"):
        make("float", "float32").to_wire(1e39)
    with pytest.raises(TypeConflict, match=r"0\.5 is not a whole number"):
        make("int", "float32").to_wire(0.5)
    with pytest.raises(TypeConflict, match="True is not a finite number"):
        kw("float32").to_wire(True)
    with pytest.raises(TypeConflict, match="1 is not bool"):
        make("bool", "bool").to_wire(1)
