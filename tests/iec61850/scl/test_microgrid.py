"""The CID files of the microgrid: valid, complete by the namespaces, and agreeing with tables and site file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from janusgrid.common.data.conversion import WireType
from janusgrid.common.data.site import Device, load_site
from janusgrid.common.data.tables import Service
from janusgrid.common.resources import resource
from janusgrid.iec61850 import Ied, Server
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.types import BasicType
from janusgrid.iec61850.model.nodes import Attribute, DataObject, LogicalNode, Model, Trigger
from janusgrid.iec61850.scl import read

from .namespaces import Namespaces, faults
from .soundness import assert_sound, leaves

SITE = load_site(resource("mappings/sites/microgrid.yaml"))
DIRECTORY = resource("mappings/sites/microgrid")
NAMES = ("DG750", "DG200", "MT1", "MT2", "MT3", "ESS500", "HESS250", "PV", "PCC")
WIRE = {WireType.FLOAT32: BasicType.FLOAT32, WireType.ENUM: BasicType.ENUM, WireType.BOOL: BasicType.BOOLEAN}


def model_of(name: str) -> Model:
    loaded = read(DIRECTORY / f"{name}.cid", strict=True)
    assert loaded.diagnostics == ()
    assert str(loaded.edition) == "2007B4"
    return loaded.model


MODELS = {name: model_of(name) for name in NAMES}
each_device = pytest.mark.parametrize("device", SITE.devices, ids=lambda device: device.name)
each_name = pytest.mark.parametrize("name", NAMES)


def attribute(model: Model, reference: str) -> Attribute:
    found = model.find(Reference.parse(reference))
    assert isinstance(found, Attribute), reference
    return found


def nodes(model: Model) -> Iterator[tuple[str, LogicalNode]]:
    for device in model.devices.values():
        for node in device.nodes.values():
            yield f"{device.name}/{node.name}", node


def test_one_file_for_each_device_of_the_site() -> None:
    assert {path.stem for path in DIRECTORY.glob("*.cid")} == set(NAMES) == {device.name for device in SITE.devices}


@each_name
def test_is_sound_and_named(name: str) -> None:
    model = MODELS[name]
    assert_sound(model)
    assert model.ied == name
    assert list(model.devices) == [name + ("MET" if name == "PCC" else "DER")]
    text = (DIRECTORY / f"{name}.cid").read_text(encoding="utf-8")
    assert "\t" not in text
    assert text.endswith("</SCL>\n")


# --- agreement with tables and site file -----------------------------------------------------------------------------


@each_device
def test_address_is_that_of_the_site(device: Device) -> None:
    model = MODELS[device.name]
    assert model.addresses == {"JID": device.address["jid"]}
    assert device.address["ied"] == model.ied


@each_device
def test_every_reference_of_the_tables_is_there_with_its_type(device: Device) -> None:
    model = MODELS[device.name]
    assert device.bindings
    for binding in device.bindings:
        found = attribute(model, f"{binding.address['reference']}[{binding.address['fc']}]")
        assert found.type is WIRE[binding.row.conversion.wire_type], binding.row.where
        if found.enum is not None:
            codes = set(binding.row.conversion.codes.values())
            assert codes == set(found.enum.ordinals.values()), binding.row.where


@each_device
def test_services_of_the_tables_are_offered(device: Device) -> None:
    """What is reported is in the data set, what is written is settable, what is operated has a control."""
    model = MODELS[device.name]
    ln0 = next(node for _, node in nodes(model) if node.name == "LLN0")
    members = list(ln0.data_sets["Meas"].members)
    reported = set()
    for binding in device.bindings:
        reference = Reference.parse(binding.address["reference"], binding.address["fc"])
        found = attribute(model, str(reference))
        data = Reference(reference.device, reference.node, reference.path[:1], reference.fc)
        assert binding.offers(Service.WRITE) is found.settable
        if binding.offers(Service.REPORT):
            assert data in members
            reported.add(data)
            assert found.trigger & Trigger.DATA_CHANGE
        if binding.offers(Service.OPERATE):
            control = str(data.with_fc(None))
            assert attribute(model, f"{control}.ctlModel[CF]").value == 1  # direct with normal security
            assert attribute(model, f"{control}.Oper.ctlVal.f[CO]").type is BasicType.FLOAT32
    assert reported == set(members)


@each_device
def test_figures_of_the_nameplate_are_those_of_the_site(device: Device) -> None:
    model = MODELS[device.name]
    for suffix in ("rating", "energy"):
        if suffix in device.figures:
            binding = device.binding("p.rating" if suffix == "rating" else "e.rating")
            value = attribute(model, binding.address["reference"]).value
            assert isinstance(value, float)
            assert binding.from_wire(value) == device.figures[suffix]
            assert model.description == device.description


@each_device
def test_nothing_can_be_set_but_what_the_tables_write(device: Device) -> None:
    settable = {str(reference) for reference, one in leaves(MODELS[device.name]) if one.settable}
    written = {
        f"{binding.address['reference']}[{binding.address['fc']}]"
        for binding in device.bindings
        if binding.offers(Service.WRITE)
    }
    assert settable == written


@each_name
def test_report_control(name: str) -> None:
    ln0 = next(node for _, node in nodes(MODELS[name]) if node.name == "LLN0")
    report = ln0.reports["urcbMeas"]
    assert (report.buffered, report.indexed, report.max_instances, report.data_set) == (False, True, 5, "Meas")
    every = Trigger.DATA_CHANGE | Trigger.QUALITY_CHANGE | Trigger.INTEGRITY | Trigger.GENERAL_INTERROGATION
    assert report.trigger == every
    assert (report.buffer_time, report.integrity_period) == (0, 60_000)
    assert report.optional_fields == int("0111100010", 2)  # seqNum, timeStamp, reason, dataSet, confRev


@each_name
async def test_a_client_goes_on_after_an_outage_where_it_stopped(name: str) -> None:
    """With the buffered block, which has the same data set."""
    model = model_of(name)
    ln0 = next(node for _, node in nodes(model) if node.name == "LLN0")
    reports, live = ln0.reports["brcbMeas"], ln0.reports["urcbMeas"]
    assert (reports.buffered, reports.indexed, reports.max_instances) == (True, True, 1)
    assert (reports.data_set, reports.integrity_period) == (live.data_set, 0)
    assert reports.optional_fields == live.optional_fields | int("0000001100", 2)  # with bufOvfl and entryID
    (device,) = model.devices
    block, power = f"{device}/LLN0.brcbMeas", f"{device}/MMXU1.TotW"
    async with Server(model) as server, asyncio.timeout(10):
        server.update(power, 1.0)
        async with Ied(server.connect()) as ied, ied.report(block, interrogate=False) as reports_:
            kept = (await anext(reports_)).entry
        server.update(power, 2.0)
        server.update(power, 3.0)
        async with Ied(server.connect()) as ied, ied.report(block, after=kept, interrogate=False) as reports_:
            got = [(await anext(reports_)).values[power] for _ in range(2)]
    assert [each["mag"]["f"] for each in got if isinstance(each, dict)] == [2.0, 3.0]


@each_name
def test_object_references_lead_somewhere(name: str) -> None:
    model = MODELS[name]
    found = 0
    for reference, one in leaves(model):
        if one.type is BasicType.OBJREF:
            assert isinstance(one.value, str), reference
            assert model.find(Reference.parse(one.value)) is not None, one.value
            found += 1
    assert found or name == "PCC"


# --- against the standards -------------------------------------------------------------------------------------------


@each_name
def test_is_valid_by_the_official_schema(name: str, shared: Path) -> None:
    schema = shared / "reference" / "iec61850" / "scl-xsd" / "IEC_61850-6.2018.SCL.2007B4.full"
    assert read(DIRECTORY / f"{name}.cid", schema=schema).diagnostics == ()


@pytest.fixture(scope="module")
def namespaces(shared: Path) -> Namespaces:
    return Namespaces(shared / "reference" / "iec61850" / "nsd")


@each_name
def test_nodes_are_complete_by_their_class(name: str, namespaces: Namespaces) -> None:
    for reference, node in nodes(MODELS[name]):
        truths = {"ln0"} if node.ln_class == "LLN0" else set()
        if "7-420" in namespaces.of[node.ln_class]:
            truths.add("foreign")  # the device is of 7-4
        assert faults(node.objects, namespaces.objects(node.ln_class), truths) == [], reference


@each_name
def test_objects_are_complete_by_their_common_data_class(name: str, namespaces: Namespaces) -> None:
    for where, node in nodes(MODELS[name]):
        rules = namespaces.objects(node.ln_class)
        for data in node.objects.values():
            assert data.cdc == rules[data.name].type, f"{where}.{data.name}"
            _assert_complete(data, f"{where}.{data.name}", node, namespaces)


def _assert_complete(data: DataObject, where: str, node: LogicalNode, namespaces: Namespaces) -> None:
    rules = namespaces.attributes(data.cdc)
    truths = {"ln0"} if node.ln_class == "LLN0" else set()
    if "7-420" in namespaces.of[node.ln_class]:
        truths.add("foreign")
    names = [child for child in data.children if child != "Oper"]  # of the mapping, 8-1
    assert faults(names, rules, truths) == [], where
    underlying = namespaces.objects(node.ln_class)[data.name].underlying
    for child in data.attributes():
        if child.fc is FC.CO:
            continue
        rule = rules[child.name]
        assert child.fc.value == rule.fc, f"{where}.{child.name}"
        wanted = {"dchg": Trigger.DATA_CHANGE, "qchg": Trigger.QUALITY_CHANGE}
        for trigger, option in wanted.items():
            assert (option in child.trigger) is (trigger in rule.triggers), f"{where}.{child.name} {trigger}"
        if rule.kind == "CONSTRUCTED":
            parts = namespaces.parts(rule.type)
            assert faults(child.children, parts) == [], f"{where}.{child.name}"
            for part in child.children.values():
                assert part.type is not None
                _assert_type(part, parts[part.name].type, parts[part.name].kind, namespaces)
        else:
            _assert_type(child, rule.type or underlying, rule.kind, namespaces)


def _assert_type(leaf: Attribute, type: str, kind: str, namespaces: Namespaces) -> None:
    assert leaf.type is not None
    if kind == "ENUMERATED":
        assert leaf.enum is not None
        assert leaf.enum.id == type
        literals = namespaces.literals(type)
        assert leaf.enum.ordinals.items() <= literals.items()
        if type not in {"SIUnitKind", "MultiplierKind"}:  # of those only what is used
            assert leaf.enum.ordinals == literals
        assert leaf.value is None or leaf.value in leaf.enum.ordinals.values()
    else:
        assert leaf.type.value == type


@each_name
def test_controls_are_as_the_mapping_builds_them(name: str) -> None:
    """IEC 61850-8-1: ctlVal, origin, ctlNum, T, Test, Check, in this order."""
    for _, node in nodes(MODELS[name]):
        for data in node.objects.values():
            operate = data.children.get("Oper")
            if isinstance(operate, Attribute):
                assert list(operate.children) == ["ctlVal", "origin", "ctlNum", "T", "Test", "Check"]
                assert list(operate.children["origin"].children) == ["orCat", "orIdent"]
                assert operate.fc is FC.CO
