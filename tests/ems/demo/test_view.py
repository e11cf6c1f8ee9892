"""What the demonstration shows, in terminals of all sizes."""

from __future__ import annotations

import asyncio
import io
import json
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.ems.delivery import Delivery
from janusgrid.ems.demo.board import Board, Row, Tier
from janusgrid.ems.demo.chart import bar, curve, resample
from janusgrid.ems.demo.pace import HeldClock
from janusgrid.ems.demo.summary import Summary
from janusgrid.ems.demo.view import View, render
from rich.console import Console, RenderableType

from ..plants import MIDNIGHT, RESOURCES, at

ZONE = MIDNIGHT.tzinfo
assert ZONE is not None


def text_of(drawn: RenderableType, width: int = 120, height: int = 40) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(drawn, height=height)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def board() -> Board:
    found = Board("dispatch", at("08:15"), at("09:32"), at("08:50"))
    for r in RESOURCES:
        low = -r.rating_kw if r.storage else 0.0
        found.rows[r.name] = Row(r.rating_kw, low, 0.6 * r.rating_kw, 0.7 * r.rating_kw, state="running")
    found.rows["ESS500"].soc = 55.5
    found.baseline_kw, found.target_kw = 1922.5, 922.7
    for n in range(200):
        found.meter(at("08:15") + n * timedelta(seconds=10), 1900.0 - 5 * n)
    found.tell(Tier.UTILITY, Tier.SITE, "oadrDistributeEvent LOAD_DISPATCH")
    found.tell(Tier.SITE, Tier.DEVICE, "Operate DG750")
    found.tell(Tier.DEVICE, Tier.SITE, "MT1 refuses", good=False)
    return found


@pytest.mark.parametrize(("width", "height"), [(200, 60), (140, 40), (100, 36), (80, 24), (80, 45)])
def test_usual_terminals_show_devices_and_messages(width: int, height: int) -> None:
    shown = text_of(render(board(), ZONE, width, height), width, height)
    assert len(shown.splitlines()) <= height
    for word in ("DG750", "HESS250", "450.0", "55.5 %", "import", "MT1 refuses", "08:50:00"):
        assert word in shown
    if height >= 40:
        assert "baseline 1922   target 923" in shown


def test_what_passes_between_the_site_and_an_operator_says_so() -> None:
    found = board()
    found.tell(Tier.SITE, Tier.OPERATOR, "report: DG200 failed")
    assert "operator: report: DG200 failed" in text_of(render(found, ZONE, 140, 40), 140, 40)


@given(st.integers(1, 250), st.integers(1, 80))
def test_no_terminal_is_too_small_or_too_large(width: int, height: int) -> None:
    assert len(text_of(render(board(), ZONE, width, height), width, height).splitlines()) <= height


def test_an_empty_board_is_drawn_too() -> None:
    assert "waiting" in text_of(render(Board("waiting", at("08:15"), at("09:32"), at("08:15")), ZONE, 120, 40))


def test_a_bar_goes_from_zero_and_marks_the_setpoint() -> None:
    assert bar(50, 0, 100, 10).plain == "█████·····"
    assert bar(-40, -100, 100, 10).plain == "···██·····"
    assert bar(50, 0, 100, 10, mark=80).plain == "█████···┃·"
    assert bar(500, 0, 100, 10, mark=999).plain == "█████████┃"
    assert bar(1, 0, 0, 4).plain == "████"


def test_a_curve_stands_on_its_figures() -> None:
    rows = curve([0, 4, 8, None], 2, 0, 8, line=2)
    assert [row.plain for row in rows] == ["  █ ", "╌██╌"]


def test_points_are_averaged_into_columns() -> None:
    assert resample([(0.0, 1), (0.1, 3), (0.9, 7), (1.0, 9), (1.5, 99)], 2) == [2, 8]
    assert resample([(0.9, 7)], 2) == [None, 7]


def test_the_view_draws_and_leaves_the_terminal_as_it_was() -> None:
    console = Console(width=120, height=40, file=io.StringIO(), force_terminal=True)

    async def run() -> None:
        async with View(board(), console, ZONE):
            await asyncio.sleep(0.05)

    asyncio.run(run())
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert "DG750" in drawn
    assert drawn.rindex("\x1b[?1049l") > drawn.index("\x1b[?1049h")


def test_the_board_tells_its_listeners() -> None:
    seen: list[str] = []
    made = board()
    made.on_entry(lambda entry: seen.append(entry.what))
    made.tell(Tier.SITE, Tier.UTILITY, "oadrCreatedEvent optIn")
    assert seen == ["oadrCreatedEvent optIn"]
    assert made.progress == pytest.approx(35 / 77)


def summary(*minutes: float | None) -> Summary:
    delivery = Delivery(1000.0, 1922.5, minutes)
    return Summary(
        broker="embedded",
        event_id="e",
        opt="optIn",
        sent=10,
        accepted=9,
        reports=77,
        points=700,
        latest={"b": 2, "a": 1.23456},
        delivery=delivery,
    )


def test_the_summary_is_json_and_its_figures_are_those_of_the_delivery() -> None:
    found = json.loads(json.dumps(summary(1000.0, 900.12345, None).as_json()))
    assert found["event"] == {"id": "e", "opt": "optIn"}
    assert found["controls"] == {"sent": 10, "accepted": 9}
    assert found["telemetry"] == {"reports": 77, "points": 700, "latest": {"a": 1.235, "b": 2}}
    assert found["delivery"]["minutes"] == [1000.0, 900.123, None]
    assert found["delivery"]["average_rate"] == pytest.approx(1.90012 / 3, abs=1e-5)
    assert found["delivery"]["contract_kw"] == 1000
    assert found["passed"] is False


@pytest.mark.parametrize(
    ("minutes", "word"), [((1000.0, 960.0), "passed"), ((1000.0, 700.0), "failed"), ((None, None), "failed")]
)
def test_the_summary_says_plainly_whether_it_passed(minutes: tuple[float | None, ...], word: str) -> None:
    made = summary(*minutes)
    assert made.passed is (word == "passed")
    shown = text_of(made.render())
    assert f"{word}: " in shown
    assert "optIn" in shown


async def test_a_held_clock_stands_still_until_it_goes_and_after_it_is_stopped() -> None:
    clock = HeldClock(1000.0, at("08:15"))
    sleeper = asyncio.create_task(clock.sleep_until(at("08:15") + timedelta(seconds=10)))
    await asyncio.sleep(0.03)
    assert clock.now() == at("08:15")
    assert not sleeper.done()
    clock.go()
    clock.go()
    await sleeper
    assert clock.now() >= at("08:15") + timedelta(seconds=10)
    await clock.sleep(-1)
    clock.stop()
    stopped = clock.now()
    await asyncio.sleep(0.03)
    assert clock.now() == stopped


@pytest.mark.parametrize(("factor", "stride"), [(50.0, 3.0), (1000.0, 5.0)])
async def test_a_held_clock_gives_way_while_the_loop_is_busy_and_never_goes_back(factor: float, stride: float) -> None:
    clock = HeldClock(factor, at("08:15"))
    clock.go()
    await clock.sleep(3)
    for _ in range(3):
        before = clock.now()
        time.sleep(0.2)  # noqa: ASYNC251  # the loop is kept busy, that is the point
        assert timedelta(0) < clock.now() - before <= timedelta(seconds=stride)
        busy = clock.now()
        await clock.sleep(1)
        assert clock.now() - busy >= timedelta(seconds=1)
    clock.stop()


async def test_a_held_clock_changes_its_pace_at_once_for_those_who_sleep_too() -> None:
    clock = HeldClock(0.001, at("08:15"))
    clock.pace(0.002)
    clock.go()
    sleeper = asyncio.create_task(clock.sleep(60))
    await asyncio.sleep(0.01)
    assert not sleeper.done()
    assert clock.now() - at("08:15") < timedelta(seconds=1)
    clock.pace(5000.0)
    await sleeper
    assert clock.now() >= at("08:16")
    clock.stop()
