"""The laboratory: devices that come late, go, come back, do not fit, or are played; on every XMPP server."""

from __future__ import annotations

import asyncio
import logging
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from janusgrid.common.data.site import Site, load_site
from janusgrid.common.errors import ConfigError
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.login import Login
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.servers.ejabberd import Ejabberd
from janusgrid.common.xmpp.servers.prosody import Prosody
from janusgrid.ems.lab import Arrival, Lab, Standing, State
from janusgrid.iec61850 import Server

HOME = Path(__file__).resolve().parents[2] / "examples" / "tutorial"
PATIENCE = 45.0


class Told:
    """What a laboratory has told, to be waited for."""

    def __init__(self) -> None:
        self.all: list[Standing | Arrival] = []
        self._new = asyncio.Event()

    def __call__(self, what: Standing | Arrival) -> None:
        self.all.append(what)
        self._new.set()

    async def until(self, wanted: Callable[[Standing | Arrival], bool]) -> Standing | Arrival:
        """Return the next one that is wanted."""
        seen = len(self.all)
        async with asyncio.timeout(PATIENCE):
            while True:
                for what in self.all[seen:]:
                    if wanted(what):
                        return what
                seen = len(self.all)
                self._new.clear()
                await self._new.wait()

    async def state(self, state: State) -> Standing:
        found = await self.until(lambda what: isinstance(what, Standing) and what.state is state)
        assert isinstance(found, Standing)
        return found

    async def value(self, r_id: str, value: float, quality: str) -> None:
        """Return when this value of this quality has arrived."""

        def wanted(what: Standing | Arrival) -> bool:
            return isinstance(what, Arrival) and (what.r_id, what.value, what.quality) == (r_id, value, quality)

        await self.until(wanted)


@pytest.fixture
def site() -> Site:
    return load_site(HOME / "home.yaml")


def server_of(name: str, domain: str) -> LocalServer:
    if name == "embedded":
        return Broker(domain)
    launcher = {"prosody": Prosody, "ejabberd": Ejabberd}[name]
    if (reason := launcher.unavailable()) is not None:
        pytest.skip(reason)
    return launcher(domain)


async def test_a_device_comes_late_goes_and_comes_back(site: Site, tmp_path: Path) -> None:
    told, folder = Told(), tmp_path / "lab"
    async with Lab(site, Broker(site.domain), folder, told) as lab:
        assert [device.name for device in lab.guests] == ["HP1"]
        await told.state(State.ABSENT)
        for power in (3200.0, 1500.0):
            async with Login.load(lab.account("HP1")).session() as session, Server.from_scl(HOME / "HP1.cid") as hp1:
                hp1.start(session)
                hp1.update_many({"HP1DER/MMXU1.TotW": power, "HP1DER/STMP1.Tmp": 41.5})
                await told.state(State.HERE)
                await told.value("HP1.p", power / 1000, "good")
                await told.value("HP1.temperature", 41.5, "good")
            await told.state(State.GONE)
            await told.value("HP1.p", power / 1000, "bad")
        good = sum(isinstance(what, Arrival) and what.quality == "good" for what in told.all)
        async with asyncio.timeout(PATIENCE):
            await lab.arrived(good)
        with pytest.raises(TimeoutError):  # those that are not good do not count
            async with asyncio.timeout(1.5):
                await lab.arrived(good + 1)
    assert {what.point for what in told.all if isinstance(what, Arrival)} == {"der.HP1.p", "der.HP1.temperature"}
    assert {what.unit for what in told.all if isinstance(what, Arrival)} == {"kW", "degC"}


async def test_accounts_are_for_their_owner_and_for_the_time_of_the_lab(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told, folder = Told(), tmp_path / "deep" / "lab"
    async with Lab(site, Broker(site.domain), folder, told) as lab:
        login = Login.load(lab.account("HP1"))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(lab.account("HP1").stat().st_mode) == 0o600
        assert (login.jid, login.host, login.port) == ("hp1@home.example/IEC", lab.server.host, lab.server.port)
        assert login.ca is not None
        assert login.ca.read_bytes() == lab.server.ca.read_bytes()
        assert {path.name for path in folder.iterdir()} == {"HP1.yaml", "ca.pem"}
        (folder / "notes").write_text("not the laboratory's")
    assert [path.name for path in folder.iterdir()] == ["notes"]
    assert login.password not in caplog.text


async def test_a_device_without_what_the_table_says_is_told_of(site: Site, tmp_path: Path) -> None:
    told = Told()
    shutil.copyfile(HOME / "HP1.cid", tmp_path / "HP1.cid")
    text = (tmp_path / "HP1.cid").read_text(encoding="utf-8")
    (tmp_path / "HP1.cid").write_text(text.replace('inst="1" lnType="STMP"', 'inst="2" lnType="STMP"'))
    async with (
        Lab(site, Broker(site.domain), tmp_path / "lab", told) as lab,
        Login.load(lab.account("HP1")).session() as session,
        Server.from_scl(tmp_path / "HP1.cid") as hp1,
    ):
        hp1.start(session)
        found = await told.state(State.UNFIT)
    assert "heatpump.csv:3" in found.reason
    assert "STMP1" in found.reason


@pytest.mark.parametrize(
    "broker",
    [
        pytest.param(name, marks=[pytest.mark.xdist_group(f"xmpp-{name}")])
        for name in ("embedded", "prosody", "ejabberd")
    ],
)
async def test_a_device_is_played_from_its_cid(broker: str, site: Site, tmp_path: Path) -> None:
    text = (HOME / "HP1.cid").read_text(encoding="utf-8")
    told = Told()
    shutil.copytree(HOME, tmp_path / "home")
    place = '<LN lnClass="MMXU" inst="1" lnType="MMXU" desc="Power: positive is consumed"/>'
    assert place in text
    value = '<DOI name="TotW"><SDI name="mag"><DAI name="f"><Val>2500</Val></DAI></SDI></DOI>'
    (tmp_path / "home" / "HP1.cid").write_text(text.replace(place, f"{place[:-2]}>{value}</LN>"), encoding="utf-8")
    site = load_site(tmp_path / "home" / "home.yaml")
    async with Lab(site, server_of(broker, site.domain), tmp_path / "lab", told, simulate=["HP1"]) as lab:
        assert lab.guests == ()
        await told.value("HP1.p", 2.5, "good")


async def test_a_device_without_a_cid_is_played_from_its_table(site: Site, tmp_path: Path) -> None:
    shutil.copytree(HOME, tmp_path / "home")
    yaml = tmp_path / "home" / "home.yaml"
    yaml.write_text(yaml.read_text().replace("    cid: HP1.cid\n", ""))
    told = Told()
    async with Lab(load_site(yaml), Broker(site.domain), tmp_path / "lab", told, simulate=["HP1"]):
        await told.value("HP1.p", 0.0, "good")


async def test_what_cannot_be_played(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not of the domain other\.example"):
        await Lab(site, Broker("other.example"), tmp_path / "lab", Told()).__aenter__()
    (tmp_path / "home").mkdir()
    for path in HOME.iterdir():
        if path.is_file():
            shutil.copyfile(path, tmp_path / "home" / path.name)
    alone = tmp_path / "home" / "alone.yaml"
    alone.write_text("name: alone\ndomain: a.example\nems: {jid: 'ems@{domain}/IEC'}\ndevices: []\n")
    with pytest.raises(ConfigError, match=r"alone: it is nothing to a utility.* give it `openadr`"):
        await Lab(load_site(alone), Broker("a.example"), tmp_path / "lab", Told()).__aenter__()
    assert not (tmp_path / "lab").exists()
