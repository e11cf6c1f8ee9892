"""EiRegisterParty: how a VEN makes itself known; and the poll of a VEN that cannot be reached."""

from collections.abc import Sequence

from .common import EiResponse, Message
from .declare import child, part
from .duration import Duration
from .enumerations import ProfileName, ServiceName, TransportName


@part("oadr:oadrQueryRegistrationType", root="oadr:oadrQueryRegistration")
class QueryRegistration(Message):
    """Asks what the VTN offers; registers nothing."""

    request_id: str = child("pyld:requestID")


@part("oadr:oadrCreatePartyRegistrationType", root="oadr:oadrCreatePartyRegistration")
class CreatePartyRegistration(Message):
    """Registers a VEN, or registers it anew. The first time it has no `registration_id` (rule 404)."""

    request_id: str = child("pyld:requestID")
    registration_id: str | None = child("ei:registrationID", default=None)
    ven_id: str | None = child("ei:venID", default=None)
    profile_name: ProfileName = child("oadr:oadrProfileName", default=ProfileName.PROFILE_2_0B)
    transport_name: TransportName = child("oadr:oadrTransportName")
    transport_address: str | None = child("oadr:oadrTransportAddress", default=None)
    report_only: bool = child("oadr:oadrReportOnly", default=False)
    xml_signature: bool = child("oadr:oadrXmlSignature", default=False)
    ven_name: str | None = child("oadr:oadrVenName", default=None)
    http_pull_model: bool | None = child("oadr:oadrHttpPullModel", default=None)


@part("oadr:oadrInfoType")
class Info:
    """One key and its value."""

    key: str = child("oadr:oadrKey")
    value: str = child("oadr:oadrValue")


@part("oadr:oadrServiceType")
class Service:
    """What a service has to say about itself in registration."""

    service_name: ServiceName = child("oadr:oadrServiceName")
    info: Sequence[Info] = child("oadr:oadrInfo+")


@part("oadr:oadrExtensionType")
class Extension:
    """Further information in registration."""

    extension_name: str = child("oadr:oadrExtensionName")
    info: Sequence[Info] = child("oadr:oadrInfo*", default=())


@part("oadr:oadrProfileElementType")
class Profile:
    """A profile that the VTN speaks and the transports it speaks it over."""

    profile_name: ProfileName = child("oadr:oadrProfileName", default=ProfileName.PROFILE_2_0B)
    transports: Sequence[TransportName] = child("oadr:oadrTransports/oadr:oadrTransport+/oadr:oadrTransportName")


@part("oadr:oadrCreatedPartyRegistrationType", root="oadr:oadrCreatedPartyRegistration")
class CreatedPartyRegistration(Message):
    """The answer to `QueryRegistration` and `CreatePartyRegistration`.

    `ven_id` and `registration_id` are there once the VEN is registered; `requested_oadr_poll_freq` if it is to poll.
    """

    ei_response: EiResponse = child("ei:eiResponse")
    registration_id: str | None = child("ei:registrationID", default=None)
    ven_id: str | None = child("ei:venID", default=None)
    vtn_id: str = child("ei:vtnID")
    profiles: Sequence[Profile] = child("oadr:oadrProfiles/oadr:oadrProfile+")
    requested_oadr_poll_freq: Duration | None = child("oadr:oadrRequestedOadrPollFreq", default=None)
    service_specific_info: Sequence[Service] | None = child(
        "oadr:oadrServiceSpecificInfo/oadr:oadrService*", default=None
    )
    extensions: Sequence[Extension] | None = child("oadr:oadrExtensions/oadr:oadrExtension*", default=None)


@part("oadr:oadrCancelPartyRegistrationType", root="oadr:oadrCancelPartyRegistration")
class CancelPartyRegistration(Message):
    """Ends a registration, from either side."""

    request_id: str = child("pyld:requestID")
    registration_id: str = child("ei:registrationID")
    ven_id: str | None = child("ei:venID", default=None)


@part("oadr:oadrCanceledPartyRegistrationType", root="oadr:oadrCanceledPartyRegistration")
class CanceledPartyRegistration(Message):
    """The answer to `CancelPartyRegistration`."""

    ei_response: EiResponse = child("ei:eiResponse")
    registration_id: str | None = child("ei:registrationID", default=None)
    ven_id: str | None = child("ei:venID", default=None)


@part("oadr:oadrRequestReregistrationType", root="oadr:oadrRequestReregistration")
class RequestReregistration(Message):
    """Asks the VEN to register anew."""

    ven_id: str = child("ei:venID")


@part("oadr:oadrPollType", root="oadr:oadrPoll")
class Poll(Message):
    """Asks the VTN for the next message that waits for this VEN."""

    ven_id: str = child("ei:venID")


@part("oadr:oadrResponseType", root="oadr:oadrResponse")
class Response(Message):
    """An answer that says only how it went."""

    ei_response: EiResponse = child("ei:eiResponse")
    ven_id: str | None = child("ei:venID", default=None)
