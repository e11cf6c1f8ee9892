"""`janusgrid map`: what people see of tables and points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.common.data.schema import site_schema
from janusgrid.common.data.site import load_site
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.common.resources import resource
from janusgrid.ems.explain import explain
from janusgrid.iec61850.scl import check

from ..common.data.tables import SHIPPED, shown

ROW = "x,measurement,float,kW,{ied}DER/MMXU1.TotW.mag.f,MX,float32,W,,,,read,,,\n"
HEADER = (
    "point,kind,type,unit,reference,fc,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description\n"
)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["map", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def shown_as_json(*arguments: str) -> Any:
    code, text = run(*arguments, "--json")
    assert code in (0, 1)
    return json.loads(text)


def test_what_comes_along_is_right_and_listed() -> None:
    names = [shown(path) for path in SHIPPED] + [f"sites/{name}.yaml" for name in ("microgrid", "reserve")]
    code, text = run("check", *names)
    assert code == 0, text
    assert "iec61850/switch.csv: 10 rows (IEC 61850), 0 faults" in text
    assert "sites/microgrid.yaml: 9 devices, 57 points, 0 faults" in text
    assert {row["name"] for row in shown_as_json("show")} >= set(names)


def test_faults_have_their_line_and_advice_is_none(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(HEADER + ROW.replace("TotW", "TotX") + ROW.replace("x,", "y,", 1).replace(",MX,", ",ST,"), "utf-8")
    code, text = run("check", str(table))
    assert code == 1
    assert f"{table}:2: MMXU has no data object TotX (there is TotW" in text
    assert f"{table}:3: IEDDER/MMXU1.TotW.mag.f has functional constraint MX, not ST" in text
    assert text.endswith(f"{table}: 2 rows (IEC 61850), 2 faults\n")
    (found,) = shown_as_json("check", str(table))
    assert (found["valid"], [fault["where"] for fault in found["faults"]]) == (False, [f"{table}:2", f"{table}:3"])

    signals = tmp_path / "s.csv"
    text = resource("mappings/openadr/signals.csv").read_text(encoding="utf-8")
    signals.write_text(text.replace("LOAD_DISPATCH,delta", "LOAD_DISPATCH,price"), "utf-8")
    code, text = run("check", str(signals))
    assert code == 0
    assert f"{signals}:3: advice: LOAD_DISPATCH is usually one of setpoint, delta" in text


def test_tables_of_field_devices_are_shown_to_their_drivers(tmp_path: Path) -> None:
    for name, old, new, reason in (
        ("modbus/sunspec-der.csv", ",701.W,", ",701.X,", "model 701 has no 'X'"),
        ("openadr/ven.csv", ",LOAD_DISPATCH,", ",LOAD_DISPACH,", "did you mean 'LOAD_DISPATCH'?"),
        ("openadr/ven.csv", ",LOAD_DISPATCH,", ",,", "a row of a VEN has one of rid, signal and about, not none"),
        ("opcua/pv-site.csv", "s=OPCGroup1.Ambient", "x=OPCGroup1.Ambient", "'x=OPCGroup1.Ambient_Temp' is no node"),
    ):
        table = tmp_path / Path(name).name
        table.write_text(resource(f"mappings/{name}").read_text(encoding="utf-8").replace(old, new), "utf-8")
        code, text = run("check", str(table))
        assert code == 1
        assert text.startswith(f"{table}:3: ")
        assert reason in text


def test_a_table_that_cannot_be_read_is_told_with_all_its_faults(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(HEADER + ROW.replace("kW", "kw") + ROW.replace("MX,float32", "MX,float"), "utf-8")
    code, text = run("check", str(table))
    assert (code, text.count(f"{table}:")) == (1, 3)
    assert text.endswith(f"{table}: cannot be loaded, 2 faults\n")


def test_a_table_and_a_site_are_shown() -> None:
    code, text = run("show", "iec61850/battery")
    assert code == 0
    lines = text.splitlines()
    assert " ".join(lines[1].split()) == "point kind type unit address wire services limits description"
    assert next(line for line in lines if line.startswith("p.set ")).split()[1:4] == ["setpoint", "float", "kW"]
    rows = {row["point"]: row for row in shown_as_json("show", "microgrid")}
    assert rows["der.PCC.p"]["ways"] == "IEC 61850, OpenADR report"
    assert rows["der.DG750.p.set"]["limits"] == "0 to 750"
    assert len(rows) == 57


def test_a_point_is_explained_in_both_directions() -> None:
    code, text = run("explain", "microgrid", "der.ESS500.p.min")
    assert code == 0
    assert "from -500 kW to 0 kW" in text
    assert "from the wire the value in W × -0.001" in text
    assert "to the wire   the value in kW × -1000" in text
    assert "for example   -125 kW → 125000 W on the wire → -125 kW" in text
    assert "reference     ESS500DER/DSTO1.ChaWMax.setMag.f" in text
    assert "jid           ess500@microgrid.example/IEC" in text
    assert "write         SetDataValues" in text
    found = shown_as_json("explain", "reserve", "site.dispatch.part")
    (way,) = found["ways"]
    assert (found["unit"], found["low"], found["high"]) == ("%", 0, 100)
    assert way["example"] == {"value": 100, "wire": 1, "back": 100}
    assert (way["protocol"], way["address"]["signal"]) == ("OpenADR event", "SIMPLE")
    assert "oadrDistributeEvent" in way["services"]["operate"]


@pytest.mark.parametrize("name", ["microgrid", "reserve"])
def test_every_point_has_an_example_that_comes_back(name: str) -> None:
    site = load_site(resource(f"mappings/sites/{name}.yaml"))
    for point in site.points:
        for way in explain(site, point).ways:
            turn = way.example
            assert turn is not None, point
            assert turn.back == (pytest.approx(turn.value) if isinstance(turn.value, float) else turn.value)
            assert all(way.services.values()), (point, way)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("show", "iec61850/batery"), "there is no table or site 'iec61850/batery'; did you mean iec61850/batte"),
        (("show", "zzz"), "`janusgrid map show` lists those of the program"),
        (("explain", "microgrid", "der.DG750.pset"), "microgrid has no point 'der.DG750.pset'; did you mean der.DG"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_known_has_near_ones(arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(UnknownName) as caught:
        run(*arguments)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("check", "."), "'.' is a folder; name a table or site file in it"),
        (("explain", "iec61850/chp.csv", "p"), "'iec61850/chp.csv' is a table; name a site file with a device of it"),
        (("cid", "iec61850/chp"), "(`janusgrid map show iec61850/chp`)"),
    ],
)
def test_what_is_no_table_or_no_site_is_told(arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(LocalError) as caught:
        run(*arguments)
    assert reason in str(caught.value)


def test_the_schema_is_the_one_that_is_shipped() -> None:
    code, text = run("schema")
    assert code == 0
    assert json.loads(text) == site_schema()
    assert text == resource("schemas/site.json").read_text(encoding="utf-8")


def test_a_server_made_from_tables_is_written_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ESS500.cid"
    assert run("cid", "microgrid", "ESS500", "-o", str(file)) == (0, "")
    models, diagnostics = check(file)
    assert diagnostics == ()
    assert [list(model.devices) for model in models] == [["ESS500DER"]]
    code, text = run("cid", "microgrid")
    (model,), diagnostics = check(text.encode())
    assert (code, diagnostics) == (0, ())
    assert list(model.devices)[:2] == ["EMSDG200DER", "EMSDG750DER"]
    with pytest.raises(UnknownName, match="DG750"):
        run("cid", "microgrid", "DG75")
