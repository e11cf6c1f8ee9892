"""Durations: the text is kept, the meaning is right."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, TypeConflict
from janusgrid.openadr.model import Duration
from lxml import etree


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0S", 0),
        ("P", 0),
        ("PT", 0),
        ("PT15M", 900),
        ("PT1H30M", 5400),
        ("P1DT1S", 86401),
        ("-PT10M", -600),
        ("+PT10M", 600),
        ("2W", 14 * 86400),
        ("P1H", 3600),
    ],
)
def test_lengths(text: str, seconds: int) -> None:
    duration = Duration(text)
    assert duration.timedelta == timedelta(seconds=seconds)
    assert str(duration) == text


@pytest.mark.parametrize("text", ["", "PTS", "1H", "P1W", "PT0.5S", "PT1H ", "pt1h", "-2W", "PT1S1M", "P1D1Y"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(TypeConflict, match="is not a duration"):
        Duration(text)


def test_the_grammar_is_that_of_the_official_schema(shared: Path) -> None:
    schema = etree.XMLSchema(etree.parse(shared / "reference/openadr/xsd/oadr_20b.xsd"))
    parts = ["", "P", "+", "-", "T", "1Y", "2M", "3D", "4H", "5M", "6S", "7W", "0.5S", " "]
    for text in {a + b + c + d + e for a in parts for b in ("P", "") for c in parts for d in ("T", "") for e in parts}:
        element = etree.Element("{http://openadr.org/oadr-2.0b/2012/07}oadrRequestedOadrPollFreq")
        etree.SubElement(element, "{urn:ietf:params:xml:ns:icalendar-2.0}duration").text = text
        try:
            Duration(text)
        except TypeConflict:
            assert not schema.validate(element), text
        else:
            assert schema.validate(element), text


@given(st.timedeltas().map(lambda length: length - timedelta(microseconds=length.microseconds)))
def test_every_whole_number_of_seconds_can_be_said(length: timedelta) -> None:
    assert Duration.of(length).timedelta == length
    assert Duration(Duration.of(length).text).timedelta == length


def test_shortest_usual_form() -> None:
    lengths = [
        timedelta(0),
        timedelta(minutes=90),
        timedelta(days=1),
        timedelta(days=-1, hours=-2),
        timedelta(seconds=5),
    ]
    assert [Duration.of(length).text for length in lengths] == ["PT0S", "PT1H30M", "P1D", "-P1DT2H", "PT5S"]


def test_a_fraction_of_a_second_cannot_be_said() -> None:
    with pytest.raises(TypeConflict, match="fraction of a second"):
        Duration.of(timedelta(milliseconds=1500))


def test_months_depend_on_the_start() -> None:
    month = Duration("P1M")
    assert month.after(datetime(2026, 1, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
    assert Duration("P1Y2MT1H").after(datetime(2026, 11, 1, tzinfo=UTC)) == datetime(2028, 1, 1, 1, tzinfo=UTC)
    assert Duration("-P2M").after(datetime(2026, 1, 15, tzinfo=UTC)) == datetime(2025, 11, 15, tzinfo=UTC)
    with pytest.raises(LocalError, match="has months"):
        _ = month.timedelta


def test_equal_is_what_means_the_same() -> None:
    assert Duration("PT60M") == Duration("PT1H") != Duration("PT2H")
    assert hash(Duration("PT60M")) == hash(Duration("PT1H"))
    assert Duration("PT60M").text == "PT60M"
    assert Duration("PT1H") != "PT1H"
    assert Duration("P12M") == Duration("P1Y") != Duration("P365D")


def test_a_duration_does_not_change_and_can_be_copied() -> None:
    duration = Duration("PT1H")
    with pytest.raises(AttributeError, match="does not change"):
        duration.seconds = 1
    assert pickle.loads(pickle.dumps(duration)).text == copy.deepcopy(duration).text == "PT1H"
    assert repr(duration) == "Duration('PT1H')"
    assert Duration.of(duration) is duration
    with pytest.raises(TypeConflict):
        Duration.of(60)  # type: ignore[arg-type]
