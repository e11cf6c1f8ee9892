"""How long to wait before the next attempt: exponential growth with full jitter.

Full jitter draws each delay from the whole range between nothing and the present bound, so that a thousand sessions
that lost the same server do not come back in the same second.
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
    """Delays in seconds: attempt n waits between 0 and min(`cap`, `base` * `growth` ** n)."""

    base: float = attrs.field(default=0.5, validator=_positive)
    cap: float = attrs.field(default=30.0, validator=_positive)
    growth: float = attrs.field(default=2.0, validator=_positive)
    uniform: Callable[[float, float], float] = attrs.field(default=random.uniform, repr=False)

    def bound(self, attempt: int) -> float:
        """Return the longest delay, in seconds, before attempt `attempt`, counted from 0."""
        # Above 64 doublings the bound is the cap for any sensible base, and the power would overflow.
        return min(self.cap, self.base * self.growth ** min(attempt, 64))

    def delay(self, attempt: int) -> float:
        """Return a random delay in seconds before attempt `attempt`, counted from 0."""
        return self.uniform(0.0, self.bound(attempt))
