"""The error for a message that is not proved to be what it should."""

from __future__ import annotations

from ..core.answers import Code, Rejected


class Unproved(Rejected):
    """A message whose signature is missing, does not hold, is not the sender's, or was there before.

    `event` is the name under which it is logged; `request` the requestID of a message that could be read. Of one whose
    signature does not hold, or is somebody else's, nothing is read, and nothing said back.
    """

    def __init__(self, event: str, code: Code, message: str, *, request: str = "") -> None:
        super().__init__(code, message)
        self.event = event
        self.request = request
