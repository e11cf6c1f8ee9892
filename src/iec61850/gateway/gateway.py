"""A far server served here: each association of a near client is led to one of its own there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs

from ...common.clock import Clock, RealClock
from ..acsi.errors import ServiceError, ServiceRefused
from ..engine import Association, Outcome, Steps
from ..mapping.answer import Exchange
from ..mapping.initiate import CLIENT_SERVICES, FILE_CHANGES, FILE_SERVICES, LOG_SERVICES, SERVER_SERVICES, Limits
from ..mapping.server import Identity
from ..mapping.service import Caller, T
from ..mapping.wire import P, Parameters, Wire
from ..mms import pdu
from .far import Far, FarAssociation
from .relay import Relay

log = logging.getLogger(__name__)

MOST_WAITING = 1000
"""PDUs that may wait for a near client that does not read."""
_PASSED = SERVER_SERVICES | FILE_SERVICES | FILE_CHANGES | LOG_SERVICES | CLIENT_SERVICES
_OURS = frozenset({pdu.ServiceSupportOptions.CONCLUDE, pdu.ServiceSupportOptions.CANCEL})

Choose = Callable[[Caller], Far | None]
"""As whom a near client is led to the far server; None lets it not in."""


@attrs.define(slots=True, eq=False)
class _Led:
    """A near association."""

    sink: Callable[[Any], None]
    on_end: Callable[[str], None]
    relay: Relay[Any] | None = None
    waiting: list[pdu.MMSpdu] = attrs.Factory(list)


@attrs.frozen(slots=True, eq=False)
class _Admission:
    """A near client for which the far server has opened an association (see `mapping.service.Admission`)."""

    gateway: Gateway
    far: Far
    association: FarAssociation
    limits: Limits

    @property
    def services(self) -> frozenset[pdu.ServiceSupportOptions]:
        """What the far server has, as far as it is passed on."""
        there = self.association.parameters.services
        return frozenset(service for service in _PASSED if service in there) | _OURS

    def dialogue(
        self,
        association: Association,
        wire: Wire[P],
        parameters: Parameters,
        identity: Identity | None,
        exchange: Exchange,
    ) -> Relay[P]:
        """Lead the near association to the far one."""
        push = partial(self.gateway.push, association)
        abort = partial(self.gateway.abort, association)
        relay = Relay(self.far, self.association, self.limits, wire, parameters, exchange, push, abort)
        self.gateway.lead(association, relay)
        return relay

    def withdraw(self) -> None:
        """End the far association."""
        self.gateway.later(self.association.release())


class Gateway:
    """Leads near clients to a far server (see `mapping.service.Service`); give it to `TcpServer` or `XmppServer`.

    Args:
        name: what it is called in logs.
        choose: as whom a near client is led to the far server.
    """

    def __init__(self, name: str, choose: Choose, *, clock: Clock | None = None) -> None:
        self.name = name
        self.clock: Clock = clock or RealClock()
        self._choose = choose
        self._led: dict[Association, _Led] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {len(self._led)} associations>"

    @property
    def associations(self) -> tuple[Association, ...]:
        """The near associations that are open."""
        return tuple(self._led)

    @property
    def relays(self) -> tuple[Relay[Any], ...]:
        """What leads them."""
        return tuple(led.relay for led in self._led.values() if led.relay is not None)

    # --- associations (see `Service`) -------------------------------------------------------------------------------

    def admit(self, caller: Caller) -> Awaitable[_Admission]:
        """Open an association with the far server for a near client; raise, when awaited, what that raises."""
        far = self._choose(caller)
        if far is None:
            log.warning("%s: %s (%s) is not let in", self.name, caller.peer, caller.identity)
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, "you are not let in here", where=caller.identity)
        return self._admit(caller, far)

    async def _admit(self, caller: Caller, far: Far) -> _Admission:
        limits = far.limits(caller.pdu_size, text=caller.text)
        return _Admission(self, far, await far.associate(limits), limits)

    def associate(
        self, peer: str, sink: Callable[[Any], None], on_end: Callable[[str], None], identity: str = ""
    ) -> Association:
        """Return a new near association."""
        association = Association(peer)
        self._led[association] = _Led(sink, on_end)
        log.info("%s: association opened to %s", peer, self.name)
        return association

    def lead(self, association: Association, relay: Relay[Any]) -> None:
        """Have a near association led by a relay."""
        self._led[association].relay = relay

    def end(self, association: Association, why: str) -> None:
        """End a near association, and the far one with it."""
        association.ended = True
        led = self._led.pop(association, None)
        if led is not None:
            log.info("%s: association ended: %s", association.peer, why)
            if led.relay is not None:
                self.later(led.relay.end())

    def abort(self, association: Association, why: str) -> None:
        """End a near association of our own accord; whoever carries it is told why."""
        led = self._led.get(association)
        self.end(association, why)
        if led is not None:
            try:
                led.on_end(why)
            except Exception:
                log.exception("%s: a fault of ours at the end of an association", association.peer)

    async def close(self) -> None:
        """End every association."""
        for association in list(self._led):
            self.abort(association, "the gateway closes")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    # --- what goes to near clients ----------------------------------------------------------------------------------

    def push(self, association: Association, message: pdu.MMSpdu) -> None:
        """Send a near client what the far server sends of itself."""
        led = self._led.get(association)
        if led is None:
            return
        if association.held:
            led.waiting.append(message)
            if len(led.waiting) > MOST_WAITING:
                self.abort(association, "it does not read what is sent to it")
            return
        try:
            led.sink(message)
        except Exception:
            log.exception("%s: a fault of ours; the association ends", association.peer)
            self.abort(association, "a fault of ours")

    def hold(self, association: Association) -> None:
        """Keep back what is for a near client that does not read."""
        association.held = True

    def go_on(self, association: Association) -> None:
        """Hand out what was kept back."""
        association.held = False
        led = self._led.get(association)
        while led is not None and led.waiting and not association.held:
            self.push(association, led.waiting.pop(0))

    # --- requests ---------------------------------------------------------------------------------------------------

    async def perform(self, steps: Steps[T]) -> T:
        """Run to its end what a relay does for a request."""
        outcome: Outcome | None = None
        try:
            while True:
                question = steps.send(outcome)  # type: ignore[arg-type]  # None starts it
                outcome = Outcome(self.clock.now(), result=await question.call())  # type: ignore[union-attr]
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            steps.close()

    def start(self, steps: Steps[T], done: Callable[[T], None], failed: Callable[[], None]) -> None:
        """Run it, and give `done` what it returns."""
        self.later(self._finish(steps, done, failed))

    async def _finish(self, steps: Steps[T], done: Callable[[T], None], failed: Callable[[], None]) -> None:
        try:
            done(await self.perform(steps))
        except Exception:
            failed()

    def later(self, work: Any) -> None:
        """Have something done that nobody waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
