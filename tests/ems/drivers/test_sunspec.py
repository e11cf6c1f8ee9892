"""SunSpec models: found in the chain of a device, scaled as it says, and absent where it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.data.value import Validity
from janusgrid.common.errors import ConfigError, LocalError, Malformed, Refused, TypeConflict
from janusgrid.ems.drivers.modbus.blocks import Span
from janusgrid.ems.drivers.modbus.sunspec import MARK, Model, definition, discover, reference, slot

from .devices import ModbusDevice
from .test_modbus import linked, site, words

ROWS = [
    "p,measurement,float,kW,float64,W,,,,read report,,,,,,,103.W",
    "e,measurement,float,kWh,float64,Wh,,,,read report,,,,,,,103.WH",
    "state,status,enum,,enum,,,,off=1|sleeping=2|starting=3|mppt=4|throttled=5|stopping=6|fault=7|standby=8,"
    "read report,,,,,,,103.St",
    "ground,status,bool,,bool,,,,,read report,,,,,,,103.Evt1.GROUND_FAULT",
    "t,measurement,float,degC,float64,degC,,,,read report,,,,,,,103.TmpCab",
    "maker,status,text,,text,,,,,read,,,,,,,1.Mn",
    "dc2,measurement,float,A,float64,A,,,,read report,,,,,,,160.module[2].DCA",
    "limit,setting,float,%,float64,%,,,,read write,0,100,,,,,123.WMaxLimPct",
]


def model(number: int, values: dict[str, list[int]], groups: int = 0) -> list[int]:
    """Return the registers of a model with these points; all others say that they have no value."""
    found = definition(number)
    body: list[int] = []
    for prefix, group in [("", found)] + [(f"{g.name}{n}.", g) for g in found.groups for n in range(1, groups + 1)]:
        for point in group.points:
            if (prefix, point.name) not in (("", "ID"), ("", "L")):
                absent = 0x8000 if point.type in ("int16", "sunssf") else 0 if point.type == "string" else 0xFFFF
                body += values.get(prefix + point.name, [absent] * point.size)
    return [number, len(body), *body]


def inverter(base: int = 40000, power: int = -1) -> ModbusDevice:
    chain = [
        *MARK,
        *model(1, {"Mn": words("32s", b"Janus")}),
        *model(103, {
            "W": [12345], "W_SF": words("h", power), "WH": words("I", 4_000_000), "WH_SF": [0], "St": [4],
            "Evt1": words("I", 0b1), "Tmp_SF": words("h", -1),
        }),
        *model(160, {"DCA_SF": words("h", -2), "N": [2], "module1.DCA": [150], "module2.DCA": [251]}, groups=2),
        *model(123, {"WMaxLimPct": [1000], "WMaxLimPct_SF": words("h", -1)}),
        0xFFFF, 0,
    ]  # fmt: skip
    return ModbusDevice(holding=dict(enumerate(chain, base)))


@pytest.mark.parametrize("base", [40000, 50000, 0])
async def test_a_real_server_is_read_by_its_models(tmp_path: Path, base: int) -> None:
    async with inverter(base) as server, linked(site(tmp_path, server.port, ROWS)) as link:
        await link.ready()
        values = await link.read([point.name for point in await link.directory()])
        shown = {name.removeprefix("der.D."): value.value for name, value in values.items()}
        assert shown == {
            "p": 1.2345, "e": 4000.0, "state": "mppt", "ground": True, "t": None, "maker": "Janus", "dc2": 2.51,
            "limit": 100.0,
        }  # fmt: skip
        assert [name for name, value in values.items() if not value.quality.good] == ["der.D.t"]
        assert values["der.D.t"].quality.validity is Validity.INVALID


async def test_a_scale_factor_that_changes_is_followed_and_writing_scales_back(tmp_path: Path) -> None:
    async with inverter() as server, linked(site(tmp_path, server.port, ROWS)) as link:
        await link.ready()
        places = {name: slot(reference(text), await discovered(server)) for name, text in
                  (("W_SF", "103.W_SF"), ("limit", "123.WMaxLimPct"))}  # fmt: skip
        await server.set("holding", places["W_SF"].spans[0].address, *words("h", 1))
        assert (await link.read(["der.D.p"]))["der.D.p"].value == 123.45
        await server.set("holding", places["W_SF"].spans[0].address, *words("h", 20))
        assert (await link.read(["der.D.p"]))["der.D.p"].quality.validity is Validity.INVALID
        await link.write({"der.D.limit": 87.3})
        assert await server.get(places["limit"].spans[0].address) == [873]
        with pytest.raises(TypeConflict):
            await link.write({"der.D.limit": 100.5})


async def discovered(server: ModbusDevice) -> tuple[Model, ...]:
    async def read(span: Span) -> list[int]:
        return await server.get(span.address, span.count)

    return await discover(read, (40000,), frozenset({160}))


async def test_what_a_device_does_not_have_is_told_at_the_row(tmp_path: Path) -> None:
    rows = [*ROWS[:1], "v,measurement,float,V,float64,V,,,,read,,,,,,,203.PhV",
            "dc3,measurement,float,A,float64,A,,,,read,,,,,,,160.module[3].DCA"]  # fmt: skip
    async with inverter() as server, linked(site(tmp_path, server.port, rows)) as link:
        with pytest.raises(ConfigError) as fault:
            await link.ready()
        assert [(each.where, each.message) for each in fault.value.faults] == [
            (f"{tmp_path}/modbus/d.csv:3", "203.PhV: the device has no such model; it has: 1, 103, 160, 123"),
            (f"{tmp_path}/modbus/d.csv:4", "160.module[3].DCA: the device has 2 of module, not 3"),
        ]
    async with ModbusDevice(holding={40000: 1, 40001: 2}) as server, linked(site(tmp_path, server.port, ROWS)) as link:
        with pytest.raises(ConfigError, match="no SunSpec models at register 40000, 50000, 0"):
            await link.ready()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("103.Watt", "model 103 has no 'Watt'; near is: W"),
        ("9999.W", "no published SunSpec model 9999"),
        ("103", "no point of a SunSpec model"),
        ("103.Evt1.GROUND", "no bit of this name"),
        ("103.W.GROUND_FAULT", "no bit of this name"),
        ("160.module[0].DCA.x", "no bit of this name"),
        ("160.module[0].DCA", "counted from 1"),
        ("103#0.W", "counted from 1"),
        ("160.module[2]", "has no"),
        ("103.W[1]", "has no"),
    ],
)
def test_places_that_no_model_has(text: str, reason: str) -> None:
    with pytest.raises(LocalError, match=reason):
        reference(text)


def test_a_second_model_of_a_kind_and_a_shorter_one() -> None:
    chain = (Model(103, 40002, 52), Model(103, 40054, 20))
    assert slot(reference("103#2.A"), chain).spans[0].address == 40056
    with pytest.raises(LocalError, match="ends before it, at 20 registers"):
        slot(reference("103#2.St"), chain)


async def test_a_chain_without_end_is_given_up() -> None:
    async def loop(span: Span) -> list[int]:
        return list(MARK) if span.address == 0 else [9, 0]

    async def refuse(span: Span) -> list[int]:
        raise Refused("no", code="2")

    with pytest.raises(Malformed, match="has no end"):
        await discover(loop, (0,), frozenset())
    with pytest.raises(ConfigError):
        await discover(refuse, (0,), frozenset())
