"""The published PV site: an OPC server below, an IEC 61850 server above, and nothing but tables in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import pytest_asyncio
from asyncua import ua
from janusgrid.common.clock import RealClock
from janusgrid.common.data.site import Site, load_site
from janusgrid.common.errors import ConfigError, UnknownName
from janusgrid.common.resources import mappings_dir, resource
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.ems.drivers import Surroundings, find
from janusgrid.ems.gateway import SiteGateway
from janusgrid.iec61850 import Ied, connect
from janusgrid.iec61850.acsi.types import Quality as Bits
from janusgrid.iec61850.scl import check

from tests.brokers import start_broker

from .devices import ModbusDevice, OpcUaDevice, device
from .test_modbus import COLUMNS, words

pytestmark = pytest.mark.xdist_group("opcua")
V = ua.VariantType
TAGS = {
    "Ambient_Temp": 24.5, "Module_Temp": 41.25, "Solar_Radionation.PV": 812.0, "Inverter.ac_output_power": 2210.0,
    "Inverter.input_power_a": 1150.0, "Inverter.input_power_b": 1120.0, "MP960.Current": 10.0, "MP960.Freq": 60.0,
    "MP960.kW": 2.2, "MP960.PF": 0.99, "MP960.Voltage": 220.0,
}  # fmt: skip
COUNT = {"MP960.Imp_kWH_Hi": 1, "MP960.Imp_kWH_Mid": 234, "MP960.Imp_kWH_Low": 567}
SERVED = {
    "MMET1.EnvTmp.mag.f": 24.5, "MMET1.PoaInsol.mag.f": 812.0, "STMP1.Tmp.mag.f": 41.25, "MMXU1.TotW.mag.f": 2210.0,
    "MMDC1.Watt.mag.f": 1150.0, "MMDC2.Watt.mag.f": 1120.0, "MMXU2.A.phsA.cVal.mag.f": 10.0, "MMXU2.Hz.mag.f": 60.0,
    "MMXU2.TotW.mag.f": 2200.0, "MMXU2.TotPF.mag.f": pytest.approx(0.99), "MMXU2.PhV.phsA.cVal.mag.f": 220.0,
    "MMTR1.DmdWh.actVal": 1_234_567_000, "DPVA1.ArrWRtg.setMag.f": 3000.0, "DPVA1.MdulCnt.setVal": 12,
    "DPVM1.MdulWRtg.setMag.f": 250.0,
}  # fmt: skip


class TagServer(OpcUaDevice):
    """The OPC server of the site, with its tags as it numbers them."""

    def __init__(self) -> None:
        floats = {f"OPCGroup1.{tag}": ua.Variant(value, V.Float) for tag, value in TAGS.items()}
        counts = {f"OPCGroup1.{tag}": ua.Variant(value, V.UInt16) for tag, value in COUNT.items()}
        super().__init__(floats | counts, namespace="urn:opc:pv-site")


def moved(site: Site, **address: object) -> Site:
    """Return the site with its one device somewhere else."""
    (found,) = site.devices
    there = {**found.address, **{key: str(value) for key, value in address.items()}}
    return attrs.evolve(site, devices=(attrs.evolve(found, address=there),))


@pytest_asyncio.fixture
async def sessions() -> AsyncIterator[tuple[SlixSession, SlixSession]]:
    async with start_broker("embedded", "gateway", "operator") as broker:

        def session(user: str) -> SlixSession:
            return SlixSession(
                f"{user}@{broker.domain}/IEC", password=f"secret of {user}", host=broker.host, port=broker.port,
                tls=broker.ca, allow=lambda peer: True,
            )  # fmt: skip

        async with session("gateway") as below, session("operator") as above:
            yield below, above


async def test_the_tags_of_the_site_are_logical_nodes_over_xmpp(sessions: tuple[SlixSession, SlixSession]) -> None:
    below, above = sessions
    domain = below.jid.partition("@")[2].partition("/")[0]
    async with TagServer() as opc:
        site = moved(load_site(resource("mappings/sites/pv-site.yaml"), domain=domain), url=opc.url, poll="20ms")
        async with SiteGateway(site, RealClock(), below) as gateway:
            await gateway.ready()
            ied = await connect(f"xmpp:{below.jid}", session=above)
            assert {name: await shown(ied, name) for name in SERVED} == SERVED
            nodes = {name.partition(".")[0].rstrip("0123456789") for name in SERVED}
            assert nodes == {"MMET", "STMP", "MMXU", "MMDC", "MMTR", "DPVA", "DPVM"}
            assert await ied.read("PVSSLDER/LPHD1.Proxy.stVal") is True
            assert check(gateway.mirror.cid().encode())[1] == ()

            await opc.set("OPCGroup1.Module_Temp", 55.0, status=ua.StatusCodes.UncertainSensorNotAccurate)
            await comes(ied, "STMP1.Tmp.mag.f", 55.0)
            assert (await ied.read("PVSSLDER/STMP1.Tmp.q[MX]")).validity == Bits.QUESTIONABLE  # type: ignore[union-attr]
            await opc.set("OPCGroup1.MP960.Imp_kWH_Low", 568)
            await comes(ied, "MMTR1.DmdWh.actVal", 1_234_568_000)
            await opc.stop()
            await comes(ied, "MMXU1.TotW.q", Bits.INVALID)
            assert await shown(ied, "DPVA1.ArrWRtg.setMag.f") == 3000.0  # the nameplate stays what it is
            await opc.start()
            await comes(ied, "MMXU1.TotW.q", Bits.GOOD)
            await ied.release()


async def shown(ied: Ied, name: str) -> object:
    found = await ied.read(f"PVSSLDER/{name}")
    return found.validity if isinstance(found, Bits) else found


async def comes(ied: Ied, name: str, value: object) -> None:
    async with asyncio.timeout(30):
        while await shown(ied, name) != value:  # noqa: ASYNC110 - the wire tells no event
            await asyncio.sleep(0.02)


MODBUS = [
    "ambient.t,measurement,float,degC,int16,degC,0.1,,,read report,,,,input:0,,,,",
    "inverter.p,measurement,float,kW,float64,W,,,,read report,,,,,,,103.W,",
    "meter.e.import,measurement,float,kWh,uint64,kWh,,,,read report,0,,,"
    "holding:12 + holding:11 + holding:10,,1000000 1000 1,,",
    "array.p.rating,status,float,kW,float32,kW,,,,read,,,,,,,,{rating}",
]


async def test_the_same_operators_table_over_modbus_and_tcp(tmp_path: Path) -> None:
    from .test_sunspec import MARK, model

    chain = [*MARK, *model(103, {"W": [221], "W_SF": words("h", 1)}), 0xFFFF, 0]
    server = ModbusDevice(holding=dict(enumerate(chain, 40000)) | {10: 567, 11: 234, 12: 1}, input={0: 245})
    async with server:
        address = f"{{host: 127.0.0.1, port: {server.port}, security: none, poll: 20ms}}"
        device(tmp_path, "modbus", f"{COLUMNS},value", MODBUS, address, figures="{rating: 3}")
        text = (tmp_path / "site.yaml").read_text().replace("- name: D", "- name: SL")
        port = free_port()
        (tmp_path / "site.yaml").write_text(
            f"{text}operator: {{clients: [127.0.0.1], ied: PVS, listen: '127.0.0.1:{port}', "
            "tables: operator/pv-site.csv, generic: false}\n"
        )
        async with SiteGateway(load_site(tmp_path / "site.yaml"), RealClock()) as gateway:
            await gateway.ready()
            ied = await connect(f"tcp://127.0.0.1:{port}")
            expected = {"MMET1.EnvTmp.mag.f": 24.5, "MMXU1.TotW.mag.f": 2210.0, "MMTR1.DmdWh.actVal": 1_234_567_000,
                        "DPVA1.ArrWRtg.setMag.f": 3000.0}  # fmt: skip
            for name, value in expected.items():
                await comes(ied, name, value)
            with pytest.raises(UnknownName):
                await ied.read("PVSSLDER/MMET1.PoaInsol.mag.f")  # no row below: not served
            await ied.release()


def test_a_gateway_that_nobody_could_use(tmp_path: Path) -> None:
    site = load_site(resource("mappings/sites/pv-site.yaml"))
    with pytest.raises(ConfigError, match="served nowhere"):
        SiteGateway(site, RealClock())
    with pytest.raises(ConfigError, match="has no `operator`"):
        SiteGateway(attrs.evolve(site, operator=None), RealClock())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("n,status,int,,int32,,,,,read,,,,,,,,{many}", "{many} is not given"),
        ("n,status,int,,int32,,,,,read,,,,,,,,3.5", "'3.5' is not int"),
        ("n,status,enum,,enum,,,,a=1|b=2,read,,,,,,,,c", "'c' is not enum"),
        ("n,status,bool,,bool,,,,,read,,,,,,,,yes", "'yes' is not bool"),
        ("n,setting,int,,int32,,,,,read write,,,,,,,,3", "can only be read"),
        ("n,status,int,,int32,,,,,read,,,,holding:1,,,,3", "holding:1 is not asked for it"),
    ],
)
def test_values_given_in_a_table_that_do_not_fit(tmp_path: Path, row: str, reason: str) -> None:
    from .test_modbus import linked

    address = "{host: h, security: none}"
    with pytest.raises(ConfigError, match=reason):
        linked(device(tmp_path, "modbus", f"{COLUMNS},value", [row], address))


@pytest.mark.parametrize("name", sorted(path.name for path in (mappings_dir() / "modbus").glob("*.csv")))
def test_the_tables_that_come_along_fit_the_published_models(tmp_path: Path, name: str) -> None:
    (tmp_path / "site.yaml").write_text(
        "name: t\ndomain: t.example\nems: {jid: 'ems@{domain}/IEC'}\ndevices:\n- name: D\n"
        f"  table: modbus/{name}\n  address: {{host: h, security: none}}\n  figures: {{rating: 10}}\n"
    )
    (found,) = load_site(tmp_path / "site.yaml").devices
    find("modbus").link(found, Surroundings(clock=RealClock()))


def test_the_rows_of_the_how_to_are_rows(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "field-devices.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if ",float64," in line and not line.startswith("|")]
    header = (mappings_dir() / "modbus" / "sunspec-inverter.csv").read_text("utf-8").splitlines()[0]
    (tmp_path / "modbus").mkdir()
    (tmp_path / "modbus" / "d.csv").write_text("\n".join([header, *rows, ""]))
    (tmp_path / "site.yaml").write_text(
        "name: t\ndomain: t.example\nems: {jid: 'ems@{domain}/IEC'}\n"
        "devices:\n- {name: D, table: modbus/d.csv, address: {host: h, security: none}}\n"
    )
    found = load_site(tmp_path / "site.yaml").device("D")
    find("modbus").link(found, Surroundings(clock=RealClock()))
    assert [binding.address["sunspec"] for binding in found.bindings] == ["103.W", "123.WMaxLimPct"]
