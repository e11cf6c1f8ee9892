"""What the facades of both roles share: a core, its letters, and what happens told to the application in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, Protocol, TypeVar, overload

from ...common.clock import Clock, RealClock
from ...common.errors import JanusGridError, LocalError, NotReachable
from ...common.openable import Openable
from ...common.xmpp.session import Session
from ..codec import prepare
from ..core.answers import Code, Rejected, rejection
from ..core.outbox import Letter, Outbox
from ..core.routes import Route
from ..core.shelf import Cabinet, Change
from ..model import Message, Poll
from ..signing import Signing
from .calls import call
from .courier import Courier, Held
from .envelopes import Envelopes, Opened, Spend
from .keeper import Keeper, Store
from .sharing import SharedStore
from .tolerance import Reading
from .transport import NotNow, Transport
from .xmpp import XmppTransport

if TYPE_CHECKING:
    from ..signing.notary import Notary

log = logging.getLogger(__name__)

H = TypeVar("H")
Listener = Callable[[H], Awaitable[None] | None]
"""What is told of a happening: a plain function or a coroutine function."""

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class Core(Protocol):
    """What a role's behaviour is to its facade."""

    outbox: Outbox
    cabinet: Cabinet
    happened: deque[Any]

    def receive(self, identity: str, message: Message, now: datetime) -> Message:
        """Return the answer to a message."""
        ...

    def answered(self, letter: Letter, answer: Message | None, now: datetime) -> None:
        """Take the answer to a letter."""
        ...

    def refused(self, letter: Letter, error: JanusGridError, now: datetime) -> None:
        """Take note of a letter that cannot be delivered."""
        ...

    def restore(self, records: Iterable[Change]) -> list[str]:
        """Go on from what was kept; return what of it could not be understood."""
        ...

    def route(self, to: str) -> Route | None:
        """Return how a peer is reached; None if it is not known (any more)."""
        ...

    def told(self, happening: Any) -> None:
        """The application has been told of this; what has to be told surely is kept until then."""
        ...

    def agreed(self, identity: str, ven_id: str | None) -> bool:
        """Return whether a peer and we have agreed to sign."""
        ...

    def same_party(self, identity: str, names: Iterable[str]) -> bool:
        """Return whether a sender, and any of the names that its signature proves, are of one party."""
        ...


MOST_UNTOLD = 1_000
"""Happenings that wait for slow listeners; then the peers' messages wait too."""

_NOT_STORED = "what this changes cannot be stored at present: send it again later"


def transports_of(given: Session | Transport | Iterable[Transport]) -> tuple[Transport, ...]:
    """Return transports; an XMPP session is made into one."""
    if isinstance(given, Transport):
        return (given,)
    return tuple(given) if isinstance(given, Iterable) else (XmppTransport(given),)


class Role(Openable):
    """A role and its transports: a VEN has one, a VTN may have several.

    Who listens before the role is opened is also told of the reports that were acknowledged, and not told of, before it
    was ended.

    An XMPP session is opened and closed by the caller; other protocols may share it. Time-outs of the network run in
    real time, everything else in that of `clock`.

    Attributes:
        tells: the classes of what can be listened to.
    """

    tells: ClassVar[tuple[type[Any], ...]] = ()

    def __init__(
        self,
        core: Core,
        transports: Iterable[Transport],
        clock: Clock | None,
        *,
        vtn: str | None = None,
        store: Store | SharedStore | None = None,
        signing: Signing | None = None,
        tolerant: bool = False,
    ) -> None:
        self.clock = clock or RealClock()
        self._core = core
        self._notary = _notary(signing)
        self.envelopes = Envelopes(
            self._notary, self.clock, core.agreed, core.same_party,
            always=vtn is not None, reading=Reading(tolerant=tolerant),
        )  # fmt: skip
        if self._notary is not None:
            core.cabinet.add(self._notary.guard.shelf)
        self._keeper = self._keeping(store)
        self._loaded = False
        self._vtn_address = vtn
        self._transports = {transport.name: transport for transport in transports}
        self._courier = Courier(
            core.outbox, self._send, self._answered, self._refused, self.clock,
            passing=self._passing, carried=self._carried,
        )  # fmt: skip
        self._listeners: list[tuple[type[Any], Callable[[Any], Any]]] = []
        self._queue: asyncio.Queue[Any] = asyncio.Queue(MOST_UNTOLD)
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._begun: list[Transport] = []

    @property
    def deviations(self) -> Mapping[tuple[str, str], int]:
        """How often which peer (by its identity) has deviated from the schema in what way, where that was tolerated.

        The ways are those of `janusgrid.openadr.codec.DEVIATIONS`.
        """
        return self.envelopes.reading.deviations

    async def open(self) -> None:
        """Begin to serve, for the first time or again after `close`; the first time go on from what was kept.

        Raises `LocalError` if it is open, or what was kept cannot be read, and what its transports raise.
        """
        if self._begun:
            raise LocalError("this role is open already")
        prepare()
        if not self._loaded:
            for fault in await self._keeper.restore(self._core.restore):
                log.error("event=openadr.kept-unreadable: %s", fault)
            self._loaded = True
        try:
            for transport in self._transports.values():
                self._begun.append(transport)
                await transport.begin(self, self._vtn_address)
            await self._opening()
        except BaseException:
            await self.close()
            raise
        self._core.outbox.kick()
        for loop in self._loops():
            self._tasks.append(asyncio.create_task(_kept_up(loop)))
        self._tasks.append(asyncio.create_task(self._drain()))  # what was not told before we were ended

    async def close(self) -> None:
        """Stop serving. What waits to be sent or told is kept for the next `open`."""
        self._courier.leave()
        begun, self._begun = self._begun, []
        for transport in begun:
            await transport.end()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._keeper.close()

    def nudge(self) -> None:
        """Send what waits."""
        self._courier.nudge()

    async def changed(self) -> None:
        """Return when something has happened, or was told to the listeners."""
        await self._changed.wait()

    @overload
    def listen(self, kind: type[H]) -> Callable[[Listener[H]], Listener[H]]: ...

    @overload
    def listen(self, kind: type[H], listener: Listener[H]) -> None: ...

    def listen(self, kind: type[Any], listener: Callable[[Any], Any] | None = None) -> Any:
        """Call `listener`, plain or a coroutine function, with every happening of this kind, in order.

        Without a listener it is a decorator: `@vtn.listen(Telemetry)`. Raises `LocalError` for a kind that never
        happens here, such as that of the other role.
        """
        if listener is None:
            return partial(self._listen, kind)
        self._listen(kind, listener)
        return None

    def _listen(self, kind: type[Any], listener: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if not any(issubclass(each, kind) for each in self.tells):
            told = ", ".join(each.__name__ for each in self.tells)
            twin = any(each.__name__ == kind.__name__ for each in self.tells)
            hint = f"; take {kind.__name__} from {type(self).__module__}" if twin else ""
            raise LocalError(f"{kind.__module__}.{kind.__name__} never happens here: listen to {told}{hint}")
        self._listeners.append((kind, listener))
        return listener

    async def _opening(self) -> None:
        """What the role does first."""

    async def _happened(self, happening: Any) -> None:
        """What the role itself does about a happening, after the listeners."""

    def _loops(self) -> list[Callable[[], Awaitable[None]]]:
        """What runs while the role is open."""
        return [self._courier.run, self._tell, self._keeper.run]

    async def receive(self, identity: str, message: Message, spend: Spend | None = None) -> Message:
        """Return the answer to a message that a transport has brought in, once what it changed is kept (see `Station`).

        Raises `NotNow` if it could not be kept: the peer will send the message again, and be given the same answer.
        """
        answer = await self._together(spend, partial(self._answer, identity, message))
        if not isinstance(message, Poll) or self._keeper.ready:  # a poll changes nothing that anybody waits for
            await self._drain()
        return answer

    async def believe(self, opened: Opened) -> None:
        """Take note of a signed message that is not received (see `Station`)."""
        if opened.spend is not None:
            try:
                await self._keeper.note(partial(_spent, opened.spend))
            except LocalError:
                raise NotNow(_NOT_STORED) from None

    async def turn(self, act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do something that this role offers, and return its result once it is stored: `await vtn.turn(vtn.…, …)`.

        Where many processes share a store, this is how anything is changed: they do so one after the other, each
        knowing all that the others have done. `act` is a plain function and does not wait for anything.

        Raises what `act` raises, and `LocalError` if it cannot be stored: where many processes share a store it has not
        happened then; else it has, as the error says, and is stored and goes out as soon as that is possible.
        """
        done: list[R] = []
        try:
            await self._keeper.step(lambda: done.append(act(*args, **kwargs)))
        except LocalError as error:
            if not done or self._keeper.undone:
                raise
            said = f"{error.message}; it is done, and goes out as soon as it can be stored: do not repeat it"
            raise LocalError(said, where=error.where) from None
        await self._drain()
        return done[-1]

    async def look(self) -> None:
        """Take in what other processes have changed, if many share the store and it can be reached."""
        with contextlib.suppress(LocalError):  # which was logged
            await self._keeper.look()

    async def _together(self, spend: Spend | None, act: Callable[[], T]) -> T:
        """Do something in one step with the spending of a nonce.

        Raises `NotNow` if that cannot be kept: then the very same octets may come again.
        """
        spent: list[Callable[[], None]] = []

        def step() -> T:
            if spend is not None:
                spent.append(spend())
            return act()

        try:
            return await self._keeper.step(step)
        except LocalError:
            if not self._keeper.undone:  # else it was not spent at all
                for undo in spent:
                    undo()
            raise NotNow(_NOT_STORED) from None

    def _answer(self, identity: str, message: Message) -> Message:
        try:
            return self._core.receive(identity, message, self.clock.now())
        except Exception:
            log.exception("%s of %s made an error in here", type(message).__name__, identity)
            return rejection(message, Rejected(Code.DEPLOYMENT_ERROR, "an error in here, which was logged"))

    def back(self, address: str | None) -> None:
        """A peer is there again, or we are (see `Station`): send at once what waits."""
        if address is None:
            self._core.outbox.kick()
        for peer in self._core.outbox.peers if address is not None else ():
            route = self._core.route(peer)
            if route is not None and route.address is not None and address is not None:
                transport = self._transports.get(route.transport)
                if transport is not None and transport.same(route.address, address):
                    self._core.outbox.kick(peer)
        self.nudge()

    async def kept(self) -> None:
        """Return when everything asked of this role so far is stored; raise `LocalError` if it cannot be."""
        await self._keeper.kept()

    def trust(self, identity: str) -> None:
        """Take this identity for our VTN's too (see `Station`)."""

    def knows(self, identity: str, ven_id: str) -> bool:
        """Return whether we have given this venID to this identity (see `Station`): none of us that is no VTN has."""
        return False

    def _keeping(self, store: Store | SharedStore | None) -> Keeper:
        """Return what keeps this role's cabinet."""
        if isinstance(store, SharedStore):
            raise LocalError("this role is one process: give it a store of its own, such as Records")
        return Keeper(self._core.cabinet, store, self._core.happened)

    def _carried(self, peer: str) -> bool:
        if not self._keeper.leads:
            return False
        route = self._core.route(peer)
        return route is None or route.address is not None

    async def _send(self, letter: Letter) -> Message | None:
        route = self._core.route(letter.to)
        transport = self._transports.get(route.transport) if route else None
        if route is None or route.address is None or transport is None:
            raise LocalError("there is no way to the peer any more", where=letter.to)
        try:
            await self._keeper.kept()
        except LocalError:
            raise Held("nothing is sent before it is stored") from None
        if not self._core.outbox.stands(letter):
            raise Held("another process has taken it back", where=letter.to)
        return await transport.carry(route.address, letter.message, route.identity)

    def _passing(self, letter: Letter, error: JanusGridError) -> bool:
        route = self._core.route(letter.to)
        transport = self._transports.get(route.transport) if route else None
        return isinstance(error, NotReachable) or (transport is not None and transport.passing(error))

    async def _answered(self, letter: Letter, answer: Message | None) -> None:
        await self._settled(letter, partial(self._settle, letter, answer))

    async def _refused(self, letter: Letter, error: JanusGridError) -> None:
        await self._settled(letter, lambda: self._core.refused(letter, error, self.clock.now()))

    async def _settled(self, letter: Letter, settle: Callable[[], None]) -> None:
        try:
            await self._keeper.step(settle)
        except LocalError:  # which was logged
            if self._keeper.undone:
                self._core.outbox.failed(letter, self.clock.now())
        await self._drain()

    def _settle(self, letter: Letter, answer: Message | None) -> None:
        try:
            self._core.answered(letter, answer, self.clock.now())
        except Exception as error:
            log.exception("the answer of %s to %s made an error in here", letter.to, type(letter.message).__name__)
            self._core.refused(letter, LocalError(f"its answer made an error in here: {error!r}"), self.clock.now())

    async def _drain(self) -> None:
        """Hand on what has happened, once it is kept; waits while very much is untold."""
        self.nudge()
        try:
            await self._keeper.kept()
        except LocalError:
            return
        while self._keeper.ready:
            await self._queue.put(self._keeper.ready.popleft())
        self._fire()

    def _fire(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _tell(self) -> None:
        """Tell what happened, one thing at a time."""
        while True:
            happening = await self._queue.get()
            for kind, listener in list(self._listeners):
                if isinstance(happening, kind):
                    try:
                        await call(listener, happening)
                    except Exception:
                        log.exception("a listener for %s failed", kind.__name__)
            try:
                await self._happened(happening)
            except Exception:
                log.exception("dealing with %s failed", type(happening).__name__)
            with contextlib.suppress(LocalError):  # it may be told again, then
                await self._keeper.note(partial(self._core.told, happening))
            self._fire()
            if self._queue.empty():
                with contextlib.suppress(LocalError):  # it is kept with what comes next
                    await self._keeper.kept()


def _spent(spend: Spend) -> None:
    spend()


def _notary(signing: Signing | None) -> Notary | None:
    if signing is None:
        return None
    from ..signing.notary import Notary  # who does not sign needs no cryptography

    return Notary(signing)


async def _kept_up(loop: Callable[[], Awaitable[None]]) -> None:
    """Run what never ends; an error in it is logged and it begins again."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("%s failed and begins again", loop.__qualname__)
        await asyncio.sleep(1.0)
