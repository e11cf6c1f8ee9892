"""A site that signs what it says to its utility, and wants the utility's signed, as its file says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.clock import RealClock
from janusgrid.common.data.site import load_site
from janusgrid.common.errors import ConfigError, JanusGridError
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.ems.host import EmsHost
from janusgrid.openadr.binding.envelopes import Envelopes
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.vtn import Party, Signing, Vtn

from tests.brokers import start_broker

SITE = """\
name: plant
domain: DOMAIN
ems: {jid: "ems@{domain}/IEC"}
openadr:
  ven_name: plant
  vtn: vtn@{domain}/openadr
  resource: plant
  reports: reports.csv
  signing:
    mode: MODE
    certificate: ems.pem
    key: ems.key
    authorities: authority.pem
    signers: ["SIGNER"]
devices: []
"""


def no_reports(folder: Path) -> None:
    header = (Path(__file__).resolve().parents[2] / "mappings/openadr/reports.csv").read_text().splitlines()[0]
    (folder / "reports.csv").write_text(f"{header}\n")


class Plant:
    """A site of no devices and its utility, with certificates of one authority."""

    def __init__(self, server: LocalServer, folder: Path, stack: AsyncExitStack) -> None:
        self._server, self._folder, self._stack = server, folder, stack
        authority = Authority.make(folder)
        self._prints = {user: authority.issue(user, ["localhost"]).fingerprint for user in ("ems", "vtn")}
        no_reports(folder)

    async def _session(self, user: str, resource: str) -> SlixSession:
        server = self._server
        jid = f"{user}@{server.domain}/{resource}"
        session = SlixSession(jid, password=f"secret of {user}", host=server.host, port=server.port, tls=server.ca)
        return await self._stack.enter_async_context(session)

    async def utility(self) -> Vtn:
        files = (self._folder / "vtn.pem", self._folder / "vtn.key", self._folder / "authority.pem")
        signing = Signing(credentials=Credentials(*files), required=True)
        parties = [Party("plant", [f"ems@{self._server.domain}", self._prints["ems"]])]
        session = await self._session("vtn", "openadr")
        return await self._stack.enter_async_context(Vtn("utility", session, parties=parties, signing=signing))

    def write(self, mode: str, signer: str | None = None) -> Path:
        text = SITE.replace("DOMAIN", self._server.domain).replace("MODE", mode)
        path = self._folder / "site.yaml"
        path.write_text(text.replace("SIGNER", signer or self._prints["vtn"]))
        return path

    async def host(self, mode: str, signer: str | None = None) -> EmsHost:
        site = load_site(self.write(mode, signer))
        host = EmsHost(site, await self._session("ems", "IEC"), RealClock())
        return await self._stack.enter_async_context(host)


@pytest_asyncio.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(start_broker("embedded", "vtn", "ems"))
        yield Plant(server, tmp_path, stack)


@pytest.mark.parametrize("mode", ["required", "accepted"])
async def test_a_site_signs_and_wants_signatures(plant: Plant, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    close = Envelopes.close

    def noted(self: Envelopes, *args: Any, **kwargs: Any) -> str:
        texts.append(close(self, *args, **kwargs))
        return texts[-1]

    monkeypatch.setattr(Envelopes, "close", noted)
    vtn = await plant.utility()
    host = await plant.host(mode)
    async with asyncio.timeout(30):
        await host.ven.joined()
        now = datetime.now(UTC).replace(microsecond=0)
        made = load_dispatch(1.0, start=now + timedelta(hours=1), duration=timedelta(hours=1), created=now)
        await vtn.wait_registered("plant")
        assert await vtn.create_event(made, ["plant"]).opted("plant") is OptType.OPT_OUT  # nothing here can be shed
    assert vtn.core.ven("plant").signs
    assert len(texts) > 6
    assert all("SignatureValue" in text for text in texts)


@pytest.mark.parametrize(
    ("mode", "signer", "said"),
    [("off", None, "is not signed, as it has to be"), ("required", "00:11:22:33:44:55:66:77:88:99", "may not send")],
    ids=["off", "another signer"],
)
async def test_neither_side_goes_on_without_what_it_wants(
    plant: Plant, mode: str, signer: str | None, said: str
) -> None:
    vtn = await plant.utility()
    host = await plant.host(mode, signer)
    with pytest.raises(JanusGridError, match=said):
        async with asyncio.timeout(30):
            await host.ven.joined()
    assert not vtn.core.vens


@pytest.mark.parametrize(
    ("good", "bad", "where", "said"),
    [
        ("ems.pem", "nobody.pem", "11:18", "there is no file 'nobody.pem'"),
        ("mode: required", "mode: perhaps", "10:11", "'required', 'accepted'"),
        ('["SIGNER"]', "[me]", "14:15", "'me' is no fingerprint"),
        ("key: ems.key", "key: ems.key\n    past: 0s", "13:11", "longer than no time"),
    ],
)
def test_faults_are_told_with_line_and_column(tmp_path: Path, good: str, bad: str, where: str, said: str) -> None:
    for name in ("ems.pem", "ems.key", "authority.pem"):
        (tmp_path / name).touch()
    no_reports(tmp_path)
    text = SITE.replace("DOMAIN", "a.example").replace("MODE", "required")
    assert good in text
    (tmp_path / "site.yaml").write_text(text.replace(good, bad).replace("SIGNER", "00:11:22:33:44:55:66:77:88:99"))
    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path / "site.yaml")
    assert f"site.yaml:{where}: " in str(caught.value)
    assert said in str(caught.value)


def test_what_is_off_needs_no_files(tmp_path: Path) -> None:
    no_reports(tmp_path)
    text = SITE.replace("DOMAIN", "a.example").replace("MODE", "off").replace("SIGNER", "nobody")
    (tmp_path / "site.yaml").write_text(text)
    signing = load_site(tmp_path / "site.yaml").ven.signing
    assert signing is not None
    assert signing.mode == "off"
