"""A small record for the tests of the report: three minutes, two devices."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from janusgrid.ems.report import Check, Mark, Parameter, Record, Settled, Sort, TablePoint, Track

ZONE = timezone(timedelta(hours=8))
DISPATCH = datetime(2022, 3, 25, 8, 0, tzinfo=ZONE)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return DISPATCH + minutes * MINUTE


def series(*figures: float) -> tuple[tuple[datetime, float], ...]:
    return tuple((at(k), figure) for k, figure in enumerate(figures))


def settled(who: str, average: float) -> Settled:
    return Settled(
        who=who, rates=(1.0, 0.5, None), average=average, index=-24.0, minutes_passed=False, average_passed=True
    )


def record() -> Record:
    return Record(
        name="t0",
        title="T0: <a battery> fails",
        how="in process",
        zone=ZONE,
        start=at(-1),
        end=at(6),
        dispatch=at(0),
        begin=at(2),
        over=at(5),
        contract_kw=100.0,
        baseline_kw=190.0,
        target_kw=90.2,
        minute_limit=0.9,
        average_limit=0.95,
        floor_soc=20.0,
        grid=series(190, 140, 90.2, 90.2, 140, 190),
        load=series(200, 200, 200, 200, 200, 200),
        pv=series(10, 10, 10, 10, 10, 10),
        generation=series(0, 50, 99.8, 99.8, 50, 0),
        devices=(
            Track(name="DG9", rating_kw=50.0, power=series(0, 50, 50, 50, 50, 0), setpoint=series(50, 50, 50, 50)),
            Track(name="ESS9", rating_kw=50.0, power=series(0, 0, 50, 50, 0, 0), soc=series(70, 70, 60, 50, 50, 50)),
        ),
        table=(TablePoint(at(2), 90.0, 90.2), TablePoint(at(5), 189.0, None)),
        events=(
            Mark(at(0), Sort.DISPATCH, "dispatch of 100 kW"),
            Mark(at(0), Sort.START, "DG9 starts", "DG9"),
            Mark(at(2), Sort.PERIOD, "the sustained period begins"),
            Mark(at(3), Sort.FAULT, "ESS9 fails", "ESS9"),
            Mark(at(3.1), Sort.CONFIRMED, "the failure of ESS9 is confirmed", "ESS9"),
        ),
        settled=(settled("VTN", 0.5), settled("EMS", 0.50001)),
        checks=(Check("average", True, "50 %"), Check("events & all", False, "none")),
        parameters=(Parameter("storage", "efficiency", "0.97", "", "fitted", "one way"),),
        notes=("A note.",),
    )
