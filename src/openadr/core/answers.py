"""Application responses: the codes, and which message answers which.

An application error travels inside the answer that belongs to the request (`eiResponse`), never as a transport error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs

from ...common.errors import JanusGridError, Refused
from ..model import (
    CanceledOpt,
    CanceledPartyRegistration,
    CanceledReport,
    CancelOpt,
    CancelPartyRegistration,
    CancelReport,
    CreatedOpt,
    CreatedPartyRegistration,
    CreatedReport,
    CreateOpt,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    EiResponse,
    Message,
    Profile,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    RequestEvent,
    Response,
    TransportName,
    UpdatedReport,
    UpdateReport,
)
from ..rules.codes import Code as Code
from ..rules.rule import Finding


class Rejected(Refused):
    """An application error: raised by a role for a request that it answers in the negative, and by the caller whose
    request was answered so. `code` is the response code; `rule` the number of the conformance rule, if one is broken.
    """

    def __init__(self, code: Code | str, message: str, *, rule: int | None = None, where: str | None = None) -> None:
        text = f"{message} (rule {rule})" if rule is not None else message
        super().__init__(text, code=str(code), where=where)
        self.rule = rule

    @classmethod
    def of(cls, finding: Finding) -> Rejected:
        """Return the error that answers what breaks a rule."""
        return cls(finding.rule.code or Code.COMPLIANCE_ERROR, finding.message, rule=finding.rule.number)


def request_id(message: Message) -> str:
    """Return the requestID of a message; empty for those that have none."""
    return getattr(message, "request_id", "") or ""


def ok(message: Message) -> EiResponse:
    """Return the positive response to `message`."""
    return EiResponse(request_id=request_id(message))


@attrs.frozen(slots=True)
class Deployment:
    """What a VTN says of itself.

    Attributes:
        transports: over which VENs may register.
        poll_every: how often a VEN that cannot be reached is asked to come for its messages.
        signatures: whether VENs may register to sign their messages.
    """

    vtn_id: str = ""
    transports: tuple[TransportName, ...] = (TransportName.XMPP,)
    poll_every: timedelta = timedelta(seconds=10)
    signatures: bool = False

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The profiles as registration lists them."""
        return (Profile(transports=self.transports),)


UNKNOWN = Deployment()

# The answer to each request; what is not here is answered by `Response`.
_ANSWERS: dict[type[Message], Callable[[EiResponse, Deployment], Message]] = {
    QueryRegistration: lambda response, vtn: _created_party(response, vtn),
    CreatePartyRegistration: lambda response, vtn: _created_party(response, vtn),
    CancelPartyRegistration: lambda response, _: CanceledPartyRegistration(ei_response=response),
    RequestEvent: lambda response, vtn: DistributeEvent(
        ei_response=response, request_id=response.request_id, vtn_id=vtn.vtn_id
    ),
    RegisterReport: lambda response, _: RegisteredReport(ei_response=response),
    CreateReport: lambda response, _: CreatedReport(ei_response=response),
    UpdateReport: lambda response, _: UpdatedReport(ei_response=response),
    CancelReport: lambda response, _: CanceledReport(ei_response=response),
}

LONGEST_REASON = 500
"""Characters of a reason that are sent: it may quote what the peer wrote."""


def _created_party(response: EiResponse, vtn: Deployment) -> CreatedPartyRegistration:
    return CreatedPartyRegistration(ei_response=response, vtn_id=vtn.vtn_id, profiles=vtn.profiles)


def rejection(message: Message, error: Rejected, vtn: Deployment = UNKNOWN) -> Message:
    """Return the negative answer to `message` for `error`; `vtn` where the answer has to name the VTN."""
    response = negative(error, request_id(message))
    if isinstance(message, CreateOpt):
        return CreatedOpt(ei_response=response, opt_id=message.opt_id)
    if isinstance(message, CancelOpt):
        return CanceledOpt(ei_response=response, opt_id=message.opt_id)
    make = _ANSWERS.get(type(message))
    return make(response, vtn) if make else Response(ei_response=response)


def negative(error: JanusGridError, request: str = "") -> EiResponse:
    """Return the response that says what is wrong with the request of that requestID."""
    code = error.code if isinstance(error, Rejected) and error.code else Code.COMPLIANCE_ERROR
    return EiResponse(response_code=code, response_description=error.message[:LONGEST_REASON], request_id=request)


def check(answer: Message | None) -> None:
    """Raise `Rejected` if `answer` is a negative one. An empty answer is a positive one."""
    response: Any = getattr(answer, "ei_response", None)
    if isinstance(response, EiResponse) and not response.ok:
        raise Rejected(response.response_code, response.response_description or "no reason given")
