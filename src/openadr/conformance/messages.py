"""Which message each role takes, and how it is answered: asked of the roles themselves."""

from __future__ import annotations

from ...common.statement import Table, yes
from ..binding.services import service
from ..core.answers import Code, Rejected, rejection
from ..core.ven import VenCore
from ..core.vtn import VtnCore
from ..model import DECLARATIONS, MESSAGES, CancelOpt, CreateOpt, Message


def taken() -> dict[str, frozenset[type[Message]]]:
    """Return the messages that each role takes when they come to it: the others it answers with 453."""
    vtn = VtnCore("VTN", ())
    ven = VenCore("VEN", vtn="vtn", vtn_identity="vtn", address=None)
    return {"VTN": vtn.taken, "VEN": ven.taken}


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    by_role = taken()
    rows = tuple(
        (root(kind), service(kind) or "all", yes(kind in by_role["VTN"]), yes(kind in by_role["VEN"]), _answer(kind))
        for kind in sorted(MESSAGES, key=lambda kind: (service(kind) or "", root(kind)))
    )
    note = (
        "Every message is read and written; here is which of them a role takes as they come: by themselves or, for a "
        "VEN that polls, as the answer to its poll. A VEN that polls answers by a message of its own."
    )
    columns = ("message", "service", "VTN takes", "VEN takes", "a fault in it is told by")
    return (Table("messages", "Messages", columns, rows, note),)


def root(kind: type[Message]) -> str:
    """Return the element that a message is."""
    return (DECLARATIONS[kind].root or "").partition(":")[2]


def _answer(kind: type[Message]) -> str:
    """Return what tells the sender of a message what is wrong with it."""
    blank = object.__new__(kind)  # which message it is says all
    if issubclass(kind, CreateOpt | CancelOpt):
        object.__setattr__(blank, "opt_id", "")
    return root(type(rejection(blank, Rejected(Code.INVALID_DATA, ""))))
