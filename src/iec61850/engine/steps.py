"""How the engine asks the application without waiting for it: services that may need an answer are generators.

`yield` hands out a `Question`; whoever drives the generator asks the application, however long that takes, and sends
back its `Outcome` with the time at which it came. The engine itself never waits and knows no event loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from datetime import datetime
from enum import Enum
from typing import Any, NoReturn, TypeVar

import attrs

from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import Reference
from ..acsi.services import Origin
from ..acsi.types import BitString, DataValue, Timestamp
from .association import Association
from .decisions import Decision

T = TypeVar("T")


class Step(Enum):
    """What the application is asked about a command."""

    SELECT = "select"
    """May the object be selected by this client?"""
    INTERLOCK = "interlock"
    """Do the interlocking conditions allow it? Asked only if the client wants them checked (Check, bit 1)."""
    SYNCHROCHECK = "synchrocheck"
    """Are both sides in synchronism? Asked only if the client wants it checked (Check, bit 0), and not on selecting."""
    CHECK = "check"
    """Are all other conditions for the command met: process, authority?"""
    OPERATE = "operate"
    """Carry it out."""
    CANCEL = "cancel"
    """Break off what is being carried out."""


@attrs.frozen(slots=True)
class Command:
    """A client commands a controllable object, and the application decides.

    Attributes:
        reference: the object, `LD/LN.DO`.
        value: the control value; of a structure with one component (an analogue value) that component.
        peer: who commands: the address of the client.
        origin: as the client states it.
        number: the client's control sequence number.
        time: as the client set it.
        test: the command is for test only.
        check: what the client asks to be checked, bit 0 synchrocheck, bit 1 interlock.
        step: what the application is asked: whether it may be selected, its conditions, to do it, to break it off.
        at: the time for which it was commanded (operTm), None for at once.
        blocked: the behaviour of its node is test/blocked: nothing of it may reach the process.

    A selection without a value (Select) has the value None and an originator that is not known.
    """

    reference: Reference
    value: DataValue
    peer: str
    origin: Origin
    number: int
    time: Timestamp
    test: bool
    check: BitString
    step: Step = Step.OPERATE
    at: Timestamp | None = None
    blocked: bool = False

    @property
    def interlock_check(self) -> bool:
        """True if the client asks for the interlocking conditions to be checked."""
        return self.check[1]

    @property
    def synchrocheck(self) -> bool:
        """True if the client asks for the synchronism to be checked."""
        return self.check[0]

    def refuse(self, cause: AddCause, message: str = "") -> NoReturn:
        """Say no: raises the `ServiceRefused` that the client will get."""
        authority = cause is AddCause.NO_ACCESS_AUTHORITY  # as the table of rights says it
        error = ServiceError.ACCESS_VIOLATION if authority else ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
        raise ServiceRefused(error, message, where=str(self.reference), add_cause=cause)


@attrs.frozen(slots=True)
class Change:
    """A client writes data that the application wants to see before it is stored.

    Attributes:
        reference: what it writes, with its functional constraint.
        value: the new value, already checked against the type.
        peer: the address of the client.
        asked: what the application asked to see writes of: the same reference, or one above it.
    """

    reference: Reference
    value: DataValue
    peer: str
    asked: Reference

    def refuse(self, error: ServiceError = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, why: str = "") -> NoReturn:
        """Say no: raises the `ServiceRefused` that the client will get."""
        raise ServiceRefused(error, why, where=str(self.reference))


@attrs.frozen(slots=True)
class Wait:
    """A mapping has to wait for its client: whoever drives the steps awaits `call`, and sends what it returns.

    Attributes:
        call: is called and awaited once.
        reference: what it is about.
    """

    call: Callable[[], Awaitable[Any]]
    reference: object


Question = Command | Change | Decision | Wait


@attrs.frozen(slots=True)
class Outcome:
    """What the application said, and when.

    Attributes:
        now: the time at which it said so.
        refusal: its refusal; None if it agreed.
        follow: for a command it agreed to: whether the status follows the control value.
        result: what came of a `Wait`.
    """

    now: datetime
    refusal: ServiceRefused | None = None
    follow: bool = True
    result: Any = None


Steps = Generator[Question, Outcome, T]
"""A service under way: yields questions, is sent outcomes, returns a `T` or raises `ServiceRefused`."""


def _nothing() -> None:
    return None


@attrs.define(slots=True, eq=False)
class Job:
    """What is to be carried out after its client was answered; it ends by itself and raises nothing.

    Whoever runs it sets `stop`, which the engine calls when the job has become pointless.

    Attributes:
        client: whose command it is.
    """

    steps: Steps[None]
    client: Association
    stop: Callable[[], object] = _nothing


def settle(steps: Steps[T], outcome: Outcome) -> T:
    """Run a service to its end, giving every question the same outcome."""
    try:
        next(steps)
        while True:
            steps.send(outcome)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def ask(question: Question) -> Steps[Any]:
    """Ask, and return the result; raise the refusal."""
    outcome = yield question
    if outcome.refusal is not None:
        raise outcome.refusal
    return outcome.result
