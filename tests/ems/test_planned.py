"""Resources that are asked beforehand and for a whole event, such as VENs below, beside devices that follow at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import attrs
import pytest
from janusgrid.common.data.access import Entry
from janusgrid.common.errors import Refused
from janusgrid.ems.controller import ControllerConfig
from janusgrid.ems.dispatch import Condition, Dispatcher, Planned, Resource
from janusgrid.ems.events import DispatchEvent, Opt

from .plants import RESOURCES, at
from .test_controller import EVENT, Run, Wire, morning

PLAN = Planned(notice=timedelta(minutes=3), ramp=timedelta(minutes=4), band=0.1, rest=timedelta(minutes=5))
SLOW = tuple(attrs.evolve(r, plan=PLAN) if r.name.startswith("MT") else r for r in RESOURCES)
DIESEL, HOME = Resource(name="DG", rating_kw=100.0), Resource(name="HOME", rating_kw=100.0, plan=PLAN)
LATER = attrs.evolve(EVENT, reduction_kw=100.0, response=timedelta(minutes=5))  # it begins at 8:25


def ready(asked: float | None = None, since: datetime | None = None) -> dict[str, Condition]:
    home = Condition(power_kw=0.0, available=True, asked_kw=asked, asked_at=since)
    return {"DG": Condition(power_kw=0.0, available=True), "HOME": home}


@pytest.mark.parametrize(("now", "told"), [("08:21", set()), ("08:22", {"HOME"}), ("08:25", {"DG", "HOME"})])
def test_it_is_told_before_anything_moves(now: str, told: set[str]) -> None:
    plan = Dispatcher([DIESEL, HOME]).cycle(at(now), LATER, 1000.0, 1000.0, ready())
    assert set(plan.setpoints) == told
    assert all(kw == pytest.approx(50.0, abs=1) for kw in plan.setpoints.values())


def test_what_it_is_asked_changes_seldom_and_others_make_up_for_it() -> None:
    def parts(import_kw: float, since: str) -> dict[str, float]:
        found = Dispatcher([DIESEL, HOME]).cycle(at("08:40"), LATER, 1000.0, import_kw, ready(50.0, at(since)))
        return {name: round(kw) for name, kw in found.setpoints.items()}

    assert parts(1000.0, "08:25") == {"DG": 53, "HOME": 50}  # the trim goes to who can follow
    assert parts(1010.0, "08:25") == {"DG": 63, "HOME": 50}  # 56.5 each: within the band
    assert parts(1040.0, "08:37") == {"DG": 93, "HOME": 50}  # it was asked a moment ago
    assert parts(1040.0, "08:25") == {"DG": 71, "HOME": 71}


def test_who_cannot_be_there_in_time_does_not_count() -> None:
    assert HOME.in_time(EVENT, at("08:23"))
    assert not HOME.in_time(EVENT, at("08:24"))
    assert DIESEL.in_time(EVENT, at("08:30"))


class Courses(Wire):
    """The plant, whose microturbines take courses alone, and tell them as they come."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.courses: list[tuple[datetime, str, datetime, float, datetime]] = []

    async def schedule(self, name: str, entries: Sequence[Entry], *, end: datetime) -> None:
        assert name.split(".")[1].startswith("MT")
        if name.split(".")[1] in self.refusing:
            raise Refused("opts out", code="optOut")
        (entry,) = entries
        with suppress(Refused):  # nothing is under way for it
            await self.abort(name)
        self.courses.append((self._pace.now(), name, entry.start, float(entry.value), end))
        await super().schedule(name, entries, end=end)


@pytest.fixture
async def run(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    monkeypatch.setattr("tests.ems.test_controller.Wire", Courses)
    async for found in morning(ControllerConfig(resources=SLOW)):
        yield found


def courses(run: Run) -> list[tuple[datetime, str, datetime, float, datetime]]:
    assert isinstance(run.wire, Courses)
    return run.wire.courses


async def test_the_contract_is_kept_with_them(run: Run) -> None:
    await run.until("08:20")
    assert run.site.offer(attrs.evolve(EVENT, issued=at("08:20"))).opt is Opt.IN
    await run.until("09:36")
    assert min(run.finished().rates) > 0.95
    asked = courses(run)
    assert {name for _, name, *_ in asked} == {f"der.MT{n}.p.set" for n in (1, 2, 3)}
    assert {end for *_, end in asked} == {EVENT.end}
    assert len(asked) <= 3 * (1 + 70 // 5)
    assert all(run.plant.device(f"MT{n}").power_kw == 0.0 for n in (1, 2, 3))


async def test_one_that_opts_out_is_made_up_for(run: Run) -> None:
    run.wire.refusing = {"MT2"}
    await run.until("08:20")
    assert run.site.offer(EVENT).opt is Opt.IN
    await run.until("09:35")
    assert min(run.finished().rates) > 0.95
    assert "der.MT2.p.set" not in {name for _, name, *_ in courses(run)}


async def test_an_event_that_is_withdrawn_or_made_longer(run: Run) -> None:
    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("08:40")
    before = len(courses(run))
    longer = attrs.evolve(EVENT, duration=timedelta(minutes=70), modification=1)
    assert run.site.offer(longer).opt is Opt.IN
    await run.until("08:41")
    assert {(name, end) for _, name, _, _, end in courses(run)[before:]} == {
        (f"der.MT{n}.p.set", longer.end) for n in (1, 2, 3)
    }
    run.site.withdraw(EVENT.id)
    await run.until("08:55")
    assert all(run.plant.device(f"MT{n}").setpoint_kw == 0.0 for n in (1, 2, 3))


async def test_a_baseline_that_the_utility_gives(run: Run) -> None:
    """Then it need not have been recorded."""
    given = DispatchEvent(
        id="e2", issued=at("08:15"), start=at("08:30"), duration=timedelta(hours=1), reduction_kw=500.0,
        baseline_kw=1900.0,
    )  # fmt: skip
    await run.until("08:16")
    assert "no baseline" in run.site.offer(attrs.evolve(given, baseline_kw=None)).reason
    assert run.site.offer(given).opt is Opt.IN
    assert run.site.baseline_kw == 1900.0


async def test_the_site_tells_of_itself_as_points(run: Run) -> None:
    async def now(name: str) -> object:
        return (await run.site.points.read([f"site.{name}"]))[f"site.{name}"].value

    await run.until("08:20")
    run.site.offer(EVENT)
    await run.until("08:21")
    assert [await now(name) for name in ("event", "phase", "asked.p")] == ["e1", "response", 1000.0]
    await run.until("08:45")
    generation = sum(device.power_kw for device in run.plant.devices.values())
    assert await now("phase") == "sustained"
    assert await now("generation.p") == pytest.approx(generation, rel=0.05)
    assert await now("delivered.p") == pytest.approx(1000.0, rel=0.05)
    assert await now("baseline.p") == run.site.baseline_kw
    await run.until("09:31")
    assert [await now(name) for name in ("event", "phase", "asked.p", "baseline.p")] == ["", "none", 0.0, None]
