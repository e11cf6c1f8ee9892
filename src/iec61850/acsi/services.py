"""The services as request classes (IEC 61850-7-2; the list is IEC TR 61850-80-3 table 2).

A request is a `Request[R]`: asking for it gives an `R`, or raises `ServiceRefused`. Services that act on many objects
at once answer per object: a value or a `ServiceError`.
"""

from __future__ import annotations

from enum import Enum, Flag
from typing import Generic, TypeVar

import attrs

from .errors import AddCause, ServiceError
from .references import FC, Reference
from .types import BitString, DataValue, EntryTime, Timestamp, TypeDescription

R = TypeVar("R")


class Request(Generic[R]):
    """A service request whose positive response is an `R`."""

    __slots__ = ()


class AcsiClass(Enum):
    """What GetLogicalNodeDirectory lists."""

    DATA_OBJECT = "DATA-OBJECT"
    DATA_SET = "DATA-SET"
    BRCB = "BRCB"
    URCB = "URCB"
    LCB = "LCB"
    LOG = "LOG"
    SGCB = "SGCB"
    GOCB = "GoCB"
    MSVCB = "MSVCB"
    USVCB = "USVCB"


# --- directories and definitions -------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class GetServerDirectory(Request[tuple[str, ...]]):
    """Names of the logical devices (clause 7.2.2; the files variant is GetFileAttributeValues)."""


@attrs.frozen(slots=True)
class GetLogicalDeviceDirectory(Request[tuple[str, ...]]):
    """Names of the logical nodes of `device` (clause 9.2.2)."""

    device: str


@attrs.frozen(slots=True)
class GetLogicalNodeDirectory(Request[tuple[str, ...]]):
    """Names of the instances of one ACSI class in a logical node (clause 10.2.2)."""

    node: Reference
    acsi_class: AcsiClass = AcsiClass.DATA_OBJECT


@attrs.frozen(slots=True)
class GetAllDataValues(Request[tuple[tuple[Reference, DataValue], ...]]):
    """Every data object of a node with data under `fc`, with its value (clause 10.2.3)."""

    node: Reference
    fc: FC


@attrs.frozen(slots=True)
class GetDataDirectory(Request[tuple[str, ...]]):
    """Names of the sub objects and attributes of a data object (clause 11.4.4)."""

    data: Reference


@attrs.frozen(slots=True)
class GetDataDefinition(Request[TypeDescription]):
    """The type of what `data` (with a functional constraint) refers to (clause 11.4.5)."""

    data: Reference


# --- data ------------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class GetDataValues(Request[tuple["DataValue | ServiceError", ...]]):
    """The value of each reference, each with its functional constraint (clause 11.4.2)."""

    data: tuple[Reference, ...]


@attrs.frozen(slots=True)
class SetDataValues(Request[tuple[ServiceError, ...]]):
    """Write each reference; answers one service error each, NO_ERROR for success (clause 11.4.3)."""

    data: tuple[tuple[Reference, DataValue], ...]


# --- data sets -------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class GetDataSetDirectory(Request[tuple[Reference, ...]]):
    """The members of a data set, `LD/LN.name` (clause 13.3.6)."""

    data_set: Reference


@attrs.frozen(slots=True)
class GetServerDataSets(Request[tuple[str, ...]]):
    """Names of the data sets that belong to no logical node: `/name` of the server, `@name` of this association.

    The ACSI has no service for that; MMS lists them (second-hand).
    """


@attrs.frozen(slots=True)
class GetDataSetValues(Request[tuple["DataValue | ServiceError", ...]]):
    """The values of a data set's members, in order (clause 13.3.2)."""

    data_set: Reference


@attrs.frozen(slots=True)
class SetDataSetValues(Request[tuple[ServiceError, ...]]):
    """Write every member of a data set; answers one service error each, NO_ERROR for success (clause 13.3.3)."""

    data_set: Reference
    values: tuple[DataValue, ...]


@attrs.frozen(slots=True)
class CreateDataSet(Request[None]):
    """Make a data set: `LD/LN.name` or `/name`, which stay, or `@name`, which ends with the association (13.3.4)."""

    data_set: Reference
    members: tuple[Reference, ...]


@attrs.frozen(slots=True)
class DeleteDataSet(Request[None]):
    """Delete a data set that a client has made (clause 13.3.5)."""

    data_set: Reference


# --- reporting -------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class GetRCBValues(Request[dict[str, DataValue]]):
    """All attributes of a report control block, `LD/LN.name`, fc RP or BR (clauses 17.2.3.2 and 17.2.4.2)."""

    rcb: Reference


@attrs.frozen(slots=True)
class SetRCBValues(Request[None]):
    """Set attributes of a report control block, in this order (clause 17.2.3.3).

    Raises the first refusal; attributes after it are left as they were by this engine, other servers may set them.
    """

    rcb: Reference
    values: tuple[tuple[str, DataValue], ...]


# --- control ---------------------------------------------------------------------------------------------------------


class OriginCategory(Enum):
    """Who commands (IEC 61850-7-3 orCat)."""

    NOT_SUPPORTED = 0
    BAY_CONTROL = 1
    STATION_CONTROL = 2
    REMOTE_CONTROL = 3
    AUTOMATIC_BAY = 4
    AUTOMATIC_STATION = 5
    AUTOMATIC_REMOTE = 6
    MAINTENANCE = 7
    PROCESS = 8


@attrs.frozen(slots=True)
class Origin:
    """The originator of a command: category and at most 64 octets of identity."""

    category: OriginCategory = OriginCategory.REMOTE_CONTROL
    identity: bytes = b""


@attrs.frozen(slots=True)
class Select(Request[None]):
    """Select a controllable object, `LD/LN.DO`, of model sbo-with-normal-security (clause 20.5.3.2)."""

    control: Reference


@attrs.frozen(slots=True)
class Operate(Request[None]):
    """Operate a controllable object, `LD/LN.DO` (clause 20.5.3.4); refused with an `AddCause`.

    `value` is the control value (ctlVal), a list for a structured one; `time` is T, set by the client. With a time in
    `at` (operTm) it is TimeActivatedOperate (clause 20.5.3.5): accepted now, carried out then.
    """

    control: Reference
    value: DataValue
    origin: Origin = Origin()
    number: int = 0
    time: Timestamp = Timestamp()
    test: bool = False
    check: BitString = BitString(0, 2)
    at: Timestamp | None = None


@attrs.frozen(slots=True)
class SelectWithValue(Request[None]):
    """Select an object of model sbo-with-enhanced-security for just this command (clause 20.5.3.3)."""

    command: Operate


@attrs.frozen(slots=True)
class Cancel(Request[None]):
    """Give up a selection, a command for later, or one that is being carried out (clause 20.5.3.6).

    `command` says which; its `check` is not sent.
    """

    command: Operate


# --- what a server sends unasked -------------------------------------------------------------------------------------


class Reason(Flag):
    """Why an entry is in a report: the bits of ReasonCode (IEC 61850-7-2 clause 17.2.2.13).

    `NONE` has no bit set; flag `1 << n` is bit `n + 1` on the wire. One entry can have several reasons.
    """

    NONE = 0
    DATA_CHANGE = 1
    QUALITY_CHANGE = 2
    DATA_UPDATE = 4
    INTEGRITY = 8
    GENERAL_INTERROGATION = 16
    APPLICATION_TRIGGER = 32


@attrs.define(slots=True)
class ReportEntry:
    """One included member: its place in the data set, its reference where the report carries it, value and reason.

    `type` is known at the server only: over MMS a value does not tell which width of number or kind of text it is.
    """

    index: int
    value: DataValue
    reference: Reference | None = None
    reason: Reason | None = None
    type: TypeDescription | None = attrs.field(default=None, eq=False, repr=False)


@attrs.define(slots=True)
class Report:
    """A report (clause 17.2.3.2.2 and figure 28): optional fields are None where OptFlds leaves them out."""

    rpt_id: str
    entries: list[ReportEntry]
    sequence: int | None = None
    time: EntryTime | None = None
    data_set: str | None = None
    buffer_overflow: bool | None = None
    entry_id: bytes | None = None
    conf_rev: int | None = None
    sub_sequence: int | None = None
    more_follows: bool = False
    members: int = 0
    """Number of members of the data set (the length of the inclusion bit string)."""


@attrs.define(slots=True)
class Termination:
    """What a client is told of a command that it was answered already.

    Attributes:
        command: as its client gave it.
        add_cause: why it failed; None if it goes well.
    """

    command: Operate
    add_cause: AddCause | None = None

    @property
    def control(self) -> Reference:
        """The controllable object, `LD/LN.DO`."""
        return self.command.control

    @property
    def value(self) -> DataValue:
        """The control value."""
        return self.command.value


@attrs.define(slots=True)
class CommandTermination(Termination):
    """The end of a command with enhanced security (clause 20.5.3.7).

    The command is one for at once: of one for a later time, that time has come.
    """


@attrs.define(slots=True)
class TimeActivatedOperateTermination(Termination):
    """The time of a command has come: it begins, or is not carried out, since its conditions are no longer met.

    With enhanced security a CommandTermination tells of the end of one that begins. With normal security nothing
    follows; our servers send this when it has ended, and with why it failed. Of a negative one the wire has only
    object, originator and number: the client adds the rest of the command.
    """


Notification = Report | Termination
