"""Texts and their meaning, where they are not plain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from janusgrid.openadr.model import OptType, SignalName
from janusgrid.openadr.model.simple import (
    ANY_URI,
    BY_PYTHON,
    DECIMAL,
    parse_boolean,
    parse_date_time,
    render_date_time,
    render_float,
)

NINE = datetime(2026, 11, 21, 9, 30, 47, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-21T09:30:47Z", NINE),
        ("2026-11-21T09:30:47", NINE),
        (" 2026-11-21T09:30:47Z\n", NINE),
        ("2026-11-21T09:30:47.Z", NINE),
        ("2026-11-21T09:30:47.5Z", NINE.replace(microsecond=500_000)),
        ("2026-11-21T09:30:47.123456Z", NINE.replace(microsecond=123_456)),
        ("2026-11-21T09:30:47.1234567Z", NINE.replace(microsecond=123_456)),
        ("2026-11-21T24:00:00Z", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-12-31T24:00:00", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-11-21T17:30:47+08:00", NINE),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_times(text: str, time: datetime) -> None:
    parsed = parse_date_time(text)
    assert parsed == time
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize("text", ["-0044-03-15T12:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T24:00:00Z", "", "Z"])
def test_times_that_python_cannot_hold(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        parse_date_time(text)


def test_times_are_written_in_utc_with_a_fraction_only_where_there_is_one() -> None:
    assert render_date_time(NINE) == "2026-11-21T09:30:47Z"
    assert render_date_time(NINE.replace(microsecond=120)) == "2026-11-21T09:30:47.000120Z"
    assert render_date_time(NINE.astimezone(timezone(timedelta(hours=8)))) == "2026-11-21T09:30:47Z"
    assert render_date_time(datetime(33, 4, 3, tzinfo=UTC)) == "0033-04-03T00:00:00Z"


def test_truth_has_four_texts() -> None:
    assert [parse_boolean(text) for text in ("true", " 1 ", "false", "0")] == [True, True, False, False]
    with pytest.raises(KeyError):
        parse_boolean("True")


def test_numbers() -> None:
    assert [render_float(number) for number in (1.0, 0.1, 1e30, float("inf"))] == ["1.0", "0.1", "1e+30", "INF"]
    assert DECIMAL.render(Decimal("1E+3")) == "1000"
    assert DECIMAL.render(DECIMAL.accept(0.1)) == "0.1"


def test_blanks_around_tokens_do_not_count_but_only_those_of_xml() -> None:
    opt_type, signal_name = BY_PYTHON[OptType], BY_PYTHON[SignalName]
    assert opt_type.parse(" \n optIn ") is OptType.OPT_IN
    assert signal_name.parse(" x-a \t b ") == "x-a b"
    assert ANY_URI.parse("\u2003a") == "\u2003a"
    with pytest.raises(ValueError, match="optout"):
        opt_type.parse("optout")
