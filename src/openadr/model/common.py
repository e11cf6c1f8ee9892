"""What the messages of every service share: responses, targets, intervals, payloads."""

from collections.abc import Sequence
from datetime import datetime

from .declare import Choice, Xml, attribute, child, choice, filler, part
from .duration import Duration
from .enumerations import DataQuality, SchemaVersion
from .simple import ACCURACY, DOUBLE_LIST, DURATION_VALUE, ID, PERCENT, RESPONSE_CODE


@part("oadr:MessageType")
class Message:
    """What all 23 messages have in common.

    `schema_version` is sent as 2.0b unless told otherwise; None is a message that came without it.
    """

    schema_version: SchemaVersion | str | None = attribute("ei:schemaVersion", default=SchemaVersion.PROFILE_2_0B)


@part("ei:EiResponseType")
class EiResponse:
    """The answer to a request: an application response code (200, 450 to 469) and the request it belongs to."""

    response_code: str = child("ei:responseCode", RESPONSE_CODE, default="200")
    response_description: str | None = child("ei:responseDescription", default=None)
    request_id: str = child("pyld:requestID", default="")

    @property
    def ok(self) -> bool:
        """Whether the code is one of success (2xx)."""
        return self.response_code.startswith("2")


@part("ei:QualifiedEventIDType")
class QualifiedEventId:
    """An event and the number of the modification that is meant."""

    event_id: str = child("ei:eventID")
    modification_number: int = child("ei:modificationNumber", default=0)


@part("xcal:ToleranceType")
class Tolerance:
    """How far the start may be moved: the VEN picks a time up to `startafter` later (rule 30)."""

    startafter: Duration | None = child("xcal:startafter", DURATION_VALUE, default=None)


@part("xcal:WsCalendarIntervalType")
class WsCalendarInterval:
    """A time and its surroundings: start, duration and what goes before and after. A zero duration is open-ended."""

    dtstart: datetime = child("xcal:properties/xcal:dtstart/xcal:date-time")
    duration: Duration = child("xcal:properties/xcal:duration")
    tolerance: Tolerance | None = child("xcal:properties/xcal:tolerance/xcal:tolerate", default=None)
    notification: Duration | None = child("xcal:properties/ei:x-eiNotification", default=None)
    ramp_up: Duration | None = child("xcal:properties/ei:x-eiRampUp", default=None)
    recovery: Duration | None = child("xcal:properties/ei:x-eiRecovery", default=None)


@part("ei:eiActivePeriodType")
class EiActivePeriod(WsCalendarInterval):
    """When an event is active."""

    components: Xml | None = filler("xcal:components", default=None)


@part("gml:PolygonType")
class Polygon:
    """An area: latitude and longitude of each corner in turn, in degrees, the first repeated as the last."""

    id: str | None = attribute("gml:id", ID, default=None)
    pos_list: tuple[float, ...] = child("gml:exterior/gml:LinearRing/gml:posList", DOUBLE_LIST)


@part("gml:FeatureCollectionType")
class FeatureCollection:
    """A place on the map."""

    id: str | None = attribute("gml:id", ID, default=None)
    polygon: Polygon = child("gml:location/gml:Polygon")


@part("power:TransportInterfaceType")
class TransportInterface:
    """A stretch of the grid, between two nodes."""

    point_of_receipt: str = child("power:pointOfReceipt")
    point_of_delivery: str = child("power:pointOfDelivery")


@part("ei:EiTargetType")
class EiTarget:
    """Who or what is meant. Every kind may be given any number of times; an empty target is everything."""

    aggregated_pnodes: Sequence[str] = child("power:aggregatedPnode*/power:node", default=())
    end_device_assets: Sequence[str] = child("power:endDeviceAsset*/power:mrid", default=())
    meter_assets: Sequence[str] = child("power:meterAsset*/power:mrid", default=())
    pnodes: Sequence[str] = child("power:pnode*/power:node", default=())
    service_areas: Sequence[FeatureCollection] = child("emix:serviceArea*/gml:FeatureCollection", default=())
    service_delivery_points: Sequence[str] = child("power:serviceDeliveryPoint*/power:node", default=())
    service_locations: Sequence[FeatureCollection] = child("power:serviceLocation*/gml:FeatureCollection", default=())
    transport_interfaces: Sequence[TransportInterface] = child("power:transportInterface*", default=())
    group_ids: Sequence[str] = child("ei:groupID*", default=())
    group_names: Sequence[str] = child("ei:groupName*", default=())
    resource_ids: Sequence[str] = child("ei:resourceID*", default=())
    ven_ids: Sequence[str] = child("ei:venID*", default=())
    party_ids: Sequence[str] = child("ei:partyID*", default=())


@part("oadr:oadrLoadControlStateTypeType")
class LoadControlValue:
    """One aspect of a load that can be controlled: its range, its present and its usual value."""

    min: float | None = child("oadr:oadrMin", default=None)
    max: float | None = child("oadr:oadrMax", default=None)
    current: float = child("oadr:oadrCurrent")
    normal: float | None = child("oadr:oadrNormal", default=None)


@part("oadr:oadrLoadControlStateType")
class LoadControlState:
    """How far a load can be controlled."""

    capacity: LoadControlValue | None = child("oadr:oadrCapacity", default=None)
    level_offset: LoadControlValue | None = child("oadr:oadrLevelOffset", default=None)
    percent_offset: LoadControlValue | None = child("oadr:oadrPercentOffset", default=None)
    set_point: LoadControlValue | None = child("oadr:oadrSetPoint", default=None)


@part("oadr:oadrPayloadResourceStatusType")
class PayloadResourceStatus:
    """The state of a resource: the value of a TELEMETRY_STATUS report."""

    online: bool = child("oadr:oadrOnline")
    manual_override: bool = child("oadr:oadrManualOverride")
    load_control_state: LoadControlState | None = child("oadr:oadrLoadControlState", default=None)


PAYLOAD_BASE = Choice(
    "ei:payloadBase",
    {"ei:payloadFloat/ei:value": float, "oadr:oadrPayloadResourceStatus": PayloadResourceStatus},
)


@part("ei:signalPayloadType", kw_only=False)
class SignalPayload:
    """The value of a signal in one interval."""

    value: float | PayloadResourceStatus = choice(PAYLOAD_BASE)


@part("oadr:oadrReportPayloadType")
class ReportPayload:
    """The value of one data point (`r_id`) in one interval of a report.

    `confidence` is in percent; `accuracy` is in the unit of the value.
    """

    r_id: str = child("ei:rID")
    confidence: int | None = child("ei:confidence", PERCENT, default=None)
    accuracy: float | None = child("ei:accuracy", ACCURACY, default=None)
    value: float | PayloadResourceStatus = choice(PAYLOAD_BASE)
    data_quality: DataQuality | str | None = child("oadr:oadrDataQuality", default=None)


@part("oadr:oadrGBStreamPayloadBase", kw_only=False)
class GbPayload:
    """Green Button data: an Atom feed, carried as it is."""

    feed: Xml = child("atom:feed", Xml)


STREAM_PAYLOAD_BASE = Choice(
    "strm:streamPayloadBase",
    {
        "ei:signalPayload": SignalPayload,
        "oadr:oadrReportPayload": ReportPayload,
        "oadr:oadrGBPayload": GbPayload,
    },
)


@part("ei:IntervalType")
class Interval:
    """A stretch of time and the values that hold in it. In signals `uid` counts 0, 1, 2 … (rule 2)."""

    dtstart: datetime | None = child("xcal:dtstart/xcal:date-time", default=None)
    duration: Duration | None = child("xcal:duration", default=None)
    uid: str | None = child("xcal:uid/xcal:text", default=None)
    payloads: Sequence[SignalPayload | ReportPayload | GbPayload] = choice(STREAM_PAYLOAD_BASE, mark="+")
