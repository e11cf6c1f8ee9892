"""The class tables: what they say is what the namespace files say, read here a second time and in another way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from janusgrid.common.errors import ConfigError, UnknownName
from janusgrid.common.resources import resource
from janusgrid.iec61850.acsi.references import FC
from janusgrid.iec61850.model.classes import EDITION_1, FILES, ClassTables, Kind, Part, class_tables, first_edition
from janusgrid.iec61850.model.derive import SOURCES, derive, main
from janusgrid.iec61850.model.nodes import Trigger
from janusgrid.iec61850.model.presence import CONTEXT, GROUPS, UNJUDGED
from lxml import etree

TABLES = class_tables()
DIRECTORY = resource("schemas/iec61850/classes")
N = "{http://www.iec.ch/61850/2016/NSD}"


@pytest.fixture(scope="module")
def nsd(shared: Path) -> Path:
    return shared / "reference" / "iec61850" / "nsd"


@pytest.fixture(scope="module")
def roots(nsd: Path) -> dict[str, etree._Element]:
    return {name: etree.parse(nsd / file).getroot() for name, file in SOURCES.items()}


# --- derived, and equal ----------------------------------------------------------------------------------------------


def test_the_tables_are_what_the_command_makes(nsd: Path, tmp_path: Path) -> None:
    assert main([str(nsd), str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.txt" for name in FILES)
    for name in FILES:
        assert (tmp_path / f"{name}.txt").read_text() == (DIRECTORY / f"{name}.txt").read_text()


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(tmp_path), str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "usage: python -m janusgrid.iec61850.model.derive NSD_DIR" in said
    assert "IEC_61850-7-2_2007B5.nsd: cannot read" in said
    with pytest.raises(ConfigError):
        derive(tmp_path, tmp_path)


def test_the_tables_hold_no_texts_of_the_files() -> None:
    for name in FILES:
        text = (DIRECTORY / f"{name}.txt").read_text()
        assert "descID" not in text
        assert "titleID" not in text


def test_every_logical_node_class(roots: dict[str, etree._Element]) -> None:
    checked = 0
    for table in ("7-4", "7-420"):
        for element in roots[table].iter(f"{N}LNClass", f"{N}AbstractLNClass"):
            found = TABLES.ln_class(element.get("name"))
            extension = element.get("isExtension") == "true"
            assert found.abstract is element.tag.endswith("AbstractLNClass")
            assert extension or (found.base, found.namespace.partition(":")[0]) == (
                element.get("base", ""),
                f"IEC 61850-{table}",
            )
            for rule in element.iter(f"{N}DataObject"):
                ours = found.objects[rule.get("name")]
                assert ours.cdc == rule.get("type")
                assert ours.underlying == rule.get("underlyingType", "")
                assert (ours.presence.condition, ours.derived.condition) == (
                    rule.get("presCond"),
                    rule.get("dsPresCond"),
                )
                assert ours.presence.argument == rule.get("presCondArgs", "").replace(" ", "")
                assert ours.transient is (rule.get("transient") == "true")
                assert ours.deprecated is (rule.get("deprecated") == "true")
                assert ours.base == element.get("name")
                checked += 1
            if not extension and found.base:
                assert TABLES.ln_class(found.base).objects.keys() <= found.objects.keys()
    assert checked == 1431 + 852


def test_every_common_data_class(roots: dict[str, etree._Element]) -> None:
    checked = 0
    for element in roots["7-3"].iter(f"{N}CDC"):
        found = TABLES.cdc(element.get("name"), FC(element.get("variant", "SP")))
        parts = [*element.iter(f"{N}SubDataObject", f"{N}DataAttribute")]
        assert list(found.parts) == [part.get("name") for part in parts]
        assert found.statistics is (element.get("statistics") == "true")
        assert found.deprecated is (element.get("deprecated") == "true")
        control = element.find(f"{N}ServiceParameter")
        assert (found.control is None) is (control is None)
        if control is not None and found.control is not None:
            assert found.control.type == control.get("type", "")
        for part in parts:
            ours = found.parts[part.get("name")]
            same_part(ours, part)
            assert (ours.fc.value if ours.fc else None) == part.get("fc")
            assert (ours.kind is Kind.OBJECT) is part.tag.endswith("SubDataObject")
            checked += 1
    assert checked == 903 + 22


def same_part(ours: Part, part: etree._Element) -> None:
    kinds = {"ENUMERATED": Kind.ENUMERATED, "CONSTRUCTED": Kind.STRUCTURE}
    assert ours.type.removeprefix("?") == part.get("type", "")
    assert ours.kind in (kinds.get(part.get("typeKind", "BASIC"), Kind.BASIC), Kind.OBJECT)
    assert ours.presence.condition == part.get("presCond")
    assert ours.presence.argument == part.get("presCondArgs", "")
    triggers = {"dchg": Trigger.DATA_CHANGE, "qchg": Trigger.QUALITY_CHANGE, "dupd": Trigger.DATA_UPDATE}
    for name, trigger in triggers.items():
        assert (trigger in ours.trigger) is (part.get(name) == "true")
    assert ours.size == part.get("sizeAttribute", "")
    assert ours.default == part.get("defaultValue", "")
    low, _, high = ours.limits.partition("..")
    assert (low, high) == (part.get("minValue", ""), part.get("maxValue", ""))


def test_every_structure_and_service_part(roots: dict[str, etree._Element]) -> None:
    checked = 0
    for root in roots.values():
        for element in root.iter(f"{N}ConstructedAttribute", f"{N}ServiceConstructedAttribute"):
            ours = TABLES.structure(element.get("name"))
            parts = [*element.iter(f"{N}SubDataAttribute")]
            assert list(ours) == [part.get("name") for part in parts]
            for part in parts:
                same_part(ours[part.get("name")], part)
                checked += 1
    assert checked == 2 + 40 + 20
    for element in roots["8-1"].iter(f"{N}ServiceCDC"):
        ours = TABLES.service_parts(element.get("cdc"))
        for part in element:
            assert ours[part.get("name")].under == part.get("underlyingType", "")
            assert ours[part.get("name")].presence.condition == part.get("presCond")
    assert list(TABLES.structure("PhyComAddr")) == ["Addr", "PRIORITY", "VID", "APPID"]


def test_every_enumeration_type_and_constraint(roots: dict[str, etree._Element]) -> None:
    checked = 0
    for root in roots.values():
        for element in root.iter(f"{N}Enumeration"):
            wanted = {one.get("name"): int(one.get("literalVal")) for one in element.iter(f"{N}Literal")}
            assert wanted.items() <= TABLES.enumeration(element.get("name")).ordinals.items()
            checked += len(wanted)
    assert checked == 111 + 233 + 334 + 366
    assert list(TABLES.basic_types()) == [one.get("name") for one in roots["7-2"].iter(f"{N}BasicType")]
    constraints = TABLES.constraints()
    assert len(constraints) == 13
    for root in roots.values():
        for element in root.iter(f"{N}FunctionalConstraint"):
            services = {one.get("name") for one in element.iter(f"{N}Service")}
            blocks = {one.get("cb") for one in element.iter(f"{N}DataSetMemberOf")}
            assert constraints[element.get("abbreviation")] == (services, blocks)


def test_every_presence_condition_is_judged_or_listed(roots: dict[str, etree._Element]) -> None:
    conditions = {one.get("name") for root in roots.values() for one in root.iter(f"{N}PresenceCondition")}
    own = {"M", "O", "F", "na", "Mmulti", "Omulti", "MF", "MO", "OM", "FM", "OF", "MmultiF"}
    assert conditions == own | GROUPS | set(CONTEXT) | UNJUDGED


# --- without the files -----------------------------------------------------------------------------------------------


def test_what_is_asked_for_by_name() -> None:
    assert TABLES.ln_class("MMXU").objects["TotW"].cdc == "MV"
    assert TABLES.cdc("MV").parts["mag"].fc is FC.MX
    assert TABLES.enumeration("HealthKind").ordinals["Warning"] == 2
    assert TABLES.ln_class("MMXU").objects["PQSt"].namespace == "IEC 61850-7-420:2019A4"
    assert TABLES.cdc("ASG", FC.SG).parts["setMag"].fc is FC.SG
    assert TABLES.cdc("ASG", FC.SG).parts["units"].fc is FC.CF
    assert "DWGC" in TABLES
    assert "DomainLN" not in TABLES
    assert len(TABLES.ln_classes()) == 165 + 50 - 2
    assert len(TABLES.cdcs()) == 52
    assert "AnalogueValue" in TABLES.structures()


def test_every_name_leads_somewhere() -> None:
    open_ones = {"EnumDA", "PhyComAddrL2", "PhyComAddrUDP", ""}  # EnumDA is the device's own
    open_ones |= {"GridConnectStateKind", "GridConnectModeKind", "DERGeneratorStateKind", "AncillaryServiceKind"}
    # named by deprecated data objects of 7-420, and in no namespace file
    known = {*TABLES.enumerations(), *TABLES.structures(), *TABLES.basic_types()} | open_ones
    for name in TABLES.cdcs():
        for setting in (FC.SP, FC.SG, FC.SE):
            for part in TABLES.cdc(name, setting).parts.values():
                assert part.type in {*known, *TABLES.cdcs(), "?"}, (name, part)
                assert not part.size or part.size in TABLES.cdc(name).parts
    for ln_class in TABLES.ln_classes():
        for rule in TABLES.ln_class(ln_class).objects.values():
            assert rule.cdc in {*TABLES.cdcs(), "SCR"}  # of a draft, in no namespace file
            assert rule.underlying in known, rule


def test_numbers_are_for_what_can_be_several() -> None:
    ggio = TABLES.ln_class("GGIO")
    assert ggio.rule("AnIn12") is ggio.objects["AnIn"]
    assert ggio.rule("Beh") is ggio.objects["Beh"]
    assert ggio.rule("Beh1") is None
    assert ggio.rule("Nothing") is None


@pytest.mark.parametrize("ask", [TABLES.cdc, TABLES.ln_class, TABLES.enumeration, TABLES.structure])
def test_a_name_that_is_not_there(ask: object) -> None:
    with pytest.raises(UnknownName, match="'Nothing' is no"):
        ask("Nothing")  # type: ignore[operator]
    assert TABLES.service_parts("MV") == {}


def test_the_first_edition_is_kept_apart_and_marked() -> None:
    names = ["DRCT", "DRCC", "DRCS", "DRAT", "DGEM", "DGEN", "DSCC", "DSCH", "ZINV", "ZBTC"]
    assert set(first_edition().ln_classes()) == set(names)
    assert [name for name in names if name in TABLES] == ["DGEN"]
    assert "SECOND-HAND" in (DIRECTORY / f"{EDITION_1}.txt").read_text()
    assert first_edition().namespaces == {"edition-1": "IEC 61850-7-420:2009"}


def test_another_directory(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("# ours\nnamespace Ours:2026\n\nclass XOWN\nFoo SPS M O\n")
    own = ClassTables(tmp_path, ("own",)).ln_class("XOWN")
    assert (own.namespace, list(own.objects)) == ("Ours:2026", ["Foo"])


def test_nothing_is_read_before_it_is_asked_for() -> None:
    """Whoever reads a file without judging its classes pays nothing for the tables."""
    program = (
        "import sys, janusgrid.iec61850.scl as s; s.read(sys.argv[1]); from janusgrid.iec61850.model import classes; "
    )
    program += "print(classes.class_tables.cache_info().currsize)"
    cid = str(resource("mappings/sites/microgrid/DG750.cid"))
    said = subprocess.run([sys.executable, "-c", program, cid], capture_output=True, text=True, check=True)
    assert said.stdout == "0\n"
