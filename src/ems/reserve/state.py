"""What the controller remembers between two turns, small enough for a store to keep: `as_record`, `from_record`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from ...common.errors import LocalError
from ..events import DispatchEvent
from .phases import Stage, Turn

VERSION = 1


@attrs.define(slots=True)
class Duty:
    """An event that is followed.

    Attributes:
        event: in its newest state.
        service: by which it is served.
        baseline_kw: that it counts from.
        begun: when it was dispatched; None before. A new state of the event does not change that.
        cancelled: when it was cancelled.
    """

    event: DispatchEvent
    service: str
    baseline_kw: float
    begun: datetime | None = None
    cancelled: datetime | None = None


@attrs.define(slots=True, kw_only=True)
class State:
    """Everything that outlives a turn.

    Attributes:
        duty: the event.
        stage, passed: where its course stands.
        decision: number of the last decision cycle.
        on: generators that are on, since when.
        failed: devices that are out, and why.
        held: devices that did not accept a set-point, and until when they are left alone.
        bad: decisions in which a device deviated, in a row.
        setpoints: last orders, in kW.
        soc: last known states of charge; `soc_at_dispatch` those at the dispatch.
        empty: storages that were told to be empty.
        net_kw, net_at: the last net load, and when it was seen.
    """

    duty: Duty | None = None
    stage: Stage = Stage.IDLE
    passed: set[Turn] = attrs.field(factory=set)
    decision: int = -1
    on: dict[str, datetime] = attrs.field(factory=dict)
    failed: dict[str, str] = attrs.field(factory=dict)
    held: dict[str, datetime] = attrs.field(factory=dict)
    bad: dict[str, int] = attrs.field(factory=dict)
    setpoints: dict[str, float] = attrs.field(factory=dict)
    soc: dict[str, float] = attrs.field(factory=dict)
    soc_at_dispatch: dict[str, float] = attrs.field(factory=dict)
    empty: set[str] = attrs.field(factory=set)
    net_kw: float | None = None
    net_at: datetime | None = None

    @property
    def closed(self) -> bool:
        """Whether the event, if there is one, is over with its recovery."""
        return self.duty is None or Turn.RECOVERED in self.passed


_TIMES = ("issued", "start")
_SPANS = ("duration", "response", "recovery")


def as_record(state: State) -> dict[str, Any]:
    """Return the state as plain values, such as JSON can hold."""
    duty = state.duty
    return {
        "version": VERSION,
        "duty": None if duty is None else _duty(duty),
        "stage": state.stage.value,
        "passed": sorted(turn.value for turn in state.passed),
        "decision": state.decision,
        "on": _told(state.on),
        "failed": dict(state.failed),
        "held": _told(state.held),
        "bad": dict(state.bad),
        "setpoints": dict(state.setpoints),
        "soc": dict(state.soc),
        "soc_at_dispatch": dict(state.soc_at_dispatch),
        "empty": sorted(state.empty),
        "net_kw": state.net_kw,
        "net_at": _text(state.net_at),
    }


def from_record(record: Mapping[str, Any]) -> State:
    """Return the state of a record; raise `LocalError` for one that this version did not write."""
    if record.get("version") != VERSION:
        raise LocalError(f"a record of version {VERSION} is needed, this one has {record.get('version')!r}")
    try:
        return State(
            duty=None if record["duty"] is None else _read_duty(record["duty"]),
            stage=Stage(record["stage"]),
            passed={Turn(word) for word in record["passed"]},
            decision=int(record["decision"]),
            on=_times(record["on"]),
            failed=dict(record["failed"]),
            held=_times(record["held"]),
            bad=dict(record["bad"]),
            setpoints=dict(record["setpoints"]),
            soc=dict(record["soc"]),
            soc_at_dispatch=dict(record["soc_at_dispatch"]),
            empty=set(record["empty"]),
            net_kw=record["net_kw"],
            net_at=_time(record["net_at"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LocalError(f"a record of the reserve application is damaged: {error!r}") from None


def _duty(duty: Duty) -> dict[str, Any]:
    event = attrs.asdict(duty.event)
    event |= {name: event[name].isoformat() for name in _TIMES}
    event |= {name: event[name].total_seconds() for name in _SPANS}
    return {
        "event": event,
        "service": duty.service,
        "baseline_kw": duty.baseline_kw,
        "begun": _text(duty.begun),
        "cancelled": _text(duty.cancelled),
    }


def _read_duty(record: Mapping[str, Any]) -> Duty:
    event = dict(record["event"])
    event |= {name: datetime.fromisoformat(event[name]) for name in _TIMES}
    event |= {name: timedelta(seconds=event[name]) for name in _SPANS}
    return Duty(
        DispatchEvent(**event),
        record["service"],
        record["baseline_kw"],
        _time(record["begun"]),
        _time(record["cancelled"]),
    )


def _text(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _told(times: Mapping[str, datetime]) -> dict[str, str]:
    return {name: when.isoformat() for name, when in times.items()}


def _times(record: Mapping[str, str]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(when) for name, when in record.items()}
