"""EiOpt: when a VEN is available, apart from its answers to events."""

from collections.abc import Sequence
from datetime import datetime

from .common import EiResponse, EiTarget, Message, QualifiedEventId, WsCalendarInterval
from .declare import child, part
from .enumerations import OptReason, OptType
from .simple import ANY_URI


@part("oadr:oadrCreateOptType", root="oadr:oadrCreateOpt")
class CreateOpt(Message):
    """Opts in or out: of one event (`qualified_event_id`) or for stretches of time (`vavailability`)."""

    opt_id: str = child("ei:optID")
    opt_type: OptType = child("ei:optType")
    opt_reason: OptReason | str = child("ei:optReason")
    market_context: str | None = child("emix:marketContext", ANY_URI, default=None)
    ven_id: str = child("ei:venID")
    vavailability: Sequence[WsCalendarInterval] | None = child(
        "xcal:vavailability/xcal:components/xcal:available*", default=None
    )
    created_date_time: datetime = child("ei:createdDateTime")
    request_id: str = child("pyld:requestID")
    qualified_event_id: QualifiedEventId | None = child("ei:qualifiedEventID", default=None)
    ei_target: EiTarget = child("ei:eiTarget", default=EiTarget())
    device_class: EiTarget | None = child("oadr:oadrDeviceClass", default=None)


@part("oadr:oadrCreatedOptType", root="oadr:oadrCreatedOpt")
class CreatedOpt(Message):
    """The answer to `CreateOpt`."""

    ei_response: EiResponse = child("ei:eiResponse")
    opt_id: str = child("ei:optID")


@part("oadr:oadrCancelOptType", root="oadr:oadrCancelOpt")
class CancelOpt(Message):
    """Withdraws an opt schedule."""

    request_id: str = child("pyld:requestID")
    opt_id: str = child("ei:optID")
    ven_id: str = child("ei:venID")


@part("oadr:oadrCanceledOptType", root="oadr:oadrCanceledOpt")
class CanceledOpt(Message):
    """The answer to `CancelOpt`."""

    ei_response: EiResponse = child("ei:eiResponse")
    opt_id: str | None = child("ei:optID", default=None)
