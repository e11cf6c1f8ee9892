"""Models made in code: complete by the standards, served by the engine, and the same after a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, TypeConflict, UnknownName
from janusgrid.common.xml import Schema
from janusgrid.common.xml import read as read_xml
from janusgrid.iec61850 import Server
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.types import BasicType
from janusgrid.iec61850.client.ied import Ied
from janusgrid.iec61850.model.builder import Builder, build
from janusgrid.iec61850.model.classes import Kind, class_tables
from janusgrid.iec61850.model.nodes import Attribute, DataObject, EnumType, Model, Trigger
from janusgrid.iec61850.scl import check, describe, read, write_cid

from ..scl.soundness import assert_sound
from .dump import dump

TABLES = class_tables()


def generator() -> Model:
    return (
        build("DG750", "Main diesel generator")
        .address(JID="dg750@plant.example/IEC")
        .device("DER")
        .node("MMXU1", "TotW.units.multiplier", "PPV")
        .node("DWGC1", "WSpt", control={"WSpt": "direct-with-normal-security"})
        .data_set("Meas", "MMXU1.TotW", "DWGC1.WSpt")
        .report("urcbMeas", "Meas", integrity=60)
        .value("LPHD1.PhyNam.vendor", "ACME")
        .model()
    )


def attribute(model: Model, reference: str) -> Attribute:
    found = model.find(Reference.parse(reference))
    assert isinstance(found, Attribute), reference
    return found


def again(model: Model) -> Model:
    return read(write_cid(model).encode(), strict=True).model


def test_ten_lines_make_a_device() -> None:
    model = generator()
    assert_sound(model)
    assert describe(model).splitlines() == [
        "DG750/AP1  JID=dg750@plant.example/IEC  Main diesel generator",
        "  DG750DER",
        "    LLN0: NamPlt:LPL Beh:ENS Health:ENS Mod:ENC",
        "      data set Meas: 2 members",
        "      unbuffered report urcbMeas[5] of Meas: dchg qchg integrity gi, every 60 s",
        "    LPHD1: PhyNam:DPL PhyHealth:ENS Proxy:SPS",
        "    MMXU1: Beh:ENS TotW:MV PPV:DEL",
        "    DWGC1: NamPlt:LPL Beh:ENS InEcpRef:ORG RmpRteUse:SPG ReqW:MV WSpt:APC",
    ]
    assert attribute(model, "DG750DER/DWGC1.NamPlt.lnNs").value == "IEC 61850-7-420:2019A4"
    assert attribute(model, "DG750DER/DWGC1.WSpt.ctlModel").value == 1
    assert list(attribute(model, "DG750DER/DWGC1.WSpt.Oper").children) == [
        *("ctlVal", "origin", "ctlNum", "T", "Test", "Check")
    ]
    assert attribute(model, "DG750DER/MMXU1.TotW.mag.f").trigger is Trigger.DATA_CHANGE | Trigger.DATA_UPDATE
    assert attribute(model, "DG750DER/MMXU1.PPV.phsAB.cVal.mag.f").type is BasicType.FLOAT32
    assert attribute(model, "DG750DER/LLN0.Beh.stVal").enum == TABLES.enumeration("BehaviourModeKind")


def test_it_is_as_the_standards_say_and_comes_back_from_a_file() -> None:
    text = write_cid(generator())
    assert check(text.encode())[1] == ()
    assert dump(again(generator())) == dump(generator())


def test_the_file_is_valid(shared: Path) -> None:
    schema = Schema(shared / "reference/iec61850/scl-xsd/IEC_61850-6.2018.SCL.2007B4.full/SCL.xsd")
    assert list(schema.faults(read_xml(write_cid(generator())))) == []
    assert list(schema.faults(read_xml(write_cid(everything())))) == []


async def test_the_engine_serves_it() -> None:
    server = Server(generator())
    commands = []

    @server.on_operate("DG750DER/DWGC1.WSpt")
    def follow(command: Any) -> None:
        commands.append(command.value)

    server.update("DG750DER/MMXU1.TotW", 412.5)
    async with Ied(server.connect()) as ied:
        assert await ied.read("DG750DER/MMXU1.TotW.mag.f") == 412.5
        await ied.control("DG750DER/DWGC1.WSpt").operate(300.0)
        assert await ied.read("DG750DER/DWGC1.WSpt.mxVal.f") == 300.0
    assert len(commands) == 1
    await server.close()


# --- what can be said ------------------------------------------------------------------------------------------------


def everything() -> Model:
    """A model with every construct of the builder."""
    own = EnumType("Ours", {"low": 1, "high": 2})
    return (
        build("X", access_point="S1")
        .address({"OSI-TSEL": "0001"}, IP="192.0.2.7")
        .services(ConfReportControl={"max": "10"}, ConfDataSet={"max": "4", "modify": "false"})
        .device("D", "first", name="Whole")
        .setting_groups(3, active=2)
        .node("genPTOC1", "StrVal", grouped=["StrVal"], values={"StrVal.setMag.f": {1: 5, 2: 7.5, 3: 9}})
        .node("GGIO1", "AnIn1.db", "AnIn2", "SPCSO1", "Ind7", control={"SPCSO1": 2}, description="Inputs")
        .node("GGIO1", "Ind8", control={"AnOut1": "sbo-with-enhanced-security"})
        .node("FSCC1", "ValENS", enums={"ValENS": own}, values={"ValENS.stVal": "high"})
        .node("MHAI1", "Hz", "HA.phsAHar[4]", values={"HA.numHar": 3, "HA.frequency": 50})
        .node("DGEN1", "WMax", "WMax.units.multiplier", values={"WMax.units": {"SIUnit": "W", "multiplier": "k"}})
        .node("LTRK1", "SpcTrk", "ApcFTrk", "GocbTrk")
        .settable("GGIO1.AnIn1.db")
        .read_only("DGEN1.WMax.setMag")
        .data_set("ds", "GGIO1.AnIn1", "GGIO1.Ind7.stVal[ST]", "DGEN1.WMax", "MHAI1.HA.phsAHar(2)", node="GGIO1")
        .data_set("ln0", "genPTOC1.Str", "GGIO1.SPCSO1")
        .report("brcb", "ds", buffered=True, buffer_time=0.5, fields=["seqNum"], instances=2, rpt_id="r", node="GGIO1")
        .log("lcb", "log", "ln0", integrity=1)
        .device("E")
        .data_set("far", "Whole/GGIO1.AnIn2.mag.f[MX]", "E/LLN0.Mod")
        .model()
    )


def test_everything_that_can_be_said() -> None:
    model = everything()
    assert_sound(model)
    assert dump(again(model)) == dump(model)
    assert check(write_cid(model).encode())[1] == ()
    assert attribute(model, "Whole/genPTOC1.StrVal.setMag.f[SG]").groups == {1: 5.0, 2: 7.5, 3: 9.0}
    assert attribute(model, "Whole/genPTOC1.StrVal.setMag.f").value == 7.5
    assert attribute(model, "Whole/GGIO1.AnIn1.db").settable
    assert not attribute(model, "Whole/DGEN1.WMax.setMag.f").settable
    assert attribute(model, "Whole/GGIO1.AnIn1.dbRef").type is BasicType.FLOAT32  # mandatory beside db
    assert "SBO" in model.devices["Whole"].nodes["GGIO1"].objects["SPCSO1"].children
    assert "SBOw" in model.devices["Whole"].nodes["GGIO1"].objects["AnOut1"].children
    assert attribute(model, "Whole/MHAI1.HA.maxPts").value == 4
    assert model.devices["Whole"].nodes["FSCC1"].objects["ValENS"].children.keys() >= {"stVal"}
    assert attribute(model, "Whole/FSCC1.ValENS.stVal").value == 2
    assert [str(one) for one in model.devices["XE"].nodes["LLN0"].data_sets["far"].members] == [
        "Whole/GGIO1.AnIn2.mag.f[MX]",
        "XE/LLN0.Mod[ST]",
    ]
    report = model.devices["Whole"].nodes["GGIO1"].reports["brcb"]
    assert (report.buffer_time, report.max_instances, report.optional_fields) == (500, 2, int("0100001100", 2))
    assert attribute(model, "Whole/LTRK1.GocbTrk.dstAddress.APPID").type is BasicType.INT16U


def test_a_later_call_adds_to_what_is_there() -> None:
    builder = build("X").device("D").node("GGIO1", "AnIn1.db", control={"SPCSO1": 1}, values={"AnIn1.db": 500})
    builder.settable("GGIO1.AnIn1.db").node("GGIO1", "AnIn1.units.multiplier", "Ind1")
    model = builder.node("GGIO1", "SPCSO1.origin", description="Later").model()
    node = model.devices["XD"].nodes["GGIO1"]
    assert (list(node.objects), node.description) == (["Beh", "Ind1", "AnIn1", "SPCSO1"], "Later")
    assert list(node.objects["AnIn1"].children) == ["mag", "q", "t", "units", "db", "dbRef"]
    assert (attribute(model, "XD/GGIO1.AnIn1.db").value, attribute(model, "XD/GGIO1.AnIn1.db").settable) == (500, True)
    assert {"origin", "Oper"} <= node.objects["SPCSO1"].children.keys()
    assert attribute(model, "XD/GGIO1.SPCSO1.ctlModel").value == 1
    before = dump(model)
    for wrong in (["AnIn1.x"], ["Ind2", "Foo"], ["ClcSrc"]):
        with pytest.raises(LocalError):
            builder.node("GGIO1", *wrong)
    assert dump(builder.model()) == before  # a call that is refused changes nothing


BEGUN = build("X").device("D").node("MMXU1", "TotW")


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: build("1x"), LocalError, "a name is letters"),
        (lambda: build("X").model(), LocalError, "needs a device"),
        (lambda: build("X").node("MMXU1"), LocalError, "no device yet"),
        (lambda: BEGUN.device("D"), LocalError, "of that name already"),
        (lambda: BEGUN.node("MMXZ1"), UnknownName, "MMXZ1: no logical-node class"),
        (lambda: BEGUN.node("MMXU"), LocalError, "by its class and a number"),
        (lambda: BEGUN.node("MMXU2", "TotX"), UnknownName, "XD/MMXU2: MMXU has no TotX"),
        (lambda: BEGUN.node("MMXU2", "TotW.x"), UnknownName, "XD/MMXU2.TotW: there is no x; there are instMag"),
        (lambda: BEGUN.node("MMXU2", "TotW.q.x"), UnknownName, "q has no parts"),
        (lambda: BEGUN.node("MMXU2", "TotW..x"), LocalError, "'' is no name"),
        (lambda: BEGUN.node("MMXU2", "TotW.q[3]"), LocalError, "it is no array"),
        (lambda: BEGUN.node("MHAI2", "Hz", "HA"), LocalError, r"say how long, as phsAHar\[16\]"),
        (lambda: BEGUN.node("DWGC1"), LocalError, "XD/DWGC1: name one of WSpt, WSptPct"),
        (lambda: BEGUN.node("DWGC1", "WSpt", "WSptPct"), LocalError, "cannot be there"),
        (lambda: BEGUN.node("MMXU2", "ClcSrc"), LocalError, r"ClcSrc cannot be there \(F\)"),
        (lambda: BEGUN.node("FSCC1", "ValENS"), LocalError, "leaves the enumeration open"),
        (lambda: BEGUN.node("MMXU2", control={"TotW": 1}), LocalError, "MV cannot be controlled"),
        (lambda: BEGUN.node("GGIO2", control={"SPCSO1": "direct"}), LocalError, "'direct' is no control model"),
        (lambda: BEGUN.node("GGIO2", control={"SPCSO1": 9}), LocalError, "9 is no control model"),
        (lambda: BEGUN.value("MMXU1.TotW.mag.g", 1), UnknownName, "no attribute of that name"),
        (lambda: BEGUN.value("MMXU1.TotW", 1), UnknownName, "no attribute of that name"),
        (lambda: BEGUN.value("MMXU1.TotW.mag.f", "x"), TypeConflict, "FLOAT32"),
        (lambda: BEGUN.value("MMXU1.Beh.stVal", "onn"), TypeConflict, "'onn' is none of on, "),
        (lambda: BEGUN.value("MMXU1.TotW.mag", {"g": 1}), TypeConflict, "there is no g"),
        (lambda: BEGUN.settable("MMXU1.TotW.mag.f"), LocalError, "under MX nothing can be set"),
        (lambda: BEGUN.data_set("d", "MMXU1.TotVAr"), UnknownName, "XD/MMXU1.TotVAr"),
        (lambda: BEGUN.data_set("d", "MMXU1.TotW[CO]"), UnknownName, "and constraint"),
        (lambda: BEGUN.data_set("d"), LocalError, "has no member"),
        (lambda: BEGUN.data_set("d", "MMXU1.TotW", node="LLN1"), UnknownName, "XD/LLN1"),
        (lambda: BEGUN.report("r", "none"), LocalError, "LLN0 has no data set 'none'"),
        (lambda: BEGUN.report("r", instances=100), LocalError, "from 1 to 99"),
        (lambda: BEGUN.report("r", fields=["seq"]), LocalError, "seq: fields are"),
        (lambda: BEGUN.report("r", fields=["entryID"]), LocalError, "of buffered reports"),
        (lambda: BEGUN.log("l", "log", "none"), LocalError, "has no data set"),
        (lambda: BEGUN.log("twice", "log").log("twice", "other"), LocalError, "there is one of that name"),
        (lambda: BEGUN.setting_groups(2, 3), LocalError, "cannot be active"),
    ],
)
def test_what_is_wrong_is_said(wrong: Any, error: type[LocalError], words: str) -> None:
    with pytest.raises(error, match=words):
        wrong()


# --- any model -------------------------------------------------------------------------------------------------------

CLASSES = [name for name in TABLES.ln_classes() if name not in {"LLN0", "LPHD"}]
ENUM = EnumType("Ours", {"one": 1, "two": 2})


def plain(ln_class: str, base: str) -> bool:
    """Tell whether a data object can be made without saying more: not an array, not of a draft, not an open choice."""
    rule = TABLES.ln_class(ln_class).objects[base]
    if rule.cdc not in TABLES.cdcs() or rule.deprecated or rule.presence.condition not in {"O", "Omulti"}:
        return False
    parts = TABLES.cdc(rule.cdc).parts.values()
    return not any(part.size for part in parts) and rule.presence.condition != "F"


@st.composite
def built(draw: st.DrawFn) -> Model:
    """Return a model of random nodes, optional data objects and attributes, control models and values."""
    builder = build("X", draw(st.text("abc &<>\"'", max_size=9))).device("D")
    for number in range(draw(st.integers(1, 3))):
        ln_class = draw(st.sampled_from(CLASSES))
        objects = [name for name in TABLES.ln_class(ln_class).objects if plain(ln_class, name)]
        wished = draw(st.lists(st.sampled_from(objects), unique=True, max_size=4))
        add(draw, builder, f"{ln_class}{number + 1}", wished)
    nodes = builder.model().devices["XD"].nodes
    for node in nodes.values():
        for data in node.objects.values():
            for one in data.attributes(FC.DC):
                if one.type is BasicType.VISSTRING255 and draw(st.booleans()):
                    one.value = draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20))
    members = [f"{node.name}.{data.name}" for node in nodes.values() for data in node.objects.values() if states(data)]
    chosen = draw(st.lists(st.sampled_from(members), min_size=1, max_size=5, unique=True))
    builder.data_set("ds", *chosen)
    if draw(st.booleans()):
        builder.report("rcb", "ds", buffered=draw(st.booleans()), integrity=draw(st.integers(0, 9)))
    return builder.model()


def states(data: DataObject) -> bool:
    return bool({FC.MX, FC.ST} & data.constraints())


def add(draw: st.DrawFn, builder: Builder, name: str, wished: list[str]) -> None:
    ln_class = TABLES.ln_class(name[:4])
    wishes, control = [], {}
    for base in wished:
        rule = ln_class.objects[base]
        one = f"{base}1" if rule.multiple else base
        cdc = TABLES.cdc(rule.cdc)
        optional = [part.name for part in cdc.parts.values() if part.presence.condition == "O" and not part.size]
        more = draw(st.lists(st.sampled_from(optional), unique=True, max_size=3)) if optional else []
        wishes += [one, *(f"{one}.{part}" for part in more)]
        if cdc.control is not None and cdc.parts["ctlModel"].kind is Kind.ENUMERATED:
            control[one] = draw(st.integers(0, 4))
    needed, enums = list[str](), {"ValENS": ENUM, "EncTrk1": ENUM}
    for _ in range(20):  # what is left to the caller, and what must be said: take the first
        try:
            known = {one: enum for one, enum in enums.items() if one in {*wishes, *needed}}
            builder.node(name, *wishes, *needed, control=control, enums=known)
            return
        except LocalError as error:
            if "name one of" in error.message:
                first = error.message.split("name one of ")[1].partition(" ")[0].rstrip(",")
                needed.append(f"{first}1" if ln_class.objects[first].multiple else first)
            elif "it is an array" in error.message:
                needed.append(".".join((error.where or "").partition("/")[2].split(".")[1:]) + "[2]")
            elif "leaves the enumeration open" in error.message or "is no" in error.message:
                return  # of an enumeration or class that no namespace file has
            else:
                raise


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(built())
def test_any_model_is_complete_and_comes_back(model: Model) -> None:
    text = write_cid(model)
    models, diagnostics = check(text.encode())
    assert [str(one) for one in diagnostics if one.code not in {"SCL701"}] == []
    assert dump(models[0]) == dump(model)


@pytest.mark.parametrize("ln_class", CLASSES)
def test_every_class_can_be_built(ln_class: str) -> None:
    class Fixed:
        def __call__(self, strategy: Any) -> Any:
            raise AssertionError

    builder = build("X").device("D")
    add(Fixed(), builder, f"{ln_class}1", [])  # type: ignore[arg-type]  # nothing is drawn where nothing is wished
    assert f"{ln_class}1" in builder.model().devices["XD"].nodes
    models, diagnostics = check(write_cid(builder.model()).encode())
    assert [str(one) for one in diagnostics if one.code != "SCL701"] == []
    assert dump(models[0]) == dump(builder.model())


# --- the page --------------------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[3]


def test_the_example_of_the_guide_runs(tmp_path: Path) -> None:
    file = tmp_path / "DG750.cid"
    program = [sys.executable, str(ROOT / "examples" / "build_model.py"), str(file)]
    assert subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout == "412.5\n"
    models, diagnostics = check(file)
    assert (len(models), diagnostics) == (1, ())


def test_what_the_guide_promises() -> None:
    model = build("X").device("D").node("MMXU1", "TotW.db", "TotVAr.mag.i", "PPV.phsAB").model()
    objects = model.devices["XD"].nodes["MMXU1"].objects
    assert list(objects["TotW"].children) == ["mag", "q", "t", "db", "dbRef"]
    assert list(objects["TotVAr"].children) == ["mag", "q", "t", "sVC"]
    assert list(attribute(model, "XD/MMXU1.TotVAr.mag").children) == ["i"]
    assert list(objects["PPV"].children) == ["phsAB"]
    builder = build("X").device("D").setting_groups(3).node("PTOC1", grouped=["StrVal"])
    found = attribute(builder.value("PTOC1.StrVal.setMag.f", {1: 5, 2: 7.5}).model(), "XD/PTOC1.StrVal.setMag.f[SG]")
    assert (found.groups, found.value, found.settable) == ({1: 5.0, 2: 7.5}, 5.0, False)


def test_logs() -> None:
    model = (
        build("X")
        .device("E")
        .node("GGIO1", "Ind1")
        .data_set("ds", "GGIO1.Ind1", node="GGIO1")
        .log("lcb", "events", "ds", integrity=0.5, triggers=Trigger.DATA_UPDATE, enabled=False, node="GGIO1")
        .log("second", "events", node="GGIO1")
        .model()
    )
    node = model.devices["XE"].nodes["GGIO1"]
    lcb, second = node.log_controls["lcb"], node.log_controls["second"]
    assert node.logs == ["events"]
    assert (lcb.log, lcb.data_set, lcb.enabled, lcb.integrity_period) == ("XE/GGIO1.events", "ds", False, 500)
    assert lcb.trigger is Trigger.DATA_UPDATE | Trigger.INTEGRITY
    assert (second.log, second.enabled, second.trigger) == (
        "XE/GGIO1.events",
        True,
        Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE,
    )
