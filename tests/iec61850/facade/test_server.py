"""The server facade: values by name, hooks, time, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio
from janusgrid.common.clock import LockStepClock, RealClock
from janusgrid.common.errors import NotReachable, TypeConflict, UnknownName
from janusgrid.iec61850 import Ied, Server
from janusgrid.iec61850.acsi.services import GetServerDirectory, Report, SetRCBValues
from janusgrid.iec61850.acsi.types import BitString, Quality, Timestamp

from tests.iec61850.plant import plant, ref
from tests.iec61850.wires import START, until

DG = "DG750DER"
BLOCK = ref("LLN0.urcbMeas01", "RP")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server(plant(), clock=LockStepClock(START))
    yield made
    await made.close()


def quality_and_time(server: Server, name: str) -> tuple[object, object]:
    return server.read(f"{DG}/{name}.q"), server.read(f"{DG}/{name}.t")


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "value", "held"),
    [
        ("MMXU1.TotW.mag.f", 412, 412.0),
        ("MMXU1.TotW.mag", {"f": 1.5}, {"f": 1.5}),
        ("MMXU1.TotW", 2.5, {"f": 2.5}),
        ("MMXU1.PhV.phsB", 230, {"mag": {"f": 230.0}}),
        ("DGEN1.DEROpSt", 3, 3),
        ("DGEN1.Strategy", "iso", 2),
        ("DWGC1.Beh", "test/blocked", 4),
        ("DWGC1.Brk", "off", BitString(0b01, 2)),
        ("DWGC1.WSpt", 5, {"f": 5.0}),
        ("MMXU1.HaV.raw", [7, 8, 9], [7, 8, 9]),
        ("MMXU1.TotW.d", "text", "text"),
    ],
)
def test_update_by_name(server: Server, reference: str, value: object, held: object) -> None:
    server.update(f"{DG}/{reference}", value)
    assert server.read(f"{DG}/{reference}") == held


def test_quality_and_time_go_with_the_value(server: Server) -> None:
    assert quality_and_time(server, "MMXU1.TotVAr")[0] == Quality.of(Quality.INVALID), "nothing is known of it yet"
    assert quality_and_time(server, "MMXU1.TotW")[0] == Quality(), "the configuration gave a value"
    server.update(f"{DG}/MMXU1.TotVAr", 1.0)
    assert quality_and_time(server, "MMXU1.TotVAr") == (Quality(), Timestamp.of(START))
    bad, before = Quality.of(Quality.INVALID, 6), START - timedelta(seconds=5)
    server.update(f"{DG}/MMXU1.TotVAr.mag.f", 2.0, quality=bad, time=before)
    assert quality_and_time(server, "MMXU1.TotVAr") == (bad, Timestamp.of(before))
    server.update(f"{DG}/MMXU1.PhV.phsA", 1.0, time=Timestamp(7))
    assert quality_and_time(server, "MMXU1.PhV.phsA") == (Quality(), Timestamp(7))
    server.update(f"{DG}/MMXU1.TotVAr.q", Quality.of(Quality.QUESTIONABLE))
    assert server.read(f"{DG}/MMXU1.TotVAr.q") == Quality.of(Quality.QUESTIONABLE)
    server.update(f"{DG}/MMXU1.TotVAr.d", "a description is no measurement", quality=bad)
    assert quality_and_time(server, "MMXU1.TotVAr")[0] == Quality.of(Quality.QUESTIONABLE)


@pytest.mark.parametrize(
    "reference",
    ["NoLD/MMXU1.TotW", "DG750DER", "DG750DER/MMXU1", "DG750DER/MMXU1.Nothing", "DG750DER/MMXU1.TotW.mag.i",
     "DG750DER/MMXU1.PhV", "DG750DER/LLN0.NamPlt"],
)  # fmt: skip
def test_names_that_are_none(server: Server, reference: str) -> None:
    with pytest.raises(UnknownName) as error:
        server.update(reference, 1.0)
    assert error.value.where == reference


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("MMXU1.TotW", "1"),
        ("MMXU1.TotW", True),
        ("MMXU1.TotW", 1e300),
        ("DWGC1.Beh", "asleep"),
        ("DGEN1.DEROpSt", 1.5),
        ("MMXU1.HaV.raw", [1, 2]),
    ],
)
def test_values_that_do_not_fit(server: Server, reference: str, value: object) -> None:
    before = server.read(f"{DG}/{reference}")
    with pytest.raises(TypeConflict) as error:
        server.update_many({f"{DG}/MMXU1.Hz": 1.0, f"{DG}/{reference}": value})
    assert reference in str(error.value.where)
    assert server.read(f"{DG}/{reference}") == before
    assert server.read(f"{DG}/MMXU1.Hz") == {"f": 50.0}, "all or nothing"


def test_a_server_needs_no_loop_to_be_filled() -> None:
    server = Server(plant())
    server.update(f"{DG}/MMXU1.TotW", 1.0)
    assert isinstance(server.clock, RealClock)
    assert server.read(f"{DG}/MMXU1.TotW") == {"f": 1.0}


# --- hooks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["MMXU1.TotW", "DWGC1.NoOper", "DWGC1.Nothing", "DWGC1"])
def test_hooks_for_what_cannot_be_commanded(server: Server, reference: str) -> None:
    with pytest.raises(UnknownName):
        server.on_operate(f"{DG}/{reference}")


@pytest.mark.parametrize("reference", ["DGEN1.WMaxRtg", "DGEN1.Nothing", "DGEN1"])
def test_hooks_for_what_cannot_be_written(server: Server, reference: str) -> None:
    with pytest.raises(UnknownName):
        server.on_write(f"{DG}/{reference}")


# --- time ------------------------------------------------------------------------------------------------------------


async def test_integrity_reports_by_the_clock_alone(server: Server) -> None:
    clock = server.clock
    assert isinstance(clock, LockStepClock)
    association = server.connect()
    reports: list[Report] = []
    association.on_notification(reports.append)  # type: ignore[arg-type]
    await association.call(SetRCBValues(BLOCK, (("IntgPd", 1000), ("RptEna", True))))
    await clock.advance(10.5)
    assert len(reports) == 10
    await association.call(SetRCBValues(BLOCK, (("RptEna", False),)))
    await association.call(SetRCBValues(BLOCK, (("IntgPd", 5000), ("RptEna", True))))
    await clock.advance(10.1)
    assert len(reports) == 12
    times = [report.time.datetime for report in reports if report.time]
    assert [after - before for before, after in pairwise(times[:10])] == [timedelta(seconds=1)] * 9


async def test_a_shorter_time_is_not_slept_through(server: Server) -> None:
    clock = server.clock
    assert isinstance(clock, LockStepClock)
    association = server.connect()
    reports: list[Report] = []
    association.on_notification(reports.append)  # type: ignore[arg-type]
    await association.call(SetRCBValues(BLOCK, (("IntgPd", 3_600_000), ("BufTm", 100), ("RptEna", True))))
    await clock.advance(1.0)
    server.update(f"{DG}/MMXU1.TotW", 1.0)
    await clock.advance(0.2)
    assert len(reports) == 1


async def test_real_time(server: Server) -> None:
    real = Server(plant())
    association = real.connect()
    reports: list[Report] = []
    association.on_notification(reports.append)  # type: ignore[arg-type]
    await association.call(SetRCBValues(BLOCK, (("IntgPd", 20), ("RptEna", True))))
    await until(lambda: len(reports) >= 3)
    await real.close()
    count = len(reports)
    await asyncio.sleep(0.05)
    assert len(reports) == count


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_closing_ends_every_association(server: Server) -> None:
    first, second = server.connect("a"), server.connect("b")
    ends: list[str] = []
    first.on_end(ends.append)
    second.on_end(ends.append)
    await server.close()
    assert len(ends) == 2
    with pytest.raises(NotReachable):
        await first.call(GetServerDirectory())
    again = server.connect("c")  # a server in memory can be used again
    assert await again.call(GetServerDirectory()) == (DG,)


async def test_a_client_in_the_same_process(server: Server) -> None:
    async with Ied(server.connect()) as ied:
        assert await ied.read(f"{DG}/MMXU1.Hz.mag.f") == 50.0


def test_every_file_in_the_site_is_served() -> None:
    folder = Path(__file__).resolve().parents[3] / "mappings" / "sites" / "microgrid"
    files = sorted(folder.glob("*.cid"))
    assert files
    for file in files:
        assert Server.from_scl(file).model.devices


async def test_every_scl_file_is_served_and_every_value_read(shared: Path) -> None:
    from janusgrid.iec61850.acsi.blocks import SelectEditSG
    from janusgrid.iec61850.acsi.errors import ServiceError
    from janusgrid.iec61850.acsi.services import GetDataValues
    from janusgrid.iec61850.mapping.catalogue import Catalogue
    from janusgrid.iec61850.mapping.names import reference
    from janusgrid.iec61850.mms import encode_ber, pdu
    from janusgrid.iec61850.scl import SclError, servers

    served = leaves = 0
    for file in sorted((shared / "reference/iec61850/scl").iterdir()):
        if file.suffix == ".txt":
            continue
        try:
            found = servers(file)
        except SclError:
            continue
        for ied, access_point in found[:2]:
            server = Server.from_scl(file, ied=ied, access_point=access_point)
            association = server.connect()
            catalogue = Catalogue(server.engine)
            for device in catalogue.domains():
                if any("SE" in group.children for group in server.engine.tree.devices[device].values()):
                    await association.call(SelectEditSG(device, 1))  # else the edit buffer cannot be read
                names = catalogue.variable_names(device) or []
                references = tuple(r for r in (reference(device, name) for name in names) if r and r.path)
                values = await association.call(GetDataValues(references))
                assert not any(isinstance(value, ServiceError) for value in values), file.name
                for name in names:
                    if "$" not in name:
                        variable = catalogue.variable(device, name)
                        assert variable is not None
                        answer = pdu.ReadResponse([("success", variable.render())])
                        encode_ber(("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(1, ("read", answer))))
                leaves += len(values)
            served += 1
            await server.close()
    assert served >= 25
    assert leaves > 20_000
