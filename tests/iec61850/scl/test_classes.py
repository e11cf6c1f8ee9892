"""Files against the class tables: each finding shown, our own files clean, real files judged sanely."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from janusgrid.cli import cli
from janusgrid.common.resources import resource
from janusgrid.iec61850.scl import CODES, Diagnostic, Severity, check

from ...conftest import SHARED
from .soundness import assert_told
from .texts import line_of, mutated

BASE = """\
<?xml version="1.0" encoding="UTF-8"?>
<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B" release="4">
  <Header id="classes"/>
  <IED name="X"><AccessPoint name="S"><Server><Authentication/>
    <LDevice inst="D">
      <LN0 lnClass="LLN0" inst="" lnType="LLN0">
        <DOI name="NamPlt"><DAI name="ldNs"><Val>IEC 61850-7-4:2007B</Val></DAI></DOI>
      </LN0>
      <LN lnClass="GGIO" inst="1" lnType="GGIO">
        <DOI name="SPCSO1"><DAI name="ctlModel"><Val>direct-with-normal-security</Val></DAI></DOI>
      </LN>
      <LN lnClass="FSCC" inst="1" lnType="FSCC"/>
    </LDevice>
  </Server></AccessPoint></IED>
  <DataTypeTemplates>
    <LNodeType id="LLN0" lnClass="LLN0">
      <DO name="NamPlt" type="LPL_LLN0"/>
      <DO name="Beh" type="ENS_Beh"/>
      <DO name="Health" type="ENS_Health"/>
      <DO name="Mod" type="ENC"/>
    </LNodeType>
    <LNodeType id="GGIO" lnClass="GGIO">
      <DO name="Beh" type="ENS_Beh"/>
      <DO name="Ind1" type="SPS"/>
      <DO name="AnIn1" type="MV"/>
      <DO name="SPCSO1" type="SPC"/>
    </LNodeType>
    <LNodeType id="FSCC" lnClass="FSCC">
      <DO name="Beh" type="ENS_Beh"/>
      <DO name="ActSchdRef" type="ORS"/>
      <DO name="CtlEnt" type="ORG"/>
      <DO name="ValMV" type="MV"/>
      <DO name="Schd1" type="ORG"/>
    </LNodeType>
    <DOType id="LPL_LLN0" cdc="LPL">
      <DA name="vendor" bType="VisString255" fc="DC"/>
      <DA name="swRev" bType="VisString255" fc="DC"/>
      <DA name="configRev" bType="VisString255" fc="DC"/>
      <DA name="ldNs" bType="VisString255" fc="EX"/>
    </DOType>
    <DOType id="ENS_Beh" cdc="ENS">
      <DA name="stVal" bType="Enum" type="BehaviourModeKind" fc="ST" dchg="true"/>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
    </DOType>
    <DOType id="ENS_Health" cdc="ENS">
      <DA name="stVal" bType="Enum" type="HealthKind" fc="ST" dchg="true"/>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
    </DOType>
    <DOType id="ENC" cdc="ENC">
      <DA name="stVal" bType="Enum" type="BehaviourModeKind" fc="ST" dchg="true"/>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
      <DA name="ctlModel" bType="Enum" type="CtlModelKind" fc="CF" dchg="true"><Val>status-only</Val></DA>
    </DOType>
    <DOType id="SPS" cdc="SPS">
      <DA name="stVal" bType="BOOLEAN" fc="ST" dchg="true"/>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
    </DOType>
    <DOType id="MV" cdc="MV">
      <DA name="mag" bType="Struct" type="AnalogueValue" fc="MX" dchg="true"/>
      <DA name="q" bType="Quality" fc="MX" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="MX"/>
    </DOType>
    <DOType id="SPC" cdc="SPC">
      <DA name="stVal" bType="BOOLEAN" fc="ST" dchg="true"/>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
      <DA name="ctlModel" bType="Enum" type="CtlModelKind" fc="CF" dchg="true"/>
      <DA name="Oper" bType="Struct" type="Oper" fc="CO"/>
    </DOType>
    <DOType id="ORS" cdc="ORS">
      <DA name="stVal" bType="ObjRef" fc="ST" dchg="true"/>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
    </DOType>
    <DOType id="ORG" cdc="ORG">
      <DA name="setSrcRef" bType="ObjRef" fc="SP" dchg="true"/>
    </DOType>
    <DAType id="AnalogueValue"><BDA name="f" bType="FLOAT32"/></DAType>
    <DAType id="Oper">
      <BDA name="ctlVal" bType="BOOLEAN"/>
      <BDA name="origin" bType="Struct" type="Originator"/>
      <BDA name="ctlNum" bType="INT8U"/>
      <BDA name="T" bType="Timestamp"/>
      <BDA name="Test" bType="BOOLEAN"/>
      <BDA name="Check" bType="Check"/>
    </DAType>
    <DAType id="Originator">
      <BDA name="orCat" bType="Enum" type="OriginatorCategoryKind"/>
      <BDA name="orIdent" bType="Octet64"/>
    </DAType>
    <EnumType id="BehaviourModeKind">
      <EnumVal ord="1">on</EnumVal>
      <EnumVal ord="5">off</EnumVal>
      <EnumVal ord="-3">ours</EnumVal>
    </EnumType>
    <EnumType id="HealthKind"><EnumVal ord="1">Ok</EnumVal></EnumType>
    <EnumType id="CtlModelKind">
      <EnumVal ord="0">status-only</EnumVal>
      <EnumVal ord="1">direct-with-normal-security</EnumVal>
      <EnumVal ord="2">sbo-with-normal-security</EnumVal>
      <EnumVal ord="4">sbo-with-enhanced-security</EnumVal>
    </EnumType>
    <EnumType id="OriginatorCategoryKind"><EnumVal ord="3">remote-control</EnumVal></EnumType>
  </DataTypeTemplates>
</SCL>
"""

IND, NAME, STATE = '<DO name="Ind1" type="SPS"/>', '<DOType id="SPS" cdc="SPS">', '<DA name="stVal" bType="BOOLEAN"'
CONTROL = "<Val>direct-with-normal-security</Val>"
LN, LNODE = '<LN lnClass="FSCC" inst="1" lnType="FSCC"/>', '<LNodeType id="FSCC" lnClass="FSCC">'
NAMED = '<DA name="dataNs" bType="VisString255" fc="EX"><Val>Ours:2026</Val></DA>'
LD_NS = "<Val>IEC 61850-7-4:2007B</Val>"

CASES = [
    # code, changes, where, words
    ("SCL901", [(LN, LN.replace("FSCC", "FXXX")), (LNODE, LNODE.replace("FSCC", "FXXX"))], 'id="FXXX"', "'FXXX'"),
    (
        "SCL902",
        [('      <DO name="ValMV" type="MV"/>\n      <DO name="Schd1" type="ORG"/>\n', "")],
        LNODE,
        "Schd is missing",
    ),
    (
        "SCL902",
        [('      <DO name="Health" type="ENS_Health"/>\n', "")],
        '<LNodeType id="LLN0"',
        "Health is missing (MOrootLD)",
    ),
    ("SCL903", [('type="ORG"/>', 'type="ORG"/><DO name="ValSPS" type="SPS"/>')], LNODE, "ValMV should not be there"),
    ("SCL904", [(IND, '<DO name="Foo" type="SPS"/>')], '<DO name="Foo"', "GGIO.Foo: GGIO has no such data object"),
    ("SCL904", [("Beh", "Beh2")], '<DO name="Beh2"', "has one Beh, without a number"),
    ("SCL905", [(IND, '<DO name="Ind1" type="MV"/>')], '<DO name="Ind1" type="MV"', "should be of SPS, not of 'MV'"),
    ("SCL906", [('<DA name="t" bType="Timestamp" fc="MX"/>', "")], '<DOType id="MV"', "t is missing (M)"),
    ("SCL906", [(CONTROL, CONTROL.replace("direct", "sbo"))], '<DOType id="SPC"', "SBO is missing (MOsboNormal)"),
    ("SCL906", [(CONTROL, "<Val>sbo-with-enhanced-security</Val>")], '<DOType id="SPC"', "SBOw is missing"),
    ("SCL906", [('<BDA name="ctlNum" bType="INT8U"/>', "")], '<DAType id="Oper"', "ctlNum is missing"),
    (
        "SCL906",
        [('<BDA name="f" bType="FLOAT32"/>', '<BDA name="g" bType="FLOAT32"/>')],
        'id="AnalogueValue"',
        "one of i, f",
    ),
    (
        "SCL906",
        [('fc="MX"/>\n    </DOType>', 'fc="MX"/><DA name="subEna" bType="BOOLEAN" fc="SV"/></DOType>')],
        'id="MV"',
        "subMag",
    ),
    (
        "SCL907",
        [
            (
                'fc="MX"/>\n    </DOType>',
                'fc="MX"/><DA name="sVC" bType="Struct" type="Oper" fc="CF" dchg="true"/></DOType>',
            )
        ],
        '<DOType id="MV"',
        "sVC should not be there (MFscaledAV)",
    ),
    (
        "SCL908",
        [(STATE, f'<DA name="x" bType="INT8" fc="ST"/>{STATE}')],
        '<DA name="x"',
        "SPS.x: the class has no such part",
    ),
    ("SCL909", [(STATE + ' fc="ST"', STATE + ' fc="MX"')], STATE + ' fc="MX"', "under ST, not 'MX'"),
    ("SCL910", [(STATE, '<DA name="stVal" bType="INT8"')], '<DA name="stVal" bType="INT8"', "BOOLEAN, not 'INT8'"),
    ("SCL910", [(STATE, STATE + ' count="2"')], STATE, "should be no array"),
    (
        "SCL910",
        [('<BDA name="ctlVal" bType="BOOLEAN"/>', '<BDA name="ctlVal" bType="INT8"/>')],
        "ctlVal",
        "Oper.ctlVal should be BOOLEAN",
    ),
    ("SCL911", [(STATE + ' fc="ST" dchg="true"', STATE + ' fc="ST"')], STATE, "SPS.stVal lacks dchg"),
    ("SCL911", [(STATE + ' fc="ST"', STATE + ' fc="ST" dupd="true"')], STATE, "SPS.stVal should not have dupd"),
    ("SCL912", [('ord="5">off', 'ord="6">off')], '<EnumType id="BehaviourModeKind"', "'off' is 5, not 6"),
    ("SCL912", [('ord="5">off', 'ord="77">away')], '<EnumType id="BehaviourModeKind"', "77 ('away') is none"),
    ("SCL913", [(">Ok<", ">OK<")], '<EnumType id="HealthKind"', "1 is 'Ok', not 'OK'"),
    ("SCL914", [(IND, '<DO name="Foo" type="SPS"/>'), (NAME, NAME + NAMED)], '<DO name="Foo"', "of 'Ours:2026'"),
    (
        "SCL914",
        [
            (LD_NS, "<Val>IEC 61400-25-2:2006</Val>"),
            (LN, LN.replace("FSCC", "WTUR")),
            (LNODE, LNODE.replace("FSCC", "WTUR")),
        ],
        'id="WTUR"',
        "'IEC 61400-25-2:2006'",
    ),
    ("SCL914", [(STATE, f'<DA name="x" bType="INT8" fc="ST"/>{NAMED}{STATE}')], '<DA name="x"', "of 'Ours:2026'"),
    (
        "SCL915",
        [(LN, LN.replace("FSCC", "DSCH")), (LNODE, LNODE.replace("FSCC", "DSCH"))],
        'id="DSCH"',
        "first edition of IEC 61850-7-420",
    ),
    ("SCL915", [(LD_NS, "<Val>IEC 61850-7-4:2003</Val>")], "<SCL ", "only functional constraints"),
    (
        "SCL916",
        [(LN, LN.replace("FSCC", "CCGR")), (LNODE, LNODE.replace("FSCC", "CCGR") + '<DO name="CEBlk" type="SPC"/>')],
        '<DO name="CEBlk"',
        "deprecated",
    ),
    (
        "SCL918",
        [
            ('<BDA name="Test" bType="BOOLEAN"/>', ""),
            ('<BDA name="ctlNum"', '<BDA name="Test" bType="BOOLEAN"/><BDA name="ctlNum"'),
        ],
        '<DAType id="Oper"',
        "the order is ctlVal, origin, ctlNum, T, Test, Check",
    ),
    ("SCL917", [(LD_NS, "<Val>IEC 61850-7-4:2007A</Val>")], "<SCL ", "compared with IEC 61850-7-4:2007B5"),
]


def judged(document: bytes) -> list[Diagnostic]:
    _, diagnostics = check(document, name="base.cid")
    assert_told(diagnostics, document, "base.cid")
    return [one for one in diagnostics if one.code >= "SCL9"]


def test_the_base_is_as_the_standards_say() -> None:
    assert judged(BASE.encode()) == []


@pytest.mark.parametrize(
    ("code", "changes", "place", "words"), CASES, ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)]
)
def test_finding(code: str, changes: list[tuple[str, str]], place: str, words: str) -> None:
    text = BASE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    document = text.encode()
    found = [one for one in judged(document) if one.code == code and words in one.message]
    assert found, [str(one) for one in judged(document)]
    assert found[0].line == line_of(document, place)
    assert not [one for one in check(document, classes=False)[1] if one.code >= "SCL9"]


def test_every_code_of_classes_is_shown() -> None:
    assert {case[0] for case in CASES} == {code for code in CODES if code >= "SCL9"}


def test_a_type_is_judged_once_however_often_it_is_used() -> None:
    more = "".join(f'<LN lnClass="GGIO" inst="{inst}" lnType="GGIO"/>' for inst in range(2, 30))
    text = BASE.replace(LN, LN + more).replace(STATE + ' fc="ST"', STATE + ' fc="MX"', 1)
    assert Counter(one.code for one in judged(text.encode()))["SCL909"] == 1


def test_types_that_nobody_uses_are_judged() -> None:
    unused = '<LNodeType id="U" lnClass="GGIO"><DO name="Ind1" type="MV"/></LNodeType>' + LNODE
    assert {one.code for one in judged(BASE.replace(LNODE, unused).encode())} == {"SCL902", "SCL905"}


@settings(max_examples=50, deadline=None)
@given(mutated(BASE))
def test_no_mutation_breaks_the_check(document: bytes) -> None:
    judged(document)


# --- files -----------------------------------------------------------------------------------------------------------

OURS = sorted(resource("mappings/sites/microgrid").glob("*.cid"))
SCL = SHARED / "reference" / "iec61850" / "scl"


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_files_are_as_the_standards_say(path: Path) -> None:
    models, diagnostics = check(path)
    assert len(models) == 1
    assert diagnostics == ()


SANE = {
    # file: findings of severity error, of any severity; checked by eye against the namespace files
    "iec_annexD_2007C5_example.scd": {"SCL902": 4, "SCL907": 1},  # HzRtg, VRtg, ARtg: mandatory since 2007B
    "libiec61850_simpleIO_ltrk_tests.icd": {"SCL905": 1, "SCL906": 4, "SCL910": 1},  # Beh as INS; LTS without entries
    "osgp_Pampus.icd": {"SCL906": 5},  # controls without Oper, subID without which there is no substitution
    "libiec61850_wtur.cid": {},
    "abb_MNSREF615_1.cid": {},
}


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    "path", sorted(SCL.glob("*.[isc][cs]d")) + sorted(SCL.glob("*.cid")), ids=lambda path: path.name
)
def test_real_files_are_judged_sanely(path: Path) -> None:
    found = [one for one in check(path)[1] if one.code >= "SCL9"]
    errors = Counter(one.code for one in found if one.severity is Severity.ERROR)
    assert len(found) < 200
    assert len({(one.code, one.line, one.message) for one in found}) == len(found)
    if path.name in SANE:
        assert dict(errors) == SANE[path.name]


def test_the_command_leaves_classes_out_on_wish(tmp_path: Path) -> None:
    file = tmp_path / "a.cid"
    file.write_text(BASE.replace(IND, '<DO name="Ind1" type="MV"/>'))
    runner = CliRunner()
    said = runner.invoke(cli, ["scl", "check", str(file)])
    assert said.exit_code == 1
    assert "error SCL905 wrong-cdc: GGIO.Ind1" in said.output
    assert runner.invoke(cli, ["scl", "check", "--no-classes", str(file)]).exit_code == 0
