"""Runs in process as records, and pictures as files of their own, which the documentation shows."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree

import pytest
from janusgrid.ems.report import Record, Sort
from janusgrid.ems.report.plots import moments, pictures
from janusgrid.ems.report.record import at as figure_at
from janusgrid.ems.report.record import sentence
from janusgrid.ems.report.reserve import of_result
from janusgrid.ems.reserve.cases import at, case
from janusgrid.ems.reserve.local import run_local


@pytest.fixture(scope="module")
def record() -> Record:
    result = run_local(case("t17"), every=timedelta(seconds=30))
    return of_result(result, "the main diesel fails")


def test_a_run_in_process_is_told_as_it_was(record: Record) -> None:
    assert (record.dispatch, record.begin, record.over) == (at("08:20"), at("08:30"), at("09:30"))
    assert len(record.settled[0].rates) == 60
    assert record.settled[0].average == pytest.approx(0.797, abs=0.005)
    assert all(point.difference_kw is not None and abs(point.difference_kw) < 10 for point in record.table)
    diesel = record.devices[0]
    assert (diesel.name, diesel.soc) == ("DG750", ())
    assert figure_at(diesel.setpoint, at("09:04")) == 750
    assert figure_at(diesel.setpoint, at("09:06")) == 0
    assert figure_at(diesel.power, at("09:20")) == 0
    assert figure_at(record.storages[0].soc, at("09:29")) == pytest.approx(20)
    assert record.target_kw == pytest.approx(920.899)
    assert {parameter.known for parameter in record.parameters} == {"stated", "deduced", "fitted", "chosen"}


def test_what_starts_together_is_told_together(record: Record) -> None:
    told = [(record.clock(when), sentence(found)) for when, found in moments(record)]
    assert told[0] == ("08:20", "dispatch of 1000 kW; DG750, DG200 start")
    assert ("09:00", "DG750 fails") in told
    assert {mark.sort for mark in record.events} >= {Sort.FAULT, Sort.CONFIRMED, Sort.EMPTY, Sort.STOP}


def test_a_picture_as_a_file_is_whole(record: Record) -> None:
    power, *_ = pictures(record)
    root = ElementTree.fromstring(power.file(record))
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert (root.findtext(f"{space}title"), root.findtext(f"{space}desc")) == (power.title, power.words)
    assert "var(" not in power.file(record), "not every program knows variables"
