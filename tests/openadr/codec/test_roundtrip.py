"""Whatever can be made can be written, is valid, and comes back the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.common.xml import Schema
from janusgrid.common.xml import read as read_xml
from janusgrid.openadr.codec import read, read_payload, write
from janusgrid.openadr.model import (
    MESSAGES,
    CreateOpt,
    DistributeEvent,
    Duration,
    EiActivePeriod,
    EiEvent,
    EiEventSignal,
    EiResponse,
    Event,
    EventDescriptor,
    Interval,
    OptType,
    Poll,
    Response,
    SignalPayload,
    SignalType,
)

from .strategies import messages


@pytest.fixture(scope="module")
def official(shared: Path) -> Schema:
    return Schema(shared / "reference/openadr/xsd/oadr_20b.xsd")


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_message_comes_back_equal(cls: type, data: st.DataObject) -> None:
    message = data.draw(messages(cls))
    text = write(message)
    assert read(text) == message
    assert write(read(text.encode())) == text


@given(message=messages())
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_written_is_valid_against_the_official_schema_too(official: Schema, message: object) -> None:
    assert official.faults(read_xml(write(message, check=False))) == ()


def test_the_wrapping_is_told() -> None:
    poll = Poll(ven_id="VEN1")
    wrapped = write(poll, id="signed-1")
    payload = read_payload(wrapped)
    assert (payload.message, payload.wrapped, payload.id, payload.signature) == (poll, True, "signed-1", None)


def test_a_character_that_xml_cannot_carry_is_the_callers_mistake() -> None:
    with pytest.raises(LocalError, match=r"U\+0000"):
        write(Poll(ven_id="a\0b"))


def test_a_message_against_the_schema_is_not_sent() -> None:
    opt = CreateOpt(
        opt_id="O1",
        opt_type=OptType.OPT_OUT,
        opt_reason="x-maintenance",
        market_context="http://[",
        ven_id="VEN1",
        created_date_time=datetime(2026, 11, 21, tzinfo=UTC),
        request_id="R1",
    )
    with pytest.raises(LocalError, match=r"/oadrCreateOpt/marketContext: .*anyURI") as caught:
        write(opt)
    assert caught.value.where == "CreateOpt"
    assert "http://[" in write(opt, check=False)


def test_only_messages_are_written() -> None:
    with pytest.raises(LocalError, match="takes a message"):
        write(EiResponse())  # type: ignore[arg-type]


def test_a_version_that_was_not_there_is_not_written() -> None:
    response = Response(ei_response=EiResponse(request_id="1"), schema_version=None)
    assert "schemaVersion" not in write(response)
    assert 'ei:schemaVersion="2.0b"' in write(Response(ei_response=EiResponse(request_id="1")))


def test_nothing_is_said_about_where_the_schema_is() -> None:
    assert "schemaLocation" not in write(Poll(ven_id="VEN1"))


@pytest.mark.parametrize(("number", "text"), [(float("inf"), "INF"), (float("-inf"), "-INF"), (float("nan"), "NaN")])
def test_numbers_that_are_none_have_the_names_of_xml(number: float, text: str) -> None:
    interval = Interval(uid="0", payloads=[SignalPayload(number)])
    written = write(_event([interval]))
    assert f"<ei:value>{text}</ei:value>" in written
    back = read(written)
    assert isinstance(back, DistributeEvent)
    assert (
        repr(back.events[0].ei_event.ei_event_signals[0].intervals[0].payloads[0]) == f"SignalPayload(value={number!r})"
    )


def _event(intervals: list[Interval]) -> DistributeEvent:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    signal = EiEventSignal(intervals=intervals, signal_name="SIMPLE", signal_type=SignalType.LEVEL, signal_id="S")
    event = EiEvent(
        event_descriptor=EventDescriptor(event_id="E", market_context="http://x.example", created_date_time=now),
        ei_active_period=EiActivePeriod(dtstart=now, duration=Duration("PT1H")),
        ei_event_signals=[signal],
    )
    return DistributeEvent(request_id="R", vtn_id="VTN", events=[Event(ei_event=event)])
