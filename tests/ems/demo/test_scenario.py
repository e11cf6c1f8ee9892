"""The demonstration as it runs: real parties on real servers, the recorded morning, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.common.errors import ConfigError, LocalError, NotReachable
from janusgrid.common.resources import resource
from janusgrid.common.xmpp.servers import make_server
from janusgrid.common.xmpp.servers.ejabberd import Ejabberd
from janusgrid.common.xmpp.servers.prosody import Prosody
from janusgrid.ems.demo.board import Tier
from janusgrid.ems.demo.scenario import Plot, Scenario, clock_time
from janusgrid.ems.ledger import Ledger
from janusgrid.ems.sim.device import DeviceState

BROKERS = [
    pytest.param(name, marks=[pytest.mark.xdist_group(f"demo-{name}")]) for name in ("embedded", "prosody", "ejabberd")
]
pytestmark = pytest.mark.timeout(300)  # on a busy machine the clock gives way, and a run takes longer
FAST = 400.0
"""Simulated seconds in a real one. The clock gives way where the machine cannot keep up."""
SLOW = 20.0
"""The same, while there is no broker: what the programs then need are real seconds."""
SHORT = Plot(service=clock_time(8, 25), duration=timedelta(minutes=8), end=clock_time(8, 36))


def needs(broker: str) -> None:
    """Skip where this server cannot run."""
    kinds = {"prosody": Prosody, "ejabberd": Ejabberd}
    if broker in kinds and (reason := kinds[broker].unavailable()) is not None:
        pytest.skip(f"{broker}: {reason}")


@pytest.mark.parametrize("broker", BROKERS)
def test_the_contract_is_delivered_as_the_utility_sees_it(broker: str, tmp_path: Path) -> None:
    needs(broker)
    file = tmp_path / "demo.json"
    arguments = ["demo", "--headless", "--json", str(file), "--broker", broker, "--speed", f"{FAST:g}"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "passed: at least 95 %" in result.output
    found = json.loads(file.read_text())
    assert found["broker"] == broker
    assert found["event"]["opt"] == "optIn"
    assert found["event"]["id"]
    assert found["controls"]["sent"] >= found["controls"]["accepted"] > 7 * 60
    assert found["telemetry"]["reports"] >= 70
    assert found["telemetry"]["points"] >= 70 * 10
    assert found["delivery"]["contract_kw"] == 1000
    assert found["delivery"]["average_rate"] >= 0.95
    assert len(found["delivery"]["minutes"]) == 60
    for words in ("EMS > VTN  oadrCreatedEvent: optIn", "VTN > EMS  oadrDistributeEvent", "EMS > DER  Operate WSpt"):
        assert words in result.output


@attrs.define(slots=True)
class Book(Ledger):
    """The utility's, which remembers as well from when the readings of the meter are."""

    times: list[datetime] = attrs.Factory(list)

    def book(self, samples: Iterable[tuple[str, datetime, float]]) -> None:
        found = list(samples)
        self.times += [when for point, when, _ in found if point == self.meter]
        super().book(found)


@pytest.mark.parametrize("broker", BROKERS)
async def test_everybody_is_back_soon_after_the_broker_was_killed_and_the_event_is_finished(broker: str) -> None:
    needs(broker)
    plot = Plot(service=clock_time(8, 25), duration=timedelta(minutes=15), end=clock_time(8, 42))
    played = Scenario(broker, FAST, plot)
    played.ledger = arrived = Book(played.ledger.meter)
    running = asyncio.create_task(played.run())
    await played.clock.sleep_until(clock_time(8, 27))
    assert played.host is not None
    played.clock.pace(SLOW)
    await played.server.kill()
    down = played.clock.now() + timedelta(seconds=plot.sample_s + 1)
    await played.clock.sleep_until(down)
    assert not any(session.connected for session in played.sessions.values())
    await played.server.start()
    started = played.clock.now()
    await asyncio.wait_for(wait_for_all(played), 60)
    took = (played.clock.now() - started).total_seconds() / SLOW
    assert took < 10, f"{took:g} s, not counting those in which the machine was too busy for its clock"
    played.clock.pace(FAST)
    reports = played.ledger.reports
    await played.clock.sleep_until(clock_time(8, 39))
    setpoints = [device.setpoint_kw for device in played.plant.devices.values()]
    assert sum(setpoints) > 900
    summary = await running
    assert played.ledger.reports > reports
    times, every = sorted(arrived.times), timedelta(seconds=plot.sample_s)
    until_down = [when for when in times if when <= down]
    assert down - until_down[-1] < every, "what was read while nobody could be reached has been sent since"
    assert all(after - before == every for before, after in pairwise(until_down)), "and nothing before it is missing"
    assert summary.opt == "optIn"
    assert [kw for kw in summary.delivery.minutes[-2:] if kw is not None and kw > 900]
    assert all(device.setpoint_kw == 0 for device in played.plant.devices.values())


async def wait_for_all(played: Scenario) -> None:
    assert played.host is not None
    while True:
        logged_in = all(session.connected for session in played.sessions.values())
        seen = [await device.available(f"der.{name}.p") for name, device in played.host.devices.items()]
        if logged_in and all(seen) and played.host.ven.core.registered:
            return
        await asyncio.sleep(0.02)


async def test_an_event_that_the_utility_cancels_stops_the_machines() -> None:
    played = Scenario("embedded", FAST, SHORT)
    running = asyncio.create_task(played.run())
    await played.clock.sleep_until(clock_time(8, 27))
    assert played.dispatch is not None
    assert played.host is not None
    assert played.host.app.event is not None
    played.dispatch.cancel("enough")
    await played.clock.sleep_until(clock_time(8, 29))
    assert played.host.app.event is None
    assert all(device.setpoint_kw == 0 for device in played.plant.devices.values())
    summary = await running
    assert summary.opt == "optIn"
    assert not summary.passed
    assert summary.delivery.minutes[1] == pytest.approx(1000, abs=50)
    assert summary.delivery.minutes[-1] == pytest.approx(-130, abs=50)


async def test_a_site_that_cannot_says_so_and_does_nothing() -> None:
    plot = Plot(service=clock_time(8, 25), duration=timedelta(minutes=3), end=clock_time(8, 29), contract_kw=5000)
    played = Scenario("embedded", FAST, plot)
    summary = await played.run()
    assert summary.opt == "optOut"
    assert summary.sent == 0
    assert not summary.passed
    assert summary.delivery.average_rate < 0.01
    reasons = [entry.what for entry in played.board.timeline if "optOut" in entry.what]
    assert reasons == ["oadrCreatedEvent: optOut (1895 kW are available, 5000 kW are asked)"]


async def test_a_site_whose_machines_fail_does_not_pass_though_it_opted_in() -> None:
    played = Scenario("embedded", FAST, SHORT)
    running = asyncio.create_task(played.run())
    await played.clock.sleep_until(clock_time(8, 22))
    for device in played.plant.devices.values():
        device.fail()
    summary = await running
    assert summary.opt == "optIn"
    assert not summary.passed
    assert summary.delivery.average_rate < 0.3
    assert all(device.state is DeviceState.FAILED for device in played.plant.devices.values())
    assert any(row.state == "failed" for row in played.board.rows.values())


async def test_every_tier_is_on_the_board(caplog: pytest.LogCaptureFixture) -> None:
    plot = Plot(service=clock_time(8, 22), duration=timedelta(minutes=2), end=clock_time(8, 25))
    played = Scenario("embedded", FAST, plot)
    await played.run()
    ways = {(entry.source, entry.target) for entry in played.board.timeline}
    assert ways >= {
        (Tier.UTILITY, Tier.SITE),
        (Tier.SITE, Tier.UTILITY),
        (Tier.SITE, Tier.DEVICE),
        (Tier.DEVICE, Tier.SITE),
    }
    assert played.board.counts.device_reports > 100
    assert played.board.pv_kw is not None
    assert played.board.load_kw is not None
    assert played.board.baseline_kw == pytest.approx(1922.5, abs=3)
    assert all(row.power_kw is not None and row.state for row in played.board.rows.values())
    assert played.board.rows["ESS500"].soc is not None
    assert not any(session.refusals for session in played.sessions.values())
    assert not [record for record in caplog.records if "refused" in record.getMessage()]


def test_a_broker_that_is_not_installed_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    if Prosody.unavailable() is None:
        pytest.skip("prosody is found without PATH")
    result = CliRunner().invoke(cli, ["demo", "--headless", "--broker", "prosody"])
    assert isinstance(result.exception, NotReachable)
    assert "prosody" in str(result.exception)


def test_a_broker_that_there_is_not_is_refused() -> None:
    with pytest.raises(LocalError, match="embedded, prosody, ejabberd"):
        make_server("openfire", "grid.test")


def test_a_file_that_cannot_be_written_is_known_before_the_run(tmp_path: Path) -> None:
    arguments = ["demo", "--headless", "--speed", "1", "--json", str(tmp_path / "no" / "demo.json")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "demo.json" in result.output


def test_a_site_file_with_a_typo_is_named_by_line(tmp_path: Path) -> None:
    text = resource("mappings/sites/microgrid.yaml").read_text()
    shutil.copytree(resource("mappings/sites/microgrid"), tmp_path / "microgrid")
    (tmp_path / "mine.yaml").write_text(text.replace("figures: { rating: 65 }", "figure: { rating: 65 }", 1))
    result = CliRunner().invoke(cli, ["demo", "--headless", "--site", str(tmp_path / "mine.yaml")])
    assert isinstance(result.exception, ConfigError)
    assert "mine.yaml:" in str(result.exception)
    assert "did you mean 'figures'?" in str(result.exception)


def test_a_site_that_cannot_take_the_part_is_refused_before_the_run() -> None:
    home = Path(__file__).resolve().parents[3] / "examples" / "tutorial" / "home.yaml"
    with pytest.raises(ConfigError, match=r"home\.yaml: home has no meter called PCC.*`janusgrid lab` runs any site"):
        Scenario(site=home)


async def test_a_device_of_ones_own_is_dispatched_and_reported(tmp_path: Path) -> None:
    """What the tutorial does: a site file with one more generator, and its CID."""
    site = tmp_path / "mine.yaml"
    text = resource("mappings/sites/microgrid.yaml").read_text()
    mine = """  - name: CHP
    table: iec61850/generator.csv
    address: { jid: "chp@{domain}/IEC", ied: CHP }
    cid: microgrid/CHP.cid
    figures: { rating: 120 }
  - name: PV
"""
    site.write_text(text.replace("  - name: PV\n", mine))
    cids = tmp_path / "microgrid"
    shutil.copytree(resource("mappings/sites/microgrid"), cids)
    cid = (cids / "DG200.cid").read_text().replace("DG200", "CHP").replace("dg200", "chp").replace("200000", "120000")
    (cids / "CHP.cid").write_text(cid)
    plot = Plot(service=clock_time(8, 24), duration=timedelta(minutes=2), end=clock_time(8, 27))
    summary = await Scenario("embedded", FAST, plot, site).run()
    assert summary.latest["der.CHP.p"] > 0
    assert summary.latest.keys() >= {"der.PCC.p", "der.PCC.load", "der.PV.p", "der.DG750.p"}
