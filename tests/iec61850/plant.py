"""A small generator as a model made by hand: one of everything that the services can meet."""

from __future__ import annotations

from collections.abc import Iterable

from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.types import BasicType, DataValue
from janusgrid.iec61850.model.nodes import (
    Attribute,
    DataObject,
    DataSet,
    EnumType,
    LogControl,
    LogicalDevice,
    LogicalNode,
    Model,
    OtherControl,
    ReportControl,
    Trigger,
)

T = BasicType
DCHG, QCHG, DUPD = Trigger.DATA_CHANGE, Trigger.QUALITY_CHANGE, Trigger.DATA_UPDATE
LD = "DG750DER"
NODES = ("CSWI1", "DGEN1", "DWGC1", "GGIO1", "GGIO2", "LLN0", "MMXU1", "PTUV1")
BEHAVIOUR = EnumType("BehaviourModeKind", {"on": 1, "blocked": 2, "test": 3, "test/blocked": 4, "off": 5})


def leaf(name: str, fc: FC, kind: BasicType, value: DataValue = None, **more: object) -> Attribute:
    settable = fc in (FC.SP, FC.CF, FC.DC, FC.SV)
    return Attribute(name, fc, kind, value=value, **{"settable": settable, **more})  # type: ignore[arg-type]


def group(name: str, fc: FC, *children: Attribute) -> Attribute:
    return Attribute(name, fc, children={child.name: child for child in children})


def data(name: str, cdc: str, *children: Attribute | DataObject) -> DataObject:
    return DataObject(name, cdc, {child.name: child for child in children})


def quality_time(fc: FC) -> tuple[Attribute, Attribute]:
    return leaf("q", fc, T.QUALITY, trigger=QCHG), leaf("t", fc, T.TIMESTAMP)


def mv(name: str, value: float | None = None) -> DataObject:
    return data(
        name, "MV", group("mag", FC.MX, leaf("f", FC.MX, T.FLOAT32, value, trigger=DCHG)), *quality_time(FC.MX),
        leaf("d", FC.DC, T.VISSTRING255, f"measured {name}"), leaf("db", FC.CF, T.INT32U, 0),
    )  # fmt: skip


def cmv(name: str) -> DataObject:
    return data(
        name, "CMV", group("cVal", FC.MX, group("mag", FC.MX, leaf("f", FC.MX, T.FLOAT32, trigger=DCHG))),
        *quality_time(FC.MX),
    )  # fmt: skip


def ens(name: str, value: int | None = None, enum: EnumType | None = None) -> DataObject:
    return data(name, "ENS", leaf("stVal", FC.ST, T.ENUM, value, trigger=DCHG, enum=enum), *quality_time(FC.ST))


def oper(*control_value: Attribute, extra: Iterable[Attribute] = ()) -> Attribute:
    return group(
        "Oper", FC.CO, *control_value, *extra,
        group("origin", FC.CO, leaf("orCat", FC.CO, T.ENUM), leaf("orIdent", FC.CO, T.OCTET64)),
        leaf("ctlNum", FC.CO, T.INT8U), leaf("T", FC.CO, T.TIMESTAMP), leaf("Test", FC.CO, T.BOOLEAN),
        leaf("Check", FC.CO, T.CHECK),
    )  # fmt: skip


def switch(name: str, model: int, *, many: bool = False, later: bool = False, limit: int = 0) -> DataObject:
    """A switch with all that control can have: selected for 5 s, executed within `limit` ms."""

    def command() -> Attribute:
        extra = [leaf("operTm", FC.CO, T.TIMESTAMP)] if later else []
        return oper(leaf("ctlVal", FC.CO, T.BOOLEAN), extra=extra)

    cancel = group("Cancel", FC.CO, *(part for part in command().children.values() if part.name != "Check"))
    select: tuple[Attribute, ...] = ()
    if model == 2:
        select = (leaf("SBO", FC.CO, T.VISSTRING129),)
    elif model == 4:
        select = (group("SBOw", FC.CO, *command().children.values()),)
    return data(
        name, "SPC", origin(FC.ST), leaf("ctlNum", FC.ST, T.INT8U),
        leaf("stVal", FC.ST, T.BOOLEAN, False, trigger=DCHG), *quality_time(FC.ST),
        leaf("stSeld", FC.ST, T.BOOLEAN, trigger=DCHG), leaf("opRcvd", FC.OR, T.BOOLEAN, trigger=DCHG),
        leaf("opOk", FC.OR, T.BOOLEAN, trigger=DCHG), leaf("tOpOk", FC.OR, T.TIMESTAMP),
        leaf("ctlModel", FC.CF, T.ENUM, model), leaf("sboTimeout", FC.CF, T.INT32U, 5000),
        leaf("sboClass", FC.CF, T.ENUM, int(many)), leaf("operTimeout", FC.CF, T.INT32U, limit),
        *select, command(), cancel,
    )  # fmt: skip


def controllables() -> LogicalNode:
    """One object of every controllable class, each substitutable too; a mode that is commanded; one of edition 1."""

    def status(*leaves: Attribute, fc: FC = FC.ST) -> list[Attribute]:
        return [origin(fc), leaf("ctlNum", fc, T.INT8U), *leaves, *quality_time(fc)]

    def made(name: str, cdc: str, value: Attribute, command: Attribute, *more: Attribute, fc: FC = FC.ST) -> DataObject:
        return data(
            name, cdc, *status(value, fc=fc), leaf("subEna", FC.SV, T.BOOLEAN), moved("subVal", FC.SV, value),
            leaf("subQ", FC.SV, T.QUALITY), leaf("subID", FC.SV, T.VISSTRING64),
            leaf("ctlModel", FC.CF, T.ENUM, 1, settable=False), *more, oper(command),
        )  # fmt: skip

    def limits(kind: BasicType, low: DataValue, high: DataValue) -> list[Attribute]:
        return [leaf("minVal", FC.CF, kind, low), leaf("maxVal", FC.CF, kind, high)]

    def analogue(name: str, fc: FC, value: DataValue = None, **more: object) -> Attribute:
        return group(name, fc, leaf("f", fc, T.FLOAT32, value, **more))

    step = group("valWTr", FC.ST, leaf("posVal", FC.ST, T.INT8, 0, trigger=DCHG), leaf("transInd", FC.ST, T.BOOLEAN))
    kinds = EnumType("Kinds", {"first": 1, "second": 2})
    old = oper(leaf("ctlVal", FC.CO, T.BOOLEAN), extra=[leaf("operTm", FC.CO, T.ENTRYTIME)])
    old.children["T"] = leaf("T", FC.CO, T.ENTRYTIME)
    return node(
        "GGIO2", "GGIO",
        made("Mod", "ENC", leaf("stVal", FC.ST, T.ENUM, 1, trigger=DCHG, enum=BEHAVIOUR),
             leaf("ctlVal", FC.CO, T.ENUM, enum=BEHAVIOUR)),
        made("Spc", "SPC", leaf("stVal", FC.ST, T.BOOLEAN, False, trigger=DCHG), leaf("ctlVal", FC.CO, T.BOOLEAN)),
        made("Dpc", "DPC", leaf("stVal", FC.ST, T.DBPOS, trigger=DCHG), leaf("ctlVal", FC.CO, T.BOOLEAN)),
        made("Inc", "INC", leaf("stVal", FC.ST, T.INT32, 0, trigger=DCHG), leaf("ctlVal", FC.CO, T.INT32),
             *limits(T.INT32, -10, 10)),
        made("Enc", "ENC", leaf("stVal", FC.ST, T.ENUM, 1, trigger=DCHG, enum=kinds),
             leaf("ctlVal", FC.CO, T.ENUM, enum=kinds)),
        made("Bsc", "BSC", step, leaf("ctlVal", FC.CO, T.TCMD), leaf("persistent", FC.CF, T.BOOLEAN, False)),
        made("Isc", "ISC", moved("valWTr", FC.ST, step, trigger=DCHG), leaf("ctlVal", FC.CO, T.INT8),
             *limits(T.INT8, 1, 17)),
        made("Apc", "APC", analogue("mxVal", FC.MX, 0.0, trigger=DCHG), analogue("ctlVal", FC.CO),
             analogue("minVal", FC.CF, -5.0), analogue("maxVal", FC.CF, 5.0), fc=FC.MX),
        made("Bac", "BAC", analogue("mxVal", FC.MX, 0.0, trigger=DCHG), leaf("ctlVal", FC.CO, T.TCMD),
             leaf("persistent", FC.CF, T.BOOLEAN, False), fc=FC.MX),
        data("Old", "SPC", leaf("stVal", FC.ST, T.BOOLEAN, False, trigger=DCHG), *quality_time(FC.ST),
             leaf("ctlModel", FC.CF, T.ENUM, 1), old),
    )  # fmt: skip


def moved(name: str, fc: FC, of: Attribute, **more: object) -> Attribute:
    """A part of the same type under another name and constraint."""
    if of.type is None:
        return group(name, fc, *(moved(child.name, fc, child, **more) for child in of.children.values()))
    return leaf(name, fc, of.type, enum=of.enum, **more)


def origin(fc: FC) -> Attribute:
    return group("origin", fc, leaf("orCat", fc, T.ENUM), leaf("orIdent", fc, T.OCTET64))


def apc(name: str, model: int, low: float = 0.0, high: float = 0.0) -> DataObject:
    return data(
        name, "APC", origin(FC.MX), leaf("ctlNum", FC.MX, T.INT8U),
        group("mxVal", FC.MX, leaf("f", FC.MX, T.FLOAT32, 0.0, trigger=DCHG)), *quality_time(FC.MX),
        leaf("ctlModel", FC.CF, T.ENUM, model, settable=False),
        group("minVal", FC.CF, leaf("f", FC.CF, T.FLOAT32, low)),
        group("maxVal", FC.CF, leaf("f", FC.CF, T.FLOAT32, high)),
        oper(group("ctlVal", FC.CO, leaf("f", FC.CO, T.FLOAT32))),
    )  # fmt: skip


def spc(name: str, model: int, *, commandable: bool = True) -> DataObject:
    command = (oper(leaf("ctlVal", FC.CO, T.BOOLEAN)),) if commandable else ()
    return data(
        name, "SPC", leaf("stVal", FC.ST, T.BOOLEAN, False, trigger=DCHG), *quality_time(FC.ST),
        leaf("ctlModel", FC.CF, T.ENUM, model, settable=False), *command,
    )  # fmt: skip


def dpc(name: str) -> DataObject:
    return data(
        name, "DPC", leaf("stVal", FC.ST, T.DBPOS, trigger=DCHG), *quality_time(FC.ST),
        leaf("ctlModel", FC.CF, T.ENUM, 1, settable=False), oper(leaf("ctlVal", FC.CO, T.BOOLEAN)),
    )  # fmt: skip


def harmonics() -> DataObject:
    """An array of sub data objects, and one of leaves."""
    elements = [DataObject("Har", "CMV", dict(cmv("Har").children), count=0) for _ in range(4)]
    return data(
        "HaV", "HMV", DataObject("Har", "CMV", count=4, elements=elements),
        leaf("raw", FC.MX, T.INT16, [1, 2, 3], count=3, trigger=DCHG),
    )  # fmt: skip


def curve() -> DataObject:
    """Settings in arrays: one of structures, one of leaves."""

    def point(number: int) -> Attribute:
        x, y = (
            leaf(name, FC.SP, T.FLOAT32, value) for name, value in (("xVal", 1.0 * number), ("yVal", 10.0 * number))
        )
        return group("crvPts", FC.SP, x, y)

    points = Attribute("crvPts", FC.SP, children=point(0).children, count=3, elements=[point(n) for n in (1, 2, 3)])
    return data("Curve", "CSG", points, leaf("numbers", FC.SP, T.INT16, [1, 2, 3], count=3))


def ref(text: str, fc: str | None = None) -> Reference:
    return Reference.parse(f"{LD}/{text}", fc)


def node(name: str, ln_class: str, *objects: DataObject) -> LogicalNode:
    return LogicalNode(name, ln_class, {o.name: o for o in (ens("Beh", 1, BEHAVIOUR), *objects)})


def protection() -> LogicalNode:
    """Settings with a value for each group: under SG, under SE and read-only, and one that all groups have alike."""
    return node(
        "PTUV1", "PTUV",
        data("StrVal", "ASG", group("setMag", FC.SG, leaf("f", FC.SG, T.FLOAT32, 80.0, trigger=DCHG,
                                                          groups={1: 70.0, 2: 80.0, 3: 90.0}))),
        data("OpDlTmms", "ING", leaf("setVal", FC.SE, T.INT32, 20, settable=True, groups={1: 10, 2: 20})),
        data("RsDlTmms", "ING", leaf("setVal", FC.SE, T.INT32, 5)),
        data("TmVCrv", "CSG", leaf("pts", FC.SG, T.FLOAT32, [1.0, 2.0], count=2)),
    )  # fmt: skip


def substitutable() -> LogicalNode:
    return node(
        "GGIO1", "GGIO",
        data("Ind1", "SPS", leaf("stVal", FC.ST, T.BOOLEAN, False, trigger=DCHG), *quality_time(FC.ST),
             leaf("subEna", FC.SV, T.BOOLEAN), leaf("subVal", FC.SV, T.BOOLEAN), leaf("subQ", FC.SV, T.QUALITY),
             leaf("subID", FC.SV, T.VISSTRING64)),
        data("AnIn1", "MV", group("instMag", FC.MX, leaf("f", FC.MX, T.FLOAT32, 1.0)),
             group("mag", FC.MX, leaf("f", FC.MX, T.FLOAT32, 1.0, trigger=DCHG)), *quality_time(FC.MX),
             leaf("subEna", FC.SV, T.BOOLEAN), group("subMag", FC.SV, leaf("f", FC.SV, T.FLOAT32)),
             leaf("subID", FC.SV, T.VISSTRING64)),
    )  # fmt: skip


def plant() -> Model:
    lln0 = node(
        "LLN0", "LLN0",
        data("Mod", "ENC", leaf("stVal", FC.ST, T.ENUM, 1, trigger=DCHG, enum=BEHAVIOUR), *quality_time(FC.ST),
             leaf("ctlModel", FC.CF, T.ENUM, 0, settable=False)),
        data("NamPlt", "LPL", leaf("vendor", FC.DC, T.VISSTRING255, "JanusGrid"),
             leaf("d", FC.DC, T.UNICODE255, "Générateur")),
    )  # fmt: skip
    mmxu = node(
        "MMXU1", "MMXU", mv("TotW", 300.5), mv("TotVAr"), mv("Hz", 50.0),
        data("PhV", "WYE", cmv("phsA"), cmv("phsB"), cmv("phsC")), harmonics(),
    )  # fmt: skip
    dgen = node(
        "DGEN1", "DGEN", ens("DEROpSt", 2),
        data("WMaxRtg", "ASG", group("setMag", FC.SP, leaf("f", FC.SP, T.FLOAT32, 750.0)),
             leaf("d", FC.DC, T.VISSTRING255)),
        data("Strategy", "ENG", leaf("setVal", FC.SP, T.ENUM, 1, enum=EnumType("Strategy", {"droop": 1, "iso": 2}))),
        curve(),
        data("Types", "TST", *(leaf(f"v{k.name.lower()}", FC.SP, k) for k in BasicType
                               if k not in (T.PHYCOMADDR, T.SVOPTFLDS))),
    )  # fmt: skip
    dwgc = node(
        "DWGC1", "DWGC", apc("WSpt", 1, 0.0, 800.0), apc("WSbo", 2), spc("Ena", 1), spc("Fixed", 0),
        spc("NoOper", 1, commandable=False), dpc("Brk"), apc("WEnh", 3),
    )  # fmt: skip
    cswi = node(
        "CSWI1", "CSWI", switch("SwDir", 1, later=True), switch("SwSbo", 2),
        switch("SwEnh", 3, later=True, limit=60_000), switch("SwSel", 4, later=True), switch("SwMany", 4, many=True),
    )  # fmt: skip
    lln0.data_sets["Meas"] = DataSet("Meas", (
        ref("MMXU1.TotW", "MX"), ref("MMXU1.Hz", "MX"), ref("DGEN1.DEROpSt", "ST"), ref("DGEN1.DEROpSt.q", "ST"),
    ))  # fmt: skip
    lln0.data_sets["Single"] = DataSet("Single", (ref("MMXU1.TotW.mag.f", "MX"), ref("MMXU1.Missing", "MX")))
    lln0.reports["urcbMeas"] = ReportControl(
        "urcbMeas", False, "plant/meas", "Meas", 7, 0b0111110010, 0,
        DCHG | QCHG | Trigger.INTEGRITY | Trigger.GENERAL_INTERROGATION, 0, True, 3,
    )  # fmt: skip
    lln0.reports["urcbOne"] = ReportControl("urcbOne", False, indexed=False)
    lln0.reports["brcbMeas"] = ReportControl(
        "brcbMeas", True, "plant/b", "Meas", 1, 0b0111111110, 0,
        DCHG | QCHG | Trigger.INTEGRITY | Trigger.GENERAL_INTERROGATION, 0, True, 2, ("SCADA/LD/IHMI1",),
    )  # fmt: skip
    lln0.others += [
        OtherControl("setting", "SGCB", {"numOfSGs": "3", "actSG": "2", "resvTms": "20"}),
        OtherControl("gse", "gcbMeas", {
            "datSet": "Meas", "confRev": "4", "appID": "plant/goose", "Address.MAC-Address": "01-0C-CD-01-00-07",
            "Address.VLAN-ID": "00A", "Address.VLAN-PRIORITY": "5", "Address.APPID": "3001", "MinTime": "4",
            "MaxTime": "1000",
        }),
        OtherControl("gse", "gcbEmpty", {}),
        OtherControl("smv", "msvcb", {
            "datSet": "Meas", "smvID": "plant/sv", "smpRate": "80", "nofASDU": "2", "SmvOpts.sampleRate": "true",
            "confRev": "1", "smpMod": "SmpPerSec",
        }),
        OtherControl("smv", "usvcb", {"multicast": "false", "datSet": "Meas", "smvID": "plant/us", "smpRate": "50"}),
    ]  # fmt: skip
    lln0.logs += ["Events", "GeneralLog"]
    lln0.log_controls["lcbMeas"] = LogControl("lcbMeas", "Meas", f"{LD}/LLN0.Events", False, DCHG | QCHG)
    lln0.log_controls["lcbOne"] = LogControl("lcbOne", "", f"{LD}/LLN0.Events", False)
    nodes = (lln0, mmxu, dgen, dwgc, cswi, protection(), substitutable(), controllables())
    device = LogicalDevice(LD, "DER", {n.name: n for n in nodes})
    services = {
        "ReportSettings": {"owner": "true", "resvTms": "true"},
        "GSESettings": {"datSet": "Dyn", "appID": "Fix"},
    }
    return Model("DG750", {LD: device}, services=services)
