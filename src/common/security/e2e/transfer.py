"""The data of a session: numbered, dated, protected, and its keys changed from time to time.

New keys come of a fresh agreement, chained to the old ones: the calling end sends a new public key along with some
PDU, the called end answers with its own along with another. Whoever has seen both uses the new keys; the old ones are
forgotten once nothing made with them can still be on its way.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...errors import LocalError
from . import wire
from .diagnostics import Reason, Unsafe
from .keys import TAG, Agreement, Keys, derive, protect, unprotect
from .limits import Limits, Suite
from .states import CALLED, CALLING
from .wire import NO_FLAGS, Flag, Header, SecKind, SecPdu

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_WORN = 8
"""With so many times the PDUs, or the time, after which keys are to be changed, they are used no more."""


def milliseconds(now: datetime) -> int:
    """Return a time as it stands in PDUs: milliseconds since 1970."""
    return (now - _EPOCH) // _MILLISECOND


@attrs.define(slots=True)
class _Window:
    """Which PDUs of an epoch have come: the newest, and of those before it as many as the window is wide."""

    width: int
    newest: int = -1
    seen: int = 0

    def check(self, number: int) -> None:
        behind = self.newest - number
        if behind < 0:
            return
        if behind >= self.width:
            raise Unsafe(Reason.TOO_OLD, f"PDU {number} is {behind} behind the newest")
        if self.seen >> behind & 1:
            raise Unsafe(Reason.REPLAY, f"PDU {number} came before")

    def note(self, number: int) -> None:
        ahead = number - self.newest
        if ahead > 0:
            self.seen = (self.seen << min(ahead, self.width) | 1) & (1 << self.width) - 1
            self.newest = number
        else:
            self.seen |= 1 << -ahead


@attrs.define(slots=True)
class _Incoming:
    """What comes in with the keys of one epoch."""

    epoch: int
    key: AESGCM
    window: _Window


class Channel:
    """An open session at one of its ends: seals what goes out, opens what comes in. Made by a handshake."""

    def __init__(
        self, association: bytes, suite: Suite, keys: Keys, calling: bool, limits: Limits, now: datetime
    ) -> None:
        self.association = association
        self.suite = suite
        self.calling = calling
        self.epoch = 0
        """Which keys are used to send; it rises when they are changed."""
        machine = CALLING if calling else CALLED
        self._machine = machine
        self._state = "established"
        self._limits = limits
        self._kind = SecKind.ENCR_TRANSFER if suite is Suite.ENCRYPTED else SecKind.CLEAR_TRANSFER
        self._keys = keys
        self._out = keys.caller if calling else keys.called
        self._sent = 0
        self._since = now
        self._in = [self._incoming(keys, 0)]
        self._fresh: Keys | None = None
        self._offer: Agreement | None = None
        self._answered: tuple[bytes, bytes] | None = None
        self._wanted = False

    def __repr__(self) -> str:
        return f"<Channel {self.association.hex()[:8]} {self.suite.name.lower()} epoch {self.epoch}, {self._state}>"

    @property
    def ended(self) -> bool:
        """Whether the session is over: nothing can be sent or received any more."""
        return self._state == "ended"

    @property
    def must_speak(self) -> bool:
        """Whether a PDU should be sent soon, even an empty one: new keys are due, or the peer waits to see them."""
        if self.ended or not self.calling:
            return False
        return (self._wanted and self._offer is None) or (self.epoch > 0 and self._sent == 0)

    # --- what goes out ----------------------------------------------------------------------------------------------

    def seal(self, data: bytes, now: datetime) -> SecPdu:
        """Return the transfer of `data`; raise `LocalError` if the session is over or its keys are worn out."""
        return SecPdu(self._kind, self._seal(data, now))

    def abort(self, now: datetime) -> SecPdu:
        """End the session; return the PDU that tells the peer."""
        octets = self._seal(b"", now, Flag.ABORT)
        self.end()
        return SecPdu(SecKind.ABORT, octets)

    def end(self) -> None:
        """End the session: forget its keys."""
        if not self.ended:
            self._state = self._machine.next(self._state, "aborted")
            self._in.clear()
            del self._out, self._keys
            self._fresh = self._offer = self._answered = None

    def _seal(self, data: bytes, now: datetime, flags: Flag = NO_FLAGS) -> bytes:
        if self.ended:
            raise LocalError("the end-to-end session is over: open another association")
        limits, age = self._limits, now - self._since
        if self._sent >= limits.rekey_pdus or age >= limits.rekey_after:
            self._wanted = True
            if self._sent >= _WORN * limits.rekey_pdus or age >= _WORN * limits.rekey_after:
                raise LocalError("the peer does not let the keys be changed, and they are worn out: open another one")
        keys: tuple[bytes, ...] = ()
        if self._wanted or self._offer or self._answered:
            more, keys = self._about_keys()
            flags |= more
        head = wire.header(Header(self.association, self.suite, self.epoch, self._sent, milliseconds(now), flags, keys))
        nonce = self.epoch.to_bytes(4, "big") + self._sent.to_bytes(8, "big")
        self._sent += 1
        return protect(self.suite, self._out, nonce, head, data)

    def _about_keys(self) -> tuple[Flag, tuple[bytes, ...]]:
        """Return what is to be said about keys: the same again, until the peer has answered."""
        if self.calling:
            if self._offer is None:
                self._offer = Agreement()
            return Flag.REKEY, (self._offer.public,)
        if self._answered is not None:
            return Flag.CHANGED_KEY, (self._answered[1],)
        return Flag.REKEY_WANTED, ()

    # --- what comes in ----------------------------------------------------------------------------------------------

    def open(self, pdu: SecPdu, now: datetime) -> bytes | None:
        """Return the data of a transfer, None for an abort; raise `Unsafe`: then nothing has changed."""
        if self.ended:
            raise Unsafe(Reason.STATE, "the end-to-end session is over")
        if pdu.kind is not self._kind and pdu.kind is not SecKind.ABORT:
            raise Unsafe(Reason.SUITE, f"a {pdu.kind} came in a session of {self._kind}")
        octets = pdu.octets
        header, end = wire.read_header(octets)
        if header.association != self.association:
            raise Unsafe(Reason.ASSOCIATION, "it belongs to another session")
        if header.suite != self.suite or len(octets) < end + TAG:
            raise Unsafe(Reason.SUITE, "it is protected in another way than was agreed on")
        incoming = next((each for each in self._in if each.epoch == header.epoch), None)
        if incoming is None:
            raise Unsafe(Reason.EPOCH, f"its keys are those of epoch {header.epoch}, which are not in use")
        nonce = header.epoch.to_bytes(4, "big") + header.number.to_bytes(8, "big")
        data = unprotect(self.suite, incoming.key, nonce, octets, end)
        incoming.window.check(header.number)  # of what is the peer's: what is not would be told as a replay
        late = abs(milliseconds(now) - header.time) * _MILLISECOND
        if late > self._limits.delay:
            raise Unsafe(Reason.DELAYED, f"it was sent {late.total_seconds():.1f} s ago, or the clocks have parted")
        if bool(header.flags & Flag.ABORT) != (pdu.kind is SecKind.ABORT):
            raise Unsafe(Reason.MALFORMED, "an abort that is a transfer, or the other way round")
        if header.flags:
            self._take_keys(header, now)
        incoming.window.note(header.number)
        if len(self._in) > 1:
            self._settle(incoming, now)
        if pdu.kind is SecKind.ABORT:
            self.end()
            return None
        return data

    def _take_keys(self, header: Header, now: datetime) -> None:
        """Do what a peer says about keys; what it may not say raises `Unsafe`."""
        if header.flags & (Flag.REKEY if self.calling else Flag.CHANGED_KEY | Flag.REKEY_WANTED):
            raise Unsafe(Reason.STATE, "this end may not say that about keys")
        if header.flags & Flag.REKEY_WANTED:
            self._wanted = True
        for key in header.keys:
            if self.calling:
                self._changed(header, key, now)
            else:
                self._asked(header, key)

    def _asked(self, header: Header, key: bytes) -> None:
        """The caller has sent a new public key, for the first time or again."""
        if header.epoch != self.epoch or (self._answered is not None and self._answered[0] == key):
            return
        agreement = Agreement()
        self._fresh = derive(agreement.secret(key), self._keys.chain, self.epoch + 1)
        self._answered = key, agreement.public
        self._in = [each for each in self._in if each.epoch == self.epoch]
        self._in.append(self._incoming(self._fresh, self.epoch + 1))

    def _changed(self, header: Header, key: bytes, now: datetime) -> None:
        """The called end has answered with its public key, for the first time or again."""
        if self._offer is None or header.epoch != self.epoch:
            return
        fresh = derive(self._offer.secret(key), self._keys.chain, self.epoch + 1)
        self._in = [each for each in self._in if each.epoch == self.epoch]
        self._in.append(self._incoming(fresh, self.epoch + 1))
        self._switch(fresh, now)

    def _settle(self, incoming: _Incoming, now: datetime) -> None:
        """Go on to new keys once the peer uses them; forget old ones when nothing made with them can still come."""
        if self._fresh is not None and incoming.epoch == self.epoch + 1:
            self._switch(self._fresh, now)
        if incoming is self._in[-1] and incoming.window.newest >= incoming.window.width:
            self._in = [incoming]

    def _switch(self, keys: Keys, now: datetime) -> None:
        """Send with new keys from here on."""
        self.epoch += 1
        self._keys = keys
        self._out = keys.caller if self.calling else keys.called
        self._sent, self._since = 0, now
        self._fresh = self._offer = self._answered = None
        self._wanted = False

    def _incoming(self, keys: Keys, epoch: int) -> _Incoming:
        return _Incoming(epoch, keys.called if self.calling else keys.caller, _Window(self._limits.window))
