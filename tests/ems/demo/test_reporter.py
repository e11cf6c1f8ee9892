"""What the demonstration says of messages of the site: each by its own name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.ems.demo.board import Board
from janusgrid.ems.demo.reporter import Reporter
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.model import OptReason, OptType
from janusgrid.openadr.vtn import Vtn

from tests.openadr.core.test_roles import T0, Pair, dispatch, joined, pair

__all__ = ["joined", "pair"]

IN, OUT = OptType.OPT_IN, OptType.OPT_OUT
HOUR = timedelta(hours=1)


class Utility:
    """The board of a utility whose messages are those of a pair of cores."""

    def __init__(self, joined: Pair) -> None:
        self.pair = joined
        self.board = Board("", T0, T0 + HOUR, T0)
        self.vtn = Vtn("VTN1", HttpTransport(plain=True, listen=("127.0.0.1", 0)))
        Reporter(self.board, LockStepClock(T0), ()).follow_utility(self.vtn)

    def told(self) -> list[str]:
        """Return what is told of all that has happened."""
        self.pair.settle(T0)
        self.board.timeline.clear()
        while self.pair.vtn.happened:
            happening = self.pair.vtn.happened.popleft()
            for kind, listener in self.vtn._listeners:
                if isinstance(happening, kind):
                    listener(happening)
        return [entry.what for entry in self.board.timeline]


@pytest.fixture
def utility(joined: Pair) -> Utility:
    joined.vtn.create_event(dispatch(), ["site"], T0)
    joined.settle(T0)
    return Utility(joined)


def test_an_answer_to_an_event_comes_by_created_event(utility: Utility) -> None:
    utility.pair.ven.decide("E1", IN, T0)
    assert utility.told() == ["oadrCreatedEvent: optIn"]
    utility.pair.ven.decide("E1", OUT, T0)
    assert utility.told() == ["oadrCreatedEvent: optOut"]


def test_an_opt_comes_by_eiopt_and_is_no_answer(utility: Utility) -> None:
    utility.pair.ven.decide("E1", IN, T0)
    utility.told()
    own = utility.pair.ven.opts.event("E1", OUT, T0, reason=OptReason.EMERGENCY)
    assert utility.told() == ["oadrCreateOpt: optOut (emergency)"]
    utility.pair.ven.opts.cancel(own.id)
    assert utility.told() == ["oadrCancelOpt: optOut is taken back"]


def test_a_schedule_is_told(utility: Utility) -> None:
    utility.pair.ven.opts.schedule(OUT, [(T0 + HOUR, HOUR)], T0)
    assert utility.told() == ["oadrCreateOpt: optOut (x-schedule)"]
