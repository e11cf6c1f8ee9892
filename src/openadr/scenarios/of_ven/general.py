"""What holds for every service of a VEN: polling, HTTP, bad documents, strangers, signatures."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...model import (
    CreatedReport,
    DistributeEvent,
    Message,
    Poll,
    RegisterReport,
    RequestEvent,
    RequestReregistration,
    Response,
)
from .. import documents
from ..state import State
from ..steps import Awaits, Expect, Posts, Scenario, Sends, equal
from ..ways import REACHED, Way
from ..wire import Raw
from .events import NEW, answers
from .messages import add, ask_metadata, distribute, first, offer, reregister
from .registration import JOINED

general = partial(Scenario, subject="ven", group="general")

_PULL, _PUSH = frozenset({Way.PULL}), frozenset({Way.PUSH})
_BAD = (400, 406, 415, 422, 501)
_REFUSED = Expect((Response,), ("4..",))
_ALIVE = (NEW, answers())
_STRANGE, _SIGNED = frozenset({"stranger"}), frozenset({"signing"})
_EVENTS = first(distribute(), add())


def _garbage(state: State, message: Any) -> Message:
    return Raw(text="<oadrPayload>this is no message")


def _doctype(state: State, message: Any) -> Message:
    return Raw(text=documents.with_doctype(reregister)(state))


def _another(state: State) -> RequestReregistration:
    return RequestReregistration(ven_id="another-ven")


def _of_vens(state: State) -> RequestEvent:
    return RequestEvent(request_id=state.new("R"), ven_id=state.ven_id)


_COMES = Expect((Poll,), (), checks=(equal("venID", lambda m: m.ven_id, lambda state: state.ven_id),), rules=(37, 509))

GENERAL = (
    general("VEN-G-01", "A VEN that is not reached comes for its messages", ways=_PULL, steps=(
        JOINED, Awaits("The VEN comes", _COMES), Awaits("It comes again", _COMES), *_ALIVE,
    )),
    general("VEN-G-02", "The VEN comes until nothing is left", ways=_PULL, steps=(
        JOINED,
        Awaits("The VEN comes, and gets an event", _COMES, reply=lambda state, m: _EVENTS(state)),
        Awaits("It comes again, and gets the VTN's offers", Expect((Poll,), (), rules=(500,)),
               reply=lambda state, m: offer(state)),
        Awaits("It comes again", Expect((Poll,), (), rules=(500,))),
        answers(text="It has answered the event"),
    )),
    general("VEN-G-03", "An answer that is no message does not stop the VEN", ways=_PULL, steps=(
        JOINED,
        Awaits("The VEN comes, and gets half a document", _COMES, reply=_garbage),
        Awaits("It comes again, and gets a DOCTYPE", _COMES, reply=_doctype),
        *_ALIVE,
    )),
    general("VEN-G-04", "A document that ends too early", ways=_PUSH, steps=(
        JOINED,
        Posts("The VTN sends half a message", documents.broken(reregister), expect=_REFUSED, statuses=_BAD),
        *_ALIVE,
    )),
    general("VEN-G-05", "A document with a DOCTYPE, and one of nested entities", ways=_PUSH, steps=(
        JOINED,
        Posts("The VTN sends a message with an entity", documents.with_doctype(reregister), expect=_REFUSED,
              statuses=_BAD),
        Posts("It sends a document of nested entities", documents.bomb, expect=_REFUSED, statuses=_BAD),
        *_ALIVE,
    )),
    general("VEN-G-06", "A message in which something is missing", ways=REACHED, steps=(
        JOINED,
        Posts("The VTN wants a VEN without a venID to register again", documents.without(reregister, "venID"),
              expect=_REFUSED, statuses=_BAD),
        *_ALIVE,
    )),
    general("VEN-G-07", "A message of another schemaVersion, and one of a kind that there is not", ways=REACHED, steps=(
        JOINED,
        Posts("The VTN sends a message of version 9.9", documents.of_version(reregister, "9.9"), expect=_REFUSED,
              statuses=_BAD),
        Posts("It sends oadrNoSuchMessage", documents.unknown(reregister), expect=_REFUSED, statuses=_BAD),
        *_ALIVE,
    )),
    general("VEN-G-08", "Messages are posted as XML in UTF-8, to services that there are", ways=_PUSH, steps=(
        JOINED,
        Posts("The VTN sends a message as text/plain", documents.text(reregister),
              headers={"Content-Type": "text/plain"}, expect=_REFUSED, statuses=_BAD),
        Posts("It gets a service", lambda state: "", method="GET", statuses=(404, 405, 501)),
        Posts("It posts to a service that there is not", documents.text(reregister), endpoint="EiNothing",
              statuses=(404, 406, 501)),
        Posts("It posts to the wrong service", documents.text(reregister), endpoint="EiEvent", expect=_REFUSED,
              statuses=_BAD),
        *_ALIVE,
    )),
    general("VEN-G-09", "A document of eight megabytes", ways=_PUSH, steps=(
        JOINED,
        Posts("The VTN sends it", documents.large(reregister), expect=_REFUSED, statuses=(413, *_BAD)),
        *_ALIVE,
    )),
    general("VEN-G-10", "A message for another VEN: 452", steps=(
        JOINED,
        Sends("The VTN wants another VEN to register again", _another, Expect((Response,), ("452", "463"),
              rules=(21,))),
        *_ALIVE,
    )),
    general("VEN-G-11", "A message that a VTN does not send", ways=REACHED, steps=(
        JOINED,
        Sends("The VTN sends oadrRequestEvent", _of_vens, Expect((Response, DistributeEvent), ("4..",))),
        *_ALIVE,
    )),
    general("VEN-G-12", "Who has another identity is not the VTN: 463", ways=REACHED, needs=_STRANGE, steps=(
        JOINED,
        Sends("A stranger wants the VEN to register again", reregister, Expect((Response,), ("463",), rules=(21,)),
              stranger=True),
        Sends("A stranger sends events", _EVENTS, Expect((Response,), ("463",), rules=(21,)), stranger=True),
        *_ALIVE,
    )),
    general("VEN-G-13", "A signed message counts once", ways=REACHED, needs=_SIGNED, steps=(
        JOINED,
        Posts("The VTN sends a signed message", documents.kept(ask_metadata), endpoint="EiReport",
              expect=Expect((CreatedReport,))),
        Awaits("The VEN says what it can report", Expect((RegisterReport,), ())),
        Posts("The VTN sends the very same document again", lambda state: state.notes["document"],
              endpoint="EiReport", expect=Expect((Response, CreatedReport), ("4..",)), statuses=_BAD),
        *_ALIVE,
    )),
    general("VEN-G-14", "Who has agreed to sign, signs, and nothing is changed afterwards", ways=REACHED,
            needs=_SIGNED, steps=(
        JOINED,
        Posts("The VTN sends a message that is not signed", documents.unsigned(ask_metadata), endpoint="EiReport",
              expect=Expect((Response, CreatedReport), ("4..",)), statuses=_BAD),
        Posts("It sends one that was changed after it was signed", documents.tampered(ask_metadata),
              endpoint="EiReport", expect=Expect((Response, CreatedReport), ("4..",)), statuses=_BAD),
        *_ALIVE,
    )),
)  # fmt: skip
