"""A document in which every construct of the language that the reader knows occurs once, and how to change it."""

from __future__ import annotations

import re

from hypothesis import strategies as st

BASE = """\
<?xml version="1.0" encoding="UTF-8"?>
<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B" release="4">
  <Header id="base"/>
  <Communication>
    <SubNetwork name="wan" type="8-XMPP">
      <ConnectedAP iedName="X" apName="S1">
        <Address>
          <P type="JID">x@example.org/IEC</P>
          <P type="IP">192.0.2.7</P>
        </Address>
        <GSE ldInst="D" cbName="gcb">
          <Address><P type="APPID">3001</P></Address>
          <MinTime unit="s" multiplier="m">4</MinTime>
        </GSE>
      </ConnectedAP>
    </SubNetwork>
  </Communication>
  <IED name="X" type="T" desc="Sample">
    <Services nameLength="64">
      <DynAssociation max="5"/>
      <SettingGroups><SGEdit resvTms="true"/></SettingGroups>
    </Services>
    <AccessPoint name="S1">
      <Server>
        <Authentication/>
        <LDevice inst="D">
          <LN0 lnClass="LLN0" inst="" lnType="LN0">
            <DataSet name="ds">
              <FCDA ldInst="D" lnClass="GGIO" lnInst="1" doName="AnIn1" fc="MX"/>
              <FCDA ldInst="D" lnClass="GGIO" lnInst="1" doName="Ind1" daName="stVal" fc="ST"/>
              <FCDA ldInst="D" prefix="pre" lnClass="GGIO" lnInst="2" doName="AnIn1" daName="mag.f" fc="MX"/>
              <FCDA ldInst="D" lnClass="GGIO" lnInst="1" doName="Har" daName="har" ix="2" fc="MX"/>
              <FCDA ldInst="D" lnClass="GGIO" lnInst="1" doName="Crv" daName="crvPts(1).xVal" fc="SP"/>
              <FCDA ldInst="E" lnClass="LLN0" doName="Mod" fc="ST"/>
            </DataSet>
            <ReportControl name="rcb" datSet="ds" rptID="id" confRev="7" buffered="true" bufTime="50" intgPd="1000">
              <TrgOps dchg="true" period="true"/>
              <OptFields seqNum="true" entryID="true" configRef="1"/>
              <RptEnabled max="3"><ClientLN iedName="C" ldInst="L" lnClass="IHMI" lnInst="1"/></RptEnabled>
            </ReportControl>
            <ReportControl name="urcb" confRev="1" indexed="false">
              <OptFields dataSet="true"/>
            </ReportControl>
            <LogControl name="lcb" datSet="ds" logName="log" intgPd="5000"><TrgOps dchg="true"/></LogControl>
            <Log name="log"/>
            <GSEControl name="gcb" datSet="ds" appID="x"><IEDName>A</IEDName><IEDName>B</IEDName></GSEControl>
            <SampledValueControl name="sv" datSet="ds" smvID="y" smpRate="80" nofASDU="1">
              <SmvOpts/>
            </SampledValueControl>
            <SettingControl numOfSGs="2" actSG="2"/>
          </LN0>
          <LN lnClass="GGIO" inst="1" lnType="G" desc="Inputs">
            <DOI name="Ind1"><DAI name="stVal"><Val>true</Val></DAI></DOI>
            <DOI name="Har">
              <SDI name="har" ix="1"><SDI name="mag"><DAI name="f"><Val>1.5</Val></DAI></SDI></SDI>
            </DOI>
            <DOI name="Crv">
              <DAI name="numPts"><Val>3</Val></DAI>
              <SDI name="crvPts" ix="0"><DAI name="xVal"><Val>-2</Val></DAI></SDI>
              <DAI name="raw" ix="3"><Val>9</Val></DAI>
            </DOI>
            <DOI name="Set">
              <DAI name="setVal" valKind="RO"><Val sGroup="1">10</Val><Val sGroup="2">20</Val></DAI>
            </DOI>
          </LN>
          <LN prefix="pre" lnClass="GGIO" inst="2" lnType="G"/>
        </LDevice>
        <LDevice inst="E" ldName="Other">
          <LN0 lnClass="LLN0" inst="" lnType="LN0"/>
        </LDevice>
      </Server>
    </AccessPoint>
    <AccessPoint name="S2"><ServerAt apName="S1"/></AccessPoint>
  </IED>
  <IED name="C"><AccessPoint name="P"><LN lnClass="IHMI" inst="1" lnType="LN0"/></AccessPoint></IED>
  <DataTypeTemplates>
    <LNodeType id="LN0" lnClass="LLN0">
      <DO name="Mod" type="Mode"/>
    </LNodeType>
    <LNodeType id="G" lnClass="GGIO">
      <DO name="Ind1" type="Ind"/>
      <DO name="AnIn1" type="Mv"/>
      <DO name="Har" type="Harmonics"/>
      <DO name="Crv" type="Curve"/>
      <DO name="Set" type="Setting"/>
      <DO name="Pos" type="Position"/>
    </LNodeType>
    <DOType id="Mode" cdc="ENC">
      <DA name="stVal" bType="Enum" type="Mode" fc="ST" dchg="true"><Val>on</Val></DA>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
      <DA name="ctlModel" bType="Enum" type="Model" fc="CF" valKind="RO"><Val>status-only</Val></DA>
    </DOType>
    <DOType id="Ind" cdc="SPS">
      <DA name="stVal" bType="BOOLEAN" fc="ST" dchg="true"/>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
      <DA name="subEna" bType="BOOLEAN" fc="SV"/>
      <DA name="blkEna" bType="BOOLEAN" fc="BL"/>
      <DA name="d" bType="VisString255" fc="DC"><Val>an input</Val></DA>
      <DA name="dataNs" bType="VisString255" fc="EX"/>
    </DOType>
    <DOType id="Mv" cdc="MV">
      <DA name="mag" bType="Struct" type="Analogue" fc="MX" dchg="true" dupd="true"/>
      <DA name="q" bType="Quality" fc="MX" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="MX"/>
      <DA name="db" bType="INT32U" fc="CF"><Val>500</Val></DA>
    </DOType>
    <DOType id="Harmonics" cdc="HMV">
      <SDO name="har" type="Mv" count="4"/>
      <DA name="numHar" bType="INT16U" fc="CF"><Val>4</Val></DA>
    </DOType>
    <DOType id="Curve" cdc="CSG">
      <DA name="numPts" bType="INT16U" fc="SP"><Val>2</Val></DA>
      <DA name="crvPts" bType="Struct" type="Point" fc="SP" count="numPts"/>
      <DA name="raw" bType="INT32" fc="SP" count="5"/>
    </DOType>
    <DOType id="Setting" cdc="ING">
      <DA name="setVal" bType="INT32" fc="SG"/>
    </DOType>
    <DOType id="Position" cdc="DPC">
      <DA name="stVal" bType="Dbpos" fc="ST" dchg="true"><Val>off</Val></DA>
      <DA name="q" bType="Quality" fc="ST" qchg="true"/>
      <DA name="t" bType="Timestamp" fc="ST"/>
      <DA name="ctlModel" bType="Enum" type="Model" fc="CF"><Val>direct-with-normal-security</Val></DA>
      <DA name="Oper" bType="Struct" type="Oper" fc="CO"/>
    </DOType>
    <DAType id="Analogue"><BDA name="f" bType="FLOAT32"/></DAType>
    <DAType id="Point"><BDA name="xVal" bType="FLOAT32"/><BDA name="yVal" bType="FLOAT32"><Val>0</Val></BDA></DAType>
    <DAType id="Oper">
      <BDA name="ctlVal" bType="BOOLEAN"/>
      <BDA name="origin" bType="Struct" type="Origin"/>
      <BDA name="Test" bType="BOOLEAN"/>
    </DAType>
    <DAType id="Origin"><BDA name="orIdent" bType="Octet64"/></DAType>
    <EnumType id="Mode"><EnumVal ord="1">on</EnumVal><EnumVal ord="5">off</EnumVal></EnumType>
    <EnumType id="Model">
      <EnumVal ord="0">status-only</EnumVal>
      <EnumVal ord="1">direct-with-normal-security</EnumVal>
    </EnumType>
  </DataTypeTemplates>
</SCL>
"""


def changed(*changes: tuple[str, str]) -> bytes:
    """Return the document with each first text, which must occur, replaced where it first stands by the second."""
    text = BASE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


def line_of(document: bytes, part: str) -> int:
    """Return the line on which a part of a document first stands."""
    text = document.decode()
    return text[: text.index(part)].count("\n") + 1


@st.composite
def mutated(draw: st.DrawFn, text: str) -> bytes:
    """Return a document with lines left out, doubled and swapped, and attributes that have the text of others."""
    texts = [*sorted(set(re.findall('"([^"]*)"', text))), "+-5", "٣", "", "IEC 61850-7-4:x", "99999999999"]
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 8))):
        here, there = (draw(st.integers(4, len(lines) - 3)) for _ in "ab")
        kind = draw(st.integers(0, 3))
        if kind == 0:
            lines[here] = ""
        elif kind == 1:
            lines.insert(here, lines[there])
        elif kind == 2:
            lines[here], lines[there] = lines[there], lines[here]
        elif found := list(re.finditer('"[^"]*"', lines[here])):
            spot, other = draw(st.sampled_from(found)), draw(st.sampled_from(texts))
            lines[here] = f'{lines[here][: spot.start()]}"{other}"{lines[here][spot.end() :]}'
    return "\n".join(lines).encode()
