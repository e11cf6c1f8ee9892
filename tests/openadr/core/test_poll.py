"""A VEN that cannot be reached: it comes for its messages, one by one, until they are answered."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from janusgrid.openadr.core.answers import Code, Deployment
from janusgrid.openadr.core.event_inbox import Change, EventChange
from janusgrid.openadr.core.identity import ANYBODY, NOBODY
from janusgrid.openadr.core.outbox import MOST_FETCHES
from janusgrid.openadr.core.report_desk import Reading
from janusgrid.openadr.core.ven import VenCore
from janusgrid.openadr.core.ven_book import Party
from janusgrid.openadr.core.vtn import Declined, Deregistered, Opted, VtnCore
from janusgrid.openadr.model import (
    CanceledPartyRegistration,
    CreatedPartyRegistration,
    CreatedReport,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    Duration,
    EiResponse,
    Message,
    OptType,
    Poll,
    ReportRequest,
    ReportSpecifier,
    Response,
    ResponseRequired,
    SpecifierPayload,
    TransportName,
    UpdateReport,
)

from tests.openadr.core.test_roles import MINUTE, OFFER, T0, dispatch

FINGERPRINT = "AA:BB:CC:DD:EE:FF:00:11:22:33"
SECOND = timedelta(seconds=1)


class Polling:
    """A VTN that cannot reach its VEN."""

    def __init__(self, choose: tuple[timedelta, timedelta] | None = None) -> None:
        count = itertools.count(1)
        new_id = lambda prefix: f"{prefix}{next(count)}"  # noqa: E731
        deployment = Deployment("VTN1", (TransportName.SIMPLE_HTTP,), poll_every=5 * SECOND)
        party = Party("site", FINGERPRINT)
        self.vtn = VtnCore(deployment, [party], choose=lambda ven, report: choose, new_id=new_id)
        self.ven = VenCore(
            "site", vtn="https://vtn.example", vtn_identity="", address=None, transport=TransportName.SIMPLE_HTTP,
            offers=[OFFER], new_id=new_id,
        )  # fmt: skip
        self.now = T0
        self.road: list[Message] = []

    def settle(self, *, lose: type[Message] | None = None) -> None:
        """Carry what is due from the VEN; the answer to the first message of kind `lose` gets lost."""
        self.ven.tick(self.now)
        while letters := self.ven.outbox.due(self.now):
            (letter,) = letters
            answer = self.vtn.receive(FINGERPRINT.lower().replace(":", ""), letter.message, self.now)
            self.road += [letter.message, answer]
            if lose is not None and isinstance(letter.message, lose):
                self.ven.outbox.failed(letter, self.now)
                lose = None
            else:
                self.ven.answered(letter, answer, self.now)
            self.ven.tick(self.now)

    def later(self, by: timedelta = 5 * SECOND) -> None:
        self.now += by
        self.road.clear()

    def names(self) -> list[str]:
        return [type(message).__name__ for message in self.road]

    def decide(self, opt: OptType = OptType.OPT_IN) -> None:
        for change in [each for each in self.ven.happened if isinstance(each, EventChange)]:
            self.ven.decide(change.known.event_id, opt, self.now)
        self.ven.happened.clear()


@pytest.fixture
def pair() -> Polling:
    made = Polling()
    made.ven.start(T0)
    made.settle()
    assert made.ven.registered
    made.later()
    return made


def test_it_registers_as_one_that_polls() -> None:
    made = Polling()
    made.ven.start(T0)
    made.settle()
    asked = next(each for each in made.road if isinstance(each, CreatePartyRegistration))
    assert (asked.transport_name, asked.transport_address, asked.http_pull_model) == ("simpleHttp", None, True)
    *_, answer = (each for each in made.road if isinstance(each, CreatedPartyRegistration))
    assert answer.requested_oadr_poll_freq == Duration("PT5S")
    assert made.ven.poll_every == 5 * SECOND
    assert made.names()[-2:] == ["Poll", "Response"]
    route = made.vtn.route(made.ven.ven_id)
    assert route is not None
    assert route.address is None


def test_it_asks_at_the_pace_it_was_given(pair: Polling) -> None:
    assert pair.ven.wake() == pair.now
    pair.settle()
    assert pair.names() == ["Poll", "Response"]
    pair.later(4 * SECOND)
    pair.settle()
    assert pair.names() == []
    assert pair.ven.wake() == pair.now + SECOND


def test_an_event_is_fetched_and_answered_and_then_there_is_nothing_more(pair: Polling) -> None:
    booked = pair.vtn.create_event(dispatch(), ["site"], pair.now)
    assert not pair.vtn.outbox.due(pair.now, carried=lambda to: False)
    pair.settle()
    assert pair.names() == ["Poll", "DistributeEvent", "Poll", "Response"]  # rule 500
    pair.decide()
    pair.settle()
    assert pair.names()[4:] == ["CreatedEvent", "Response"]
    assert booked.opt(pair.ven.ven_id) is OptType.OPT_IN
    assert not len(pair.vtn.outbox)
    pair.later(timedelta(hours=1))
    pair.settle()
    assert pair.names() == ["Poll", "Response"]


def test_an_event_whose_answer_is_lost_on_the_way_comes_again(pair: Polling) -> None:
    pair.vtn.create_event(dispatch(), ["site"], pair.now)
    pair.settle(lose=Poll)
    assert not any(isinstance(each, EventChange) for each in pair.ven.happened)
    for _ in range(5):
        pair.later()
        pair.settle()
    assert [each.change for each in pair.ven.happened if isinstance(each, EventChange)] == [Change.NEW]


def test_an_event_is_offered_until_it_is_answered(pair: Polling) -> None:
    pair.vtn.create_event(dispatch(), ["site"], pair.now)
    found = 0
    for _ in range(100):
        pair.settle()
        found += pair.names().count("DistributeEvent")
        pair.later(30 * SECOND)
    assert found > MOST_FETCHES
    pair.decide()
    pair.settle()
    assert [type(each) for each in pair.vtn.happened][-1] is Opted
    assert not len(pair.vtn.outbox)


def test_an_event_that_wants_no_answer_is_given_out_twice(pair: Polling) -> None:
    pair.vtn.create_event(dispatch(), ["site"], pair.now, ResponseRequired.NEVER)
    found = 0
    for _ in range(20):
        pair.settle()
        found += pair.names().count("DistributeEvent")
        pair.later()
    assert found == 2
    assert not len(pair.vtn.outbox)


def test_a_modification_takes_the_place_of_what_was_fetched_and_not_answered(pair: Polling) -> None:
    booked = pair.vtn.create_event(dispatch(), ["site"], pair.now)
    pair.settle()
    pair.vtn.modify_event(dispatch(500.0), pair.now)
    assert len(pair.vtn.outbox) == 1
    pair.later()
    pair.settle()
    (sent,) = [each for each in pair.road if isinstance(each, DistributeEvent)]
    assert sent.events[0].ei_event.event_descriptor.modification_number == 1
    pair.decide()
    pair.settle()
    assert booked.opt(pair.ven.ven_id) is OptType.OPT_IN


def request(name: str) -> ReportRequest:
    specifier = ReportSpecifier(
        report_specifier_id="usage", granularity=Duration("PT1M"), report_back_duration=Duration("PT1M"),
        specifier_payloads=(SpecifierPayload(r_id="pcc.p"),),
    )  # fmt: skip
    return ReportRequest(report_request_id=name, report_specifier=specifier)


def test_a_report_is_asked_for_and_delivered(pair: Polling) -> None:
    pair.vtn.request_reports("site", [request("X1")])
    pair.settle()
    assert pair.names() == ["Poll", "CreateReport", "CreatedReport", "Response", "Poll", "Response"]
    assert not len(pair.vtn.outbox)
    for _ in range(3):
        pair.later(MINUTE)
        pair.ven.sample({r_id: Reading(1.0) for r_id in pair.ven.wanted(pair.now)}, pair.now)
        pair.settle()
    assert "UpdateReport" in pair.names()


def test_what_is_refused_is_told(pair: Polling) -> None:
    wrong = ReportSpecifier(
        report_specifier_id="none", granularity=Duration("PT1M"), report_back_duration=Duration("PT1M"),
        specifier_payloads=(SpecifierPayload(r_id="pcc.p"),),
    )  # fmt: skip
    pair.vtn.request_reports("site", [ReportRequest(report_request_id="X2", report_specifier=wrong)])
    pair.settle()
    (refused,) = [each for each in pair.vtn.happened if isinstance(each, Declined)]
    assert refused.error.code == Code.REPORT_NOT_SUPPORTED
    assert isinstance(refused.message, CreateReport)
    assert not pair.vtn.ven("site").requests


def test_what_is_fetched_and_never_answered_is_given_up(pair: Polling) -> None:
    pair.vtn.request_reports("site", [request("X1")])
    found = 0
    for _ in range(MOST_FETCHES + 5):
        answer = pair.vtn.receive(FINGERPRINT, Poll(ven_id=pair.ven.ven_id), pair.now)
        found += isinstance(answer, CreateReport)
        pair.later(timedelta(minutes=3))
    assert found == MOST_FETCHES
    assert [type(each) for each in pair.vtn.happened][-1] is Declined


def test_a_letter_that_is_not_answered_does_not_hold_up_the_next(pair: Polling) -> None:
    pair.vtn.request_reports("site", [request("X1")])
    pair.vtn.create_event(dispatch(), ["site"], pair.now)
    kinds = [type(pair.vtn.receive(FINGERPRINT, Poll(ven_id=pair.ven.ven_id), pair.now)) for _ in range(3)]
    assert kinds == [CreateReport, DistributeEvent, Response]


def test_the_vtn_asks_for_a_new_registration(pair: Polling) -> None:
    before = pair.ven.registration_id
    pair.vtn.request_registration("site")
    pair.settle()
    assert pair.names()[:6] == [
        "Poll", "RequestReregistration", "Response", "Response", "CreatePartyRegistration", "CreatedPartyRegistration",
    ]  # fmt: skip
    assert pair.ven.registered
    assert pair.ven.registration_id == before
    assert not len(pair.vtn.outbox)


def test_the_answer_to_that_answers_nothing_else(pair: Polling) -> None:
    pair.vtn.request_reports("site", [request("X1")])
    pair.vtn.request_registration("site")
    for _ in range(2):
        pair.vtn.receive(FINGERPRINT, Poll(ven_id=pair.ven.ven_id), pair.now)
    pair.vtn.receive(FINGERPRINT, Response(ei_response=EiResponse(), ven_id=pair.ven.ven_id), pair.now)
    assert [type(each.message) for each in pair.vtn.outbox.fetched(pair.ven.ven_id)] == [CreateReport]


def test_the_vtn_ends_the_registration(pair: Polling) -> None:
    pair.vtn.cancel_registration("site")
    assert pair.vtn.vens, "not before the VEN has confirmed it"
    pair.settle()
    assert any(isinstance(each, CanceledPartyRegistration) for each in pair.road)
    assert not pair.vtn.vens
    assert [type(each) for each in pair.vtn.happened][-1] is Deregistered
    assert not pair.ven.registration_id
    assert pair.ven.wake() is None


def test_another_certificate_gets_nothing(pair: Polling) -> None:
    pair.vtn.create_event(dispatch(), ["site"], pair.now)
    for identity in ("00112233445566778899", NOBODY):
        answer = pair.vtn.receive(identity, Poll(ven_id=pair.ven.ven_id), pair.now)
        assert isinstance(answer, Response)
        assert answer.ei_response.response_code == Code.NOT_REGISTERED
    assert isinstance(pair.vtn.receive(FINGERPRINT, Poll(ven_id=pair.ven.ven_id), pair.now), DistributeEvent)


def test_in_a_laboratory_a_claim_is_enough() -> None:
    vtn = VtnCore(Deployment("VTN1", (TransportName.SIMPLE_HTTP,)), [Party("site", ANYBODY, "V1")])
    asked = CreatePartyRegistration(request_id="R", transport_name=TransportName.SIMPLE_HTTP, ven_name="site")
    answer = vtn.receive(NOBODY, asked, T0)
    assert isinstance(answer, CreatedPartyRegistration)
    assert answer.ven_id == "V1"
    assert isinstance(vtn.receive(NOBODY, Poll(ven_id="V1"), T0), Response)


def test_an_answer_to_nothing_is_borne(pair: Polling) -> None:
    pair.vtn.request_reports("site", [request("X1")])
    empty = CreatedReport(ei_response=EiResponse(), ven_id="nobody")
    answer = pair.vtn.receive(FINGERPRINT, empty, pair.now)
    assert isinstance(answer, Response)
    assert answer.ei_response.response_code == Code.NOT_REGISTERED
    assert isinstance(pair.vtn.receive(FINGERPRINT, UpdateReport(request_id="U", ven_id=pair.ven.ven_id), T0), Message)
    assert len(pair.vtn.outbox) == 1


def test_what_is_carried_is_not_given_out_as_well(pair: Polling) -> None:
    asked = CreatePartyRegistration(
        request_id="R", transport_name=TransportName.SIMPLE_HTTP, ven_name="site", http_pull_model=False,
        ven_id=pair.ven.ven_id, registration_id=pair.ven.registration_id, transport_address="https://site.example",
    )  # fmt: skip
    pair.vtn.create_event(dispatch(), ["site"], pair.now)
    assert isinstance(pair.vtn.receive(FINGERPRINT, Poll(ven_id=pair.ven.ven_id), pair.now), DistributeEvent)
    pair.vtn.receive(FINGERPRINT, asked, pair.now)
    answer = pair.vtn.receive(FINGERPRINT, Poll(ven_id=pair.ven.ven_id), pair.now)
    assert isinstance(answer, Response)
    assert answer.ei_response.response_code == Code.NOT_ALLOWED
    (letter,) = pair.vtn.outbox.due(pair.now)
    assert isinstance(letter.message, DistributeEvent)
