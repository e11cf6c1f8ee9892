"""The port between a role and what carries its messages."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ...common.errors import LocalError
from ..model import Message, TransportName
from .envelopes import Envelopes, Opened, Spend


class NotNow(LocalError):
    """A message cannot be dealt with for the moment, because what it changes could not be kept: to be sent again."""


class Station(Protocol):
    """What a transport serves: one role.

    Attributes:
        envelopes: opens what comes in and closes what goes out; nothing else does.
    """

    envelopes: Envelopes

    async def receive(self, identity: str, message: Message, spend: Spend | None = None) -> Message | None:
        """Return the answer to a message from the peer that the transport has proved to be `identity`.

        `spend` is that of a signed message (see `Opened`). Raises `NotNow`, and `Unproved` as `spend` does.
        """
        ...

    async def believe(self, opened: Opened) -> None:
        """Take note of a message that is not received, but answers one of ours or was sent astray.

        Raises `NotNow`, and `Unproved` if it was there before.
        """
        ...

    def back(self, address: str | None) -> None:
        """The peer at this address is there again, or (None) we ourselves are."""
        ...

    def trust(self, identity: str) -> None:
        """Take this identity for the VTN's too: one of its services has it."""
        ...

    def knows(self, identity: str, ven_id: str) -> bool:
        """Return whether this is a VTN that has given this venID to this identity."""
        ...


@runtime_checkable
class Transport(Protocol):
    """Carries the messages of one role: XMPP, or HTTP.

    Attributes:
        name: as registration calls it.
    """

    name: TransportName

    @property
    def address(self) -> str | None:
        """Where peers reach this role; None if they cannot."""
        ...

    async def begin(self, station: Station, vtn: str | None) -> None:
        """Take messages in from now on. `vtn` is the address of the VTN; None if the role is one.

        Raises:
            LocalError: another role is served already.
            NotReachable, Refused: the network does not let us.
        """
        ...

    async def end(self) -> None:
        """Take no more messages in."""
        ...

    async def carry(self, to: str, message: Message, identity: str) -> Message | None:
        """Send a message to an address and return the answer, None for an empty one.

        `identity` is what the peer must be proved to be where the transport can tell; empty for what its authority
        vouches for.

        Raises:
            NotReachable, TimedOut: it may go better another time.
            Refused: the peer's transport refuses it; `passing` tells whether that may be over the next time.
            Malformed: the answer is no message.
        """
        ...

    def passing(self, error: Exception) -> bool:
        """Return whether what `carry` has raised may be over the next time."""
        ...

    def owns(self, identity: str, address: str) -> bool:
        """Return whether an identity may give this address as its own."""
        ...

    def same(self, address: str, other: str) -> bool:
        """Return whether two addresses are of one peer."""
        ...

    def vtn_identity(self, vtn: str) -> str:
        """Return what the VTN at this address is proved to be, as far as the address tells."""
        ...

    async def watch(self, identity: str) -> None:
        """Let `Station.back` be called when the peer of this identity comes back, where the transport can tell."""
        ...
