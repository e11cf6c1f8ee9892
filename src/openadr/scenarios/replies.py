"""What a tester answers where a scenario says nothing: what a good party would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ..core.answers import ok
from ..model import (
    CanceledOpt,
    CanceledPartyRegistration,
    CanceledReport,
    CancelOpt,
    CancelPartyRegistration,
    CancelReport,
    CreatedEvent,
    CreatedOpt,
    CreatedPartyRegistration,
    CreatedReport,
    CreateOpt,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    Duration,
    Message,
    Profile,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    RequestEvent,
    RequestReregistration,
    Response,
    TransportName,
    UpdatedReport,
    UpdateReport,
)
from .state import State
from .ways import Way

POLL_EVERY = Duration.of(timedelta(seconds=10))
"""How often a VEN under test is asked to come for its messages."""

Reply = Callable[[State, Any], "Message | None"]


def response(state: State, message: Any) -> Response:
    """Return that all is well."""
    return Response(ei_response=ok(message), ven_id=state.ven_id or None)


# --- a tester that is a VTN ---


def queried(state: State, message: Any) -> CreatedPartyRegistration:
    """Return what the VTN speaks."""
    return CreatedPartyRegistration(ei_response=ok(message), vtn_id=state.vtn_id, profiles=_profiles(state))


def registered(state: State, message: Any) -> CreatedPartyRegistration:
    """Register the VEN: under the IDs that it has, or new ones."""
    state.ven_id = state.ven_id or state.new("VEN")
    if not (message.registration_id and message.registration_id == state.registration_id):
        state.registration_id = state.new("REG")
    state.ven_name = message.ven_name or state.ven_name
    state.ven_address = None if state.way is Way.PULL else message.transport_address
    state.signs = message.xml_signature
    state.report_only = bool(message.report_only)
    return CreatedPartyRegistration(
        ei_response=ok(message),
        registration_id=state.registration_id,
        ven_id=state.ven_id,
        vtn_id=state.vtn_id,
        profiles=_profiles(state),
        requested_oadr_poll_freq=POLL_EVERY if state.way is Way.PULL else None,
    )


def canceled(state: State, message: Any) -> CanceledPartyRegistration:
    """Return that the registration has ended; it has."""
    answer = CanceledPartyRegistration(
        ei_response=ok(message), registration_id=state.registration_id, ven_id=state.ven_id
    )
    state.registered, state.registration_id = False, ""
    return answer


def offered(state: State, message: Any) -> RegisteredReport:
    """Take what is offered, and ask for nothing; who is for reports only has registered with that."""
    state.registered = state.registered or (state.report_only and bool(state.registration_id))
    state.offers = {
        each.report_specifier_id: (str(each.report_name or ""), tuple(each.descriptions)) for each in message.reports
    }
    return RegisteredReport(ei_response=ok(message), ven_id=state.ven_id or None)


def events(state: State, message: Any) -> DistributeEvent:
    """Return the events that the VEN has to know; it has asked for them, which is the end of registering."""
    state.registered = True
    found = tuple(state.events.values())
    return DistributeEvent(ei_response=ok(message), request_id=message.request_id, vtn_id=state.vtn_id, events=found)


# --- a tester that is a VEN ---


def distributed(state: State, message: Any) -> Message | None:
    """Return that events have arrived; who came for them says so by what it decides."""
    return None if state.way is Way.PULL else response(state, message)


def begun(state: State, message: Any) -> CreatedReport:
    """Begin every report that is asked for."""
    for request in message.report_requests:
        if request.report_specifier.report_specifier_id != "METADATA":
            state.running[request.report_request_id] = None
    return CreatedReport(ei_response=ok(message), pending_reports=tuple(state.running), ven_id=state.ven_id or None)


def ended(state: State, message: Any) -> CanceledReport:
    """End reports."""
    for request_id in message.report_request_ids:
        state.running.pop(request_id, None)
    return CanceledReport(ei_response=ok(message), pending_reports=tuple(state.running), ven_id=state.ven_id or None)


def _profiles(state: State) -> tuple[Profile, ...]:
    spoken = TransportName.XMPP if state.way is Way.XMPP else TransportName.SIMPLE_HTTP
    return (Profile(transports=(spoken,)),)


REPLIES: dict[type[Message], Reply] = {
    QueryRegistration: queried,
    CreatePartyRegistration: registered,
    CancelPartyRegistration: canceled,
    RegisterReport: offered,
    RequestEvent: events,
    CreatedEvent: response,
    DistributeEvent: distributed,
    RequestReregistration: distributed,
    CreateReport: begun,
    CancelReport: ended,
    UpdateReport: lambda state, message: UpdatedReport(ei_response=ok(message), ven_id=state.ven_id or None),
    CreateOpt: lambda state, message: CreatedOpt(ei_response=ok(message), opt_id=message.opt_id),
    CancelOpt: lambda state, message: CanceledOpt(ei_response=ok(message), opt_id=message.opt_id),
}
"""The answer to each request; anything else is an answer itself, and is acknowledged."""


def usual(state: State, message: Message) -> Message | None:
    """Return what a good party answers."""
    reply = REPLIES.get(type(message))
    return reply(state, message) if reply is not None else Response(ei_response=ok(message))
