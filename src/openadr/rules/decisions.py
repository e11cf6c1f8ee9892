"""What a role does in a case: rules that the roles call."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from ..model import (
    DistributeEvent,
    Duration,
    EiEvent,
    EiTarget,
    EventDescriptor,
    EventStatus,
    OptType,
    ResponseRequired,
    changed,
)
from . import timeline
from .codes import Code
from .event_checks import named
from .rule import decision
from .signals import fault

_KNOWN_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@decision(4, "a new event has modificationNumber 0", kept_by="VTN", source="avob tests")
def rule_4(event: EiEvent) -> str | None:
    """Return what is wrong with an event that is to be new, None if nothing is."""
    number = event.event_descriptor.modification_number
    return None if number == 0 else f"a new event has modification number 0, not {number}"


@decision(5, "what changes, but createdDateTime, eventStatus and currentValue, is a modification; so is cancelling",
          kept_by="both", source="avob tests")  # fmt: skip
def rule_5(before: EiEvent, after: EiEvent) -> bool:
    """Return whether an event differs from what it was in what counts as a modification."""
    return _essence(before) != _essence(after)


def _essence(event: EiEvent) -> EiEvent:
    """Return an event without what may change and yet is no modification, and without what counts modifications."""
    descriptor = event.event_descriptor
    cancelled = descriptor.event_status is EventStatus.CANCELLED
    return changed(
        event,
        event_descriptor=changed(
            descriptor,
            modification_number=0,
            modification_date_time=None,
            created_date_time=_KNOWN_TIME,
            event_status=EventStatus.CANCELLED if cancelled else EventStatus.NONE,
        ),
        ei_event_signals=tuple(changed(signal, current_value=None) for signal in event.ei_event_signals),
    )


@decision(6, "a testEvent that is not false marks a test", kept_by="VEN", source="openleadr tests, VOLTTRON")
def rule_6(descriptor: EventDescriptor) -> bool:
    """Return whether this is a test event."""
    return descriptor.is_test


@decision(12, "an event is answered if oadrResponseRequired is always, and else not", kept_by="VEN",
          source="VOLTTRON, EPRI's VEN library, issue 5")  # fmt: skip
def rule_12(required: ResponseRequired) -> bool:
    """Return whether an answer is owed."""
    return required is ResponseRequired.ALWAYS


@decision(62, "as 12", kept_by="VEN", source="VOLTTRON, EPRI's VEN library, issue 5")
def rule_62(required: ResponseRequired) -> bool:
    """Return whether an answer is owed."""
    return rule_12(required)


@decision(22, "an event is taken by whom its target names", kept_by="VEN", source="VOLTTRON",
          code=Code.TARGET_MISMATCH)  # fmt: skip
def rule_22(target: EiTarget, ven_id: str, ours: EiTarget, *, strict: bool = False) -> str | None:
    """Return why an event or a signal with this target is not for the VEN, None if it is.

    A venID that is named must be the VEN's. Of the other kinds, those count of which the VEN says what is its own
    (`ours`): if the target names any of them, one name of one kind must be among these; `strict` lets all kinds count.
    An empty target is everybody.
    """
    if target.ven_ids and ven_id not in target.ven_ids:
        return f"it is for {', '.join(target.ven_ids)}, not for {ven_id}"
    own = named(ours)
    wanted = {kind: names for kind, names in named(target).items() if strict or kind in own}
    wanted.pop("ven_ids", None)
    if wanted and not any(names & own.get(kind, set()) for kind, names in wanted.items()):
        said = ", ".join(sorted(str(name) for names in wanted.values() for name in names))
        return f"it is for {said:.200}, which is not ours"
    return None


@decision(30, "with startafter the VEN picks the start at random; the duration stays", kept_by="VEN",
          source="VOLTTRON, openadr-service")  # fmt: skip
def rule_30(event: EiEvent, chance: float) -> timedelta:
    """Return by how much the start is put off, within startafter; `chance` is from 0 to 1."""
    return timedelta(seconds=round(chance * startafter(event).total_seconds()))


def startafter(event: EiEvent) -> timedelta:
    """Return how far the start may be put off."""
    tolerance = event.ei_active_period.tolerance
    return tolerance.startafter.timedelta if tolerance and tolerance.startafter else timedelta()


@decision(36, "a cancellation is confirmed with optIn", kept_by="VEN", source="VOLTTRON")
def rule_36() -> OptType:
    """Return how a cancellation is answered."""
    return OptType.OPT_IN


@decision(42, "an eventResponse has the requestID of the distributeEvent", kept_by="VEN",
          source="VOLTTRON, openadr-service")  # fmt: skip
def rule_42(message: DistributeEvent) -> str:
    """Return the requestID of the answers to the events of a message."""
    return message.request_id


@decision(56, "an unknown eventID is a new event", kept_by="VEN", source="VOLTTRON")
def rule_56(event: EiEvent, known: Collection[str]) -> bool:
    """Return whether an event is new."""
    return event.event_descriptor.event_id not in known


@decision(57, "a higher modificationNumber replaces the event", kept_by="VEN", source="VOLTTRON")
def rule_57(known: EiEvent, fresh: EiEvent) -> bool:
    """Return whether what has come replaces what is known."""
    return fresh.event_descriptor.modification_number > known.event_descriptor.modification_number


@decision(58, "a lower modificationNumber is answered 450", kept_by="VEN", source="VOLTTRON",
          code=Code.OUT_OF_SEQUENCE)  # fmt: skip
def rule_58(known: EiEvent, fresh: EiEvent) -> str | None:
    """Return why what has come is out of sequence, None if it is not."""
    before, number = known.event_descriptor.modification_number, fresh.event_descriptor.modification_number
    return f"modification {number} after {before}" if number < before else None


@decision(59, "an event that has the status cancelled is cancelled", kept_by="VEN", source="VOLTTRON")
def rule_59(event: EiEvent) -> bool:
    """Return whether an event is cancelled."""
    return event.event_descriptor.event_status is EventStatus.CANCELLED


@decision(60, "an unknown event that is cancelled is no error", kept_by="VEN", source="VOLTTRON")
def rule_60(event: EiEvent, known: Collection[str]) -> bool:
    """Return whether an event is to be passed over: it is cancelled, and was never ours."""
    return rule_59(event) and rule_56(event, known)


@decision(61, "a known event that is missing is cancelled", kept_by="VEN",
          source="VOLTTRON, openadr-service, openleadr's issue 42")  # fmt: skip
def rule_61(known: Iterable[str], sent: Iterable[str]) -> list[str]:
    """Return the IDs of the events that are cancelled by being left out."""
    return sorted(set(known).difference(sent))


@decision(65, "a running event whose start was picked ends at a time picked in the same way", kept_by="VEN",
          source="VOLTTRON")  # fmt: skip
def rule_65(event: EiEvent, now: datetime, chance: float) -> datetime:
    """Return when an event that is cancelled now ends."""
    if timeline.status(event, now) is not EventStatus.ACTIVE:
        return now
    ends = now + rule_30(event, chance)
    return min(ends, timeline.end(event) or ends)


@decision(66, "to have completed is not to be cancelled", kept_by="VEN", source="VOLTTRON")
def rule_66(event: EiEvent, delay: timedelta, now: datetime) -> bool:
    """Return whether an event that the VTN sends no more is simply over: at the time that the VTN gave it.

    `delay` is by how much its start was put off here.
    """
    ends = timeline.end(event)
    return ends is not None and ends - delay <= now


@decision(109, "a signal, or a unit, that is not understood is answered 460", kept_by="VEN",
          source="openadr-service", code=Code.SIGNAL_NOT_SUPPORTED)  # fmt: skip
def rule_109(event: EiEvent, understood: Collection[str]) -> str | None:
    """Return why none of the signals of an event can be followed, None if one of them can."""
    reasons = []
    for signal in event.ei_event_signals:
        if str(signal.signal_name) not in understood:
            reasons.append(f"{signal.signal_name} is not understood here")
        elif signal.item_base is not None and (reason := fault(signal, sourced=True)):
            reasons.append(reason)
        else:
            return None
    return "; ".join(dict.fromkeys(reasons))


@decision(324, "a reportBackDuration of 0 asks for one report", kept_by="VEN", source="VOLTTRON")
def rule_324(back: Duration) -> bool:
    """Return whether one report is asked for."""
    return not (back.months or back.seconds)
