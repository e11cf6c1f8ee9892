"""Four roles in one process on one session, while the utility, the XMPP server and a DER fail one after the other.

The short form is a quarter of an hour; `JANUSGRID_HOUR=embedded` (or `prosody`, `ejabberd`) plays the hour.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import attrs
import pytest
from janusgrid.ems.bridge import dispatch_event
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import Change

from tests.ems.estate.world import DERS, HOMES, World, clock_time

HOUR = os.environ.get("JANUSGRID_HOUR", "")
MINUTE = timedelta(minutes=1)
DISPATCH = clock_time(8, 20)
CONTRACT = 800.0
AWAY = 20.0
"""Seconds for which programs are gone."""
RECOVERY = 3 * MINUTE
"""After everybody is back at the XMPP server, and after the loss of a DER, until the contract is kept again."""
KEPT = 0.95
"""The part of the contract that is kept in every minute."""

STARTING, AVAILABLE, RUNNING, FAILED, UNKNOWN = 2, 3, 6, 11, 98
"""Of DERStateKind."""


@attrs.frozen(kw_only=True)
class Course:
    """When what happens: minutes from the start of the service."""

    service: datetime
    lasts: timedelta
    utility: float
    opted: float
    server: float
    failure: float


SHORT = Course(service=clock_time(8, 25), lasts=13 * MINUTE, utility=0.5, opted=1.5, server=2.5, failure=7.5)
LONG = Course(service=clock_time(8, 30), lasts=60 * MINUTE, utility=10, opted=20, server=30, failure=40)


class Played:
    """The course, played in a world."""

    def __init__(self, world: World, course: Course) -> None:
        self.world, self.course = world, course
        self.made = load_dispatch(
            CONTRACT, start=course.service, duration=course.lasts, created=DISPATCH, ramp_up=course.service - DISPATCH
        )
        self.back = course.service
        """When everybody had logged in again."""
        self.event = dispatch_event(self.made, world.site.ven.signals, world.site.ven.resource)

    async def play(self) -> None:
        world, course = self.world, self.course
        await world.clock.sleep_until(DISPATCH)
        async with asyncio.timeout(60):
            assert await world.send(self.made).opted("estate") is OptType.OPT_IN, world.host.answers
        await self._at(course.utility)
        await world.restart_utility(AWAY)
        await self._at(course.opted)
        world.homes["home2"].opt_out()
        await self._at(course.server)
        await world.restart_server(AWAY)
        self.back = world.clock.now()
        await self._at(course.failure)
        world.plant.device("DG200").fail()
        await world.clock.sleep_until(self.event.end + 2 * MINUTE)
        await world.caught_up(self.event.end + MINUTE)

    async def _at(self, minutes: float) -> None:
        await self.world.clock.sleep_until(self.course.service + minutes * MINUTE)

    def recovering(self, minute: datetime) -> bool:
        """Return whether a minute lies in a time in which the contract need not be kept."""
        server, failure = (self.course.service + n * MINUTE for n in (self.course.server, self.course.failure))
        times = (server, self.back + RECOVERY), (failure, failure + RECOVERY)
        return any(begin < minute + MINUTE and minute < end for begin, end in times)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("broker", "course", "speed"),
    [
        pytest.param("embedded", SHORT, 110.0, id="short"),
        pytest.param(HOUR or "embedded", LONG, 77.0, id="hour", marks=pytest.mark.skipif(not HOUR, reason="by hand")),
    ],
)
async def test_an_hour_of_four_roles(broker: str, course: Course, speed: float, tmp_path: Path) -> None:
    async with World(tmp_path, broker=broker, speed=speed, start=clock_time(8, 13)) as world:
        played = Played(world, course)
        await played.play()
        kept_as_specified(played)
        nothing_lost_above(world, played)
        nothing_lost_below(world)
        nothing_lost_for_the_operator(world, played)


def kept_as_specified(played: Played) -> None:
    """Every minute, but those of recovery, by what the utility was told."""
    rates = played.world.rates(played.event)
    assert len(rates) == played.course.lasts // MINUTE
    short = {minute.time(): rate for minute, rate in rates.items() if rate < KEPT and not played.recovering(minute)}
    assert not short, {minute.time(): round(rate, 3) for minute, rate in rates.items()}
    judged = [minute for minute in rates if not played.recovering(minute)]
    for trouble in (played.course.server, played.course.failure):  # there is something to judge after each of them
        assert any(minute >= played.course.service + trouble * MINUTE + RECOVERY for minute in judged)


def nothing_lost_above(world: World, played: Played) -> None:
    """Each sample has come once, on a session that was lost, at a utility that was away; the event is answered."""
    for r_id in ("PCC.p", "PCC.load", "generation"):  # the meter is on TCP, the sum is the application's
        told = world.intervals(r_id)
        assert all_of(world.sampled, told, since=DISPATCH), r_id
        assert max(told) >= played.event.end
    for r_id in (*(f"{name}.p" for name in DERS), "HOME1.p", "HOME2.p"):  # which could not be asked for a while
        assert set(world.intervals(r_id).values()) == {1}, r_id
    assert [booked.unanswered for booked in world.vtn.core.events] == [frozenset()]
    assert len(world.vtn.vens) == 1


def all_of(sampled: list[datetime], told: Counter[datetime], since: datetime | None = None) -> bool:
    """Return whether every sample that was taken was told once, up to the last one that was told of."""
    wanted = Counter(time for time in sampled if time <= max(told) and (since is None or time >= since))
    assert len(wanted) > 30
    assert set(wanted.values()) == {1}
    return wanted == Counter({time: count for time, count in told.items() if since is None or time >= since})


def nothing_lost_below(world: World) -> None:
    """Each sample of each home has come once; each event is answered; who opted out is asked no more."""
    below = world.host.vtn
    assert below is not None
    for name in HOMES:
        told = Counter(sample.time for ven, sample in world.below if ven == name)
        assert all_of(world.homes[name].sampled, told), name
    assert [(event.id, event.status) for event in below.events if event._booked.unanswered] == []
    one, two = (world.homes[name] for name in HOMES)
    assert [change.change for change in one.changes][:1] == [Change.NEW]
    assert {change.known.event_id for change in one.changes} == {one.changes[0].known.event_id}, "one event, modified"
    assert len({change.known.event_id for change in two.changes}) == 1


def nothing_lost_for_the_operator(world: World, played: Played) -> None:
    """Every report has come, once: the numbers have no gap, and the course of the event is whole."""
    updates = [update for found in world.operator.updates.values() for update in found]
    assert len(updates) > 100
    assert all(update.entry is not None for update in updates), "they are buffered"
    assert sum(update.missed for update in updates) == 0
    assert not any(update.overflow for update in updates)
    for name, found in world.operator.updates.items():
        assert len({update.entry for update in found}) == len(found), name
    states = [value["stVal"] for value in world.operator.course("ESTATEDG200DER/DGEN1.DEROpSt")]
    met = [state for i, state in enumerate(states) if not i or state != states[i - 1]]
    assert met == [UNKNOWN, AVAILABLE, STARTING, RUNNING, FAILED]
