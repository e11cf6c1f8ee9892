"""What a registry knows of a device, and what may happen to that."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType

import attrs

from ...common.errors import Malformed
from ...common.xmpp import jid as jids

MOST_VALUES, MOST_TEXT = 200, 32_768
"""Values of a nameplate, and characters of all of them."""
PART = 48 * 1024
"""Octets of a file that go in one stanza."""


class Kind(Enum):
    """What has happened to a device."""

    REGISTERED = "registered"
    CHANGED = "changed"
    """Its nameplate, its model or its address is another."""
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    """It cannot be reached, and is registered all the same: it may be in maintenance (table A.6)."""
    DEREGISTERED = "deregistered"
    EXPIRED = "expired"
    """It was not seen for so long that it counts as taken out."""

    @property
    def is_end(self) -> bool:
        """Whether the device is registered no more."""
        return self in (Kind.DEREGISTERED, Kind.EXPIRED)


def _frozen(given: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(given))


@attrs.frozen(slots=True)
class Nameplate:
    """What a device says of itself: attributes of its model by reference, with their values as text.

    Those are its logical devices' and its own name plates (`LLN0.NamPlt`, `LPHD.PhyNam`), and its ratings.
    """

    values: Mapping[str, str] = attrs.field(factory=dict, converter=_frozen)

    def __getitem__(self, ending: str) -> str:
        """Return the first value whose reference ends so: `nameplate["PhyNam.vendor"]`; empty if there is none."""
        return next((text for name, text in self.values.items() if _ends(name, ending)), "")

    @property
    def vendor(self) -> str:
        """Who made the device; empty if it does not say so."""
        return self["PhyNam.vendor"] or self["NamPlt.vendor"]

    @property
    def model(self) -> str:
        """The vendor's name of the device; empty if it does not say so."""
        return self["PhyNam.model"]

    @property
    def serial_number(self) -> str:
        """Its serial number; empty if it does not say so."""
        return self["PhyNam.serNum"]

    @property
    def ratings(self) -> dict[str, float]:
        """What it is made for, by the name of the data object: `WMaxRtg` in W, of the first node that has it."""
        found: dict[str, float] = {}
        for name, text in self.values.items():
            data, _, attribute = name.partition(".")[2].partition(".")
            if data.endswith("Rtg") and attribute.startswith(("setMag", "setVal", "mxVal", "mag")):
                try:
                    found.setdefault(data, float(text))
                except ValueError:
                    continue
        return found

    def fits(self, where: Mapping[str, str]) -> bool:
        """Return whether it has all of these values, by the ends of their references."""
        return all(
            any(text == wanted and _ends(name, ending) for name, text in self.values.items())
            for ending, wanted in where.items()
        )


def _ends(name: str, ending: str) -> bool:
    return name == ending or name.endswith((f".{ending}", f"/{ending}"))


@attrs.frozen(slots=True)
class Document:
    """Which CID file a device has: SHA-256 of its octets, and how many they are compressed."""

    sum: str
    size: int


@attrs.frozen(slots=True)
class Proposal:
    """What a device registers."""

    nameplate: Nameplate = Nameplate()
    dialects: tuple[str, ...] = ()
    document: Document | None = None


@attrs.frozen(slots=True)
class Device:
    """A device that is registered.

    Attributes:
        address: its full JID, as the servers say.
        about: what it registered.
        available: whether it can be reached now.
        registered: since when it is registered.
        seen: when it was there last.
    """

    address: str
    about: Proposal
    available: bool
    registered: datetime
    seen: datetime

    @property
    def jid(self) -> str:
        """Its account, which is who it is."""
        return jids.bare(self.address)

    @property
    def target(self) -> str:
        """What `connect` takes."""
        return f"xmpp:{self.address}"

    @property
    def nameplate(self) -> Nameplate:
        """What it says of itself."""
        return self.about.nameplate

    @property
    def dialects(self) -> tuple[str, ...]:
        """The dialects in which it takes associations."""
        return self.about.dialects

    @property
    def document(self) -> Document | None:
        """Its CID file, None where it registered none: then its data is to be browsed."""
        return self.about.document


@attrs.frozen(slots=True)
class Happening:
    """What has happened to a device, and the device as it is now (at an end, as it was)."""

    kind: Kind
    device: Device


def packed(text: str) -> tuple[Document, bytes]:
    """Return a CID file as it goes over the wire, and what it is known by."""
    octets = text.encode()
    compressed = zlib.compress(octets)
    return Document(hashlib.sha256(octets).hexdigest(), len(compressed)), compressed


def unpacked(document: Document, compressed: bytes, limit: int) -> str:
    """Return the CID file of these octets; raise `Malformed` if it is another, or one of more than `limit` octets."""
    stream = zlib.decompressobj()
    try:
        octets = stream.decompress(compressed, limit + 1)
    except zlib.error:
        raise Malformed("the file is not compressed as RFC 1950 has it") from None
    if len(octets) > limit:
        raise Malformed(f"the file is of more than {limit} octets")
    if not stream.eof or stream.unused_data or hashlib.sha256(octets).hexdigest() != document.sum:
        raise Malformed("the file is not the one that was announced: its sum is another")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise Malformed("the file is not in UTF-8") from None
