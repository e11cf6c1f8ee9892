"""What holds for every service of a VTN: polling, HTTP, bad documents, strangers, signatures."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...model import (
    CreatedPartyRegistration,
    CreatedReport,
    CreateReport,
    DistributeEvent,
    EiResponse,
    Message,
    QueryRegistration,
    RegisteredReport,
    RequestEvent,
    Response,
)
from .. import documents
from ..state import State
from ..steps import Asks, Drains, Expect, Lists, Posts, Scenario, Sends, equal, that
from ..ways import HTTP, Way
from .events import made, note
from .messages import USAGE, answer, ask_events, offer, poll, query
from .registration import JOINED
from .reports import _learn as learn_request
from .reports import registers

general = partial(Scenario, subject="vtn", group="general")

_CREATED = (CreatedPartyRegistration,)
_REFUSED = Expect((Response, CreatedPartyRegistration, DistributeEvent), ("4..",))
_BAD = (400, 406, 415, 422, 501)
_ALIVE = Sends("The VEN asks what the VTN speaks", query, Expect(_CREATED))
_NONE = Expect((Response,), checks=(equal("venID", lambda m: m.ven_id, lambda state: state.ven_id),), rules=(500,))
_STRANGE = frozenset({"stranger"})
_SIGNED = frozenset({"signing"})


def _odd_request(state: State) -> QueryRegistration:
    return QueryRegistration(request_id="Ünïcode & <angle> 'quotes' \U0001f50c")


def _of_another(state: State) -> RequestEvent:
    return RequestEvent(request_id=state.new("R"), ven_id="another-ven")


def _pushed(state: State) -> Message:
    """A message that only a VTN sends."""
    return DistributeEvent(request_id=state.new("D"), vtn_id=state.vtn_id)


def _created(state: State) -> CreatedReport:
    return CreatedReport(
        ei_response=EiResponse(request_id=state.notes["create"]), pending_reports=(state.notes["request"],),
        ven_id=state.ven_id,
    )  # fmt: skip


def _asked(state: State, message: Any) -> None:
    learn_request(state, message)
    state.notes["create"] = message.request_id


def _event(state: State, message: Any) -> None:
    state.took(message)
    note()(state, message)


GENERAL = (
    general("VTN-G-01", "Where nothing waits, a poll is answered by oadrResponse", ways=frozenset({Way.PULL}), steps=(
        JOINED, Drains("The VEN comes for its messages until nothing is left"),
        Sends("The VEN comes for its messages", poll, _NONE),
        Sends("It comes again", poll, _NONE),
    )),
    general("VTN-G-02", "One message a poll, without waiting for the answer to the one before",
            ways=frozenset({Way.PULL}), steps=(
        JOINED, registers(USAGE), Drains("The VEN comes for its messages until nothing is left"),
        made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours"),
        Asks("Ask the VEN for usage, every 10 s", "request_report",
             lambda state: {"report": "usage", "every": 10, "granularity": 10}),
        Sends("The VEN comes for its messages", poll, Expect((DistributeEvent,), (), learn=_event, rules=(500,))),
        Sends("It comes again", poll, Expect((CreateReport,), (), learn=_asked, rules=(500,))),
        Sends("It answers the event", answer(), Expect((Response,))),
        Sends("It begins the report", _created, Expect((Response,))),
        Sends("It comes once more", poll, _NONE),
    )),
    general("VTN-G-03", "A VEN that is reached does not poll", ways=frozenset({Way.PUSH}), steps=(
        JOINED,
        Sends("The VEN polls", poll, Expect((Response,), ("4..",))),
    )),
    general("VTN-G-04", "A message at the wrong service", ways=HTTP, steps=(
        JOINED,
        Posts("The VEN asks for events at EiOpt", documents.text(ask_events()), endpoint="EiOpt",
              expect=Expect((Response, DistributeEvent), ("4..",)), statuses=(404, *_BAD)),
        _ALIVE,
    )),
    general("VTN-G-05", "A document that ends too early", ways=HTTP, steps=(
        JOINED,
        Posts("The VEN sends half a message", documents.broken(query), expect=_REFUSED, statuses=_BAD),
        _ALIVE,
    )),
    general("VTN-G-06", "A document with a DOCTYPE: its entities are not followed", ways=HTTP, steps=(
        JOINED,
        Posts("The VEN sends a message with an entity", documents.with_doctype(query), expect=Expect(
            (Response, CreatedPartyRegistration), ("4..",),
            checks=(that("the entity was not expanded", lambda s, m: "entity-was-expanded" not in str(m)),)),
            statuses=_BAD),
        _ALIVE,
    )),
    general("VTN-G-07", "Entities that grow beyond all bounds", ways=HTTP, steps=(
        JOINED,
        Posts("The VEN sends a document of nested entities", documents.bomb, expect=_REFUSED, statuses=_BAD),
        _ALIVE,
    )),
    general("VTN-G-08", "A message in which something is missing", steps=(
        JOINED,
        Posts("The VEN asks for events without a venID", documents.without(ask_events(), "venID"), endpoint="EiEvent",
              expect=_REFUSED, statuses=_BAD),
        _ALIVE,
    )),
    general("VTN-G-09", "A message of another schemaVersion", steps=(
        JOINED,
        Posts("The VEN sends a message of version 9.9", documents.of_version(query, "9.9"), expect=_REFUSED,
              statuses=_BAD),
        _ALIVE,
    )),
    general("VTN-G-10", "A message of a kind that there is not", steps=(
        JOINED,
        Posts("The VEN sends oadrNoSuchMessage", documents.unknown(query), expect=_REFUSED, statuses=_BAD),
        _ALIVE,
    )),
    general("VTN-G-11", "A document that is no XML by its Content-Type", ways=HTTP, steps=(
        JOINED,
        Posts("The VEN sends a message as text/plain", documents.text(query), headers={"Content-Type": "text/plain"},
              expect=_REFUSED, statuses=_BAD),
        Posts("It sends one in ISO 8859-1", documents.text(query),
              headers={"Content-Type": "application/xml; charset=iso-8859-1"}, expect=_REFUSED, statuses=_BAD),
        Posts("It says that one is compressed", documents.text(query), headers={"Content-Encoding": "gzip"},
              expect=_REFUSED, statuses=_BAD),
        _ALIVE,
    )),
    general("VTN-G-12", "Messages are posted, to services that there are", ways=HTTP, steps=(
        JOINED,
        Posts("The VEN gets a service", lambda state: "", method="GET", statuses=(404, 405, 501)),
        Posts("It posts to a service that there is not", documents.text(query), endpoint="EiNothing",
              statuses=(404, 406, 501)),
        _ALIVE,
    )),
    general("VTN-G-13", "A document of eight megabytes", ways=HTTP, steps=(
        JOINED,
        Posts("The VEN sends it", documents.large(query), expect=_REFUSED, statuses=(413, *_BAD)),
        _ALIVE,
    )),
    general("VTN-G-14", "What OpenADR refuses travels with HTTP status 200", ways=HTTP, steps=(
        JOINED,
        Posts("The VEN asks for events under another venID",
              documents.text(_of_another), endpoint="EiEvent",
              expect=Expect((DistributeEvent, Response), ("463", "452"), rules=(21, 48))),
    )),
    general("VTN-G-15", "A requestID comes back as it was", steps=(
        JOINED,
        Sends("The VEN sends a query whose requestID is odd", _odd_request, Expect(_CREATED)),
    )),
    general("VTN-G-16", "A message that a VEN does not send", steps=(
        JOINED,
        Sends("The VEN sends oadrDistributeEvent", _pushed, Expect((Response,), ("4..",))),
        _ALIVE,
    )),
    general("VTN-G-17", "Who has another identity is not the VEN: 463", needs=_STRANGE, steps=(
        JOINED,
        Sends("A stranger asks for the VEN's events", ask_events(), Expect((DistributeEvent, Response), ("463",),
              rules=(21,)), stranger=True),
        Sends("A stranger offers reports as the VEN", offer(USAGE), Expect(
            (Response, RegisteredReport), ("463",), rules=(21,)), stranger=True),
        Sends("The VEN asks for its events", ask_events(), Expect((DistributeEvent,))),
    )),
    general("VTN-G-18", "The VTN lists its services", ways=frozenset({Way.XMPP}), steps=(
        Lists("The VEN looks up the services of the VTN"),
    )),
    general("VTN-G-19", "A signed message counts once", needs=_SIGNED, steps=(
        JOINED,
        Posts("The VEN sends a signed message", documents.kept(ask_events()), endpoint="EiEvent",
              expect=Expect((DistributeEvent,))),
        Posts("It sends the very same document again", lambda state: state.notes["document"], endpoint="EiEvent",
              expect=Expect((Response, DistributeEvent), ("4..",)), statuses=_BAD),
        Sends("It asks for its events anew", ask_events(), Expect((DistributeEvent,))),
    )),
    general("VTN-G-20", "Who has agreed to sign, signs", needs=_SIGNED, steps=(
        JOINED,
        Posts("The VEN sends a message that is not signed", documents.unsigned(ask_events()), endpoint="EiEvent",
              expect=Expect((Response, DistributeEvent), ("4..",)), statuses=_BAD),
        Sends("It asks for its events, signed", ask_events(), Expect((DistributeEvent,))),
    )),
    general("VTN-G-21", "A signed message that was changed is refused", needs=_SIGNED, steps=(
        JOINED,
        Posts("The VEN sends a message whose requestID was changed after it was signed",
              documents.tampered(ask_events()), endpoint="EiEvent",
              expect=Expect((Response, DistributeEvent), ("4..",)), statuses=_BAD),
        Sends("It asks for its events, signed", ask_events(), Expect((DistributeEvent,))),
    )),
)  # fmt: skip
