"""EiOpt of a VTN."""

from __future__ import annotations

from functools import partial

from ...model import CanceledOpt, CreatedOpt, EiTarget, OptType, Response
from ..steps import Confirms, Expect, Scenario, Sends, equal
from .events import accepted, comes, made
from .messages import answer, cancel_opt, opt_event, opt_times, opt_unknown
from .registration import JOINED

opts = partial(Scenario, subject="vtn", group="opt")

_SAME = equal("optID", lambda m: m.opt_id, lambda state: state.notes["opt"])
_GOOD = Expect((CreatedOpt,), checks=(_SAME,))
_GONE = Expect((CanceledOpt,), checks=(_SAME,))


def _refused(*codes: str) -> Expect:
    return Expect((CreatedOpt, Response), codes)


def _said(value: str) -> Confirms:
    return Confirms("What has the VEN said of the event?", "opt", value, lambda state: {"name": "event"})


def _available(value: str, hours: float = 101) -> Confirms:
    return Confirms(
        f"What has the VEN said of the time in {hours:g} hours?", "available", value, lambda state: {"hours": hours}
    )


_MADE = made("Make an event: SIMPLE level 1, in 72 hours, for 2 hours")

OPTS = (
    opts("VTN-P-01", "A VEN opts out of an event by EiOpt", steps=(
        JOINED, _MADE, comes(), accepted(),
        Sends("The VEN opts out", opt_event(), _GOOD),
        _said("optOut"),
    )),
    opts("VTN-P-02", "What is said by EiOpt goes before later answers, until it is taken back", steps=(
        JOINED, _MADE, comes(), accepted(),
        Sends("The VEN opts out by EiOpt", opt_event(), Expect((CreatedOpt,), checks=(_SAME,), rules=(206,))),
        Sends("It answers the event by optIn", answer(), Expect((Response,), rules=(206,))),
        _said("optOut"),
        Sends("It takes the opt back", cancel_opt(), _GONE),
        Sends("It answers the event by optIn", answer(), Expect((Response,), rules=(16,))),
        _said("optIn"),
    )),
    opts("VTN-P-03", "A VEN says when it is not available, and takes it back", steps=(
        JOINED,
        Sends("The VEN says that it is not available in 100 hours, for 2 hours", opt_times(), _GOOD),
        _available("optOut"),
        Sends("It takes it back", cancel_opt(), _GONE),
        _available("nothing"),
    )),
    opts("VTN-P-04", "An opt under the same optID takes the place of the one before", steps=(
        JOINED,
        Sends("The VEN says that it is not available in 100 hours, for 2 hours", opt_times(), _GOOD),
        Sends("Under the same optID it says 200 hours", opt_times(hours=200), _GOOD),
        _available("nothing"),
        _available("optOut", 201),
        Sends("It takes it back", cancel_opt(), _GONE),
    )),
    opts("VTN-P-05", "To take back an opt that nobody knows is refused", steps=(
        JOINED,
        Sends("The VEN takes back an opt that there is not", cancel_opt("no-such-opt"), Expect(
            (CanceledOpt, Response), ("452",))),
    )),
    opts("VTN-P-06", "An opt of an event that nobody knows is refused", steps=(
        JOINED,
        Sends("The VEN opts out of an event that there is not", opt_unknown, _refused("452")),
    )),
    opts("VTN-P-07", "An opt of an old modification is refused", steps=(
        JOINED, _MADE, comes(),
        Sends("The VEN opts out of a modification that there is not", opt_event(older=-3), _refused("450")),
        _said("nothing"),
    )),
    opts("VTN-P-08", "An opt is of an event or of times", steps=(
        JOINED,
        Sends("The VEN sends an opt of neither", opt_times(vavailability=None), _refused("454")),
    )),
    opts("VTN-P-09", "An opt about another VEN is refused", steps=(
        JOINED,
        Sends("The VEN sends an opt whose target is another VEN",
              opt_times(ei_target=EiTarget(ven_ids=("another-ven",))), _refused("462")),
    )),
    opts("VTN-P-10", "An opt in the name of another VEN is refused", steps=(
        JOINED,
        Sends("The VEN sends an opt under another venID", opt_times(ven_id="another-ven"), _refused("463", "452")),
    )),
    opts("VTN-P-11", "An opt of a resource says nothing of the rest", steps=(
        JOINED, _MADE, comes(), accepted(),
        Sends("The VEN opts out with one resource", opt_event(ei_target=EiTarget(resource_ids=("pcc",))), _GOOD),
        _said("optIn"),
    )),
    opts("VTN-P-12", "A VEN says when it is available", steps=(
        JOINED,
        Sends("The VEN says that it is available in 100 hours, for 2 hours", opt_times(OptType.OPT_IN), _GOOD),
        _available("optIn"),
        Sends("It takes it back", cancel_opt(), _GONE),
    )),
)  # fmt: skip
