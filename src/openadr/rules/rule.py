"""What a rule is: a function named by its number, and what is known of it::

    @check(2, "the intervals of a signal are numbered 0, 1, 2 …", of=EiEvent, source="openleadr tests")
    def rule_2(event: EiEvent) -> Faults: ...

    for finding in rule_2(event): print(finding)

There are three kinds. A **check** looks at one message or a part of one and yields what is wrong with it. A
**decision** is what a role does in a case: the roles call it. A **course** looks at a conversation of a VTN and a VEN.
What a role has to do that no function can tell stands in the table by itself (`conduct`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import attrs

from .codes import Code

P = ParamSpec("P")
T = TypeVar("T")

Trail = tuple[str | int, ...]
"""Where something stands in a message: names of fields and positions in sequences, from outside inwards."""

Faults = Iterator[tuple[str, Trail]]
"""What a check yields: what is wrong, and where."""


class Kind(StrEnum):
    """How a rule is kept."""

    CHECK = "check"
    DECISION = "decision"
    COURSE = "course"
    CONDUCT = "conduct"


class Grade(StrEnum):
    """How sure it is that what breaks a rule is wrong."""

    ERROR = "error"
    WARNING = "warning"
    """The rule is known from memory alone, or breaking it is allowed: said, never refused."""


@attrs.frozen(slots=True, eq=False)
class Rule:
    """A rule.

    Attributes:
        number: as it is cited; None for a check of certification practice, which has none.
        meaning: what it asks for, in our words.
        kept_by: VTN, VEN or both.
        kind: how it is kept.
        where: the module that sees to it.
        source: who says that there is such a rule, and what it means.
        code: with which what breaks it is answered; None where nothing is answered for it.
        grade: of a check: an error, or only a warning.
        harmful: whether a role refuses what breaks it; what does no harm it lets pass. It sends neither.
        of: the class that a check looks at; None for the other kinds.
        timed: whether a check depends on the time.
        function: the function; None for conduct.
    """

    number: int | None
    meaning: str
    kept_by: str = "both"
    kind: Kind = Kind.CONDUCT
    where: str = ""
    source: str = ""
    code: Code | None = None
    grade: Grade = Grade.ERROR
    harmful: bool = False
    of: type | None = None
    timed: bool = False
    function: Callable[..., Any] | None = None

    @property
    def weight(self) -> str:
        """What it comes to where it is broken: of a check the grade; `refused` and the code where a role answers so."""
        if self.kind is not Kind.CHECK:
            return f"refused {self.code}" if self.code else ""
        return f"{self.grade}, refused {self.code}" if self.harmful else str(self.grade)

    @property
    def name(self) -> str:
        """How it is cited."""
        return f"rule {self.number}" if self.number is not None else "checked in certification"


@attrs.frozen(slots=True)
class Finding:
    """A rule that is broken: which, how, and where."""

    rule: Rule
    message: str
    at: Trail = ()

    @property
    def is_error(self) -> bool:
        """Whether this is more than a warning."""
        return self.rule.grade is Grade.ERROR

    def within(self, *trail: str | int) -> Finding:
        """Return the finding as one in a thing that holds what was looked at."""
        return attrs.evolve(self, at=(*trail, *self.at))

    def __str__(self) -> str:
        return f"{self.message} ({self.rule.name})"


FUNCTIONS: list[Rule] = []
"""Every rule that is a function, as they are met."""


def check(
    number: int | None,
    meaning: str,
    *,
    of: type,
    source: str,
    kept_by: str = "both",
    code: Code = Code.COMPLIANCE_ERROR,
    grade: Grade = Grade.ERROR,
    harmful: bool = False,
    timed: bool = False,
) -> Callable[[Callable[P, Faults]], Callable[P, Iterator[Finding]]]:
    """Make a function that yields faults of an `of` a rule; one that is `timed` takes the time as well."""

    def make(function: Callable[P, Faults]) -> Callable[P, Iterator[Finding]]:
        @wraps(function)
        def findings(*args: P.args, **kwargs: P.kwargs) -> Iterator[Finding]:
            for message, at in function(*args, **kwargs):
                yield Finding(rule, message, at)

        rule = Rule(
            number, meaning, kept_by, Kind.CHECK, _module(function), source, code, grade, harmful, of, timed, findings
        )
        FUNCTIONS.append(rule)
        return findings

    return make


def decision(
    number: int, meaning: str, *, kept_by: str, source: str, code: Code | None = None
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function that the roles call a rule."""

    def make(function: Callable[P, T]) -> Callable[P, T]:
        where = _module(function)
        FUNCTIONS.append(Rule(number, meaning, kept_by, Kind.DECISION, where, source, code, function=function))
        return function

    return make


def course(
    number: int, meaning: str, *, kept_by: str, source: str, code: Code | None = None
) -> Callable[[Callable[P, Faults]], Callable[P, Iterator[Finding]]]:
    """Make a function that looks at a conversation a rule; what it yields stands at positions in the conversation."""

    def make(function: Callable[P, Faults]) -> Callable[P, Iterator[Finding]]:
        @wraps(function)
        def findings(*args: P.args, **kwargs: P.kwargs) -> Iterator[Finding]:
            for message, at in function(*args, **kwargs):
                yield Finding(rule, message, at)

        rule = Rule(number, meaning, kept_by, Kind.COURSE, _module(function), source, code, function=findings)
        FUNCTIONS.append(rule)
        return findings

    return make


def findings(subject: object, now: datetime | None = None, *, harmful: bool = False) -> Iterator[Finding]:
    """Yield what every check of this class finds; those that depend on the time only where it is given.

    `harmful` leaves out what a role lets pass.
    """
    kind: Any = type(subject)
    for rule in _checks(kind, harmful=harmful):
        assert rule.function is not None
        if not rule.timed:
            yield from rule.function(subject)
        elif now is not None:
            yield from rule.function(subject, now)


@cache
def _checks(kind: Any, *, harmful: bool) -> tuple[Rule, ...]:
    """Return the checks of a class; asked once all of them are there."""
    found = (rule for rule in FUNCTIONS if rule.of is not None and issubclass(kind, rule.of))
    return tuple(rule for rule in found if rule.harmful or not harmful)


def _module(function: Callable[..., Any]) -> str:
    return function.__module__.partition("openadr.")[2]
