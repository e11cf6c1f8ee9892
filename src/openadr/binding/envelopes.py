"""From documents to messages and back: the one place where what comes in is believed or not, and where is signed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element as StdElement

import attrs

from ...common.clock import Clock
from ...common.xml import Element
from ..codec import Deviation, decode, element, write
from ..core.answers import Code
from ..model import Message
from ..signing import Unproved
from .tolerance import Reading

if TYPE_CHECKING:
    from ..signing.notary import Notary

log = logging.getLogger(__name__)

Agreed = Callable[[str, str | None], bool]
"""Whether the peer of an identity, and a venID if one is known, has agreed to sign and wants ours signed."""

SameParty = Callable[[str, tuple[str, ...]], bool]
"""Whether what a transport proves a sender to be, and what its certificate proves (any of it), are of one party."""


@attrs.frozen(slots=True)
class Opened:
    """A message, and whether it was signed."""

    message: Message
    signed: bool = False


class Envelopes:
    """Opens what comes in and closes what goes out, for one role.

    Args:
        notary: signs and verifies; None for a role that does not: then signatures of others are not looked at.
        always: whether everything is signed that goes out, agreed or not: a VEN does so from its first message.
        reading: how what comes in is held to the schema; strictly, if not given.
    """

    def __init__(
        self, notary: Notary | None, clock: Clock, agreed: Agreed, same_party: SameParty, *,
        always: bool = False, reading: Reading | None = None,
    ) -> None:  # fmt: skip
        self._notary = notary
        self._clock = clock
        self._agreed = agreed
        self._same_party = same_party
        self._always = always
        self.reading = reading or Reading()

    def open(self, identity: str, data: bytes | str | StdElement) -> Opened:
        """Return the message in a document of the peer that the transport has proved to be `identity`.

        If it is signed, the message is what was signed, and nothing else of the document counts. That it cannot come
        again is kept with what the message changes.

        Raises:
            Malformed: it is no message.
            Unproved: its signature is wanted and missing, or is not good.
        """
        root = element(data)
        admitted, deviations = self.reading.admitted(root)
        if self._notary is None:
            return Opened(self._decoded(identity, admitted, deviations))
        # imported here: who does not sign needs no cryptography
        from ...common.xml.signature import is_signed

        if not is_signed(root):
            return self._unsigned(identity, admitted, deviations)
        now = self._clock.now()
        proved = self._notary.verify(root, now)
        if not self._same_party(identity, proved.signer.names):
            raise Unproved(
                "openadr.other-signer", Code.NOT_REGISTERED,
                f"{identity or 'who proves nothing'} may not send what {proved.signer.fingerprint} has signed",
            )  # fmt: skip
        admitted, deviations = self.reading.admitted(proved.element)
        message = decode(admitted).message
        self._notary.guard.check(proved.signer.fingerprint, proved.protect, now)
        self.reading.note(identity, deviations, type(message).__name__)
        return Opened(message, signed=True)

    def _decoded(self, identity: str, admitted: Element, deviations: tuple[Deviation, ...]) -> Message:
        message = decode(admitted).message
        self.reading.note(identity, deviations, type(message).__name__)
        return message

    def close(self, message: Message, identity: str, *, signed: bool = False) -> str:
        """Return the text of a message to a peer: signed if that was agreed, or if it answers a `signed` one.

        A VEN that signs does so always.

        Raises:
            LocalError: it cannot be sent.
        """
        notary = self._notary
        if notary is None or not (self._always or signed or self._wanted(identity, message)):
            return write(message)
        return notary.sign(message, self._clock.now())

    def _unsigned(self, identity: str, admitted: Element, deviations: tuple[Deviation, ...]) -> Opened:
        message = self._decoded(identity, admitted, deviations)
        if self._wanted(identity, message):
            raise Unproved(
                "openadr.unsigned", Code.NOT_ALLOWED, f"{type(message).__name__} is not signed, as it has to be"
            )
        return Opened(message)

    def _wanted(self, identity: str, message: Message) -> bool:
        assert self._notary is not None
        return self._notary.signing.required or self._agreed(identity, getattr(message, "ven_id", None) or None)
