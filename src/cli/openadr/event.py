"""`janusgrid openadr event`: the events of a running VTN."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import click

from ...common.config import duration
from ...common.errors import LocalError
from ...openadr import events
from ...openadr.codec import read, write
from ...openadr.items import item
from ...openadr.model import (
    DistributeEvent,
    Duration,
    EiEvent,
    EiTarget,
    Interval,
    ResponseRequired,
    SignalName,
    SignalPayload,
    SignalType,
    Tolerance,
    changed,
)
from ..times import Moment, Span
from ..times import now as _now
from . import summary
from .at import Program, directs
from .telling import columns

NOTHING = timedelta()


@click.group()
def event() -> None:
    """Create, change, cancel and list the events of a running VTN."""


@event.command(short_help="make an event and send it")
@click.argument("vens", nargs=-1, metavar="[VEN]...")
@click.option("--signal", default="LOAD_DISPATCH", show_default=True, help="name of its signal")
@click.option("--type", "kind", type=click.Choice([kind.value for kind in SignalType]), help="setpoint, level, …")
@click.option("--value", "values", multiple=True, metavar="[LENGTH=]NUMBER", help="value; several for a course of them")
@click.option("--unit", "symbol", help="of the values; kW for LOAD_DISPATCH unless given")
@click.option("--start", type=Moment(), default="+0s", help="2026-03-25T14:00, +10min; now unless given")
@click.option(
    "--for", "lasts", type=Span(), default="1h", show_default=True, help="how long, where values have no LENGTH"
)
@click.option("--notification", type=Span(), help="how long before it is known; the time until it starts unless given")
@click.option("--ramp-up", type=Span(), default=NOTHING, help="how long before the start things begin to move")
@click.option("--recovery", type=Span(), default=NOTHING, help="how long after the end things take to come back")
@click.option("--random", type=Span(), default=NOTHING, help="let each VEN start at a time of its own within that")
@click.option("--priority", type=click.IntRange(0), default=1, show_default=True, help="1 is the highest, 0 is none")
@click.option("--market", default=events.MARKET, help="the market context of the programme")
@click.option("--resource", "resources", multiple=True, help="resource of the VEN that is meant; several times")
@click.option("--group", "groups", multiple=True, help="group of VENs that is meant; several times")
@click.option("--id", "event_id", help="eventID; made unless given")
@click.option("--comment", help="for people")
@click.option("--test", is_flag=True, help="a test event")
@click.option("--no-answer", is_flag=True, help="no VEN is to answer it")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="the events of this oadrDistributeEvent instead")  # fmt: skip
@click.option("--wait", type=click.FloatRange(0), metavar="SECONDS", help="wait for the answers; status 1 without them")
@directs("vtn")
def create(program: Program, vens: tuple[str, ...], file: Path | None, wait: float | None, **given: Any) -> None:
    """Make an event and send it to each VEN (its name or venID); without VENs, to whom market, resource and group mean.

    \b
    janusgrid openadr event create site --value 1000 --for 1h --start +10min
    janusgrid openadr event create site --signal SIMPLE --value 30min=1 --value 1h=2
    """
    made = Making(**given)
    message = _file(file) if file is not None else summary.carried(made.event(_now()))
    response = ResponseRequired.NEVER if made.no_answer else ResponseRequired.ALWAYS
    found = program.ask("event.create", vens=list(vens), message=write(message), response=response.value)
    answered = True
    if wait is not None:
        found = [program.ask("event.wait", wait + 10, id=each["id"], seconds=wait) for each in found]
        answered = all(each["answered"] for each in found)
    program.tell(found, *columns(found, summary.EVENT_COLUMNS))
    if not answered:
        raise click.exceptions.Exit(1)


@attrs.frozen(slots=True)
class Making:
    """What the options of `create` say."""

    signal: str
    kind: str | None
    values: tuple[str, ...]
    symbol: str | None
    start: datetime
    lasts: timedelta
    notification: timedelta | None
    ramp_up: timedelta
    recovery: timedelta
    random: timedelta
    priority: int
    market: str
    resources: tuple[str, ...]
    groups: tuple[str, ...]
    event_id: str | None
    comment: str | None
    test: bool
    no_answer: bool

    def event(self, now: datetime) -> EiEvent:
        """Return the event; raise `UsageError` for options that do not go together."""
        if not self.values:
            raise click.UsageError("--value NUMBER is missing, or --file")
        known = [name.value for name in SignalName]
        if self.signal not in known and not self.signal.startswith("x-"):
            raise click.UsageError(f"{self.signal!r} is no signal of OpenADR; there are {', '.join(known)}")
        kind = self.kind or ("level" if self.signal == SignalName.SIMPLE else "setpoint")
        symbol = self.symbol if self.symbol is not None else "kW" if self.signal == SignalName.LOAD_DISPATCH else ""
        made = events.event(
            SignalName(self.signal) if self.signal in known else self.signal,
            SignalType(kind),
            [_value(text, self.lasts) for text in self.values],
            start=self.start,
            created=now,
            item=item(symbol),
            notification=self.notification if self.notification is not None else max(self.start - now, NOTHING),
            ramp_up=self.ramp_up,
            recovery=self.recovery,
            priority=self.priority,
            market=self.market,
            event_id=self.event_id,
            test=self.test,
            comment=self.comment,
        )
        if self.resources or self.groups:
            made = changed(made, ei_target=EiTarget(resource_ids=self.resources, group_ids=self.groups))
        return _randomised(made, self.random) if self.random else made


def _randomised(event: EiEvent, room: timedelta) -> EiEvent:
    period = event.ei_active_period
    tolerance = Tolerance(startafter=Duration.of(room))
    return changed(event, ei_active_period=changed(period, tolerance=tolerance))


def _value(text: str, lasts: timedelta) -> tuple[timedelta, float]:
    length, equals, number = text.rpartition("=")
    try:
        return (duration(length) if equals else lasts), float(number)
    except ValueError:
        raise click.UsageError(f"--value {text}: write NUMBER, or LENGTH=NUMBER such as 10min=500") from None


def _file(path: Path) -> DistributeEvent:
    found = read(path.read_bytes(), source=str(path))
    if not isinstance(found, DistributeEvent):
        raise LocalError(f"events come in an oadrDistributeEvent, this is {type(found).__name__}", where=str(path))
    return found


@event.command(short_help="change an event")
@click.argument("event_id", metavar="EVENT")
@click.option("--value", "values", multiple=True, metavar="[LENGTH=]NUMBER", help="the values of its first signal")
@click.option("--start", type=Moment(), help="when it starts")
@click.option("--for", "lasts", type=Span(), help="how long it lasts; with a course of values they say so")
@click.option("--priority", type=click.IntRange(0), help="1 is the highest, 0 is none")
@click.option("--comment", help="for people")
@click.option("--reason", help="why it is modified, for people")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="take the event as it is in this oadrDistributeEvent")  # fmt: skip
@directs("vtn")
def modify(program: Program, event_id: str, file: Path | None, **given: Any) -> None:
    """Change an event: what is not given stays. The modification number is counted by the VTN."""
    if file is not None:
        message = _file(file)
        if [each.ei_event.event_descriptor.event_id for each in message.events] != [event_id]:
            raise LocalError(f"it is not about {event_id} alone", where=str(file))
    else:
        now = _file_of(program.ask("event.get", id=event_id)["message"])
        message = summary.carried(Changing(**given).applied(now))
    found = program.ask("event.modify", message=write(message))
    program.tell(found, *columns([found], summary.EVENT_COLUMNS))


def _file_of(text: str) -> EiEvent:
    message = read(text, source="the program's answer")
    assert isinstance(message, DistributeEvent)
    return message.events[0].ei_event


@attrs.frozen(slots=True)
class Changing:
    """What the options of `modify` say."""

    values: tuple[str, ...]
    start: datetime | None
    lasts: timedelta | None
    priority: int | None
    comment: str | None
    reason: str | None

    def applied(self, event: EiEvent) -> EiEvent:
        """Return the event, changed."""
        descriptor, period = event.event_descriptor, event.ei_active_period
        signals = list(event.ei_event_signals)
        whole = self.lasts or period.duration.timedelta
        if self.values:
            steps = [_value(text, whole) for text in self.values]
            whole = sum((length for length, _ in steps), NOTHING)
            intervals = tuple(
                Interval(uid=str(number), duration=Duration.of(length), payloads=(SignalPayload(value),))
                for number, (length, value) in enumerate(steps)
            )
            signals[0] = changed(signals[0], intervals=intervals)
        elif self.lasts is not None:
            signals = [_stretched(signal, self.lasts) for signal in signals]
        descriptor = changed(
            descriptor,
            priority=descriptor.priority if self.priority is None else self.priority,
            vtn_comment=self.comment if self.comment is not None else descriptor.vtn_comment,
            modification_reason=self.reason,
        )
        period = changed(period, dtstart=self.start or period.dtstart, duration=Duration.of(whole))
        return changed(event, event_descriptor=descriptor, ei_active_period=period, ei_event_signals=tuple(signals))


def _stretched(signal: Any, lasts: timedelta) -> Any:
    if len(signal.intervals) != 1:
        raise click.UsageError("--for: its signal has several values; give them anew, LENGTH=NUMBER each")
    return changed(signal, intervals=(changed(signal.intervals[0], duration=Duration.of(lasts)),))


@event.command(short_help="cancel an event")
@click.argument("event_id", metavar="EVENT")
@click.option("--reason", help="for people")
@directs("vtn")
def cancel(program: Program, event_id: str, reason: str | None) -> None:
    """Cancel an event; to do it twice changes nothing."""
    found = program.ask("event.cancel", id=event_id, reason=reason)
    program.tell(found, *columns([found], summary.EVENT_COLUMNS))


@event.command("list", short_help="which events there are")
@click.option("--all", "everything", is_flag=True, help="those that are over, too")
@directs("vtn", "ven")
def list_(program: Program, everything: bool) -> None:
    """List events, of a VTN with what was answered to them; of a VEN as it knows them."""
    found = program.ask("event.list")
    if not everything:
        found = [each for each in found if each["status"] not in ("completed", "cancelled")]
    program.tell(found, *(columns(found, summary.EVENT_COLUMNS) if found else ["no events"]))


@event.command(short_help="print an event as it would be sent")
@click.argument("event_id", metavar="EVENT")
@directs("vtn")
def show(program: Program, event_id: str) -> None:
    """Print an event as the message that carries it: to keep it, change it and give it back with --file."""
    found = program.ask("event.get", id=event_id)
    program.tell(found, found["message"].rstrip())
