"""The two ports of the ACSI: what a client calls, and what a server is to a mapping.

`ClientAssociation` is implemented by the local engine (in process), and by every mapping (8-2 over XMPP, 8-1 over
TCP). One test suite runs on all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .services import Notification, R, Request

NotificationListener = Callable[[Notification], None]
EndListener = Callable[[str], None]
"""Called once with why the association ended: `released`, `aborted` or what was lost."""


class ClientAssociation(Protocol):
    """A two-party application association, seen by its client (IEC 61850-7-2 clause 8.2)."""

    @property
    def peer(self) -> str:
        """The server's address, for people and logs."""
        ...

    async def call(self, request: Request[R]) -> R:
        """Ask for a service and return its positive response.

        Raises:
            ServiceRefused: the server said no.
            NotReachable: the association has ended or the peer is gone.
            TimedOut: no answer in time.
            Malformed: the answer does not follow the protocol.
        """
        ...

    def on_notification(self, listener: NotificationListener) -> Callable[[], None]:
        """Call `listener` for each report and command termination; return what removes it."""
        ...

    def on_end(self, listener: EndListener) -> Callable[[], None]:
        """Call `listener` when the association ends; return what removes it."""
        ...

    async def release(self) -> None:
        """Release in good order (clause 8.2.2.4)."""
        ...

    async def abort(self) -> None:
        """Abort at once (clause 8.2.2.3)."""
        ...
