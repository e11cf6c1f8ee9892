"""SCL files of vendors and other projects, held against counts and values taken from them by plain XPath."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from janusgrid.iec61850.acsi.types import BasicType, BitString, DataValue
from janusgrid.iec61850.model.nodes import Model, Trigger
from janusgrid.iec61850.scl import SclError, Severity, check, read, servers
from lxml import etree

from ...conftest import SHARED
from .soundness import assert_sound, assert_told, leaves

S = {"s": "http://www.iec.ch/61850/2003/SCL"}
REFERENCE = SHARED / "reference"
FILES = sorted(path for ending in ("icd", "cid", "iid", "scd", "ssd") for path in REFERENCE.rglob(f"*.{ending}"))
SCL = REFERENCE / "iec61850" / "scl"

EXPECTED = {
    # file: (edition, servers, codes of severity error or fatal and how often)
    "9.2.8 - Susbtation example.ssd": ("", 0, {"SCL110": 1}),
    "Annex D - SCL example.scd": ("2007C5", 3, {}),
    "abb_MNSREF615_1.cid": ("2003", 1, {}),
    "abb_Zx0REF630A1.cid": ("2003", 1, {}),
    "cms61850_IEC61850.icd": ("2003", 1, {"SCL107": 8, "SCL208": 1, "SCL401": 8, "SCL501": 10, "SCL502": 1}),
    "iec61850bean_sample-model.icd": ("2003", 1, {"SCL209": 1}),
    "iec61850bean_testModel2.icd": ("2003", 1, {"SCL213": 2}),
    "iec_annexD_2007C5_example.scd": ("2007C5", 3, {}),
    "libiec61850_inverter3ph.icd": ("2003", 1, {"SCL209": 1}),
    "libiec61850_sg_demo.cid": ("2003", 1, {"SCL201": 2}),
    "openscd_templates.scd": ("", 0, {"SCL110": 1, "SCL205": 1}),
    "openscd_valid2007B4.scd": ("2007B4", 3, {"SCL202": 1, "SCL401": 1}),
    "osgp_Pampus.icd": ("2007B", 1, {}),
    "robidev_open_substation.scd": ("2007A", 4, {}),
}

pytestmark = pytest.mark.usefixtures("shared")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_loads_or_is_refused_with_a_reason(path: Path) -> None:
    models, diagnostics = check(path, classes=False)
    assert_told(diagnostics, path.read_bytes(), str(path))
    for model in models:
        assert_sound(model)
    known = servers(path)
    assert len(models) == len(known)
    assert bool(models) is not any(one.severity is Severity.FATAL for one in diagnostics)
    wrong = Counter(one.code for one in diagnostics if one.severity in {Severity.ERROR, Severity.FATAL})
    if path.name in EXPECTED:
        edition, number, codes = EXPECTED[path.name]
        assert (len(models), dict(wrong)) == (number, codes)
        assert all(str(read(path, ied=ied, access_point=point).edition) == edition for ied, point in known)
    refused = [pair for pair in known if strictly_refused(path, *pair)]
    assert bool(refused) is bool(wrong and known)


def strictly_refused(path: Path, ied: str, point: str) -> bool:
    try:
        read(path, ied=ied, access_point=point, strict=True)
    except SclError:
        return True
    return False


def test_there_are_files() -> None:
    assert len(FILES) >= 25


# --- by independent counts -------------------------------------------------------------------------------------------


def counts(server: etree._Element) -> tuple[int, int, int, int, int]:
    """Return devices, nodes, data objects, data sets and report controls of a Server element."""
    nodes = server.xpath("s:LDevice/s:LN0 | s:LDevice/s:LN", namespaces=S)
    root = server.getroottree()
    objects = sum(len(root.xpath("//s:LNodeType[@id=$id]/s:DO", namespaces=S, id=node.get("lnType"))) for node in nodes)
    return (
        len(server.xpath("s:LDevice", namespaces=S)),
        len(nodes),
        objects,
        len(server.xpath(".//s:DataSet", namespaces=S)),
        len(server.xpath(".//s:ReportControl", namespaces=S)),
    )


def counted(model: Model) -> tuple[int, int, int, int, int]:
    """Return the same of a model."""
    nodes = [node for device in model.devices.values() for node in device.nodes.values()]
    return (
        len(model.devices),
        len(nodes),
        sum(len(node.objects) for node in nodes),
        sum(len(node.data_sets) for node in nodes),
        sum(len(node.reports) for node in nodes),
    )


CLEAN = [path for path in FILES if path.parent == SCL and not EXPECTED.get(path.name, ("", 0, {}))[2]]


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.name)
def test_counts_of_files_without_errors(path: Path) -> None:
    root = etree.parse(path)
    for ied, point in servers(path):
        server = root.xpath("//s:IED[@name=$i]/s:AccessPoint[@name=$p]/s:Server", namespaces=S, i=ied, p=point)[0]
        assert counted(read(path, ied=ied, access_point=point, strict=True).model) == counts(server)


@pytest.mark.parametrize(
    ("name", "devices", "nodes", "reports"),
    [("osgp_Pampus.icd", 16, 76, 31), ("osgp_MarkerWadden.icd", 11, 99, 22)],
)
def test_counts_that_were_published(name: str, devices: int, nodes: int, reports: int) -> None:
    model = read(SCL / name, strict=True).model
    found = [node for device in model.devices.values() for node in device.nodes.values()]
    assert len(model.devices) == devices
    assert sum(node.ln_class != "LLN0" for node in found) == nodes
    assert sum(len(node.reports) for node in found) == reports


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.name)
def test_leaves_are_those_of_the_templates(path: Path) -> None:
    """Paths, basic types and constraints of every leaf, unfolded here a second time and in another way."""
    root = etree.parse(path)
    types = {
        kind: {one.get("id"): one for one in root.iterfind(f".//s:{kind}", S)}
        for kind in ("LNodeType", "DOType", "DAType")
    }

    def unfold(kind: str, id: str, path: str, fc: str) -> list[tuple[str, str, str]]:
        found = []
        for part in types[kind][id].iterchildren(etree.Element):
            name, below, fc_here = f"{path}.{part.get('name')}", part.get("type"), part.get("fc") or fc
            length = part.get("count", "0")
            if not length.isdecimal():
                continue  # lengths held by an attribute are tested on our own document
            if etree.QName(part).localname in {"DO", "SDO"}:
                names = [f"{name}({n})" for n in range(int(length))] or [name]
                found += [leaf for one in names for leaf in unfold("DOType", below, one, "")]
            elif part.get("bType") == "Struct":
                names = [f"{name}({n})" for n in range(int(length))] or [name]
                found += [leaf for one in names for leaf in unfold("DAType", below, one, fc_here)]
            elif part.get("bType"):
                found.append((name, part.get("bType"), fc_here))
        return found

    for ied, point in servers(path):
        wanted = []
        server = root.xpath("//s:IED[@name=$i]/s:AccessPoint[@name=$p]/s:Server", namespaces=S, i=ied, p=point)[0]
        for node in server.xpath("s:LDevice/*[self::s:LN0 or self::s:LN]", namespaces=S):
            device = node.getparent()
            name = f"{device.get('ldName') or ied + device.get('inst')}/"
            name += f"{node.get('prefix', '')}{node.get('lnClass')}{node.get('inst')}"
            wanted += unfold("LNodeType", node.get("lnType"), name, "")
        model = read(path, ied=ied, access_point=point).model
        found = [
            (str(reference.with_fc(None)), one.type.value if one.type else "", one.fc.value)
            for reference, one in leaves(model)
            if ".crvPts(" not in str(reference) or "annexD" not in path.name
        ]
        assert found == wanted


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.name)
def test_values_are_those_of_the_instances(path: Path) -> None:
    root = etree.parse(path)
    enums = {
        one.get("id"): {v.text or "": int(v.get("ord")) for v in one.iterfind("s:EnumVal", S)}
        for one in root.iterfind(".//s:EnumType", S)
    }
    checked = 0
    for ied, point in servers(path):
        model = read(path, ied=ied, access_point=point).model
        by_name = {str(reference.with_fc(None)): one for reference, one in leaves(model)}
        for val in root.xpath("//s:IED[@name=$i]//s:DAI/s:Val[not(@sGroup)]", namespaces=S, i=ied):
            steps = [one for one in val.iterancestors() if etree.QName(one).localname in {"DAI", "SDI", "DOI"}]
            names = [f"{one.get('name')}({one.get('ix')})" if one.get("ix") else one.get("name") for one in steps]
            node = steps[-1].getparent()
            device = node.getparent()
            start = f"{device.get('ldName') or ied + device.get('inst')}/"
            start += f"{node.get('prefix', '')}{node.get('lnClass')}{node.get('inst')}"
            leaf = by_name.get(".".join([start, *reversed(names)]))
            if leaf is None or leaf.type is None:
                continue
            checked += 1
            literals = enums.get(leaf.enum.id, {}) if leaf.enum else {}
            assert leaf.value == spelled(val.text or "", leaf.type, literals), (start, names)
    assert checked == len(root.xpath("//s:DAI/s:Val[not(@sGroup)]", namespaces=S))


def spelled(text: str, basic: BasicType, literals: dict[str, int]) -> DataValue:
    """Return what a text says, as a plain reader would take it."""
    if basic is BasicType.ENUM:
        return literals[text]
    if basic is BasicType.BOOLEAN:
        return text in {"true", "1"}
    if basic.value.startswith("INT"):
        return int(text)
    if basic.value.startswith("FLOAT"):
        return float(text)
    if basic is BasicType.DBPOS:
        return BitString(["intermediate", "off", "on", "bad"].index(text), 2)
    return text


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.name)
def test_data_sets_and_reports_are_those_of_the_file(path: Path) -> None:
    root = etree.parse(path)
    for ied, point in servers(path):
        model = read(path, ied=ied, access_point=point).model
        nodes = [node for device in model.devices.values() for node in device.nodes.values()]
        server = root.xpath("//s:IED[@name=$i]/s:AccessPoint[@name=$p]/s:Server", namespaces=S, i=ied, p=point)[0]
        members = [len(one.findall("s:FCDA", S)) for one in server.iterfind(".//s:DataSet", S)]
        assert [len(one.members) for node in nodes for one in node.data_sets.values()] == members
        elements = server.findall(".//s:ReportControl", S)
        reports = [report for node in nodes for report in node.reports.values()]
        for element, report in zip(elements, reports, strict=True):
            assert report.name == element.get("name")
            assert report.data_set == element.get("datSet", "")
            assert report.rpt_id == element.get("rptID", "")
            assert report.buffered is (element.get("buffered") == "true")
            assert report.integrity_period == int(element.get("intgPd", "0"))
            options = element.find("s:TrgOps", S)
            assert (Trigger.DATA_CHANGE in report.trigger) is (options is not None and options.get("dchg") == "true")
            enabled = element.find("s:RptEnabled", S)
            assert report.max_instances == int(enabled.get("max", "1") if enabled is not None else "1")


# --- facts of single files -------------------------------------------------------------------------------------------


def test_the_largest_file() -> None:
    """ABB REF615: 170 nodes in three devices, more than 10 000 attributes."""
    model = read(SCL / "abb_MNSREF615_1.cid", strict=True).model
    assert [(device.inst, len(device.nodes)) for device in model.devices.values()] == [
        ("LD0", 82),
        ("CTRL", 9),
        ("DR", 79),
    ]
    assert sum(1 for _ in leaves(model)) == 10_463


def test_values_of_setting_groups_of_a_real_file() -> None:
    model = read(SCL / "abb_MNSREF615_1.cid", strict=True).model
    grouped = [one for _, one in leaves(model) if one.groups]
    assert grouped
    assert all(one.value == one.groups[1] for one in grouped if one.groups)  # group 1 is active


def test_array_of_harmonics() -> None:
    model = read(SCL / "libiec61850_mhai_array.cid", strict=True).model
    members = model.devices["testComplexArray"].nodes["MHAI1"].data_sets["TestMHAI"].members
    assert [member.path[1:] for member in members] == [
        ("phsAHar(7)",),
        ("phsAHar(8)",),
        ("phsAHar(9)", "cVal"),
        ("phsAHar(10)", "cVal", "mag"),
        ("phsAHar(11)", "cVal", "mag", "f"),
    ]


# --- against the official schemas ------------------------------------------------------------------------------------


def test_official_schema_faults_are_told(shared: Path) -> None:
    """An edition 1 file held against the schema of edition 2.1: it says another version, among other things."""
    schema = shared / "reference" / "iec61850" / "scl-xsd" / "IEC_61850-6.2018.SCL.2007B4.full"
    loaded = read(SCL / "libiec61850_inverter3ph.icd", schema=schema)
    faults = [one for one in loaded.diagnostics if one.code == "SCL801"]
    assert faults
    assert all(one.line for one in faults)
    assert any("version" in one.message for one in faults)
    assert (
        read(SCL / "openscd_valid2007B4.scd", ied="IED1", schema=schema).diagnostics[0].severity is not Severity.FATAL
    )
