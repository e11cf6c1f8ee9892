"""Answers to events, each kept by itself: what one more costs, and that none outlives its event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.openadr.core.event_answers import EventAnswers, Said
from janusgrid.openadr.core.event_book import KEPT, LEAST
from janusgrid.openadr.core.ven_book import Party
from janusgrid.openadr.core.vtn import VtnCore
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import (
    CreatedEvent,
    CreatePartyRegistration,
    EiEvent,
    EiResponse,
    EventResponse,
    OptType,
    ProfileName,
    QualifiedEventId,
    TransportName,
)

T0 = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def crowd(count: int) -> tuple[VtnCore, list[str]]:
    """Return a VTN and the venIDs of so many VENs."""
    vtn = VtnCore("VTN1", [Party(f"v{n}", f"v{n}@x", f"V{n}") for n in range(count)])
    for n in range(count):
        vtn.receive(f"v{n}@x", CreatePartyRegistration(
            request_id="R", ven_name=f"v{n}", transport_name=TransportName.XMPP, transport_address=f"v{n}@x/a",
            profile_name=ProfileName.PROFILE_2_0B, report_only=False, xml_signature=False,
        ), T0)  # fmt: skip
    return vtn, [f"V{n}" for n in range(count)]


def event(name: str, start: datetime = T0 + HOUR) -> EiEvent:
    return load_dispatch(100.0, start=start, duration=HOUR, created=T0, event_id=name)


def response(name: str = "E1", opt: OptType = OptType.OPT_IN) -> EventResponse:
    identity = QualifiedEventId(event_id=name, modification_number=0)
    return EventResponse(request_id="D", qualified_event_id=identity, opt_type=opt)


def answer(vtn: VtnCore, ven: str) -> None:
    said = CreatedEvent(ven_id=ven, ei_response=EiResponse(), event_responses=(response(),))
    vtn.receive(f"v{ven[1:]}@x", said, T0)


@pytest.mark.parametrize("count", [2, 200])
def test_an_answer_costs_what_one_costs_however_many_there_are(count: int) -> None:
    vtn, vens = crowd(count)
    vtn.create_event(event("E1"), vens, T0)
    vtn.cabinet.changes()
    for ven in vens:
        answer(vtn, ven)
        (change,) = vtn.cabinet.changes()
        assert change.kind == "event answer"
        assert len(change.text or "") < 2_000
    assert not vtn.events.get("E1").unanswered


def test_an_event_that_is_forgotten_takes_its_answers_with_it() -> None:
    vtn, vens = crowd(3)
    for number in range(LEAST):
        start = T0 + (2 * number + 1) * HOUR
        vtn.create_event(event(f"E{number}", start), vens, T0)
    answer(vtn, "V0")
    answer(vtn, "V2")
    vtn.cabinet.changes()
    late = T0 + 5 * HOUR + KEPT
    vtn.create_event(event("new", late + 1000 * HOUR), vens, late)
    gone = [(each.kind, each.text) for each in vtn.cabinet.changes() if each.kind.startswith("event") and not each.text]
    assert gone.count(("event answer", None)) == 2
    assert not vtn.events.answers


@given(
    st.lists(
        st.tuples(st.sampled_from(["E", "E1"]), st.sampled_from(["V", "1V"]), st.booleans(), st.booleans()),
        max_size=12,
    )
)
def test_what_is_kept_and_filled_in_again_is_the_same(steps: list[tuple[str, str, bool, bool]]) -> None:
    """Also where the IDs of two, one after the other, are the same letters; in this process or in another."""
    ours, theirs = EventAnswers(), EventAnswers()
    expected: dict[tuple[str, str], Said] = {}
    for event_id, ven_id, answered, overridden in steps:
        said = Said(event_id, ven_id, response() if answered else None, response() if overridden else None)
        ours.put(said)
        expected.pop((event_id, ven_id), None)
        if answered or overridden:
            expected[event_id, ven_id] = said
        for change in ours.changes():
            theirs.fill(change.key, change.text)
        for shelf in (ours, theirs):
            found = {(e, ven): said for e in ("E", "E1") for ven, said in shelf.of(e).items()}
            assert found == expected
    for event_id in ("E", "E1"):
        ours.forget(event_id)
    assert not ours
