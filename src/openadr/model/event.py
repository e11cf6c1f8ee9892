"""EiEvent: events, from the VTN, and the answers of the VEN."""

from collections.abc import Sequence
from datetime import datetime

from .common import EiActivePeriod, EiResponse, EiTarget, Interval, Message, QualifiedEventId
from .declare import child, choice, part
from .duration import Duration
from .enumerations import EventStatus, OptType, ResponseRequired, SignalName, SignalType
from .simple import ANY_URI, RESPONSE_CODE
from .units import ITEM_BASE, ItemBase


@part("ei:eventDescriptorType")
class EventDescriptor:
    """What an event is, apart from its times and values.

    `priority` 1 is the highest; 0 or None is none. Every change except of status, current value and creation time
    adds 1 to `modification_number` (rule 5).
    """

    event_id: str = child("ei:eventID")
    modification_number: int = child("ei:modificationNumber", default=0)
    modification_date_time: datetime | None = child("ei:modificationDateTime", default=None)
    modification_reason: str | None = child("ei:modificationReason", default=None)
    priority: int | None = child("ei:priority", default=None)
    market_context: str = child("ei:eiMarketContext/emix:marketContext", ANY_URI)
    created_date_time: datetime = child("ei:createdDateTime")
    event_status: EventStatus = child("ei:eventStatus", default=EventStatus.FAR)
    test_event: str | None = child("ei:testEvent", default=None)
    vtn_comment: str | None = child("ei:vtnComment", default=None)

    @property
    def is_test(self) -> bool:
        """Whether this is a test event: `test_event` is there and is not "false" (rule 6)."""
        return self.test_event is not None and self.test_event.strip().lower() != "false"


@part("ei:eiEventSignalType")
class EiEventSignal:
    """One signal of an event: a value for every interval. The intervals have no start of their own."""

    intervals: Sequence[Interval] = child("strm:intervals/ei:interval+")
    ei_target: EiTarget | None = child("ei:eiTarget", default=None)
    signal_name: SignalName | str = child("ei:signalName")
    signal_type: SignalType = child("ei:signalType")
    signal_id: str = child("ei:signalID")
    item_base: ItemBase | None = choice(ITEM_BASE, default=None)
    current_value: float | None = child("ei:currentValue/ei:payloadFloat/ei:value", default=None)


@part("ei:eiEventBaselineType")
class EiEventBaseline:
    """What would have been used without the event."""

    dtstart: datetime = child("xcal:dtstart/xcal:date-time")
    duration: Duration = child("xcal:duration")
    intervals: Sequence[Interval] = child("strm:intervals/ei:interval+")
    baseline_id: str = child("ei:baselineID")
    resource_ids: Sequence[str] = child("ei:resourceID*", default=())
    baseline_name: str = child("ei:baselineName")
    item_base: ItemBase | None = choice(ITEM_BASE, default=None)


@part("ei:eiEventType")
class EiEvent:
    """An event: what, when, how much, who."""

    event_descriptor: EventDescriptor = child("ei:eventDescriptor")
    ei_active_period: EiActivePeriod = child("ei:eiActivePeriod")
    ei_event_signals: Sequence[EiEventSignal] = child("ei:eiEventSignals/ei:eiEventSignal+")
    ei_event_baseline: EiEventBaseline | None = child("ei:eiEventSignals/ei:eiEventBaseline", default=None)
    ei_target: EiTarget = child("ei:eiTarget", default=EiTarget())

    @property
    def qualified_event_id(self) -> QualifiedEventId:
        """The event and its present modification, as answers name it."""
        descriptor = self.event_descriptor
        return QualifiedEventId(event_id=descriptor.event_id, modification_number=descriptor.modification_number)


@part("oadr:oadrEventType")
class Event:
    """An event as it is sent, with whether an answer is wanted."""

    ei_event: EiEvent = child("ei:eiEvent")
    response_required: ResponseRequired = child("oadr:oadrResponseRequired", default=ResponseRequired.ALWAYS)


@part("oadr:oadrDistributeEventType", root="oadr:oadrDistributeEvent")
class DistributeEvent(Message):
    """All events that the VEN has to know: one that it knew and that is missing here is cancelled (rule 61).

    `ei_response` is there only in the answer to an `oadrRequestEvent` (rule 40).
    """

    ei_response: EiResponse | None = child("ei:eiResponse", default=None)
    request_id: str = child("pyld:requestID")
    vtn_id: str = child("ei:vtnID")
    events: Sequence[Event] = child("oadr:oadrEvent*", default=())


@part("ei:eventResponseType")
class EventResponse:
    """The answer to one event; `request_id` is that of the `oadrDistributeEvent` (rule 42)."""

    response_code: str = child("ei:responseCode", RESPONSE_CODE, default="200")
    response_description: str | None = child("ei:responseDescription", default=None)
    request_id: str = child("pyld:requestID")
    qualified_event_id: QualifiedEventId = child("ei:qualifiedEventID")
    opt_type: OptType = child("ei:optType")


@part("oadr:oadrCreatedEventType", root="oadr:oadrCreatedEvent")
class CreatedEvent(Message):
    """The VEN's answers to events. `event_responses` is None only where `ei_response` is a failure (rule 25)."""

    ei_response: EiResponse = child("pyld:eiCreatedEvent/ei:eiResponse", default=EiResponse())
    event_responses: Sequence[EventResponse] | None = child(
        "pyld:eiCreatedEvent/ei:eventResponses/ei:eventResponse*", default=None
    )
    ven_id: str = child("pyld:eiCreatedEvent/ei:venID")


@part("oadr:oadrRequestEventType", root="oadr:oadrRequestEvent")
class RequestEvent(Message):
    """Asks the VTN for the events, at most `reply_limit` of them."""

    request_id: str = child("pyld:eiRequestEvent/pyld:requestID")
    ven_id: str = child("pyld:eiRequestEvent/ei:venID")
    reply_limit: int | None = child("pyld:eiRequestEvent/pyld:replyLimit", default=None)
