"""What several time servers say together: whom to believe, how our oscillator drifts, and how sure all that is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import attrs

from .packet import Sample
from .peer import MAX_DRIFT, UNKNOWN_DRIFT, Drift, Estimate, Peer

_UPDATES = 8


@attrs.frozen(slots=True)
class Synchronization:
    """Whether our time is right, and how right.

    Attributes:
        synchronized: most of the servers that answer agree, and our time is within the tolerance of them.
        accuracy: seconds by which our time may be wrong, at most; None while nobody knows.
        offset: seconds by which the right time is ahead of our oscillator; None while nobody knows.
        drift: seconds that the oscillator loses in a second; None while it is not known.
        failure: our oscillator strays more than any sound one does.
        known: it has been synchronized since it was started, so the leap seconds are right.
        leap: +1 or -1 where the servers say that this day has a second more or less at its end.
        sources: the servers that agree, the best one first.
        stratum: of the best one; 16 where there is none.
        lost: seconds since it was synchronized last; 0.0 while it is, None if it never was.
        reason: why it is not synchronized; empty if it is.
    """

    synchronized: bool = False
    accuracy: float | None = None
    offset: float | None = None
    drift: float | None = None
    failure: bool = False
    known: bool = False
    leap: int = 0
    sources: tuple[str, ...] = ()
    stratum: int = 16
    lost: float | None = None
    reason: str = "no time server has answered yet"


class Synchronizer:
    """Asks time servers in turn, and holds against each other what they say.

    All times are seconds by our oscillator. `poll` is the least and the most time between two requests to a server,
    `tolerance` how wrong our time may be and still be called synchronized.
    """

    def __init__(self, servers: Iterable[str], *, poll: tuple[float, float] = (64.0, 1024.0), tolerance: float = 0.1):
        self.peers = tuple(Peer(name, *poll) for name in dict.fromkeys(servers))
        self._tolerance = tolerance
        self._updates: deque[tuple[float, Estimate]] = deque(maxlen=_UPDATES * max(1, len(self.peers)))
        """When the servers agreed, and on what."""
        self._drift: Drift | None = None
        self._sources: tuple[Peer, ...] = ()
        self._last_good: float | None = None

    def answered(self, peer: Peer, sample: Sample) -> Estimate | None:
        """Take the answer of a server; return what they all agree on now, None if they do not."""
        if not peer.answered(sample, self._drift):
            self._updates.clear()
            self._drift = None
        agreed = self._agreed(sample.elapsed)
        if agreed is not None:
            self._updates.append((sample.elapsed, agreed))
            self._drift = _slope(self._updates)
        return agreed

    @property
    def drift(self) -> float | None:
        """Seconds that the oscillator loses in a second; None while it is not known, or not believed."""
        return self._drift.rate if self._drift is not None and abs(self._drift.rate) <= MAX_DRIFT else None

    def state(self, now: float, lag: float) -> Synchronization:
        """Return the present state; `lag` is what our clock still has to make up."""
        agreed = self._agreed(now)
        rate = self._drift.rate if self._drift is not None else None
        failure = rate is not None and self.drift is None
        if agreed is None:
            reason = self._why()
        elif failure:
            reason = f"our oscillator strays by {abs(rate or 0) * 1e6:.0f} millionths"
        elif (accuracy := agreed.error + abs(lag)) > self._tolerance:
            reason = f"our time may be wrong by {accuracy:.3g} s"
        else:
            reason, self._last_good = "", now
        best = self._sources[0].last if agreed is not None else None
        return Synchronization(
            not reason,
            None if agreed is None else agreed.error + abs(lag),
            None if agreed is None else agreed.offset,
            rate,
            failure,
            self._last_good is not None,
            best.leap if best else 0,
            tuple(peer.name for peer in self._sources) if agreed is not None else (),
            best.stratum if best else 16,
            None if self._last_good is None else now - self._last_good,
            reason,
        )

    def _agreed(self, now: float) -> Estimate | None:
        found = [(peer, estimate) for peer in self.peers if (estimate := peer.estimate(now, self._drift))]
        right = [found[index] for index in majority([estimate for _, estimate in found])]
        right.sort(key=lambda each: each[1].error)
        self._sources = tuple(peer for peer, _ in right)
        return combined([estimate for _, estimate in right]) if right else None

    def _why(self) -> str:
        if any(peer.last is not None for peer in self.peers):
            return "the time servers do not agree"
        return "; ".join(f"{peer.name}: {peer.trouble}" for peer in self.peers) or "there is no time server"


def majority(estimates: Sequence[Estimate]) -> list[int]:
    """Return which of the estimates more than half of them bear out; none if there is no such majority.

    Each says that the truth is within its error: the stretch that most of them share is looked for (Marzullo's
    algorithm, RFC 5905 clause 11.2.1).
    """
    edges = sorted(
        edge for each in estimates for edge in ((each.offset - each.error, 0), (each.offset + each.error, 1))
    )
    most = count = 0
    low = high = 0.0
    for index, (where, ends) in enumerate(edges):
        count += -1 if ends else 1
        if count > most:
            most, low, high = count, where, edges[index + 1][0]
    if most * 2 <= len(estimates):
        return []
    middle = (low + high) / 2
    return [i for i, each in enumerate(estimates) if each.offset - each.error <= middle <= each.offset + each.error]


def combined(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of estimates, the surer ones with more weight; it is as sure as the best, the first one."""
    weights = [1 / max(each.error, 1e-9) for each in estimates]
    offset = sum(w * each.offset for w, each in zip(weights, estimates, strict=True)) / sum(weights)
    best = estimates[0]
    return Estimate(offset, best.error + abs(offset - best.offset))


def _slope(updates: Sequence[tuple[float, Estimate]]) -> Drift | None:
    """Return by how much the offset grows in a second (least squares); None where that cannot be told yet."""
    span = updates[-1][0] - updates[0][0]
    blur = 2 * max(each.error for _, each in updates)
    if len(updates) < 3 or blur > UNKNOWN_DRIFT * span:
        return None
    middle = sum(t for t, _ in updates) / len(updates)
    mean = sum(each.offset for _, each in updates) / len(updates)
    spread = sum((t - middle) ** 2 for t, _ in updates)
    return Drift(sum((t - middle) * (each.offset - mean) for t, each in updates) / spread, blur / span)
