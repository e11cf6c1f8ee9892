"""A request, and what its answer says (RFC 4330 clauses 3 to 5 and 8, RFC 5905 clauses 6 to 8).

A request tells nothing of our clock: where the time of sending would stand it has a random number, the nonce. The
server sends it back as the originate timestamp, and who has not seen the request cannot forge an answer.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import attrs

from ..errors import Malformed, Refused

PORT = 123
MAX_DISTANCE = 1.0
"""Seconds: an answer whose error may be larger is of no use (RFC 5905, MAXDIST)."""
_PACKET = struct.Struct("!BBbbII4sQQQQ")
SIZE = _PACKET.size
_VERSION, _CLIENT, _SERVER = 4, 3, 4
_UNSYNCHRONIZED = 3
_STRATA = range(1, 16)
_SECOND = 1 << 32
_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No answer is older than this program: it tells eras apart even where our own clock was never set."""
_BACKWARDS = -0.001
"""Seconds: a server that says it took longer than the whole exchange may be wrong by this, no more."""


class KissOfDeath(Refused):
    """The server wants to be asked less often (`code` RATE) or no more (DENY, RSTR), or cannot answer now."""


@attrs.frozen(slots=True)
class Sample:
    """What one answer says.

    Attributes:
        elapsed: when it came, in seconds by our own oscillator.
        offset: seconds by which the server is ahead of our unsteered time.
        delay: seconds that the two packets spent on their way.
        distance: seconds by which `offset` may be wrong, all in all (RFC 5905, root distance).
        stratum: 1 has the time from a reference clock, 2 from one that has, and so on.
        leap: +1 or -1 where the last minute of this day has a second more or less.
    """

    elapsed: float
    offset: float
    delay: float
    distance: float
    stratum: int = 1
    leap: int = 0


def ticks(when: datetime) -> int:
    """Return a time in units of 2**-32 s since 1900; the lower 64 bits are the timestamp of the wire."""
    return (when - _EPOCH) // timedelta(microseconds=1) * _SECOND // 1_000_000


def unwrapped(stamp: int, near: datetime) -> int:
    """Return in `ticks` what a timestamp means: in the era in which it is nearest to `near`.

    An era is 136 years; the next begins on 2036-02-07 at 06:28:16 UTC.
    """
    present = ticks(max(near, _EARLIEST))
    return present + (stamp - present + (1 << 63)) % (1 << 64) - (1 << 63)


def request(nonce: int) -> bytes:
    """Return a request; `nonce` has 64 bits and is not 0."""
    return _PACKET.pack(_VERSION << 3 | _CLIENT, 0, 0, 0, 0, 0, b"", 0, 0, 0, nonce)


def read(octets: bytes, nonce: int, elapsed: float, received: datetime, roundtrip: float) -> Sample:
    """Return what an answer says.

    Args:
        octets: the datagram; what may follow the header is not read.
        nonce: that of the request.
        elapsed: when it came, by our oscillator.
        received: our unsteered time then.
        roundtrip: seconds since the request was sent.

    Raises `Malformed` for what is no answer to this request, `KissOfDeath`, and `Refused` where the server has no time
    to give.
    """
    if len(octets) < SIZE:
        raise Malformed(f"it has {len(octets)} octets, less than the {SIZE} of a header")
    flags, stratum, _, precision, root_delay, dispersion, reference, updated, originate, arrived, left = (
        _PACKET.unpack_from(octets)
    )
    leap, version, mode = flags >> 6, flags >> 3 & 7, flags & 7
    if mode != _SERVER or version not in (3, 4):
        raise Malformed(f"it is no answer of a server: mode {mode}, version {version}")
    if originate != nonce:
        raise Malformed("it answers another request, or is forged")
    if stratum == 0:
        code = reference.rstrip(b"\0").decode("ascii", "replace")
        raise KissOfDeath("the server does not want to be asked", code=code if code.isalnum() else None)
    if leap == _UNSYNCHRONIZED or stratum not in _STRATA:
        raise Refused(f"the server is not synchronized itself (leap indicator {leap}, stratum {stratum})")
    if not arrived or not left:
        raise Malformed("it has no time")
    first, last = unwrapped(arrived, received), unwrapped(left, received)
    delay = roundtrip - (last - first) / _SECOND
    if last < first or delay < _BACKWARDS:
        raise Malformed("the server says that it took longer than we waited, or less than nothing")
    if updated and unwrapped(updated, received) > last:
        raise Malformed("the server was set in its future")
    distance = (root_delay / 2 + dispersion) / (1 << 16) + max(0.0, delay) / 2 + 2.0 ** max(-30, min(0, precision))
    if distance >= MAX_DISTANCE:
        raise Refused(f"the server's time may be wrong by {distance:.1f} s")
    offset = (first + last - 2 * ticks(received)) / 2 / _SECOND + roundtrip / 2
    return Sample(elapsed, offset, max(0.0, delay), distance, stratum, {1: 1, 2: -1}.get(leap, 0))
