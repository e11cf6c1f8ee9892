"""The scenarios, played against openleadr 0.5.36: what of it they find wrong, and that it is the same each time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.clock import Clock, RealClock, ScaledClock
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.scenarios import Nobody, RunRecord, VenTester, Verdict, VtnTester, Way, run, write_report

from tests.iec61850.scsm81.peers import free_port
from tests.openadr.peers.peer import talking

BUILD = Path(__file__).resolve().parents[3] / "build" / "openadr-scenarios"
SPEED = 60.0
pytestmark = pytest.mark.timeout(110)


VTN_FAULTS = {
    "VTN-N-01": "oadrRequestReregistration came instead",
    "VTN-N-03": "oadrResponse came instead",
    "VTN-E-11": "HTTP 500",
    "VTN-P-03": "HTTP 404",
    "VTN-P-06": "HTTP 404",
    "VTN-R-04": "HTTP 500",
    "VTN-R-15": "should not be sent to this endpoint",
    "VTN-G-15": "not well-formed",
}
"""What is wrong with its VTN, by scenario: no events are no oadrDistributeEvent (rule 40), there is no EiOpt …"""

VTN_GOOD = ("VTN-N-02", "VTN-R-02", "VTN-G-12")


async def test_its_vtn() -> None:
    async with talking("vtn.py", **settings(1), port=(port := free_port()), poll=1) as peer:
        await peer.ready()
        tester = VenTester(
            HttpTransport(plain=True), Way.PULL, RealClock(), vtn=f"http://127.0.0.1:{port}", ven="site",
            patience=20.0, quiet=0.2,
        )  # fmt: skip
        await tester.open()
        record = await run(tester, Nobody(), only=[*VTN_GOOD, *VTN_FAULTS])
        await tester.close()
    write_report([record], BUILD / "openleadr-vtn")
    failed = told(record)
    assert failed.keys() == set(VTN_FAULTS)
    assert all(said in failed[key] for key, said in VTN_FAULTS.items()), failed


VEN_FAULTS = {
    "VEN-E-05": "is answered 200",
    "VEN-E-07": "bad is answered 200",
    "VEN-E-08": "is answered optIn",
    "VEN-E-09": "is answered 200",
    "VEN-E-13": "is answered 200",
    "VEN-E-19": "is answered 200",
    "VEN-E-20": "is answered 200",
    "VEN-R-07": "the code is 200",
    "VEN-R-08": "the code is 200",
}
"""What is wrong with its VEN: it accepts older modifications, bad events, those of others, reports that it has not."""

VEN_GOOD = ("VEN-E-02", "VEN-E-16", "VEN-R-01")


async def test_its_ven() -> None:
    clock = ScaledClock(SPEED, datetime(2026, 3, 25, 8, 0, tzinfo=UTC))
    transport = HttpTransport(plain=True, listen=("127.0.0.1", port := free_port()))
    tester = VtnTester(transport, Way.PULL, clock, vtn_id="VTN1", patience=30.0, quiet=0.2)
    await tester.open()
    async with talking("ven.py", **settings(SPEED, clock), name="site", url=f"http://127.0.0.1:{port}"):
        record = await run(tester, Nobody(), only=[*VEN_GOOD, *VEN_FAULTS])
        await tester.close()
    write_report([record], BUILD / "openleadr-ven")
    failed = told(record)
    assert failed.keys() == set(VEN_FAULTS)
    assert all(said in failed[key] for key, said in VEN_FAULTS.items()), failed


def settings(speed: float, clock: Clock | None = None) -> dict[str, Any]:
    """Return what a script has to know of the time."""
    return {"speed": speed, "start": (clock or RealClock()).now().isoformat(), "began": time.time()}


def told(record: RunRecord) -> dict[str, str]:
    """Return by scenario what has failed, of the first step that has."""
    return {
        each.id: next(step.observed for step in each.steps if step.verdict is Verdict.FAIL)
        for each in record.scenarios
        if each.verdict is Verdict.FAIL
    }
