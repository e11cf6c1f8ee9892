"""The link of a session to its server: it supervises itself.

A lost connection is made again, with back-off and full jitter. Where the server lets us resume, the session goes on:
what was written and not acknowledged is written again, what was said in between follows. Where it does not, or not in
time, the session is lost and a new one begins.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal
from weakref import WeakKeyDictionary
from xml.etree.ElementTree import Element

import attrs

from ..errors import LocalError, NotReachable, RemoteError
from . import jid as jids
from . import stanza
from .acks import REQUEST, Acknowledgements
from .backoff import RETURNING, Backoff
from .disco import PING
from .guard import Limits
from .stream import BUSY, Account, Outcome, Receive, Stream

_log = logging.getLogger(__name__)

_AT_ONCE = 64
"""Sessions of this process that connect to one server at a time. All of a fleet at once would take so long that none
is let in in time, and all begin again; these take turns, and nobody waits for what he has not begun."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = WeakKeyDictionary()

Change = Literal["down", "resumed", "lost"]
What = Literal["request", "answer", "message", "presence"]
# The server knows of another session under our JID: coming back at once would throw that one out, and so on.
_CONFLICT_ATTEMPT = 5  # and no earlier than after the quick phase


@attrs.frozen(slots=True)
class Patience:
    """How long a link waits, in real seconds.

    Attributes:
        connect: for a connection and login.
        idle: without hearing anything, before asking the server whether it is there.
        answer: for its answer to that.
        resume: before a session that could not be resumed is lost; the server may allow less.
        backoff: between attempts to connect. Its quick phase is for a server that is not there: it ends at once where
            one takes connections and does not get as far as letting us in, since too many come at a time.
    """

    connect: float = 15.0
    idle: float = 30.0
    answer: float = 10.0
    resume: float = 60.0
    backoff: Backoff = RETURNING


@attrs.define(slots=True)
class Statistics:
    """What a link went through."""

    sessions: int = 0
    resumptions: int = 0
    attempts: int = 0


class Link:
    """Keeps one session up.

    `receive` takes what comes in. `welcome` is awaited at the start of each new session, before `open` returns and
    before messages that waited for it are sent. `changed` is told of the rest of its life.
    """

    def __init__(
        self,
        account: Account,
        limits: Limits,
        patience: Patience,
        *,
        receive: Receive,
        welcome: Callable[[], Awaitable[None]],
        changed: Callable[[Change], None],
        resume: bool = True,
        max_waiting: int = 1000,
    ) -> None:
        self.jid = account.jid
        self.statistics = Statistics()
        self._account = account
        self._limits = limits
        self._patience = patience
        self._receive = receive
        self._welcome = welcome
        self._changed = changed
        self._max_waiting = max_waiting
        self._acks = Acknowledgements(resumable=resume)
        self._stream: Stream | None = None
        self._alive = False  # there is a session, perhaps without a connection just now
        self._connected = False
        self._waiting: deque[tuple[What, bytes]] = deque()
        self._supervisor: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._probe = ""
        self._dropped = 0
        self._resumed_at = 0

    @property
    def connected(self) -> bool:
        """True while stanzas go out."""
        return self._connected and self._stream is not None and self._stream.transport is not None

    @property
    def lost_stanzas(self) -> int:
        """How many stanzas were given up with a lost session: whether they arrived is not known."""
        return self._acks.forgotten + self._dropped

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""
        return self._supervisor is not None

    @property
    def max_octets(self) -> int:
        """The largest stanza that may be sent: our own limit, or the server's if it named a lower one (XEP-0478)."""
        served = getattr(self._stream.limits, "max_bytes", None) if self._stream is not None else None
        return min(self._limits.size, served) if served else self._limits.size

    # Opening and closing

    async def open(self) -> None:
        """Return when a session is up; raise `NotReachable` or `Refused` if the first attempt fails."""
        if self._supervisor is not None:
            raise LocalError(f"{self.jid} is open already")
        try:
            await self._connect()
            await self._enter()
        except BaseException:
            if self._stream is not None:
                self._stream.drop("not opened")
            self._acks.forget()
            self._down()
            raise
        self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    async def close(self) -> None:
        """End the session, in good order where there is a connection."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        if self._stream is not None:
            await self._stream.end()
        self._acks.forget()
        self._down()
        self._waiting.clear()

    # Sending

    def send(self, text: str, what: What) -> None:
        """Write a stanza, or keep it until the link is back.

        Raises `NotReachable` if it can be neither written nor kept: a message can wait for any session, a request or
        an answer only for the resumption of the present one, and presence for none.
        """
        data = text.encode()
        if self.connected and not (what == "message" and self._waiting):  # which would overtake those that wait
            assert self._stream is not None
            self._stream.outlet.put(data)
        elif what == "presence" or not (self._alive or (what == "message" and self.is_open)):
            raise NotReachable(f"{self.jid} has no connection to {self._account.address}")
        elif len(self._waiting) >= self._max_waiting:
            raise NotReachable(f"{self.jid} is not connected and {len(self._waiting)} stanzas wait already")
        else:
            self._waiting.append((what, data))

    async def drained(self) -> None:
        """Return when the connection takes more, so that a fast sender does not fill the memory."""
        if self._stream is not None:
            await self._stream.outlet.writable.wait()

    def _flush(self) -> None:
        while self._waiting and self.connected:
            assert self._stream is not None
            self._stream.outlet.put(self._waiting.popleft()[1])

    # The life of a session

    async def _connect(self) -> Outcome:
        async with _turn(self._account.address):
            self.statistics.attempts += 1
            self._stream = Stream(self._account, self._limits, self._acks, self._take, self._came_up)
            return await self._stream.start(self._patience.connect)

    def _came_up(self, outcome: Outcome) -> None:
        assert self._stream is not None
        self._cancel_deadline()
        if outcome == "new":
            self._lose()
            self.jid = self._stream.boundjid.full
            self.statistics.sessions += 1
        else:
            self.statistics.resumptions += 1
            self._resumed_at = self._acks.acknowledged
        self._alive = self._connected = True
        if outcome == "resumed":
            self._flush()

    async def _enter(self) -> None:
        """Begin a new session; raise `NotReachable` if the connection breaks over it."""
        assert self._stream is not None
        welcome = asyncio.ensure_future(self._welcome())
        try:
            await asyncio.wait((welcome, self._stream.lost), return_when=asyncio.FIRST_COMPLETED)
            if not welcome.done():
                raise NotReachable(f"the connection broke as the session began: {self._stream.lost.result()}")
            welcome.result()
        finally:
            welcome.cancel()
        self._flush()

    async def _supervise(self) -> None:
        while True:
            stream = self._stream
            assert stream is not None
            await self._watch(stream)
            reason = stream.lost.result()
            self._down()
            _log.info("%s lost its connection: %s", self.jid, reason, extra={"event": "link-down"})
            backoff = self._patience.backoff
            await self._come_back(max(_CONFLICT_ATTEMPT, backoff.quick) if stream.condition == "conflict" else 0)

    async def _come_back(self, attempt: int) -> None:
        backoff = self._patience.backoff
        while True:
            await asyncio.sleep(backoff.delay(attempt))
            attempt += 1
            try:
                outcome = await self._connect()
                if outcome == "resumed":
                    self._changed("resumed")
                else:
                    await self._enter()
            except Exception as error:  # whatever it was: a supervisor that ends leaves the session dead for ever
                self._down()
                expected = isinstance(error, RemoteError)
                if isinstance(error, RemoteError) and error.code == BUSY:
                    attempt = max(attempt, backoff.quick)
                level = logging.INFO if expected else logging.ERROR
                what = "%s: attempt %d to come back failed: %s"
                event = {"event": "reconnect-failed"}
                _log.log(level, what, self.jid, attempt, error, exc_info=not expected, extra=event)
            else:
                _log.info("%s is back: %s session", self.jid, outcome, extra={"event": f"link-{outcome}"})
                return

    async def _watch(self, stream: Stream) -> None:
        """Return when the connection is lost; break it off when the server says nothing any more."""
        loop = asyncio.get_running_loop()
        patience = self._patience
        while not stream.lost.done():
            await asyncio.wait((stream.lost,), timeout=max(0.0, stream.heard + patience.idle - loop.time()))
            if stream.lost.done() or loop.time() - stream.heard < patience.idle:
                continue
            asked = loop.time()
            self._ask(stream)
            await asyncio.wait((stream.lost,), timeout=patience.answer)
            if stream.heard < asked:
                if self._is_stuck(stream):
                    self._acks.forget()
                stream.drop(f"the server said nothing for {patience.answer:g} s")
                await stream.lost

    def _is_stuck(self, stream: Stream) -> bool:
        """Return whether the session was resumed, and the server deaf to it ever since.

        Prosody 0.12 goes on with the parser of the old connection: broken off within a stanza, it takes all that
        follows for the rest of that. Another resumption would not help.
        """
        return (
            stream.ready.result() == "resumed" and len(self._acks) > 0 and self._acks.acknowledged == self._resumed_at
        )

    def _ask(self, stream: Stream) -> None:
        """Ask the server for a sign of life."""
        if self._acks.active:
            stream.outlet.say(REQUEST)
        else:
            self._probe = f"probe-{id(stream)}"
            stream.outlet.put(stanza.iq("get", self._probe, jids.domain(self.jid), f'<ping xmlns="{PING}"/>').encode())

    def _take(self, xml: Element, fault: str | None) -> None:
        if self._probe and xml.get("id") == self._probe and xml.get("from") == jids.domain(self.jid):
            self._probe = ""
            return
        self._receive(xml, fault)

    def _down(self) -> None:
        """The connection is gone; the session may live on for a while."""
        was, self._connected = self._connected, False
        self._acks.pause()
        if was:
            self._changed("down")
        if self._acks.resumption is None:
            self._give_up()
        elif self._alive and self._deadline is None:
            window = min(self._patience.resume, self._acks.keeps or self._patience.resume)
            self._deadline = asyncio.get_running_loop().call_later(window, self._give_up)

    def _give_up(self) -> None:
        self._acks.forget()
        self._lose()

    def _lose(self) -> None:
        """The session is gone for good, and with it every request, answer and presence that hung on it."""
        self._cancel_deadline()
        if not self._alive:
            return
        self._alive = False
        kept = [entry for entry in self._waiting if entry[0] == "message"]
        self._dropped += len(self._waiting) - len(kept)
        self._waiting = deque(kept)
        if self.is_open:
            _log.warning("%s lost its session", self.jid, extra={"event": "session-lost", "stanzas": self.lost_stanzas})
        self._changed("lost")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _turn(address: str) -> asyncio.Semaphore:
    """Return what is held while a session connects to a server."""
    servers = _turns.setdefault(asyncio.get_running_loop(), {})
    return servers.setdefault(address, asyncio.Semaphore(_AT_ONCE))
