"""Unbuffered reporting (IEC 61850-7-2 clause 17.2.4): who may set what, what raises an event, when a report goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, BadReference, Reference
from ..acsi.services import GetRCBValues, Reason, Report, ReportEntry, SetRCBValues
from ..acsi.types import BitString, DataValue, EntryTime
from ..model.nodes import Attribute, Model, Trigger
from .association import Association
from .datasets import DataSets
from .directory import unknown
from .rcb import (
    BUFFER_OVERFLOW,
    CONF_REV,
    DATA_REFERENCE,
    DATA_SET,
    ENTRY_ID,
    READ_ONLY,
    REASON,
    SEQUENCE_NUMBER,
    TIME,
    Block,
    Member,
    instance_names,
    unbuffered,
)
from .steps import Steps
from .tree import Node, Tree
from .values import fit, read

Event = tuple[Attribute, bool]
"""A leaf that was updated, and whether its value changed."""

_EVENTS = Trigger.DATA_CHANGE.value | Trigger.QUALITY_CHANGE.value
_UPDATE = Trigger.DATA_UPDATE.value


def _refuse(error: ServiceError, why: str) -> ServiceRefused:
    return ServiceRefused(error, why)


class Reporting:
    """The report control blocks of the model and the reports they send."""

    def __init__(self, model: Model, tree: Tree, data_sets: DataSets) -> None:
        self._data_sets = data_sets
        self._blocks: dict[Reference, Block] = {}
        self._enabled: list[Block] = []
        self._watched: dict[Attribute, list[tuple[Block, int, int]]] = {}
        self._due: datetime | None = None
        self._stale = False
        """True if `_due` has to be worked out anew."""
        owner = model.services.get("ReportSettings", {}).get("owner") == "true"
        for device in model.devices.values():
            for node in device.nodes.values():
                for control in node.reports.values():
                    if control.buffered:
                        continue
                    for name in instance_names(control):
                        block, attribute = unbuffered(device.name, node.name, name, control, owner)
                        self._blocks[block.reference] = block
                        tree.add(device.name, node.name, FC.RP, name, attribute)
        self._setters: dict[str, Callable[[Block, Association, DataValue, datetime], None]] = {
            "RptID": self._set_id,
            "RptEna": self._set_enabled,
            "Resv": self._set_reserved,
            "DatSet": self._set_data_set,
            "OptFlds": self._set_options,
            "TrgOps": self._set_triggers,
            "GI": self._set_interrogation,
        }

    # --- services ---------------------------------------------------------------------------------------------------

    def get(self, request: GetRCBValues) -> dict[str, DataValue]:
        """Return all attributes of a block by name."""
        return {name: leaf.value for name, leaf in self._find(request.rcb).leaves.items()}

    def set(self, client: Association, request: SetRCBValues, now: datetime) -> None:
        """Set attributes of a block in order; raise `ServiceRefused` at the first that cannot be set."""
        block = self._find(request.rcb)
        for name, value in request.values:
            self._set(client, block, name, value, now)

    def write(
        self, client: Association, reference: Reference, node: Node, value: DataValue, now: datetime
    ) -> Steps[None]:
        """Write one attribute of a block as data (what MMS clients do)."""
        if len(reference.path) != 2:
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, "set its attributes one by one", where=str(reference))
        block = self._find(Reference(reference.device, reference.node, reference.path[:1], FC.RP))
        self._set(client, block, reference.path[1], value, now)
        yield from ()  # other writers may ask the application; this one never does

    def release(self, client: Association) -> None:
        """Disable and free every block of an association that has ended (clause 17.2.4.1)."""
        for block in self._blocks.values():
            if block.owner is client:
                self._disable(block)
                self._own(block, None)
                if block.text("DatSet").startswith("@"):  # the data set ends with its association
                    block.leaves["DatSet"].value = ""

    def _find(self, reference: Reference) -> Block:
        block = self._blocks.get(reference if reference.fc else reference.with_fc(FC.RP))
        if block is None:
            raise unknown(reference)
        return block

    # --- setting ----------------------------------------------------------------------------------------------------

    def _set(self, client: Association, block: Block, name: str, value: DataValue, now: datetime) -> None:
        where = f"{block.reference.with_fc(None)}.{name}"
        leaf = block.leaves.get(name)
        if leaf is None:
            raise unknown(where)
        try:
            if name in READ_ONLY:
                raise _refuse(ServiceError.ACCESS_VIOLATION, "it is read-only")
            held = fit(leaf, value)
            if block.owner is not None and block.owner is not client:
                raise _refuse(ServiceError.INSTANCE_LOCKED_BY_OTHER_CLIENT, "another client has reserved it")
            if block.enabled and name not in ("RptEna", "GI"):
                raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "disable reporting first")
            setter = self._setters.get(name)
            if setter is not None:
                setter(block, client, held, now)
            else:
                leaf.value = held
        except ServiceRefused as refused:
            refused.where = where
            raise

    def _own(self, block: Block, client: Association | None) -> None:
        block.owner = client
        block.reserved = block.reserved and client is not None
        block.leaves["Resv"].value = client is not None
        if "Owner" in block.leaves:
            block.leaves["Owner"].value = client.peer.encode()[:64] if client else b""

    def _set_id(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        block.leaves["RptID"].value = value or block.default_id

    def _set_reserved(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        self._own(block, client if value else None)
        block.reserved = bool(value)

    def _set_data_set(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        assert isinstance(value, str)
        if value:
            try:
                self._data_sets.find(Reference.parse(value), client)
            except (BadReference, ServiceRefused):
                raise _refuse(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, f"there is no data set {value!r}") from None
        if value != block.leaves["DatSet"].value:
            block.leaves["DatSet"].value = value
            block.leaves["ConfRev"].value = block.number("ConfRev") % 0xFFFFFFFF + 1

    def _set_options(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        assert isinstance(value, BitString)
        wanted = set(value.bits) - {0, BUFFER_OVERFLOW, ENTRY_ID}  # an unbuffered block has neither
        block.leaves["OptFlds"].value = BitString.of(*wanted, size=10)

    def _set_triggers(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        assert isinstance(value, BitString)
        block.leaves["TrgOps"].value = BitString.of(*set(value.bits) - {0}, size=6)

    def _set_enabled(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        if not value:
            self._disable(block)
            if not block.reserved:
                self._own(block, None)
            return
        if block.enabled:
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "it is enabled already")
        name = block.text("DatSet")
        if not name:
            raise _refuse(ServiceError.PARAMETER_VALUE_INCONSISTENT, "it has no data set")
        self._own(block, client)
        self._enable(block, Reference.parse(name), now)

    def _set_interrogation(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        if not value:
            return
        if not block.enabled:
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "enable reporting first")
        if not block.triggers(Trigger.GENERAL_INTERROGATION):
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "TrgOps leaves out general interrogation")
        self._flush(block, now)
        self._report_all(block, Reason.GENERAL_INTERROGATION, now)

    # --- events -----------------------------------------------------------------------------------------------------

    def _enable(self, block: Block, name: Reference, now: datetime) -> None:
        data_set = self._data_sets.find(name, block.owner)
        block.size = len(data_set.members)
        block.members = tuple(
            Member(index, reference, node, reference.fc is FC.MX)
            for index, (reference, node) in enumerate(
                zip(data_set.members, self._data_sets.members(data_set), strict=True)
            )
            if node is not None
        )
        block.leaves["RptEna"].value = True
        block.leaves["SqNum"].value = 0
        if block.triggers(Trigger.INTEGRITY) and block.number("IntgPd"):
            block.integrity_due = now + block.period("IntgPd")
        self._enabled.append(block)
        self._watch()

    def _disable(self, block: Block) -> None:
        block.leaves["RptEna"].value = False
        block.pending.clear()
        block.buffer_due = block.integrity_due = None
        block.members = ()
        if block in self._enabled:
            self._enabled.remove(block)
            self._watch()

    def _watch(self) -> None:
        """Note for every leaf which enabled blocks want its events, with the triggers that both sides have."""
        self._watched = {}
        self._stale = True
        for block in self._enabled:
            wanted = block.trigger_mask & (_EVENTS | _UPDATE)
            for member in block.members if wanted else ():
                for leaf in member.node.leaves():
                    mask = leaf.trigger.value & wanted
                    if mask:
                        self._watched.setdefault(leaf, []).append((block, member.index, mask))

    def notify(self, events: Iterable[Event], now: datetime) -> None:
        """Take note that leaves were updated, all at once; report what is not buffered."""
        raised: dict[Block, dict[int, int]] = {}
        for leaf, changed in events:
            for block, index, mask in self._watched.get(leaf, ()):
                reason = mask if changed else mask & _UPDATE
                if reason:
                    found = raised.setdefault(block, {})
                    found[index] = found.get(index, 0) | reason
        for block, found in raised.items():
            self._raise(block, found, now)

    def _raise(self, block: Block, found: dict[int, int], now: datetime) -> None:
        by_index = {member.index: member for member in block.members}
        if any(index in block.pending and not by_index[index].substitute for index in found):
            self._flush(block, now)
        for index, reason in found.items():
            before = block.pending[index][1] if index in block.pending else Reason.NONE
            block.pending[index] = (read(by_index[index].node), before | Reason(reason))
        if not block.number("BufTm"):
            self._flush(block, now)
        elif block.buffer_due is None:
            block.buffer_due = now + block.period("BufTm")
            self._stale = True

    def due(self) -> datetime | None:
        """Return when `tick` wants to be called next; None for not at all."""
        if self._stale:
            times = (t for b in self._enabled for t in (b.buffer_due, b.integrity_due) if t is not None)
            self._due, self._stale = min(times, default=None), False
        return self._due

    def tick(self, now: datetime) -> None:
        """Send what has become due: buffered events, integrity reports."""
        for block in list(self._enabled):
            if block.buffer_due is not None and block.buffer_due <= now:
                self._flush(block, now)
            if block.integrity_due is not None and block.integrity_due <= now:
                self._flush(block, now)
                self._report_all(block, Reason.INTEGRITY, now)
                # In step with the first one, whatever was missed: a late call gives one report, not a volley.
                period = block.period("IntgPd")
                block.integrity_due += period * ((now - block.integrity_due) // period + 1)
                self._stale = True

    # --- reports ----------------------------------------------------------------------------------------------------

    def _flush(self, block: Block, now: datetime) -> None:
        if block.pending:
            entries = [(index, *block.pending[index]) for index in sorted(block.pending)]
            block.pending.clear()
            self._send(block, entries, now)
        if block.buffer_due is not None:
            block.buffer_due = None
            self._stale = True

    def _report_all(self, block: Block, reason: Reason, now: datetime) -> None:
        self._send(block, [(member.index, read(member.node), reason) for member in block.members], now)

    def _send(self, block: Block, entries: list[tuple[int, DataValue, Reason]], now: datetime) -> None:
        assert block.owner is not None
        number = block.number("SqNum")
        references = {m.index: m.reference for m in block.members} if block.option(DATA_REFERENCE) else {}
        report = Report(
            rpt_id=block.text("RptID"),
            entries=[
                ReportEntry(index, value, references.get(index), reason if block.option(REASON) else None)
                for index, value, reason in entries
            ],
            sequence=number if block.option(SEQUENCE_NUMBER) else None,
            time=EntryTime.of(now) if block.option(TIME) else None,
            data_set=block.text("DatSet") if block.option(DATA_SET) else None,
            conf_rev=block.number("ConfRev") if block.option(CONF_REV) else None,
            members=block.size,
        )
        block.leaves["SqNum"].value = (number + 1) % 256
        block.owner.outbox.append(report)
