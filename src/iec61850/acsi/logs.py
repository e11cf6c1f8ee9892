"""Requests for logs and their control blocks (IEC 61850-7-2 clause 17.3)."""

from __future__ import annotations

import attrs

from .references import Reference
from .services import Reason, Request
from .types import DataValue, EntryTime


@attrs.frozen(slots=True)
class LogData:
    """One value in an entry: what it belongs to (with its functional constraint), and why it is there."""

    reference: Reference
    value: DataValue
    reason: Reason = Reason.NONE


@attrs.frozen(slots=True)
class LogEntry:
    """One entry of a log (clause 17.3.3.2.3).

    Attributes:
        id: the EntryID, eight octets.
        time: when it was made (TimeOfEntry).
        data: what it tells; nothing where it was too large for the association.
    """

    id: bytes
    time: EntryTime
    data: tuple[LogData, ...]


@attrs.frozen(slots=True)
class LogPage:
    """Entries in the order of the log, oldest first, and whether there are more of those asked for."""

    entries: tuple[LogEntry, ...]
    more_follows: bool = False


@attrs.frozen(slots=True)
class LogStatus:
    """Time and EntryID of the oldest and of the newest entry; of an empty log all zero."""

    oldest_time: EntryTime = EntryTime()
    newest_time: EntryTime = EntryTime()
    oldest: bytes = bytes(8)
    newest: bytes = bytes(8)


@attrs.frozen(slots=True)
class GetLCBValues(Request[dict[str, DataValue]]):
    """All attributes of a log control block, `LD/LN.name` (clause 17.3.2.3)."""

    block: Reference


@attrs.frozen(slots=True)
class SetLCBValues(Request[None]):
    """Set attributes of a log control block in this order; the first refusal ends it (clause 17.3.2.4)."""

    block: Reference
    values: tuple[tuple[str, DataValue], ...]


@attrs.frozen(slots=True)
class QueryLogByTime(Request[LogPage]):
    """The entries of a log, `LD/LN.name`, from a time to a time, both included (clause 17.3.5.2)."""

    log: Reference
    start: EntryTime | None = None
    stop: EntryTime | None = None


@attrs.frozen(slots=True)
class QueryLogAfter(Request[LogPage]):
    """The entries of a log after an entry (clause 17.3.5.3).

    `time` is that of the entry: where the server does not know the entry, it goes on from there.
    """

    log: Reference
    entry: bytes
    time: EntryTime | None = None


@attrs.frozen(slots=True)
class GetLogStatusValues(Request[LogStatus]):
    """What the oldest and the newest entry of a log are (clause 17.3.5.4)."""

    log: Reference
