"""Scenarios in the manner of certification, played against a VTN or a VEN, and what came of them.

    tester = VenTester(transport, Way.PULL, clock, vtn="https://vtn.example", ven="site")
    record = await run(tester, VtnOperator(vtn, "site"))
    write_report([record], Path("out"))

The tester takes the place of the VEN, or of the VTN, and says message by message what a scenario declares; the party
under test is a live one, ours or foreign. The scenarios are written from public facts about OpenADR 2.0b, in our own
words. They are not the certification test of the OpenADR Alliance, and passing them certifies nothing.
"""

from .library import SCENARIOS, choose
from .operators import CannotAct, Nobody, Operator, VenOperator, VtnOperator
from .reporting import html, plain, write_report
from .runs import run
from .steps import GROUPS, Scenario
from .testers import Tester, VenTester, VtnTester
from .verdicts import RunRecord, ScenarioRecord, StepRecord, Verdict, Wire
from .ways import Way

__all__ = [
    "SCENARIOS",
    "GROUPS",
    "choose",
    "run",
    "Scenario",
    "Tester",
    "VenTester",
    "VtnTester",
    "Operator",
    "Nobody",
    "CannotAct",
    "VtnOperator",
    "VenOperator",
    "RunRecord",
    "ScenarioRecord",
    "StepRecord",
    "Verdict",
    "Wire",
    "Way",
    "html",
    "plain",
    "write_report",
]
