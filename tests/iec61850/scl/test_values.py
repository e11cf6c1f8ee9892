"""Texts of `Val` as values of every basic type."""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.iec61850.acsi.types import BasicType, BitString, EntryTime, Quality, Timestamp
from janusgrid.iec61850.model.nodes import EnumType
from janusgrid.iec61850.scl.values import INTEGERS, OCTETS, STRINGS, BadValue, parse

T = BasicType
UNITS = EnumType("SIUnitKind", {"": 1, "W": 38, "Wh": 72, "wH": 7, "VAr": 63})

GOOD = [
    (T.BOOLEAN, "true", True),
    (T.BOOLEAN, "0", False),
    (T.INT8, "-128", -128),
    (T.INT8U, "255", 255),
    (T.INT128, "-" + str(1 << 127), -(1 << 127)),
    (T.INT32, " +7 ", 7),
    (T.FLOAT32, "-1.5e3", -1500.0),
    (T.FLOAT32, ".5", 0.5),
    (T.FLOAT64, "1e300", 1e300),
    (T.FLOAT32, "-INF", -math.inf),
    (T.VISSTRING255, "IEC 61850-7-4:2007B5", "IEC 61850-7-4:2007B5"),
    (T.VISSTRING64, "", ""),
    (T.UNICODE255, "Zähler 温度", "Zähler 温度"),
    (T.CURRENCY, "EUR", "EUR"),
    (T.OBJREF, "LD/LN1.DO", "LD/LN1.DO"),
    (T.DBPOS, "intermediate", BitString(0, 2)),
    (T.DBPOS, "off", BitString(1, 2)),
    (T.DBPOS, "on", BitString(2, 2)),
    (T.DBPOS, "bad", BitString(3, 2)),
    (T.TCMD, "higher", BitString(2, 2)),
    (T.QUALITY, "good", Quality()),
    (T.QUALITY, "invalid", Quality.of(Quality.INVALID)),
    (T.QUALITY, "questionable,oldData,test", Quality.of(Quality.QUESTIONABLE, 7, 11)),
    (T.QUALITY, "operatorBlocked", Quality.of(0, 12)),
    (T.QUALITY, "1100000000010", Quality.of(Quality.QUESTIONABLE, 11)),
    (T.CHECK, "none", BitString(0, 2)),
    (T.CHECK, "both", BitString(3, 2)),
    (T.CHECK, "interlock-check", BitString(1, 2)),
    (T.TRGOPS, "dchg,gi", BitString(0b010001, 6)),
    (T.OPTFLDS, "0100000000", BitString(1 << 8, 10)),
    (T.SVOPTFLDS, "refreshTime dataSet", BitString(0b10010, 5)),
    (T.TIMESTAMP, "2026-01-31T12:00:00.5Z", Timestamp.of(datetime(2026, 1, 31, 12, 0, 0, 500000, tzinfo=UTC))),
    (T.TIMESTAMP, "2026-01-31T12:00:00+08:00", Timestamp.of(datetime(2026, 1, 31, 4, tzinfo=UTC))),
    (T.ENTRYTIME, "1984-01-02T00:00:00Z", EntryTime(86_400_000)),
    (T.OCTET64, "AQID", b"\1\2\3"),
    (T.ENTRYID, "AAAAAAAAAAE=", b"\0\0\0\0\0\0\0\1"),
    (T.ENUM, "W", 38),
    (T.ENUM, "", 1),
    (T.INT32, "", None),
    (T.TIMESTAMP, " ", None),
]
LOOSE = [
    (T.BOOLEAN, "TRUE", True),
    (T.INT32, "5.0", 5),
    (T.FLOAT32, "0,5", 0.5),
    (T.VISSTRING32, "Größe", "Gr??e"),
    (T.VISSTRING32, "x" * 40, "x" * 32),
    (T.DBPOS, "2", BitString(2, 2)),
    (T.DBPOS, "On", BitString(2, 2)),
    (T.TIMESTAMP, "2026-01-31", Timestamp.of(datetime(2026, 1, 31, tzinfo=UTC))),
    (T.TIMESTAMP, "2026-01-31 12:00:00", Timestamp.of(datetime(2026, 1, 31, 12, tzinfo=UTC))),
    (T.OCTET64, "0x0aFF", b"\x0a\xff"),
    (T.ENUM, "var", 63),
    (T.ENUM, "72", 72),
]
BAD = [
    (T.BOOLEAN, "yes"),
    (T.INT8, "128"),
    (T.INT8U, "-1"),
    (T.INT32, "1_000"),
    (T.INT32, "٣"),
    (T.INT32, "0x10"),
    (T.INT128, "9" * 5000),
    (T.FLOAT32, "1e39"),
    (T.FLOAT32, "infinity"),
    (T.FLOAT32, "1,000,000.5"),
    (T.DBPOS, "4"),
    (T.QUALITY, "splendid"),
    (T.QUALITY, "11000000000100"),
    (T.TRGOPS, "dchg,xchg"),
    (T.TIMESTAMP, "2026-02-30T00:00:00Z"),
    (T.TIMESTAMP, "2026-01-31T24:00:00Z"),
    (T.TIMESTAMP, "1969-12-31T23:59:59Z"),
    (T.TIMESTAMP, "0001-01-01T00:00:00+23:59"),
    (T.TIMESTAMP, "2026-01-31T12:00:00+99:99"),
    (T.ENTRYTIME, "1983-12-31T00:00:00Z"),
    (T.OCTET6, base64.b64encode(b"1234567").decode()),
    (T.OCTET64, "???"),
    (T.PHYCOMADDR, "01-0C-CD-01-00-00"),
    (T.ENUM, "kW"),
    (T.ENUM, "99"),
    (T.ENUM, "wh "),
]


@pytest.mark.parametrize(("basic", "text", "value"), GOOD)
def test_good(basic: BasicType, text: str, value: object) -> None:
    assert parse(text, basic, UNITS) == (value, "")
    assert type(parse(text, basic, UNITS)[0]) is type(value)


@pytest.mark.parametrize(("basic", "text", "value"), LOOSE)
def test_loose(basic: BasicType, text: str, value: object) -> None:
    found, remark = parse(text, basic, UNITS)
    assert found == value
    assert remark


@pytest.mark.parametrize(("basic", "text"), BAD)
def test_bad(basic: BasicType, text: str) -> None:
    with pytest.raises(BadValue):
        parse(text, basic, UNITS)


def test_an_enumeration_without_literals_takes_numbers() -> None:
    assert parse("-3", T.ENUM, None) == (-3, "")
    with pytest.raises(BadValue, match="no EnumType"):
        parse("on", T.ENUM, None)


def test_not_a_number_is_a_float() -> None:
    value, _ = parse("NaN", T.FLOAT32)
    assert isinstance(value, float)
    assert math.isnan(value)


@given(st.sampled_from(list(INTEGERS)), st.integers(-(1 << 130), 1 << 130))
def test_integers_are_what_they_spell_or_refused(basic: BasicType, number: int) -> None:
    low, high = INTEGERS[basic]
    if low <= number <= high:
        assert parse(str(number), basic) == (number, "")
    else:
        with pytest.raises(BadValue):
            parse(str(number), basic)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_what_they_spell(number: float) -> None:
    assert parse(repr(number), T.FLOAT64) == (number, "")


@given(st.binary(max_size=64))
def test_octets_are_what_base64_says(octets: bytes) -> None:
    assert parse(base64.b64encode(octets).decode(), T.OCTET64) == (octets or None, "")


@given(st.datetimes(datetime(1984, 1, 1), datetime(2105, 12, 31)))
def test_times_keep_their_microseconds(when: datetime) -> None:
    value, remark = parse(when.isoformat() + "Z", T.TIMESTAMP)
    assert remark == ""
    assert isinstance(value, Timestamp)
    assert value.datetime == when.replace(tzinfo=UTC)


@given(st.sampled_from(list(BasicType)), st.text(max_size=80))
def test_any_text_is_a_value_or_refused(basic: BasicType, text: str) -> None:
    try:
        value, _ = parse(text, basic, UNITS)
    except BadValue:
        return
    if basic in STRINGS:
        assert isinstance(value, str)
        assert len(value) <= STRINGS[basic]
        assert basic is T.UNICODE255 or value.isascii()
    if basic in OCTETS and value is not None:
        assert isinstance(value, bytes)
        assert len(value) <= OCTETS[basic]
