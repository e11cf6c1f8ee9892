"""Models made from tables alone: what the class tables add, what they refuse, and that other clients find it all."""

from __future__ import annotations

import pytest
from janusgrid.common.data.site import load_site
from janusgrid.common.data.unit import UNITS, convert, unit
from janusgrid.common.errors import ConfigError
from janusgrid.common.resources import resource
from janusgrid.iec61850 import Server
from janusgrid.iec61850.access import model_of, model_of_device
from janusgrid.iec61850.access.check import disagreements
from janusgrid.iec61850.access.modelling import MOST_MEMBERS
from janusgrid.iec61850.access.units import si_unit
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.model.classes import class_tables
from janusgrid.iec61850.model.nodes import Attribute, DataObject, Model
from janusgrid.iec61850.scl import check, read, write_cid

from tests.iec61850.scsm81 import peers
from tests.iec61850.scsm81.test_real_files import Expected, flat

from .rows import BREAKER, HEALTH, LIMIT, POWER, PV_SITE, TARGET, bound, generator

NOT_WRITTEN = {
    "", "Ah", "mAh", "kAh", "MAh", "GAh", "d", "degF", "rpm", "km/h", "1/h", "%/h", "W/min", "kW/min", "MW/min", "%/s",
    "%/min", "thm", "l", "m3/h", "l/min", "l/h", "bar", "kg/s", "kg/h",
}  # fmt: skip
"""Units for which the standard has no SI unit with a power of ten."""

SITE = load_site(resource("mappings/sites/microgrid.yaml"))


def value(model: Model, text: str) -> object:
    found = model.find(Reference.parse(text))
    assert isinstance(found, Attribute), text
    return found.value


def data(model: Model, text: str) -> DataObject:
    found = model.find(Reference.parse(text))
    assert isinstance(found, DataObject), text
    return found


# --- what is made -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", SITE.devices, ids=lambda device: device.name)
def test_every_device_of_the_site_needs_no_file(device: object) -> None:
    model = model_of_device(device)  # type: ignore[arg-type]
    assert list(disagreements(model, device.bindings)) == []  # type: ignore[attr-defined]
    text = write_cid(model).encode()
    _, diagnostics = check(text)
    assert diagnostics == ()
    again = read(text).model
    assert again.addresses == {"JID": device.jid}  # type: ignore[attr-defined]
    assert write_cid(again).encode() == text


def test_what_is_not_known_yet_has_a_code_that_its_table_names() -> None:
    model = model_of_device(SITE.device("DG750"))
    assert value(model, "DG750DER/DGEN1.DEROpSt.stVal") == 98  # unknown
    assert value(model, "DG750DER/LPHD1.PhyHealth.stVal") == 1  # the first of them


def test_a_photovoltaic_site_of_nodes_of_its_classes() -> None:
    model = model_of("PLANT", bound(*PV_SITE, ied="PLANT"), addresses={"IP": "192.0.2.1"})
    _, diagnostics = check(write_cid(model).encode())
    assert diagnostics == ()
    (device,) = model.devices.values()
    assert (device.name, device.inst) == ("PLANTPV", "PV")
    assert [node.ln_class for node in device.nodes.values()] == [
        *("LLN0", "LPHD", "MMDC", "DPVM", "DPVA", "DPVC", "MMXU", "MMTR", "MMET"),
    ]
    voltage = data(model, "PLANTPV/MMXU1.PhV")
    assert list(voltage.children) == ["phsA", "phsB"], "only the phases of the table"
    assert list(device.nodes["LLN0"].data_sets) == ["Der", "Metering"]
    assert data(model, "PLANTPV/DPVA1.Typ").cdc == "ENG", "mandatory in its class"


def test_units_scales_limits_and_meaning_are_in_the_model() -> None:
    model = model_of("X", [*generator(), *bound(*PV_SITE)])
    units = class_tables().enumeration("SIUnitKind").ordinals
    assert value(model, "XDER/MMXU1.TotW.units.SIUnit") == units["W"]
    assert value(model, "XDER/MMXU1.TotW.units.multiplier") == 0
    assert value(model, "XPV/MMXU1.PhV.phsA.units.SIUnit") == units["V"]
    assert value(model, "XPV/MMET1.EnvTmp.units.SIUnit") == units["°C"]
    assert value(model, "XPV/MMET1.HorInsol.sVC.scaleFactor") == pytest.approx(0.1)
    assert value(model, "XPV/MMTR1.SupWh.pulsQty") is None or value(model, "XPV/MMTR1.SupWh.pulsQty") == 1.0
    assert value(model, "XPV/MMTR1.DmdWh.pulsQty") == pytest.approx(10.0)
    assert value(model, "XDER/DWGC1.WSpt.maxVal.f") == 100_000.0
    assert value(model, "XDER/DWGC1.WSpt.minVal.f") == 0.0
    assert value(model, "XDER/MMXU1.TotW.d") == "Active power"


def test_a_command_has_the_control_model_of_its_row() -> None:
    model = model_of("X", bound(TARGET, BREAKER))
    target, breaker = data(model, "XDER/DWGC1.WSpt"), data(model, "XDER/XCBR1.Pos")
    ordinals = class_tables().enumeration("CtlModelKind").ordinals
    assert value(model, "XDER/DWGC1.WSpt.ctlModel") == ordinals["sbo-with-enhanced-security"]
    assert {"SBOw", "Oper", "Cancel", "stSeld", "sboTimeout"} <= target.children.keys()
    assert isinstance(operate := target.children["Oper"], Attribute)
    assert "operTm" in operate.children
    assert value(model, "XDER/XCBR1.Pos.ctlModel") == ordinals["direct-with-normal-security"]
    assert isinstance(operate := breaker.children["Oper"], Attribute)
    assert "operTm" not in operate.children
    assert model.services["TimerActivatedControl"] == {}


def test_only_what_the_table_says_is_set_by_clients() -> None:
    model = model_of("X", bound(LIMIT, POWER))
    settable = {
        f"{node.name}.{data.name}.{child.name}"
        for device in model.devices.values()
        for node in device.nodes.values()
        for data in node.objects.values()
        for child in data.attributes()
        for leaf in child.leaves()
        if leaf.settable
    }
    assert settable == {"DGEN1.WMax.setMag"}


def test_a_large_group_has_several_data_sets() -> None:
    line = "in{n},measurement,float,,{{ied}}DER/GGIO1.AnIn{n}.mag.f,MX,float32,,,,,read report,,,,,"
    model = model_of("X", bound(*(line.format(n=n) for n in range(1, 2 * MOST_MEMBERS + 2))))
    lln0 = model.devices["XDER"].nodes["LLN0"]
    assert {name: len(one.members) for name, one in lln0.data_sets.items()} == {
        "Generic1": MOST_MEMBERS, "Generic2": MOST_MEMBERS, "Generic3": 1,
    }  # fmt: skip
    assert {one.data_set for one in lln0.reports.values()} == set(lln0.data_sets)


def test_a_logical_device_may_have_a_name_of_its_own() -> None:
    own = POWER.replace("{ied}DER", "Roof")
    model = model_of("X", bound(own, POWER.replace("p,", "q,", 1)))
    assert {device.name: device.inst for device in model.devices.values()} == {"Roof": "Roof", "XDER": "DER"}
    text = write_cid(model).encode()
    assert [one.code.text for one in check(text)[1] if one.severity.name != "NOTE"] == []
    assert set(read(text).model.devices) == {"Roof", "XDER"}


@pytest.mark.parametrize("name", [name for name in class_tables().ln_classes() if name != "LLN0"])
def test_a_node_of_any_class_is_complete_by_one_of_its_objects(name: str) -> None:
    """What the class leaves to choose is chosen."""
    line = f"beh,status,enum,,{{ied}}A/{name}1.Beh.stVal,ST,enum,,,,on=1|off=5,read report,,,,,"
    if name == "LPHD":
        line = line.replace("Beh.stVal", "PhyHealth.stVal").replace("off=5", "off=3")
    model = model_of("X", bound(line), addresses={"IP": "192.0.2.1"})
    assert check(write_cid(model).encode())[1] == ()


@pytest.mark.parametrize("symbol", UNITS)
def test_a_unit_is_written_as_the_standard_has_it(symbol: str) -> None:
    """SI unit and multiplier are literals of the namespace, and mean the same as the unit of the table."""
    tables, written = class_tables(), si_unit(unit(symbol))
    if written is None:
        assert symbol in NOT_WRITTEN
        return
    assert written.unit in tables.enumeration("SIUnitKind").ordinals
    power = tables.enumeration("MultiplierKind").ordinals[written.multiplier]
    base = {
        "": "1",
        "VAr": "var",
        "VArh": "varh",
        "°C": "degC",
        "cos(phi)": "cos",
        "W/m²": "W/m2",
        "m²": "m2",
        "m³": "m3",
    }
    plain = unit(base.get(written.unit, written.unit).replace("m³/s", "m3/s"))
    if symbol != "count":
        assert convert(1.0, unit(symbol), plain) == pytest.approx(10.0**power)


# --- what is refused --------------------------------------------------------------------------------------------------

BAD = {
    "no class": (POWER.replace("MMXU1", "MMXV1"), "there is no logical-node class MMXV (did you mean MMXU"),
    "a class of edition 1": (TARGET.replace("DWGC1", "DRCC1"), "DRCC, which only the first edition of 7-420 has"),
    "no number": (POWER.replace("MMXU1", "MMXU"), "a node is named by its class and a number"),
    "a number of LLN0": (POWER.replace("MMXU1.TotW", "LLN01.Mod"), "LLN0 alone by its class"),
    "no node": (POWER.replace("MMXU1", "Meter"), "'Meter' is no logical node"),
    "no object": (POWER.replace("TotW", "TotPower"), "MMXU has no data object TotPower (there is"),
    "no attribute": (POWER.replace("mag.f", "magnitude.f"), "MMXU1.TotW (MV) has no magnitude (there is"),
    "no component": (POWER.replace("mag.f", "mag.x"), "MMXU1.TotW.mag has no x (there is i, f)"),
    "below a leaf": (POWER.replace("mag.f", "q.x"), "MMXU1.TotW.q has no parts"),
    "a structure": (POWER.replace("mag.f", "mag"), "name its part: XDER/MMXU1.TotW.mag.i, XDER/MMXU1.TotW.mag.f"),
    "an object": (POWER.replace("TotW.mag.f", "PhV.phsA"), "MMXU1.PhV.phsA is a data object (CMV)"),
    "an element": (POWER.replace("TotW.mag.f", "HaPhV(1).mag.f"), "MMXU has no data object HaPhV(1)"),
    "a constraint": (POWER.replace(",MX,", ",ST,"), "has functional constraint MX, not ST"),
    "a type": (POWER.replace("float32", "int32"), "is FLOAT32, which is not int32 on the wire but float32"),
    "a code": (HEALTH.replace("alarm=3", "alarm=4"), "can never be 4, which the enumeration names; HealthKind has"),
    "no control": (
        POWER.replace("measurement", "setpoint").replace("read report", "read operate"),
        "XDER/MMXU1.TotW is no control: take 'operate' out",
    ),
    "no setting": (
        POWER.replace("measurement", "setting").replace("read report", "read write"),
        "cannot be written under MX: take 'write' out",
    ),
    "a control model": (TARGET.replace("sbo-with", "sbi-with"), "control: 'sbi-with-enhanced-security timed' is none"),
    "status-only": (TARGET.replace("sbo-with-enhanced-security timed", "status-only"), "'status-only' is none of"),
    "a word behind": (TARGET.replace("timed", "later"), "perhaps with 'timed' behind it"),
    "no schedule": (TARGET.replace("{ied}DER/FSCH1[8]", ""), "needs a node: name it in the column 'schedule'"),
    "no node of schedules": (TARGET.replace("FSCH1[8]", "DSCH1"), "is no node of class FSCH"),
    "too many values": (TARGET.replace("FSCH1[8]", "FSCH1[20000]"), "20000 values are more than 10000"),
    "no reference": (POWER.replace("{ied}DER/MMXU1.TotW.mag.f", "MMXU1"), "t.csv:2"),
}


@pytest.mark.parametrize(("line", "said"), BAD.values(), ids=BAD)
def test_a_row_that_no_class_has_room_for_is_refused_where_it_stands(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model_of("X", bound(line))
    assert caught.value.where == "t.csv:2"
    assert said in str(caught.value)


PAIRS = {
    "two points": (POWER, POWER.replace("p,", "p2,", 1), "is given to der.X.p2 here, but to der.X.p at t.csv:2"),
    "two units": (
        POWER,
        POWER.replace("p,", "p2,", 1).replace("TotW.mag", "TotW.instMag").replace(",W,", ",kW,"),
        "TotW has one unit, and another is said at t.csv:2",
    ),
    "two control models": (
        TARGET,
        TARGET.replace("p.set,", "p2,", 1).replace("sbo-with-enhanced-security timed", "").replace("FSCH1", "FSCH2"),
        "XDER/DWGC1.WSpt.mxVal.f is given to der.X.p2 here",
    ),
}


@pytest.mark.parametrize(("one", "other", "said"), PAIRS.values(), ids=PAIRS)
def test_two_rows_that_contradict_each_other_name_both_lines(one: str, other: str, said: str) -> None:
    (first,), (_, second) = bound(one), bound(HEALTH, other)
    with pytest.raises(ConfigError) as caught:
        model_of("X", [first, second])
    assert caught.value.where == "t.csv:3"
    assert "t.csv:2" in str(caught.value)
    assert said in str(caught.value)


def test_every_faulty_row_is_told_at_once() -> None:
    rows = bound(POWER.replace("MMXU1", "MMXV1"), HEALTH, LIMIT.replace("WMax", "WMin"))
    with pytest.raises(ConfigError) as caught:
        model_of("X", rows)
    assert [fault.where for fault in caught.value.faults] == ["t.csv:2", "t.csv:4"]


# --- the clients of others --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", ["rust", "libiec"])
async def test_a_peer_reads_every_attribute_of_a_server_made_from_tables(peer: str) -> None:
    bindings = [*generator(), *bound(BREAKER), *bound(*PV_SITE)]
    async with Server(model_of("X", bindings)) as server:
        port = (await server.start_tcp(port=0)).port
        found = (await peers.run(peer, f"{peer}_browse.py", port))[str(port)]
        expected = Expected(server.model)
        assert found["failures"] == []
        assert {device: sorted(nodes) for device, nodes in found["nodes"].items()} == expected.nodes
        assert flat(found["instances"], peer) ^ expected.instances(peer) <= expected.taken_for_data()
        expected.compare({name: value for name, (_, value) in found["leaves"].items()})
