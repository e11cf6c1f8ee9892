"""A party that does something wrong fails the scenario that is about it; one that cannot be tried is inconclusive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.errors import NotReachable
from janusgrid.openadr.core.answers import ok
from janusgrid.openadr.model import (
    CanceledReport,
    CreatedEvent,
    CreatedOpt,
    CreatedPartyRegistration,
    CreatedReport,
    CreateOpt,
    CreatePartyRegistration,
    DistributeEvent,
    EiResponse,
    Message,
    Poll,
    RegisterReport,
    RequestEvent,
    Response,
    ResponseRequired,
    UpdatedReport,
    UpdateReport,
    changed,
)
from janusgrid.openadr.scenarios import Nobody, VenTester, Verdict, Way, run
from janusgrid.openadr.scenarios.wire import Raw
from janusgrid.openadr.vtn import Vtn

from tests.openadr.scenarios.rig import Rig, a_rig

Fault = Callable[[Message, Any], Any]
"""Given a request and its answer, returns another answer."""


def in_answers(rig: Rig, fault: Fault) -> None:
    """Let the party under test answer otherwise."""
    subject: Any = rig.subject
    true = subject.receive

    async def receive(identity: str, message: Message, spend: Any = None) -> Any:
        return fault(message, await true(identity, message, spend))

    subject.receive = receive


def in_questions(rig: Rig, fault: Callable[[Message], Message | None]) -> None:
    """Let the party under test send something else, or nothing."""
    subject: Any = rig.subject
    (transport,) = subject._transports.values()
    true = transport.carry

    async def carry(to: str, message: Message, identity: str = "") -> Message | None:
        said = fault(message)
        return Response(ei_response=ok(message)) if said is None else await true(to, said, identity)

    transport.carry = carry


def on_receipt(rig: Rig, fault: Callable[[Message], Message]) -> None:
    """Let the party under test understand something else."""
    subject: Any = rig.subject
    true = subject.receive
    subject.receive = lambda identity, message, spend=None: true(identity, fault(message), spend)


def good(answer: Any) -> Any:
    """Return an answer as a positive one."""
    return changed(answer, ei_response=changed(answer.ei_response, response_code="200", response_description=None))


def _of(kind: type[Message], change: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return what changes messages of one kind, and nothing else."""
    return lambda *found: change(found[-1]) if isinstance(found[-1], kind) else found[-1]


def _unasked(answer: CreatedEvent) -> CreatedEvent:
    responses = tuple(changed(each, request_id="another") for each in answer.event_responses or ())
    return changed(answer, event_responses=responses)


def _accepts_all(answer: CreatedEvent) -> CreatedEvent:
    return changed(answer, event_responses=tuple(changed(r, response_code="200") for r in answer.event_responses or ()))


def _wants_answers(message: Message) -> Message:
    if not isinstance(message, DistributeEvent):
        return message
    return changed(message, events=tuple(changed(e, response_required=ResponseRequired.ALWAYS) for e in message.events))


def _one_point(message: UpdateReport) -> UpdateReport:
    reports = tuple(
        changed(r, intervals=tuple(changed(i, payloads=i.payloads[:1]) for i in r.intervals or ()))
        for r in message.reports
    )
    return changed(message, reports=reports)


VTN_FAULTS: list[tuple[str, Way, Fault, str]] = [
    ("VTN-E-07", Way.PULL, _of(Response, good), "the code is 200"),
    ("VTN-E-03", Way.XMPP, _of(Response, good), "the code is 200"),
    ("VTN-N-02", Way.PUSH, _of(CreatedPartyRegistration, lambda m: changed(m, ei_response=EiResponse())), "requestID"),
    ("VTN-N-02", Way.XMPP, _of(CreatedPartyRegistration, lambda m: changed(m, schema_version=None)), "rule 509"),
    ("VTN-N-03", Way.PUSH, lambda m, a: changed(a, registration_id="new") if getattr(m, "registration_id", "") else a,
     "registrationID is new"),
    ("VTN-N-01", Way.PULL, lambda m, a: good(a) if isinstance(m, RequestEvent) else a, "the code is 200"),
    ("VTN-E-02", Way.PUSH, lambda m, a: Response(ei_response=ok(m)) if isinstance(m, RequestEvent) else a,
     "oadrResponse came instead"),
    ("VTN-E-01", Way.PULL, lambda m, a: Response(ei_response=EiResponse()) if isinstance(m, Poll) else a,
     "nothing came"),
    ("VTN-P-01", Way.PUSH, _of(CreatedOpt, lambda m: changed(m, opt_id="another")), "optID is another"),
    ("VTN-P-03", Way.XMPP, lambda m, a: None if isinstance(m, CreateOpt) else a, "an empty answer"),
    ("VTN-R-04", Way.PUSH, _of(UpdatedReport, good), "the code is 200"),
    ("VTN-R-01", Way.PULL, lambda m, a: Raw(text="<oops/>") if isinstance(m, RegisterReport) else a, "oops"),
    ("VTN-G-17", Way.XMPP, lambda m, a: good(a) if isinstance(a, DistributeEvent) else a, "the code is 200"),
]  # fmt: skip
"""Which scenario finds it, on which way, what is answered wrongly, and what is said of it."""


@pytest.mark.parametrize(("scenario", "way", "fault", "said"), VTN_FAULTS, ids=[f"{f[0]}-{f[3]}" for f in VTN_FAULTS])
async def test_a_vtn_that_answers_wrongly_fails(
    scenario: str, way: Way, fault: Fault, said: str, tmp_path: Path
) -> None:
    async with a_rig("vtn", way, tmp_path) as rig:
        _let_raw_out(rig)
        in_answers(rig, fault)
        if said == "nothing came":
            rig.tester.patience = 1.0
        record = await run(rig.tester, rig.operator, only=[scenario], stranger=rig.stranger)
    failed = [step for step in record.scenarios[0].steps if step.verdict is Verdict.FAIL]
    assert record.verdict is Verdict.FAIL
    assert said in failed[0].observed, failed[0]
    assert failed[0].wire or said == "nothing came"


VEN_FAULTS: list[tuple[str, Way, Callable[[Rig], None], str]] = [
    ("VEN-E-01", Way.PULL, lambda rig: in_questions(rig, _of(CreatedEvent, _unasked)), "not that of the message"),
    ("VEN-E-01", Way.PUSH, lambda rig: in_questions(rig, lambda m: None if isinstance(m, CreatedEvent) else m),
     "nothing came"),
    ("VEN-E-05", Way.XMPP, lambda rig: in_questions(rig, _of(CreatedEvent, _accepts_all)), "is answered 200"),
    ("VEN-E-06", Way.PUSH, lambda rig: on_receipt(rig, _wants_answers), "oadrCreatedEvent came"),
    ("VEN-E-12", Way.PUSH, lambda rig: in_answers(rig, _of(Response, good)), "the code is 200"),
    ("VEN-N-02", Way.XMPP, lambda rig: in_questions(
        rig, _of(CreatePartyRegistration, lambda m: changed(m, registration_id=None))), "registrationID is None"),
    ("VEN-R-01", Way.PUSH, lambda rig: in_questions(rig, _of(UpdateReport, _one_point)), "not delivered"),
    ("VEN-R-03", Way.XMPP, lambda rig: in_answers(
        rig, _of(CreatedReport, lambda m: changed(m, pending_reports=m.pending_reports[-1:]))), "pending are 1"),
    ("VEN-R-05", Way.PULL, lambda rig: in_questions(
        rig, _of(CanceledReport, lambda m: changed(m, pending_reports=("one",)))), "pending are 1"),
    ("VEN-R-09", Way.PUSH, lambda rig: in_questions(
        rig, _of(RegisterReport, lambda m: changed(m, reports=m.reports[:1]))), "it offers TELEMETRY_USAGE"),
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "way", "plant", "said"), VEN_FAULTS, ids=[f"{f[0]}-{f[3]}" for f in VEN_FAULTS])
async def test_a_ven_that_does_wrong_fails(
    scenario: str, way: Way, plant: Callable[[Rig], None], said: str, tmp_path: Path
) -> None:
    async with a_rig("ven", way, tmp_path) as rig:
        assert (await run(rig.tester, rig.operator, only=["VEN-R-11"])).verdict is Verdict.PASS  # it is registered now
        plant(rig)
        if said == "nothing came":
            rig.tester.patience = 1.0
        record = await run(rig.tester, rig.operator, only=[scenario])
    failed = [step for step in record.scenarios[0].steps if step.verdict is Verdict.FAIL]
    assert record.verdict is Verdict.FAIL
    assert said in failed[0].observed, failed[0]


async def test_what_nobody_operates_is_inconclusive(tmp_path: Path) -> None:
    async with a_rig("vtn", Way.PUSH, tmp_path) as rig:
        record = await run(rig.tester, Nobody(), only=["VTN-E-01", "VTN-N-03"])
    events = {each.id: each for each in record.scenarios}
    assert events["VTN-N-03"].verdict is Verdict.PASS
    made = events["VTN-E-01"]
    assert made.verdict is record.verdict is Verdict.INCONCLUSIVE
    assert [step.verdict for step in made.steps][:2] == [Verdict.PASS, Verdict.INCONCLUSIVE]
    assert all(step.observed.startswith("not tried") for step in made.steps[2:])
    assert {each.id for each in record.left_out} == set()


async def test_without_a_stranger_what_needs_one_is_left_out(tmp_path: Path) -> None:
    async with a_rig("vtn", Way.PUSH, tmp_path) as rig:
        record = await run(rig.tester, rig.operator, only=["VTN-G-17", "VTN-G-15"])
    assert [each.id for each in record.scenarios] == ["VTN-G-15"]
    assert [each.id for each in record.left_out] == ["VTN-G-17"]
    assert record.verdict is Verdict.PASS


async def test_a_vtn_that_is_not_there_fails(tmp_path: Path) -> None:
    async with a_rig("vtn", Way.PUSH, tmp_path) as rig:
        await rig.subject.close()
        record = await run(rig.tester, Nobody(), only=["VTN-N-02"])
    assert record.verdict is Verdict.FAIL
    first, *others = record.scenarios[0].steps
    assert "refused" in first.observed.lower() or "connect" in first.observed.lower()
    assert {step.verdict for step in others} == {Verdict.INCONCLUSIVE}


async def test_a_ven_that_takes_events_is_not_for_reports_only(tmp_path: Path) -> None:
    async with a_rig("ven", Way.PUSH, tmp_path) as rig:
        rig.tester.report_only = True
        record = await run(rig.tester, rig.operator, only=["VEN-R-17", "VEN-R-18"])
    assert [each.verdict for each in record.scenarios] == [Verdict.FAIL, Verdict.FAIL]
    (first,) = [step for step in record.scenarios[0].steps if step.text == "The VEN registers"]
    assert "it is for reports only" in first.observed
    (quiet,) = [step for step in record.scenarios[0].steps if step.text.startswith("It asks for no events")]
    assert quiet.observed == "oadrRequestEvent came"


@pytest.mark.parametrize("way", Way)
async def test_a_tester_finds_whether_there_is_a_vtn(way: Way, tmp_path: Path) -> None:
    async with a_rig("vtn", way, tmp_path) as rig:
        assert isinstance(rig.tester, VenTester)
        assert isinstance(rig.subject, Vtn)
        await rig.tester.find()
        in_answers(rig, lambda message, answer: Response(ei_response=EiResponse(response_code="500", request_id="")))
        await rig.tester.find()  # whatever it answers
        await rig.subject.close()
        if way is Way.XMPP:
            (transport,) = rig.subject._transports.values()
            await transport._session.close()  # type: ignore[attr-defined]
        with pytest.raises(NotReachable):
            await rig.tester.find()


def _let_raw_out(rig: Rig) -> None:
    """Let the envelopes of the party under test carry what is no message."""
    envelopes: Any = rig.subject.envelopes
    true = envelopes.close

    def close(message: Any, identity: str, *, signed: bool = False) -> str:
        return message.text if isinstance(message, Raw) else true(message, identity, signed=signed)

    envelopes.close = close
