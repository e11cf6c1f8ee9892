"""The tester's side of the conversation: a VEN, or a VTN, that says message by message what it is told to say."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict, Unpack

import attrs

from ...common.clock import Clock
from ...common.errors import JanusGridError, LocalError, NotReachable, Refused, TimedOut
from ..binding.envelopes import Envelopes, Opened, Spend
from ..binding.http import HttpTransport
from ..binding.transport import Transport
from ..binding.xmpp import XmppTransport
from ..core.answers import Code, Rejected, ok, rejection
from ..model import EiResponse, Message, Poll, QueryRegistration, Response
from ..signing import Signing
from .replies import usual
from .state import State
from .ways import Way
from .wire import Raw, Recorder

if TYPE_CHECKING:
    from ..signing.notary import Notary

PAUSE = 0.02
"""Seconds between two polls of a tester that comes for its messages."""


_AWAY = ("service-unavailable", "recipient-unavailable", "remote-server-not-found", "remote-server-timeout")
"""What an XMPP server says in the place of a VTN that is not there."""

Take = Callable[[Message], "Message | None"]
"""Looks at a message that was waited for, and returns the answer to it."""


@attrs.define(slots=True, eq=False)
class Wanted:
    """What a scenario waits for, now or later: messages of these kinds, of which the first is `came`.

    What is to be said of it is said as it comes: whoever sends one message after the other sends the next only then.
    """

    kinds: tuple[type[Message], ...]
    take: Take | None = None
    came: Message | None = None
    answer: Message | None = None
    answered: Message | None = None
    """What was said to our answer, where that was a message of its own."""


class Tester:
    """What both have in common; serves its transport as a `Station`.

    Args:
        transport: how messages travel; the tester begins and ends it.
        signing: how messages are signed; None for not at all.
        patience: seconds that an expected message may take; `quiet` those in which none may come.
    """

    def __init__(
        self, transport: Transport, way: Way, clock: Clock, *, signing: Signing | None = None,
        patience: float = 15.0, quiet: float = 2.0,
    ) -> None:  # fmt: skip
        self.transport = transport
        self.state = State(way, clock)
        self.patience, self.quiet = patience, quiet
        self.signing = signing
        self.recorder = Recorder(
            _notary(signing), clock, lambda identity, ven_id: self._signs, lambda identity, names: True,
            always=self.always_signs,
        )  # fmt: skip
        self.envelopes: Envelopes = self.recorder
        self.state.seal = lambda message: self.envelopes.close(message, "")
        self.wanted: list[Wanted] = []
        """What the scenario waits for, now or later; anything else is answered, and stands among the `others`."""
        self.others: list[Message] = []
        self._bell = asyncio.Event()

    always_signs = False
    report_only = False

    @property
    def _signs(self) -> bool:
        return self.signing is not None and self.state.signs

    async def open(self) -> None:
        """Take messages in from now on."""
        raise NotImplementedError

    async def close(self) -> None:
        """Take no more messages in."""
        self.settle()
        await self.transport.end()

    def settle(self) -> None:
        """Forget what was wanted, and what was not."""
        self.wanted.clear()
        self.others.clear()

    async def send(
        self, message: Message, answers: tuple[type[Message], ...] = (), *, silent: bool = False
    ) -> Message | None:
        """Send a message and return the answer, None for an empty one.

        `answers` are those that it may be; `silent` says that who comes for the message need not answer it.

        Raises what `Transport.carry` raises.
        """
        raise NotImplementedError

    async def wait(self, wanted: Wanted, seconds: float | None = None) -> Message | None:
        """Return the message that is wanted, which is then wanted no more; None if none comes."""
        until = asyncio.get_running_loop().time() + (self.patience if seconds is None else seconds)
        if wanted not in self.wanted:
            self.wanted.append(wanted)
        try:
            while wanted.came is None:
                self._bell.clear()
                left = until - asyncio.get_running_loop().time()
                if left <= 0:
                    return None
                await self._listen(left)
            return wanted.came
        finally:
            self.wanted.remove(wanted)

    async def raw(self, body: str, endpoint: str, headers: dict[str, str], method: str) -> tuple[int, Message | None]:
        """Send a text that may be no message; return the HTTP status (200 over XMPP), and the message that came.

        Raises `JanusGridError`, also where what came is no message.
        """
        to, identity = self.target
        if not isinstance(self.transport, HttpTransport):
            return 200, await self.transport.carry(to, Raw(text=body), identity)
        data = body.encode("utf-8", "surrogateescape")
        status, content = await self.transport.post(to, endpoint, data, identity, headers=headers, method=method)
        self.recorder.last = content.decode("utf-8", "replace")
        if status != 200 or not content.strip():
            return status, None
        return status, self.envelopes.open(identity, content).message

    @property
    def target(self) -> tuple[str, str]:
        """Where the subject is reached, and what it has to prove to be there."""
        raise NotImplementedError

    async def receive(self, identity: str, message: Message, spend: Spend | None = None) -> Message | None:
        """Return the answer to a message (see `Station`)."""
        if spend is not None:
            spend()
        found = self._wanted(message)
        if found is None:
            self._other(message)
            return self.at_once(identity, message)
        self._take(found, message)
        return found.answer

    async def believe(self, opened: Opened) -> None:
        """Take note that the signature of an answer counts no more (see `Station`)."""
        if opened.spend is not None:
            opened.spend()

    def at_once(self, identity: str, message: Message) -> Message | None:
        """Answer a message that the scenario does not wait for."""
        return usual(self.state, message)

    def back(self, address: str | None) -> None:
        """Do nothing (see `Station`)."""

    def trust(self, identity: str) -> None:
        """Do nothing (see `Station`)."""

    def knows(self, identity: str, ven_id: str) -> bool:
        """Return False (see `Station`): it is alone on its session."""
        return False

    def _wanted(self, message: Message) -> Wanted | None:
        """Return what a message was waited for by; None if it was not."""
        if not self.state.is_news(message):
            return None
        return next((each for each in self.wanted if each.came is None and isinstance(message, each.kinds)), None)

    def _other(self, message: Message) -> None:
        if not isinstance(message, Poll) and self.state.is_news(message):
            self.others.append(message)

    def _take(self, wanted: Wanted, message: Message) -> None:
        self.state.took(message)
        wanted.came = message
        wanted.answer = usual(self.state, message) if wanted.take is None else wanted.take(message)
        self._bell.set()

    async def _listen(self, seconds: float) -> None:
        """Return when something may have come."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            pass


class Options(TypedDict, total=False):
    """What every tester may be given besides (see `Tester`)."""

    signing: Signing | None
    patience: float
    quiet: float


class VenTester(Tester):
    """A VEN, against a VTN at the address `vtn`."""

    always_signs = True

    def __init__(
        self, transport: Transport, way: Way, clock: Clock, *, vtn: str, ven: str, **options: Unpack[Options]
    ) -> None:
        super().__init__(transport, way, clock, **options)
        self.vtn = vtn
        self.state.ven_name = ven
        self.state.signs = self.signing is not None

    async def open(self) -> None:
        """Take messages in from now on; over XMPP look up the services of the VTN."""
        await self.transport.begin(self, self.vtn)
        self.state.ven_address = self.transport.address

    @property
    def target(self) -> tuple[str, str]:
        """The VTN."""
        return self.vtn, self.transport.vtn_identity(self.vtn)

    async def send(
        self, message: Message, answers: tuple[type[Message], ...] = (), *, silent: bool = False
    ) -> Message | None:
        """Send a message to the VTN (see `Tester.send`)."""
        to, identity = self.target
        return await self.transport.carry(to, message, identity)

    async def find(self) -> None:
        """Return if there is a VTN, whatever it answers; raise `NotReachable` if nobody is there."""
        try:
            await self.send(QueryRegistration(request_id=self.state.new("R")))
        except (NotReachable, TimedOut) as error:
            raise NotReachable(error.message, where=self.vtn) from None
        except Refused as error:
            if error.code in _AWAY:
                raise NotReachable(error.message, where=self.vtn) from None
        except JanusGridError:
            pass  # somebody is there; what is wrong with the answer is for scenarios to say

    async def services(self) -> frozenset[str]:
        """Return the services that the VTN lists (XMPP); raise `JanusGridError`."""
        assert isinstance(self.transport, XmppTransport)
        return await self.transport.listed(self.vtn)

    async def _listen(self, seconds: float) -> None:
        """Return when something may have come; who is not reached comes for it."""
        if self.state.way is not Way.PULL:
            await super()._listen(seconds)
            return
        found = await self.send(Poll(ven_id=self.state.ven_id))
        if found is None or isinstance(found, Response):
            await asyncio.sleep(min(PAUSE, seconds))
            return
        wanted = self._wanted(found)
        if wanted is None:
            self._other(found)
        else:
            self._take(wanted, found)
        answer = usual(self.state, found) if wanted is None else wanted.answer
        answered = await self.send(answer) if answer is not None else None
        if wanted is not None:
            wanted.answered = answered


class VtnTester(Tester):
    """A VTN, against the VEN that comes; `report_only` if that registers for reports only."""

    def __init__(
        self, transport: Transport, way: Way, clock: Clock, *, vtn_id: str, report_only: bool = False,
        **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(transport, way, clock, **options)
        self.report_only = report_only
        self.state.vtn_id = vtn_id
        self._waiting: deque[tuple[Message, asyncio.Future[None]]] = deque()

    async def open(self) -> None:
        """Take messages in from now on."""
        await self.transport.begin(self, None)

    def settle(self) -> None:
        """Answer everything that still waits, and forget what was wanted."""
        self._waiting.clear()
        super().settle()

    @property
    def target(self) -> tuple[str, str]:
        """The VEN; raise `LocalError` for one that is not reached."""
        if self.state.ven_address is None:
            raise LocalError("the VEN is not registered under an address")
        return self.state.ven_address, self.state.ven_identity

    async def send(
        self, message: Message, answers: tuple[type[Message], ...] = (), *, silent: bool = False
    ) -> Message | None:
        """Send a message to the VEN, or let it come for it, and return its answer, be that a message of its own."""
        if self.state.way is not Way.PULL:
            to, identity = self.target
            return await self.transport.carry(to, message, identity)
        fetched: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        wanted = Wanted(answers)
        if not silent:
            self.wanted.insert(0, wanted)
        self._waiting.append((message, fetched))
        try:
            async with asyncio.timeout(self.patience):
                await fetched
        except TimeoutError:
            if wanted in self.wanted:
                self.wanted.remove(wanted)
            raise TimedOut("the VEN does not come for it") from None
        if silent:
            return None
        if await self.wait(wanted) is None:
            raise TimedOut("the VEN has come for it, and does not answer")
        return wanted.came

    async def joined(self) -> bool:
        """Return whether a VEN has registered, in good time."""
        until = asyncio.get_running_loop().time() + self.patience
        while not self.state.registered and (left := until - asyncio.get_running_loop().time()) > 0:
            self._bell.clear()
            await self._listen(left)
        return self.state.registered

    def at_once(self, identity: str, message: Message) -> Message | None:
        """Answer a message that the scenario does not wait for: a VEN that comes for the next message gets it."""
        self.note(identity)
        answer = self.polled(message) if isinstance(message, Poll) else super().at_once(identity, message)
        self._bell.set()
        return answer

    async def receive(self, identity: str, message: Message, spend: Spend | None = None) -> Message | None:
        """Return the answer to a message (see `Station`)."""
        self.note(identity)
        return await super().receive(identity, message, spend)

    def note(self, identity: str) -> None:
        """Remember what the VEN is proved to be."""
        self.state.ven_identity = identity

    def polled(self, message: Poll) -> Message:
        """Return what waits for the VEN."""
        if message.ven_id != self.state.ven_id or not self.state.registration_id:
            return rejection(message, Rejected(Code.NOT_REGISTERED, f"{message.ven_id:.80} is not registered"))
        self.state.registered = True  # who asks for no events by itself has registered, too
        while self._waiting:
            found, fetched = self._waiting.popleft()
            if not fetched.done():
                fetched.set_result(None)
                return found
        return Response(ei_response=ok(message) if message else EiResponse(), ven_id=self.state.ven_id or None)


def _notary(signing: Signing | None) -> Notary | None:
    if signing is None:
        return None
    from ..signing.notary import Notary  # who does not sign needs no cryptography

    return Notary(signing)
