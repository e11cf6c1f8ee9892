"""Report control blocks as instances: their attributes, their state, and the instances that a configuration makes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from zlib import crc32

import attrs

from ..acsi.references import FC, Reference
from ..acsi.services import Reason
from ..acsi.types import BasicType, BitString, DataValue
from ..acsi.values import default
from ..model.nodes import Attribute, ReportControl, Trigger
from .association import Association
from .buffer import Buffer
from .watch import Follower

_T = BasicType
URCB = (
    ("RptID", _T.VISSTRING129), ("RptEna", _T.BOOLEAN), ("Resv", _T.BOOLEAN), ("DatSet", _T.OBJREF),
    ("ConfRev", _T.INT32U), ("OptFlds", _T.OPTFLDS), ("BufTm", _T.INT32U), ("SqNum", _T.INT8U),
    ("TrgOps", _T.TRGOPS), ("IntgPd", _T.INT32U), ("GI", _T.BOOLEAN),
)  # fmt: skip
"""Attributes of an unbuffered report control block, in the order in which peers send them (8-1, second-hand)."""
BRCB = (
    ("RptID", _T.VISSTRING129), ("RptEna", _T.BOOLEAN), ("DatSet", _T.OBJREF), ("ConfRev", _T.INT32U),
    ("OptFlds", _T.OPTFLDS), ("BufTm", _T.INT32U), ("SqNum", _T.INT16U), ("TrgOps", _T.TRGOPS), ("IntgPd", _T.INT32U),
    ("GI", _T.BOOLEAN), ("PurgeBuf", _T.BOOLEAN), ("EntryID", _T.ENTRYID), ("TimeofEntry", _T.ENTRYTIME),
)  # fmt: skip
"""Attributes of a buffered one."""
RESERVATION = ("ResvTms", _T.INT16)
OWNER = ("Owner", _T.OCTET64)
READ_ONLY = frozenset({"ConfRev", "SqNum", "Owner", "TimeofEntry"})
KEPT = ("RptID", "DatSet", "ConfRev", "OptFlds", "BufTm", "TrgOps", "IntgPd")
"""Attributes of a buffered block that outlive the process: its entries were made with them."""

SEQUENCE_NUMBER, TIME, REASON, DATA_SET, DATA_REFERENCE, BUFFER_OVERFLOW, ENTRY_ID, CONF_REV, SEGMENTATION = range(
    1, 10
)
"""Bits of OptFlds."""


@attrs.define(slots=True, eq=False)
class Block(Follower):
    """One instance of a report control block; see also `Follower`.

    Attributes:
        owner: the association that has reserved or enabled it.
        reserved: True if the owner asked for it by Resv, and not only by enabling.
        pending: events within the buffer time, by member index: value then and reason.
        buffer_due: when the events within the buffer time go; None for never.
        buffer: the entries of a buffered block; None for an unbuffered one.
        overflow: the next report has to say that entries before it are lost.
        holder: identity of the client for which it stays reserved, though its association has ended; "" for nobody.
        held_until: when that ends; None for never.
        configuration: a checksum of its configuration.
    """

    default_id: str
    owner: Association | None = None
    reserved: bool = False
    pending: dict[int, tuple[DataValue, Reason]] = attrs.Factory(dict)
    buffer_due: datetime | None = None
    buffer: Buffer | None = None
    overflow: bool = False
    holder: str = ""
    held_until: datetime | None = None
    configuration: int = 0

    @property
    def assigned(self) -> bool:
        """True if the configuration reserves it for one client."""
        return "ResvTms" in self.leaves and self.number("ResvTms") < 0

    @property
    def enabled(self) -> bool:
        """True while it reports."""
        return self.leaves["RptEna"].value is True

    def option(self, bit: int) -> bool:
        """Return a bit of OptFlds."""
        return self.bits("OptFlds")[bit]


def instance_names(control: ReportControl) -> Iterator[str]:
    """Yield the names of a configured block's instances: `rcb01` to `rcbNN`, or the bare name if it is not indexed."""
    if not control.indexed:
        yield control.name
        return
    for number in range(1, max(1, control.max_instances) + 1):
        yield f"{control.name}{number:02d}"


def instance(
    device: str, node: str, name: str, control: ReportControl, *, owner: bool, reservation: bool
) -> tuple[Block, Attribute]:
    """Return an instance of a block as configured, and the attribute under which clients find it.

    `owner` and `reservation` tell whether it has the optional attributes Owner and (buffered only) ResvTms.
    """
    fc = FC.BR if control.buffered else FC.RP
    default_id = f"{device}/{node}${fc.value}${name}"
    optional = control.optional_fields
    if not control.buffered:
        optional &= ~(1 << 9 - BUFFER_OVERFLOW | 1 << 9 - ENTRY_ID)
    values: dict[str, DataValue] = {
        "RptID": control.rpt_id or default_id,
        "DatSet": f"{device}/{node}.{control.data_set}" if control.data_set else "",
        "ConfRev": control.conf_rev,
        "OptFlds": BitString(optional, 10),
        "BufTm": control.buffer_time,
        "TrgOps": BitString.of(*(t.value.bit_length() for t in Trigger if t in control.trigger and t.value), size=6),
        "IntgPd": control.integrity_period,
    }
    specification = [*BRCB] if control.buffered else [*URCB]
    specification += ([RESERVATION] if control.buffered and reservation else []) + ([OWNER] if owner else [])
    leaves = {
        leaf: Attribute(leaf, fc, kind, value=values.get(leaf, default(kind)), settable=leaf not in READ_ONLY)
        for leaf, kind in specification
    }
    block = Block(Reference(device, node, (name,), fc), leaves, default_id, configuration=checksum(values))
    return block, Attribute(name, fc, children=dict(leaves))


def owner_octets(address: str) -> bytes:
    """Return what Owner says of a client: the 4 or 16 octets of its IP address, else its address as text.

    That it is the IP address on TCP is second-hand: so does libiec61850.
    """
    host, separator, port = address.rpartition(":")
    if not (separator and port.isdigit() and (host.startswith("[") or ":" not in host)):
        host = address
    try:
        return ip_address(host.strip("[]")).packed
    except ValueError:
        return address.encode()[:64]


def checksum(what: object) -> int:
    """Return a number that is another one for anything else, nearly always; it is the same in every process."""
    return crc32(repr(what).encode())
