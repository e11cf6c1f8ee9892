"""Four roles on one session, as the demonstration plays them, and what its acceptance would not let pass."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.ems.demo.roles import RolesScenario
from janusgrid.ems.demo.roles_outcome import RolesOutcome, checks

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("roles-demo")]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[RolesOutcome, str, dict[str, Any]]:
    """The one run, by its command: what came of it, what was printed, and what was written."""
    kept: list[RolesOutcome] = []
    file: Path = tmp_path_factory.mktemp("roles") / "roles.json"
    with pytest.MonkeyPatch.context() as patch:
        run = RolesScenario.run

        async def keep(scenario: RolesScenario) -> RolesOutcome:
            kept.append(await run(scenario))
            return kept[-1]

        patch.setattr(RolesScenario, "run", keep)
        arguments = ["demo", "--headless", "--scenario", "roles", "--json", str(file)]
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return kept[0], result.output, json.loads(file.read_text(encoding="utf-8"))


def test_a_person_sees_four_roles_and_the_figures(played: tuple[RolesOutcome, str, dict[str, Any]]) -> None:
    _, printed, _ = played
    for words in (
        "VTN > EMS  oadrDistributeEvent: LOAD_DISPATCH 800 kW for 0.5 h",
        "EMS > VTN  oadrCreatedEvent: optIn",
        "EMS > DER  oadrDistributeEvent to HOME2: LOAD_DISPATCH",
        "DER > EMS  oadrCreatedEvent of home2: optOut",
        "EMS > DER  Operate WSpt: DG750",
        "EMS > OPR  report: DG200 failed",
        "OPR > EMS  Operate ESTATEESS500DER/DWGC1.WSpt: -100 kW",
        "ems@estate.example/IEC, one session, logged in once",
        "passed: the acceptance holds, 13 lines",
    ):
        assert words in printed, words
    assert "does not hold" not in printed
    orders = [line for line in printed.splitlines() if "Operate WSpt:" in line]
    assert not any("HOME" in line for line in orders), "homes are asked by events"


def test_the_figures_are_there_for_programs(played: tuple[RolesOutcome, str, dict[str, Any]]) -> None:
    outcome, _, found = played
    assert found["passed"] is True
    assert found["session"]["jid"] == "ems@estate.example/IEC"
    assert [len(role["peers"]) for role in found["session"]["roles"]] == [1, 2, 4, 1]
    assert all(role["sent"] and role["heard"] for role in found["session"]["roles"])
    assert len(found["delivery"]["minutes"]) == 30
    assert found["delivery"]["judged_minutes"] == 27
    given = found["devices"]
    assert given["HOME1"]["after_kwh"] / 14 > given["HOME1"]["before_kwh"] / 16, "who is left gives more"
    assert given["DG750"]["after_kwh"] / 14 > given["DG750"]["before_kwh"] / 16
    assert sum(each["before_kwh"] + each["after_kwh"] for each in given.values()) > 400
    reports = sum(map(len, outcome.updates.values()))
    assert found["operator"]["reports"] == reports
    (mirror,) = (role for role in found["session"]["roles"] if "server" in role["role"])
    assert mirror["sent"] >= reports, "each report went over the session"


def spoilt_minute(found: RolesOutcome) -> RolesOutcome:
    minutes = found.delivery.minutes
    return attrs.evolve(found, delivery=attrs.evolve(found.delivery, minutes=(*minutes[:5], 700.0, *minutes[6:])))


def without_a_report(found: RolesOutcome) -> RolesOutcome:
    name, updates = max(found.updates.items(), key=lambda each: len(each[1]))
    lost = attrs.evolve(updates[1], missed=1)
    return attrs.evolve(found, updates={**found.updates, name: [updates[0], lost, *updates[3:]]})


SPOILT: list[tuple[str, Callable[[RolesOutcome], RolesOutcome]]] = [
    ("every minute at least", spoilt_minute),
    ("above", lambda found: attrs.evolve(found, samples=found.samples[:400] + found.samples[401:])),
    ("above", lambda found: attrs.evolve(found, samples=(*found.samples, found.samples[400]))),
    ("nor below", lambda found: attrs.evolve(found, below=found.below[:100] + found.below[101:])),
    ("every event is answered", lambda found: attrs.evolve(found, unanswered=1)),
    ("every report of the operator's", without_a_report),
    ("one session", lambda found: attrs.evolve(found, logins=2)),
    ("one session", lambda found: attrs.evolve(found, sent=Counter(), heard=Counter())),
    ("the operator's command", lambda found: attrs.evolve(found, plot=attrs.evolve(found.plot, charge_kw=50.0))),
]


@pytest.mark.parametrize(("line", "spoil"), SPOILT, ids=[f"{n}-{line}" for n, (line, _) in enumerate(SPOILT)])
def test_the_acceptance_sees(
    line: str, spoil: Callable[[RolesOutcome], RolesOutcome], played: tuple[RolesOutcome, str, dict[str, Any]]
) -> None:
    failed = [check.line for check in checks(spoil(played[0])) if not check.good]
    assert len(failed) == 1, failed
    assert line in failed[0]
    assert checks(played[0]) == played[0].checks


def test_minutes_of_recovery_are_the_stated_ones(played: tuple[RolesOutcome, str, dict[str, Any]]) -> None:
    outcome = played[0]
    failure = outcome.plot.failure
    found = [n for n in range(-3, 7) if outcome.recovering(failure + n * timedelta(minutes=1))]
    assert found == [0, 1, 2]


def test_options_of_other_scenarios_are_refused(tmp_path: Path) -> None:
    for more in (["--wire", "81"], ["--report", str(tmp_path)], ["--site", __file__]):
        result = CliRunner().invoke(cli, ["demo", "--headless", "--scenario", "roles", *more])
        assert result.exit_code == 2, result.output
