"""What a binding serves: an engine with its application, or through a gateway a server that is elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import attrs

from ...common.clock import Clock
from ..engine import Association, Steps
from ..mms import pdu
from .answer import Exchange
from .server import Answer, Identity
from .wire import P, Parameters, Wire

T = TypeVar("T")


@attrs.frozen(slots=True)
class Caller:
    """Who asks for an association.

    Attributes:
        peer: its address: full JID, or IP address and port.
        identity: what stays the same when it comes back: its account, the subject of its certificate, its IP address.
        text: whether its PDUs are written as text (XER), which makes them longer.
        pdu_size: octets of the largest PDU that the association can have on this side.
        roles: those that it has proved to have (IEC 62351-8); None where it has proved nothing.
    """

    peer: str
    identity: str
    text: bool
    pdu_size: int
    roles: frozenset[int] | None = None


class Dialogue(Protocol[P]):
    """The PDUs of one association at a server, after it was opened; see `MmsServer`."""

    def receive(self, message: pdu.MMSpdu, now: Any) -> Steps[Answer[P]]:
        """Perform what a PDU asks for and return the answer."""
        ...

    def notify(self, notification: Any) -> list[P]:
        """Return the PDUs for something that goes out unasked."""
        ...


class Admission(Protocol):
    """A caller that may have an association, as far as this is for whom it calls to say."""

    @property
    def services(self) -> frozenset[pdu.ServiceSupportOptions]:
        """What is announced to it."""
        ...

    def dialogue(
        self,
        association: Association,
        wire: Wire[P],
        parameters: Parameters,
        identity: Identity | None,
        exchange: Exchange,
    ) -> Dialogue[P]:
        """Return what answers the PDUs of the association that it has got."""
        ...

    def withdraw(self) -> None:
        """There is no association after all."""
        ...


class Service(Protocol):
    """What a binding gives associations with."""

    clock: Clock

    @property
    def name(self) -> str:
        """What it is called in logs."""
        ...

    def admit(self, caller: Caller) -> Admission | Awaitable[Admission]:
        """Let a caller in, or raise `ServiceRefused`; where that takes time, what is returned is awaited."""
        ...

    def associate(
        self, peer: str, sink: Callable[[Any], None], on_end: Callable[[str], None], identity: str = ""
    ) -> Association:
        """Return a new association; `sink` gets what is to be sent unasked, `on_end` why we ended it, if we did."""
        ...

    def end(self, association: Association, why: str) -> None:
        """End an association because the client, or its absence, asks for it."""
        ...

    def hold(self, association: Association) -> None:
        """Hand out nothing more to an association: its client does not read what is sent to it."""
        ...

    def go_on(self, association: Association) -> None:
        """Hand out to an association again what was held back."""
        ...

    async def perform(self, steps: Steps[T]) -> T:
        """Run what `Dialogue.receive` gave to its end."""
        ...

    def start(self, steps: Steps[T], done: Callable[[T], None], failed: Callable[[], None]) -> None:
        """Run it, and give `done` what it returns; tell `failed` while an exception is being handled."""
        ...
