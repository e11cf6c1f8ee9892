"""EiRegisterParty of a VTN."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...model import (
    CanceledPartyRegistration,
    CancelPartyRegistration,
    CreatedOpt,
    CreatedPartyRegistration,
    DistributeEvent,
    RegisteredReport,
    RequestReregistration,
    Response,
    TransportName,
)
from ..state import State
from ..steps import Asks, Awaits, Check, Confirms, Expect, Joins, Quiet, Scenario, Sends, equal, that
from ..ways import Way
from .messages import USAGE, again, ask_events, cancel, create, offer, opt_times, query

registration = partial(Scenario, subject="vtn", group="registration")

_CREATED = (CreatedPartyRegistration,)
_CANCELED = (CanceledPartyRegistration,)


def _learn(state: State, answer: Any) -> None:
    state.ven_id, state.registration_id = answer.ven_id, answer.registration_id
    state.vtn_id, state.registered = answer.vtn_id, True


def _note(state: State, answer: Any) -> None:
    state.notes["before"] = state.registration_id
    _learn(state, answer)


HAS_IDS = that("it has a venID and a registrationID", lambda state, m: m.ven_id and m.registration_id)
SAME_IDS = (
    equal("venID", lambda m: m.ven_id, lambda state: state.ven_id),
    equal("registrationID", lambda m: m.registration_id, lambda state: state.registration_id),
)
POLL_FREQUENCY = that(
    "oadrRequestedOadrPollFreq is there for a VEN that comes for its messages",
    lambda state, m: (m.requested_oadr_poll_freq is not None) or state.way is not Way.PULL,
)


def _speaks(state: State, message: Any) -> str:
    wanted = TransportName.XMPP if state.way is Way.XMPP else TransportName.SIMPLE_HTTP
    found = {transport for profile in message.profiles for transport in profile.transports}
    return "" if wanted in found else f"it does not list {wanted}"


JOINED = Joins("The VEN registers, and asks for its events")

REGISTRATION = (
    registration("VTN-N-01", "A query tells the profiles, and registers nobody", steps=(
        Sends("The VEN asks what the VTN speaks", query, Expect(_CREATED, checks=(
            Check("it lists the transport that is used", _speaks),
            that("it has no registrationID", lambda state, m: not m.registration_id),
            that("it names the VTN", lambda state, m: m.vtn_id),
        ), rules=(401,))),
        Sends("The VEN asks for events", ask_events(), Expect((DistributeEvent, Response), ("463",))),
    )),
    registration("VTN-N-02", "The first registration has no IDs, and brings them", steps=(
        Sends("The VEN asks what the VTN speaks", query, Expect(_CREATED)),
        Sends("The VEN registers", create(), Expect(
            _CREATED, checks=(HAS_IDS, POLL_FREQUENCY, Check("it lists the transport that is used", _speaks)),
            rules=(402, 404), learn=_learn)),
        Confirms("Is the VEN registered?", "registered", True),
    )),
    registration("VTN-N-03", "A registration is renewed under the same IDs", steps=(
        JOINED,
        Sends("The VEN registers again with its IDs", again, Expect(_CREATED, checks=SAME_IDS)),
        Sends("It asks for events", ask_events(), Expect((DistributeEvent,), rules=(40,))),
    )),
    registration("VTN-N-04", "A registration without IDs takes the place of the one before", steps=(
        JOINED,
        Sends("The VEN registers without IDs", create(), Expect(
            _CREATED, rules=(406,), learn=_note,
            checks=(HAS_IDS, equal("venID", lambda m: m.ven_id, lambda state: state.ven_id),
                    that("the registrationID is a new one", lambda s, m: m.registration_id != s.registration_id)))),
        Sends("It ends the registration that was before", lambda state: cancel(state.notes["before"])(state),
              Expect(_CANCELED, ("452",))),
        Sends("It asks for events", ask_events(), Expect((DistributeEvent,), rules=(40,))),
    )),
    registration("VTN-N-05", "A registrationID that is not known is refused", steps=(
        JOINED,
        Sends("The VEN registers again with another registrationID",
              lambda state: create(registration_id="no-such-registration", ven_id=state.ven_id)(state),
              Expect(_CREATED, ("452",))),
        Sends("It registers again with its own", again, Expect(_CREATED, checks=SAME_IDS)),
    )),
    registration("VTN-N-06", "A venID that is not the VEN's is refused", steps=(
        JOINED,
        Sends("The VEN registers again with another venID",
              lambda state: create(registration_id=state.registration_id, ven_id="another-ven")(state),
              Expect(_CREATED, ("452", "463"), rules=(21,))),
        Sends("It registers again with its own", again, Expect(_CREATED, checks=SAME_IDS)),
    )),
    registration("VTN-N-07", "A VEN ends its registration", steps=(
        JOINED,
        Sends("The VEN ends its registration", cancel(), Expect(_CANCELED, checks=SAME_IDS)),
        Sends("It asks for events all the same", ask_events(), Expect((DistributeEvent, Response), ("463", "452"))),
        Confirms("Is the VEN registered?", "registered", False),
    )),
    registration("VTN-N-08", "To end a registration that is not known changes nothing", steps=(
        JOINED,
        Sends("The VEN ends a registration that nobody knows", cancel("no-such-registration"),
              Expect(_CANCELED, ("452",))),
        Sends("It registers again with its IDs", again, Expect(_CREATED, checks=SAME_IDS)),
    )),
    registration("VTN-N-09", "The VTN wants the VEN to register again", steps=(
        JOINED,
        Asks("Ask the VEN to register again", "request_reregistration"),
        Awaits("The VTN asks for it", Expect((RequestReregistration,), (), checks=(SAME_IDS[0],))),
        Sends("The VEN registers again with its IDs", again, Expect(_CREATED, checks=SAME_IDS)),
    )),
    registration("VTN-N-10", "The VTN ends the registration", steps=(
        JOINED,
        Asks("End the registration of the VEN", "cancel_registration"),
        Awaits("The VTN ends it", Expect((CancelPartyRegistration,), (), checks=(
            equal("registrationID", lambda m: m.registration_id, lambda state: state.registration_id),))),
        Confirms("Is the VEN registered?", "registered", False),
        Sends("The VEN asks for events all the same", ask_events(),
              Expect((DistributeEvent, Response), ("463", "452"))),
    )),
    registration("VTN-N-11", "A VEN that registers for reports only gets no events", steps=(
        Joins("The VEN registers for reports only", report_only=True),
        Sends("It offers a report", offer(USAGE), Expect((RegisteredReport,))),
        Asks("Make an event for the VEN", "create_event", lambda state: {"name": "event"}, may_refuse=True),
        Quiet("No event comes", (DistributeEvent,)),
    )),
    registration("VTN-N-12", "Who is not registered is refused, whatever it says", steps=(
        Sends("The VEN asks for events", lambda state: _as_nobody(ask_events(), state),
              Expect((DistributeEvent, Response), ("463", "452"), rules=(21,))),
        Sends("It offers a report", lambda state: _as_nobody(offer(USAGE), state),
              Expect((RegisteredReport, Response), ("463", "452"), rules=(21,))),
        Sends("It says when it is available", lambda state: _as_nobody(opt_times(), state),
              Expect((CreatedOpt, Response), ("463", "452"), rules=(21,))),
    )),
)  # fmt: skip


def _as_nobody(make: Any, state: State) -> Any:
    """Return a message of a venID that nobody has."""
    state.ven_id = "nobody"
    try:
        return make(state)
    finally:
        state.ven_id = ""
