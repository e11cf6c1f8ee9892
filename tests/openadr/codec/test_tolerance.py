"""Tolerant reading: each deviation that has a name, in documents of others and in our own made wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from janusgrid.common.errors import Malformed
from janusgrid.openadr.codec import DEVIATIONS, read, read_payload, write
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import DistributeEvent, Duration, Event, Message

from .documents import samples

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
PUBLISHED = (
    "Sample_oadrCreateReport.xml", "Sample_oadrCreateReport_OneShot_Telemetry.xml",
    "Sample_oadrCreateReport_Telemetry_Status.xml", "Sample_oadrRegisteredReport_W_ReportRequest.xml",
)  # fmt: skip


def event() -> Message:
    made = load_dispatch(5, start=T0, duration=timedelta(hours=1), created=T0, ramp_up=timedelta(minutes=5))
    return DistributeEvent(request_id="D", vtn_id="V", events=[Event(ei_event=made)])


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_four_published_samples_that_are_invalid_can_be_read(shared: Path, name: str) -> None:
    (sample,) = (each for each in samples(shared) if each.name.endswith(f"/{name}"))
    data = sample.path.read_bytes()
    with pytest.raises(Malformed):
        read(data)
    payload = read_payload(data, tolerant=True)
    assert {deviation.name for deviation in payload.deviations} == {"text-duration"}
    assert all("reportBackDuration" in deviation.reason for deviation in payload.deviations)
    requests = payload.message.report_requests  # type: ignore[attr-defined]
    assert all(isinstance(each.report_specifier.report_back_duration, Duration) for each in requests)
    assert read(write(payload.message)) == payload.message


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        ("<ei:x-eiRampUp><xcal:duration>PT5M</xcal:duration>", "<ei:x-eiRampUp>PT5M", "text-duration"),
        ("<power:itemUnits>W</power:itemUnits><scale:siScaleCode>k<",
         "<power:itemUnits>kW</power:itemUnits><scale:siScaleCode>none<", "scaled-unit"),
        ("08:20:00Z</ei:createdDateTime>", "08:20:00+00:00</ei:createdDateTime>", "zero-offset"),
        ("<ei:priority>", "<ei:modificationReason/><ei:priority>", "empty-option"),
        ("<ei:interval>", "<ei:interval><xcal:dtstart><xcal:date-time/></xcal:dtstart>", "empty-option"),
        ("<ei:x-eiNotification>",
         "<xcal:tolerance><xcal:tolerate><xcal:startafter/></xcal:tolerate></xcal:tolerance><ei:x-eiNotification>",
         "empty-option"),
    ],
)  # fmt: skip
def test_each_deviation_is_put_right_and_told(right: str, wrong: str, name: str) -> None:
    message = event()
    text = write(message)
    assert right in text
    spoiled = text.replace(right, wrong)
    payload = read_payload(spoiled, tolerant=True)
    assert payload.message == message or name == "empty-option"
    assert [deviation.name for deviation in payload.deviations] == [name]
    assert payload.deviations[0].path.startswith("/oadrPayload/")
    if name != "empty-option" or "tolerance" in wrong or "dtstart" in wrong:
        with pytest.raises(Malformed):
            read(spoiled)


def test_every_name_has_been_met_here() -> None:
    assert set(DEVIATIONS) == {"text-duration", "scaled-unit", "empty-option", "zero-offset"}


def test_a_document_without_deviations_reads_the_same(shared: Path) -> None:
    count = 0
    for sample in samples(shared):
        if sample.valid and sample.is_message:
            data = sample.path.read_bytes()
            payload = read_payload(data, tolerant=True)
            assert payload.message == read(data) or payload.deviations, sample.name
            count += bool(not payload.deviations)
    assert count >= 120


@pytest.mark.parametrize(
    "text",
    [
        "<power:itemUnits>kW</power:itemUnits><scale:siScaleCode>k<",
        "<power:itemUnits>horses</power:itemUnits><scale:siScaleCode>none<",
    ],
)
def test_what_cannot_be_told_stays_wrong(text: str) -> None:
    right = "<power:itemUnits>W</power:itemUnits><scale:siScaleCode>k<"
    with pytest.raises(Malformed):
        read(write(event()).replace(right, text), tolerant=True)


def test_what_has_no_name_is_refused_all_the_same() -> None:
    with pytest.raises(Malformed):
        read(write(event()).replace("<ei:vtnID>V</ei:vtnID>", ""), tolerant=True)
