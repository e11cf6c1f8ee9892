"""`janusgrid registry`, a device that registers there, and who looks it up."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli import registry
from janusgrid.cli.ied import find
from janusgrid.cli.ied.target import Target
from janusgrid.common import config
from janusgrid.common.errors import ConfigError
from janusgrid.common.xmpp.login import Login
from janusgrid.iec61850 import Server

from tests.brokers import start_broker

CID = Path(__file__).resolve().parents[2] / "mappings" / "sites" / "microgrid" / "DG750.cid"
CONFIG = """\
xmpp: account.yaml
devices: [grid.test]
readers: [ems@grid.test]
store: registry.db
keep: 2000h
"""


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_it_runs_and_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "registry.yaml").write_text(CONFIG)
    settings = config.load(tmp_path / "registry.yaml", registry.RegistryFile)
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        broker = await stack.enter_async_context(start_broker("embedded", "registry", "dg750", "ems"))
        logins = {
            user: Login(f"{user}@grid.test/IEC", f"secret of {user}", broker.host, broker.port, broker.ca)
            for user in ("registry", "dg750", "ems")
        }
        logins["ems"].save(tmp_path / "ems.yaml")
        target = Target("xmpp:", as_json=True, account=tmp_path / "ems.yaml")
        device = await stack.enter_async_context(logins["dg750"].session())
        server = Server.from_scl(CID)
        server.start(device)
        for again in (False, True):
            running = asyncio.create_task(registry.serve(settings, tmp_path, logins["registry"], True))
            try:
                if not again:
                    registration = await server.register(device, "registry@grid.test")
                    await registration.wait_complete()
                    await registration.close()
                told: list[dict[str, object]] = []
                wanted = {"up", "available" if again else "registered"}
                while not wanted <= {one["event"] for one in told}:
                    told += said(capsys)
                    await asyncio.sleep(0.01)
                by_event = {one["event"]: one for one in told}
                assert by_event["up"]["devices"] == int(again)
                assert all(by_event[event]["jid"] == "dg750@grid.test" for event in wanted - {"up"})
                await find._registered(target, "registry@grid.test", False)
                (found,) = json.loads(capsys.readouterr().out)
                assert found == {
                    "jid": "dg750@grid.test/IEC", "available": True, "dialects": ["80-3", "2018"],
                    "vendor": "JanusGrid", "model": "Diesel generator, 750 kW",
                    "ratings": {"WMaxRtg": 750e3, "VMaxRtg": 418.0},
                }  # fmt: skip
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            assert said(capsys)[-1]["event"] == "down"


def test_its_configuration_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "registry.yaml"
    Login("registry@grid.test/IEC", "secret").save(tmp_path / "account.yaml")
    file.write_text(CONFIG)
    good = CliRunner().invoke(registry.command, [str(file), "--check"])
    assert (good.exit_code, good.output) == (
        0, f"{file}: registry registry@grid.test, 1 name may register, 1 may look up, no fault\n",
    )  # fmt: skip
    for wrong, told in (
        (CONFIG.replace("grid.test]", "'@grid']", 1), "is not an XMPP address"),
        (CONFIG.replace("readers", "reader"), "reader"),
        (CONFIG.replace("2000h", "soon"), "keep"),
    ):
        file.write_text(wrong)
        bad = CliRunner().invoke(registry.command, [str(file), "--check"])
        assert isinstance(bad.exception, ConfigError)
        assert told in str(bad.exception)
