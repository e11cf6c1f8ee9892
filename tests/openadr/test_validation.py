"""Documents judged: where a fault stands, what it is, and what the messages of others break."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.openadr.codec import write
from janusgrid.openadr.codec.locating import locate, uncovered
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import DistributeEvent, Event, changed
from janusgrid.openadr.validation import Fault, validate

from tests.openadr.codec.documents import samples

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def document() -> str:
    event = load_dispatch([(HOUR, 5), (HOUR, 6)], start=T0 + HOUR, created=T0)
    return write(DistributeEvent(request_id="D", vtn_id="V", events=[Event(ei_event=event)]))


def faults(text: str, **options: object) -> list[Fault]:
    return list(validate(text, **options).faults)  # type: ignore[arg-type]


def test_a_good_document_has_no_faults() -> None:
    assert validate(document()).is_valid
    assert faults(document(), now=T0) == []


def test_a_broken_rule_is_told_with_path_line_and_code() -> None:
    text = document().replace("<ei:interval>", "\n<ei:interval>")
    (fault,) = faults(text.replace("<xcal:text>1</xcal:text>", "<xcal:text>7</xcal:text>"))
    signal = "/oadrPayload/oadrSignedObject/oadrDistributeEvent/oadrEvent/eiEvent/eiEventSignals/eiEventSignal"
    assert fault.path == f"{signal}/intervals/interval[2]"
    assert (fault.line, fault.rule, fault.code, fault.grade) == (3, 2, "454", "error")
    assert str(fault) == f"error: {fault.path}: interval 1 of LOAD_DISPATCH has uid '7' (rule 2)"


def test_the_time_is_looked_at_if_it_is_given() -> None:
    (late,) = faults(document(), now=T0 + 70 * timedelta(minutes=1))[:1]
    assert late.rule == 13
    assert faults(document()) == []


@pytest.mark.parametrize(
    ("wrong", "right", "rule"),
    [
        ('ei:schemaVersion="2.0b" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"',
         'ei:schemaVersion="2.0b"', None),
        ("08:20:00</ei:createdDateTime>", "08:20:00Z</ei:createdDateTime>", 1),
    ],
)  # fmt: skip
def test_how_it_is_written_is_judged_too(wrong: str, right: str, rule: int | None) -> None:
    text = document()
    assert right in text
    found = validate(text.replace(right, wrong, 1))
    assert [fault.rule for fault in found.faults] == [rule]
    assert found.message is not None
    assert not found.is_valid


def test_against_the_schema_all_faults_are_told() -> None:
    text = document().replace(">5.0<", ">five<").replace(">6.0<", ">six<")
    verdict = validate(text)
    assert verdict.message is None
    assert {fault.kind for fault in verdict.faults} == {"schema"}
    assert [fault.path is not None and "interval" in fault.path for fault in verdict.faults] == [True, True]


def test_no_xml_and_no_message_are_told() -> None:
    assert [fault.kind for fault in faults("<a")] == ["xml"]
    assert [fault.kind for fault in faults("<a/>")] == ["schema"]
    assert faults("<!DOCTYPE a []><a/>")[0].line == 1


def test_a_tolerant_judgement_warns() -> None:
    text = document().replace("08:20:00Z</ei:createdDateTime>", "08:20:00+00:00</ei:createdDateTime>", 1)
    assert not validate(text).is_valid
    verdict = validate(text, tolerant=True)
    assert verdict.is_valid
    assert [(fault.kind, fault.grade) for fault in verdict.faults] == [("deviation", "warning")]


def test_the_messages_of_others_are_judged_as_their_makers_meant_them(shared: Path) -> None:
    """The published samples break few rules; what a project made to be wrong is found wrong."""
    broken: Counter[int | None] = Counter()
    for sample in samples(shared):
        verdict = validate(sample.path.read_bytes(), source=sample.name)
        assert (verdict.message is not None) is (sample.valid and sample.is_message), sample.name
        if sample.name.startswith("spec-samples") and verdict.message is not None:
            broken.update(fault.rule for fault in verdict.faults if fault.rule is not None)
        if sample.name == "avob/eievent_unvalidatingOadrCreatedEvent.xml":
            assert 25 in [fault.rule for fault in verdict.faults]
        if sample.name == "epri-ven-library/test_input_distribute_event_1event2signals.xml":
            assert 116 in [fault.rule for fault in verdict.faults]
    assert set(broken) <= {48, 509, 510}


def test_every_place_in_a_message_is_found(shared: Path) -> None:
    """An interval that is said to stand somewhere stands there."""
    from janusgrid.common.xml import read as read_xml
    from janusgrid.openadr.codec import decode

    count = 0
    for sample in samples(shared):
        if not (sample.valid and sample.message == "oadrDistributeEvent"):
            continue
        root = read_xml(sample.path.read_bytes())
        message = decode(root).message
        assert isinstance(message, DistributeEvent)
        for n, sent in enumerate(message.events):
            for m, signal in enumerate(sent.ei_event.ei_event_signals):
                for k, interval in enumerate(signal.intervals):
                    at = ("events", n, "ei_event", "ei_event_signals", m, "intervals", k)
                    found = locate(uncovered(root), message, at)
                    uid = found.findtext("{*}uid/{*}text")
                    assert found.tag.endswith("}interval")
                    assert uid == interval.uid
                    count += 1
    assert count > 20


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_document_is_too_much(data: st.DataObject) -> None:
    """Texts and elements that the schema lets pass or not: there is always a verdict."""
    text = document()
    parts = text.split(">")
    strange = [
        "P9999Y</xcal:duration",
        "-PT1H</xcal:duration",
        "NaN</ei:value",
        "9999-12-31T23:59:59Z</xcal:date-time",
        "",
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        n = data.draw(st.integers(0, len(parts) - 2))
        parts[n] = data.draw(st.sampled_from([*strange, parts[n], parts[n - 1]]))
    validate(">".join(parts), now=T0, tolerant=data.draw(st.booleans()))


@given(st.sampled_from(["P9999Y", "-PT1H", "P999999999D", "PT0S", "P1M", "-P1Y"]),
       st.sampled_from(["duration", "notification", "ramp_up", "recovery"]))  # fmt: skip
def test_no_time_is_too_much(length: str, name: str) -> None:
    event = load_dispatch([(HOUR, 5)], start=T0 + HOUR, created=T0)
    period = changed(event.ei_active_period, **{name: length})
    twice = [Event(ei_event=changed(event, ei_active_period=period))] * 2
    verdict = validate(write(DistributeEvent(request_id="D", vtn_id="V", events=twice)), now=T0)
    assert verdict.message is not None
    assert not verdict.is_valid
