"""Rules of messages other than events themselves: answers, registration, what every message has."""

from __future__ import annotations

from ..model import CreatedEvent, CreatePartyRegistration, EiResponse, Message, TransportName
from .codes import Code
from .rule import Faults, Grade, check


@check(25, "eventResponses are there unless eiResponse is a failure", of=CreatedEvent, source="VOLTTRON",
       kept_by="VEN", code=Code.INVALID_DATA, harmful=True)  # fmt: skip
def rule_25(message: CreatedEvent) -> Faults:
    """Else the message says nothing."""
    if message.ei_response.ok and not message.event_responses:
        yield "there are no eventResponses, and eiResponse is no failure", ()


@check(35, "as 25", of=CreatedEvent, source="VOLTTRON", kept_by="VEN", code=Code.INVALID_DATA)
def rule_35(message: CreatedEvent) -> Faults:
    """A failure has no eventResponses beside it."""
    if not message.ei_response.ok and message.event_responses:
        yield f"eiResponse is {message.ei_response.response_code}, and yet there are eventResponses", ()


@check(None, "the requestID of the response above eventResponses is empty", of=CreatedEvent, source="cert practice",
       kept_by="VEN", grade=Grade.WARNING)  # fmt: skip
def root_request_id(message: CreatedEvent) -> Faults:
    """Each eventResponse has one (rules 41 and 42)."""
    if message.event_responses and message.ei_response.request_id:
        yield "eiResponse has a requestID beside those of the eventResponses", ()


@check(509, "schemaVersion is on every message", of=Message, source="openadr-service")
def rule_509(message: Message) -> Faults:
    """Its absence does no harm: what is read here is 2.0b."""
    if message.schema_version is None:
        yield "schemaVersion is missing", ()
    elif message.schema_version != "2.0b":
        yield f"schemaVersion is {message.schema_version:.20}, not 2.0b", ()


@check(48, "application errors have the codes 450 to 469", of=EiResponse,
       source="VOLTTRON, EPRI, openadr-service")  # fmt: skip
def rule_48(response: EiResponse) -> Faults:
    """What an unknown code means is told by its first digit."""
    code = response.response_code
    if not response.ok and code not in _CODES:
        yield f"{code} is no code of OpenADR", ()


@check(None, "over XMPP a VEN registers with its full JID", of=CreatePartyRegistration, source="cert practice",
       kept_by="VEN", code=Code.INVALID_DATA)  # fmt: skip
def full_jid(message: CreatePartyRegistration) -> Faults:
    """user@host/resource."""
    address = message.transport_address or ""
    user, at, host = address.partition("/")[0].partition("@")
    if message.transport_name is TransportName.XMPP and not (user and at and host and "/" in address):
        yield f"{address!r:.80} is no full JID", ()


_CODES = frozenset(Code)
