"""What happens at a VTN that its application wants to know."""

from __future__ import annotations

import attrs

from ....common.errors import JanusGridError
from ...model import CreateOpt, EventResponse, Message, OptType, Report, ReportRequest
from ..event_book import BookedEvent
from ..telemetry import Sample
from ..ven_book import Ven


@attrs.frozen(slots=True)
class Registered:
    """A VEN has registered, or registered anew."""

    ven: Ven


@attrs.frozen(slots=True)
class Deregistered:
    """A VEN's registration has ended."""

    ven: Ven


@attrs.frozen(slots=True)
class Offered:
    """A VEN has said what it can report, and was asked for `requests`."""

    ven: Ven
    requests: tuple[ReportRequest, ...]


@attrs.frozen(slots=True)
class Opted:
    """A VEN has answered an event; `response.response_code` tells whether it accepted it at all.

    Attributes:
        by: the opt of the whole VEN by which it has said so; None for an answer by oadrCreatedEvent.
    """

    ven: Ven
    booked: BookedEvent
    response: EventResponse
    by: CreateOpt | None = None


@attrs.frozen(slots=True)
class OptCreated:
    """A VEN has opted in or out: for stretches of time (`opt.vavailability`) or of an event (`qualified_event_id`).

    Attributes:
        replaced: what it had said under the same optID.
    """

    ven: Ven
    opt: CreateOpt
    replaced: CreateOpt | None = None


@attrs.frozen(slots=True)
class OptCanceled:
    """A VEN has withdrawn an opt."""

    ven: Ven
    opt: CreateOpt


@attrs.frozen(slots=True)
class Asked:
    """A VEN has asked for reports that we offer, and they were accepted."""

    ven: Ven
    requests: tuple[ReportRequest, ...]


@attrs.frozen(slots=True)
class Telemetry:
    """A report's values.

    Attributes:
        missing: points that were asked for, and of which the report has no value.
        key: under which it is kept until it has been told.
    """

    ven: Ven
    report: Report
    samples: tuple[Sample, ...]
    missing: frozenset[str] = frozenset()
    key: str = attrs.field(default="", eq=False, repr=False)


@attrs.frozen(slots=True)
class Declined:
    """The VEN of this venID has refused a message, or it cannot be delivered; that is the end of the matter."""

    ven_id: str
    message: Message
    error: JanusGridError


Happening = Registered | Deregistered | Offered | Opted | OptCreated | OptCanceled | Asked | Telemetry | Declined


def opted(response: EventResponse) -> OptType | None:
    """Return the opt of a positive answer to an event, None for a negative one."""
    return response.opt_type if response.response_code.startswith("2") else None
