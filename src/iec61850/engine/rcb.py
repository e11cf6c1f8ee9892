"""Report control blocks as instances: their attributes, their state, and the instances that a configuration makes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import attrs

from ..acsi.references import FC, Reference
from ..acsi.services import Reason
from ..acsi.types import BasicType, BitString, DataValue
from ..model.nodes import Attribute, ReportControl, Trigger
from .association import Association
from .tree import Node

_T = BasicType
URCB = (
    ("RptID", _T.VISSTRING129), ("RptEna", _T.BOOLEAN), ("Resv", _T.BOOLEAN), ("DatSet", _T.OBJREF),
    ("ConfRev", _T.INT32U), ("OptFlds", _T.OPTFLDS), ("BufTm", _T.INT32U), ("SqNum", _T.INT8U),
    ("TrgOps", _T.TRGOPS), ("IntgPd", _T.INT32U), ("GI", _T.BOOLEAN),
)  # fmt: skip
"""Attributes of an unbuffered report control block, in the order in which peers send them (8-1, second-hand)."""
OWNER = ("Owner", _T.OCTET64)
READ_ONLY = frozenset({"ConfRev", "SqNum", "Owner"})

SEQUENCE_NUMBER, TIME, REASON, DATA_SET, DATA_REFERENCE, BUFFER_OVERFLOW, ENTRY_ID, CONF_REV, SEGMENTATION = range(
    1, 10
)
"""Bits of OptFlds."""


@attrs.frozen(slots=True)
class Member:
    """One member of the data set that a block reports on.

    `substitute` tells what a second event within the buffer time does: take the place of the first (measurands), or
    send the first one off (all others; clause 17.2.2.9).
    """

    index: int
    reference: Reference
    node: Node
    substitute: bool


@attrs.define(slots=True, eq=False)
class Block:
    """One instance of a report control block.

    Attributes:
        reference: `LD/LN.name`, with its constraint.
        leaves: its attributes by name; their values are what clients read.
        owner: the association that has reserved or enabled it.
        reserved: True if the owner asked for it by Resv, and not only by enabling.
        members: of its data set, while it is enabled.
        size: number of members of the data set, with those that name nothing.
        pending: events within the buffer time, by member index: value then and reason.
        buffer_due, integrity_due: when the next report of that kind goes; None for never.
    """

    reference: Reference
    default_id: str
    leaves: dict[str, Attribute]
    owner: Association | None = None
    reserved: bool = False
    members: tuple[Member, ...] = ()
    size: int = 0
    pending: dict[int, tuple[DataValue, Reason]] = attrs.Factory(dict)
    buffer_due: datetime | None = None
    integrity_due: datetime | None = None

    @property
    def enabled(self) -> bool:
        """True while it reports."""
        return self.leaves["RptEna"].value is True

    def number(self, name: str) -> int:
        """The value of an integer attribute."""
        value = self.leaves[name].value
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        """The value of a text attribute."""
        value = self.leaves[name].value
        assert isinstance(value, str)
        return value

    def period(self, name: str) -> timedelta:
        """The value of an attribute in milliseconds, as a duration."""
        return timedelta(milliseconds=self.number(name))

    def option(self, bit: int) -> bool:
        """Return a bit of OptFlds."""
        return self._bits("OptFlds")[bit]

    def triggers(self, trigger: Trigger) -> bool:
        """Return whether TrgOps has a trigger option."""
        return self._bits("TrgOps")[trigger.value.bit_length()]

    @property
    def trigger_mask(self) -> int:
        """TrgOps as the number of a `Trigger`."""
        bits = self._bits("TrgOps")
        return sum(trigger.value for trigger in Trigger if bits[trigger.value.bit_length()])

    def _bits(self, name: str) -> BitString:
        value = self.leaves[name].value
        assert isinstance(value, BitString)
        return value


def instance_names(control: ReportControl) -> Iterator[str]:
    """Yield the names of a configured block's instances: `rcb01` to `rcbNN`, or the bare name if it is not indexed."""
    if not control.indexed:
        yield control.name
        return
    for number in range(1, max(1, control.max_instances) + 1):
        yield f"{control.name}{number:02d}"


def unbuffered(device: str, node: str, name: str, control: ReportControl, owner: bool) -> tuple[Block, Attribute]:
    """Return an instance of an unbuffered block as configured, and the attribute under which clients find it."""
    default_id = f"{device}/{node}$RP${name}"
    optional = control.optional_fields & ~(1 << 9 - BUFFER_OVERFLOW | 1 << 9 - ENTRY_ID)
    values: dict[str, DataValue] = {
        "RptID": control.rpt_id or default_id,
        "RptEna": False,
        "Resv": False,
        "DatSet": f"{device}/{node}.{control.data_set}" if control.data_set else "",
        "ConfRev": control.conf_rev,
        "OptFlds": BitString(optional, 10),
        "BufTm": control.buffer_time,
        "SqNum": 0,
        "TrgOps": BitString.of(*(t.value.bit_length() for t in Trigger if t in control.trigger and t.value), size=6),
        "IntgPd": control.integrity_period,
        "GI": False,
        "Owner": b"",
    }
    specification = (*URCB, OWNER) if owner else URCB
    leaves = {
        leaf: Attribute(leaf, FC.RP, kind, value=values[leaf], settable=leaf not in READ_ONLY)
        for leaf, kind in specification
    }
    block = Block(Reference(device, node, (name,), FC.RP), default_id, leaves)
    return block, Attribute(name, FC.RP, children=dict(leaves))
