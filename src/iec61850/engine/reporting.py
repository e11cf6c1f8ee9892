"""Reporting (IEC 61850-7-2 clause 17.2): the control blocks, who may set what, and who has reserved which."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, BadReference, Reference
from ..acsi.services import GetRCBValues, Reason, SetRCBValues
from ..acsi.types import BitString, DataValue
from ..model.nodes import Model, ReportControl, Trigger
from ..rights import ServiceKind
from .association import Association
from .buffer import Buffer, BufferLimits, BufferStore
from .datasets import DataSets
from .directory import unknown
from .entry_store import Nowhere
from .events import Events
from .rcb import BUFFER_OVERFLOW, ENTRY_ID, READ_ONLY, Block, instance, instance_names, owner_octets
from .steps import Steps
from .tree import Node, Tree
from .values import fit
from .watch import Event

_PURGING = frozenset({"RptID", "DatSet", "BufTm", "TrgOps", "IntgPd"})
"""Settings whose change empties the buffer (clause 17.2.2.3, second-hand)."""


def _refuse(error: ServiceError, why: str) -> ServiceRefused:
    return ServiceRefused(error, why)


class Reporting:
    """The report control blocks of the model and the reports they send."""

    def __init__(
        self,
        model: Model,
        tree: Tree,
        data_sets: DataSets,
        now: datetime,
        *,
        limits: BufferLimits | None = None,
        store: BufferStore | None = None,
    ) -> None:
        self._data_sets = data_sets
        self._blocks: dict[Reference, Block] = {}
        self._held: list[Block] = []
        self.events = Events(data_sets, store or Nowhere())
        self._limits = limits or BufferLimits()
        for device in model.devices.values():
            for node in device.nodes.values():
                for control in node.reports.values():
                    self._make(model, tree, device.name, node.name, control, now)
        self.events.restore((block for block in self._blocks.values() if block.buffer is not None), now)
        self._setters: dict[str, Callable[[Block, Association, DataValue, datetime], None]] = {
            "RptID": self._set_id,
            "RptEna": self._set_enabled,
            "Resv": self._set_reserved,
            "DatSet": self._set_data_set,
            "OptFlds": self._set_options,
            "TrgOps": self._set_triggers,
            "GI": self._set_interrogation,
            "PurgeBuf": self._set_purge,
            "EntryID": self._set_entry,
            "ResvTms": self._set_reservation,
        }

    def _make(self, model: Model, tree: Tree, device: str, node: str, control: ReportControl, now: datetime) -> None:
        has = model.services.get("ReportSettings", {})
        owner, reservation = has.get("owner") == "true", has.get("resvTms") == "true"
        for number, name in enumerate(instance_names(control)):
            block, attribute = instance(device, node, name, control, owner=owner, reservation=reservation)
            if control.buffered:
                block.buffer = Buffer.made(self._limits, now)
                client = control.clients[number].partition("/")[0] if number < len(control.clients) else ""
                if reservation and client in self._limits.clients:
                    block.leaves["ResvTms"].value = -1
                    block.holder = self._limits.clients[client]
                    self._own(block, None)
            self._blocks[block.reference] = block
            assert block.reference.fc is not None
            tree.add(device, node, block.reference.fc, name, attribute)

    # --- services ---------------------------------------------------------------------------------------------------

    def get(self, request: GetRCBValues) -> dict[str, DataValue]:
        """Return all attributes of a block by name."""
        return {name: leaf.value for name, leaf in self._find(request.rcb).leaves.items()}

    def set(self, client: Association, request: SetRCBValues, now: datetime) -> None:
        """Set attributes of a block in order; raise `ServiceRefused` at the first that cannot be set."""
        block = self._find(request.rcb)
        try:
            for name, value in request.values:
                self._set(client, block, name, value, now)
        finally:
            self.events.commit()

    def write(
        self, client: Association, reference: Reference, node: Node, value: DataValue, now: datetime
    ) -> Steps[None]:
        """Write one attribute of a block as data (what MMS clients do)."""
        if len(reference.path) != 2:
            raise ServiceRefused(ServiceError.ACCESS_VIOLATION, "set its attributes one by one", where=str(reference))
        block = self._find(Reference(reference.device, reference.node, reference.path[:1], reference.fc))
        try:
            self._set(client, block, reference.path[1], value, now)
        finally:
            self.events.commit()
        yield from ()  # other writers may ask the application; this one never does

    def release(self, client: Association, now: datetime) -> None:
        """Disable and free every block of an association that has ended (clause 17.2.4.1).

        A buffered block that its client has reserved for some time beyond (ResvTms) stays reserved for that time from
        `now` on.
        """
        for block in self._blocks.values():
            if block.owner is client:
                self._disable(block)
                if block.buffer is not None and "ResvTms" in block.leaves and block.number("ResvTms") > 0:
                    block.owner, block.holder = None, client.identity
                    block.held_until = now + timedelta(seconds=block.number("ResvTms"))
                    self._held.append(block)
                else:
                    self._own(block, None)
                if block.text("DatSet").startswith("@"):  # the data set ends with its association
                    block.leaves["DatSet"].value = ""
        self.events.commit()

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
            if not self._may(client, block, now):
                raise _refuse(ServiceError.INSTANCE_LOCKED_BY_OTHER_CLIENT, "another client has reserved it")
            if block.enabled and name not in ("RptEna", "GI"):
                raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "disable reporting first")
            before = leaf.value
            setter = self._setters.get(name)
            if setter is not None:
                setter(block, client, held, now)
            else:
                leaf.value = held
            if block.buffer is not None and leaf.value != before:
                if name in _PURGING:
                    self.events.restart(block, now)
                elif name == "OptFlds":
                    self.events.save(block)
        except ServiceRefused as refused:
            refused.where = where
            raise

    def _may(self, client: Association, block: Block, now: datetime) -> bool:
        """Return whether a client may set a block; one that was reserved for it is its own again from here on."""
        if block.owner is not None or not block.holder:
            return block.owner in (None, client)
        if block.held_until is not None and block.held_until <= now:
            self._own(block, None)
            return True
        if block.holder != client.identity:
            return False
        if not block.assigned:
            self._own(block, client)
        return True

    def _own(self, block: Block, client: Association | None) -> None:
        """Let a block belong to an association, or to nobody."""
        block.owner = client
        block.reserved = block.reserved and client is not None
        if block.buffer is None:
            block.leaves["Resv"].value = client is not None
        elif not block.assigned:
            block.holder, block.held_until = "", None
            if block in self._held:
                self._held.remove(block)
            if client is None and "ResvTms" in block.leaves:
                block.leaves["ResvTms"].value = 0
        if "Owner" in block.leaves:
            block.leaves["Owner"].value = owner_octets(client.peer if client else block.holder)

    def _set_id(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        block.leaves["RptID"].value = value or block.default_id

    def _set_reserved(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        self._own(block, client if value else None)
        block.reserved = bool(value)

    def _set_data_set(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        assert isinstance(value, str)
        if value.startswith("@") and block.buffer is not None:
            why = "a buffered block outlives the association that this data set belongs to"
            raise _refuse(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, why)
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
        wanted = set(value.bits) - {0}
        if block.buffer is None:
            wanted -= {BUFFER_OVERFLOW, ENTRY_ID}
        block.leaves["OptFlds"].value = BitString.of(*wanted, size=10)

    def _set_triggers(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        assert isinstance(value, BitString)
        block.leaves["TrgOps"].value = BitString.of(*set(value.bits) - {0}, size=6)

    def _set_enabled(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        if not value:
            if block.enabled and block.buffer is not None and not client.outbox:
                block.buffer.settled()
            self._disable(block)
            if not block.reserved:
                self._own(block, None)
            return
        if block.enabled:
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "it is enabled already")
        if not block.text("DatSet"):
            raise _refuse(ServiceError.PARAMETER_VALUE_INCONSISTENT, "it has no data set")
        if client.permit is not None:  # what may not be read does not come by itself either
            for member in self._data_sets.find(Reference.parse(block.text("DatSet")), client).members:
                client.permit.need(ServiceKind.GET_DATA_VALUES, member, member.fc)
        if block.buffer is not None and not client.ask_once(block, "enable"):
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "what it had is still to be sent")
        self._own(block, client)
        if block.buffer is None:
            self.events.activate(block, now)
        block.leaves["RptEna"].value = True
        block.leaves["SqNum"].value = 0
        if block.buffer is not None:
            self.events.send_waiting(block)

    def _disable(self, block: Block) -> None:
        if block.buffer is None:
            self.events.deactivate(block)
        elif block.enabled:
            if block.owner is not None:
                block.owner.behind.pop(block, None)
            block.buffer.resume = None
            self.events.save(block)
        block.leaves["RptEna"].value = False

    def _set_interrogation(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        if not value:
            return
        if not block.enabled:
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "enable reporting first")
        if not block.triggers(Trigger.GENERAL_INTERROGATION):
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "TrgOps leaves out general interrogation")
        if not client.ask_once(block, "interrogation"):
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "the last one is still to be sent")
        self.events.report_all(block, Reason.GENERAL_INTERROGATION, now)

    # --- setting: what only buffered blocks have --------------------------------------------------------------------

    def _set_purge(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        if value:
            self.events.purge(block)

    def _set_entry(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        assert block.buffer is not None
        assert isinstance(value, bytes)
        block.buffer.resume = value
        block.leaves["EntryID"].value = value

    def _set_reservation(self, block: Block, client: Association, value: DataValue, now: datetime) -> None:
        assert isinstance(value, int)
        if block.assigned:
            raise _refuse(ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "the configuration reserves it")
        if value < 0:
            raise _refuse(ServiceError.PARAMETER_VALUE_INAPPROPRIATE, "only the configuration reserves for good")
        self._own(block, client if value else None)
        block.reserved = bool(value)
        block.leaves["ResvTms"].value = value

    # --- events and time --------------------------------------------------------------------------------------------

    def notify(self, events: Iterable[Event], now: datetime) -> None:
        """Take note that leaves were updated, all at once; see `Events`."""
        self.events.notify(events, now)

    def due(self) -> datetime | None:
        """Return when `tick` wants to be called next; None for not at all."""
        times = [block.held_until for block in self._held if block.held_until is not None]
        due = self.events.due()
        return min(times if due is None else [*times, due], default=None)

    def tick(self, now: datetime) -> None:
        """Do what has become due: end reservations, send reports."""
        for block in list(self._held):
            if block.held_until is not None and block.held_until <= now:
                self._own(block, None)
        self.events.tick(now)
