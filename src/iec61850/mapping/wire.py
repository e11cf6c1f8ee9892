"""What the mapping has to know of the wire below it: how a PDU is written, and how long that is."""

from __future__ import annotations

from typing import Protocol, TypeVar

import attrs

from ..mms import pdu

P = TypeVar("P")


class Wire(Protocol[P]):
    """An encoding of PDUs: BER octets, or XER text in a dialect."""

    def encode(self, message: pdu.MMSpdu) -> P:
        """Return the PDU as it goes on the wire; raise `MmsEncodeError`."""
        ...

    def size(self, payload: P) -> int:
        """Return how many octets of the agreed PDU size a payload takes."""
        ...

    @property
    def name_overhead(self) -> int:
        """How many octets an identifier in a list takes beside its characters, at most."""
        ...


@attrs.frozen(slots=True)
class Parameters:
    """What both sides have agreed on when the association was opened (MMS initiate).

    Attributes:
        pdu_size: octets that a PDU may have in either direction.
        calling: requests that the client may have outstanding.
        called: requests that the server may have outstanding.
        nesting: levels of nested data.
        services: of the server, as bits of ServiceSupportOptions.
    """

    pdu_size: int
    calling: int
    called: int
    nesting: int
    services: frozenset[int] = frozenset()
