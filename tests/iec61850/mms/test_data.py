"""The primitives of values: octets as peers send them, and properties."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.iec61850.acsi.types import BitString, EntryTime, Quality, Timestamp
from janusgrid.iec61850.mms import MmsDecodeError, MmsEncodeError, data


@pytest.mark.parametrize(
    ("value", "double", "octets"),
    [
        (123.0, False, "0842f60000"),
        (-0.0, False, "0880000000"),
        (math.inf, False, "087f800000"),
        (123.0, True, "0b405ec00000000000"),
    ],
)
def test_floats(value: float, double: bool, octets: str) -> None:
    assert data.float_to_octets(value, double=double).hex() == octets
    assert data.float_from_octets(bytes.fromhex(octets)) == value


@given(st.floats(allow_nan=False))
def test_floats_of_64_bits_come_back(value: float) -> None:
    assert data.float_from_octets(data.float_to_octets(value, double=True)) == value


@given(st.floats(width=32, allow_nan=False))
def test_floats_of_32_bits_come_back(value: float) -> None:
    assert data.float_from_octets(data.float_to_octets(value)) == value


def test_floats_that_do_not_fit_are_refused() -> None:
    assert math.isnan(data.float_from_octets(data.float_to_octets(math.nan)))
    with pytest.raises(MmsEncodeError, match="FLOAT32"):
        data.float_to_octets(1e300)
    for octets in (b"", b"\x08", b"\x0b" + bytes(4), b"\x08" + bytes(8), b"\x07" + bytes(4)):
        with pytest.raises(MmsDecodeError, match="floating-point"):
            data.float_from_octets(octets)


def test_timestamps_as_a_substation_sent_them() -> None:
    healthy, faulty = (data.timestamp_from_octets(bytes.fromhex(t)) for t in ("48808dc4a353f80a", "48808fff9958116a"))
    assert healthy == Timestamp(0x48808DC4, 0xA353F8, leap_seconds_known=False, accuracy=10)
    assert healthy.datetime == datetime(2008, 7, 18, 12, 34, 12, 638_000, UTC)
    assert faulty == Timestamp(
        0x48808FFF, 0x995811, False, clock_failure=True, clock_not_synchronized=True, accuracy=10
    )
    assert faulty.datetime == datetime(2008, 7, 18, 12, 43, 43, 599_000, UTC)


@given(st.binary(min_size=8, max_size=8))
def test_every_timestamp_comes_back(octets: bytes) -> None:
    assert data.timestamp_to_octets(data.timestamp_from_octets(octets)) == octets


def test_entry_times() -> None:
    time = data.entry_time_from_octets(bytes.fromhex("029a33103d2f"))
    assert time.datetime == datetime(1984, 1, 1, tzinfo=UTC) + timedelta(days=0x3D2F, milliseconds=0x029A3310)
    assert data.entry_time_to_octets(time).hex() == "029a33103d2f"
    for octets in ("05265c000000", "00000000", "", "00000000000000"):
        with pytest.raises(MmsDecodeError, match="milliseconds of a day"):
            data.entry_time_from_octets(bytes.fromhex(octets))
    for milliseconds in (-1, 86_400_000 << 16):
        with pytest.raises(MmsEncodeError, match="1984 to 2163"):
            data.entry_time_to_octets(EntryTime(milliseconds))


@given(st.integers(0, (86_400_000 << 16) - 1))
def test_every_entry_time_comes_back(milliseconds: int) -> None:
    assert data.entry_time_from_octets(data.entry_time_to_octets(EntryTime(milliseconds))) == EntryTime(milliseconds)


@pytest.mark.parametrize("time", [Timestamp(-1), Timestamp(1 << 32), Timestamp(0, 1 << 24), Timestamp(0, accuracy=32)])
def test_timestamps_out_of_range_are_refused(time: Timestamp) -> None:
    with pytest.raises(MmsEncodeError, match="out of range"):
        data.timestamp_to_octets(time)


def test_a_timestamp_has_8_octets() -> None:
    with pytest.raises(MmsDecodeError, match="7 octets, not 8"):
        data.timestamp_from_octets(bytes(7))


def test_bits() -> None:
    assert data.bits_from(BitString.of(1, 3, size=6)) == (0b010100, 6)
    assert data.bit_string_from((0b010100, 6)).bits == (1, 3)
    assert data.quality_to_bits(Quality.of(Quality.QUESTIONABLE, 7)) == (0b1100000100000, 13)
    assert data.quality_from_bits((0b1100000100000, 13)) == Quality.of(Quality.QUESTIONABLE, 7)
    with pytest.raises(MmsDecodeError, match="2 bits, not 13"):
        data.quality_from_bits((0, 2))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("20261121074357.250Z", datetime(2026, 11, 21, 7, 43, 57, 250_000, UTC)),
        ("20261121074357Z", datetime(2026, 11, 21, 7, 43, 57, 0, UTC)),
        ("20261121074357", datetime(2026, 11, 21, 7, 43, 57, 0, UTC)),
        ("202611210743.5+0130", datetime(2026, 11, 21, 7, 43, 30, 0, timezone(timedelta(minutes=90)))),
        ("2026112107,5-02", datetime(2026, 11, 21, 9, 30, 0, 0, UTC)),
    ],
)
def test_times_in_text(text: str, time: datetime) -> None:
    assert data.datetime_from_text(text) == time
    assert data.datetime_from_text(data.datetime_to_text(time)) == time


@pytest.mark.parametrize("text", ["", "today", "20261321000000Z", "20260229000000Z", "20261121074357+9999", "2026112"])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(MmsDecodeError, match="is not a GeneralizedTime"):
        data.datetime_from_text(text)
