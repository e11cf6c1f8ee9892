"""A VEN below as a device: what it reports, what it is asked, and whether it takes part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.clock import ScaledClock
from janusgrid.common.data.access import Change, Entry
from janusgrid.common.data.services import NotOffered
from janusgrid.common.data.site import Device, load_site
from janusgrid.common.data.value import Validity
from janusgrid.common.errors import ConfigError, NotReachable, Refused, TypeConflict, UnknownName
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.ems.demo.pace import HeldClock
from janusgrid.ems.drivers.openadr import OpenAdrDriver, OpenAdrLink, party
from janusgrid.ems.drivers.port import Surroundings, find
from janusgrid.openadr.items import item
from janusgrid.openadr.model import EventStatus, OptType, SignalPayload
from janusgrid.openadr.ven import Change as EventState
from janusgrid.openadr.ven import DataPoint, EventChange, Offer, Reading, Ven
from janusgrid.openadr.vtn import TelemetryPlan, Vtn

from tests.brokers import start_broker
from tests.openadr.binding.ways import eventually

SITE = """\
name: estate
domain: grid.test
ems: {jid: "ems@{domain}/IEC"}
openadr: {ven_name: estate, vtn: "vtn@{domain}/vtn", resource: estate, reports: reports.csv}
devices:
- name: HOME1
  table: openadr/ven.csv
  address: {ven: home1, jid: "home1@{domain}/ven", patience: 20s, lasts: 30min}
  figures: {rating: 12}
"""
REPORTS = Path(__file__).resolve().parents[3] / "mappings" / "openadr" / "reports.csv"
T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
P, SET, LEVEL, AVAILABLE = (f"der.HOME1.{name}" for name in ("p", "p.set", "level", "available"))


@attrs.define
class Estate:
    """A VTN, the VEN of a home as a device of it, and the home."""

    clock: HeldClock
    vtn: Vtn
    link: OpenAdrLink
    home: Ven
    watts: float = 2500.0
    opt: OptType = OptType.OPT_IN
    told: list[EventChange] = attrs.Factory(list)

    def read(self, r_ids: frozenset[str]) -> Mapping[str, Reading]:
        return {r_id: Reading(self.watts) for r_id in r_ids}

    def decide(self, change: EventChange) -> OptType:
        self.told.append(change)
        return self.opt

    @property
    def asked(self) -> list[float]:
        """The values of the signals in force or to come, as the home knows them."""
        return [
            float(payload.value)
            for known in self.home.events
            if known.event.event_descriptor.event_status is not EventStatus.CANCELLED
            for signal in known.event.ei_event_signals
            for interval in signal.intervals
            for payload in interval.payloads
            if isinstance(payload, SignalPayload) and isinstance(payload.value, float)
        ]

    async def until(self, name: str, wanted: Any) -> Change:
        """Return the first change of a point with this value."""
        async with asyncio.timeout(30):
            async for change in self.link.watch([name]):
                if change.value.value == wanted:
                    return change
        raise AssertionError


def device(tmp_path: Path, text: str = SITE) -> Device:
    (tmp_path / "reports.csv").write_text(REPORTS.read_text().splitlines()[0] + "\n")
    (tmp_path / "site.yaml").write_text(text)
    return load_site(tmp_path / "site.yaml").devices[0]


async def session(server: LocalServer, user: str, resource: str) -> SlixSession:
    return SlixSession(
        f"{user}@{server.domain}/{resource}", password=f"secret of {user}", host=server.host, port=server.port,
        tls=server.ca,
    )  # fmt: skip


@pytest_asyncio.fixture
async def estate(tmp_path: Path) -> AsyncIterator[Estate]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(start_broker("embedded", "ems", "home1"))
        clock = HeldClock(30.0, T0)
        clock.go()
        stack.callback(clock.stop)
        made = device(tmp_path)
        ems = await stack.enter_async_context(await session(server, "ems", "IEC"))
        every = timedelta(seconds=10)
        vtn = Vtn("estate", ems, parties=[party(made)], clock=clock, plan=TelemetryPlan(every, every))
        surroundings = Surroundings(clock=clock, session=ems, renew_s=10.0, roles={"vtn": vtn})
        link = OpenAdrDriver().link(made, surroundings)
        offer = Offer("usage", "TELEMETRY_USAGE", (DataPoint("p", item("W"), minimum=timedelta(seconds=1)),))
        below = await stack.enter_async_context(await session(server, "home1", "ven"))
        home = Ven(
            "home1", below, vtn=f"ems@{server.domain}/IEC", offers=[offer], clock=clock,
            read=lambda r_ids: found.read(r_ids),
        )  # fmt: skip
        found = Estate(clock, vtn, link, home)
        home.on_event(found.decide)
        await stack.enter_async_context(link)
        await stack.enter_async_context(vtn)
        yield found
        await home.close()


async def joined(estate: Estate) -> None:
    await estate.home.open()
    async with asyncio.timeout(30):
        await estate.link.ready()


async def test_a_ven_is_found_by_its_driver() -> None:
    assert isinstance(find("openadr"), OpenAdrDriver)


async def test_what_it_reports_is_in_the_unit_of_the_table(estate: Estate) -> None:
    before = await estate.link.read([P, SET, AVAILABLE])
    assert [before[P].quality.validity, before[AVAILABLE].value] == [Validity.INVALID, False]
    await joined(estate)
    found = (await estate.link.read([P]))[P]
    assert (found.value, found.quality.good, found.origin) == (2.5, True, "home1")  # it offers W, the table says kW
    assert found.time is not None
    assert found.time.second % 10 == 0
    estate.watts = 3100.0
    await estate.until(P, 3.1)
    assert (await estate.link.read([AVAILABLE]))[AVAILABLE].value is True
    assert [point.name for point in await estate.link.directory()] == [AVAILABLE, LEVEL, P, SET]


async def test_to_command_is_to_make_one_event_that_changes_in_place(estate: Estate) -> None:
    await joined(estate)
    await estate.link.operate(SET, 4.0)
    assert estate.asked == [4.0]
    (made,) = estate.vtn.events
    period = made.event.ei_active_period
    assert period.duration.after(period.dtstart) - period.dtstart == timedelta(minutes=30)
    await estate.link.operate(SET, 6.5)
    assert estate.asked == [6.5]
    assert [change.change for change in estate.told] == [EventState.NEW, EventState.MODIFIED]
    assert len(estate.vtn.events) == 1
    assert (await estate.link.read([SET]))[SET].value == 6.5
    await estate.link.operate(SET, 0.0)  # nothing is asked any more
    await eventually(lambda: estate.told[-1].change is EventState.CANCELLED)
    assert estate.asked == []
    await estate.link.operate(SET, 0.0)
    assert len(estate.told) == 3
    with pytest.raises(Refused, match="nothing is under way"):
        await estate.link.abort(SET)
    await estate.link.operate(LEVEL, "high")
    assert estate.asked == [2.0]
    await estate.link.abort(LEVEL)
    await eventually(lambda: estate.asked == [])


async def test_a_course_until_an_end(estate: Estate) -> None:
    await joined(estate)
    start = estate.clock.now().replace(microsecond=0) + timedelta(minutes=20)
    entries = [Entry(start, 3.0), Entry(start + timedelta(minutes=30), 5.0)]
    await estate.link.schedule(SET, entries, end=start + timedelta(hours=1))
    (made,) = estate.vtn.events
    assert made.event.ei_active_period.dtstart == start
    assert made.event.ei_active_period.duration.after(start) == start + timedelta(hours=1)
    assert estate.asked == [3.0, 5.0]
    with pytest.raises(TypeConflict, match="13 is not within 0 to 12"):
        await estate.link.schedule(SET, [Entry(start, 13.0)], end=start + timedelta(hours=1))


async def test_who_opts_out_is_not_available_until_it_would_be_over(estate: Estate) -> None:
    await joined(estate)
    estate.opt = OptType.OPT_OUT
    with pytest.raises(Refused, match="home1 opts out") as caught:
        await estate.link.operate(SET, 4.0)
    assert caught.value.code == "optOut"
    await estate.until(AVAILABLE, False)
    assert not await estate.link.available(P)
    assert (await estate.link.read([P]))[P].quality.good  # it still reports
    await eventually(lambda: estate.asked == [])
    await eventually(lambda: not any(booked.unanswered for booked in estate.vtn.core.events))  # the cancellation too
    assert not await estate.link.available(P)
    (event,) = estate.vtn.events
    estate.opt = OptType.OPT_IN
    estate.clock.pace(900.0)
    await estate.until(AVAILABLE, True)
    estate.clock.pace(30.0)
    period = event.event.ei_active_period
    assert estate.clock.now() >= period.duration.after(period.dtstart)
    await estate.link.operate(SET, 4.0)
    (event,) = (known.event_id for known in estate.home.active())
    estate.home.opt(event, OptType.OPT_OUT)  # it changes its mind
    await estate.until(AVAILABLE, False)


async def test_a_schedule_of_absence(estate: Estate) -> None:
    await joined(estate)
    begins = estate.clock.now()
    opt = estate.home.opt_schedule(OptType.OPT_OUT, [(begins, timedelta(hours=2))])
    await estate.until(AVAILABLE, False)
    opt.cancel()
    await estate.until(AVAILABLE, True)


async def test_who_leaves_is_lost_and_comes_back(estate: Estate) -> None:
    await joined(estate)
    async with asyncio.timeout(30):
        await estate.home.leave()
    await estate.until(AVAILABLE, False)
    lost = (await estate.link.read([P]))[P]
    assert (lost.value, lost.quality.validity) == (2.5, Validity.INVALID)
    with pytest.raises(NotReachable, match="not registered"):
        await estate.link.operate(SET, 4.0)
    estate.watts = 100.0
    estate.home.join()
    await estate.until(P, 0.1)
    await estate.link.ready()


async def test_what_a_ven_does_not_do(estate: Estate) -> None:
    with pytest.raises(TypeConflict, match="not a set-point"):
        await estate.link.operate(P, 1.0)
    with pytest.raises(NotOffered, match="no select"):
        await estate.link.select(SET)
    with pytest.raises(NotOffered, match="no history"):
        await estate.link.history(P, T0, T0 + timedelta(hours=1))
    for doing in (estate.link.read(["x"]), estate.link.available("x"), estate.link.operate("x", 1.0)):
        with pytest.raises(UnknownName):
            await doing


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("ven: home1, ", "", "address: 'ven' is missing"),
        ("patience: 20s", "patience: never", "patience is a time from"),
        ("lasts", "last", "'last' is not known to the driver 'openadr'; did you mean 'lasts'?"),
    ],
)
def test_a_bad_address_is_told_at_its_place(tmp_path: Path, good: str, bad: str, said: str) -> None:
    made = device(tmp_path, SITE.replace(good, bad))
    vtn = Vtn("estate", None, parties=())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"site\.yaml:8:") as caught:
        OpenAdrDriver().link(made, Surroundings(clock=ScaledClock(1.0), roles={"vtn": vtn}))
    assert said in str(caught.value)


def test_a_ven_needs_a_vtn_and_says_who_it_is(tmp_path: Path) -> None:
    made = device(tmp_path)
    with pytest.raises(ConfigError, match="this program has none"):
        OpenAdrDriver().link(made, Surroundings(clock=ScaledClock(1.0)))
    assert party(made).identity == ("home1@grid.test",)
    for text, said in (("", "give jid"), ('fingerprint: "AA", ', "no fingerprint")):
        with pytest.raises(ConfigError, match=said):
            party(device(tmp_path, SITE.replace('jid: "home1@{domain}/ven", ', text)))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("p,measurement,float,kW,p,LOAD_DISPATCH,setpoint,,float32,kW,,,,read,,,", "one of rid, signal and about"),
        ("p,setpoint,float,kW,,LOAD_DISPATCH,set,,float32,kW,,,,operate,,,", "signal_type: 'set' is not known"),
        ("p,status,bool,,,,,weather,bool,,,,,read,,,", "about: 'weather' is not known"),
    ],
)
def test_a_row_that_says_nothing_is_told(tmp_path: Path, row: str, said: str) -> None:
    header = (REPORTS.parent / "ven.csv").read_text().splitlines()[0]
    (tmp_path / "openadr").mkdir()
    (tmp_path / "openadr" / "ven.csv").write_text(f"{header}\n{row}\n")
    vtn = Vtn("estate", None, parties=())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"ven\.csv:2") as caught:
        OpenAdrDriver().link(device(tmp_path), Surroundings(clock=ScaledClock(1.0), roles={"vtn": vtn}))
    assert said in str(caught.value)
