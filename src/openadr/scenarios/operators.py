"""Who operates the party under test: lets it do what a scenario needs, and says what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from ...common.errors import JanusGridError, LocalError, UnknownName
from ..core.ven import REGISTRATION
from ..core.ven_book import Ven as RegisteredVen
from ..events import OPEN, About, baseline, compose, dispatch_signal, event, simple_signal
from ..model import EiEvent, EiTarget, OptReason, OptType, ResponseRequired, SignalType, changed
from ..ven import EventChange, SentOpt, Ven
from ..vtn import Dispatch, ReportOrder, Telemetry, Vtn

SHOWN = 30.0
"""Seconds within which a party has to show what it was told."""


class CannotAct(LocalError):
    """Nobody lets the party under test do this, or can say it: nothing is known."""


class Operator(Protocol):
    """Operates the party under test."""

    async def act(self, verb: str, text: str, arguments: Mapping[str, Any]) -> None:
        """Let the party do something: `verb` for programs, `text` for people.

        Raises:
            CannotAct: that is not possible here.
            JanusGridError: the party refuses it.
        """
        ...

    async def observe(self, question: str, text: str, arguments: Mapping[str, Any], expected: object) -> object:
        """Return what the party shows, as soon as it is what is expected; raise `CannotAct` if nobody can say."""
        ...


class Nobody:
    """Operates nothing: what a scenario needs does not happen."""

    async def act(self, verb: str, text: str, arguments: Mapping[str, Any]) -> None:
        raise CannotAct("nobody operates the party under test")

    async def observe(self, question: str, text: str, arguments: Mapping[str, Any], expected: object) -> object:
        raise CannotAct("nobody says what the party under test shows")


class _Own:
    """Operates a role of this process: a verb or a question is a method of it."""

    async def act(self, verb: str, text: str, arguments: Mapping[str, Any]) -> None:
        """Do it (see `Operator`)."""
        method = getattr(self, f"do_{verb}", None)
        if method is None:
            raise CannotAct(f"{verb} is nothing that this party does")
        try:
            found = method(**arguments)
            if asyncio.iscoroutine(found):
                await found
        except UnknownName as error:
            raise CannotAct(str(error)) from None

    async def observe(self, question: str, text: str, arguments: Mapping[str, Any], expected: object) -> object:
        """Look (see `Operator`)."""
        method = getattr(self, f"is_{question}", None)
        if method is None:
            raise CannotAct(f"nobody can say {question}")
        until = asyncio.get_running_loop().time() + SHOWN
        while (shown := _seen(method, arguments)) != expected and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return shown


def _seen(method: Any, arguments: Mapping[str, Any]) -> object:
    try:
        return method(**arguments)
    except JanusGridError as error:
        return f"({error})"


class VtnOperator(_Own):
    """Operates a `Vtn` of this process, on behalf of the tester, which has registered as the VEN of this name."""

    def __init__(self, vtn: Vtn, ven_name: str) -> None:
        self._vtn, self._name = vtn, ven_name
        self._made: dict[str, Dispatch] = {}
        self._orders: dict[str, ReportOrder[Telemetry]] = {}
        self._values: dict[str, int] = {}
        vtn.listen(Telemetry, self._came)

    @property
    def _ven(self) -> RegisteredVen:
        return self._vtn.core.ven(self._name)

    def do_create_event(
        self, name: str, hours: float = 72, lasts: float = 2, level: float = 1, response: str = "always",
        signal: str = "SIMPLE", market: str = "http://janusgrid.example/market", ramp_up: float = 0,
        recovery: float = 0, randomise: float = 0, priority: int = 0, test: bool = False, resource: str = "",
        with_baseline: bool = False,
    ) -> None:  # fmt: skip
        """Make an event that begins in so many hours; what `lasts` no time is open-ended."""
        now = self._vtn.clock.now().replace(microsecond=0)
        start = now + timedelta(hours=hours)
        length = timedelta(hours=lasts) if lasts else OPEN
        target = EiTarget(resource_ids=(resource,)) if resource else EiTarget()
        about: About = {
            "market": market, "ramp_up": timedelta(hours=ramp_up), "recovery": timedelta(hours=recovery),
            "randomise": timedelta(minutes=randomise), "priority": priority, "test": test, "target": target,
            "notification": timedelta(hours=max(hours, 0)),
        }  # fmt: skip
        if with_baseline:
            about["baseline"] = baseline([(length, 900.0)], start=start)
        if signal == "SIMPLE":
            made = compose(simple_signal([(length, level)]), start=start, created=now, **about)
        elif signal == "LOAD_DISPATCH":
            made = compose(dispatch_signal([(length, level)]), start=start, created=now, **about)
        elif signal == "both":
            signals = simple_signal([(length, 1)]), dispatch_signal([(length / 2, 500.0), (length / 2, 700.0)])
            made = compose(*signals, start=start, created=now, **about)
        else:
            made = event(signal, SignalType.LEVEL, [(length, level)], start=start, created=now, **about)
        self._made[name] = self._vtn.create_event(made, [self._name], ResponseRequired(response))

    def do_modify_event(self, name: str, level: float = 2) -> None:
        """Change the value of an event's first signal."""
        dispatch = self._made[name]
        dispatch.modify(_with_level(dispatch.event, level))

    def do_cancel_event(self, name: str) -> None:
        """Cancel an event."""
        self._made[name].cancel()

    def do_request_report(self, report: str, every: float, granularity: float) -> None:
        """Ask for a report of the VEN."""
        step, back = timedelta(seconds=granularity), timedelta(seconds=every)
        self._orders[report] = self._vtn.request_report(self._name, report, granularity=step, every=back)

    def do_cancel_report(self, report: str, to_follow: bool = False, with_next: bool = False) -> None:
        """End it."""
        request_id = self._orders[report].request.report_request_id
        self._vtn.cancel_report(self._name, request_id, to_follow=to_follow, with_next=with_next)

    def do_request_metadata(self) -> None:
        """Ask what the VEN can report."""
        self._vtn.request_metadata(self._name)

    def do_request_reregistration(self) -> None:
        """Ask the VEN to register again."""
        self._vtn.core.request_registration(self._name)
        self._vtn.nudge()

    def do_cancel_registration(self) -> None:
        """End the VEN's registration."""
        self._vtn.core.cancel_registration(self._name)
        self._vtn.nudge()

    def do_clear(self) -> None:
        """Cancel what is left of the scenario."""
        made, self._made = self._made, {}
        for dispatch in made.values():
            dispatch.cancel()
        self._orders.clear()
        self._values.clear()

    def is_opt(self, name: str) -> str:
        """Return what the VEN has said of an event."""
        return str(self._made[name].opt(self._name) or "nothing")

    def is_registered(self) -> bool:
        """Return whether the VEN is registered."""
        return any(ven.is_called(self._name) for ven in self._vtn.core.vens)

    def is_available(self, hours: float) -> str:
        """Return what the VEN has said of a time."""
        when = self._vtn.clock.now() + timedelta(hours=hours)
        return str(self._vtn.availability(self._name, when).opt or "nothing")

    def is_told(self, report: str) -> bool:
        """Return whether values of a report have come."""
        return self._values.get(report, 0) > 0

    def is_offered(self, report: str) -> bool:
        """Return whether the VTN knows that the VEN offers this."""
        return report in self._ven.offers

    def _came(self, told: Telemetry) -> None:
        specifier = told.report.report_specifier_id
        self._values[specifier] = self._values.get(specifier, 0) + len(told.samples)


class VenOperator(_Own):
    """Operates a `Ven` of this process: it takes over how events are decided on."""

    def __init__(self, ven: Ven) -> None:
        self._ven = ven
        self._answer: OptType | None = OptType.OPT_IN
        self._told: dict[str, str] = {}
        self._opts: dict[str, SentOpt] = {}
        ven.on_event(self._decide)

    def do_register(self) -> None:
        """Begin to register."""
        self._ven.core.start(self._ven.clock.now())
        self._ven.nudge()

    async def do_leave(self) -> None:
        """End the registration."""
        self._ven.core.leave(self._ven.clock.now())
        self._ven.nudge()

    def do_opt_event(self, event_id: str, opt: str, as_opt: bool = False) -> None:
        """Change the mind about an event: by the answer to it, or by EiOpt."""
        if as_opt:
            self._opts[event_id] = self._ven.opt_event(event_id, OptType(opt), reason=OptReason.EMERGENCY)
        else:
            self._ven.opt(event_id, OptType(opt))

    def do_opt_schedule(self, name: str, opt: str, hours: float, lasts: float) -> None:
        """Say that the VEN is, or is not, available."""
        start = self._ven.clock.now().replace(microsecond=0) + timedelta(hours=hours)
        self._opts[name] = self._ven.opt_schedule(OptType(opt), [(start, timedelta(hours=lasts))])

    def do_cancel_opt(self, name: str) -> None:
        """Take it back."""
        self._opts.pop(name).cancel()

    def do_decide(self, opt: str) -> None:
        """Decide so on the events to come."""
        self._answer = OptType(opt)

    def do_clear(self) -> None:
        """Forget what the scenario has changed."""
        self._answer = OptType.OPT_IN
        opts, self._opts = self._opts, {}
        for opt in opts.values():
            opt.cancel()
        self._told.clear()

    def is_registered(self) -> bool | str:
        """Return whether it is registered; in between it says where it stands."""
        core = self._ven.core
        return core.registered or (False if core.state == REGISTRATION.initial else core.state)

    def is_event(self, event_id: str) -> str:
        """Return what the application was told last of an event."""
        return self._told.get(event_id, "nothing")

    def is_opt_accepted(self, name: str) -> bool:
        """Return whether the VTN has confirmed an opt."""
        return self._opts[name].is_accepted

    def _decide(self, change: EventChange) -> OptType | None:
        self._told[change.known.event_id] = change.change.value
        return self._answer


def _with_level(made: EiEvent, level: float) -> EiEvent:
    first, *others = made.ei_event_signals
    intervals = tuple(
        changed(interval, payloads=tuple(changed(payload, value=float(level)) for payload in interval.payloads))
        for interval in first.intervals
    )
    return changed(made, ei_event_signals=(changed(first, intervals=intervals), *others))
