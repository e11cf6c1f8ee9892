"""What a scenario is: a sequence of steps, each with what is expected. Declared here, played by `player`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from ..model import Message
from .state import Make, State
from .ways import ALL, Way

Subject = Literal["vtn", "ven"]
Group = Literal["registration", "events", "opt", "reports", "general"]

GROUPS: tuple[Group, ...] = ("registration", "events", "opt", "reports", "general")


@attrs.frozen(slots=True)
class Check:
    """Something that has to be true of a message: in words, and a function that returns what is wrong, or nothing."""

    text: str
    fault: Callable[[State, Any], str]


def that(text: str, holds: Callable[[State, Any], object]) -> Check:
    """Return a check that something holds."""
    return Check(text, lambda state, message: "" if holds(state, message) else f"not so: {text}")


def equal(name: str, found: Callable[[Any], object], wanted: object) -> Check:
    """Return a check that a part of a message is as wanted: a value, or what makes one of what is known."""

    def fault(state: State, message: Any) -> str:
        value, due = found(message), wanted(state) if callable(wanted) else wanted
        return "" if value == due else f"{name} is {value!s:.80}, not {due!s:.80}"

    return Check(f"{name} as known" if callable(wanted) else f"{name} {wanted}", fault)


@attrs.frozen(slots=True)
class Expect:
    """What has to come.

    Attributes:
        kinds: the messages that it may be.
        codes: response codes that are good; `4..` is any refusal; none given: it is no answer, or not looked at.
        checks: what else has to be true of it.
        rules: numbers of the rules that say so.
        learn: takes from it what later steps need.
        hidden: nothing may have come at all (an empty answer) besides.
    """

    kinds: tuple[type[Message], ...]
    codes: tuple[str, ...] = ("200",)
    checks: tuple[Check, ...] = ()
    rules: tuple[int, ...] = ()
    learn: Callable[[State, Any], None] | None = None
    empty: bool = False

    def __str__(self) -> str:
        """Return it in words."""
        names = " or ".join(f"oadr{kind.__name__}" for kind in self.kinds)
        codes = [code if code != "4.." else "a refusal (4xx)" for code in self.codes]
        parts = [names, f"with {' or '.join(codes)}" if codes else "", "; ".join(check.text for check in self.checks)]
        return ": ".join(filter(None, [" ".join(filter(None, parts[:2])), parts[2]]))


@attrs.frozen(slots=True, kw_only=True)
class Step:
    """One step."""

    text: str = attrs.field(kw_only=False)


@attrs.frozen(slots=True)
class Sends(Step):
    """The tester sends a message, and gets an answer.

    A VEN that comes for its messages answers by one of its own; where it has nothing to say beyond that all is well it
    says nothing.

    Attributes:
        stranger: it is sent by somebody whom the subject does not know.
    """

    message: Make = attrs.field(kw_only=False)
    expect: Expect = attrs.field(kw_only=False)
    stranger: bool = False


@attrs.frozen(slots=True)
class Posts(Step):
    """The tester sends a document that may be no message.

    Attributes:
        body: the text; `endpoint` where it goes over HTTP.
        statuses: HTTP statuses by which it may be refused.
        expect: the answer in OpenADR's words with status 200; None where there must be none.
        again: what is to be sent is the signed text of the last message.
    """

    body: Make = attrs.field(kw_only=False)
    expect: Expect | None = None
    statuses: tuple[int, ...] = ()
    endpoint: str = "EiRegisterParty"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    method: str = "POST"


@attrs.frozen(slots=True)
class Awaits(Step):
    """The subject sends a message of itself; the tester answers by `reply`, or as it should."""

    expect: Expect = attrs.field(kw_only=False)
    reply: Callable[[State, Any], Message | None] | None = None


@attrs.frozen(slots=True)
class Quiet(Step):
    """The subject sends nothing of these kinds for a while.

    Attributes:
        stragglers: how many that were under way may still come before.
        periods: how many periods of the reports that were asked for it has to last; zero for the usual while.
    """

    kinds: tuple[type[Message], ...] = attrs.field(kw_only=False)
    rules: tuple[int, ...] = ()
    stragglers: int = 0
    periods: float = 0


@attrs.frozen(slots=True)
class Asks(Step):
    """Who operates the subject lets it do something; it `may_refuse`."""

    verb: str = attrs.field(kw_only=False)
    arguments: Callable[[State], Mapping[str, Any]] = lambda state: {}
    may_refuse: bool = False
    rules: tuple[int, ...] = ()


@attrs.frozen(slots=True)
class Confirms(Step):
    """Who operates the subject says what it shows."""

    question: str = attrs.field(kw_only=False)
    expected: object = attrs.field(kw_only=False)
    arguments: Callable[[State], Mapping[str, Any]] = lambda state: {}
    rules: tuple[int, ...] = ()


@attrs.frozen(slots=True)
class Joins(Step):
    """There is a registration: the tester registers, or the VEN under test has done so; `anew` in any case."""

    anew: bool = False
    report_only: bool = False


@attrs.frozen(slots=True)
class Drains(Step):
    """A VEN that comes for its messages does so until nothing is left."""


@attrs.frozen(slots=True)
class Lists(Step):
    """The subject lists its services (over XMPP)."""


@attrs.frozen(slots=True)
class Scenario:
    """What is played.

    Attributes:
        id: by which it is called.
        subject: the role under test.
        needs: `stranger` for an identity that the subject does not know, `signing` for signed messages, `plain` for
            a tester that does not sign, `report_only` for a VEN that registers for reports only.
        offers: names of reports that a VEN under test has to offer, else nothing can be said.
    """

    id: str
    title: str
    subject: Subject
    group: Group
    steps: tuple[Step, ...]
    ways: frozenset[Way] = ALL
    needs: frozenset[str] = frozenset()
    offers: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[int, ...]:
        """The numbers of the rules that it is about."""
        return tuple(sorted({number for step in self.steps for number in rules(step)}))


def expected(step: Step) -> Expect | None:
    """Return what a step expects to come."""
    return step.expect if isinstance(step, Sends | Posts | Awaits) else None


def rules(step: Step) -> tuple[int, ...]:
    """Return the numbers of the rules that a step is about."""
    found = expected(step)
    return found.rules if found is not None else getattr(step, "rules", ())
