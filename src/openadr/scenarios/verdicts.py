"""What came of a run: for every step what was expected and what was observed, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import attrs


class Verdict(StrEnum):
    """How a step, or a scenario, has ended."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """It could not be tried, or nobody could say how it went."""


@attrs.frozen(slots=True)
class Wire:
    """A message as it travelled: by whom it was sent (`tester` or `subject`), what it is, and its text."""

    sender: str
    kind: str
    text: str


@attrs.frozen(slots=True)
class StepRecord:
    """One step.

    Attributes:
        text: what was done.
        expected, observed: in words.
        verdict: how it ended.
        rules: numbers of the conformance rules that it is about.
        code: the response code or HTTP status that came; empty where none did.
        at: when it began, by the clock of the run.
        seconds: how long it took, in real time.
        wire: the messages that made it up, without what is secret.
    """

    text: str
    expected: str
    observed: str
    verdict: Verdict
    at: datetime
    seconds: float
    rules: tuple[int, ...] = ()
    code: str = ""
    wire: tuple[Wire, ...] = ()


@attrs.frozen(slots=True)
class ScenarioRecord:
    """One scenario, and its steps as far as they were taken."""

    id: str
    title: str
    group: str
    steps: tuple[StepRecord, ...]

    @property
    def verdict(self) -> Verdict:
        """Fail if any step has failed; pass if all have passed."""
        return combined(step.verdict for step in self.steps)


@attrs.frozen(slots=True)
class LeftOut:
    """A scenario that cannot be played with this tester, and why."""

    id: str
    title: str
    reason: str


@attrs.frozen(slots=True)
class RunRecord:
    """A run of many scenarios against one party.

    Attributes:
        subject: the role that was tested: `vtn` or `ven`.
        way: how messages travelled: `pull`, `push` or `xmpp`.
        peer: who was tested, by its address.
        began, ended: by the clock of the run.
    """

    subject: str
    way: str
    peer: str
    began: datetime
    ended: datetime
    scenarios: tuple[ScenarioRecord, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Of all scenarios together."""
        return combined(scenario.verdict for scenario in self.scenarios)

    @property
    def counts(self) -> dict[str, int]:
        """How many scenarios have ended how."""
        found = Counter(scenario.verdict for scenario in self.scenarios)
        return {verdict.value: found[verdict] for verdict in Verdict}


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of several verdicts; of none it is inconclusive."""
    found = set(verdicts)
    if Verdict.FAIL in found:
        return Verdict.FAIL
    return Verdict.PASS if found == {Verdict.PASS} else Verdict.INCONCLUSIVE
