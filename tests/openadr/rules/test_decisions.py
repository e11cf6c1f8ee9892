"""What the roles decide by: each rule by its number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.openadr.events import load_dispatch, price, simple
from janusgrid.openadr.model import (
    DistributeEvent,
    Duration,
    EiEvent,
    EiTarget,
    EventStatus,
    OptType,
    ResponseRequired,
    changed,
)
from janusgrid.openadr.rules import decisions

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def made(modification: int = 0, status: EventStatus = EventStatus.FAR, randomise: int = 0) -> EiEvent:
    event = load_dispatch(5, start=T0, duration=HOUR, created=T0, event_id="E1", randomise=randomise * MINUTE)
    descriptor = changed(event.event_descriptor, modification_number=modification, event_status=status)
    return changed(event, event_descriptor=descriptor)


def test_rule_4() -> None:
    assert decisions.rule_4(made()) is None
    assert "not 1" in (decisions.rule_4(made(1)) or "")


def test_rule_5() -> None:
    event = made()
    (signal,) = event.ei_event_signals
    descriptor = event.event_descriptor
    for same in (
        changed(event, event_descriptor=changed(descriptor, created_date_time=T0 + HOUR)),
        changed(event, event_descriptor=changed(descriptor, event_status=EventStatus.ACTIVE)),
        changed(event, ei_event_signals=[changed(signal, current_value=7.0)]),
    ):
        assert not decisions.rule_5(event, same)
    for other in (
        changed(event, event_descriptor=changed(descriptor, event_status=EventStatus.CANCELLED)),
        changed(event, event_descriptor=changed(descriptor, priority=5)),
        changed(event, ei_target=EiTarget(group_ids=["g"])),
    ):
        assert decisions.rule_5(event, other)


def test_rule_6() -> None:
    event = simple(1, start=T0, duration=HOUR, created=T0, test=True)
    assert decisions.rule_6(event.event_descriptor)
    assert not decisions.rule_6(made().event_descriptor)


def test_rules_12_and_62() -> None:
    for rule in (decisions.rule_12, decisions.rule_62):
        assert rule(ResponseRequired.ALWAYS)
        assert not rule(ResponseRequired.NEVER)


OURS = EiTarget(resource_ids=["R1"], group_ids=["g"])


@pytest.mark.parametrize(
    ("target", "lax", "strict"),
    [
        (EiTarget(), True, True),
        (EiTarget(ven_ids=["V"]), True, True),
        (EiTarget(ven_ids=["W"], group_ids=["g"]), False, False),
        (EiTarget(resource_ids=["R2"]), False, False),
        (EiTarget(resource_ids=["R2"], group_ids=["g"]), True, True),
        (EiTarget(pnodes=["N"]), True, False),
        (EiTarget(ven_ids=["V"], pnodes=["N"]), True, False),
    ],
)
def test_rule_22(target: EiTarget, lax: bool, strict: bool) -> None:
    assert (decisions.rule_22(target, "V", OURS) is None) is lax
    assert (decisions.rule_22(target, "V", OURS, strict=True) is None) is strict


@given(st.floats(0, 1), st.integers(0, 600))
def test_rule_30(chance: float, room: int) -> None:
    delay = decisions.rule_30(made(randomise=room), chance)
    assert timedelta() <= delay <= room * MINUTE


def test_rule_36() -> None:
    assert decisions.rule_36() is OptType.OPT_IN


def test_rule_42() -> None:
    assert decisions.rule_42(DistributeEvent(request_id="D7", vtn_id="V")) == "D7"


def test_rules_56_59_and_60() -> None:
    cancelled = made(status=EventStatus.CANCELLED)
    assert decisions.rule_56(made(), [])
    assert not decisions.rule_56(made(), ["E1"])
    assert decisions.rule_59(cancelled)
    assert not decisions.rule_59(made())
    assert decisions.rule_60(cancelled, [])
    assert not decisions.rule_60(cancelled, ["E1"])
    assert not decisions.rule_60(made(), [])


def test_rules_57_and_58() -> None:
    assert decisions.rule_57(made(1), made(2))
    assert not decisions.rule_57(made(1), made(1))
    assert decisions.rule_58(made(2), made(1)) == "modification 1 after 2"
    assert decisions.rule_58(made(1), made(1)) is None


def test_rule_61() -> None:
    assert decisions.rule_61(["b", "a", "c"], ["c", "d"]) == ["a", "b"]


@given(st.floats(0, 1), st.integers(-60, 120))
def test_rule_65(chance: float, minute: int) -> None:
    now = T0 + minute * MINUTE
    ends = decisions.rule_65(made(randomise=30), now, chance)
    assert now <= ends <= now + 30 * MINUTE
    if 0 <= minute < 60:
        assert ends <= T0 + HOUR
    else:
        assert ends == now


def test_rule_66() -> None:
    late = made(randomise=30)  # as if it had begun ten minutes late
    assert decisions.rule_66(late, 10 * MINUTE, T0 + 50 * MINUTE)
    assert not decisions.rule_66(late, 10 * MINUTE, T0 + 49 * MINUTE)
    endless = simple(1, start=T0, duration=timedelta(), created=T0)
    assert not decisions.rule_66(endless, timedelta(), T0 + 1000 * HOUR)


def test_rule_109() -> None:
    prices = price(0.2, start=T0, duration=HOUR, created=T0)
    assert decisions.rule_109(prices, ["ELECTRICITY_PRICE"]) is None
    assert "not understood" in (decisions.rule_109(prices, ["SIMPLE"]) or "")
    (signal,) = prices.ei_event_signals
    power = changed(prices, ei_event_signals=[changed(signal, item_base=made().ei_event_signals[0].item_base)])
    assert "is in currencyPerKwh, not in powerReal" in (decisions.rule_109(power, ["ELECTRICITY_PRICE"]) or "")


def test_rule_324() -> None:
    assert decisions.rule_324(Duration("PT0S"))
    assert not decisions.rule_324(Duration("PT1M"))
    assert not decisions.rule_324(Duration("P1M"))
