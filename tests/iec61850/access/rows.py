"""Rows of tables for these tests."""

from __future__ import annotations

from janusgrid.common.data.tables import Binding, parse_table

HEADER = (
    "point,kind,type,unit,reference,fc,wire_type,wire_unit,scale,offset,enumeration,services,low,high,description,"
    "control,schedule\n"
)
POWER = "p,measurement,float,kW,{ied}DER/MMXU1.TotW.mag.f,MX,float32,W,,,,read report,,,Active power,,"
TARGET = (
    "p.set,setpoint,float,kW,{ied}DER/DWGC1.WSpt.mxVal.f,MX,float32,W,,,,read report operate schedule,0,{rating},"
    "Active power asked for,sbo-with-enhanced-security timed,{ied}DER/FSCH1[8]"
)
LIMIT = "p.max,setting,float,kW,{ied}DER/DGEN1.WMax.setMag.f,SP,float32,W,,,,read write,0,{rating},Most power,,"
HEALTH = (
    "health,status,enum,,{ied}DER/LPHD1.PhyHealth.stVal,ST,enum,,,,ok=1|warning=2|alarm=3,read report,,,Of itself,,"
)
BREAKER = (
    "breaker,setpoint,enum,,{ied}DER/XCBR1.Pos.stVal,ST,bits2,,,,moving=0|open=1|closed=2|bad=3,"
    "read report operate,,,Its breaker,,"
)

PV_SITE = (
    "dc.p,measurement,float,kW,{ied}PV/MMDC1.Watt.mag.f,MX,float32,W,,,,read report,,,Power of the array,,",
    "module.rating,status,float,kW,{ied}PV/DPVM1.MdulWRtg.setMag.f,SP,float32,W,,,,read,,,Of one module,,",
    "strings,status,int,,{ied}PV/DPVA1.StrgCnt.setVal,SP,int32,,,,,read,,,Strings of the array,,",
    "area,status,float,m2,{ied}PV/DPVA1.ArrArea.setMag.f,SP,float32,m2,,,,read,,,Area of the array,,",
    "tracking,status,enum,,{ied}PV/DPVC1.PVCtlSt.stVal,ST,enum,,,,"
    "not_ready=1|asleep=2|waking=3|awake=4|stopping=5|test=6,read report,,,What the array does,,",
    "v.a,measurement,float,V,{ied}PV/MMXU1.PhV.phsA.cVal.mag.f,MX,float32,V,,,,read report,,,Voltage of phase A,,",
    "v.b,measurement,float,V,{ied}PV/MMXU1.PhV.phsB.cVal.mag.f,MX,float32,V,,,,read report,,,Voltage of phase B,,",
    "hz,measurement,float,Hz,{ied}PV/MMXU1.Hz.mag.f,MX,float32,Hz,,,,read report,,,Frequency,,",
    "e.in,measurement,int,Wh,{ied}PV/MMTR1.SupWh.actVal,ST,int64,Wh,,,,read report,,,Energy delivered,,",
    "e.out,measurement,float,kWh,{ied}PV/MMTR1.DmdWh.actVal,ST,int64,Wh,10,,,read report,,,Energy taken,,",
    "air,measurement,float,degC,{ied}PV/MMET1.EnvTmp.mag.f,MX,float32,degC,,,,read report,,,Ambient temperature,,",
    "sun,measurement,float,W/m2,{ied}PV/MMET1.HorInsol.mag.i,MX,int32,W/m2,0.1,,,read report,,,Irradiance,,",
    "wind,measurement,float,m/s,{ied}PV/MMET1.HorWdSpd.mag.f,MX,float32,m/s,,,,read report,,,Wind,,",
)
"""The tags of a photovoltaic site: ambient and array, inverter, power meter with its counters, weather."""


def bound(*lines: str, ied: str = "X", device: str = "X", bits: bool = False, **values: float) -> list[Binding]:
    """Return rows bound to a device, a rating of 100 unless another is given; `bits` adds the column of that name."""
    header = HEADER.replace("\n", ",bits\n") if bits else HEADER
    rows = parse_table((header + "\n".join(lines) + "\n").encode(), "t.csv")
    known: dict[str, str | float] = {"ied": ied, "device": device, "rating": 100.0, **values}
    return [row.bind(f"der.{device}.{row.point}", known, device=device) for row in rows]


def generator(ied: str = "X", device: str = "X") -> list[Binding]:
    """Return the rows of a generator that takes everything: selection, schedules, a limit."""
    return bound(POWER, TARGET, LIMIT, HEALTH, ied=ied, device=device)
