"""What happens at a VEN that its application wants to know."""

from __future__ import annotations

from datetime import datetime

import attrs

from ....common.errors import JanusGridError
from ...model import Message, Report, ReportRequest
from ..event_inbox import EventChange
from ..telemetry import Sample


@attrs.frozen(slots=True)
class Joined:
    """The VEN is registered; events and reports flow."""

    ven_id: str
    registration_id: str
    vtn_id: str


@attrs.frozen(slots=True)
class Left:
    """The registration has ended, or was refused: then `error` says why.

    It is a `Rejected` where the VTN itself has said no; else the VTN could not be asked, or makes no sense.

    Attributes:
        again: when the VEN tries again by itself; None if it does not, or does so at once. Of the attempts that follow
            `Declined` tells, and `Left` if the reason is another.
    """

    error: JanusGridError | None = None
    again: datetime | None = None


@attrs.frozen(slots=True)
class Asked:
    """Reports were asked for and accepted."""

    requests: tuple[ReportRequest, ...]


@attrs.frozen(slots=True)
class Offered:
    """The VTN has said what it can report, and was asked for `requests`."""

    offers: tuple[Report, ...]
    requests: tuple[ReportRequest, ...]


@attrs.frozen(slots=True)
class Telemetry:
    """The values of a report of the VTN.

    Attributes:
        missing: points that were asked for, and of which the report has no value.
        key: under which it is kept until it has been told.
    """

    report: Report
    samples: tuple[Sample, ...]
    missing: frozenset[str] = frozenset()
    key: str = attrs.field(default="", eq=False, repr=False)


@attrs.frozen(slots=True)
class Delivered:
    """The VTN has taken reports of ours: those of one message, values or none."""

    reports: tuple[Report, ...]


@attrs.frozen(slots=True)
class Declined:
    """The VTN has refused a message of ours, or its answer made no sense; that is the end of the matter.

    Only a registration that is refused once more, for the reason that `Left` has told, is tried again by itself.

    Attributes:
        error: a `Rejected` if the VTN itself has said no; else it could not be asked, or makes no sense.
        again: when it is tried again.
    """

    message: Message
    error: JanusGridError
    again: datetime | None = None


Happening = Joined | Left | Asked | Offered | Telemetry | Delivered | EventChange | Declined
