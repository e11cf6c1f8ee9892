"""The site file binds devices to tables, and says where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from janusgrid.common.data.point import Kind, ValueType
from janusgrid.common.data.site import load_site
from janusgrid.common.data.tables import Service
from janusgrid.common.errors import ConfigError, UnknownName
from janusgrid.common.resources import resource

SITE = """\
name: plant
domain: plant.example
ems: {jid: "ems@{domain}/IEC"}
openadr: {ven_name: plant, vtn: "vtn@{domain}/oadr", resource: plant}
devices:
- name: DG1
  table: iec61850/generator.csv
  address: {jid: "dg1@{domain}/IEC", ied: DG1}
  figures: {rating: 750}
- name: M1
  table: iec61850/meter.csv
  address: {jid: "m1@{domain}/IEC", ied: M1}
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "plant.yaml"
        path.write_text(text)
        return path

    return write


def test_the_shipped_site() -> None:
    site = load_site(resource("mappings/sites/microgrid.yaml"))
    assert (site.name, site.jid, site.ven.vtn) == (
        *("microgrid", "ems@microgrid.example/IEC"),
        "vtn@microgrid.example/openadr",
    )
    kinds = {
        device.name: (device.kind, device.figures.get("rating"), device.figures.get("energy"))
        for device in site.devices
    }
    assert kinds == {
        "DG750": ("generator", 750, None),
        "DG200": ("generator", 200, None),
        **{f"MT{n}": ("microturbine", 65, None) for n in (1, 2, 3)},
        "ESS500": ("battery", 500, 600),
        "HESS250": ("battery", 250, 272),
        "PV": ("pv", 160, None),
        "PCC": ("meter", None, None),
    }
    setpoints = [name for name, point in site.points.items() if point.kind is Kind.SETPOINT]
    assert setpoints == [f"der.{name}.p.set" for name in list(kinds)[:7]] + ["site.dispatch.p"]
    assert {binding.point.name for binding in site.ven.reports} == {f"der.{name}.p" for name in kinds} | {
        "der.PCC.load"
    }


def test_a_point_its_rows_and_its_device() -> None:
    site = load_site(resource("mappings/sites/microgrid.yaml"), domain="localhost")
    point = site.points["der.ESS500.p.set"]
    assert (point.type, point.unit.symbol, point.low, point.high) == (ValueType.FLOAT, "kW", -500.0, 500.0)
    (binding,) = site.bindings(point.name)
    assert binding.address == {"reference": "ESS500DER/DWGC1.WSpt.mxVal.f", "fc": "MX"}
    assert binding.offers(Service.OPERATE)
    assert binding.to_wire(-250) == -250_000.0
    device = site.device("ESS500")
    assert device.binding("p.set") is binding
    assert device.address["jid"] == "ess500@localhost/IEC"
    charge = device.binding("p.min")
    assert (charge.to_wire(-500), charge.from_wire(250_000.0)) == (500_000.0, -250.0)

    own, reported = site.bindings("der.PCC.p")
    assert (own.address["fc"], reported.address["rid"], reported.device) == ("MX", "PCC.p", "PCC")
    signal, delta = site.bindings("site.dispatch.p")
    assert (delta.address["signal_type"], delta.to_wire(1000), delta.from_wire(-1e6)) == ("delta", -1e6, 1000.0)
    assert (signal.address["signal"], signal.device, signal.to_wire(1000)) == ("LOAD_DISPATCH", "", 1000.0)
    (level,) = site.bindings("site.level")
    assert level.from_wire(2) == "high"


def test_what_is_not_there() -> None:
    site = load_site(resource("mappings/sites/microgrid.yaml"))
    for look in (lambda: site.device("DG9"), lambda: site.bindings("x"), lambda: site.device("PV").binding("p.set")):
        with pytest.raises(UnknownName):
            look()


def test_tables_beside_the_site_come_first(write: Write) -> None:
    path = write(SITE.replace("iec61850/meter.csv", "my.csv"))
    table = resource("mappings/iec61850/meter.csv").read_text().replace("{ied}MET", "{ied}MTR")
    (path.parent / "my.csv").write_text(table)
    site = load_site(path)
    assert site.device("M1").kind == "my"
    assert site.bindings("der.M1.p")[0].address["reference"] == "M1MTR/MMXU1.TotW.mag.f"


@pytest.mark.parametrize(
    ("old", "new", "where", "reason"),
    [
        ("figures:", "figurs:", "9:3", "$.devices[0]: 'figurs' is not known here; did you mean 'figures'?"),
        ("domain: plant.example\n", "", "1:1", "$: 'domain' is missing"),
        ("{rating: 750}", "{rating: lots}", "9:21", "$.devices[0].figures.rating: expected a number, not 'lots'"),
        ("name: M1", "name: DG1", "10:9", "$.devices[1].name: device 'DG1' is given twice, first at {f}:6:9"),
        ("m1@", "dg1@", "12:18", "$.devices[1].address.jid: jid 'dg1@plant.example/IEC' is given twice, first at"),
        ("ied: M1", "ied: DG1", "12:42", "$.devices[1].address.ied: ied 'DG1' is given twice, first at {f}:8:43"),
        ("name: M1", "name: M 1", "10:9", "$.devices[1].name: 'M 1' is not a name of letters, digits and '_'"),
        ("meter.csv", "metre.csv", "11:10", "$.devices[1].table: there is no table 'iec61850/metre.csv'"),
        ("vtn@{domain}/oadr", "vtn@{domain}", "4:33", "$.openadr.vtn: 'vtn@plant.example' is not a full JID"),
        ("ems@{domain}", "ems@{host}", "3:12", "$.ems.jid: {host} is not known here; only {domain} is"),
    ],
)  # fmt: skip
def test_a_typo_in_the_site_file(write: Write, old: str, new: str, where: str, reason: str) -> None:
    path = write(SITE.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert caught.value.where == f"{path}:{where}"
    assert caught.value.message.startswith(reason.replace("{f}", str(path)))


def test_a_figure_that_a_row_needs(write: Write) -> None:
    path = write(SITE.replace("figures: {rating: 750}", "figures: {ratng: 750}"))
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert caught.value.where == f"{path}:6:3"
    assert caught.value.message.startswith("$.devices[0]: high: {rating} is not given; is 'ratng' meant for it? (row ")
    assert "generator.csv:3" in caught.value.message


def test_a_fault_in_a_table_is_told_at_the_table(write: Write) -> None:
    path = write(SITE.replace("iec61850/meter.csv", "my.csv"))
    table = resource("mappings/iec61850/meter.csv").read_text().replace(",kW,", ",kVV,", 1)
    (path.parent / "my.csv").write_text(table)
    with pytest.raises(ConfigError, match="unknown unit 'kVV'") as caught:
        load_site(path)
    assert caught.value.where == f"{path.parent}/my.csv:2"


def test_tables_that_do_not_agree(write: Write) -> None:
    path = write(SITE.replace("resource: plant}", "resource: plant, reports: r.csv}"))
    text = resource("mappings/openadr/reports.csv").read_text()
    (path.parent / "r.csv").write_text(text.replace(",kW,telemetry", ",MW,telemetry", 1))
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert caught.value.where == f"{path.parent}/r.csv:2"
    assert "a float measurement in MW here, but a float measurement in kW at" in caught.value.message
    (path.parent / "r.csv").write_text(text.replace("der.{device}.load", "der.{device}.lode"))
    with pytest.raises(ConfigError, match=r"no device of plant\.yaml has a point 'der\.\{device\}\.lode'") as caught:
        load_site(path)
    assert caught.value.where == f"{path.parent}/r.csv:3"


def test_numbers_of_an_address_are_text_where_devices_are_told_apart(write: Write) -> None:
    text = SITE.replace("ied: M1}", "ied: M1, port: 502, poll: 0.5}")
    assert load_site(write(text)).device("M1").address == {
        "jid": "m1@plant.example/IEC",
        "ied": "M1",
        "port": "502",
        "poll": "0.5",
    }
    with pytest.raises(ConfigError, match="expected text or a number, not a list"):
        load_site(write(SITE.replace("ied: M1}", "ied: M1, port: [502]}")))


def test_who_is_above_and_below(write: Write) -> None:
    more = """below: {every: 1min, poll: 5s}
operator:
  clients: ["Operator@{domain}", "CN=scada"]
  ied: PLANT
  tables: iec61850/meter.csv
  listen: "[::1]:3782"
"""
    site = load_site(write(SITE + more))
    assert (site.below.vtn_id, site.below.every, site.below.poll) == (
        site.name, timedelta(minutes=1), timedelta(seconds=5),
    )  # fmt: skip
    operator = site.operator
    assert operator is not None
    assert operator.clients == (f"operator@{site.domain}", "CN=scada")
    assert (operator.ied, operator.listen, operator.rights) == ("PLANT", ("::1", 3782), None)
    assert [path.name for path in operator.tables] == ["meter.csv"]
    assert load_site(write(SITE)).operator is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("below: {every: 100ms}\n", "below.every: is a whole number of seconds, one at least"),
        ("operator: {ied: X}\n", "'clients' is missing"),
        ("operator: {clients: [a], listen: 102}\n", "listen"),
        ("operator: {clients: [a], listen: nowhere}\n", "'nowhere' is not HOST:PORT"),
        ("operator: {clients: [a], tables: x.csv}\n", "there is no table 'x.csv'"),
        ("operator: {clients: [a], rights: x.yaml}\n", "there is no file 'x.yaml'"),
    ],
)
def test_faults_of_who_is_above_and_below(write: Write, more: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_site(write(SITE + more))
    assert said in str(caught.value)


def test_a_site_without_a_utility(write: Write) -> None:
    text = "\n".join(line for line in SITE.splitlines() if not line.startswith("openadr"))
    site = load_site(write(text))
    assert (site.ven.vtn, site.ven.reports) == ("", ())
    assert site.jids == ("ems@plant.example/IEC", "dg1@plant.example/IEC", "m1@plant.example/IEC")
