"""What other implementations do against the rules, and our roles live with."""

from __future__ import annotations

from janusgrid.openadr.core.answers import Rejected, ok
from janusgrid.openadr.core.event_inbox import Change, EventChange
from janusgrid.openadr.core.ven import Joined, Left
from janusgrid.openadr.model import EiResponse, RequestEvent, RequestReregistration, Response

from .test_roles import MINUTE, T0, VEN, VTN, Pair, dispatch, joined, pair

__all__ = ["joined", "pair"]


def answer_with_response(pair: Pair, code: str = "200") -> None:
    """Carry the letters of the VEN; answer its oadrRequestEvent with oadrResponse."""
    while letters := pair.ven.outbox.due(T0 + MINUTE):
        for letter in letters:
            asked = letter.message
            answer = pair.vtn.receive(VEN, asked, T0 + MINUTE)
            if isinstance(asked, RequestEvent):
                given = ok(asked) if code == "200" else EiResponse(response_code=code, request_id=asked.request_id)
                answer = Response(ei_response=given, ven_id=asked.ven_id)
            pair.ven.answered(letter, answer, T0 + MINUTE)


def test_a_vtn_may_say_that_it_has_no_events_by_a_response(pair: Pair) -> None:
    pair.ven.start(T0)
    answer_with_response(pair)
    assert Joined in [type(each) for each in pair.ven.happened]


def test_and_cancels_nothing_by_it(joined: Pair) -> None:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    joined.ven.happened.clear()
    joined.ven.receive(VTN, RequestReregistration(ven_id=joined.ven.ven_id), T0)
    answer_with_response(joined)
    assert Joined in [type(each) for each in joined.ven.happened]
    assert not [each for each in joined.ven.happened if isinstance(each, EventChange)]
    assert Change.CANCELLED not in [getattr(each, "change", None) for each in joined.ven.happened]


def test_but_a_refusal_is_one(pair: Pair) -> None:
    pair.ven.start(T0)
    answer_with_response(pair, "463")
    assert not [each for each in pair.ven.happened if isinstance(each, Joined)]
    assert all(isinstance(each.error, Rejected) for each in pair.ven.happened if isinstance(each, Left))
