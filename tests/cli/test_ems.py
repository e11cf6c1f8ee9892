"""`janusgrid ems`: what it says while it runs, and of a configuration that is not good."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner
from janusgrid.cli import ems
from janusgrid.cli.history import command as history
from janusgrid.common.clock import RealClock
from janusgrid.common.errors import LocalError
from janusgrid.common.resources import resource
from janusgrid.common.xmpp.login import Login
from janusgrid.iec61850 import Server
from janusgrid.openadr.access import VtnAccess
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Vtn

from tests.brokers import start_broker

CONFIG = """\
site: site.yaml
account: account.yaml
store: ems.db
history: history.db
renew: 5s
"""
SITE = """\
inherits: microgrid.yaml
without: [DG200, MT1, MT2, MT3, HESS250, PV, ESS500, PCC]
domain: grid.test
openadr: {reports: [openadr/reports-devices.csv, openadr/reports-history.csv]}
operator: {clients: ["operator@{domain}"]}
below: {every: 5s}
devices:
- name: HOME1
  table: openadr/ven.csv
  address: {ven: home1, jid: "home1@{domain}/ven"}
  figures: {rating: 10}
"""


def written(folder: Path, config: str = CONFIG, site: str = SITE, jid: str = "ems@grid.test/IEC") -> Path:
    (folder / "site.yaml").write_text(site)
    (folder / "ems.yaml").write_text(config)
    Login(jid, "secret").save(folder / "account.yaml")
    return folder / "ems.yaml"


async def test_it_says_what_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[dict[str, object]] = []

    async def until(event: str, **fields: object) -> None:
        while not any(one["event"] == event and one.items() >= fields.items() for one in told):
            told.extend(json.loads(line) for line in capsys.readouterr().out.splitlines())
            await asyncio.sleep(0.02)

    async with AsyncExitStack() as stack, asyncio.timeout(60):
        broker = await stack.enter_async_context(start_broker("embedded", "ems", "vtn", "dg750", "home1"))
        logins = {
            user: Login(f"{user}@grid.test/{name}", f"secret of {user}", broker.host, broker.port, broker.ca)
            for user, name in (("ems", "IEC"), ("vtn", "openadr"), ("dg750", "IEC"), ("home1", "ven"))
        }
        session = {user: await stack.enter_async_context(logins[user].session()) for user in ("vtn", "dg750", "home1")}
        vtn = Vtn("utility", session["vtn"], parties=[Party("microgrid", "ems@grid.test")])
        await stack.enter_async_context(vtn)
        server = await stack.enter_async_context(Server.from_scl(resource("mappings/sites/microgrid/DG750.cid")))
        server.start(session["dg750"])
        path = await asyncio.to_thread(written, tmp_path)
        await asyncio.to_thread(logins["ems"].save, tmp_path / "account.yaml")
        settings = await asyncio.to_thread(ems.load, path)
        running = asyncio.create_task(ems.serve(settings, RealClock(), True))
        await until("up", jid="ems@grid.test/IEC")
        await stack.enter_async_context(Ven("home1", session["home1"], vtn="ems@grid.test/IEC"))
        await until("registered", vtn_id="utility")
        await until("ven", ven="home1")
        await until("device", device="DG750", here=True)
        await until("device", device="HOME1", here=True)
        now = vtn.clock.now().replace(microsecond=0)
        await vtn.wait_registered("microgrid")
        made = load_dispatch(5.0, start=now, duration=ems.timedelta(hours=1), created=now)
        dispatch = vtn.create_event(made, ["microgrid"])
        await until("event", event_id=dispatch.id, opt="optOut")
        past = await VtnAccess(vtn).history("microgrid.DG750.p", now - ems.timedelta(hours=1), now)
        await session["dg750"].close()
        await until("device", device="DG750", here=False)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await until("down")
    assert (tmp_path / "ems.db").is_file()
    assert [value.number for value in past] == [0.0]
    noted = CliRunner().invoke(history, ["happenings", str(tmp_path / "history.db"), "--space", "microgrid"]).output
    assert f"event {dispatch.id}: optOut: " in noted
    assert "values taken by the utility" in noted


def test_a_second_one_is_not_started_beside_the_first(tmp_path: Path) -> None:
    path = written(tmp_path)
    with ems.alone(tmp_path / "account.yaml"), pytest.raises(LocalError, match="this account runs already") as caught:
        CliRunner().invoke(ems.command, [str(path)], catch_exceptions=False)
    assert caught.value.where == str(tmp_path / "account.yaml")
    assert not (tmp_path / "ems.db").exists()
    with ems.alone(tmp_path / "account.yaml"):
        assert CliRunner().invoke(ems.command, [str(path), "--check"]).exit_code == 0


def test_a_good_configuration_is_described(tmp_path: Path) -> None:
    found = CliRunner().invoke(ems.command, [str(written(tmp_path)), "--check"])
    assert found.exit_code == 0, found.output
    assert (
        "microgrid: VEN of vtn@grid.test/openadr, 2 devices, VTN of 1 VEN, server of operator@grid.test, no fault"
        in (found.output)
    )


@pytest.mark.parametrize(
    ("good", "bad", "where", "said"),
    [
        ("site: site.yaml", "site: sight.yaml", "sight.yaml", "cannot read"),
        ("account: account.yaml", "account: a.yaml", "ems.yaml:2:10", "cannot read"),
        ("renew: 5s", "renew: 10ms", "ems.yaml:5:8", "a second at least"),
        ("history: history.db\n", "", "ems.yaml:1:7", "name a `history`, from which that is answered"),
        ("store: ems.db", "stores: ems.db", "ems.yaml:3:1", "did you mean 'store'?"),
        ("ven: home1, ", "", "site.yaml:10:12", "'ven' is missing"),
        ("rating: 10", "ratng: 10", "site.yaml", "{rating} is not given"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, good: str, bad: str, where: str, said: str) -> None:
    path = written(tmp_path, CONFIG.replace(good, bad), SITE.replace(good, bad))
    found = CliRunner().invoke(ems.command, [str(path), "--check"])
    assert found.exit_code == 1
    assert where in found.output
    assert said in found.output


def test_the_account_is_that_of_the_site(tmp_path: Path) -> None:
    path = written(tmp_path, jid="somebody@grid.test/IEC")
    found = CliRunner().invoke(ems.command, [str(path), "--check"])
    assert "it is that of somebody@grid.test/IEC, the site file says that the host is ems@grid.test/IEC" in found.output
