"""What a server of HTTP takes, as it is written in a configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import attrs

from ...common.config import Step
from ...openadr.binding.http_door import HttpLimits

_DEFAULT = HttpLimits()


@attrs.frozen(slots=True)
class LimitsEntry:
    """What is taken, as `HttpLimits` has it; its times are written as durations.

    Attributes:
        body: octets of a request.
        handshake: for the TLS handshake.
        request: until a request has come in whole, and until an answer was taken.
        idle: that a connection may stay without a request.
        connections: open at once.
        per_address: open at once from one address.
        per_peer: open at once with one certificate.
    """

    body: int = _DEFAULT.body
    handshake: timedelta = timedelta(seconds=_DEFAULT.handshake)
    request: timedelta = timedelta(seconds=_DEFAULT.request)
    idle: timedelta = timedelta(seconds=_DEFAULT.idle)
    connections: int = _DEFAULT.connections
    per_address: int = _DEFAULT.per_address
    per_peer: int = _DEFAULT.per_peer

    def check(self, complain: Callable[..., None], *trail: Step) -> None:
        """Complain of what would let nobody in."""
        for name in ("body", "connections", "per_address", "per_peer"):
            if getattr(self, name) < 1:
                complain("is one at least", *trail, name)
        for name in ("handshake", "request", "idle"):
            if getattr(self, name) <= timedelta():
                complain("is more than no time", *trail, name)

    def limits(self) -> HttpLimits:
        """Return them as a server takes them."""
        times = {name: getattr(self, name).total_seconds() for name in ("handshake", "request", "idle")}
        return HttpLimits(**{**attrs.asdict(self), **times})
