"""What the published study says of each case, and whether a run shows it.

Figures marked as published are those of the study (seed document 003); others are those of the reference run in
process, which the study does not print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import attrs

from ...common.errors import UnknownName
from ..report.record import Check
from ..reserve.cases import at, published
from ..reserve.seen import CONFIRMED, EMPTY, START
from .outcome import Outcome
from .wires import Wire

AVERAGE = 0.005
"""The average may differ so much from that of the reference run."""
NEAR_KW, NEAR_WHERE_OVER_RATING_KW, NEAR_ON_A_WIRE_KW = 3.0, 10.0, 15.0
"""The import may differ so much from a published row: in process, in the row where the study has a storage above its
rating, and over a network, where storage is set every ten seconds."""
OVER_RATING = ("t17", "09:20")
SOON = timedelta(seconds=60)
"""Events may be so much earlier or later."""
AGREE = 1e-4
"""The averages of both sides may differ so much."""
BALANCE_KW, SOC = 1e-6, 1e-6


@attrs.frozen(slots=True, kw_only=True)
class Expected:
    """What is expected of a case.

    Attributes:
        title: of the case.
        average: of the reference run.
        percent: published, in whole per cent; None if the study does not print it.
        index: the quality index; `minutes` and `mean` are the two tests. Published, but for u20.
        starts, confirmed: devices and clocks; published, but for t19 and u20.
        empty: between which clocks a storage runs empty; published as a step between two rows.
        lowest: the least rate of any minute, where one is demanded.
    """

    title: str
    average: float
    percent: int | None
    index: float
    minutes: bool
    mean: bool
    starts: Mapping[str, str] = attrs.field(factory=dict)
    confirmed: Mapping[str, str] = attrs.field(factory=dict)
    empty: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)
    lowest: float | None = None


_TURBINES = {"MT1": "08:42", "MT2": "08:55", "MT3": "09:03"}

EXPECTED: Mapping[str, Expected] = {
    "t16": Expected(
        title="T16: spinning reserve, the second storage fails",
        average=0.9998, percent=100, index=1, minutes=True, mean=True,
        starts=_TURBINES, confirmed={"HESS250": "09:03"},
    ),
    "t17": Expected(
        title="T17: spinning reserve, the main diesel fails",
        average=0.7967, percent=80, index=0, minutes=False, mean=False,
        starts=_TURBINES, confirmed={"DG750": "09:05"},
        empty={"HESS250": ("09:10", "09:20"), "ESS500": ("09:20", "09:30")},
    ),
    "t19": Expected(
        title="T19: supplementary reserve, the second storage fails",
        average=0.9702, percent=97, index=1, minutes=False, mean=True,
        confirmed={"HESS250": "08:33"}, empty={"ESS500": ("09:50", "10:00")},
    ),
    "t20": Expected(
        title="T20: supplementary reserve, the main diesel fails",
        average=0.5015, percent=50, index=-24, minutes=False, mean=False,
        confirmed={"DG750": "08:35"}, empty={"HESS250": ("09:10", "09:20"), "ESS500": ("09:10", "09:20")},
    ),
    "u20": Expected(
        title="U20: as T20, with the upgraded fleet",
        average=0.9998, percent=None, index=1, minutes=True, mean=True,
        starts={"MT4": "08:25", "MT5": "08:35", "MT6": "08:35"}, confirmed={"DG750": "08:35"}, lowest=0.995,
    ),
}  # fmt: skip


def expected(case: str) -> Expected:
    """Return what is expected of a case; raise `UnknownName` for one of which nothing is published."""
    if case not in EXPECTED:
        raise UnknownName(f"there is no acceptance for {case!r}; there is for {', '.join(EXPECTED)}")
    return EXPECTED[case]


def checks(outcome: Outcome) -> tuple[Check, ...]:
    """Return every line of the acceptance with what was found."""
    want = expected(outcome.case.name)
    return tuple(_lines(outcome, want))


def _lines(outcome: Outcome, want: Expected) -> Iterator[Check]:
    vtn, ems = outcome.vtn, outcome.ems
    yield Check("the site opts in", outcome.opt == "optIn", outcome.opt or "no answer")
    known = sum(kw is not None for kw in vtn.delivery.minutes)
    whole = len(vtn.delivery.minutes)
    yield Check("every minute is reported", known == whole, f"{known} of {whole}")
    average = vtn.average_rate
    near = abs(average - want.average) <= AVERAGE
    if want.percent is not None:
        near = near and round(100 * average) == want.percent
    yield Check(f"average rate {100 * want.average:.2f} % ± {100 * AVERAGE:g}", near, f"{100 * average:.2f} %")
    if want.lowest is not None:
        line = f"each minute at least {100 * want.lowest:g} %"
        yield Check(line, vtn.worst_rate >= want.lowest, f"{100 * vtn.worst_rate:.2f} %")
    yield Check(f"quality index {want.index:g}", vtn.index == want.index, f"{vtn.index:g}")
    yield _verdict(f"test of each minute, {100 * vtn.service.minute_limit:g} %", want.minutes, vtn.minutes_passed)
    yield _verdict(f"test of the average, {100 * vtn.service.average_limit:g} %", want.mean, vtn.average_passed)
    apart = abs(vtn.average_rate - ems.average_rate)
    same = (vtn.index, vtn.minutes_passed, vtn.average_passed) == (ems.index, ems.minutes_passed, ems.average_passed)
    yield Check("site and utility judge alike", same and apart <= AGREE, f"averages {100 * apart:.6f} points apart")
    if published(outcome.case.name):
        yield _table(outcome)
    yield from _events(outcome, want)
    yield from _safety(outcome)


def _verdict(line: str, want: bool, found: bool) -> Check:
    words = {True: "pass", False: "fail"}
    return Check(f"{line}: {words[want]}", found is want, words[found])


def _table(outcome: Outcome) -> Check:
    limit = NEAR_KW if outcome.wire is Wire.LOCAL else NEAR_ON_A_WIRE_KW
    bad, worst, where = [], 0.0, ""
    for row in outcome.rows:
        off = row.off_kw
        allowed = max(limit, NEAR_WHERE_OVER_RATING_KW) if (outcome.case.name, row.clock) == OVER_RATING else limit
        if off is None or abs(off) > allowed:
            bad.append(f"{row.clock} {'not reported' if off is None else f'{off:+.1f} kW'}")
        if off is not None and abs(off) > abs(worst):
            worst, where = off, row.clock
    found = f"{', '.join(bad)}" if bad else f"at most {abs(worst):.1f} kW, at {where}"
    name, clock = OVER_RATING
    more = NEAR_WHERE_OVER_RATING_KW
    but = f" ({more:g} kW at {clock})" if outcome.case.name == name and limit < more else ""
    return Check(f"import within {limit:g} kW of the published rows{but}", not bad, found)


def _events(outcome: Outcome, want: Expected) -> Iterator[Check]:
    for what, line, clocks in (
        (START, "{} starts", want.starts),
        (CONFIRMED, "failure of {} confirmed", want.confirmed),
    ):
        for device, clock in clocks.items():
            when = outcome.when(what, device)
            name = f"{line.format(device)} at {clock} ± {SOON.total_seconds() / 60:g} min"
            yield Check(name, _soon(when, at(clock)), outcome.clock(when))
    if published(outcome.case.name):
        late = set(outcome.started_late) - set(want.starts)
        yield Check("no other unit starts later", not late, ", ".join(sorted(late)) or "none")
    for device, (first, last) in want.empty.items():
        when = outcome.when(EMPTY, device)
        held = when is not None and at(first) < when < at(last)
        yield Check(f"{device} empty between {first} and {last}", held, outcome.clock(when))


def _soon(when: datetime | None, expected_at: datetime) -> bool:
    return when is not None and abs(when - expected_at) <= SOON


def _safety(outcome: Outcome) -> Iterator[Check]:
    kw = outcome.imbalance_kw
    yield Check("import = load - PV - generation", kw <= BALANCE_KW, f"{kw:.1e} kW off at most")
    floor = outcome.case.parameters.floor
    low = outcome.lowest_soc
    yield Check(f"no storage below {100 * floor:g} %", low >= floor - SOC, f"{100 * low:.4f} %")
    wrong = outcome.wrong_starts
    yield Check("no start of a unit that is out", not wrong, ", ".join(wrong) or "none")
