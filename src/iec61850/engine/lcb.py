"""Log control blocks: their attributes, and how a configuration sets them (IEC 61850-7-2 clause 17.3.2)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..acsi.logs import LogStatus
from ..acsi.references import FC, Reference
from ..acsi.types import BasicType, BitString, DataValue
from ..acsi.values import default
from ..model.nodes import Attribute, LogControl, Trigger
from .rcb import checksum
from .watch import Follower

_T = BasicType
LCB = (
    ("LogEna", _T.BOOLEAN), ("LogRef", _T.OBJREF), ("DatSet", _T.OBJREF), ("OldEntrTm", _T.ENTRYTIME),
    ("NewEntrTm", _T.ENTRYTIME), ("OldEntr", _T.ENTRYID), ("NewEntr", _T.ENTRYID), ("TrgOps", _T.TRGOPS),
    ("IntgPd", _T.INT32U),
)  # fmt: skip
"""Attributes of a log control block, in the order in which peers send them (8-1, second-hand)."""
READ_ONLY = frozenset({"OldEntrTm", "NewEntrTm", "OldEntr", "NewEntr"})
SETTINGS = ("LogEna", "LogRef", "DatSet", "TrgOps", "IntgPd")
"""What clients set, and what outlives the process."""
DECLARED = {"LogEna": "logEna", "DatSet": "datSet", "TrgOps": "trgOps", "IntgPd": "intgPd"}
"""Where SCL Services (LogSettings) say whether clients may set an attribute."""


@attrs.define(slots=True, eq=False)
class Block(Follower):
    """One log control block; see also `Follower`. `configuration` is a checksum of how it was configured."""

    configuration: int = 0

    @property
    def enabled(self) -> bool:
        """True while it writes into its log."""
        return self.leaves["LogEna"].value is True

    @property
    def settings(self) -> dict[str, DataValue]:
        """The values of what clients set."""
        return {name: self.leaves[name].value for name in SETTINGS}

    def show(self, status: LogStatus) -> None:
        """Show clients what the oldest and the newest entry of its log are."""
        self.leaves["OldEntrTm"].value, self.leaves["NewEntrTm"].value = status.oldest_time, status.newest_time
        self.leaves["OldEntr"].value, self.leaves["NewEntr"].value = status.oldest, status.newest


def block_of(
    device: str, node: str, control: LogControl, services: Mapping[str, Mapping[str, str]]
) -> tuple[Block, Attribute]:
    """Return a block as configured, and the attribute under which clients find it.

    It writes nothing yet. Where SCL has LogSettings, what stands there as Fix or Conf is not for clients to set.
    """
    values: dict[str, DataValue] = {
        "LogEna": False,
        "LogRef": control.log,
        "DatSet": f"{device}/{node}.{control.data_set}" if control.data_set else "",
        "TrgOps": triggers(control.trigger),
        "IntgPd": control.integrity_period,
    }
    declared = services.get("LogSettings", {})
    fixed = {name for name, key in DECLARED.items() if declared.get(key, "Dyn") != "Dyn"}
    fixed |= READ_ONLY
    leaves = {
        name: Attribute(name, FC.LG, kind, value=values.get(name, default(kind)), settable=name not in fixed)
        for name, kind in LCB
    }
    reference = Reference(device, node, (control.name,), FC.LG)
    block = Block(reference, leaves, checksum((values, control.enabled)))
    return block, Attribute(control.name, FC.LG, children=dict(leaves))


def triggers(trigger: Trigger) -> BitString:
    """Return TrgOps for a log, of which there is no interrogation."""
    wanted = (t for t in Trigger if t in trigger and t.value and t is not Trigger.GENERAL_INTERROGATION)
    return BitString.of(*(t.value.bit_length() for t in wanted), size=6)
