"""One time server as its client sees it: when it is asked, and what its answers are worth together."""

from __future__ import annotations

from collections import deque

import attrs

from .packet import Sample

PHI = 15e-6
"""Seconds a second: what an oscillator may stray whose drift is known (RFC 5905)."""
UNKNOWN_DRIFT = 100e-6
"""The same of one whose drift is not known yet, but which is sound."""
MAX_DRIFT = 500e-6
"""Seconds a second: an oscillator that strays further is broken (RFC 5905, frequency tolerance)."""
BURST = 4
"""So many requests come quickly, at the start."""
_SOON = 2.0
_PATIENCE = 3
_RESTLESS = 2
_FINAL = frozenset({"DENY", "RSTR"})
_REACH = 0xFF


@attrs.frozen(slots=True)
class Estimate:
    """What a server says of our oscillator at some time: `offset` seconds of error, not more than `error` off."""

    offset: float
    error: float


@attrs.frozen(slots=True)
class Drift:
    """How our oscillator strays: it loses `rate` seconds a second, not more than `error` off."""

    rate: float
    error: float


@attrs.define(slots=True, eq=False)
class Peer:
    """A time server.

    It is asked `BURST` times in a row, then after `least` seconds, and less and less often up to `most` while all is
    well or while it does not answer. One that says DENY or RSTR is never asked again (RFC 4330 clause 8), one that
    says RATE less often for good.

    Attributes:
        name: as the application has it.
        due: when it is to be asked next, by our oscillator; None for never.
        trouble: why there is no answer; empty if there is one.
    """

    name: str
    least: float
    most: float
    due: float | None = 0.0
    trouble: str = "it has not answered yet"
    _interval: float = attrs.field(init=False)
    _asked: int = 0
    _missed: int = 0
    """Requests since the last answer."""
    _reach: int = 0
    """A bit for each of the last eight requests: whether it was answered."""
    _samples: deque[Sample] = attrs.field(factory=lambda: deque(maxlen=8))
    _odd: bool = False
    """The last answer contradicted those before it: one is an accident, two are a fact."""
    _jumps: int = 0
    """So often its time has jumped since it was as expected."""

    def __attrs_post_init__(self) -> None:
        self._interval = self.least

    @property
    def last(self) -> Sample | None:
        """The last answer that is believed; None if there is none that still is."""
        return self._samples[-1] if self._samples and self._reach and self._jumps < _RESTLESS else None

    def asked(self) -> None:
        """A request is sent."""
        self._asked += 1
        self._reach = self._reach << 1 & _REACH

    def answered(self, sample: Sample, drift: Drift | None) -> bool:
        """Take an answer, with the drift of our oscillator as far as it is known.

        Returns False if the server's time, or ours, has jumped: what was before is forgotten then.
        """
        self._reach |= 1
        self.trouble = ""
        back, self._missed = self._missed > 0, 0
        expected = self._expected(sample.elapsed, drift, 2 * MAX_DRIFT)
        if expected is not None and abs(sample.offset - expected.offset) > sample.distance + expected.error:
            if not self._odd:
                self._odd = True
                self._ask_soon(sample.elapsed)
                return True
            self._samples.clear()
            self._jumps += 1
            if self._jumps >= _RESTLESS:
                self.trouble = "its time jumps, or ours does"
        elif expected is not None:
            self._jumps = 0
        jumped, self._odd = self._odd and not self._samples, False
        self._samples.append(sample)
        if self._asked < BURST:
            self._ask_soon(sample.elapsed)
        else:
            self._ask_after(sample.elapsed, self.least if back or jumped or sample.leap else self._interval * 2)
        return not jumped

    def missed(self, now: float, why: str) -> None:
        """No answer came, or none that can be used."""
        self.trouble = why
        self._missed += 1
        if self._asked < BURST:
            self._ask_soon(now)
        else:
            self._ask_after(now, self._interval * (1 if self._missed % _PATIENCE else 2))

    def kissed(self, now: float, code: str | None) -> None:
        """A kiss of death came."""
        self.trouble = f"it says {code}" if code else "it does not want to be asked"
        self._missed += 1
        self.least = min(self.most, self.least * 2)
        self._asked = max(self._asked, BURST)
        self._ask_after(now, self._interval * 2)
        if code in _FINAL:
            self.due, self._reach = None, 0

    def _ask_soon(self, now: float) -> None:
        self.due = now + min(_SOON, self.least)

    def _ask_after(self, now: float, interval: float) -> None:
        self._interval = max(self.least, min(self.most, interval))
        self.due = now + self._interval

    def estimate(self, now: float, drift: Drift | None) -> Estimate | None:
        """Return what its best answer says of the present; None if there is none that is still believed."""
        return self._expected(now, drift, UNKNOWN_DRIFT) if self.last else None

    def _expected(self, now: float, drift: Drift | None, unknown: float) -> Estimate | None:
        if not self._samples:
            return None
        rate, wander = (drift.rate, max(PHI, drift.error)) if drift is not None else (0.0, unknown)
        ages = ((sample, now - sample.elapsed) for sample in self._samples)
        sample, age = min(ages, key=lambda found: found[0].distance + wander * found[1])
        return Estimate(sample.offset + rate * age, sample.distance + wander * age)
