"""The reader on a document in which everything occurs once: each construct, each diagnostic."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.errors import ConfigError
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.types import BasicType, BitString
from janusgrid.iec61850.model.nodes import Attribute, DataObject, Model, Trigger
from janusgrid.iec61850.scl import CODES, SclError, Severity, check, describe, read, servers
from janusgrid.iec61850.scl.diagnostics import MOST

from .soundness import assert_sound, assert_told, leaves
from .texts import BASE, changed, line_of

MINIMAL = (b'<SCL xmlns="http://www.iec.ch/61850/2003/SCL">', b"</SCL>")


@pytest.fixture(scope="module")
def model() -> Model:
    loaded = read(changed(), access_point="S1", strict=True)
    assert loaded.diagnostics == ()
    assert str(loaded.edition) == "2007B4"
    return loaded.model


def attribute(model: Model, reference: str) -> Attribute:
    found = model.find(Reference.parse(reference))
    assert isinstance(found, Attribute), reference
    return found


# --- what a good document gives ---------------------------------------------------------------------------------------


def test_is_sound(model: Model) -> None:
    assert_sound(model)
    assert len(list(leaves(model))) == 94  # 4 + 44 + 42 + 4


def test_devices_and_nodes_are_named(model: Model) -> None:
    assert [(d.name, d.inst) for d in model.devices.values()] == [("XD", "D"), ("Other", "E")]
    assert list(model.devices["XD"].nodes) == ["LLN0", "GGIO1", "preGGIO2"]
    assert model.devices["XD"].nodes["preGGIO2"].ln_class == "GGIO"
    assert model.devices["XD"].nodes["GGIO1"].description == "Inputs"
    assert (model.ied, model.access_point, model.description) == ("X", "S1", "Sample")


def test_addresses_and_services(model: Model) -> None:
    assert model.addresses == {"JID": "x@example.org/IEC", "IP": "192.0.2.7"}
    assert model.services == {
        "Services": {"nameLength": "64"},
        "DynAssociation": {"max": "5"},
        "SettingGroups": {},
        "SettingGroups.SGEdit": {"resvTms": "true"},
    }


def test_constraint_and_trigger_are_inherited(model: Model) -> None:
    leaf = attribute(model, "XD/GGIO1.AnIn1.mag.f[MX]")
    assert leaf.fc is FC.MX
    assert leaf.trigger == Trigger.DATA_CHANGE | Trigger.DATA_UPDATE
    assert attribute(model, "XD/GGIO1.AnIn1.q").trigger is Trigger.QUALITY_CHANGE
    assert attribute(model, "XD/GGIO1.Pos.Oper.origin.orIdent[CO]").type is BasicType.OCTET64


@pytest.mark.parametrize(
    ("reference", "settable"),
    [
        ("XD/GGIO1.Ind1.stVal", False),
        ("XD/GGIO1.Ind1.subEna", True),
        ("XD/GGIO1.Ind1.blkEna", True),
        ("XD/GGIO1.Ind1.d", True),
        ("XD/GGIO1.Ind1.dataNs", False),
        ("XD/GGIO1.AnIn1.db", True),
        ("XD/GGIO1.AnIn1.mag.f", False),
        ("XD/GGIO1.Crv.crvPts(0).xVal", True),
        ("XD/GGIO1.Set.setVal", False),
        ("XD/LLN0.Mod.ctlModel", False),
        ("XD/GGIO1.Pos.ctlModel", True),
        ("XD/GGIO1.Pos.Oper.ctlVal", False),
    ],
)
def test_what_a_client_may_set(model: Model, reference: str, settable: bool) -> None:
    """By functional constraint, except where valKind is not Set."""
    assert attribute(model, reference).settable is settable


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("XD/LLN0.Mod.stVal", 1),
        ("XD/GGIO1.Ind1.stVal", True),
        ("XD/preGGIO2.Ind1.stVal", None),
        ("XD/GGIO1.Ind1.d", "an input"),
        ("XD/GGIO1.Pos.stVal", BitString(1, 2)),
        ("XD/GGIO1.Har.har(1).mag.f", 1.5),
        ("XD/GGIO1.Har.har(0).mag.f", None),
        ("XD/GGIO1.Crv.numPts", 3),
        ("XD/GGIO1.Crv.crvPts(0).xVal", -2.0),
        ("XD/GGIO1.Crv.crvPts(2).yVal", 0.0),
        ("XD/GGIO1.Crv.raw", [None, None, None, 9, None]),
        ("XD/preGGIO2.Crv.raw", None),
    ],
)
def test_values_of_templates_and_instances(model: Model, reference: str, value: object) -> None:
    assert attribute(model, reference).value == value


def test_each_node_has_values_of_its_own(model: Model) -> None:
    one, other = attribute(model, "XD/GGIO1.AnIn1.db"), attribute(model, "XD/preGGIO2.AnIn1.db")
    one.value = 1
    assert other.value == 500
    one.value = 500


def test_array_lengths_are_numbers_or_held_by_an_attribute(model: Model) -> None:
    har = model.find(Reference.parse("XD/GGIO1.Har.har"))
    assert isinstance(har, DataObject)
    assert (har.count, len(har.elements), har.children) == (4, 4, {})
    assert attribute(model, "XD/GGIO1.Crv.crvPts").count == 3
    assert attribute(model, "XD/preGGIO2.Crv.crvPts").count == 2
    assert attribute(model, "XD/GGIO1.Crv.raw").count == 5


def test_values_of_setting_groups(model: Model) -> None:
    setting = attribute(model, "XD/GGIO1.Set.setVal[SG]")
    assert setting.groups == {1: 10, 2: 20}
    assert setting.value == 20  # group 2 is active


def test_enumeration(model: Model) -> None:
    enum = attribute(model, "XD/LLN0.Mod.stVal").enum
    assert enum is not None
    assert (enum.id, enum.ordinals, enum.literal(5)) == ("Mode", {"on": 1, "off": 5}, "off")


def test_data_set_members(model: Model) -> None:
    members = model.devices["XD"].nodes["LLN0"].data_sets["ds"].members
    assert list(map(str, members)) == [
        "XD/GGIO1.AnIn1[MX]",
        "XD/GGIO1.Ind1.stVal[ST]",
        "XD/preGGIO2.AnIn1.mag.f[MX]",
        "XD/GGIO1.Har.har(2)[MX]",
        "XD/GGIO1.Crv.crvPts(1).xVal[SP]",
        "Other/LLN0.Mod[ST]",
    ]


def test_report_control(model: Model) -> None:
    reports = model.devices["XD"].nodes["LLN0"].reports
    rcb, urcb = reports["rcb"], reports["urcb"]
    assert (rcb.buffered, rcb.rpt_id, rcb.data_set, rcb.conf_rev) == (True, "id", "ds", 7)
    assert (rcb.buffer_time, rcb.integrity_period, rcb.indexed, rcb.max_instances) == (50, 1000, True, 3)
    assert rcb.trigger == Trigger.DATA_CHANGE | Trigger.INTEGRITY | Trigger.GENERAL_INTERROGATION
    assert rcb.clients == ("C/L/IHMI1",)
    # bits 1 seqNum, 6 bufOvfl (on unless switched off), 7 entryID, 8 confRev
    assert rcb.optional_fields == int("0100001110", 2)
    assert (urcb.buffered, urcb.data_set, urcb.indexed, urcb.max_instances) == (False, "", False, 1)
    assert urcb.optional_fields == int("0000100000", 2)  # bufOvfl and entryID mean nothing without a buffer
    assert urcb.trigger is Trigger.GENERAL_INTERROGATION


def test_log_control(model: Model) -> None:
    node = model.devices["XD"].nodes["LLN0"]
    control = node.log_controls["lcb"]
    assert (control.data_set, control.log, control.enabled, control.integrity_period) == (
        "ds",
        "XD/LLN0.log",
        True,
        5000,
    )
    assert control.trigger is Trigger.DATA_CHANGE, "there is no interrogation of a log"
    assert node.logs == ["log"]


@pytest.mark.parametrize(
    ("attributes", "log"),
    [
        ('logName="log" lnClass="GGIO" lnInst="2" prefix="pre"', "XD/preGGIO2.log"),
        ('logName="own" ldInst="E"', "Other/LLN0.own"),
        ("", "XD/LLN0.GeneralLog"),
    ],
)
def test_a_log_of_another_node(attributes: str, log: str) -> None:
    given = f'{attributes} logEna="false" reasonCode="false" bufTime="9"'
    model = read(changed(('logName="log" intgPd="5000"', given)), access_point="S1").model
    control = model.devices["XD"].nodes["LLN0"].log_controls["lcb"]
    assert (control.log, control.enabled, control.reason_code, control.buffer_time) == (log, False, False, 9)
    device, _, rest = log.partition("/")
    assert rest.partition(".")[2] in model.devices[device].nodes[rest.partition(".")[0]].logs


def test_other_control_blocks(model: Model) -> None:
    others = {other.kind: other for other in model.devices["XD"].nodes["LLN0"].others}
    assert set(others) == {"gse", "smv", "setting"}
    assert others["gse"].attributes == {
        "datSet": "ds",
        "appID": "x",
        "IEDName": "A",
        "IEDName2": "B",
        "Address.APPID": "3001",
        "MinTime": "4",
    }
    assert others["smv"].attributes["smpRate"] == "80"
    assert (others["setting"].name, others["setting"].attributes) == ("SGCB", {"numOfSGs": "2", "actSG": "2"})


def test_description_is_a_tree(model: Model) -> None:
    text = describe(model)
    assert "X/S1  JID=x@example.org/IEC  IP=192.0.2.7  Sample" in text
    assert "buffered report rcb[3] of ds: dchg integrity gi, every 1 s" in text
    assert "    GGIO1: Ind1:SPS AnIn1:MV Har:HMV Crv:CSG Set:ING Pos:DPC" in text
    detail = describe(model, attributes=True)
    assert "stVal [ST] Enum = on (1)" in detail
    assert "raw[5] [SP] INT32 = [-, -, -, 9, -]" in detail
    assert "        XD/GGIO1.Har.har(2)[MX]" in detail


# --- which server -----------------------------------------------------------------------------------------------------


def test_several_servers_are_listed() -> None:
    with pytest.raises(SclError, match=r"several servers .* X/S1, X/S2") as caught:
        read(changed(), name="base.scd")
    assert caught.value.code == "SCL111"
    assert caught.value.where == "base.scd:2"
    assert servers(changed()) == (("X", "S1"), ("X", "S2"))


def test_server_at_shares_the_server_but_not_the_address() -> None:
    loaded = read(changed(), access_point="S2")
    assert loaded.model.addresses == {}
    assert list(loaded.model.devices) == ["XD", "Other"]
    assert [one.code for one in loaded.diagnostics] == ["SCL701"]


@pytest.mark.parametrize(
    "named", [{"ied": "Y"}, {"access_point": "S3"}, {"ied": "C"}, {"ied": "X", "access_point": "P"}]
)
def test_a_server_that_is_not_there(named: dict[str, str]) -> None:
    with pytest.raises(SclError, match="no server") as caught:
        read(changed(), **named)  # type: ignore[arg-type]
    assert caught.value.code == "SCL112"


def test_one_server_needs_no_name(tmp_path: Path) -> None:
    path = tmp_path / "one.cid"
    path.write_bytes(changed(('<AccessPoint name="S2"><ServerAt apName="S1"/></AccessPoint>', "")))
    assert read(path).model.access_point == "S1"
    assert read(str(path)).model.access_point == "S1"


def test_a_type_for_this_type_of_ied_goes_first() -> None:
    """Edition 1: an id may occur once per iedType."""
    own = '<LNodeType id="LN0" lnClass="LLN0" iedType="T"><DO name="Health" type="Mode"/></LNodeType>'
    loaded = read(changed(('<LNodeType id="G"', own + '<LNodeType id="G"')), access_point="S1", strict=False)
    assert list(loaded.model.devices["XD"].nodes["LLN0"].objects) == ["Health"]


def test_types_for_two_types_of_ied_in_one_file() -> None:
    """One LNodeType, but the DOType it names is another for each type of IED."""
    own = '<DOType id="Mode" cdc="SPS" iedType="T"><DA name="stVal" bType="BOOLEAN" fc="ST"/></DOType><DOType id="Ind"'
    other = """<IED name="Z" type="U"><AccessPoint name="S1"><Server><LDevice inst="D">
      <LN0 lnClass="LLN0" inst="" lnType="LN0"/></LDevice></Server></AccessPoint></IED><IED name="C">"""
    models, _ = check(changed(('<DOType id="Ind"', own), ('<IED name="C">', other)))
    mode = {model.ied: model.devices[f"{model.ied}D"].nodes["LLN0"].objects["Mod"].cdc for model in models}
    assert mode == {"X": "SPS", "Z": "ENC"}


@pytest.mark.parametrize(
    ("declared", "edition"),
    [
        ("", "2003"),
        ('version="2007" revision="A"', "2007A"),
        ('version="2007" revision="B"', "2007B"),
        ('version="2007" revision="B" release="3"', "2007B3"),
        ('version="2007" revision="C" release="5"', "2007C5"),
        ('version="2003"', "2003"),
    ],
)
def test_editions(declared: str, edition: str) -> None:
    loaded = read(changed(('version="2007" revision="B" release="4"', declared)), access_point="S1", strict=True)
    assert str(loaded.edition) == edition
    overflow = loaded.model.devices["XD"].nodes["LLN0"].reports["rcb"].optional_fields >> 3 & 1
    assert overflow == (edition != "2003")  # bufOvfl is on by default since edition 2


# --- every diagnostic ------------------------------------------------------------------------------------------------

CASES = [
    # code, text, its replacement, a part of the line that is named, words of the message
    ("SCL102", "SCL", "SLC", "<SLC", "not SCL"),
    ("SCL103", "/2003/SCL", "/2003/LCS", "<SCL", "namespace"),
    ("SCL104", 'version="2007" revision="B"', 'version="2030" revision="B"', "<SCL", "2007C5"),
    ("SCL105", 'buffered="true"', 'buffered="yes"', 'buffered="yes"', "false holds"),
    ("SCL105", 'bufTime="50"', 'bufTime="-5"', 'bufTime="-5"', "0 holds"),
    ("SCL106", ' inst="D"', "", "<LDevice>", "LDevice has no inst"),
    ("SCL106", ' confRev="7"', "", "rptID=", "no confRev"),
    ("SCL107", 'DO name="Ind1"', 'DO name="1"', 'DO name="1"', "'1' cannot be the name"),
    ("SCL107", ' prefix="pre" lnClass="GGIO" inst', ' prefix="p-" lnClass="GGIO" inst', 'LN prefix="p-"', "p-GGIO2"),
    ("SCL108", 'ldName="Other"', f'ldName="{"O" * 65}"', "OOO", "more than 64"),
    ("SCL108", 'ldName="Other"', f'ldName="{"O" * 116}"', 'lnType="LN0"/>', "more than 129"),
    ("SCL110", "<Server>", "<Sever>", "<SCL", "no model"),
    ("SCL113", "LN0 lnClass", "LN9 lnClass", "<Server>", "no logical node"),
    ("SCL114", 'count="4"', 'count="999999"', "LN lnClass", "1000000 attributes"),
    ("SCL115", '<ServerAt apName="S1"', '<ServerAt apName="S7"', "<ServerAt", "no server at"),
    ("SCL116", '<IED name="C">', '<IED name="X">', '<IED name="X"><', "IED 'X' is there"),
    ("SCL116", 'AccessPoint name="S2"', 'AccessPoint name="S1"', "<ServerAt", "AccessPoint 'S1' is there"),
    ("SCL201", '<DAType id="Origin"', '<DAType id="Point"', '<DAType id="Point"><BDA name="or', "there already"),
    ("SCL202", 'lnType="G" desc', 'lnType="H" desc', 'lnType="H"', "LNodeType 'H'"),
    ("SCL203", 'type="Ind"', 'type="Inds"', 'type="Inds"', "DOType 'Inds'"),
    ("SCL204", 'type="Analogue"', 'type="Analog"', 'type="Analog"', "DAType 'Analog'"),
    ("SCL205", 'type="Model"', 'type="Mdl"', 'type="Mdl"', "kept as a number"),
    (
        "SCL206",
        '<BDA name="orIdent" bType="Octet64"/>',
        '<BDA name="o" bType="Struct" type="Oper"/>',
        'name="o"',
        "Oper > Origin > Oper",
    ),
    ("SCL206", '<SDO name="har" type="Mv"', '<SDO name="har" type="Harmonics"', "<SDO", "Harmonics > Harmonics"),
    ("SCL208", '<DO name="AnIn1"', '<DO name="Ind1"', '<DO name="Ind1" type="Mv"', "'Ind1' already"),
    ("SCL209", '<DA name="setVal" bType="INT32" fc="SG"/>', "", '<DOType id="Setting"', "no part"),
    ("SCL210", 'fc="BL"', 'fc="RP"', 'fc="RP"', "'RP' is no"),
    ("SCL210", ' fc="BL"', "", '"blkEna"', "has no fc"),
    ("SCL211", 'bType="Dbpos"', 'bType="DBpos"', "DBpos", "'DBpos' is no"),
    ("SCL211", ' bType="Dbpos"', "", '"stVal" fc="ST" dchg="true"><Val>off', "has no bType"),
    ("SCL212", 'count="5"', 'count="-5"', "-5", "no number"),
    ("SCL213", 'ord="5"', 'ord="five"', "five", "'five'"),
    ("SCL213", 'ord="5"', 'ord="1"', '"1">off<', "1 is taken"),
    ("SCL213", '"5">off<', '"5">on<', '"5">on<', "'on' is there"),
    ("SCL214", 'cdc="ENC"', 'cdc="ENX"', "ENX", "'ENX'"),
    ("SCL301", ' ldName="Other"', ' ldName="XD"', 'ldName="XD"', "'XD' is there"),
    ("SCL302", '<LN prefix="pre" lnClass="GGIO" inst="2"', '<LN lnClass="GGIO" inst="1"', 'lnType="G"/>', "GGIO1"),
    ("SCL303", '<LN0 lnClass="LLN0" inst="" lnType="LN0"/>', "", "Other", "no LN0"),
    ("SCL304", '<LN lnClass="GGIO" inst="1"', '<LN lnClass="GAPC" inst="1"', "GAPC", "of class GAPC"),
    ("SCL401", '<DOI name="Ind1">', '<DOI name="Ind9">', "Ind9", "'Ind9'"),
    ("SCL401", '<DAI name="stVal">', '<DAI name="stV">', '"stV"', "DOI Ind1"),
    ("SCL402", '<DAI name="stVal"><Val>true</Val></DAI>', '<SDI name="stVal"/>', "SDI name", "DAI should"),
    ("SCL402", ' dupd="true"/>', ' dupd="true"><Val>1</Val></DA>', "dupd", "is a structure"),
    ("SCL403", "<Val>true<", "<Val>perhaps<", "perhaps", "neither true nor false"),
    ("SCL403", "<Val>on<", "<Val>auto<", "auto", "no literal of Mode"),
    ("SCL404", "<Val>on<", "<Val>ON<", "ON", "spelled otherwise"),
    ("SCL404", "<Val>on<", "<Val>5<", "<Val>5<", "not its ordinal"),
    ("SCL405", 'name="raw" ix="3"', 'name="raw" ix="5"', 'ix="5"', "array of 5"),
    ("SCL405", 'name="har" ix="1"', 'name="har"', 'SDI name="har"', "no ix"),
    ("SCL405", '<DAI name="stVal">', '<DAI name="stVal" ix="0">', 'ix="0"', "no array"),
    ("SCL406", '<DOI name="Har">', '<DOI name="Ind1"/><DOI name="Har">', '<DOI name="Ind1"/>', "instantiated already"),
    (
        "SCL406",
        '<DAI name="raw" ix="3">',
        '<DAI name="raw" ix="3"/><DAI name="raw" ix="3">',
        '<DAI name="raw" ix="3"/>',
        "element 3",
    ),
    ("SCL407", 'count="numPts"', 'count="noPts"', '<DOI name="Crv">', "'noPts'"),
    (
        "SCL212",
        'BDA name="xVal" bType="FLOAT32"',
        'BDA name="xVal" bType="FLOAT32" count="yVal"',
        'count="yVal"',
        "only in a data object",
    ),
    ("SCL408", '<Val sGroup="2">', '<Val sGroup="3">', '"setVal" valKind', "of 2 setting groups"),
    ("SCL408", "<Val>true<", '<Val sGroup="1">true<', "<DAI", "at FC ST"),
    ("SCL501", 'doName="AnIn1" fc="MX"', 'doName="AnIn7" fc="MX"', "AnIn7", "GGIO1.AnIn7"),
    ("SCL501", 'doName="AnIn1" fc="MX"', 'doName="AnIn1" fc="ST"', 'AnIn1" fc="ST"', "[ST]"),
    ("SCL501", 'FCDA ldInst="E"', 'FCDA ldInst="F"', 'ldInst="F"', "no logical device"),
    ("SCL501", ' doName="Mod" fc="ST"', ' fc="ST"', 'FCDA ldInst="E"', "no doName"),
    ("SCL501", 'doName="Mod" fc="ST"', 'doName="Mod" fc="XX"', 'fc="XX"', "no functional constraint"),
    ("SCL501", 'ix="2"', 'ix="4"', 'ix="4"', "names nothing"),
    ("SCL501", "crvPts(1).xVal", "crvPts.xVal", "crvPts.xVal", "names nothing"),
    ("SCL501", 'doName="Mod" fc="ST"', 'doName="Mod" ix="1" fc="ST"', 'ix="1" fc', "names nothing"),
    ("SCL502", '<DataSet name="ds">', '<DataSet name="no"/><DataSet name="ds">', '<DataSet name="no"/>', "no member"),
    (
        "SCL503",
        '<ReportControl name="rcb"',
        '<DataSet name="ds"/><ReportControl name="rcb"',
        '<DataSet name="ds"/>',
        "there already",
    ),
    ("SCL601", 'ReportControl name="urcb"', 'ReportControl name="rcb"', 'name="rcb" confRev="1"', "rcb of LLN0"),
    ("SCL601", "<GSEControl", '<GSEControl name="gcb"/><GSEControl', 'datSet="ds" appID', "gcb is there"),
    ("SCL602", 'name="rcb" datSet="ds"', 'name="rcb" datSet="dt"', 'datSet="dt"', "data set 'dt'"),
    ("SCL602", 'name="lcb" datSet="ds"', 'name="lcb" datSet="dt"', 'datSet="dt"', "data set 'dt'"),
    ("SCL603", 'max="3"', 'max="100"', 'max="100"', "read as 99"),
    ("SCL603", 'max="3"', 'max="0"', 'max="0"', "read as 1"),
    ("SCL604", '<OptFields dataSet="true"/>', "", 'name="urcb"', "urcb has no OptFields"),
    ("SCL605", ' intgPd="1000"', "", 'name="rcb"', "period but no intgPd"),
    ("SCL605", ' period="true"', "", 'name="rcb"', "intgPd but no trigger option"),
    (
        "SCL606",
        'inst="1" lnType="G" desc="Inputs">',
        'inst="1" lnType="G"><GSEControl name="g"/>',
        '<GSEControl name="g"',
        "in GGIO1",
    ),
    ("SCL607", '<Log name="log"/>', "", 'name="lcb"', "declares no Log log"),
    ("SCL607", 'logName="log"', 'lnClass="MMXU" lnInst="9" logName="log"', 'name="lcb"', "no node MMXU9"),
    ("SCL601", '<Log name="log"/>', '<Log name="log"/><Log name="log"/>', '<Log name="log"/><', "log of LLN0"),
    (
        "SCL701",
        'ConnectedAP iedName="X" apName="S1"',
        'ConnectedAP iedName="X" apName="S9"',
        'AccessPoint name="S1"',
        "X/S1 has no address",
    ),
    ("SCL702", '<P type="IP">', '<P type="JID">', '<P type="JID">192', "is 'x@example.org/IEC' already"),
    ("SCL704", ">192.0.2.7<", ">192.0.2.700<", '<P type="IP">', "'192.0.2.700' is none"),
    ("SCL704", '<P type="IP">192.0.2.7', '<P type="MMS-Port">0', "MMS-Port", "MMS-Port of X/S1: '0' is none"),
    ("SCL704", '<P type="IP">192.0.2.7', '<P type="OSI-TSEL">00G1', "OSI-TSEL", "'00G1' is none"),
    ("SCL704", '<P type="IP">192.0.2.7', '<P type="OSI-PSEL">001', "OSI-PSEL", "'001' is none"),
    ("SCL704", '<P type="IP">192.0.2.7', '<P type="OSI-AP-Title">1;2', "OSI-AP-Title", "'1;2' is none"),
    ("SCL703", 'ConnectedAP iedName="X"', 'ConnectedAP iedName="Y"', "ConnectedAP", "'Y'"),
]


NEAR = [
    # a name with one letter wrong, and what is asked
    ('<LN lnClass="GGIO" inst="1" lnType="G"', 'lnType="G"', 'lnType="Inputs1"', ""),
    ('name="AnIn1" type="Mv"', 'type="Mv"', 'type="Mw"', ""),
    ('<ReportControl name="rcb" datSet="ds"', 'datSet="ds"', 'datSet="dss"', "(is 'ds' meant?)"),
    ('lnInst="1" doName="AnIn1"', 'doName="AnIn1"', 'doName="AnIn2"', "(is 'AnIn1' meant?)"),
    ('lnInst="1" doName="Ind1" daName="stVal"', '"stVal"', '"stVak"', "(is 'stVal' meant?)"),
    ('prefix="pre" lnClass="GGIO" lnInst="2" doName', '"pre"', '"prf"', "(is 'preGGIO2' meant?)"),
    ('doName="AnIn1" fc="MX"', '"MX"', '"XM"', "'XM' is no functional constraint"),
    ('<DOI name="Crv"', '"Crv"', '"Crvs"', "(is 'Crv' meant?)"),
    ('<DAI name="numPts"', '"numPts"', '"numPt"', "(is 'numPts' meant?)"),
    ('<DO name="Crv" type="Curve"', '"Curve"', '"Curves"', "(is 'Curve' meant?)"),
]


@pytest.mark.parametrize(("place", "old", "new", "asked"), NEAR)
def test_a_name_that_is_not_there_is_answered_with_one_that_is_near(place: str, old: str, new: str, asked: str) -> None:
    said = [str(one) for one in check(changed((place, place.replace(old, new))))[1]]
    assert said
    assert not asked or any(asked in one for one in said), said


def test_near_names_are_not_looked_for_without_end() -> None:
    members = '<FCDA ldInst="D" lnClass="GGIO" lnInst="1" doName="AnIn2" fc="MX"/>' * 400
    said = [one.message for one in check(changed(('<DataSet name="ds">', f'<DataSet name="ds">{members}')))[1]]
    assert sum("meant?" in one for one in said) == 100


@pytest.mark.parametrize(
    ("code", "old", "new", "place", "words"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_diagnostic(code: str, old: str, new: str, place: str, words: str) -> None:
    if code in {"SCL110"}:
        document = changed((old, new), ("</Server>", "</Sever>"), ("<ServerAt", "<SeverAt"))
    elif code == "SCL102":
        document = BASE.replace("SCL ", "SLC ").replace("</SCL>", "</SLC>").encode()
    elif code == "SCL113":
        document = (
            BASE.replace("LN0 lnClass", "LN9 lnClass")
            .replace("</LN0>", "</LN9>")
            .replace('lnType="G"', 'lnType="g"')
            .encode()
        )
    else:
        document = changed((old, new))
    models, diagnostics = check(document, name="base.scd")
    assert_told(diagnostics, document, "base.scd")
    for model in models:
        assert_sound(model)
    found = [one for one in diagnostics if one.code == code and words in one.message]
    assert found, [str(one) for one in diagnostics]
    assert found[0].line == line_of(document, place)
    severity = CODES[code].severity
    if severity is Severity.ERROR:
        assert models or code == "SCL113"
        with pytest.raises(SclError) as caught:
            read(document, ied="X", access_point="S2" if code == "SCL115" else "S1", strict=True)
        assert caught.value.where == f"document:{caught.value.diagnostics[0].line}" or len(caught.value.diagnostics) > 1
    elif severity is Severity.FATAL:
        with pytest.raises(SclError) as caught:
            read(document, ied="X", access_point="S1")
        assert caught.value.diagnostics[-1].severity is Severity.FATAL
    elif code != "SCL703":
        read(document, ied="X", access_point="S1", strict=True)


def test_every_code_is_shown_somewhere() -> None:
    elsewhere = {"SCL101", "SCL111", "SCL112", "SCL207", "SCL801"}  # the other tests of this and the next modules
    by_class = {code for code in CODES if code >= "SCL9"}  # test_classes
    assert {case[0] for case in CASES} | elsewhere == set(CODES) - by_class


def test_strict_refuses_with_the_first_error_and_keeps_all() -> None:
    document = changed(('fc="BL"', 'fc="XX"'), ('bType="Dbpos"', 'bType="DBPOS"'))
    with pytest.raises(SclError, match=r"reading is strict: .*'XX'.*1 more") as caught:
        read(document, name="a.cid", access_point="S1", strict=True)
    assert isinstance(caught.value, ConfigError)
    assert caught.value.code == "SCL210"
    assert caught.value.where == f"a.cid:{line_of(document, 'XX')}"
    assert [one.code for one in caught.value.diagnostics] == ["SCL210", "SCL211"]
    lenient = read(document, access_point="S1")
    assert "blkEna" not in lenient.model.devices["XD"].nodes["GGIO1"].objects["Ind1"].children
    assert "stVal" not in lenient.model.devices["XD"].nodes["GGIO1"].objects["Pos"].children


def test_check_looks_at_types_that_nobody_uses() -> None:
    unused = '<LNodeType id="U" lnClass="GGIO"><DO name="A" type="gone"/></LNodeType><LNodeType id="G"'
    document = changed(('<LNodeType id="G"', unused))
    assert [one.code for one in check(document, classes=False)[1]] == ["SCL701", "SCL203", "SCL209"]
    assert read(document, access_point="S1", strict=True).diagnostics == ()


def test_a_message_is_of_bounded_length() -> None:
    """Names in a hostile file can be of any length."""
    document = changed(('<SDO name="har" type="Mv"', f'<SDO name="{"h" * 100_000}" type="{"x" * 100_000}"'))
    _, diagnostics = check(document)
    assert_told(diagnostics, document, "document")


def test_many_findings_are_counted_not_kept() -> None:
    wrong = "".join(f'<FCDA ldInst="D" lnClass="GGIO" lnInst="1" doName="No{n}" fc="MX"/>' for n in range(MOST + 500))
    loaded = read(changed(('<DataSet name="ds">', f'<DataSet name="ds">{wrong}')), access_point="S1")
    assert len(loaded.diagnostics) == MOST
    with pytest.raises(SclError, match=f"and {MOST + 499} more errors"):
        read(changed(('<DataSet name="ds">', f'<DataSet name="ds">{wrong}')), access_point="S1", strict=True)


# --- what a schema says ----------------------------------------------------------------------------------------------


def test_schema_faults_are_diagnostics(tmp_path: Path) -> None:
    schema = tmp_path / "SCL.xsd"
    schema.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.iec.ch/61850/2003/SCL">'
        '<xs:element name="SCL"><xs:complexType/></xs:element></xs:schema>'
    )
    for given in (schema, tmp_path):
        loaded = read(changed(), access_point="S1", schema=given)
        assert {one.code for one in loaded.diagnostics} == {"SCL801"}
        assert loaded.diagnostics[0].line == 2
    with pytest.raises(SclError, match="strict"):
        read(changed(), access_point="S1", schema=schema, strict=True)
    with pytest.raises(ConfigError, match="no schema here"):
        read(changed(), access_point="S1", schema=tmp_path / "none")
