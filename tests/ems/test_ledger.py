"""The utility's book: only what was received counts."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs
import pytest
from janusgrid.ems.events import DispatchEvent
from janusgrid.ems.ledger import Ledger

from .plants import at

EVENT = DispatchEvent(id="e", issued=at("08:20"), start=at("08:30"), duration=timedelta(hours=1), reduction_kw=1000)


def minutes(first: str, last: str) -> list[datetime]:
    found, when = [], at(first)
    while when <= at(last):
        found.append(when)
        when += timedelta(minutes=1)
    return found


def filled(kw: float, first: str = "08:30", last: str = "09:30") -> Ledger:
    ledger = Ledger()
    for when in minutes("08:15", "08:19"):
        ledger.book([("der.PCC.p", when, 2000.0), ("der.DG750.p", when, 5e6)])
    for when in minutes(first, last):
        ledger.book([("der.PCC.p", when, kw)])
    return ledger


def test_the_delivery_follows_from_the_meter_alone() -> None:
    ledger = filled(1000.0)
    assert (ledger.reports, ledger.points) == (5 + 61, 10 + 61)
    assert ledger.latest == {"der.PCC.p": 1000.0, "der.DG750.p": 5e6}
    delivery = ledger.delivery(EVENT)
    assert delivery.baseline_kw == 2000
    assert delivery.average_rate == pytest.approx(1.0)
    assert delivery.fulfilled()


def test_a_site_that_did_nothing_delivered_nothing() -> None:
    assert filled(2000.0).delivery(EVENT).average_rate == 0


def test_telemetry_that_is_missing_delivers_nothing() -> None:
    delivery = filled(1000.0, last="09:00").delivery(EVENT)
    assert delivery.minutes[29] == 1000
    assert delivery.minutes[30:] == (None,) * 30
    assert not delivery.fulfilled()


def test_one_lost_report_costs_the_two_minutes_that_it_bounds() -> None:
    ledger = Ledger()
    for when in [*minutes("08:15", "08:19"), *minutes("08:30", "09:30")]:
        if when != at("08:45"):
            ledger.book([("der.PCC.p", when, 2000.0 if when < at("08:20") else 1000.0)])
    delivery = ledger.delivery(EVENT)
    assert [n for n, kw in enumerate(delivery.minutes) if kw is None] == [14, 15]
    assert delivery.average_rate == pytest.approx(58 / 60)


def test_without_a_baseline_nothing_is_known() -> None:
    ledger = Ledger()
    for when in minutes("08:30", "09:30"):
        ledger.book([("der.PCC.p", when, 0.0)])
    delivery = ledger.delivery(EVENT)
    assert delivery.minutes == (None,) * 60
    assert not delivery.fulfilled(0.001)


def test_samples_within_a_report_may_come_in_any_order_and_twice() -> None:
    ledger = Ledger()
    for when in [*minutes("08:15", "08:19"), *minutes("08:30", "09:30")]:
        kw = 2000.0 if when < at("08:20") else 1000.0
        half = when + timedelta(seconds=30)
        for _ in range(2):
            ledger.book([("der.PCC.p", half, kw), ("der.PCC.p", when, kw)])
    assert ledger.delivery(EVENT).average_rate == pytest.approx(1.0)


def test_the_baseline_that_the_utility_has_given_counts() -> None:
    given = attrs.evolve(EVENT, baseline_kw=1500.0)
    assert filled(1000.0).delivery(given).baseline_kw == 1500
    assert filled(1000.0).delivery(given).average_rate == pytest.approx(0.5)
