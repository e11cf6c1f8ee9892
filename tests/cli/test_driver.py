"""`janusgrid driver`: the drivers there are, what a device says, and a site served by tables alone."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from janusgrid.cli import cli
from janusgrid.cli.driver import _Heard
from janusgrid.common.errors import ConfigError, JanusGridError, NotReachable, TimedOut
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.iec61850 import connect

from tests.cli.programs import Program
from tests.ems.drivers.devices import ModbusDevice
from tests.ems.drivers.test_modbus import ROWS, meter, site


@contextmanager
def elsewhere(device: ModbusDevice) -> Iterator[ModbusDevice]:
    """Have a device run in a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(device.start(), loop).result()
    try:
        yield device
    finally:
        asyncio.run_coroutine_threadsafe(device.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def call(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli, ["driver", *map(str, arguments)])
    if isinstance(result.exception, JanusGridError):
        raise result.exception
    return result


def test_the_drivers_that_are_installed() -> None:
    rows = json.loads(call("list", "--json").output)
    assert [row["driver"] for row in rows] == ["iec61850", "modbus", "opcua", "openadr"]
    assert all(row["package"].startswith("janusgrid ") and row["missing"] is None for row in rows)


def test_a_device_says_what_it_has(tmp_path: Path) -> None:
    with elsewhere(meter()) as device:
        site(tmp_path, device.port)
        found = call("probe", tmp_path / "site.yaml", "D")
        assert found.exit_code == 0
        lines = [line.split() for line in found.output.splitlines()]
        assert ["der.D.p", "-1.5", "kW", "good", "-"] in lines
        assert ["der.D.e", "123456789", "kWh", "good", "-"] in lines
        assert ["der.D.trip", "-", "-", "invalid", "(bad-reference)", "-"] in lines
        rows = json.loads(call("probe", tmp_path / "site.yaml", "D", "--json").output)
        assert {"point": "der.D.e", "value": 123456789.0, "unit": "kWh", "quality": "good", "time": None} in rows
        site(tmp_path, device.port, [ROWS[0].replace("holding:10", "holding:99")])
        with pytest.raises(ConfigError, match="refuses holding:99"):
            call("probe", tmp_path / "site.yaml", "D")
    with pytest.raises(TimedOut, match=r"D is not reached within 0\.2 s"):
        call("probe", tmp_path / "site.yaml", "D", "--patience", "0.2")


def test_why_a_device_is_not_reached_is_heard() -> None:
    with _Heard() as heard:
        assert heard.why == ""
        error = NotReachable("no connection to 127.0.0.1:502", where="D")
        logging.getLogger("janusgrid.ems.drivers.kept").info("%s: %s; trying again", "D", error)
        logging.getLogger("janusgrid.ems.drivers.kept").warning("%s is gone", "D")
        logging.getLogger("pymodbus.logging").error("Failed to connect: %s", OSError())
    assert heard.why == ": no connection to 127.0.0.1:502"


def test_a_site_is_served_until_it_is_told_to_end(tmp_path: Path) -> None:
    with elsewhere(meter()) as device:
        site(tmp_path, device.port)
        port = free_port()
        with (tmp_path / "site.yaml").open("a") as file:
            file.write(f"operator: {{clients: [127.0.0.1], listen: '127.0.0.1:{port}'}}\n")
        arguments = ("driver", "serve", str(tmp_path / "site.yaml"), "--cid", str(tmp_path / "ems.cid"))
        with Program(*arguments, folder=tmp_path) as running:
            assert running.wait("up")["tcp"] == f"tcp://127.0.0.1:{port}"
            running.wait("device", device="D", here=True)
            assert asyncio.run(look(port)) == -1500.0
            assert running.end()[0] == 0
        assert 'inst="DDER"' in (tmp_path / "ems.cid").read_text()


async def look(port: int) -> object:
    ied = await connect(f"tcp://127.0.0.1:{port}")
    try:
        return await ied.read("EMSDDER/MMXU1.TotW.mag.f")
    finally:
        await ied.release()
