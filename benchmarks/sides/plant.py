"""What every server of a contest serves: 100 measured values, a switch, a data set and report control blocks.

As an SCL file for those that read one, and as names for those that are built in code.
"""

from __future__ import annotations

import sys

IED, DEVICE = "BENCH", "BENCHLD0"
POINTS, MEMBERS = 100, 10
VALUES = [f"{DEVICE}/GGIO1.AnIn{number}.mag.f" for number in range(1, POINTS + 1)]
SWITCH = f"{DEVICE}/GGIO1.SPCSO1"
DATA_SET = f"{DEVICE}/LLN0.Meas"
UNBUFFERED, BUFFERED = "urcb", "brcb"


def wanted() -> dict[str, int]:
    """Return how many report control blocks of each kind a server is to have: its first two arguments."""
    return {UNBUFFERED: int(sys.argv[1]), BUFFERED: int(sys.argv[2])}


def scl(blocks: dict[str, int]) -> str:
    """Return the SCL file (CID) with that many report control blocks of each kind."""
    members = "".join(
        f'<FCDA ldInst="LD0" lnClass="GGIO" lnInst="1" doName="AnIn{number}" daName="mag.f" fc="MX"/>'
        for number in range(1, MEMBERS + 1)
    )
    controls = "".join(
        f'<ReportControl name="{name}" rptID="BENCH/{name}" datSet="Meas" confRev="1" buffered="{buffered}"'
        f' bufTime="0" indexed="true"><TrgOps dchg="true" gi="true"/><OptFields seqNum="true" timeStamp="true"'
        f' reasonCode="true" dataSet="true" entryID="{buffered}"/><RptEnabled max="{blocks[name]}"/></ReportControl>'
        for name, buffered in ((UNBUFFERED, "false"), (BUFFERED, "true"))
        if blocks[name]
    )
    values = "".join(f'<DO name="AnIn{number}" type="MV"/>' for number in range(1, POINTS + 1))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B" release="4">
  <Header id="bench" version="1"/>
  <IED name="{IED}"><AccessPoint name="AP1"><Server><Authentication/><LDevice inst="LD0">
    <LN0 lnClass="LLN0" inst="" lnType="LLN0"><DataSet name="Meas">{members}</DataSet>{controls}</LN0>
    <LN lnClass="GGIO" inst="1" lnType="GGIO"><DOI name="SPCSO1"><DAI name="ctlModel">
      <Val>direct-with-normal-security</Val></DAI></DOI></LN>
  </LDevice></Server></AccessPoint></IED>
  <DataTypeTemplates>
    <LNodeType id="LLN0" lnClass="LLN0"><DO name="Beh" type="ENS"/></LNodeType>
    <LNodeType id="GGIO" lnClass="GGIO"><DO name="Beh" type="ENS"/>{values}<DO name="SPCSO1" type="SPC"/></LNodeType>
    <DOType id="ENS" cdc="ENS"><DA name="stVal" fc="ST" bType="Enum" type="ModeKind" dchg="true"/>{_QT}</DOType>
    <DOType id="MV" cdc="MV"><DA name="mag" fc="MX" bType="Struct" type="AnalogueValue" dchg="true"/>{_MX}</DOType>
    <DOType id="SPC" cdc="SPC"><DA name="stVal" fc="ST" bType="BOOLEAN" dchg="true"/>{_QT}
      <DA name="ctlModel" fc="CF" bType="Enum" type="CtlModelKind"/>
      <DA name="Oper" fc="CO" bType="Struct" type="Oper"/></DOType>
    <DAType id="AnalogueValue"><BDA name="f" bType="FLOAT32"/></DAType>
    <DAType id="Originator"><BDA name="orCat" bType="Enum" type="OriginatorCategoryKind"/>
      <BDA name="orIdent" bType="Octet64"/></DAType>
    <DAType id="Oper"><BDA name="ctlVal" bType="BOOLEAN"/><BDA name="origin" bType="Struct" type="Originator"/>
      <BDA name="ctlNum" bType="INT8U"/><BDA name="T" bType="Timestamp"/><BDA name="Test" bType="BOOLEAN"/>
      <BDA name="Check" bType="Check"/></DAType>
    <EnumType id="ModeKind"><EnumVal ord="1">on</EnumVal><EnumVal ord="5">off</EnumVal></EnumType>
    <EnumType id="CtlModelKind"><EnumVal ord="0">status-only</EnumVal>
      <EnumVal ord="1">direct-with-normal-security</EnumVal></EnumType>
    <EnumType id="OriginatorCategoryKind"><EnumVal ord="0">not-supported</EnumVal>
      <EnumVal ord="2">station-control</EnumVal><EnumVal ord="3">remote-control</EnumVal></EnumType>
  </DataTypeTemplates>
</SCL>
"""


_QT = '<DA name="q" fc="ST" bType="Quality" qchg="true"/><DA name="t" fc="ST" bType="Timestamp"/>'
_MX = '<DA name="q" fc="MX" bType="Quality" qchg="true"/><DA name="t" fc="MX" bType="Timestamp"/>'
