"""EiOpt, noun by noun, through the facades of both roles."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from janusgrid.common.errors import LocalError
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.model import (
    CanceledOpt,
    CancelOpt,
    CreatedEvent,
    CreatedOpt,
    CreateOpt,
    EiTarget,
    OptReason,
    OptType,
)
from janusgrid.openadr.ven import Rejected
from janusgrid.openadr.vtn import OptCanceled, OptCreated, Opted

from .line import Pair
from .test_event import dispatch

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
IN, OUT = OptType.OPT_IN, OptType.OPT_OUT
PEAK = "http://utility.example/peak"


@pytest.mark.parametrize("reason", [*OptReason, "x-holiday"])
async def test_reasons_and_stretches_arrive_as_they_are(pair: Pair, reason: str) -> None:
    vtn, ven = await pair.both()
    begins = pair.now.replace(microsecond=0)
    opt = ven.opt_schedule(OUT, [(begins + HOUR, HOUR), (begins + 5 * HOUR, HOUR)], reason=reason)
    await pair.let(15)
    assert opt.is_accepted
    assert vtn.opts("site") == (opt.message,)
    assert opt.message.opt_reason == reason
    found = [vtn.availability("site", begins + n * HOUR / 2).opt for n in range(1, 14)]
    assert found == [None] + [OUT] * 2 + [None] * 6 + [OUT] * 2 + [None] * 2
    (sent,), (answer,) = pair.line.of(CreateOpt), pair.line.of(CreatedOpt)
    assert (answer.opt_id, answer.ei_response.request_id) == (opt.id, sent.request_id)


async def test_a_schedule_may_be_of_a_part(pair: Pair) -> None:
    vtn, ven = await pair.both()
    stretch = [(pair.now, timedelta())]  # without end
    ven.opt_schedule(OUT, stretch, market=PEAK)
    ven.opt_schedule(OUT, stretch, target=EiTarget(resource_ids=["R1"]))
    ven.opt_schedule(OUT, stretch, device_classes=["Thermostat"])
    await pair.let(15)
    later = pair.now + 999 * HOUR
    asked: list[dict[str, Any]] = [
        {}, {"market": PEAK}, {"resource": "R1"}, {"resource": "R2"}, {"device_class": "Thermostat"},
        {"device_class": "Storage"},
    ]  # fmt: skip
    assert [vtn.availability("site", later, **each).opt for each in asked] == [None, OUT, OUT, None, OUT, None]


async def test_an_opt_is_revised_and_taken_back(pair: Pair) -> None:
    vtn, ven = await pair.both()
    told: list[OptCreated | OptCanceled] = []
    vtn.listen(OptCreated, told.append)
    vtn.listen(OptCanceled, told.append)
    opt = ven.opt_schedule(OUT, [(pair.now, HOUR)])
    await pair.let(15)
    ven.opt_schedule(IN, [(pair.now, 2 * HOUR)], opt_id=opt.id)
    await pair.let(15)
    assert vtn.availability("site").opt is IN
    opt.cancel()
    opt.cancel()
    await pair.let(15)
    assert (vtn.opts("site"), ven.opts, opt.is_accepted) == ((), (), False)
    assert [type(each) for each in told] == [OptCreated, OptCreated, OptCanceled]
    assert len(pair.line.of(CancelOpt)) == len(pair.line.of(CanceledOpt)) == 1


async def test_an_opt_of_an_event_goes_before_its_answers(pair: Pair) -> None:
    vtn, ven = await pair.both()
    told: list[Opted] = []
    vtn.listen(Opted, told.append)
    sent = vtn.create_event(dispatch(pair), ["site"])
    await pair.let(15)
    opt = ven.opt_event("E1", OUT, reason=OptReason.EMERGENCY)
    await pair.let(15)
    assert (sent.opt("site"), ven.events[0].stands) == (OUT, OUT)
    ven.opt("E1", IN)
    await pair.let(15)
    answers = len(pair.line.of(CreatedEvent))
    assert sent.opt("site") is OUT  # rule 206
    opt.cancel()
    await pair.let(15)
    assert sent.opt("site") is IN
    assert len(pair.line.of(CreatedEvent)) > answers
    assert [(each.response.opt_type, each.by is not None) for each in told] == [(IN, False), (OUT, True), (IN, False)]
    ven.opt_event("E1", OUT)
    sent.modify(dispatch(pair, kilowatt=100.0))
    await pair.let(30)
    assert sent.opt("site") is IN  # a modification is asked about anew


async def test_what_cannot_be_said(pair: Pair) -> None:
    vtn, ven = await pair.both()
    sent = vtn.create_event(dispatch(pair), ["site"])
    await pair.let(15)
    with pytest.raises(LocalError):
        ven.opt_event("E2", OUT)
    with pytest.raises(LocalError):
        ven.opt_schedule(OUT, [])
    opt = ven.opt_schedule(OUT, [(pair.now, HOUR)], target=EiTarget(ven_ids=["somebody"]))
    await pair.let(15)
    with pytest.raises(Rejected) as caught:
        await opt.accepted()
    assert caught.value.code == Code.TARGET_MISMATCH
    unknown: Any = await vtn.receive("site", CancelOpt(request_id="R", opt_id="none", ven_id=ven.ven_id))
    assert (unknown.ei_response.response_code, unknown.opt_id) == (Code.INVALID_ID, "none")
    sent.cancel()
    await pair.let(15)
    with pytest.raises(LocalError, match="cancelled"):
        ven.opt_event("E1", OUT)


async def test_opts_belong_to_the_registration(pair: Pair) -> None:
    vtn, ven = await pair.both()
    ven.opt_schedule(OUT, [(pair.now, HOUR)])
    await pair.let(15)
    ven.register_again()
    await pair.let(15)
    assert (len(vtn.opts("site")), len(ven.opts)) == (1, 1)
    vtn.cancel_registration("site")
    await pair.let(15)
    ven.join()
    await pair.let(15)
    assert (vtn.opts("site"), ven.opts) == ((), ())
