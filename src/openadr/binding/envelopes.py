"""From documents to messages and back: the one place where what comes in is believed or not, and where is signed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element as StdElement

import attrs

from ...common.clock import Clock
from ...common.xml import Element
from ..codec import Deviation, decode, element, write
from ..core.answers import Code, request_id
from ..model import Message, Poll, Response
from ..signing import Unproved
from .tolerance import Reading

if TYPE_CHECKING:
    from ..signing.notary import Notary

log = logging.getLogger(__name__)

Agreed = Callable[[str, str | None], bool]
"""Whether the peer of an identity, and a venID if one is known, has agreed to sign and wants ours signed."""

SameParty = Callable[[str, tuple[str, ...]], bool]
"""Whether what a transport proves a sender to be, and what its certificate proves (any of it), are of one party."""


Spend = Callable[[], Callable[[], None]]
"""Spends a nonce, and returns what makes it good again."""

MOST_POLLS = 10_000
LONGEST_POLL = 1_000
"""So many polls are known by their octets, of at most so many each: ten megabytes are the most that they take."""


@attrs.frozen(slots=True)
class Opened:
    """A message, and whether it was signed.

    Attributes:
        spend: of a signed one: to be called in the step that deals with it, so that it cannot come again; returns what
            takes that back, where the step could not be kept. Raises `Unproved` if it was there before, in this
            process or another that shares our books.
    """

    message: Message
    signed: bool = False
    spend: Spend | None = attrs.field(default=None, eq=False, repr=False)


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
        self._polls: dict[bytes, Opened] = {}

    def open(self, identity: str, data: bytes | str | StdElement) -> Opened:
        """Return the message in a document of the peer that the transport has proved to be `identity`.

        If it is signed, the message is what was signed, and nothing else of the document counts. That it cannot come
        again is kept with what the message changes: see `Opened.spend`.

        Raises:
            Malformed: it is no message.
            Unproved: its signature is wanted and missing, or is not good.
        """
        known = self._polls.get(data) if isinstance(data, bytes) else None
        if known is None:
            known = self._read(identity, data)
        if not known.signed and self._notary is not None and self._wanted(identity, known.message):
            name = type(known.message).__name__
            raise Unproved(
                "openadr.unsigned", Code.NOT_ALLOWED, f"{name} is not signed, as it has to be",
                request=request_id(known.message),
            )  # fmt: skip
        return known

    def _remember(self, data: bytes, opened: Opened) -> None:
        """Know a poll again by its octets: a VEN sends the very same each time, and a message never changes."""
        if isinstance(opened.message, Poll) and len(data) <= LONGEST_POLL:
            if len(self._polls) >= MOST_POLLS:
                self._polls.clear()
            self._polls[data] = opened

    def _read(self, identity: str, data: bytes | str | StdElement) -> Opened:
        root = element(data)
        admitted, deviations = self.reading.admitted(root)
        if self._notary is None:
            return self._unsigned(identity, data, admitted, deviations)
        # imported here: who does not sign needs no cryptography
        from ...common.xml.signature import is_signed

        if not is_signed(root):
            return self._unsigned(identity, data, admitted, deviations)
        now = self._clock.now()
        proved = self._notary.verify(root, now)
        if not self._same_party(identity, proved.signer.names):
            raise Unproved(
                "openadr.other-signer", Code.NOT_REGISTERED,
                f"{identity or 'who proves nothing'} may not send what {proved.signer.fingerprint} has signed",
            )  # fmt: skip
        admitted, deviations = self.reading.admitted(proved.element)
        message = decode(admitted).message
        self.reading.note(identity, deviations, type(message).__name__)
        guard, clock, signer = self._notary.guard, self._clock, proved.signer.fingerprint
        return Opened(message, signed=True, spend=lambda: guard.check(signer, proved.protect, clock.now()))

    def _unsigned(
        self, identity: str, data: bytes | str | StdElement, admitted: Element, deviations: tuple[Deviation, ...]
    ) -> Opened:
        opened = Opened(decode(admitted).message)
        self.reading.note(identity, deviations, type(opened.message).__name__)
        if isinstance(data, bytes) and not deviations:  # which are counted each time
            self._remember(data, opened)
        return opened

    def close(self, message: Message, identity: str, *, signed: bool = False) -> str:
        """Return the text of a message to a peer: signed if that was agreed, or if it answers a `signed` one.

        A VEN that signs does so always.

        Raises:
            LocalError: it cannot be sent.
        """
        notary = self._notary
        if notary is None or not (self._always or signed or self._wanted(identity, message)):
            return _written_again(message) if _answers_a_poll(message) else write(message)
        return notary.sign(message, self._clock.now())

    def _wanted(self, identity: str, message: Message) -> bool:
        assert self._notary is not None
        return self._notary.signing.required or self._agreed(identity, getattr(message, "ven_id", None) or None)


def _answers_a_poll(message: Message) -> bool:
    """Whether it is what a VEN is told again and again: that nothing waits for it."""
    return isinstance(message, Response) and not message.ei_response.request_id


_written_again = lru_cache(4_096)(write)
