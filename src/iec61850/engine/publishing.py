"""Control blocks of GOOSE and sampled values (IEC 61850-7-2 clauses 18 and 19): read, set, enabled and disabled.

The frames themselves are not sent here: what publishes them is the application, which learns of each change of GoEna
and SvEna by a `Publication`, and may refuse it.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from ..acsi.blocks import BLOCK_FC, GetBlock, SetBlock
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.references import FC, BadReference, Reference
from ..acsi.types import BasicType, BitString, DataValue
from ..model.nodes import Attribute, Model, OtherControl
from .association import Association
from .datasets import DataSets
from .decisions import Publication
from .directory import unknown
from .steps import Steps
from .tree import Node, Tree
from .values import fit, read

_E, _T = ServiceError, BasicType
_ADDRESS = (("Addr", _T.OCTET6), ("PRIORITY", _T.INT8U), ("VID", _T.INT16U), ("APPID", _T.INT16U))
_GOOSE = (
    ("GoEna", _T.BOOLEAN), ("GoID", _T.VISSTRING129), ("DatSet", _T.OBJREF), ("ConfRev", _T.INT32U),
    ("NdsCom", _T.BOOLEAN), ("DstAddress", None), ("MinTime", _T.INT32U), ("MaxTime", _T.INT32U),
    ("FixedOffs", _T.BOOLEAN),
)  # fmt: skip
_SAMPLED = (
    ("DatSet", _T.OBJREF), ("ConfRev", _T.INT32U), ("SmpRate", _T.INT16U), ("OptFlds", _T.SVOPTFLDS),
    ("SmpMod", _T.ENUM), ("DstAddress", None), ("noASDU", _T.INT16U),
)  # fmt: skip
_SPECIFICATIONS = {
    FC.GO: _GOOSE,
    FC.MS: (("SvEna", _T.BOOLEAN), ("MsvID", _T.VISSTRING129), *_SAMPLED),
    FC.US: (("SvEna", _T.BOOLEAN), ("Resv", _T.BOOLEAN), ("UsvID", _T.VISSTRING129), *_SAMPLED),
}
"""Attributes of each class in the order in which peers send them (8-1, second-hand)."""

_OPTIONS = ("refreshTime", "sampleSynchronized", "sampleRate", "dataSet", "security")
_MODES = {"SmpPerPeriod": 0, "SmpPerSec": 1, "SecPerSmp": 2}
_DECLARED = {
    "GoID": ("GSESettings", "appID"),
    "MsvID": ("SMVSettings", "svID"),
    "UsvID": ("SMVSettings", "svID"),
    "SmpRate": ("SMVSettings", "smpRate"),
    "OptFlds": ("SMVSettings", "optFields"),
}
"""Where SCL Services say whether clients may set an attribute: `Dyn` if so."""
_ENABLE = {FC.GO: "GoEna", FC.MS: "SvEna", FC.US: "SvEna"}


@attrs.define(slots=True, eq=False)
class Block:
    """One control block.

    Attributes:
        reference: `LD/LN.name`, with its constraint.
        whole: all of it, as clients find it.
        owner: of a unicast one, the client that has reserved or enabled it.
        pending: True while the application is being asked whether it may be enabled or disabled.
    """

    reference: Reference
    whole: Attribute
    owner: Association | None = None
    reserved: bool = False
    pending: bool = False

    def leaf(self, name: str) -> Attribute:
        """Return an attribute of it."""
        return self.whole.children[name]

    @property
    def enabling(self) -> Attribute:
        """GoEna or SvEna."""
        assert self.reference.fc is not None
        return self.leaf(_ENABLE[self.reference.fc])

    def values(self) -> dict[str, DataValue]:
        """Return all attributes by name."""
        return {name: read(leaf) for name, leaf in self.whole.children.items()}


class Publishing:
    """The control blocks of GOOSE and sampled values of the model."""

    def __init__(self, model: Model, tree: Tree, data_sets: DataSets) -> None:
        self._data_sets = data_sets
        self._blocks: dict[Reference, Block] = {}
        self._services = model.services
        for device in model.devices.values():
            for node in device.nodes.values():
                for control in node.others:
                    fc = _constraint(control)
                    if fc is not None:
                        reference = Reference(device.name, node.name, (control.name,), fc)
                        whole = self._make(reference, fc, control)
                        self._blocks[reference] = Block(reference, whole)
                        tree.add(device.name, node.name, fc, control.name, whole)

    # --- services ---------------------------------------------------------------------------------------------------

    def get(self, request: GetBlock) -> dict[str, DataValue]:
        """Return all attributes of a block by name."""
        return self._find(request.block, BLOCK_FC[type(request)]).values()

    def set(self, client: Association, request: SetBlock, now: datetime) -> Steps[None]:
        """Set attributes of a block in order; raise `ServiceRefused` at the first that cannot be set."""
        block = self._find(request.block, BLOCK_FC[type(request)])
        for name, value in request.values:
            yield from self._set(client, block, name, value)

    def write(
        self, client: Association, reference: Reference, node: Node, value: DataValue, now: datetime
    ) -> Steps[None]:
        """Write one attribute of a block as data (what MMS clients do)."""
        if len(reference.path) != 2:
            raise ServiceRefused(_E.ACCESS_VIOLATION, "set its attributes one by one", where=str(reference))
        assert reference.fc is not None
        block = self._find(attrs.evolve(reference, path=reference.path[:1]), reference.fc)
        yield from self._set(client, block, reference.path[1], value)

    def release(self, client: Association) -> None:
        """Disable and free the unicast blocks of an association that has ended."""
        for block in self._blocks.values():
            if block.owner is client:
                block.enabling.value = False
                self._own(block, None)

    def _find(self, reference: Reference, fc: FC) -> Block:
        block = self._blocks.get(reference.with_fc(fc))
        if block is None:
            raise unknown(reference)
        return block

    # --- setting ----------------------------------------------------------------------------------------------------

    def _set(self, client: Association, block: Block, name: str, value: DataValue) -> Steps[None]:
        where = f"{block.reference.with_fc(None)}.{name}"
        leaf = block.whole.children.get(name)
        if leaf is None:
            raise unknown(where)
        try:
            if not leaf.settable:
                raise ServiceRefused(_E.ACCESS_VIOLATION, "it is read-only")
            held = fit(leaf, value)
            if block.owner not in (None, client):
                raise ServiceRefused(_E.INSTANCE_LOCKED_BY_OTHER_CLIENT, "another client has reserved it")
            if leaf is block.enabling:
                yield from self._enable(client, block, bool(held))
            elif block.enabling.value or block.pending:
                raise ServiceRefused(_E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "disable it first")
            elif name == "Resv":
                block.reserved = bool(held)
                self._own(block, client if held else None)
            elif name == "DatSet":
                self._use(block, str(held))
            else:
                leaf.value = held
        except ServiceRefused as refused:
            refused.where = where
            raise

    def _enable(self, client: Association, block: Block, wanted: bool) -> Steps[None]:
        if block.pending or (wanted and block.enabling.value):
            raise ServiceRefused(_E.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "it is enabled already")
        if wanted == block.enabling.value:
            return
        if wanted:
            name = str(block.leaf("DatSet").value)
            if not name or not block.leaf("ConfRev").value:
                raise ServiceRefused(_E.PARAMETER_VALUE_INCONSISTENT, "it needs a data set and a ConfRev above zero")
            self._data_sets.find(Reference.parse(name))
        block.pending = True
        try:
            outcome = yield Publication(block.reference.with_fc(None), client.peer, wanted, block.values())
        finally:
            block.pending = False
        if outcome.refusal is not None:
            raise outcome.refusal
        block.enabling.value = wanted
        if block.reference.fc is FC.US:
            if client.ended:
                block.enabling.value = False
            else:
                self._own(block, client if wanted or block.reserved else None)

    def _use(self, block: Block, name: str) -> None:
        try:
            if name:
                found = Reference.parse(name)
                self._data_sets.find(found)
        except (BadReference, ServiceRefused):
            raise ServiceRefused(_E.PARAMETER_VALUE_INAPPROPRIATE, f"there is no data set {name!r}") from None
        if name != block.leaf("DatSet").value:
            revision = block.leaf("ConfRev")
            assert isinstance(revision.value, int)
            block.leaf("DatSet").value = name
            revision.value = revision.value % 0xFFFFFFFF + 1
            if "NdsCom" in block.whole.children:
                block.leaf("NdsCom").value = not name

    def _own(self, block: Block, client: Association | None) -> None:
        block.owner = client
        block.reserved = block.reserved and client is not None
        block.leaf("Resv").value = client is not None

    # --- as configured ----------------------------------------------------------------------------------------------

    def _make(self, reference: Reference, fc: FC, control: OtherControl) -> Attribute:
        values = _values(reference, fc, control.attributes)
        children: dict[str, Attribute] = {}
        for name, kind in _SPECIFICATIONS[fc]:
            if kind is None:
                children[name] = Attribute(
                    name, fc, children={n: Attribute(n, fc, k, value=values[n]) for n, k in _ADDRESS}
                )
            else:
                children[name] = Attribute(name, fc, kind, value=values[name], settable=self._settable(fc, name))
        return Attribute(control.name, fc, children=children)

    def _settable(self, fc: FC, name: str) -> bool:
        if name in (_ENABLE[fc], "Resv"):
            return True
        service = "GSESettings" if fc is FC.GO else "SMVSettings"
        declared = (service, "datSet") if name == "DatSet" else _DECLARED.get(name)
        return declared is not None and self._services.get(declared[0], {}).get(declared[1]) == "Dyn"


def _constraint(control: OtherControl) -> FC | None:
    if control.kind == "gse":
        return FC.GO if control.attributes.get("type", "GOOSE") == "GOOSE" else None
    if control.kind == "smv":
        return FC.US if control.attributes.get("multicast", "true") in ("false", "0") else FC.MS
    return None


def _values(reference: Reference, fc: FC, texts: dict[str, str]) -> dict[str, DataValue]:
    data_set = texts.get("datSet", "")
    identity = texts.get("appID" if fc is FC.GO else "smvID", "")
    mac = texts.get("Address.MAC-Address", "").replace("-", "").replace(":", "")
    sampled = fc is not FC.GO
    options = (n for n, option in enumerate(_OPTIONS) if texts.get(f"SmvOpts.{option}") in ("true", "1"))
    return {
        _ENABLE[fc]: False,
        "Resv": False,
        "GoID": identity or f"{reference.device}/{reference.node}$GO${reference.path[0]}",
        "MsvID": identity,
        "UsvID": identity,
        "DatSet": f"{reference.device}/{reference.node}.{data_set}" if data_set else "",
        "ConfRev": _number(texts.get("confRev"), 1, 0xFFFFFFFF),
        "NdsCom": not data_set,
        "MinTime": _number(texts.get("MinTime"), 0, 0xFFFFFFFF),
        "MaxTime": _number(texts.get("MaxTime"), 0, 0xFFFFFFFF),
        "FixedOffs": texts.get("fixedOffs") in ("true", "1"),
        "SmpRate": _number(texts.get("smpRate"), 0, 0xFFFF),
        "OptFlds": BitString.of(*options, size=5),
        "SmpMod": _MODES.get(texts.get("smpMod", ""), 0),
        "noASDU": _number(texts.get("nofASDU"), 1, 0xFFFF),
        "Addr": bytes.fromhex(mac) if _is_mac(mac) else bytes(6),
        "PRIORITY": _number(texts.get("Address.VLAN-PRIORITY"), 4, 7),
        "VID": _number(texts.get("Address.VLAN-ID"), 0, 0xFFF, base=16),
        "APPID": _number(texts.get("Address.APPID"), 0x4000 if sampled else 0, 0xFFFF, base=16),
    }


def _is_mac(text: str) -> bool:
    return len(text) == 12 and all(digit in "0123456789abcdefABCDEF" for digit in text)


def _number(text: str | None, otherwise: int, most: int, *, base: int = 10) -> int:
    """Return the number that a text of the configuration gives, where it gives one that can be."""
    try:
        found = int(text, base) if text is not None and text.isascii() and len(text) < 12 else otherwise
    except ValueError:
        return otherwise
    return found if 0 <= found <= most else otherwise
