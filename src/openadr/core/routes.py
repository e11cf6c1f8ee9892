"""How a peer is reached."""

from __future__ import annotations

import attrs

from ..model import TransportName


@attrs.frozen(slots=True)
class Route:
    """A transport and the peer's address there; without an address the peer comes for its messages itself (oadrPoll).

    Attributes:
        identity: what the transport has to prove the peer to be; empty where its certificate authority is enough.
    """

    transport: TransportName
    address: str | None
    identity: str = ""

    @property
    def text(self) -> str:
        """The route in words, for logs."""
        return self.address or f"{self.transport}, polled"
