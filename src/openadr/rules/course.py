"""Rules of what follows what, over a conversation of a VTN with one VEN.

A witness of its own: the roles do not use it, so that it can be held against them, and against others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from ..model import (
    CreatedEvent,
    CreatedPartyRegistration,
    CreatedReport,
    CreatePartyRegistration,
    CreateReport,
    DistributeEvent,
    Message,
    Poll,
    QueryRegistration,
    RegisteredReport,
    RegisterReport,
    ReportRequest,
    RequestEvent,
    Response,
    UpdateReport,
)
from .codes import Code
from .decisions import rule_324
from .rule import FUNCTIONS, Faults, Finding, Kind, course


@attrs.frozen(slots=True)
class Exchange:
    """A request and its answer.

    Attributes:
        by: who sent the request, "VTN" or "VEN".
        request: the message.
        answer: None where there was none, or it was lost.
    """

    by: str
    request: Message
    answer: Message | None = None

    def said_by(self, side: str) -> Message | None:
        """Return what this side said."""
        return self.request if self.by == side else self.answer


Conversation = Sequence[Exchange]


def broken(conversation: Conversation) -> Iterator[Finding]:
    """Yield what breaks a rule in a conversation; the place is the position of the exchange in it."""
    for rule in FUNCTIONS:
        if rule.kind is Kind.COURSE:
            assert rule.function is not None
            yield from rule.function(conversation)


def _registrations(conversation: Conversation) -> Iterator[tuple[int, CreatedPartyRegistration, bool]]:
    """Yield where a VEN was registered, as what, and whether anew."""
    known = None
    for n, exchange in enumerate(conversation):
        answer = exchange.answer
        asked = isinstance(exchange.request, CreatePartyRegistration)
        if asked and isinstance(answer, CreatedPartyRegistration) and answer.ei_response.ok:
            yield n, answer, answer.registration_id != known
            known = answer.registration_id


def _follows(conversation: Conversation, kind: type[Message], what: str) -> Faults:
    """Yield the new registrations after which the VEN sends no message of this kind."""
    for n, _, anew in _registrations(conversation):
        if anew and not any(isinstance(later.said_by("VEN"), kind) for later in conversation[n + 1 :]):
            yield f"after a new registration {what}", (n,)


@course(21, "vtnID and venID are checked in every message", kept_by="both", source="openadr-service, openleadr tests",
        code=Code.NOT_REGISTERED)  # fmt: skip
def rule_21(conversation: Conversation) -> Faults:
    """Yield messages that name another VEN or VTN than registered, and were answered in the affirmative."""
    names: dict[str, str | None] = {}
    for n, exchange in enumerate(conversation):
        request, answer = exchange.request, exchange.answer
        if isinstance(request, CreatePartyRegistration) and isinstance(answer, CreatedPartyRegistration):
            names = {"ven_id": answer.ven_id or names.get("ven_id"), "vtn_id": answer.vtn_id}
        refused = not getattr(getattr(answer, "ei_response", None), "ok", True)
        for name, right in names.items():
            said = getattr(request, name, None)
            if said and right and said != right and not refused:
                yield f"{type(request).__name__} names {said:.80}, not {right:.80}", (n,)


@course(40, "the answer to oadrRequestEvent has an eiResponse", kept_by="VTN", source="openadr-service")
def rule_40(conversation: Conversation) -> Faults:
    """And it is an oadrDistributeEvent, with events or without."""
    for n, exchange in enumerate(conversation):
        answer = exchange.answer
        right = isinstance(answer, DistributeEvent) and answer.ei_response is not None
        if isinstance(exchange.request, RequestEvent) and answer is not None and not right:
            yield f"oadrRequestEvent is answered by {type(answer).__name__} without its response", (n,)


def _asked(message: Message | None) -> Sequence[ReportRequest]:
    return message.report_requests if isinstance(message, CreateReport | RegisteredReport) else ()


def _updates(conversation: Conversation) -> Iterator[tuple[int, str, bool, bool]]:
    """Yield the reports that a VEN delivers: where, the request, whether ever asked for, and in this registration."""
    ever: set[str] = set()
    here: set[str] = set()
    anew = {n for n, _, anew in _registrations(conversation) if anew}
    for n, exchange in enumerate(conversation):
        here = set() if n in anew else here
        for request in _asked(exchange.said_by("VTN")):
            ever.add(request.report_request_id)
            here.add(request.report_request_id)
        if exchange.by == "VEN" and isinstance(exchange.request, UpdateReport):
            for report in exchange.request.reports:
                yield n, report.report_request_id, report.report_request_id in ever, report.report_request_id in here


@course(304, "the reportRequestID of an update is known", kept_by="both", source="EPRI's report_service.rb",
        code=Code.INVALID_ID)  # fmt: skip
def rule_304(conversation: Conversation) -> Faults:
    """Somebody asked for it."""
    for n, name, ever, _ in _updates(conversation):
        if not ever:
            yield f"report {name:.80} was never asked for", (n,)


@course(406, "a new registrationID makes both sides forget reports and opts; one that is forced has no ID",
        kept_by="both", source="openadr-service")  # fmt: skip
def rule_406(conversation: Conversation) -> Faults:
    """What was asked for under an earlier registration is not delivered under a later one.

    That opts are forgotten too is not seen in a conversation.
    """
    for n, name, ever, here in _updates(conversation):
        if ever and not here:
            yield f"report {name:.80} was asked for under an earlier registration", (n,)


@course(329, "the list of pending reports has all of them", kept_by="VEN", source="VOLTTRON")
def rule_329(conversation: Conversation) -> Faults:
    """Those that were just accepted and go on are in it."""
    for n, exchange in enumerate(conversation):
        answer = exchange.said_by("VEN")
        if exchange.by == "VTN" and isinstance(answer, CreatedReport) and answer.ei_response.ok:
            for request in _asked(exchange.request):
                once = rule_324(request.report_specifier.report_back_duration)
                if not once and request.report_request_id not in answer.pending_reports:
                    yield f"report {request.report_request_id:.80} was accepted and is not pending", (n,)


@course(301, "the VEN offers its reports once it is registered", kept_by="VEN", source="openadr-service")
def rule_301(conversation: Conversation) -> Faults:
    """With oadrRegisterReport."""
    yield from _follows(conversation, RegisterReport, "no reports are offered")


@course(401, "registration begins with a query", kept_by="VEN", source="openadr-service, openleadr's pull request 144")
def rule_401(conversation: Conversation) -> Faults:
    """So that the VEN knows what the VTN speaks."""
    for n, exchange in enumerate(conversation):
        if isinstance(exchange.request, QueryRegistration):
            return
        if isinstance(exchange.request, CreatePartyRegistration):
            yield "oadrCreatePartyRegistration comes before oadrQueryRegistration", (n,)
            return


@course(404, "the first registration has no registrationID", kept_by="VEN", source="VOLTTRON")
def rule_404(conversation: Conversation) -> Faults:
    """The VTN gives it. A venID may have been agreed beforehand."""
    for n, exchange in enumerate(conversation):
        if isinstance(exchange.request, CreatePartyRegistration):
            if exchange.request.registration_id:
                yield f"it has registrationID {exchange.request.registration_id:.80}", (n,)
            return


@course(405, "after a new registration the VEN asks for events", kept_by="VEN", source="openadr-service")
def rule_405(conversation: Conversation) -> Faults:
    """With oadrRequestEvent."""
    yield from _follows(conversation, RequestEvent, "no events are asked for")


@course(500, "after each message it was given a VEN asks again, until there is none", kept_by="both",
        source="openadr-service")  # fmt: skip
def rule_500(conversation: Conversation) -> Faults:
    """The last poll of a conversation is answered by oadrResponse."""
    polls = [(n, exchange) for n, exchange in enumerate(conversation) if isinstance(exchange.request, Poll)]
    if polls and polls[-1][1].answer is not None and not isinstance(polls[-1][1].answer, Response):
        yield f"{type(polls[-1][1].answer).__name__} was fetched, and no poll follows", (polls[-1][0],)


@course(41, "the requestID of a distributeEvent need not be unique; its answers name it", kept_by="VEN",
        source="VOLTTRON, openadr-service")  # fmt: skip
def rule_41(conversation: Conversation) -> Faults:
    """An eventResponse has the requestID of a distributeEvent that came before (rule 42)."""
    sent: set[str] = set()
    for n, exchange in enumerate(conversation):
        said = exchange.said_by("VTN")
        if exchange.by == "VEN" and isinstance(exchange.request, CreatedEvent):
            for response in exchange.request.event_responses or ():
                if response.request_id not in sent:
                    yield f"no distributeEvent has the requestID {response.request_id!r:.80}", (n,)
        if isinstance(said, DistributeEvent):
            sent.add(said.request_id)
