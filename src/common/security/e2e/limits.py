"""What an end-to-end session is protected by, and how long what lasts."""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum

import attrs


class Suite(IntEnum):
    """How the data of a session is protected. The numbers stand in its PDUs."""

    ENCRYPTED = 1
    """Nobody between can read or change it: AES-256-GCM."""
    CLEAR = 2
    """Those between can read it but not change it: AES-256-GMAC over the clear text."""


@attrs.frozen(slots=True)
class Limits:
    """How long what lasts in an end-to-end session.

    Attributes:
        skew: by how much the clocks of both ends may differ in a handshake.
        delay: how old a PDU may be when it arrives: an older one was held back by somebody, or the clocks have parted.
        window: how far behind the newest PDU of a peer another may arrive.
        rekey_after: how long keys are used.
        rekey_pdus: for how many PDUs in one direction.
        handshakes: of one account, within the time for which they could be repeated; more are refused.
        peers: accounts that may begin within that time.
    """

    skew: timedelta = timedelta(seconds=10)
    delay: timedelta = timedelta(seconds=30)
    window: int = attrs.field(default=64, validator=attrs.validators.ge(1))
    rekey_after: timedelta = timedelta(hours=1)
    rekey_pdus: int = 1 << 20
    handshakes: int = 64
    peers: int = 10_000
