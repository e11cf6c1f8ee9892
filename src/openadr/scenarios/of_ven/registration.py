"""EiRegisterParty of a VEN."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...core.answers import Code, Rejected, negative
from ...model import (
    CanceledPartyRegistration,
    CancelPartyRegistration,
    CreatePartyRegistration,
    DistributeEvent,
    Message,
    Poll,
    QueryRegistration,
    RegisterReport,
    RequestEvent,
    Response,
)
from ..replies import registered
from ..state import State
from ..steps import Asks, Awaits, Confirms, Expect, Joins, Quiet, Scenario, Sends, equal, that
from ..ways import REACHED, Way
from .messages import cancel, reregister

registration = partial(Scenario, subject="ven", group="registration")

JOINED = Joins("The VEN is registered")
FRESH = Joins("The VEN registers anew", anew=True)

_CREATE = (CreatePartyRegistration,)
_CANCELED = (CanceledPartyRegistration,)
NO_IDS = (
    that("it has no registrationID", lambda state, m: not m.registration_id),
    that("it has an address, where it is reached", lambda s, m: bool(m.transport_address) or s.way is Way.PULL),
)
SAME_IDS = (
    equal("venID", lambda m: m.ven_id, lambda state: state.ven_id),
    equal("registrationID", lambda m: m.registration_id, lambda state: state.registration_id),
)
OK = Expect((Response,))
SHOWN = Confirms("Is the VEN registered?", "registered", True)
_GONE = Confirms("Is the VEN registered?", "registered", False)


def _refuse(state: State, message: Any) -> Message:
    state.registered = False
    answer = registered(state, message)
    error = Rejected(Code.NOT_REGISTERED, "this VTN does not register anybody today")
    return type(answer)(ei_response=negative(error, message.request_id), vtn_id=state.vtn_id, profiles=answer.profiles)


def _renumber(state: State, message: Any) -> Message:
    """Register the VEN under a new registrationID."""
    state.registration_id = ""
    return registered(state, message)


def _forgotten(state: State, message: Any) -> Message:
    """Say that the VEN is not known any more."""
    state.registered, state.registration_id = False, ""
    return Response(ei_response=negative(Rejected(Code.NOT_REGISTERED, "the VEN is not registered"), ""))


ENDED = Sends("The VTN ends the registration", cancel(), Expect(_CANCELED, checks=SAME_IDS, learn=lambda s, m: _end(s)))
BEGIN = Asks("Let the VEN register", "register")


def _end(state: State) -> None:
    state.registered, state.registration_id = False, ""


REGISTRATION = (
    registration("VEN-N-01", "The order of registration: create, reports, events", steps=(
        JOINED, ENDED, BEGIN,
        Awaits("The VEN asks what the VTN speaks", Expect((QueryRegistration,), (), rules=(401,))),
        Awaits("It registers", Expect(_CREATE, (), checks=NO_IDS, rules=(402, 404))),
        Awaits("It says what it can report", Expect((RegisterReport,), (), rules=(301, 311, 312, 331))),
        Awaits("It asks for its events", Expect((RequestEvent,), (), rules=(405,), checks=(
            equal("venID", lambda m: m.ven_id, lambda state: state.ven_id),))),
        SHOWN,
    )),
    registration("VEN-N-02", "The VEN registers again at the VTN's wish, under its IDs", steps=(
        JOINED,
        Sends("The VTN wants the VEN to register again", reregister, OK),
        Awaits("It registers again", Expect(_CREATE, (), checks=SAME_IDS)),
        SHOWN,
    )),
    registration("VEN-N-03", "The VTN ends the registration", steps=(
        JOINED, ENDED, _GONE,
    )),
    registration("VEN-N-04", "A registration that is not known is not ended", steps=(
        JOINED,
        Sends("The VTN ends a registration that there is not", cancel("no-such-registration"), Expect(
            (*_CANCELED, Response), ("452",))),
        Sends("It wants the VEN to register again", reregister, OK),
        Awaits("The VEN does, under its IDs", Expect(_CREATE, (), checks=SAME_IDS)),
    )),
    registration("VEN-N-05", "The VEN ends the registration", steps=(
        JOINED,
        Asks("Let the VEN end its registration", "leave"),
        Awaits("It ends its registration", Expect((CancelPartyRegistration,), (), checks=SAME_IDS)),
        _GONE,
    )),
    registration("VEN-N-06", "The VTN refuses to register the VEN; later it does not", steps=(
        JOINED, ENDED, BEGIN,
        Awaits("The VEN registers", Expect(_CREATE, (), checks=NO_IDS, rules=(404,)), reply=_refuse),
        Quiet("It does not go on", (RegisterReport, RequestEvent)),
        _GONE, BEGIN,
        Awaits("It registers once more", Expect(_CREATE, (), checks=NO_IDS)),
        Awaits("It asks for its events", Expect((RequestEvent,), (), rules=(405,))),
        SHOWN,
    )),
    registration("VEN-N-07", "A VEN that is told that it is not registered registers anew", ways=frozenset({Way.PULL}),
                 steps=(
        JOINED,
        Awaits("The VEN comes for its messages", Expect((Poll,), ()), reply=_forgotten),
        Awaits("It registers without IDs", Expect(_CREATE, (), checks=NO_IDS, rules=(404, 406))),
        Awaits("It says what it can report", Expect((RegisterReport,), (), rules=(301,))),
        Awaits("It asks for its events", Expect((RequestEvent,), (), rules=(405,))),
        SHOWN,
    )),
    registration("VEN-N-08", "Under a new registrationID all begins anew", steps=(
        JOINED,
        Sends("The VTN wants the VEN to register again", reregister, OK),
        Awaits("It registers again", Expect(_CREATE, (), checks=SAME_IDS), reply=_renumber),
        Awaits("It says what it can report", Expect((RegisterReport,), (), rules=(301, 406))),
        Awaits("It asks for its events", Expect((RequestEvent,), (), rules=(405,))),
        SHOWN,
    )),
    registration("VEN-N-09", "A VEN that is not registered refuses events", ways=REACHED, steps=(
        JOINED, ENDED,
        Sends("The VTN sends events", lambda state: DistributeEvent(request_id=state.new("D"), vtn_id=state.vtn_id),
              Expect((Response,), ("463", "452"))),
    )),
)  # fmt: skip
