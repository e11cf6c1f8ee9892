"""Tables against models: what does not agree is told at its row, and what agrees is not."""

from __future__ import annotations

import pytest
from janusgrid.common.data.site import Device, load_site
from janusgrid.common.data.tables import Binding, parse_table
from janusgrid.common.resources import resource
from janusgrid.iec61850.access.check import disagreements
from janusgrid.iec61850.model.nodes import Model
from janusgrid.iec61850.scl import read

HEADER = "point,kind,type,unit,reference,fc,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description"
SITE = load_site(resource("mappings/sites/microgrid.yaml"))


@pytest.fixture(scope="module")
def model() -> Model:
    return read(resource("mappings/sites/microgrid/DG750.cid")).model


def bindings(*rows: str, header: str = HEADER) -> list[Binding]:
    table = parse_table("\n".join((header, *rows)).encode(), "t.csv")
    return [row.bind(f"der.DG750.{row.point}", {"ied": "DG750"}) for row in table]


@pytest.mark.parametrize("device", SITE.devices, ids=lambda device: device.name)
def test_the_tables_of_the_microgrid_agree_with_its_devices(device: Device) -> None:
    assert device.cid is not None
    assert list(disagreements(read(device.cid).model, device.bindings)) == []


MEASURED = "p,measurement,{},W,{{ied}}{},{},{},W,,,,read,,,"


def measured(reference: str, fc: str = "MX", wire: str = "float32") -> str:
    return MEASURED.format("int" if wire.startswith("int") else "float", reference, fc, wire)


def health(codes: str) -> str:
    return f"h,status,enum,,{{ied}}DER/LPHD1.PhyHealth.stVal,ST,enum,,,,{codes},read,,,"


def rating(kind: str, services: str) -> str:
    return f"p,{kind},float,W,{{ied}}DER/DGEN1.WMaxRtg.setMag.f,SP,float32,W,,,,{services},,,"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (measured("GEN/MMXU1.TotW.mag.f"), "no logical device DG750GEN (there is DG750DER)"),
        (measured("DER/MMXU2.TotW.mag.f"), "no logical node MMXU2 (there is MMXU1"),
        (measured("DER/MMXU1.TotVA.mag.f"), "DG750DER/MMXU1 has no TotVA (there is TotW"),
        (measured("DER/MMXU1.TotW.mag.i"), "TotW.mag has no i (there is f)"),
        (measured("DER/MMXU1.TotW.mag.f", fc="ST"), "functional constraint MX, not ST"),
        (measured("DER/MMXU1.TotW.mag.f", fc="XX"), "'XX' is no functional constraint"),
        (measured("DER/MMXU1.TotW.mag"), "is a structure; name its part: DG750DER/MMXU1.TotW.mag.f"),
        (measured("DER/MMXU1.TotW"), "is no attribute of a data object"),
        (measured("DER/MMXU1.TotW.mag.f", wire="float64"), "is FLOAT32, which is not float64"),
        (measured("DER/MMXU1.TotW.mag.f", wire="int32"), "is FLOAT32, which is not int32"),
        (measured(" nonsense"), "nonsense"),
        (rating("status", "read report"), "no unbuffered report of DG750DER/LLN0 brings DG750DER/DGEN1.WMaxRtg"),
        (rating("setting", "read write"), "cannot be written"),
        (rating("setpoint", "read operate"), "DG750DER/DGEN1.WMaxRtg is no control"),
        (health("ok=1|warning=2"), "can be Alarm=3, which"),
        (health("ok=1|warning=2|alarm=3|dead=4"), "can never be 4"),
    ],
)
def test_what_does_not_agree(model: Model, row: str, reason: str) -> None:
    good = "good,measurement,float,W,{ied}DER/DWGC1.WSpt.mxVal.f,MX,float32,W,,,,read report,,,"
    (fault,) = disagreements(model, bindings(good, row))
    assert reason in fault.message
    assert fault.where == "t.csv:3"


def test_every_fault_is_told(model: Model) -> None:
    row = "p,setpoint,enum,,{ied}DER/LPHD1.PhyHealth.stVal,ST,enum,,,,ok=1,read operate,,,"
    faults = [fault.message for fault in disagreements(model, bindings(row))]
    assert len(faults) == 2
    assert "Warning=2, Alarm=3" in faults[0]
    assert "no control" in faults[1]


def test_a_table_of_another_protocol(model: Model) -> None:
    header = HEADER.replace(",reference,fc", ",register,width")
    (fault,) = disagreements(model, bindings("p,measurement,float,W,1,2,float32,W,,,,read,,,", header=header))
    assert fault.message == "the table has no column 'reference'"
