"""The broker without input and output: streams, sessions and what happens to them in time.

Whoever owns the connections calls `connect`, `receive`, `secured`, `lost` and `tick` with the time (seconds of any
steady clock), and then does for each stream of `touched()` what it asks for.
"""

from __future__ import annotations

import logging

from ...errors import Refused
from ...ids import new
from .accounts import Directory, Session
from .jid import Jid, prepare_resource
from .limits import Limits
from .management import Management
from .router import Router
from .sasl import Binding, Decoys, Keys
from .scanner import Element
from .stanza import Stanza
from .stream import Stream
from .text import SM
from .timers import Timer, Timers

log = logging.getLogger(__name__)

_ASK = f"<r xmlns='{SM}'/>".encode()


class Core:
    """The life of streams and sessions; the accounts outlive it."""

    def __init__(self, directory: Directory, limits: Limits) -> None:
        self.domain = directory.domain
        self.limits = limits
        self.decoys = Decoys()
        self.streams: set[Stream] = set()
        self._directory = directory
        self._router = Router(directory)
        self._timers = Timers()
        self._now = 0.0
        self._pending: dict[Stream, Timer] = {}
        self._resumable: dict[str, Session] = {}
        self._touched: dict[Stream, None] = {}

    # What the owner of the connections calls

    def connect(self, now: float) -> Stream:
        """Return the stream of a new connection."""
        self._now = now
        if len(self._pending) >= self.limits.pending:
            # The oldest has had the most time; so a flood of idle connections cannot keep others out.
            next(iter(self._pending)).fail("resource-constraint", "too many connections that are not logged in")
        stream = Stream(self)
        self.streams.add(stream)
        late = self._timers.at(now + self.limits.login_time, lambda: stream.fail("connection-timeout", "no login"))
        self._pending[stream] = late
        return stream

    def receive(self, stream: Stream, data: bytes, now: float) -> None:
        """Bytes have come on this stream."""
        self._now = now
        try:
            stream.receive(data)
        except Exception:
            log.exception("a stream has to end by a fault of the broker")
            stream.fail("internal-server-error")

    def secured(self, stream: Stream, now: float, proven: tuple[str, ...] = (), binding: Binding | None = None) -> None:
        """TLS is up on this stream, by which the client has proved that it is these JIDs; `binding` is that of TLS."""
        self._now = now
        stream.secured(proven, binding)

    def lost(self, stream: Stream, now: float) -> None:
        """The connection of this stream is gone."""
        self._now = now
        self.streams.discard(stream)
        self._settled(stream)
        session, stream.session = stream.session, None
        if session is None or session.stream is not stream:
            return
        session.stream = None
        management = session.management
        if management is not None and management.token:
            management.asked = None
            management.set_timer(self._timers.at(now + self.limits.hibernation, lambda: self.end(session)))
        else:
            self.end(session)

    def tick(self, now: float) -> None:
        """Do what is due; to be called at `deadline`."""
        self._now = now
        self._timers.run(now)

    @property
    def deadline(self) -> float | None:
        """When `tick` is to be called next; None for not at all."""
        return self._timers.next

    def touched(self) -> list[Stream]:
        """Return the streams that have something to send or to close, each once."""
        touched, self._touched = list(self._touched), {}
        return touched

    def shutdown(self, condition: str) -> None:
        """Forget all sessions, and end all streams with this stream error; without one leave them as they are."""
        self._directory.clear()
        for stream in list(self.streams):
            if stream.session is not None:
                self._detach(stream.session)
            if condition:
                stream.fail(condition)

    # What streams call

    def keys(self, user: str) -> Keys | None:
        """Return the keys of an account, None if there is none."""
        return self._directory.keys(user)

    def touch(self, stream: Stream) -> None:
        """There is something to do for the connection of this stream."""
        self._touched[stream] = None
        if stream.closed:
            self._settled(stream)

    def bind(self, stream: Stream, user: str, resource: str) -> tuple[Session, list[Stanza]]:
        """Return a new session. One that has the resource already is ended: the newest is the one that lives. What its
        client never acknowledged is returned too, to be given to `redirect` when the new one has had its answer."""
        account = self._directory.get(f"{user}@{self.domain}")
        if account is None:
            raise Refused("the account is gone", code="not-allowed")
        jid = Jid(user, self.domain, prepare_resource(resource) if resource else new())
        old = account.sessions.get(jid.resource)
        if old is None and len(account.sessions) >= self.limits.sessions:
            old = next((session for session in account.sessions.values() if session.stream is None), None)
            if old is None:
                raise Refused("too many sessions of this account", code="resource-constraint")
        left = self._drop(old, "conflict") if old else []
        session = Session(jid, account, stream, self)
        self._directory.enter(session)
        self._settled(stream)
        return session, left

    def redirect(self, left: list[Stanza]) -> None:
        """Find another way for stanzas that their receiver never acknowledged."""
        for stanza in left:
            self._router.abandoned(stanza)

    def manage(self, session: Session, resumable: bool) -> Management:
        """Enable stream management."""
        token = new() if resumable and self.limits.hibernation > 0 else ""
        session.management = Management(token)
        if token:
            self._resumable[token] = session
        return session.management

    def resume(self, stream: Stream, user: str, token: str, count: int) -> Session | None:
        """Return the session that goes on over `stream`, None if this user has none of that token."""
        session = self._resumable.get(token)
        if session is None or session.management is None or session.account.user != user:
            return None
        session.management.acknowledge(count)
        old = self._detach(session)
        if old is not None:
            old.fail("conflict", "the session goes on over another connection")
        session.stream = stream
        self._settled(stream)
        self._watch(session, session.management)
        return session

    def acknowledged(self, session: Session, count: int) -> None:
        """The client has acknowledged `count` stanzas."""
        if session.management is not None:
            session.management.acknowledge(count)
            self._watch(session, session.management)

    def route(self, session: Session, element: Element, lang: str) -> None:
        """Take a stanza over."""
        self._router.route(session, element, lang)

    def end(self, session: Session) -> None:
        """The session is over."""
        self.redirect(self._drop(session, ""))

    # What sessions call

    def kept(self, session: Session) -> None:
        """One more stanza waits for acknowledgement: ask for it in time, and give up when too much is waiting."""
        management = session.management
        if management is None or management.full:
            return
        if management.held > self.limits.send_buffer or len(management) > self.limits.unacked:
            management.full = True
            # Not at once: the caller may be in the middle of a broadcast.
            self._timers.at(self._now, lambda: self._overflow(session))
        elif session.stream is None:
            return
        elif management.asked is None and management.unasked >= self.limits.ack_every:
            self._ask(session, management)
        elif management.timer is None:
            self._watch(session, management)

    def _watch(self, session: Session, management: Management) -> None:
        """Ask for acknowledgement a little later, if there is anything to be acknowledged."""
        when = self._now + self.limits.ack_delay
        waiting = len(management) > 0
        management.set_timer(self._timers.at(when, lambda: self._ask(session, management)) if waiting else None)

    def _ask(self, session: Session, management: Management) -> None:
        if session.stream is None:
            return
        management.asked, management.unasked = self._now, 0
        when = self._now + self.limits.ack_timeout
        management.set_timer(self._timers.at(when, lambda: self._dead(session)))
        session.stream.write(_ASK)

    def _dead(self, session: Session) -> None:
        """The client does not answer: its connection is dead, whatever TCP thinks of it."""
        if isinstance(session.stream, Stream):
            session.stream.abort()

    def _overflow(self, session: Session) -> None:
        log.warning("%s does not acknowledge what it is sent", session.full)
        self.redirect(self._drop(session, "policy-violation"))

    # Sessions

    def _settled(self, stream: Stream) -> None:
        """The time for logging in does not run any more."""
        timer = self._pending.pop(stream, None)
        if timer is not None:
            timer.cancel()

    def _detach(self, session: Session) -> Stream | None:
        """Part a session from its stream, and return that."""
        stream, session.stream = session.stream, None
        if isinstance(stream, Stream):
            stream.session = None
            return stream
        return None

    def _drop(self, session: Session, condition: str) -> list[Stanza]:
        """End a session; return what its client never acknowledged."""
        stream = self._detach(session)
        if stream is not None and condition:
            stream.fail(condition)
        self._directory.leave(session)
        self._router.presence.leave(session)
        if session.management is None:
            return []
        self._resumable.pop(session.management.token, None)
        session.management.set_timer(None)
        return session.management.abandon()
