"""How long to wait before the next attempt: exponential growth with full jitter.

Full jitter draws each delay from the whole range between nothing and the present bound, so that a thousand sessions
that lost the same server do not come back in the same second.

A server that is started anew is away for seconds. With plain exponential growth a session that has tried a few times
by then waits for up to thirty more: of many, some always do. So there may be a first, quick phase, in which the bound
stays low; only then it grows to the cap.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from ..errors import LocalError


def _positive(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if value <= 0:
        raise LocalError(f"{attribute.name} of a back-off is above zero, not {value}")


@attrs.frozen(slots=True)
class Backoff:
    """Delays in seconds: attempt n waits between 0 and min(`cap`, `base` * `growth` ** n).

    With `quick` the bound of so many first attempts is no more than `soon`, from which it grows afterwards.
    """

    base: float = attrs.field(default=0.5, validator=_positive)
    cap: float = attrs.field(default=30.0, validator=_positive)
    growth: float = attrs.field(default=2.0, validator=_positive)
    uniform: Callable[[float, float], float] = attrs.field(default=random.uniform, repr=False)
    quick: int = attrs.field(default=0, kw_only=True)
    soon: float = attrs.field(default=4.0, validator=_positive, kw_only=True)

    def bound(self, attempt: int) -> float:
        """Return the longest delay, in seconds, before attempt `attempt`, counted from 0."""
        if not self.quick:
            return self._grown(self.base, attempt)
        soon = max(self.base, self.soon)
        if attempt < self.quick:
            return min(soon, self._grown(self.base, attempt))
        return self._grown(soon, attempt - self.quick + 1)

    def _grown(self, base: float, times: int) -> float:
        # Above 64 doublings the bound is the cap for any sensible base, and the power would overflow.
        return min(self.cap, base * self.growth ** min(times, 64))

    def delay(self, attempt: int) -> float:
        """Return a random delay in seconds before attempt `attempt`, counted from 0."""
        return self.uniform(0.0, self.bound(attempt))


RETURNING = Backoff(quick=12)
"""Of what comes back to a server: some twenty seconds of attempts every two seconds, then up to thirty between them.

Who lost a server for some seconds tries within the four after its return.
"""
