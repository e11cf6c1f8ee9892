"""A run: many scenarios, one after the other, against one party."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .library import choose
from .operators import Operator
from .player import Player
from .steps import Subject
from .testers import Tester, VenTester
from .verdicts import LeftOut, RunRecord, ScenarioRecord


async def run(
    tester: Tester,
    operator: Operator,
    *,
    only: Iterable[str] = (),
    stranger: Tester | None = None,
    told: Callable[[ScenarioRecord], None] = lambda record: None,
) -> RunRecord:
    """Play scenarios against the party that a tester is set on, and return what came of them.

    Args:
        tester: a `VenTester` tests a VTN, a `VtnTester` a VEN; it is open.
        operator: who operates the party under test.
        only: groups and IDs of scenarios; all if not given.
        stranger: a tester, open, whom the party under test does not know.
        told: called with each scenario as it ends.

    Raises `UnknownName` for what is neither a group nor a scenario for this role.
    """
    subject: Subject = "vtn" if isinstance(tester, VenTester) else "ven"
    scenarios = choose(subject, tester.state.way, only)
    if stranger is not None:
        stranger.state = tester.state  # it claims to be who the tester is
    player = Player(tester, operator, stranger)
    began, records = tester.state.clock.now(), list[ScenarioRecord]()
    left_out = list[LeftOut]()
    for scenario in scenarios:
        if reason := player.missing(scenario):
            left_out.append(LeftOut(scenario.id, scenario.title, reason))
            continue
        records.append(await player.play(scenario))
        told(records[-1])
    peer = tester.vtn if isinstance(tester, VenTester) else tester.state.ven_name
    ended = tester.state.clock.now()
    return RunRecord(subject, str(tester.state.way), peer, began, ended, tuple(records), tuple(left_out))
