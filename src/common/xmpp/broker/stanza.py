"""A stanza on its way through the broker."""

from __future__ import annotations

import attrs

from .scanner import Element
from .text import error, quote


@attrs.define(slots=True, eq=False)
class Stanza:
    """An iq, message or presence that a client sent.

    Attributes:
        kind: `iq`, `message` or `presence`.
        type: the `type` attribute; for a message without one `normal`.
        id: the `id` attribute, empty if there is none.
        to: the address as the client wrote it, empty if there is none.
        sender: the full JID of the session that it came from.
        element: the stanza as it came.
        lang: the language of the sender's stream.
    """

    kind: str
    type: str
    id: str
    to: str
    sender: str
    element: Element
    lang: str = ""
    _data: bytes | None = attrs.field(default=None, repr=False)

    @property
    def data(self) -> bytes:
        """The stanza as its receiver gets it: stamped with the sender, everything else as it came."""
        if self._data is None:
            self._data = self.element.forward(self.sender, lang=self.lang)
        return self._data

    def addressed(self, sender: str, to: str) -> bytes:
        """Return the stanza with these addresses."""
        return self.element.forward(sender, to, self.lang)

    def result(self, payload: str = "") -> bytes:
        """Return the result of this iq, from the address that it was sent to."""
        return self._answer("result", payload)

    def error(self, condition: str) -> bytes:
        """Return this stanza's error, from the address that it was sent to."""
        return self._answer("error", error(condition))

    def _answer(self, type_: str, payload: str) -> bytes:
        source = f" from={quote(self.to)}" if self.to else ""
        identity = f" id={quote(self.id)}" if self.id else ""
        head = f"<{self.kind} type='{type_}'{identity}{source} to={quote(self.sender)}"
        return (f"{head}>{payload}</{self.kind}>" if payload else f"{head}/>").encode()
