"""A peer names as much as it may, and no more; what it says makes neither role grow without bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from janusgrid.openadr.core import quotas
from janusgrid.openadr.core.answers import Code, Rejected, rejection
from janusgrid.openadr.core.opt_book import MOST_OPTS
from janusgrid.openadr.model import (
    CreatedReport,
    CreateOpt,
    CreateReport,
    DistributeEvent,
    Duration,
    EiResponse,
    EiTarget,
    Event,
    Message,
    OptReason,
    OptType,
    Poll,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    WsCalendarInterval,
    changed,
)

from tests.openadr.core.test_roles import OFFER, T0, VEN, VTN, Pair, dispatch, joined, pair, request

__all__ = ["joined", "pair"]

LONG = "x" * (quotas.LONGEST_NAME + 1)
REPORT = OFFER.metadata(T0)
POINT = REPORT.descriptions[0]


def offers(reports: int = 1, points: int = 1, **about: Any) -> RegisterReport:
    """Return an offer of so many reports of so many points."""
    described = tuple(changed(POINT, r_id=f"p{n}", **about) for n in range(points))
    return RegisterReport(
        request_id="R",
        reports=tuple(changed(REPORT, report_specifier_id=f"s{n}", descriptions=described) for n in range(reports)),
    )


def asks(points: int = 1, **names: str) -> CreateReport:
    made = changed(request(), report_request_id=names.get("id", "X"))
    payload = made.report_specifier.specifier_payloads[0]
    payloads = tuple(changed(payload, r_id=names.get("r_id", f"p{n}")) for n in range(points))
    specifier = changed(made.report_specifier, specifier_payloads=payloads)
    return CreateReport(request_id="R", report_requests=(changed(made, report_specifier=specifier),))


def opt(targets: int = 0, **names: Any) -> CreateOpt:
    times = (WsCalendarInterval(dtstart=T0, duration=Duration("PT30M")),)
    given: dict[str, Any] = {
        "opt_id": "O", "opt_type": OptType.OPT_OUT, "opt_reason": OptReason.ECONOMIC, "ven_id": "", "request_id": "R",
        "created_date_time": T0, "vavailability": times,
        "ei_target": EiTarget(resource_ids=tuple(f"r{n}" for n in range(targets))),
    }  # fmt: skip
    return CreateOpt(**{**given, **names})


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda n: offers(reports=n), quotas.MOST_OFFERED),
        (lambda n: offers(points=n), quotas.MOST_POINTS),
        (lambda n: asks(points=n), quotas.MOST_POINTS),
        (lambda n: opt(targets=n), quotas.MOST_TARGETS),
        (lambda n: offers(report_subject=EiTarget(meter_assets=("m",) * n)), quotas.MOST_TARGETS),
        (lambda n: QueryRegistration(request_id="q" * n), quotas.LONGEST_NAME),
        (lambda n: Poll(ven_id="v" * n), quotas.LONGEST_NAME),
        (lambda n: opt(opt_id="o" * n), quotas.LONGEST_NAME),
        (lambda n: opt(opt_reason="x-" + "r" * (n - 2)), quotas.LONGEST_NAME),
        (lambda n: opt(ei_target=EiTarget(group_ids=("g" * n,))), quotas.LONGEST_NAME),
        (lambda n: offers(report_data_source=EiTarget(resource_ids=("r" * n,))), quotas.LONGEST_NAME),
        (lambda n: asks(r_id="p" * n), quotas.LONGEST_NAME),
        (lambda n: asks(id="i" * n), quotas.LONGEST_NAME),
    ],
)
def test_so_much_is_taken_and_no_more(make: Callable[[int], Message], most: int) -> None:
    quotas.check(make(most))
    with pytest.raises(Rejected) as caught:
        quotas.check(make(most + 1))
    assert caught.value.code == Code.NOT_ALLOWED
    assert f"{most} at the most" in caught.value.message
    assert len(caught.value.message) < 200


def test_either_role_refuses_what_is_too_much(joined: Pair) -> None:
    for answer in (
        joined.vtn.receive(VEN, changed(offers(reports=101), ven_id=joined.ven.ven_id), T0),
        joined.vtn.receive(VEN, opt(opt_id=LONG, ven_id=joined.ven.ven_id), T0),
        joined.ven.receive(VTN, offers(reports=101), T0),
        joined.ven.receive(VTN, asks(id=LONG), T0),
    ):
        assert answer.ei_response.response_code == Code.NOT_ALLOWED  # type: ignore[attr-defined]
    assert list(joined.vtn.ven("site").offers) == [OFFER.specifier_id]
    assert not joined.ven.vtn_reports.offers


def test_an_answer_that_is_too_much_is_none(joined: Pair) -> None:
    joined.vtn.request_reports("site", [request()])
    (letter,) = joined.vtn.outbox.due(T0)
    answer = CreatedReport(ei_response=EiResponse(request_id=LONG), ven_id=LONG)
    joined.vtn.answered(letter, answer, T0)
    assert [happening.error.code for happening in joined.vtn.happened] == [Code.NOT_ALLOWED]  # type: ignore[union-attr]


def test_a_ven_knows_so_many_events_and_no_more(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "MOST_EVENTS", 3)
    events = tuple(Event(ei_event=dispatch(event_id=name)) for name in ("A", "B", "C", "D", LONG))
    message = DistributeEvent(request_id="D", vtn_id="VTN1", events=events)
    joined.ven.receive(VTN, message, T0)
    assert [event.event_id for event in joined.ven.events.shelf.values()] == ["A", "B", "C"]
    refused = [letter.message for letter in joined.ven.outbox.due(T0)]
    codes = [each.response_code for created in refused for each in created.event_responses]  # type: ignore[attr-defined]
    assert codes == [Code.NOT_ALLOWED] * 2
    for _ in range(2):  # one goes, and makes room for another
        joined.ven.receive(VTN, changed(message, events=events[1:4]), T0)
    assert [event.event_id for event in joined.ven.events.shelf.values()] == ["B", "C", "D"]


def test_a_flood_of_names_comes_to_an_end(joined: Pair) -> None:
    """Every message names something new; what is kept of it grows no more once all is full."""
    ven_id = joined.ven.ven_id

    def flood(begin: int, count: int) -> int:
        for n in range(begin, begin + count):
            joined.vtn.receive(VEN, changed(offers(2, 3), ven_id=ven_id, request_id=f"R{n}"), T0)
            joined.vtn.receive(VEN, changed(asks(id=f"A{n}"), ven_id=ven_id, request_id=f"R{n}"), T0)
            joined.vtn.receive(VEN, opt(opt_id=f"O{n}", ven_id=ven_id, request_id=f"R{n}"), T0)
            joined.vtn.receive(VEN, QueryRegistration(request_id=f"Q{n}"), T0)
            joined.vtn.happened.clear()
            joined.vtn.outbox.drop(ven_id)
        return sum(map(len, joined.vtn.cabinet.contents().values()))

    full = flood(0, MOST_OPTS + 100)
    assert flood(10_000, 100) <= full * 1.05


def test_a_refusal_is_an_answer_of_the_right_kind() -> None:
    error = Rejected(Code.NOT_ALLOWED, "too much")
    assert isinstance(rejection(offers(), error), RegisteredReport)
