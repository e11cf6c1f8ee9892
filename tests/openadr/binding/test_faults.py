"""Faults that a well-known implementation was found to have are never ours: each is provoked, on every way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.errors import NotReachable
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.core.outbox import Letter
from janusgrid.openadr.events import baseline, compose, dispatch_signal, load_dispatch, simple_signal
from janusgrid.openadr.model import (
    CanceledPartyRegistration,
    CancelPartyRegistration,
    CreatedEvent,
    CreatedPartyRegistration,
    CreatePartyRegistration,
    DistributeEvent,
    EiTarget,
    EventResponse,
    Message,
    OptType,
    Poll,
    QualifiedEventId,
    RegisteredReport,
    RegisterReport,
    Report,
    RequestEvent,
    Response,
    TransportName,
    UpdatedReport,
    UpdateReport,
    changed,
)
from janusgrid.openadr.rules import check
from janusgrid.openadr.rules.course import Exchange, broken
from janusgrid.openadr.ven import Change, Ven
from janusgrid.openadr.vtn import Vtn

from tests.openadr.binding.ways import WAYS, Grid, a_grid, eventually

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture(params=WAYS)
async def grid(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Grid]:
    async with a_grid(request.param, tmp_path) as made:
        yield made


async def ask(ven: Ven, message: Message) -> Any:
    """Send a message as the VEN over the wire, and return the VTN's answer."""
    route = ven.core.route("")
    async with asyncio.timeout(20):
        return await ven._transport.carry(route.address or "", message, route.identity)


def code(answer: Any) -> str:
    return str(answer.ei_response.response_code)


async def test_a_message_that_makes_no_sense_is_answered_by_the_answer_that_belongs_to_it(grid: Grid) -> None:
    """With the right message, the right code and the requestID; and the VTN goes on."""
    _, ven = await grid.both()
    now, ven_id = grid.clock.now(), ven.core.ven_id
    unknown = EventResponse(
        request_id="D", qualified_event_id=QualifiedEventId(event_id="nobody's"), opt_type=OptType.OPT_IN
    )

    answer = await ask(ven, CreatedEvent(event_responses=[unknown], ven_id=ven_id))
    assert isinstance(answer, Response)
    assert code(answer) == Code.INVALID_ID

    answer = await ask(ven, RequestEvent(request_id="R1", ven_id=ven_id))
    assert isinstance(answer, DistributeEvent)
    assert answer.events == ()
    assert answer.ei_response is not None  # rule 40
    assert (code(answer), answer.ei_response.request_id) == (Code.OK, "R1")

    answer = await ask(ven, CancelPartyRegistration(request_id="R2", registration_id="unknown", ven_id=ven_id))
    assert isinstance(answer, CanceledPartyRegistration)
    assert (code(answer), answer.ei_response.request_id) == (Code.INVALID_ID, "R2")

    report = Report(
        report_request_id="never asked",
        report_specifier_id="usage",
        report_name="TELEMETRY_USAGE",
        created_date_time=now,
    )
    answer = await ask(ven, UpdateReport(request_id="R3", reports=[report], ven_id=ven_id))
    assert isinstance(answer, UpdatedReport)
    assert (code(answer), answer.ei_response.request_id) == (Code.INVALID_ID, "R3")

    answer = await ask(ven, RegisterReport(request_id="R4", ven_id="somebody else"))
    assert isinstance(answer, RegisteredReport)
    assert code(answer) == Code.NOT_REGISTERED

    stranger = CreatePartyRegistration(
        request_id="R5", ven_name="stranger", transport_name=TransportName.SIMPLE_HTTP, http_pull_model=True
    )
    answer = await ask(ven, stranger)
    assert isinstance(answer, CreatedPartyRegistration)
    assert not answer.ei_response.ok

    answer = await ask(ven, CancelPartyRegistration(request_id="R6", registration_id=ven.core.registration_id))
    assert isinstance(answer, CanceledPartyRegistration)
    assert (code(answer), answer.ven_id) == (Code.OK, ven_id)


def losing(transport: Any) -> list[Message]:
    """Let the first answer that brings events, or confirms them, be lost; return what was lost."""
    carry, lost = transport.carry, []

    async def carried(address: str, message: Message, identity: str) -> Message | None:
        answer = await carry(address, message, identity)
        events = isinstance(message, Poll) and isinstance(answer, DistributeEvent)
        if not lost and (events or isinstance(message, DistributeEvent)):
            lost.append(message)
            raise NotReachable("the answer was lost")
        return answer  # type: ignore[no-any-return]

    transport.carry = carried
    return lost


async def test_a_lost_answer_loses_no_event(grid: Grid) -> None:
    """Nor is it told twice."""
    vtn, ven = await grid.both()
    lost = [losing(transport) for transport in (*vtn._transports.values(), ven._transport)]
    begins = grid.clock.now() + 2 * HOUR
    made = load_dispatch(5, start=begins, duration=HOUR, created=grid.clock.now(), event_id="E1")
    dispatch = vtn.create_event(made, ["site"])
    async with asyncio.timeout(40):
        assert await dispatch.opted("site") is OptType.OPT_IN
    assert sum(len(each) for each in lost) == 1
    assert grid.changes == [Change.NEW]


def listened(vtn: Vtn) -> list[Exchange]:
    """Return what a VTN says and hears from now on."""
    heard: list[Exchange] = []
    receive, answered = vtn.core.receive, vtn.core.answered

    def received(identity: str, message: Message, now: datetime) -> Message:
        answer = receive(identity, message, now)
        heard.append(Exchange("VEN", message, answer))
        return answer

    def was_answered(letter: Letter, answer: Message | None, now: datetime) -> None:
        if letter.attempts:
            heard.append(Exchange("VTN", letter.message, answer))
        answered(letter, answer, now)

    vtn.core.receive, vtn.core.answered = received, was_answered  # type: ignore[method-assign]
    return heard


async def test_a_whole_life_keeps_the_rules(grid: Grid) -> None:
    """Registration, telemetry, an event of two signals that is modified while it runs, opted out of and cancelled."""
    vtn = await grid.vtn()
    heard = listened(vtn)
    ven = await grid.ven()
    async with asyncio.timeout(30):
        await ven.joined()
        await vtn.wait_registered("site")
        now = grid.clock.now()
        lasts = 6 * HOUR
        made = compose(
            simple_signal([(lasts, 2)]), dispatch_signal([(lasts, 500)]), start=now, created=now,
            target=EiTarget(ven_ids=[ven.core.ven_id]), baseline=baseline([(lasts, 900)], start=now),
        )  # fmt: skip
        dispatch = vtn.create_event(made)
        assert dispatch.vens == {ven.core.ven_id}
        await dispatch.opted("site")
        (active,) = ven.core.events.active(grid.clock.now())
        assert active.event.ei_event_baseline == made.ei_event_baseline
        assert len(active.event.ei_event_signals) == 2
        dispatch.modify(changed(dispatch.event, event_descriptor=changed(dispatch.event.event_descriptor, priority=3)))
        await dispatch.opted("site")
        ven.opt(dispatch.id, OptType.OPT_OUT)
        await eventually(lambda: dispatch.opt("site") is OptType.OPT_OUT)
        dispatch.cancel("enough")
        await eventually(lambda: grid.changes == [Change.NEW, Change.MODIFIED, Change.CANCELLED])
        await eventually(lambda: len(grid.samples) >= 3)
    await eventually(lambda: not any(isinstance(h.request, Poll) for h in heard) or isinstance(polls(heard), Response))
    assert [str(finding) for finding in broken(heard)] == []
    for exchange in heard:
        for message in (exchange.request, exchange.answer):
            if message is not None:
                faults = [str(finding) for finding in check(message) if finding.is_error]
                assert faults == [], type(message).__name__


def polls(heard: list[Exchange]) -> Message | None:
    return [exchange for exchange in heard if isinstance(exchange.request, Poll)][-1].answer
