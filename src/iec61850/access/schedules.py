"""Schedules: a course of values in an FSCH node (IEC 61850-7-4, from TR 90-10), as a client gives it.

The values of a schedule are equidistant: `NumEntr` of them, each held for `SchdIntv` seconds, from `StrTm1` on; they
are written as settings and enabled by `EnaReq`. Names, types and states are those of the class tables; what the
states mean and that intervals are seconds is second-hand (TR 90-10 as others describe it).

A row with the service `schedule` names its node in the column `schedule`: `{ied}DER/FSCH1`, or `{ied}DER/FSCH1[96]`
where a model that is made from the table shall have room for so many values (24 where it is not said). A row of kind
`schedule` whose reference is in an FSCH node needs no such column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import pairwise

import attrs

from ...common.data.access import Entry
from ...common.data.conversion import WireType
from ...common.data.fitting import utc
from ...common.data.tables import Binding
from ...common.errors import ConfigError, LocalError, Refused
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, BadReference, Reference
from ..acsi.services import SetDataValues
from ..acsi.types import DataValue, Timestamp
from ..client import Ied
from .objects import attribute

ROOM = 24
"""Values for which a model has room unless its table says otherwise."""

MOST = 10_000
SCHEDULED = ("SchdSt", "SchdEnaErr", "NxtStrTm", "ActStrTm", "SchdEntr")
"""Data objects that show what a schedule does."""

_NODE = re.compile(r"(?P<node>[^\[\]]+)(\[(?P<room>[1-9][0-9]{0,4})\])?")
_CLASS = re.compile(r"[A-Za-z0-9_]*?FSCH[0-9]+")


class State(IntEnum):
    """SchdSt (ScheduleStateKind)."""

    NOT_READY = 1
    START_TIME_REQUIRED = 2
    READY = 3
    RUNNING = 4


class Wrong(IntEnum):
    """SchdEnaErr (ScheduleEnablingErrorKind): why a schedule cannot be enabled."""

    NONE = 1
    NUMBER = 2
    INTERVAL = 3
    VALUES = 4
    CLASS = 5
    START = 6
    OTHER = 99


@attrs.frozen(slots=True)
class _Form:
    """How values stand in the node: settings `name`1, `name`2, ... with `setting`; what holds now in `shown`."""

    name: str
    setting: str
    shown: str


_NUMBER = _Form("ValASG", "setMag.f", "ValMV.mag.f")
_WHOLE = _Form("ValING", "setVal", "ValINS.stVal")
_TRUTH = _Form("ValSPG", "setVal", "ValSPS.stVal")


@attrs.frozen(slots=True, eq=False)
class Schedule:
    """The schedule of a point: its node `LD/FSCH1`, the room that a model has for values, and how they stand there."""

    binding: Binding
    reference: Reference
    room: int
    form: _Form

    def place(self, path: str, fc: FC = FC.SP) -> Reference:
        """Return an attribute of the node."""
        return Reference(self.reference.device, self.reference.node, tuple(path.split(".")), fc)

    def value(self, number: int) -> Reference:
        """Return the attribute of a value, counted from 1."""
        return self.place(f"{self.form.name}{number}.{self.form.setting}")


def schedule_of(binding: Binding) -> Schedule:
    """Return the schedule of a row; raise `ConfigError` at the row if it names none, or of values that none can hold.

    An enumeration stands in it by its codes.
    """
    where = binding.row.where
    text = binding.address.get("schedule", "")
    if not text:
        own = attribute(binding)
        if not _CLASS.fullmatch(own.node):
            reason = "the service 'schedule' needs a node: name it in the column 'schedule', {ied}DER/FSCH1"
            raise ConfigError(reason, where=where)
        text = f"{own.device}/{own.node}"
    match = _NODE.fullmatch(text)
    reference = _parsed(match["node"]) if match else None
    if match is None or reference is None or reference.path or not _CLASS.fullmatch(reference.node):
        raise ConfigError(f"schedule: {text!r} is no node of class FSCH (LD/FSCH1, LD/FSCH1[96])", where=where)
    room = int(match["room"] or ROOM)
    if room > MOST:
        raise ConfigError(f"schedule: {room} values are more than {MOST}", where=where)
    wire = binding.row.conversion.wire_type
    if wire in (WireType.TEXT, WireType.FLOAT64):
        raise ConfigError(f"schedule: no FSCH node holds {wire.value}", where=where)
    form = _NUMBER if wire is WireType.FLOAT32 else _TRUTH if wire is WireType.BOOL else _WHOLE
    return Schedule(binding, reference, room, form)


def _parsed(text: str) -> Reference | None:
    try:
        return Reference.parse(text)
    except BadReference:
        return None


def node_of(schedule: Schedule) -> tuple[list[str], dict[str, object], list[str]]:
    """Return what a model's node is to have, values that it begins with, and which attributes clients set."""
    written = ["NumEntr.setVal", "SchdIntv.setVal", "SchdReuse.setVal", "SchdPrio.setVal", "StrTm1.setTm"]
    written += [f"{schedule.form.name}{number}.{schedule.form.setting}" for number in range(1, schedule.room + 1)]
    wishes = [schedule.form.shown, *SCHEDULED, *written, "SchdIntv.units"]
    values: dict[str, object] = {
        "SchdSt.stVal": int(State.NOT_READY),
        "SchdEnaErr.stVal": int(Wrong.NONE),
        "SchdIntv.units.SIUnit": "s",
    }
    return wishes, values, written


def controller_of(schedule: Schedule) -> tuple[str, list[str], dict[str, object]]:
    """Return the FSCC node that gives the schedule to what it controls: its name, what it is to have, its values."""
    entity = attribute(schedule.binding)
    controlled = Reference(entity.device, entity.node, entity.path[:1])
    values: dict[str, object] = {
        "Schd1.setSrcRef": str(schedule.reference),
        "CtlEnt.setSrcRef": str(controlled),
    }
    return (
        schedule.reference.node.replace("FSCH", "FSCC"),
        [schedule.form.shown, "Schd1", "CtlEnt", "ActSchdRef"],
        values,
    )


# --- a course of values as a schedule ---------------------------------------------------------------------------------


def equidistant(entries: Sequence[Entry], end: datetime) -> tuple[datetime, int, list[Entry]]:
    """Return when a course begins, its interval in whole seconds, and one entry for each interval until `end`.

    Raises `LocalError` for a course without entries, out of order, or not on whole seconds.
    """
    if not entries:
        raise LocalError("a schedule needs an entry")
    times = [utc(time, "schedule") for time in (*(entry.start for entry in entries), end)]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    if min(gaps) <= 0:
        raise LocalError("the entries of a schedule follow one another, and its end follows them all")
    if any(gap != int(gap) for gap in gaps):
        raise LocalError("the steps of a schedule are whole seconds")
    interval = math.gcd(*map(int, gaps))
    found = []
    for entry, gap in zip(entries, gaps, strict=True):
        for number in range(int(gap) // interval):
            found.append(Entry(utc(entry.start, "schedule") + timedelta(seconds=number * interval), entry.value))
            if len(found) > MOST:
                raise LocalError(f"this course takes more than {MOST} values of {interval} s")
    return times[0], interval, found


# --- the client -------------------------------------------------------------------------------------------------------


async def give(ied: Ied, schedule: Schedule, entries: Sequence[Entry], end: datetime) -> None:
    """Write a course into the node of a server, and enable it; one that is enabled is disabled before.

    Raises `LocalError` for a course that no schedule can say, `Refused` if the node has not the room, and
    `ServiceRefused` if the server says no.
    """
    binding = schedule.binding
    start, interval, course = equidistant(entries, end)
    for entry in course:
        binding.check(entry.value)
    room = await _room(ied, schedule)
    if len(course) > room:
        reason = f"{schedule.reference} takes {room} values; this course needs {len(course)} of {interval} s each"
        raise Refused(reason, where=binding.point.name)
    await withdraw(ied, schedule)
    writes: list[tuple[Reference, DataValue]] = [
        (schedule.place("NumEntr.setVal"), len(course)),
        (schedule.place("SchdIntv.setVal"), interval),
        (schedule.place("StrTm1.setTm"), Timestamp.of(start)),
        *((schedule.value(number), binding.to_wire(entry.value)) for number, entry in enumerate(course, 1)),
    ]
    errors = await ied.association.call(SetDataValues(tuple(writes)))
    for (reference, _), error in zip(writes, errors, strict=True):
        if error is not ServiceError.NO_ERROR:
            raise ServiceRefused(error, where=str(reference))
    try:
        await ied.control(f"{schedule.reference}.EnaReq").operate(True)
    except ServiceRefused as refused:
        why = await ied.read(f"{schedule.reference}.SchdEnaErr.stVal")
        if isinstance(why, int) and why in set(Wrong) and why != Wrong.NONE:
            refused.message = f"{refused.message}; SchdEnaErr is {Wrong(why).name.lower()}"
        raise


async def withdraw(ied: Ied, schedule: Schedule) -> bool:
    """Disable the schedule; return False if it was not enabled."""
    state = await ied.read(f"{schedule.reference}.SchdSt.stVal")
    if state not in (State.READY, State.RUNNING):
        return False
    await ied.control(f"{schedule.reference}.DsaReq").operate(True)
    return True


async def _room(ied: Ied, schedule: Schedule) -> int:
    names = set(await ied.directory(str(schedule.reference)))
    room = 0
    while f"{schedule.form.name}{room + 1}" in names:
        room += 1
    return room
