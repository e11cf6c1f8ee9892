"""The model of the tests with live peers that use every service: for our server, as a CID file for those that read
one, and as a configuration file of libiec61850."""

from __future__ import annotations

from collections.abc import Iterator

from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.types import BasicType
from janusgrid.iec61850.model.nodes import (
    Attribute,
    DataObject,
    DataSet,
    EnumType,
    LogicalDevice,
    LogicalNode,
    Model,
    OtherControl,
    ReportControl,
    Trigger,
)

from tests.iec61850.plant import T, apc, data, group, leaf, mv, node, quality_time, switch

LD = "PEERLD0"
FC_NUMBERS = (
    FC.ST, FC.MX, FC.SP, FC.SV, FC.CF, FC.DC, FC.SG, FC.SE, FC.SR, FC.OR, FC.BL, FC.EX, FC.CO,
)  # fmt: skip
TYPE_NUMBERS = {
    T.BOOLEAN: 0, T.INT8: 1, T.INT16: 2, T.INT32: 3, T.INT64: 4, T.INT8U: 6, T.INT16U: 7, T.INT24U: 8, T.INT32U: 9,
    T.FLOAT32: 10, T.FLOAT64: 11, T.ENUM: 12, T.OCTET64: 13, T.OCTET6: 14, T.VISSTRING32: 16, T.VISSTRING64: 17,
    T.VISSTRING65: 18, T.VISSTRING129: 19, T.VISSTRING255: 20, T.UNICODE255: 21, T.TIMESTAMP: 22, T.QUALITY: 23,
    T.CHECK: 24, T.DBPOS: 25,
}  # fmt: skip
"""libiec61850's numbers of the basic types."""
_TRIGGERS = (
    (Trigger.DATA_CHANGE, 1), (Trigger.QUALITY_CHANGE, 2), (Trigger.DATA_UPDATE, 4), (Trigger.INTEGRITY, 8),
    (Trigger.GENERAL_INTERROGATION, 16),
)  # fmt: skip
ALL = Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE | Trigger.INTEGRITY | Trigger.GENERAL_INTERROGATION
ENUMERATIONS = {
    "stVal": EnumType("BehaviourModeKind", {"on": 1, "blocked": 2, "test": 3, "test/blocked": 4, "off": 5}),
    "ctlModel": EnumType("CtlModelKind", {
        "status-only": 0, "direct-with-normal-security": 1, "sbo-with-normal-security": 2,
        "direct-with-enhanced-security": 3, "sbo-with-enhanced-security": 4,
    }),
    "sboClass": EnumType("SboClassKind", {"operate-once": 0, "operate-many": 1}),
    "orCat": EnumType("OriginatorCategoryKind", {
        "not-supported": 0, "bay-control": 1, "station-control": 2, "remote-control": 3, "automatic-bay": 4,
        "automatic-station": 5, "automatic-remote": 6, "maintenance": 7, "process": 8,
    }),
}  # fmt: skip
MODELS = {"SwDir": 1, "SwSbo": 2, "SwEnh": 3, "SwSel": 4}
"""The switches by their control models."""


def station(select_timeout: int = 5000) -> Model:
    """Return a model with every control model, buffered reports, setting groups, substitution and a GOOSE block."""
    lln0 = node(
        "LLN0", "LLN0",
        data("Mod", "ENC", leaf("stVal", FC.ST, T.ENUM, 1, trigger=Trigger.DATA_CHANGE), *quality_time(FC.ST),
             leaf("ctlModel", FC.CF, T.ENUM, 0, settable=False)),
    )  # fmt: skip
    control = node(
        "CSWI1", "CSWI", *(switch(name, number) for name, number in MODELS.items()),
        switch("SwLater", 1, later=True), switch("SwLaterEnh", 4, later=True), apc("Setpoint", 3, 0.0, 100.0),
    )  # fmt: skip
    for name in (*MODELS, "SwLater", "SwLaterEnh"):
        timeout = control.objects[name].children["sboTimeout"]
        assert isinstance(timeout, Attribute)
        timeout.value = select_timeout
    protection = node(
        "PTUV1", "PTUV",
        data("StrVal", "ASG", group("setMag", FC.SG, leaf("f", FC.SG, T.FLOAT32, 80.0, groups={1: 80.0, 2: 90.0}))),
        data("OpDlTmms", "ING", leaf("setVal", FC.SE, T.INT32, 10, settable=True, groups={1: 10, 2: 20})),
    )  # fmt: skip
    inputs = node(
        "GGIO1", "GGIO", mv("AnIn1", 0.0), mv("AnIn2", 0.0),
        data("Ind1", "SPS", leaf("stVal", FC.ST, T.BOOLEAN, False, trigger=Trigger.DATA_CHANGE), *quality_time(FC.ST),
             leaf("subEna", FC.SV, T.BOOLEAN, False), leaf("subVal", FC.SV, T.BOOLEAN, False),
             leaf("subQ", FC.SV, T.QUALITY), leaf("subID", FC.SV, T.VISSTRING64)),
    )  # fmt: skip
    lln0.data_sets["Meas"] = DataSet("Meas", (
        Reference.parse(f"{LD}/GGIO1.AnIn1.mag.f", FC.MX), Reference.parse(f"{LD}/GGIO1.AnIn2.mag.f", FC.MX),
        Reference.parse(f"{LD}/GGIO1.Ind1.stVal", FC.ST),
    ))  # fmt: skip
    lln0.reports["urcb"] = ReportControl("urcb", False, "PEER/urcb", "Meas", 1, 0b0111111010, 0, ALL, 0, True, 2)
    lln0.reports["brcb"] = ReportControl("brcb", True, "PEER/brcb", "Meas", 1, 0b0111111110, 0, ALL, 0, True, 2)
    lln0.others += [
        OtherControl("setting", "SGCB", {"numOfSGs": "2", "actSG": "1", "resvTms": "30"}),
        OtherControl("gse", "gcb", {
            "datSet": "Meas", "confRev": "1", "appID": "PEER/gcb", "Address.MAC-Address": "01-0C-CD-01-00-01",
            "Address.APPID": "1000", "Address.VLAN-ID": "001", "Address.VLAN-PRIORITY": "4", "MinTime": "4",
            "MaxTime": "1000",
        }),
    ]  # fmt: skip
    device = LogicalDevice(LD, "LD0", {n.name: n for n in (lln0, control, inputs, protection)})
    for logical_node in device.nodes.values():
        for data_object in logical_node.objects.values():
            for attribute in data_object.attributes():
                _name_literals(attribute)
    return Model("PEER", {LD: device}, services={"ReportSettings": {"owner": "true", "resvTms": "true"}})


def _name_literals(attribute: Attribute) -> None:
    """Give enumerations their literals, which a file has to have."""
    for leaf_below in attribute.leaves():
        if leaf_below.type is BasicType.ENUM and leaf_below.enum is None:
            leaf_below.enum = ENUMERATIONS.get(leaf_below.name)


def configuration(model: Model) -> str:
    """Return a model as libiec61850's configuration file has it."""
    return "\n".join((f"MODEL({model.ied}){{", *_devices(model), "}", ""))


def _devices(model: Model) -> Iterator[str]:
    for device in model.devices.values():
        yield f"LD({device.inst}){{"
        for logical_node in device.nodes.values():
            yield f"LN({logical_node.name}){{"
            yield from _controls(logical_node)
            for data_object in logical_node.objects.values():
                yield from _object(data_object)
            for data_set in logical_node.data_sets.values():
                yield f"DS({data_set.name}){{"
                yield from (f"DE({_item(member)})" for member in data_set.members)
                yield "}"
            yield from _blocks(logical_node)
            yield "}"
        yield "}"


def _controls(logical_node: LogicalNode) -> Iterator[str]:
    for other in logical_node.others:
        if other.kind == "setting":
            yield f"SG({other.attributes['actSG']} {other.attributes['numOfSGs']})"


def _blocks(logical_node: LogicalNode) -> Iterator[str]:
    for block in logical_node.reports.values():
        triggers = sum(number for trigger, number in _TRIGGERS if trigger in block.trigger)
        bits = format(block.optional_fields, "010b")[1:9]  # sequence number to configuration revision, in order
        fields = sum(1 << at for at, bit in enumerate(bits) if bit == "1")
        for instance in range(1, block.max_instances + 1):
            yield (
                f"RC({block.name}{instance:02} {block.rpt_id} {int(block.buffered)} {block.data_set} {block.conf_rev} "
                f"{triggers} {fields} {block.buffer_time} {block.integrity_period})"
            )
    for other in logical_node.others:
        if other.kind == "gse":
            found = other.attributes
            yield f"GC({other.name} {found['appID']} {found['datSet']} {found['confRev']} 0 4 1000){{"
            address = found["Address.MAC-Address"].replace("-", "")
            yield f"PA(4 1 {int(found['Address.APPID'], 16)} {address})"
            yield "}"


def _object(data_object: DataObject) -> Iterator[str]:
    yield f"DO({data_object.name} 0){{"
    for child in data_object.children.values():
        if isinstance(child, DataObject):
            yield from _object(child)
        else:
            for fc in (FC.SG, FC.SE) if child.fc in (FC.SG, FC.SE) else (child.fc,):  # settings have both
                yield from _attribute(child, fc)
    yield "}"


def _attribute(attribute: Attribute, fc: FC) -> Iterator[str]:
    triggers = attribute.trigger.value & 7
    if attribute.type is None:
        yield f"DA({attribute.name} 0 27 {FC_NUMBERS.index(fc)} {triggers} 0){{"
        for child in attribute.children.values():
            yield from _attribute(child, fc)
        yield "}"
        return
    value = attribute.value
    if value is None or attribute.type in (BasicType.QUALITY, BasicType.OCTET64):
        shown = ""
    elif isinstance(value, str):
        shown = f'="{value}"'
    else:
        shown = f"={int(value) if isinstance(value, bool) else value}"
    yield f"DA({attribute.name} 0 {TYPE_NUMBERS[attribute.type]} {FC_NUMBERS.index(fc)} {triggers} 0){shown};"


def _item(reference: Reference) -> str:
    assert reference.fc is not None
    return "$".join((reference.node, reference.fc.value, *reference.path))
