"""Plays a scenario step by step, and writes down what was expected and what was observed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from ...common.errors import JanusGridError, Malformed, NotReachable, Refused, TimedOut
from ..binding.services import SERVICES
from ..core.answers import request_id
from ..model import (
    CanceledPartyRegistration,
    CancelPartyRegistration,
    CancelReport,
    CreatedEvent,
    CreatedPartyRegistration,
    CreatePartyRegistration,
    DistributeEvent,
    EiResponse,
    EventResponse,
    Message,
    OptType,
    Poll,
    RequestEvent,
    Response,
    TransportName,
)
from ..rules import check
from .operators import CannotAct, Operator
from .replies import usual
from .steps import (
    Asks,
    Awaits,
    Confirms,
    Drains,
    Expect,
    Joins,
    Lists,
    Posts,
    Quiet,
    Scenario,
    Sends,
    Step,
    expected,
    rules,
)
from .testers import Tester, VenTester, VtnTester, Wanted
from .verdicts import ScenarioRecord, StepRecord, Verdict, Wire
from .ways import Way
from .wire import Raw, shown

MOST_AGAIN = 10
"""How often a VTN may offer the same events in place of what else it has."""

MOST_WAITING = 50
"""Messages that a VTN may have for a VEN that has just registered."""


@attrs.define(slots=True)
class Outcome:
    """What a step has come to; `stops` where those behind it make no sense any more."""

    verdict: Verdict
    observed: str
    code: str = ""
    wire: list[Wire] = attrs.Factory(list)
    stops: bool = False


class Stuck(Exception):
    """The step cannot go on: its outcome is known."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.observed)
        self.outcome = outcome


class Player:
    """Plays scenarios with a tester that is open, against a party that somebody operates.

    Args:
        stranger: a tester whom the party under test does not know; None where there is none.
    """

    def __init__(self, tester: Tester, operator: Operator, stranger: Tester | None = None) -> None:
        self.tester = tester
        self.state = tester.state
        self._operator = operator
        self._stranger = stranger
        self._index = 0
        self._waits: dict[int, tuple[Wanted, Outcome]] = {}
        self._plays: dict[type[Step], Callable[[Any], Awaitable[Outcome]]] = {
            Joins: self._joins,
            Sends: self._sends,
            Posts: self._posts,
            Awaits: self._awaits,
            Quiet: self._quiet,
            Asks: self._asks,
            Confirms: self._confirms,
            Drains: self._drains,
            Lists: self._lists,
        }

    async def play(self, scenario: Scenario) -> ScenarioRecord:
        """Return what has come of a scenario. Whatever happens, the next one can be played afterwards."""
        tester, records = self.tester, list[StepRecord]()
        self.state.begin()
        tester.settle()
        tester.recorder.clear()
        self._waits = {index: self._wait(step) for index, step in enumerate(scenario.steps) if isinstance(step, Awaits)}
        tester.wanted.extend(wanted for wanted, _ in self._waits.values())
        reason = ""
        for self._index, step in enumerate(scenario.steps):
            began, at = time.monotonic(), self.state.clock.now()
            if reason:
                outcome = Outcome(Verdict.INCONCLUSIVE, f"not tried: {reason}")
            else:
                outcome = await self._step(step)
            records.append(_record(step, outcome, began, at))
            if outcome.stops and not reason:
                reason = "a step before it did not come off"
            elif not reason and isinstance(step, Joins):
                reason = self._not_offered(scenario)
        await self._tidy_up()
        return ScenarioRecord(scenario.id, scenario.title, scenario.group, tuple(records))

    def missing(self, scenario: Scenario) -> str:
        """Return why a scenario cannot be played here; empty if it can."""
        if "stranger" in scenario.needs and self._stranger is None:
            return "there is no stranger, whom the party under test does not know"
        if "signing" in scenario.needs and self.tester.signing is None:
            return "the tester does not sign"
        if "report_only" in scenario.needs and not self.tester.report_only:
            return "the party under test takes events, too"
        if self.tester.report_only and not ("report_only" in scenario.needs or scenario.group == "reports"):
            return "the party under test registers for reports only"
        return ""

    def _not_offered(self, scenario: Scenario) -> str:
        for name in scenario.offers:
            if self.state.offer(name) is None:
                return f"the party under test offers no {name}"
        return ""

    async def _step(self, step: Step) -> Outcome:
        self.tester.recorder.faults.clear()
        if isinstance(step, Sends | Posts | Asks):
            self.tester.others.clear()
        try:
            return await self._plays[type(step)](step)
        except Stuck as stuck:
            return stuck.outcome
        except KeyError as missing:
            return Outcome(Verdict.INCONCLUSIVE, f"no step before it has brought {missing}", stops=True)
        except CannotAct as error:
            return Outcome(Verdict.INCONCLUSIVE, error.message, stops=isinstance(step, Asks))
        except JanusGridError as error:
            return Outcome(Verdict.FAIL, _said(error), stops=True)

    # --- steps ---

    async def _sends(self, step: Sends) -> Outcome:
        tester = self.tester if not step.stranger else self._stranger
        assert tester is not None
        message = step.message(self.state)
        expect = step.expect
        silent = expect.kinds == (Response,) and "200" in expect.codes and not step.stranger
        outcome = Outcome(Verdict.PASS, "")
        try:
            answer = await tester.send(message, expect.kinds, silent=silent)
            for _ in range(MOST_AGAIN if isinstance(message, Poll) else 0):
                if (
                    isinstance(answer, expect.kinds)
                    or not isinstance(answer, DistributeEvent)
                    or self.state.is_news(answer)
                ):
                    break  # events that are not answered yet may be offered again at any time
                answer = await tester.send(message, expect.kinds)
        except JanusGridError as error:
            outcome.wire.append(self._wire(tester, "tester", message))
            refused = isinstance(error, Refused) and not isinstance(error, Malformed) and expect.codes == ("4..",)
            verdict = Verdict.PASS if refused and step.stranger else Verdict.FAIL
            if self.state.way is Way.PULL and isinstance(error, TimedOut) and "4.." in expect.codes:
                verdict = Verdict.INCONCLUSIVE  # whether who polls says no is not written anywhere that is public
            if isinstance(error, Malformed) and tester.recorder.last:
                outcome.wire.append(Wire("subject", "document", shown(tester.recorder.last)))
            outcome.verdict, outcome.observed, outcome.stops = verdict, _said(error), verdict is Verdict.FAIL
            outcome.code = error.code or ""
            return outcome
        outcome.wire.append(self._wire(tester, "tester", message))
        if answer is None:
            good = silent or expect.empty
            outcome.verdict = Verdict.PASS if good else Verdict.FAIL
            outcome.observed = "the message was fetched" if self.state.way is Way.PULL else "an empty answer"
            return outcome
        outcome.wire.append(self._wire(tester, "subject", answer))
        return self._judge(outcome, expect, answer, message)

    async def _posts(self, step: Posts) -> Outcome:
        body = step.body(self.state)
        outcome = Outcome(Verdict.PASS, "", wire=[Wire("tester", "document", shown(body))])
        try:
            status, answer = await self.tester.raw(body, step.endpoint, dict(step.headers), step.method)
        except Refused as error:
            outcome.code, outcome.observed = error.code or "", _said(error)
            outcome.verdict = Verdict.PASS if step.statuses else Verdict.FAIL
            return outcome
        except NotReachable as error:
            outcome.observed = f"the connection was ended: {error.message}"
            outcome.verdict = Verdict.PASS if 413 in step.statuses else Verdict.FAIL
            return outcome
        outcome.code = str(status) if self.state.way is not Way.XMPP else ""
        if answer is not None:
            outcome.wire.append(self._wire(self.tester, "subject", answer))
        if answer is not None and step.expect is not None:
            return self._judge(outcome, step.expect, answer, None)
        outcome.observed = f"HTTP status {status}" if answer is None else f"{_named(answer)} with HTTP status {status}"
        good = status in step.statuses and answer is None
        outcome.verdict = Verdict.PASS if good else Verdict.FAIL
        return outcome

    def _wait(self, step: Awaits) -> tuple[Wanted, Outcome]:
        """Return what a step waits for, and what will have come of it."""
        outcome = Outcome(Verdict.PASS, "")

        def take(message: Message) -> Message | None:
            outcome.wire.append(self._wire(self.tester, "subject", message))
            self._judge(outcome, step.expect, message, None)
            return step.reply(self.state, message) if step.reply else usual(self.state, message)

        return Wanted(step.expect.kinds, take), outcome

    async def _awaits(self, step: Awaits) -> Outcome:
        wanted, outcome = self._waits[self._index]
        if await self.tester.wait(wanted) is None:
            faults = "; ".join(self.tester.recorder.faults)
            raise Stuck(Outcome(Verdict.FAIL, faults or f"nothing came in {self.tester.patience:g} s", stops=True))
        self.tester.others.clear()
        if wanted.answer is not None:
            text = self.tester.recorder.text(wanted.answer) or self.tester.envelopes.close(wanted.answer, "")
            outcome.wire.append(Wire("tester", _named(wanted.answer), shown(text)))
        if wanted.answered is not None:
            outcome.wire.append(self._wire(self.tester, "subject", wanted.answered))
            response = getattr(wanted.answered, "ei_response", None)
            if isinstance(response, EiResponse) and not response.ok:
                outcome.verdict = Verdict.FAIL
                outcome.observed += f"; what the tester answers is refused: {_response(response)}"
        return outcome

    async def _quiet(self, step: Quiet) -> Outcome:
        came = [message for message in self.tester.others if isinstance(message, step.kinds)]
        while len(came) <= step.stragglers:
            found = await self._within(step)
            if found is None:
                late = f" after {len(came)} that were under way" if came else ""
                return Outcome(Verdict.PASS, f"nothing came{late}")
            came.append(found)
        wire = [self._wire(self.tester, "subject", message) for message in came]
        return Outcome(Verdict.FAIL, f"{_named(came[-1])} came", wire=wire)

    async def _within(self, step: Quiet) -> Message | None:
        """Return what comes although nothing should."""
        until = self.state.clock.now() + step.periods * self.state.period
        while True:
            found = await self.tester.wait(Wanted(step.kinds), self.tester.quiet)
            if found is not None or self.state.clock.now() >= until:
                return found

    async def _asks(self, step: Asks) -> Outcome:
        try:
            await self._operator.act(step.verb, step.text, step.arguments(self.state))
        except CannotAct:
            raise
        except JanusGridError as error:
            verdict = Verdict.PASS if step.may_refuse else Verdict.INCONCLUSIVE
            return Outcome(verdict, f"it refuses: {error}", stops=not step.may_refuse)
        return Outcome(Verdict.PASS, "done")

    async def _confirms(self, step: Confirms) -> Outcome:
        arguments = step.arguments(self.state)
        found = await self._operator.observe(step.question, step.text, arguments, step.expected)
        return Outcome(Verdict.PASS if found == step.expected else Verdict.FAIL, f"it is {found}")

    async def _lists(self, step: Lists) -> Outcome:
        assert isinstance(self.tester, VenTester)
        found = await self.tester.services()
        missing = [name for name in SERVICES if name not in found]
        if missing:
            return Outcome(Verdict.FAIL, f"{', '.join(missing)} not listed")
        return Outcome(Verdict.PASS, ", ".join(sorted(found)))

    async def _drains(self, step: Drains) -> Outcome:
        for number in range(MOST_WAITING):
            found = await self.tester.send(Poll(ven_id=self.state.ven_id))
            if found is None or isinstance(found, Response):
                return Outcome(Verdict.PASS, f"{number} messages were waiting")
            self.state.took(found)
            if (answer := usual(self.state, found)) is not None:
                await self.tester.send(answer)
        return Outcome(Verdict.FAIL, f"more than {MOST_WAITING} messages wait", stops=True)

    # --- registration ---

    async def _joins(self, step: Joins) -> Outcome:
        if isinstance(self.tester, VenTester):
            return await self._register(self.tester, step)
        assert isinstance(self.tester, VtnTester)
        return await self._be_registered_with(self.tester, step)

    async def _register(self, tester: VenTester, step: Joins) -> Outcome:
        state = self.state
        over_xmpp = state.way is Way.XMPP
        message = CreatePartyRegistration(
            request_id=state.new("R"),
            transport_name=TransportName.XMPP if over_xmpp else TransportName.SIMPLE_HTTP,
            transport_address=tester.transport.address,
            report_only=step.report_only,
            xml_signature=tester.signing is not None,
            ven_name=state.ven_name,
            http_pull_model=None if over_xmpp else state.way is Way.PULL,
        )
        answer = await tester.send(message)
        wire = [self._wire(tester, "tester", message)]
        if answer is not None:
            wire.append(self._wire(tester, "subject", answer))
        known = isinstance(answer, CreatedPartyRegistration) and answer.ven_id and answer.registration_id
        if not isinstance(answer, CreatedPartyRegistration) or not known:
            return Outcome(Verdict.FAIL, f"not registered: {_described(answer)}", wire=wire, stops=True)
        state.ven_id, state.registration_id = answer.ven_id or "", answer.registration_id or ""
        state.vtn_id, state.registered = answer.vtn_id, True
        if not step.report_only:
            events = await tester.send(RequestEvent(request_id=state.new("R"), ven_id=state.ven_id))
            if isinstance(events, DistributeEvent):
                state.took(events)
                state.notes["old"] = {sent.ei_event.event_descriptor.event_id for sent in events.events}
        return Outcome(Verdict.PASS, "registered", "200", wire)

    async def _be_registered_with(self, tester: VtnTester, step: Joins) -> Outcome:
        state = self.state
        if state.registered and step.anew:
            await tester.send(self._cancel(), (Response, *_CANCELED))
            state.registered = False
        if state.registered:
            return Outcome(Verdict.PASS, "it is registered")
        wanted, tester.wanted = tester.wanted, []
        try:
            with contextlib.suppress(CannotAct):  # then it may come by itself
                await self._operator.act("register", "Let the VEN register", {})
            came = await tester.joined()
        finally:
            tester.wanted = wanted
        if not came:
            return Outcome(Verdict.INCONCLUSIVE, f"no VEN has registered in {tester.patience:g} s", stops=True)
        return Outcome(Verdict.PASS, f"{state.ven_name or 'the VEN'} has registered")

    def _cancel(self) -> CancelPartyRegistration:
        state = self.state
        return CancelPartyRegistration(
            request_id=state.new("R"), registration_id=state.registration_id, ven_id=state.ven_id
        )

    async def _tidy_up(self) -> None:
        """Leave nothing of the scenario behind, as far as the party lets us."""
        self.tester.settle()
        state = self.state
        await self._try(self._operator.act("clear", "Cancel events and reports of the last scenario", {}))
        if isinstance(self.tester, VenTester):
            if state.registered:
                await self._try(self._confirm_all(self.tester))
                await self._try(self.tester.send(self._cancel()))
            state.registered, state.ven_id, state.registration_id = False, "", ""
            state.running.clear()
            return
        if state.registered and state.running:
            ids = tuple(state.running)
            message = CancelReport(request_id=state.new("R"), report_request_ids=ids, ven_id=state.ven_id)
            await self._try(self.tester.send(message, (Response,), silent=True))
        state.running.clear()
        if state.registered and state.events:
            state.events.clear()
            empty = DistributeEvent(request_id=state.new("D"), vtn_id=state.vtn_id)
            await self._try(self.tester.send(empty, (Response,), silent=True))
        state.events.clear()

    async def _confirm_all(self, tester: VenTester) -> None:
        """Answer what the VTN has cancelled, so that it need not be sent any more."""
        events = await tester.send(RequestEvent(request_id=self.state.new("R"), ven_id=self.state.ven_id))
        if isinstance(events, DistributeEvent) and events.events:
            answers = tuple(
                EventResponse(
                    request_id=events.request_id, qualified_event_id=sent.ei_event.qualified_event_id,
                    opt_type=OptType.OPT_IN,
                )
                for sent in events.events
            )  # fmt: skip
            await tester.send(CreatedEvent(event_responses=answers, ven_id=self.state.ven_id))

    async def _try(self, work: Awaitable[object]) -> None:
        with contextlib.suppress(JanusGridError):  # the scenario has its verdict; the next one says what is in its way
            await work

    # --- what came ---

    def _judge(self, outcome: Outcome, expect: Expect, answer: Message, asked: Message | None) -> Outcome:
        """Hold a message to what is expected, and to what holds for every message."""
        outcome.code = _code(answer) or outcome.code
        outcome.observed = _described(answer)
        faults = [*self._general(answer, asked)]
        if not isinstance(answer, expect.kinds):
            faults.insert(0, f"{_named(answer)} came instead")
            outcome.stops = True
        else:
            response = getattr(answer, "ei_response", None)
            if expect.codes and isinstance(response, EiResponse) and not _is_one_of(response, expect.codes):
                faults.append(f"the code is {_response(response)}")
            faults += [fault for each in expect.checks if (fault := each.fault(self.state, answer))]
            if expect.learn is not None and not faults:
                expect.learn(self.state, answer)
        if faults:
            outcome.verdict = Verdict.FAIL
            outcome.observed += ": " + "; ".join(faults)
        return outcome

    def _general(self, message: Message, asked: Message | None) -> list[str]:
        """Return what is wrong with a message as such. What was not read, or not believed, has no requestID."""
        text = self.tester.recorder.text(message)
        faults = []
        if text and "oadrPayload" not in text[:400]:
            faults.append("it is not wrapped in oadrPayload")
        if "schemaLocation" in text:
            faults.append("it has an xsi:schemaLocation")
        faults += [str(finding) for finding in check(message) if finding.is_error]
        response = getattr(message, "ei_response", None)
        due = request_id(asked) if asked is not None and not isinstance(asked, Raw) else ""
        unread = isinstance(message, Response) and isinstance(response, EiResponse) and not response.ok
        if due and isinstance(response, EiResponse) and response.request_id not in ((due, "") if unread else (due,)):
            faults.append(f"the requestID is {response.request_id!r:.60}, not {due!r:.60}")
        return faults

    def _wire(self, tester: Tester, sender: str, message: Message) -> Wire:
        return Wire(sender, _named(message), shown(tester.recorder.text(message)))


_CANCELED = (CanceledPartyRegistration,)


def _record(step: Step, outcome: Outcome, began: float, at: Any) -> StepRecord:
    return StepRecord(
        text=step.text,
        expected=_expectation(step),
        observed=outcome.observed,
        verdict=outcome.verdict,
        at=at,
        seconds=round(time.monotonic() - began, 3),
        rules=rules(step),
        code=outcome.code,
        wire=tuple(outcome.wire),
    )


def _expectation(step: Step) -> str:
    if isinstance(step, Posts):
        ways = [str(step.expect)] if step.expect else []
        if step.statuses:
            ways.append(f"HTTP status {' or '.join(map(str, step.statuses))} (over XMPP a stanza error)")
        return ", or ".join(ways)
    if (expect := expected(step)) is not None:
        return str(expect)
    if isinstance(step, Quiet):
        return f"no {' or '.join('oadr' + kind.__name__ for kind in step.kinds)}"
    if isinstance(step, Confirms):
        return f"it is {step.expected}"
    if isinstance(step, Lists):
        return ", ".join(SERVICES)
    if isinstance(step, Drains):
        return "oadrResponse in the end"
    return "registered" if isinstance(step, Joins) else "done"


def _is_one_of(response: EiResponse, codes: tuple[str, ...]) -> bool:
    return response.response_code in codes or ("4.." in codes and response.response_code.startswith("4"))


def _code(message: Message) -> str:
    response = getattr(message, "ei_response", None)
    if isinstance(message, CreatedEvent) and message.event_responses:
        return " ".join(dict.fromkeys(each.response_code for each in message.event_responses))
    return response.response_code if isinstance(response, EiResponse) else ""


def _named(message: Message) -> str:
    return "document" if isinstance(message, Raw) else f"oadr{type(message).__name__}"


def _described(message: Message | None) -> str:
    """Return a message in a few words."""
    if message is None:
        return "an empty answer"
    response = getattr(message, "ei_response", None)
    words = [_named(message)]
    if isinstance(response, EiResponse):
        words.append(_response(response))
    if isinstance(message, DistributeEvent):
        many = len(message.events)
        words.append(f"with {many or 'no'} {'event' if many == 1 else 'events'}")
    if isinstance(message, CreatedEvent):
        said = (
            f"{each.qualified_event_id.event_id}/{each.qualified_event_id.modification_number} {each.response_code} "
            f"{each.opt_type}" + (f" ({each.response_description})" if each.response_description else "")
            for each in message.event_responses or ()
        )
        words.append(", ".join(said))
    return " ".join(words)[:600]


def _response(response: EiResponse) -> str:
    return " ".join(filter(None, [response.response_code, response.response_description]))[:300]


def _said(error: JanusGridError) -> str:
    return " ".join(str(error).split())[:600]
