"""Setting groups (IEC 61850-7-2 clause 16): values of several groups, one active, one being edited by one client.

Under SG the tree shows the values of the active group, under SE the edit buffer. The active group's values are those
of the SG leaves themselves; the others wait in `Attribute.groups`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import attrs

from ..acsi.blocks import (
    ConfirmEditSGValues,
    GetEditSGValue,
    GetSGCBValues,
    SelectActiveSG,
    SelectEditSG,
    SetEditSGValue,
)
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, Reference
from ..acsi.services import GetDataValues, SetDataValues
from ..acsi.types import BasicType, DataValue, Timestamp
from ..model.nodes import Attribute, DataObject, LogicalDevice, Model, OtherControl
from .association import Association
from .data import Data
from .decisions import Activation, Confirmation
from .directory import unknown
from .keeping import Document, Keeping, spelled, unspelled
from .stamps import Stamps
from .steps import Steps
from .tree import Group, Node, Tree
from .values import fit, spread

Store = Callable[[Iterable[tuple[Attribute, DataValue]], datetime], None]

NAME = "SGCB"
_E, _T = ServiceError, BasicType
_ATTRIBUTES = (
    ("NumOfSG", _T.INT8U), ("ActSG", _T.INT8U), ("EditSG", _T.INT8U), ("CnfEdit", _T.BOOLEAN),
    ("LActTm", _T.TIMESTAMP), ("ResvTms", _T.INT16U),
)  # fmt: skip
"""Attributes of the block in the order in which peers send them (8-1, second-hand)."""
_RESERVED = 60
"""Seconds for which the edit buffer is reserved where the configuration does not say."""


@attrs.define(slots=True, eq=False)
class Setting:
    """One leaf of the setting groups of a device: under SG the active value, under SE that of the edit buffer."""

    name: str
    active: Attribute
    edit: Attribute

    @property
    def groups(self) -> dict[int, DataValue]:
        """The values of the groups; that of the active one may have changed since."""
        assert self.active.groups is not None
        return self.active.groups


@attrs.define(slots=True, eq=False)
class Block:
    """The setting group control block of one logical device.

    Attributes:
        reference: `LD/LLN0.SGCB`.
        leaves: its attributes by name; their values are what clients read.
        settings: every setting of the device.
        editable: False if the groups can only be switched.
        reserved: for how long the edit buffer stays with a client that does nothing.
        editor: the client that has selected a group for editing.
        due: when it loses it.
    """

    reference: Reference
    leaves: dict[str, Attribute]
    settings: list[Setting]
    editable: bool
    reserved: timedelta
    editor: Association | None = None
    due: datetime | None = None

    def number(self, name: str) -> int:
        """The value of an integer attribute."""
        value = self.leaves[name].value
        assert isinstance(value, int)
        return value

    def values(self, group: int) -> dict[str, DataValue]:
        """Return the values of a group by the names of the settings."""
        if group == self.number("ActSG"):
            return {one.name: one.active.value for one in self.settings}
        return {one.name: one.groups[group] for one in self.settings}


def prepare(model: Model) -> None:
    """Put the settings of devices with setting groups under SG, where SCL has them under SE as well.

    In SCL a setting stands once, under SG or SE; served it is under both. One that stands under SG is always editable.
    """
    for device in model.devices.values():
        if _configured(device) is not None:
            for node in device.nodes.values():
                for data in node.objects.values():
                    _prepare(data)


def _prepare(here: DataObject | Attribute) -> None:
    if isinstance(here, Attribute):
        if here.fc is FC.SG:
            here.settable = True
        elif here.fc is not FC.SE:
            return
        here.fc = FC.SG
    for child in [*here.children.values(), *here.elements]:
        _prepare(child)


def _configured(device: LogicalDevice) -> OtherControl | None:
    node = device.nodes.get("LLN0")
    return next((one for one in node.others if one.kind == "setting"), None) if node else None


class SettingGroups:
    """The setting groups of the model's devices."""

    def __init__(
        self, model: Model, tree: Tree, data: Data, store: Store, keeping: Keeping, now: datetime, stamp: Stamps
    ) -> None:
        self._stamp = stamp
        self._data = data
        self._store = store
        self._keeping = keeping
        self._blocks: dict[str, Block] = {}
        groups = model.services.get("SettingGroups")
        editable = groups is None or "SettingGroups.SGEdit" in model.services
        for device in model.devices.values():
            configured = _configured(device)
            if configured is None:
                continue
            # Where nothing is declared, the time of reservation is told all the same.
            edit = model.services.get("SettingGroups.SGEdit", {"resvTms": "true"})
            told = "resvTms" in configured.attributes or edit.get("resvTms") == "true"
            block = _block(device.name, configured, tree.devices[device.name], stamp(now), editable, told)
            self._blocks[device.name] = block
            tree.add(device.name, "LLN0", FC.SP, NAME, Attribute(NAME, FC.SP, children=dict(block.leaves)))
            for node, whole in tree.devices[device.name].items():
                settings = whole.children.get(FC.SG.value)
                if isinstance(settings, Group):
                    buffer = _buffer(settings)
                    if editable:
                        tree.put(device.name, node, FC.SE, buffer)
                    pairs = zip(_walk(settings, (node,)), buffer.leaves(), strict=True)
                    block.settings += [Setting(name, leaf, copy) for (name, leaf), copy in pairs]
            self._fill(block)
        if self._blocks:
            data.claim(FC.SP, self.write, NAME)
            data.claim(FC.SE, self.write_edit)
            data.guard = self.guard

    def _fill(self, block: Block) -> None:
        """Give every setting a value in each group: as kept, as configured, or the one that all have."""
        count, kept = block.number("NumOfSG"), self._restore(block)
        active = kept.get("active")
        if isinstance(active, int) and 1 <= active <= count:
            block.leaves["ActSG"].value = active
        for one in block.settings:
            given = one.active.groups or {}
            one.active.groups = {number: given.get(number, one.active.value) for number in range(1, count + 1)}
            for number, found in kept.get("values", {}).get(one.name, {}).items():
                try:
                    if int(number) in one.groups:
                        one.groups[int(number)] = fit(one.active, unspelled(found))
                except (ServiceRefused, TypeError, ValueError) as error:
                    self._keeping.passed_over(f"group {number} of {one.name}", error)
            one.active.value = one.groups[block.number("ActSG")]

    # --- services ---------------------------------------------------------------------------------------------------

    def get(self, request: GetSGCBValues) -> dict[str, DataValue]:
        """Return all attributes of a device's block by name."""
        return {name: leaf.value for name, leaf in self._find(request.device).leaves.items()}

    def select_active(self, client: Association, request: SelectActiveSG, now: datetime) -> Steps[None]:
        """Make another group the active one, if the application agrees."""
        block = self._find(request.device)
        group, former = self._number(block, request.group, least=1), block.number("ActSG")
        outcome = yield Activation(block.reference, client.peer, group, former, block.values(group))
        if outcome.refusal is not None:
            raise outcome.refusal
        former = block.number("ActSG")
        self._save(block, group, {})
        for one in block.settings:
            one.groups[former] = one.active.value
        block.leaves["ActSG"].value = group
        block.leaves["LActTm"].value = self._stamp(outcome.now)
        self._store([(one.active, one.groups[group]) for one in block.settings], outcome.now)

    def select_edit(self, client: Association, request: SelectEditSG, now: datetime) -> None:
        """Give the edit buffer to a client, filled with the values of a group; with group 0, take it back."""
        block = self._find(request.device)
        if not block.editable:
            raise _refused(_E.ACCESS_VIOLATION, "its settings cannot be edited", block)
        group = self._number(block, request.group, least=0)
        if block.editor not in (None, client):
            raise _refused(_E.INSTANCE_LOCKED_BY_OTHER_CLIENT, "another client is editing", block)
        if not group:
            self._end_edit(block)
            return
        values = block.values(group)
        for one in block.settings:
            one.edit.value = values[one.name]
        block.leaves["EditSG"].value = group
        block.editor, block.due = client, now + block.reserved

    def confirm(self, client: Association, request: ConfirmEditSGValues, now: datetime) -> Steps[None]:
        """Make the edit buffer the values of the group that is being edited, if the application agrees."""
        block = self._find(request.device)
        group = self._editing(block, client)
        edited = {one.name: one.edit.value for one in block.settings}
        active = group == block.number("ActSG")
        outcome = yield Confirmation(block.reference, client.peer, group, active, edited)
        if outcome.refusal is not None:
            raise outcome.refusal
        if self._editing(block, client) != group:
            raise _refused(_E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "another group was selected meanwhile", block)
        self._save(block, block.number("ActSG"), {group: edited})
        for one in block.settings:
            one.groups[group] = edited[one.name]
        self._end_edit(block)
        if group == block.number("ActSG"):
            self._store([(one.active, one.groups[group]) for one in block.settings], outcome.now)

    def set_values(
        self, client: Association, request: SetEditSGValue, now: datetime
    ) -> Steps[tuple[ServiceError, ...]]:
        """Write into the edit buffer, and return how it went, one service error each."""
        return (yield from self._data.set(client, SetDataValues(request.data), now))

    def values(
        self, client: Association, request: GetEditSGValue, now: datetime
    ) -> tuple[DataValue | ServiceError, ...]:
        """Return values of the edit buffer, or of the active group, or why there is none."""
        return self._data.get(client, GetDataValues(request.data), now)

    # --- as data ----------------------------------------------------------------------------------------------------

    def write(
        self, client: Association, reference: Reference, node: Node, value: DataValue, now: datetime
    ) -> Steps[None]:
        """Write an attribute of a block (what MMS clients do)."""
        attribute = reference.path[1] if len(reference.path) == 2 else ""
        if attribute not in ("ActSG", "EditSG", "CnfEdit"):
            raise ServiceRefused(_E.ACCESS_VIOLATION, "it is read-only", where=str(reference))
        assert isinstance(node, Attribute)
        held = fit(node, value)
        if attribute == "CnfEdit":
            if held:  # what is not confirmed needs no writing
                yield from self.confirm(client, ConfirmEditSGValues(reference.device), now)
            return
        assert isinstance(held, int)
        if attribute == "ActSG":
            yield from self.select_active(client, SelectActiveSG(reference.device, held), now)
        else:
            self.select_edit(client, SelectEditSG(reference.device, held), now)

    def write_edit(
        self, client: Association, reference: Reference, node: Node, value: DataValue, now: datetime
    ) -> Steps[None]:
        """Write into the edit buffer."""
        block = self._blocks.get(reference.device)
        if block is not None:
            self._editing(block, client)
            block.due = now + block.reserved
        if not all(leaf.settable for leaf in node.leaves()):
            raise ServiceRefused(_E.ACCESS_VIOLATION, "it is read-only", where=str(reference))
        held = list(spread(node, value))
        if block is None:
            self._store(held, now)
        for leaf, one in held:
            leaf.value = one
        yield from ()  # only confirming asks the application

    def guard(self, reference: Reference) -> None:
        """Raise `ServiceRefused` for the edit buffer of a device where no group is being edited."""
        block = self._blocks.get(reference.device)
        if reference.fc is FC.SE and block is not None and not block.number("EditSG"):
            raise _refused(_E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "select a group for editing first", block)

    # --- time and the end of associations ---------------------------------------------------------------------------

    def due(self) -> datetime | None:
        """Return when `tick` wants to be called next; None for not at all."""
        return min((block.due for block in self._blocks.values() if block.due is not None), default=None)

    def tick(self, now: datetime) -> None:
        """Take the edit buffer from clients that have done nothing for too long."""
        for block in self._blocks.values():
            if block.due is not None and block.due <= now:
                self._end_edit(block)

    def release(self, client: Association) -> None:
        """Give back what an association that has ended was editing; nothing of it is kept."""
        for block in self._blocks.values():
            if block.editor is client:
                self._end_edit(block)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _find(self, device: str) -> Block:
        block = self._blocks.get(device)
        if block is None:
            raise unknown(f"{device}/LLN0.{NAME}")
        return block

    def _number(self, block: Block, group: int, *, least: int) -> int:
        count = block.number("NumOfSG")
        if not least <= group <= count:
            raise _refused(_E.PARAMETER_VALUE_INAPPROPRIATE, f"the groups are {least} to {count}", block)
        return group

    def _editing(self, block: Block, client: Association) -> int:
        """Return the group that a client is editing; raise `ServiceRefused` if it is not."""
        if block.editor is None:
            raise _refused(_E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "select a group for editing first", block)
        if block.editor is not client:
            raise _refused(_E.INSTANCE_LOCKED_BY_OTHER_CLIENT, "another client is editing", block)
        return block.number("EditSG")

    def _end_edit(self, block: Block) -> None:
        block.leaves["EditSG"].value = 0
        block.editor = block.due = None

    def _save(self, block: Block, active: int, edited: dict[int, dict[str, DataValue]]) -> None:
        """Keep all groups as they will be, before anything of it is done or told."""
        values: dict[str, dict[str, Any]] = {one.name: {} for one in block.settings}
        for group in range(1, block.number("NumOfSG") + 1):
            for name, value in edited.get(group, block.values(group)).items():
                values[name][str(group)] = spelled(value)
        self._keeping.save(_document_name(block), {"active": active, "values": values})

    def _restore(self, block: Block) -> Document:
        found = self._keeping.load(_document_name(block)) or {}
        values = found.get("values", {})
        sound = isinstance(values, dict) and all(isinstance(one, dict) for one in values.values())
        return found if sound else {}


def _document_name(block: Block) -> str:
    return f"setting groups of {block.reference.device}"


def _refused(error: ServiceError, why: str, block: Block) -> ServiceRefused:
    return ServiceRefused(error, why, where=str(block.reference))


def _block(
    device: str, configured: OtherControl, nodes: dict[str, Group], now: Timestamp, editable: bool, told: bool
) -> Block:
    count = max(1, min(255, _integer(configured.attributes.get("numOfSGs"), 1)))
    active = max(1, min(count, _integer(configured.attributes.get("actSG"), 1)))
    reserved = _integer(configured.attributes.get("resvTms"), _RESERVED) or _RESERVED
    values: dict[str, DataValue] = {
        "NumOfSG": count,
        "ActSG": active,
        "EditSG": 0,
        "CnfEdit": False,
        "LActTm": now,
        "ResvTms": min(reserved, 0xFFFF),
    }
    shown = _ATTRIBUTES if told and editable else _ATTRIBUTES[:-1]
    leaves = {name: Attribute(name, FC.SP, kind, value=values[name]) for name, kind in shown}
    return Block(Reference(device, "LLN0", (NAME,)), leaves, [], editable, timedelta(seconds=min(reserved, 0xFFFF)))


def _integer(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.strip().isdecimal() and len(text) < 8 else otherwise


def _buffer(settings: Group) -> Group:
    copied = _copy(settings)
    assert isinstance(copied, Group)
    return attrs.evolve(copied, name=FC.SE.value)


def _copy(node: Node) -> Node:
    """Return the same nodes once more, under SE."""
    if isinstance(node, Group):
        children = {name: _copy(child) for name, child in node.children.items()}
        return Group(node.name, children, [_copy(element) for element in node.elements])
    assert isinstance(node, Attribute)  # no tree has anything else
    return _copy_attribute(node)


def _copy_attribute(node: Attribute) -> Attribute:
    below = {name: _copy_attribute(child) for name, child in node.children.items()}
    elements = [_copy_attribute(element) for element in node.elements]
    return attrs.evolve(node, fc=FC.SE, children=below, elements=elements, groups=None)


def _walk(node: Node, path: tuple[str, ...]) -> Iterator[tuple[str, Attribute]]:
    """Yield every leaf below with its name, `LN.DO.DA`."""
    if isinstance(node, Attribute) and node.type is not None:
        yield ".".join(path), node
        return
    for number, element in enumerate(node.elements):
        yield from _walk(element, (*path[:-1], f"{path[-1]}({number})"))
    for name, child in node.children.items() if not node.elements else ():
        yield from _walk(child, (*path, name))
