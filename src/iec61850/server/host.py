"""What makes the engine run: it drives services through the application's hooks, delivers reports, keeps time."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import attrs

from ...common.clock import Clock
from ...common.errors import JanusGridError
from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import Reference
from ..acsi.services import Notification
from ..engine import Association, Change, Command, Engine, Job, Outcome, Question, Step, Steps
from ..engine.decisions import Decision
from ..engine.steps import T, Wait
from ..mapping.answer import Exchange
from ..mapping.catalogue import Catalogue
from ..mapping.server import Identity, MmsServer
from ..mapping.service import Caller
from ..mapping.wire import P, Parameters, Wire
from ..mms import pdu

log = logging.getLogger(__name__)

CommandHook = Callable[[Command], Awaitable[None] | None]
ConditionHook = Callable[[Command], Awaitable[bool | None] | bool | None]
ChangeHook = Callable[[Change], Awaitable[None] | None]
DecisionHook = Callable[[Any], Awaitable[None] | None]
Sink = Callable[[Notification], None]
EndHook = Callable[[str], None]


_AFTER_FAULT = 0.5
"""Seconds without anything that is due by time, after a fault in it."""
MOST_WAITING = 1000
"""Notifications that may wait for a client that does not read."""


@attrs.define(slots=True, eq=False)
class Attached:
    """What a mapping gave for an association: where its notifications go, and whom to tell of its end."""

    sink: Sink
    on_end: EndHook


@attrs.frozen(slots=True)
class Admitted:
    """Every caller is let in by an engine (see `mapping.service.Admission`)."""

    catalogue: Catalogue

    @property
    def services(self) -> frozenset[pdu.ServiceSupportOptions]:
        """What the engine has."""
        return self.catalogue.services

    def dialogue(
        self,
        association: Association,
        wire: Wire[P],
        parameters: Parameters,
        identity: Identity | None,
        exchange: Exchange,
    ) -> MmsServer[P]:
        """Return what answers the PDUs of an association."""
        return MmsServer(self.catalogue, association, wire, parameters, identity, exchange)

    def withdraw(self) -> None:
        """Do nothing: nothing was taken."""


class Host:
    """An engine with a clock and the application's hooks. One host serves every mapping of a server
    (see `mapping.service.Service`).
    """

    def __init__(self, engine: Engine, clock: Clock, clients: Iterable[str] | None = None) -> None:
        self.engine = engine
        self.clock = clock
        self._clients = None if clients is None else tuple(clients)
        self._admitted = Admitted(Catalogue(engine))
        self.commands: dict[Reference, tuple[CommandHook, bool]] = {}
        """For each controllable object its hook, and whether the status follows the control value."""
        self.changes: dict[Reference, ChangeHook] = {}
        """For each attribute, with its constraint, the hook that sees what clients write before it is stored."""
        self.steps: dict[tuple[Reference, Step], ConditionHook] = {}
        """For each controllable object the hooks that are asked beside that which carries out."""
        engine.data.asked = self.changes
        self._jobs: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()
        self.decisions: dict[tuple[type[Decision], Reference], DecisionHook] = {}
        """For each kind of decision and each control block, the hook that may refuse it."""
        self._attached: dict[Association, Attached] = {}
        self._held: set[Association] = set()
        self._timer: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._due: datetime | None = None

    @property
    def name(self) -> str:
        """The name of the IED."""
        return self.engine.model.ied

    # --- associations -----------------------------------------------------------------------------------------------

    def admit(self, caller: Caller) -> Admitted:
        """Let a caller in; whether there is room for it shows when it is to be associated.

        Raises `ServiceRefused` (access violation) for one that is none of the clients, where only some are let in.
        """
        if self._clients is not None and not any(fnmatchcase(caller.identity, one) for one in self._clients):
            log.warning("event=association-not-allowed %s (%s) is not let in", caller.peer, caller.identity)
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, "you are not let in here", where=caller.identity)
        return self._admitted

    def associate(self, peer: str, sink: Sink, on_end: EndHook, identity: str = "") -> Association:
        """Return a new association; `sink` gets its notifications, `on_end` why the server ended it, if it did.

        `identity` is what stays the same when the client comes back, where `peer` does not.
        """
        association = self.engine.associate(peer, identity)
        self._attached[association] = Attached(sink, on_end)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().create_task(self._keep_time())
        log.info("%s: association opened", peer)
        return association

    def end(self, association: Association, why: str) -> None:
        """End an association because the client, or its absence, asks for it."""
        self._held.discard(association)
        if self._attached.pop(association, None) is not None:
            log.info("%s: association ended: %s", association.peer, why)
        try:
            self.engine.end(association, self.clock.now())
        except Exception:
            log.exception("%s: a fault of ours at the end of an association", association.peer)
        self.flush()

    def abort(self, association: Association, why: str) -> None:
        """End an association because the server wants it (clause 8.3.2); whoever carries it is told why."""
        attached = self._attached.get(association)
        self.end(association, why)
        if attached is not None:
            try:
                attached.on_end(why)
            except Exception:
                log.exception("%s: a fault of ours at the end of an association", association.peer)

    def hold(self, association: Association) -> None:
        """Hand out nothing more to an association: its client does not read what is sent to it.

        Buffered reports stay in their buffers meanwhile. For all else there is an end of patience: with more than
        `MOST_WAITING` notifications that wait the association is aborted.
        """
        association.held = True
        self._held.add(association)

    def go_on(self, association: Association) -> None:
        """Hand out to an association again what was held back."""
        if association.held:
            association.held = False
            self._held.discard(association)
            self.flush()

    async def close(self) -> None:
        """End every association and stop."""
        for association in list(self._attached):
            self.abort(association, "the server closes")
        for task in list(self._jobs):
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._timer
            self._timer = None

    # --- services ---------------------------------------------------------------------------------------------------

    async def perform(self, steps: Steps[T]) -> T:
        """Run a service to its end, asking the application where the service wants it; raise `ServiceRefused`."""
        return await self._rest(steps, None)

    def start(self, steps: Steps[T], done: Callable[[T], None], failed: Callable[[], None]) -> None:
        """Run a service, and give `done` what it returns: at once, where nobody is waited for.

        It should raise nothing. What it raises at once is raised here; of what it raises later `failed` is told, while
        the exception is being handled.
        """
        outcome: Outcome | Awaitable[Outcome] | None = None
        try:
            while outcome is None or isinstance(outcome, Outcome):
                outcome = self._ask(steps.send(outcome))  # type: ignore[arg-type]  # None starts it
        except StopIteration as end:
            done(end.value)
            self.flush()
        else:
            task = asyncio.get_running_loop().create_task(self._finish(steps, outcome, done, failed))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _finish(
        self, steps: Steps[T], waited: Awaitable[Outcome], done: Callable[[T], None], failed: Callable[[], None]
    ) -> None:
        try:
            done(await self._rest(steps, waited))
        except Exception:
            failed()

    async def _rest(self, steps: Steps[T], outcome: Outcome | Awaitable[Outcome] | None) -> T:
        """Run a service to its end from this outcome on, from its beginning for None."""
        try:
            while True:
                if outcome is not None and not isinstance(outcome, Outcome):
                    self.flush()  # what clients are told before does not wait for the application
                    outcome = await outcome
                outcome = self._ask(steps.send(outcome))  # type: ignore[arg-type]
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            steps.close()
            self.flush()

    def _ask(self, question: Question) -> Outcome | Awaitable[Outcome]:
        """Ask the application; what it does not say at once is to be waited for."""
        if isinstance(question, Wait):
            return self._wait(question)
        follow = True
        try:
            if isinstance(question, Command):
                hook, follow = self._hook(question)
                answer = hook(question)
            elif isinstance(question, Decision):
                answer = self.decisions.get((type(question), question.reference), _agree)(question)
            else:
                answer = self.changes.get(question.asked, _agree)(question)
            if answer is None or not inspect.isawaitable(answer):
                _heed(question, answer)
                return Outcome(self.clock.now(), None, follow)
        except Exception as error:
            return Outcome(self.clock.now(), _refusal(question, error), follow)
        return self._answered(question, answer, follow)

    async def _answered(self, question: Question, answer: Awaitable[Any], follow: bool) -> Outcome:
        refusal = None
        try:
            _heed(question, await answer)
        except Exception as error:
            refusal = _refusal(question, error)
        return Outcome(self.clock.now(), refusal, follow)

    async def _wait(self, question: Wait) -> Outcome:
        try:
            return Outcome(self.clock.now(), result=await question.call())
        except ServiceRefused as refused:
            return Outcome(self.clock.now(), refused)
        except JanusGridError as error:
            failed = ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT
            return Outcome(self.clock.now(), ServiceRefused(failed, error.message, where=str(question.reference)))

    def _hook(self, command: Command) -> tuple[ConditionHook, bool]:
        """Return what is asked about a command: it needs a hook to carry it out, and one to be broken off."""
        carries_out = self.commands.get(command.reference)
        if command.step is Step.OPERATE or carries_out is None:
            return carries_out or (_nobody, True)
        otherwise = _endless if command.step is Step.CANCEL else _fine
        return self.steps.get((command.reference, command.step), otherwise), True

    def _start(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(job))
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        job.stop = task.cancel

    async def _carry_out(self, job: Job) -> None:
        try:
            await self.perform(job.steps)
        except Exception:
            self._fail(job.client)

    # --- notifications and time -------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Hand out what the engine wants to send or done, and see whether it wants to be called at another time."""
        for job in self.engine.jobs():
            self._start(job)
        for association, notification in self.engine.drain():
            attached = self._attached.get(association)
            if attached is not None:
                try:
                    attached.sink(notification)
                except Exception:
                    self._fail(association)
        for association in [one for one in self._held if len(one.outbox) > MOST_WAITING] if self._held else ():
            self.abort(association, "it does not read what is sent to it")
        if self.engine.due() != self._due:
            self._wake.set()

    def _fail(self, association: Association) -> None:
        """End an association for a fault of ours, the exception that is being handled: the others go on."""
        log.exception("%s: a fault of ours; the association ends", association.peer)
        self.abort(association, "a fault of ours")

    async def _keep_time(self) -> None:
        while True:
            try:
                await self._pass_time()
            except Exception:  # a server whose time stood still would say nothing of it
                log.critical("a fault of ours as time passes; what is due goes on after it", exc_info=True)
                await asyncio.sleep(_AFTER_FAULT)  # the fault may come again at once

    async def _pass_time(self) -> None:
        """Wait for what is due next, and do it."""
        self._due = self.engine.due()
        self._wake.clear()
        if self._due is None:
            await self._wake.wait()
        elif self._due > self.clock.now():
            await self._sleep_or_wake(self._due)
        else:
            try:
                self.engine.tick(self.clock.now())
            finally:
                self.flush()
            await asyncio.sleep(0)  # what is due again by now, reports that cost more than their period, is not all

    async def _sleep_or_wake(self, due: datetime) -> None:
        sleep = asyncio.ensure_future(self.clock.sleep_until(due))
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleep, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            wake.cancel()


_CONDITIONS = {
    Step.INTERLOCK: AddCause.BLOCKED_BY_INTERLOCKING,
    Step.SYNCHROCHECK: AddCause.BLOCKED_BY_SYNCHROCHECK,
}
"""What a client is told where a hook answers False."""


def _heed(question: Question, answer: object) -> None:
    """Refuse a command whose conditions the application says are not met."""
    if answer is False and isinstance(question, Command) and question.step in _CONDITIONS:
        question.refuse(_CONDITIONS[question.step])


def _refusal(question: Question, error: Exception) -> ServiceRefused:
    """Return the refusal that a hook has raised; whatever else it raises is one too, and the application's mistake."""
    if isinstance(error, ServiceRefused):
        return error
    log.error("%s: the application's hook failed; refused", question.reference, exc_info=error)
    cause = AddCause.UNKNOWN if isinstance(question, Command) else None
    return ServiceRefused(ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT, where=str(question.reference), add_cause=cause)


def _nobody(command: Command) -> None:
    command.refuse(AddCause.NOT_SUPPORTED, "no application is behind it")


def _fine(command: Command) -> None:
    return None


def _endless(command: Command) -> None:
    command.refuse(AddCause.NOT_SUPPORTED, "it is being carried out, and cannot be broken off")


def _agree(question: Change | Decision) -> None:
    return None
