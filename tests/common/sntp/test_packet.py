"""Requests and answers: the dates of RFC 5905, answers of chrony, every check of an answer, and garbage."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import Malformed, Refused, RemoteError
from janusgrid.common.sntp.packet import SIZE, KissOfDeath, Sample, read, request, ticks, unwrapped

NONCE = 0x5B78253F3F45FB7A
SECOND = 1 << 32
# chrony 4.3 with `local stratum 3`; the nonce of the request is the originate timestamp.
CHRONY = bytes.fromhex(
    "240300e600000000000000007f7f0101eeac0a08d0e20fd95b78253f3f45fb7aeeac0a0a20f2d01beeac0a0a20f9d4a0"
)
CAME = datetime(2026, 11, 21, 12, 16, 10, 129000, tzinfo=UTC)
YEARS = st.datetimes(datetime(2026, 1, 1), datetime(2090, 1, 1)).map(lambda when: when.replace(tzinfo=UTC))


def answer(**changed: int | bytes) -> bytes:
    """Return an answer with these fields."""
    fields: dict[str, int | bytes] = {
        "flags": 4 << 3 | 4, "stratum": 2, "poll": 6, "precision": -20, "root_delay": 1 << 10, "dispersion": 1 << 9,
        "reference": b"\x7f\x7f\1\1", "updated": ticks(CAME - timedelta(seconds=9)) % (1 << 64), "originate": NONCE,
        "arrived": ticks(CAME) % (1 << 64), "left": ticks(CAME) % (1 << 64),
    }  # fmt: skip
    return struct.pack("!BBbbII4sQQQQ", *(fields | changed).values())


@pytest.mark.parametrize(
    ("date", "era", "seconds"),
    [
        (datetime(1900, 1, 1), 0, 0),
        (datetime(1970, 1, 1), 0, 2_208_988_800),
        (datetime(1972, 1, 1), 0, 2_272_060_800),
        (datetime(1999, 12, 31), 0, 3_155_587_200),
        (datetime(2036, 2, 7, 6, 28, 16), 1, 0),
        (datetime(2036, 2, 8), 1, 63_104),
    ],
)
def test_dates_of_rfc_5905(date: datetime, era: int, seconds: int) -> None:
    """Figure 4, "Interesting Historic NTP Dates", and the epoch of Unix."""
    assert divmod(ticks(date.replace(tzinfo=UTC)) // SECOND, SECOND) == (era, seconds)


@given(YEARS, st.timedeltas(timedelta(days=-24_000), timedelta(days=24_000)))
def test_the_era_is_that_nearest_to_our_time(when: datetime, wrong: timedelta) -> None:
    near = max(when + wrong, datetime(2026, 1, 1, tzinfo=UTC))
    assert unwrapped(ticks(when) % (1 << 64), near) == ticks(when)


@given(YEARS)
def test_a_clock_that_was_never_set_knows_the_era_all_the_same(when: datetime) -> None:
    assert unwrapped(ticks(when) % (1 << 64), datetime(1970, 1, 1, tzinfo=UTC)) == ticks(when)


def test_a_request_has_a_nonce_and_nothing_of_us() -> None:
    assert request(NONCE) == b"\x23" + bytes(39) + NONCE.to_bytes(8, "big")


def test_an_answer_of_chrony() -> None:
    sample = read(CHRONY, NONCE, 7.0, CAME, 0.0005)
    assert (sample.elapsed, sample.stratum, sample.leap) == (7.0, 3, 0)
    arrived, left = 0x20F2D01B / SECOND, 0x20F9D4A0 / SECOND
    assert sample.offset == pytest.approx((arrived + left) / 2 - (0.129 - 0.0005 / 2), abs=1e-7)
    assert sample.delay == pytest.approx(0.0005 - 0.0001071, abs=1e-6)
    assert sample.distance == pytest.approx(sample.delay / 2 + 2**-26)


def test_offset_and_delay_are_those_of_rfc_4330() -> None:
    """Clause 5: d = (T4 - T1) - (T3 - T2), t = ((T2 - T1) + (T3 - T4)) / 2."""
    t1, t2, t3, t4 = (CAME + timedelta(seconds=s) for s in (0.0, 100.03, 100.04, 0.09))
    came = answer(arrived=ticks(t2) % (1 << 64), left=ticks(t3) % (1 << 64), root_delay=0, dispersion=0)
    sample = read(came, NONCE, 0.0, t4, (t4 - t1).total_seconds())
    assert sample.delay == pytest.approx(0.08)
    assert sample.offset == pytest.approx(((100.03 - 0.0) + (100.04 - 0.09)) / 2)
    assert sample.distance == pytest.approx(0.04, abs=1e-5)


def test_across_the_end_of_the_era() -> None:
    before, after = (datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC) + timedelta(seconds=s) for s in (-3.0, 4.0))
    came = answer(
        arrived=ticks(after) % (1 << 64), left=ticks(after) % (1 << 64), updated=ticks(before) % (1 << 64)
    )  # fmt: skip
    assert read(came, NONCE, 0.0, before, 0.0).offset == pytest.approx(7.0)


def test_root_distance_has_all_that_may_be_wrong() -> None:
    sample = read(answer(root_delay=1 << 14, dispersion=1 << 13), NONCE, 0.0, CAME, 0.2)
    assert sample.distance == pytest.approx(0.25 / 2 + 0.125 + 0.1, abs=1e-5)


@pytest.mark.parametrize(("indicator", "leap"), [(0, 0), (1, 1), (2, -1)])
def test_leap_indicator(indicator: int, leap: int) -> None:
    assert read(answer(flags=indicator << 6 | 4 << 3 | 4), NONCE, 0.0, CAME, 0.01).leap == leap


@pytest.mark.parametrize(
    ("came", "error", "said"),
    [
        (answer()[:47], Malformed, "47 octets"),
        (b"", Malformed, "0 octets"),
        (request(NONCE), Malformed, "mode 3"),
        (answer(flags=4 << 3 | 5), Malformed, "mode 5"),
        (answer(flags=1 << 3 | 4), Malformed, "version 1"),
        (answer(originate=NONCE ^ 1), Malformed, "forged"),
        (answer(originate=0), Malformed, "forged"),
        (answer(flags=3 << 6 | 4 << 3 | 4), Refused, "not synchronized"),
        (answer(stratum=16), Refused, "not synchronized"),
        (answer(arrived=0), Malformed, "no time"),
        (answer(left=0), Malformed, "no time"),
        (answer(left=ticks(CAME + timedelta(seconds=1)) % (1 << 64)), Malformed, "longer than we waited"),
        (answer(left=ticks(CAME - timedelta(seconds=1)) % (1 << 64)), Malformed, "less than nothing"),
        (answer(updated=ticks(CAME + timedelta(hours=1)) % (1 << 64)), Malformed, "in its future"),
        (answer(root_delay=2 << 16), Refused, "wrong by 1.0"),
        (answer(dispersion=1 << 16), Refused, "wrong by 1.0"),
        (answer(root_delay=0xFFFF_FFFF), Refused, "wrong by"),
    ],
)
def test_answers_that_are_none(came: bytes, error: type[RemoteError], said: str) -> None:
    with pytest.raises(error, match=said):
        read(came, NONCE, 0.0, CAME, 0.01)


@pytest.mark.parametrize(
    ("reference", "code"), [(b"RATE", "RATE"), (b"DENY", "DENY"), (b"X\0\0\0", "X"), (b"\xff\xfe\1\2", None)]
)
def test_kiss_of_death(reference: bytes, code: str | None) -> None:
    with pytest.raises(KissOfDeath) as caught:
        read(answer(stratum=0, flags=3 << 6 | 4 << 3 | 4, reference=reference), NONCE, 0.0, CAME, 0.01)
    assert caught.value.code == code


def test_a_forged_kiss_of_death_is_nothing() -> None:
    with pytest.raises(Malformed, match="forged"):
        read(answer(stratum=0, reference=b"DENY", originate=1), NONCE, 0.0, CAME, 0.01)


@given(st.binary(max_size=80))
def test_garbage_is_refused(octets: bytes) -> None:
    with pytest.raises(RemoteError):
        read(octets, NONCE, 0.0, CAME, 0.01)


@given(st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_answer_is_refused_or_within_its_bounds(places: list[tuple[int, int]]) -> None:
    octets = bytearray(answer())
    for place, octet in places:
        octets[place] = octet
    try:
        sample = read(bytes(octets), NONCE, 0.0, CAME, 0.01)
    except RemoteError:
        return
    assert isinstance(sample, Sample)
    assert 0 <= sample.delay <= 0.012
    assert 0 < sample.distance < 1.0
    assert abs(sample.offset) < (1 << 31)
