"""ReplayProtect: a time and a nonce in every signature, by which a message that comes again is known."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import attrs

from ...common.errors import JanusGridError
from ...common.xml import Element, child, root
from ..core import spelling
from ..core.answers import Code
from ..core.shelf import Shelf
from ..model.simple import parse_date_time, render_date_time
from .unproved import Unproved

DSP = "http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties"
"""The namespace of ReplayProtect."""

LONGEST_NONCE = 256
MOST_OF_ONE = 20_000
"""Nonces of one signer that are remembered at a time: who sends more within the window is refused."""

_TAG, _TIMESTAMP, _NONCE = f"{{{DSP}}}ReplayProtect", f"{{{DSP}}}timestamp", f"{{{DSP}}}nonce"


@attrs.frozen(slots=True)
class ReplayProtect:
    """When a message was signed, and a text that no other message of its signer has."""

    timestamp: datetime
    nonce: str

    def element(self, target: str) -> Element:
        """Return it as the property of a signature over the element with the Id `target`."""
        made = root(_TAG, {"dsp": DSP})
        made.set("Id", "replayProtect")
        made.set("Target", f"#{target}")
        child(made, _TIMESTAMP, render_date_time(self.timestamp))
        child(made, _NONCE, self.nonce)
        return made

    @classmethod
    def within(cls, covered: Element) -> ReplayProtect:
        """Return the one within an element that a signature covers; raise `Unproved` if there is no such one."""
        found = list(covered.iter(_TAG))
        if len(found) != 1 or [each.tag for each in found[0]] != [_TIMESTAMP, _NONCE]:
            raise _unproved("it covers no ReplayProtect of a timestamp and a nonce, or several")
        timestamp, nonce = ((each.text or "").strip() for each in found[0])
        if not nonce or len(nonce) > LONGEST_NONCE:
            raise _unproved(f"its nonce has from 1 to {LONGEST_NONCE} characters")
        try:
            return cls(parse_date_time(timestamp), nonce)
        except (ValueError, JanusGridError):
            raise _unproved(f"its timestamp {timestamp!r:.40} is no time") from None


class Nonces(Shelf[datetime]):
    """When each nonce was signed, by signer and nonce; and how many there are `of` each signer."""

    def __init__(self) -> None:
        super().__init__("nonce", datetime.isoformat, _time)
        self.of: Counter[str] = Counter()

    def __setitem__(self, key: str, thing: datetime) -> None:
        before = len(self)
        super().__setitem__(key, thing)
        self._count(key, len(self) - before)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._count(key, -1)

    def fill(self, key: str, text: str | None) -> None:
        """Take a nonce as it was kept, or as another process has kept it."""
        before = len(self)
        super().fill(key, text)
        self._count(key, len(self) - before)

    def _count(self, key: str, by: int) -> None:
        signer = key.rpartition("/")[0]
        self.of[signer] += by
        if not self.of[signer]:
            del self.of[signer]


class ReplayGuard:
    """Remembers the nonces of every signer for as long as their timestamps are good.

    Where many processes share it, their clocks may differ by as much as `future`.

    Args:
        past, future: how far a timestamp may be from the present.
    """

    def __init__(self, past: timedelta, future: timedelta) -> None:
        self._past, self._future = past, future
        self.shelf = Nonces()

    def check(self, signer: str, protect: ReplayProtect, now: datetime) -> Callable[[], None]:
        """Remember the nonce of a signer, and return what forgets it again.

        Raises `Unproved` if it was there before, or its time is too far away.
        """
        self._forget(now)
        age = now - protect.timestamp
        if age > self._past:
            raise _late(f"it was signed {_seconds(age)} s ago: too long; are the clocks right?")
        if -age > self._future:
            raise _late(f"it is signed for a time {_seconds(-age)} s from now; are the clocks right?")
        key = f"{signer}/{hashlib.sha256(protect.nonce.encode()).hexdigest()[:40]}"
        if key in self.shelf:
            raise Unproved("openadr.replayed", Code.OUT_OF_SEQUENCE, "the message was there before: its nonce is used")
        if self.shelf.of[signer] >= MOST_OF_ONE:
            raise Unproved("openadr.replay-memory", Code.NOT_ALLOWED, "too many signed messages in so short a time")
        self.shelf[key] = protect.timestamp
        return partial(self._forgive, key)

    def _forgive(self, key: str) -> None:
        self.shelf.pop(key, None)

    def _forget(self, now: datetime) -> None:
        """Forget nonces whose timestamps would be refused, by whatever clock of ours.

        What came later, but is older, waits for its turn.
        """
        kept = self._past + self._future
        while (key := next(iter(self.shelf), None)) is not None and now - self.shelf[key] > kept:
            del self.shelf[key]


def _time(text: str) -> datetime:
    found = spelling.time_of(text)
    if found is None or found.tzinfo is None:
        raise ValueError("a time without a zone was kept")
    return found


def _seconds(span: timedelta) -> int:
    return round(span.total_seconds())


def _unproved(reason: str) -> Unproved:
    return Unproved("openadr.signature", Code.INVALID_DATA, f"the signature is not taken: {reason}")


def _late(reason: str) -> Unproved:
    return Unproved("openadr.signature-time", Code.OUT_OF_SEQUENCE, f"the signature is not taken: {reason}")
