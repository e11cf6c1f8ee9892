"""A site that inherits another: what is given anew counts, the rest is there, and a fault is told where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.data.site import Site, load_site
from janusgrid.common.data.sitefile import assembled
from janusgrid.common.errors import ConfigError
from janusgrid.common.resources import resource

MICROGRID = load_site(resource("mappings/sites/microgrid.yaml"))


@pytest.fixture
def heir(tmp_path: Path) -> Path:
    return tmp_path / "heir.yaml"


def load(path: Path, text: str, **more: str) -> Site:
    path.write_text(text, encoding="utf-8")
    for name, content in more.items():
        (path.parent / f"{name}.yaml").write_text(content, encoding="utf-8")
    return load_site(path)


def refused(path: Path, text: str, **more: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, text, **more)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_nothing_else_is_the_same_site(heir: Path) -> None:
    site = load(heir, "inherits: microgrid.yaml\n")
    assert (site.name, site.domain, site.jid) == ("microgrid", "microgrid.example", MICROGRID.jid)
    assert [(d.name, d.kind, d.address, d.figures, d.cid) for d in site.devices] == [
        (d.name, d.kind, d.address, d.figures, d.cid) for d in MICROGRID.devices
    ]
    assert site.points.keys() == MICROGRID.points.keys()


def test_what_is_given_anew_counts(heir: Path) -> None:
    site = load(
        heir,
        """\
inherits: microgrid.yaml
name: reserve
domain: reserve.example
openadr:
  resource: pool
  signals: [openadr/signals-reserve.csv]
  figures: { contract: 1000 }
without: [MT3, HESS250]
devices:
  - name: DG750
    figures: { rating: 700, t95: 300 }
  - name: MT9
    table: iec61850/microturbine.csv
    address: { jid: "mt9@{domain}/IEC", ied: MT9 }
    figures: { rating: 65 }
""",
    )
    assert (site.name, site.ven.resource, site.ven.name) == ("reserve", "pool", "microgrid")
    assert site.ven.figures == {"contract": 1000}
    assert [device.name for device in site.devices] == ["DG750", "DG200", "MT1", "MT2", "ESS500", "PV", "PCC", "MT9"]
    first = site.device("DG750")
    assert (first.figures, first.address["ied"]) == ({"rating": 700, "t95": 300}, "DG750")
    assert (first.jid, first.cid) == ("dg750@reserve.example/IEC", MICROGRID.device("DG750").cid)
    assert site.points["der.DG750.p.set"].high == 700
    assert {bound.point.name for bound in site.ven.signals} >= {"site.dispatch.p", "site.dispatch.part"}
    assert "der.MT9.p" in {bound.point.name for bound in site.ven.reports}


def test_several_tables_and_a_chain_of_sites(heir: Path) -> None:
    text = (
        "inherits: middle.yaml\n"
        "openadr: { signals: [openadr/signals-reserve.csv], reports: [openadr/reports.csv, own.csv] }\n"
    )
    reports = resource("mappings/openadr/reports.csv").read_text(encoding="utf-8").splitlines()
    own = f"{reports[0]}\n{reports[1].replace('{device}.p,u', '{device}.again,u')}\n"
    (heir.parent / "own.csv").write_text(own, encoding="utf-8")
    site = load(heir, text, middle="inherits: microgrid.yaml\nwithout: [PV]\n")
    rids = {bound.address["rid"] for bound in site.ven.reports}
    assert {"DG750.p", "DG750.again", "PCC.load"} <= rids
    assert "PV.p" not in rids
    assert len(site.bindings("der.DG750.p")) == 3


def test_a_device_that_is_left_out_and_given_anew_inherits_nothing(heir: Path) -> None:
    text = "inherits: microgrid.yaml\nwithout: [PV]\ndevices: [{name: PV, table: iec61850/pv.csv, address: {ied: X}}]\n"
    pv = load(heir, text).device("PV")
    assert (pv.address, pv.figures, pv.cid) == ({"ied": "X"}, {}, None)


def test_each_value_knows_its_file(heir: Path) -> None:
    heir.write_text("inherits: microgrid.yaml\ndevices:\n  - name: PV\n    description: Roofs\n", encoding="utf-8")
    document = assembled(heir)
    index = [device["name"] for device in document.data["devices"]].index("PV")
    assert document.where("devices", index, "description") == f"{heir}:4:18"
    assert document.file("devices", index, "table") == resource("mappings/sites/microgrid.yaml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("inherits: micro.yaml\n", "heir.yaml:1:11: $.inherits: there is no site file 'micro.yaml'; did you mean"),
        ("inherits: heir.yaml\n", "heir.yaml:1:11: $.inherits: a site cannot inherit itself: heir.yaml → heir.yaml"),
        ("inherits: 5\n", "heir.yaml:1:1: $: 'name' is missing"),
        ("inherits: microgrid.yaml\nwithout: [MT7]\n",
         "heir.yaml:2:11: $.without[0]: the site inherited has no device 'MT7'; did you mean 'MT3'?"),
        ("name: x\nwithout: [MT7]\n", "heir.yaml:2:10: $.without: there is nothing to leave out: this site inherits"),
        ("inherits: microgrid.yaml\nwithout: MT1\n", "heir.yaml:2:10: $.without: expected a list, not 'MT1'"),
        ("inherits: microgrid.yaml\ndevices: {name: x}\n", "heir.yaml:2:10: $.devices: expected a list, not a mapping"),
        ("inherits: microgrid.yaml\ndevices: [x]\n", "heir.yaml:2:11: $.devices[9]: expected a mapping, not 'x'"),
        ("inherits: microgrid.yaml\ndevices: [{name: X}]\n",
         "heir.yaml:2:11: $.devices[0]: a new device needs a table, and 'X' is none of the site inherited"),
        ("inherits: microgrid.yaml\ndevices: [{name: PV, tabel: x}]\n",
         "heir.yaml:2:22: $.devices[7]: 'tabel' is not known here; did you mean 'table'?"),
        ("inherits: microgrid.yaml\ndevices: [{name: PV}, {name: PV, table: iec61850/pv.csv}]\n",
         "heir.yaml:2:30: $.devices[9].name: device 'PV' is given twice, first at heir.yaml:2:18"),
        ("inherits: microgrid.yaml\nopenadr: {signals: 5}\n",
         "heir.yaml:2:20: $.openadr.signals: expected a name or a list of names, not 5"),
        ("inherits: microgrid.yaml\nopenadr: {signals: [openadr/signal.csv]}\n",
         "heir.yaml:2:21: $.openadr.signals[0]: there is no table 'openadr/signal.csv'; did you mean 'openadr/signals"),
        ("inherits: microgrid.yaml\nopenadr: {signals: [openadr/signals.csv, openadr/signals.csv]}\n",
         "heir.yaml:2:42: $.openadr.signals[1]: table 'openadr/signals.csv' is named twice"),
        ("inherits: microgrid.yaml\nopenadr: {signals: [openadr/signals.csv, openadr/signals-reserve.csv]}\n",
         "signals-reserve.csv:2: address 'LOAD_DISPATCH, delta, powerReal' is given twice, first at"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_stands(heir: Path, text: str, fault: str) -> None:
    assert fault in refused(heir, text)


def test_a_mistake_of_the_site_inherited_is_told_there(heir: Path) -> None:
    found = refused(heir, "inherits: base.yaml\nname: x\n", base="inherits: microgrid.yaml\ndomian: y\n")
    assert found == "base.yaml:2:1: $: 'domian' is not known here; did you mean 'domain'?"


def test_every_fault_of_a_site_is_told(heir: Path) -> None:
    text = """\
inherits: microgrid.yaml
ems: { jid: "ems@{domain}" }
openadr: { vtn: nobody }
devices:
  - { name: DG750, cid: no.cid }
  - { name: PV, table: iec61850/pw.csv }
  - { name: PCC, address: { ied: DG200 } }
"""
    heir.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_site(heir)
    faults = caught.value.faults
    assert [str(fault).removeprefix(f"{heir}:").split(":")[0] for fault in faults] == ["2", "5", "6", "7", "3"]
    assert len(str(caught.value).splitlines()) == 5
