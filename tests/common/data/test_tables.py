"""A table says what is wrong with it, where, and a row works in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.data.conversion import Conversion, Field, Linear, Stepped, WireType
from janusgrid.common.data.point import READABLE, Kind, ValueType
from janusgrid.common.data.tables import COMMON, OPTIONAL, Binding, Row, Service, load_table, parse_table
from janusgrid.common.data.unit import UNITS
from janusgrid.common.data.value import Scalar
from janusgrid.common.errors import ConfigError, Malformed, TypeConflict, UnknownName
from janusgrid.common.resources import mappings_dir

from .tables import SHIPPED, common_values, shown

HEADER = "point,kind,type,unit,address,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description\n"
P = "p,measurement,float,kW,ref1,float32,W,,,,read report,,,Power\n"
SET = "p.set,setpoint,float,kW,{ied}/Spt,float32,W,,,,read operate,-{rating},{rating},\n"
STATE = "state,status,enum,,ref3,enum,,,,on=1|off=2,read,,,\n"
VALUES: dict[str, str | float] = {"ied": "DG1", "rating": 750.0}


def rows(*lines: str) -> tuple[Row, ...]:
    return parse_table((HEADER + "".join(lines)).encode(), "t.csv")


def bound(line: str) -> Binding:
    return rows(line)[0].bind("der.DG1.x", VALUES, device="DG1")


def test_a_row() -> None:
    power, setpoint, state = rows(P, "\n# a comment, with a comma\n", SET, STATE)
    assert (power.point, power.kind, power.unit.symbol, power.description) == ("p", Kind.MEASUREMENT, "kW", "Power")
    assert power.services == {Service.READ, Service.REPORT}
    assert (power.where, setpoint.where, state.where) == ("t.csv:2", "t.csv:5", "t.csv:6")
    assert setpoint.address == {"address": "{ied}/Spt"}
    assert state.conversion.literals == ("on", "off")


def test_a_bound_row() -> None:
    binding = bound(SET)
    point = binding.point
    assert (point.name, point.kind, point.type, point.low, point.high) == (
        *("der.DG1.x", Kind.SETPOINT, ValueType.FLOAT),
        *(-750.0, 750.0),
    )
    assert (binding.address, binding.device) == ({"address": "DG1/Spt"}, "DG1")
    assert binding.offers(Service.OPERATE)
    assert not binding.offers(Service.REPORT)
    assert (binding.to_wire(500), binding.from_wire(500_000)) == (500_000.0, 500.0)
    binding.check(-750)


def test_values_that_do_not_fit() -> None:
    binding = bound(SET)
    for value, reason in (
        (750.5, "750.5 is not within -750 kW to 750 kW"),
        ("a lot", "'a lot' is not a finite number"),
    ):
        with pytest.raises(TypeConflict, match=reason) as caught:
            binding.check(value)
        assert caught.value.where == "der.DG1.x"
    with pytest.raises(TypeConflict, match="-1 is not within 0 kW to any"):
        bound(SET.replace("-{rating},{rating}", "0,")).check(-1)
    with pytest.raises(Malformed, match="code 3"):
        bound(STATE).from_wire(3)
    bound(STATE).check("on")


@pytest.mark.parametrize(
    ("lines", "where", "reason"),
    [
        ([P.replace("kW", "kw")], "t.csv:2", "unit: unknown unit 'kw': did you mean kW?"),
        ([P.replace(",W,", ",horse,")], "t.csv:2", "wire_unit: unknown unit 'horse': known are: W, "),
        ([P.replace(",W,", ",Wh,")], "t.csv:2", "p: 'Wh' (active energy) on the wire does not convert to 'kW' ("),
        ([P.replace(",W,,", ",W,0,")], "t.csv:2", "p: scale 0 cannot be inverted"),
        ([P.replace(",W,,", ",W,one,")], "t.csv:2", "scale: 'one' is not a number"),
        ([P.replace(",W,,", ",W,nan,")], "t.csv:2", "scale: 'nan' is not a number"),
        ([P.replace(",W,,", ",W,1e999,")], "t.csv:2", "scale: '1e999' is not a number"),
        ([P, STATE.replace("off=2", "off=1")], "t.csv:3", "state: code 1 stands for two names and cannot be inverted"),
        ([P, STATE.replace("off=2", "on=2")], "t.csv:3", "enumeration: 'on' is given twice"),
        ([P, STATE.replace("off=2", "off")], "t.csv:3", "enumeration: 'off' is not name=code"),
        ([P, STATE.replace("on=1|off=2", "")], "t.csv:3", "state: an enum needs an enumeration: name=code|name=code"),
        ([P, SET, P.replace("ref1", "ref9")], "t.csv:4", "point 'p' is given twice, first at t.csv:2"),
        ([P, P.replace("p,", "q,", 1)], "t.csv:3", "address 'ref1' is given twice, first at t.csv:2"),
        ([P.replace("measurement", "measure")], "t.csv:2", "kind: 'measure' is none of measurement, status, setpoint"),
        ([P.replace("float,", "double,")], "t.csv:2", "type: 'double' is none of float, int, bool, enum, text"),
        ([P.replace("float32", "float")], "t.csv:2", "wire_type: 'float' is none of float32, float64, int8"),
        ([P.replace("read report", "reed")], "t.csv:2", "services: 'reed' is none of read, report, write"),
        ([P.replace("read report", "")], "t.csv:2", "services: at least one is needed"),
        ([P.replace("read report", "operate")], "t.csv:2", "services: a measurement cannot be served by 'operate'"),
        ([P.replace("report,,", "report,{rating,")], "t.csv:2", "low: '{rating' is not a number"),
        ([P.replace("p,", "p q,", 1)], "t.csv:2", "point: 'p q' is not a name of letters, digits, '_' and '.'"),
        ([P.replace(",Power", ",Power, in kW")], "t.csv:2", "15 cells under 14 columns"),
        ([P, "p2,measurement\n"], "t.csv:3", "2 cells under 14 columns"),
        ([P, '"p2\n'], "t.csv:3", "not CSV: unexpected end of data"),
        (['"p"x,\n'], "t.csv:2", "not CSV: ',' expected after '\"'"),
        (['"a\nb",measurement\n', P], "t.csv:2", "2 cells under 14 columns"),
    ],
)  # fmt: skip
def test_a_fault_has_file_line_and_reason(lines: list[str], where: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rows(*lines)
    assert caught.value.where == where
    assert caught.value.message.startswith(reason)


BITS = HEADER.replace("address,", "address,bits,")
ALARM = "alarm{n},status,bool,,reg,{bits},uint16,,,,,read,,,\n"


def test_several_points_of_one_value() -> None:
    lines = [ALARM.format(n=n, bits=bits) for n, bits in (("", "0"), ("2", "15"))]
    mode = "mode,status,enum,,reg,4-6,uint16,,,,off=0|on=1,read report,,,\n"
    first, second, third = parse_table((BITS + "".join(lines) + mode + P.replace("ref1", "ref1,")).encode(), "t.csv")[
        :3
    ]
    assert [row.conversion.from_wire(0x8010) for row in (first, second, third)] == [False, True, "on"]
    assert first.address == third.address == {"address": "reg"}


@pytest.mark.parametrize(
    ("bits", "reason"),
    [
        (["0", "0"], "bit 0 of 'reg' is given twice, first at t.csv:2"),
        (["0", ""], "a bool does not convert to uint16"),
        (["x"], "bits: 'x' is no bit (5) and no range of bits (4-6)"),
        (["16"], "uint16 has no bit 16"),
        (["3-4"], "a bool is one bit"),
    ],
)
def test_faults_of_bits(bits: list[str], reason: str) -> None:
    lines = [ALARM.format(n=n, bits=text) for n, text in enumerate(bits)]
    with pytest.raises(ConfigError) as caught:
        parse_table((BITS + "".join(lines)).encode(), "t.csv")
    assert reason in str(caught.value)


def test_bits_are_not_written_and_not_beside_their_whole() -> None:
    field = "mode,setting,int,,reg,4-6,uint16,,,,,{services},,,\n"
    whole = "all,setting,int,,reg,,uint16,,,,,read write,,,\n"
    with pytest.raises(ConfigError, match="some bits of a value cannot be served by 'write': other points have its"):
        parse_table((BITS + field.format(services="read write")).encode(), "t.csv")
    read = field.format(services="read")
    for lines in ((read, whole), (whole, read)):
        with pytest.raises(ConfigError, match=r"t\.csv:3: address 'reg' is given twice, first at t\.csv:2"):
            parse_table((BITS + "".join(lines)).encode(), "t.csv")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (HEADER.replace("scale", "scal"), "column 'scale' is missing; is 'scal' meant for it?"),
        (HEADER.replace("low,", ""), "column 'low' is missing"),
        (HEADER.replace("address", "unit"), "column 'unit' is there twice"),
        (HEADER.replace("address", ""), "a column has no name"),
        (HEADER.replace(",", ";"), "the columns are separated by ';': save the table with commas"),
        ("", "column 'point' is missing"),
    ],
)
def test_a_fault_in_the_header(header: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_table((header + P).encode() if header else b"", "t.csv")
    assert str(caught.value) == f"t.csv:1: {reason}"


def test_every_fault_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        rows(P.replace("kW", "kw"), SET, STATE.replace("on=1", "on"))
    first, second = str(caught.value).splitlines()
    assert first.startswith("t.csv:2: unit")
    assert second.startswith("t.csv:4: enumeration")


def test_what_a_spreadsheet_saves() -> None:
    text = (HEADER + P + SET).replace("\n", "\r\n")
    saved = parse_table(text.encode("utf-8-sig") + b",,,,,,,,,,,,,\r\n", "t.csv")
    assert [row.point for row in saved] == ["p", "p.set"]
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        parse_table((HEADER + P + P.replace("Power", "Leistüng")).encode("latin-1"), "t.csv")
    assert caught.value.where == "t.csv:3"
    with pytest.raises(ConfigError, match="larger than"):
        parse_table(b"x" * (9 << 20), "t.csv")


def test_what_a_device_does_not_give() -> None:
    row = rows(SET)[0]
    with pytest.raises(ConfigError, match=r"low: \{rating\} is not given; given are: ied") as caught:
        row.bind("x", {"ied": "DG1"})
    assert caught.value.where == "t.csv:2"
    with pytest.raises(ConfigError, match=r"address: \{ied\} is not given"):
        row.bind("x", {"rating": 1.0})
    with pytest.raises(ConfigError, match="'big', not a number"):
        row.bind("x", {"ied": "DG1", "rating": "big"})
    with pytest.raises(ConfigError, match="low 750 is above high -750"):
        row.bind("x", {"ied": "DG1", "rating": -750.0})


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(ConfigError, match="cannot read"):
        load_table(path)
    path.write_text(HEADER + P)
    table = load_table(path)
    assert [row.point for row in table] == ["p"]
    assert table.row("p").where == f"{path}:2"
    with pytest.raises(UnknownName, match="there are: p"):
        table.row("q")


@pytest.mark.parametrize("path", SHIPPED, ids=shown)
@settings(max_examples=20)
@given(data=st.data())
def test_every_shipped_row_converts_there_and_back(path: Path, data: st.DataObject) -> None:
    for row in load_table(path):
        there_and_back(row.conversion, data.draw(common_values(row.conversion)))


def there_and_back(there: Conversion, value: Scalar) -> None:
    """A value that fits comes back as it was, and what stands on the wire is told again."""
    wire = there.to_wire(value)
    back = there.from_wire(wire)
    if isinstance(value, float):
        assert isinstance(there, Linear | Field | Stepped)
        offset = abs(getattr(there, "offset", 0.0))
        assert back == pytest.approx(value, rel=1e-12, abs=1e-12 * (1 + offset))
        assert there.to_wire(back) == pytest.approx(wire, rel=1e-9, abs=1e-9)
    else:
        assert (back, type(back)) == (value, type(value))
        assert there.to_wire(back) == wire


NUMBER = st.floats(-1000, 1000, allow_nan=False).map(lambda number: round(number, 3))
WORDS = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True), min_size=1, max_size=5, unique=True)


@st.composite
def lines(draw: st.DrawFn, number: int) -> str:
    """A row that may well be right: units of one dimension, codes that occur once, any wire type."""
    kind, type = draw(st.sampled_from(list(Kind))), draw(st.sampled_from(list(ValueType)))
    wire = draw(st.sampled_from(list(WireType)))
    service = Service.READ if kind in READABLE else Service.OPERATE
    cell = dict.fromkeys((*COMMON, *OPTIONAL, "address"), "")
    if type in {ValueType.FLOAT, ValueType.INT}:
        symbols = [u.symbol for u in UNITS.values()]
        dimension = UNITS[draw(st.sampled_from(symbols))].dimension
        same = [u.symbol for u in UNITS.values() if u.dimension == dimension]
        cell["unit"], cell["wire_unit"] = draw(st.sampled_from(same)), draw(st.sampled_from(same))
        cell["scale"] = draw(st.sampled_from(["", "-1", "0.1", "25"]) | NUMBER.map(str))
        cell["offset"] = draw(st.sampled_from([""]) | NUMBER.map(str))
    elif type is ValueType.ENUM:
        words = draw(WORDS)
        codes = draw(st.lists(st.integers(0, 20), min_size=len(words), max_size=len(words), unique=True))
        cell["enumeration"] = "|".join(f"{word}={code}" for word, code in zip(words, codes, strict=True))
    if draw(st.integers(0, 3)) == 0:
        cell["bits"] = draw(st.sampled_from(["0", "3", "1-2", "4-7", "12-9"]))
    named = {"kind": kind.value, "type": type.value, "wire_type": wire.value, "point": f"p{number}"}
    cell |= named | {"services": service.value, "address": f"a{number}"}
    return ",".join(cell.values())


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True).flatmap(lambda n: st.tuples(*map(lines, n))),
       st.data())  # fmt: skip
def test_a_table_that_is_taken_converts_there_and_back(table: tuple[str, ...], data: st.DataObject) -> None:
    header = ",".join((*COMMON, *OPTIONAL, "address"))
    for line in table:
        try:
            (row,) = parse_table(f"{header}\n{line}\n".encode(), "t.csv")
        except ConfigError:
            continue
        try:
            value = data.draw(common_values(row.conversion))
            row.conversion.to_wire(value)
        except TypeConflict:
            continue  # a number beyond what the wire holds
        there_and_back(row.conversion, value)


def test_the_columns_are_documented() -> None:
    text = (mappings_dir() / "README.md").read_text()
    assert [column for column in (*COMMON, *OPTIONAL) if f"`{column}`" not in text] == []


@given(st.binary(max_size=300), st.integers(0, 400))
def test_garbage_raises_nothing_but_config_errors(garbage: bytes, at: int) -> None:
    good = (HEADER + P + SET + STATE).encode()
    for data in (garbage, good[:at] + garbage + good[at + len(garbage) :]):
        try:
            parse_table(data, "t.csv")
        except ConfigError as error:
            assert (error.where or "").startswith("t.csv")  # noqa: PT017
