"""Rules of what follows what: both roles keep them, and a conversation that breaks one is found out."""

from __future__ import annotations

from typing import Any

import pytest
from janusgrid.openadr.core.report_desk import Reading
from janusgrid.openadr.model import (
    CreatedEvent,
    CreatedPartyRegistration,
    CreatedReport,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    Duration,
    EiResponse,
    EventResponse,
    Message,
    OptType,
    Poll,
    Profile,
    QualifiedEventId,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    Report,
    ReportRequest,
    ReportSpecifier,
    RequestEvent,
    RequestReregistration,
    Response,
    SpecifierPayload,
    TransportName,
    UpdatedReport,
    UpdateReport,
)
from janusgrid.openadr.rules import RULES, Kind
from janusgrid.openadr.rules.course import Exchange, broken

from tests.openadr.core.test_roles import MINUTE, T0, VTN, Pair, dispatch

OK = EiResponse()


def by_ven(request: Message, answer: Message | None = None) -> Exchange:
    return Exchange("VEN", request, answer or Response(ei_response=OK))


def by_vtn(request: Message, answer: Message | None = None) -> Exchange:
    return Exchange("VTN", request, answer or Response(ei_response=OK))


def create(registration_id: str | None = None) -> CreatePartyRegistration:
    return CreatePartyRegistration(
        request_id="R", registration_id=registration_id, transport_name=TransportName.XMPP, ven_name="site"
    )


def created(registration_id: str | None = "REG1") -> CreatedPartyRegistration:
    profiles = [Profile(transports=[TransportName.XMPP])]
    ven_id = "VEN1" if registration_id else None
    return CreatedPartyRegistration(
        ei_response=OK, registration_id=registration_id, ven_id=ven_id, vtn_id="VTN1", profiles=profiles
    )


def asked(name: str = "RR1") -> ReportRequest:
    minute = Duration("PT1M")
    specifier = ReportSpecifier(
        report_specifier_id="usage", granularity=minute, report_back_duration=minute,
        specifier_payloads=[SpecifierPayload(r_id="p")],
    )  # fmt: skip
    return ReportRequest(report_request_id=name, report_specifier=specifier)


def update(name: str = "RR1") -> Exchange:
    report = Report(report_request_id=name, report_specifier_id="usage", created_date_time=T0)
    return by_ven(UpdateReport(request_id="U", reports=[report], ven_id="VEN1"), UpdatedReport(ei_response=OK))


def events(request_id: str = "D1", vtn_id: str = "VTN1", response: EiResponse | None = None) -> DistributeEvent:
    return DistributeEvent(request_id=request_id, vtn_id=vtn_id, ei_response=response)


def answered(request_id: str) -> Exchange:
    response = EventResponse(
        request_id=request_id, qualified_event_id=QualifiedEventId(event_id="E"), opt_type=OptType.OPT_IN
    )
    return by_ven(CreatedEvent(event_responses=[response], ven_id="VEN1"))


QUERY = by_ven(QueryRegistration(request_id="Q"), created(None))
ENTER = by_ven(create(), created())
OFFER = by_ven(RegisterReport(request_id="O"), RegisteredReport(ei_response=OK, report_requests=[asked()]))
FETCH = by_ven(RequestEvent(request_id="F", ven_id="VEN1"), events("F", response=OK))
GOOD = [QUERY, ENTER, OFFER, FETCH, by_vtn(events()), answered("D1"), update()]
REQUEST = CreateReport(request_id="C", report_requests=[asked("RR2")])

BROKEN: list[tuple[int, list[Exchange]]] = [
    (21, [*GOOD, by_ven(Poll(ven_id="VEN2"))]),
    (21, [*GOOD, by_vtn(events(vtn_id="VTN2"))]),
    (40, [QUERY, ENTER, OFFER, by_ven(RequestEvent(request_id="F", ven_id="VEN1"), events("F"))]),
    (40, [QUERY, ENTER, OFFER, by_ven(RequestEvent(request_id="F", ven_id="VEN1"))]),
    (41, [*GOOD, answered("D2")]),
    (301, [QUERY, ENTER, FETCH]),
    (304, [*GOOD, update("RR7")]),
    (329, [*GOOD, by_vtn(REQUEST, CreatedReport(ei_response=OK, pending_reports=["RR1"]))]),
    (401, [ENTER, OFFER, FETCH]),
    (404, [QUERY, by_ven(create("REG0"), created()), OFFER, FETCH]),
    (405, [QUERY, ENTER, OFFER]),
    (406, [*GOOD, by_ven(create(), created("REG2")), by_ven(RegisterReport(request_id="O")), FETCH, update()]),
    (500, [*GOOD, by_ven(Poll(ven_id="VEN1"), events())]),
]


def numbers(conversation: list[Exchange]) -> list[int | None]:
    return [finding.rule.number for finding in broken(conversation)]


def test_a_good_conversation_breaks_nothing() -> None:
    refused = Response(ei_response=EiResponse(response_code="463"))
    pending = CreatedReport(ei_response=OK, pending_reports=["RR1", "RR2"])
    again = by_ven(create("REG1"), created())
    polls = [by_ven(Poll(ven_id="VEN1"), events("D2")), answered("D2"), by_ven(Poll(ven_id="VEN1"))]
    assert numbers([*GOOD, by_vtn(REQUEST, pending), update("RR2"), again, update(), *polls]) == []
    assert numbers([*GOOD, by_ven(Poll(ven_id="VEN2"), refused)]) == []


@pytest.mark.parametrize(("number", "conversation"), BROKEN)
def test_what_breaks_a_rule_is_found(number: int, conversation: list[Exchange]) -> None:
    assert numbers(conversation) == [number]


def test_every_course_is_broken_here() -> None:
    assert {number for number, _ in BROKEN} == {rule.number for rule in RULES if rule.kind is Kind.COURSE}


def test_both_roles_keep_them_through_re_registration_and_restart_of_the_vtn() -> None:
    pair = Pair()
    pair.ven.start(T0)
    pair.settle(T0)
    pair.vtn.create_event(dispatch(), ["site"], T0)
    for step in range(10):
        now = T0 + step * MINUTE
        pair.ven.sample({r_id: Reading(1.0) for r_id in pair.ven.wanted(now)}, now)
        pair.settle(now)
        if step == 2:
            pair.ven.decide("E1", OptType.OPT_IN, now)
            pair.ven.receive(VTN, RequestReregistration(ven_id=pair.ven.ven_id), now)
        if step == 4:
            pair.vtn = Pair().vtn  # without its memory: the VEN registers anew
    said = [Exchange(*each) for each in _exchanges(pair.road)]
    assert len(said) > 15
    assert {exchange.by for exchange in said} == {"VTN", "VEN"}
    assert [str(finding) for finding in broken(said)] == []


def _exchanges(road: list[Message]) -> list[tuple[str, Any, Any]]:
    """Return requests and answers as they went over the road of a pair, with who asked."""
    by_vtn = (DistributeEvent, CreateReport)
    return [
        ("VTN" if isinstance(one, by_vtn) else "VEN", one, two) for one, two in zip(road[::2], road[1::2], strict=True)
    ]
