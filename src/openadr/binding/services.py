"""The services of OpenADR: which message goes to which."""

from __future__ import annotations

from ..model import (
    CanceledOpt,
    CanceledPartyRegistration,
    CancelOpt,
    CancelPartyRegistration,
    CreatedEvent,
    CreatedOpt,
    CreatedPartyRegistration,
    CreateOpt,
    CreatePartyRegistration,
    DistributeEvent,
    Message,
    Poll,
    QueryRegistration,
    RequestEvent,
    RequestReregistration,
    Response,
)

SERVICES = ("EiEvent", "EiReport", "EiRegisterParty", "EiOpt")
"""Every service that a VTN may list."""

POLL = "OadrPoll"
"""The endpoint of polls, over HTTP alone."""

BASE = "/OpenADR2/Simple/2.0b"
"""Where the services of simple HTTP are."""

_SERVICE: dict[type[Message], str] = {
    **dict.fromkeys((DistributeEvent, CreatedEvent, RequestEvent), "EiEvent"),
    **dict.fromkeys(
        (
            QueryRegistration,
            CreatePartyRegistration,
            CreatedPartyRegistration,
            CancelPartyRegistration,
            CanceledPartyRegistration,
            RequestReregistration,
        ),
        "EiRegisterParty",
    ),
    **dict.fromkeys((CreateOpt, CreatedOpt, CancelOpt, CanceledOpt), "EiOpt"),
    Poll: POLL,
}
"""The messages of each service as requests go to it; the rest are of EiReport."""


def service(message: type[Message]) -> str | None:
    """Return the service that a kind of message belongs to; None for a response, which belongs to any."""
    return None if message is Response else _SERVICE.get(message, "EiReport")
