"""The cases of the reserve study as they are played: a real VTN, telemetry on XMPP, and three wires to the devices.

In a usual run every case is played in process, and one on each of the other wires; with JANUSGRID_RESERVE=all each case
on each wire.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.common.data.site import load_site
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.common.resources import resource
from janusgrid.ems.bridge import dispatch_event
from janusgrid.ems.demo.acceptance import EXPECTED, checks, expected
from janusgrid.ems.demo.outcome import Outcome
from janusgrid.ems.demo.reserve import ReserveScenario
from janusgrid.ems.demo.utility import Utility, reserve_event
from janusgrid.ems.demo.wires import Wire
from janusgrid.ems.report.plots import moments
from janusgrid.ems.reserve import seen
from janusgrid.ems.reserve.cases import at, case
from janusgrid.openadr.model import OptType

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("reserve-demo")]
EVERY = os.environ.get("JANUSGRID_RESERVE") == "all"
WIRED = [("t17", Wire.TCP), ("t16", Wire.XMPP)]
RUNS = [(name, wire) for name in EXPECTED for wire in Wire] if EVERY else [(name, Wire.LOCAL) for name in EXPECTED]
RUNS += [] if EVERY else WIRED


@cache
def outcome(name: str, wire: Wire) -> Outcome:
    played = ReserveScenario(name, wire)
    return played.clock.run(played.run())


@pytest.mark.parametrize(("name", "wire"), RUNS, ids=lambda value: getattr(value, "value", value))
def test_a_case_shows_what_the_study_says(name: str, wire: Wire) -> None:
    found = outcome(name, wire)
    assert [f"{check.line}: {check.detail}" for check in found.checks if not check.good] == []
    assert len(found.checks) >= 14
    assert found.passed
    assert found.sent >= found.accepted > 400
    assert found.reports >= 2 * found.case.event.duration / timedelta(minutes=1)
    assert list(found.offline) == [found.case.faults[0][1]]
    assert (found.device_reports > 3000) is (wire is not Wire.LOCAL)
    assert found.by_meter.average_rate == pytest.approx(found.vtn.average_rate, abs=0.003)


@pytest.mark.parametrize(("name", "wire"), [run for run in RUNS if run[1] is not Wire.LOCAL], ids=str)
def test_a_wire_changes_nothing(name: str, wire: Wire) -> None:
    """The run in process is the oracle: minute by minute the same, but for what a float of four bytes cannot hold."""
    found, oracle = outcome(name, wire), outcome(name, Wire.LOCAL)
    assert found.vtn.rates == pytest.approx(oracle.vtn.rates, abs=1e-5)
    told, known = ([(h.time, h.what, h.device) for h in run.happenings] for run in (found, oracle))
    assert [each for each in told if each[1] != seen.REFUSED] == [each for each in known if each[1] != seen.REFUSED]


# --- the acceptance itself --------------------------------------------------------------------------------------------


def minutes_with(found: Outcome, k: int, kw: float | None) -> Outcome:
    delivery = found.vtn.delivery
    minutes = (*delivery.minutes[:k], kw, *delivery.minutes[k + 1 :])
    return attrs.evolve(found, vtn=attrs.evolve(found.vtn, delivery=attrs.evolve(delivery, minutes=minutes)))


def without(found: Outcome, what: str, device: str) -> Outcome:
    left = tuple(each for each in found.happenings if (each.what, each.device) != (what, device))
    return attrs.evolve(found, happenings=left)


def late(found: Outcome, what: str, device: str, seconds: float) -> Outcome:
    moved = (
        attrs.evolve(each, time=each.time + timedelta(seconds=seconds)) if (each.what, each.device) == (what, device)
        else each
        for each in found.happenings
    )  # fmt: skip
    return attrs.evolve(found, happenings=tuple(moved))


def off(found: Outcome, k: int, kw: float | None) -> Outcome:
    row = found.rows[k]
    told = {**row.told, "grid_import": kw if kw is None else (row.published_kw or 0.0) + kw}
    if kw is None:
        del told["grid_import"]
    return attrs.evolve(found, rows=(*found.rows[:k], attrs.evolve(row, told=told), *found.rows[k + 1 :]))


SPOILT: list[tuple[str, str, Callable[[Outcome], Outcome], str]] = [
    ("t17", "opt out", lambda run: attrs.evolve(run, opt="optOut"), "the site opts in: optOut"),
    ("t17", "a minute unknown", lambda run: minutes_with(run, 3, None), "every minute is reported: 59 of 60"),
    ("t17", "a minute lost", lambda run: minutes_with(run, 3, 300.0), "average rate 79.67 % ± 0.5: 7"),
    ("t17", "minutes differ", lambda run: minutes_with(run, 3, 980.0), "site and utility judge alike"),
    ("u20", "a weak minute", lambda run: minutes_with(run, 3, 994.0), "each minute at least 99.5 %: 99.40 %"),
    ("u20", "a bad minute", lambda run: minutes_with(run, 3, 500.0), "test of each minute, 80 %: pass: fail"),
    (
        "t17",
        "a row off",
        lambda run: off(run, 2, 3.1),
        "import within 3 kW of the published rows (10 kW at 09:20): 08:50 +3.1 kW",
    ),
    ("t17", "a row not told", lambda run: off(run, 2, None), "(10 kW at 09:20): 08:50 not reported"),
    ("t17", "no start", lambda run: without(run, seen.START, "MT2"), "MT2 starts at 08:55 ± 1 min: not at all"),
    ("t17", "late start", lambda run: late(run, seen.START, "MT3", 61), "MT3 starts at 09:03 ± 1 min: 09:04:01"),
    ("t17", "late confirmed", lambda run: late(run, seen.CONFIRMED, "DG750", 90), "failure of DG750 confirmed"),
    ("t20", "a start too much", lambda run: late(run, seen.START, "MT3", 600), "no other unit starts later: MT3"),
    ("t17", "not empty", lambda run: without(run, seen.EMPTY, "ESS500"), "ESS500 empty between 09:20 and 09:30: not"),
    ("t17", "empty late", lambda run: late(run, seen.EMPTY, "HESS250", 300), "HESS250 empty between 09:10 and 09:20"),
    ("t17", "no balance", lambda run: attrs.evolve(run, imbalance_kw=1e-5), "import = load - PV - generation"),
    ("t17", "too low", lambda run: attrs.evolve(run, lowest_soc=0.1999), "no storage below 20 %: 19.99"),
    ("t17", "wrong start", lambda run: attrs.evolve(run, wrong_starts=("DG750",)), "no start of a unit that is out"),
]


@pytest.mark.parametrize(("name", "what", "spoil", "line"), SPOILT, ids=[what for _, what, _, _ in SPOILT])
def test_each_line_can_fail(name: str, what: str, spoil: Callable[[Outcome], Outcome], line: str) -> None:
    spoilt = spoil(outcome(name, Wire.LOCAL))
    spoilt = attrs.evolve(spoilt, checks=checks(spoilt))
    assert not spoilt.passed
    assert any(line in f"{check.line}: {check.detail}" for check in spoilt.checks if not check.good)
    assert "failed: " in spoilt.text().plain


def test_of_other_cases_nothing_is_expected() -> None:
    with pytest.raises(UnknownName, match="there is no acceptance for 'spinning'; there is for t16, t17"):
        expected("spinning")


# --- for people and programs ------------------------------------------------------------------------------------------


def test_people_see_the_rows_of_the_study_and_both_judgements() -> None:
    text = outcome("t17", Wire.LOCAL).text().plain
    for words in (
        "T17: spinning reserve, the main diesel fails",
        "difference",
        "08:55:00  MT2 starts",
        "09:05:00  failure of DG750 confirmed",
        "08:20:00  dispatch of 1000 kW; DG750, DG200 start",
        "quality index",
        "passed: the acceptance holds, 18 lines",
    ):
        assert words.replace("08:55:00", "08:54:00") in text or words in text
    rows = [line.split() for line in text.splitlines() if line.startswith("09:10")]
    assert [len(row) for row in rows if len(row) > 5] == [8, 10]
    assert rows[0][1:4] == ["1106.4", "1106.5", "-0.1"] or float(rows[0][3]) == pytest.approx(0, abs=3)


def test_programs_get_the_same() -> None:
    found = outcome("t17", Wire.LOCAL)
    told: dict[str, Any] = json.loads(json.dumps(found.as_json()))
    assert (told["scenario"], told["wire"], told["passed"]) == ("t17", "local", True)
    assert [row["clock"] for row in told["table"]] == [f"{8 + k // 6:02}:{k % 6}0" for k in range(3, 10)]
    last = told["table"][-1]
    assert last["difference_kw"] == pytest.approx(last["grid_kw"] - last["published_kw"], abs=2e-3)
    assert set(last["devices_kw"]) == {"DG750", "DG200", "MT1", "MT2", "MT3", "ESS500", "HESS250"}
    assert set(last["soc_percent"]) == {"ESS500", "HESS250"}
    assert told["settlement"]["vtn"]["quality_index"] == 0
    assert len(told["settlement"]["ems"]["rates"]) == 60
    assert told["settlement"]["difference"] <= 1e-6
    assert {"time", "what", "device", "note"} == set(told["events"][0])
    assert {each["known"] for each in told["parameters"]} == {"stated", "deduced", "fitted", "chosen"}
    assert all(line["holds"] for line in told["acceptance"])


def test_the_record_of_a_report_is_the_run() -> None:
    found = outcome("t17", Wire.LOCAL)
    record = found.record()
    assert [device.name for device in record.storages] == ["ESS500", "HESS250"]
    assert [len(device.power) for device in record.devices] == [len(record.grid)] * 7
    assert record.settled[0].average == found.vtn.average_rate
    assert [found[0].time for _, found in moments(record)][:2] == [at("08:20"), at("08:42")]
    assert record.table[-1].difference_kw == found.rows[-1].off_kw
    assert record.passed


def test_the_program_writes_what_it_is_asked_for(tmp_path: Path) -> None:
    file, folder = tmp_path / "t16.json", tmp_path / "report"
    arguments = ["demo", "--headless", "--scenario", "t16", "--wire", "local"]
    result = CliRunner().invoke(cli, [*arguments, "--json", str(file), "--report", str(folder)])
    assert result.exit_code == 0, result.output
    assert "09:00:00  DER        HESS250 fails" in result.output
    assert "oadrUpdateReport: HESS250 not online" in result.output
    assert "passed: the acceptance holds" in result.output
    assert json.loads(file.read_text())["settlement"]["vtn"]["quality_index"] == 1
    assert (folder / "index.html").is_file()
    assert len(list(folder.glob("*.png"))) == 4


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--wire", "81"], "the scenario dispatch runs on wire 82"),
        (["--report", "here"], "a report is of a reserve case: t16"),
        (["--scenario", "t16", "--site", __file__], "a reserve case has a site of its own"),
        (["--scenario", "t16", "--no-tls"], "--no-tls is for --wire 81"),
        (["--scenario", "t16", "--wire", "83"], "'83' is not one of 'local', '81', '82'"),
        (["--scenario", "t18"], "'t18' is not one of 'dispatch', 'roles', 't16'"),
        (["--scenario", "t16", "--speed", "0"], "0.0 is not in the range"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], reason: str) -> None:
    result = CliRunner().invoke(cli, ["demo", "--headless", *options])
    assert result.exit_code == 2
    assert reason in result.output


def test_a_broker_that_there_is_not_is_refused() -> None:
    with pytest.raises(LocalError, match="embedded, prosody, ejabberd"):
        ReserveScenario("t16", Wire.LOCAL, "openfire")


# --- the utility ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t16", "u20"])
def test_what_the_utility_sends_is_what_the_site_understands(name: str) -> None:
    site = load_site(resource("mappings/sites/reserve.yaml"))
    asked = case(name).event
    made = reserve_event(asked)
    assert made.ei_active_period.notification.timedelta == timedelta(0)
    found = dispatch_event(made, site.ven.signals, site.ven.resource)
    assert attrs.evolve(found, id=asked.id, baseline_kw=None) == attrs.evolve(asked, baseline_kw=None)
    assert found.baseline_kw == pytest.approx(asked.baseline_kw)


def test_a_utility_that_hears_nothing_sees_nothing_delivered() -> None:
    asked = case("t16")
    settled = Utility(load_site(resource("mappings/sites/reserve.yaml"))).settlement(asked.event, asked.service)
    assert settled.average_rate == 0
    assert settled.index == -24
    assert set(settled.delivery.minutes) == {None}


def test_an_event_that_the_utility_cancels_ends_the_service() -> None:
    played = ReserveScenario("t16", Wire.LOCAL)

    async def cancel() -> Outcome:
        import asyncio

        running = asyncio.create_task(played.run())
        await played.clock.sleep_until(at("08:40"))
        assert played.dispatch is not None
        assert played.dispatch.opt("microgrid") is OptType.OPT_IN
        played.dispatch.cancel("enough")
        return await running

    found = played.clock.run(cancel())
    assert found.when(seen.CANCELLED, "") == at("08:40")
    assert all(device.setpoint_kw <= 0 for device in played.plant.devices.values())
    assert not found.passed
