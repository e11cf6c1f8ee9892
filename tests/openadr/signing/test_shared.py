"""Processes that are one VTN believe a signed message once, whichever of them it comes to."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.common.store.shared import SharedRecords
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.codec import read
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.model import CreatePartyRegistration, Message, TransportName
from janusgrid.openadr.signing.notary import Notary
from janusgrid.openadr.vtn import Party, Signing, Vtn

from tests.postgres import Postgres, postgres

__all__ = ["postgres"]

REGISTRATION = CreatePartyRegistration(
    request_id="R", transport_name=TransportName.SIMPLE_HTTP, ven_name="site", http_pull_model=True, xml_signature=True
)
MANY = 10


def signing(folder: Path, user: str) -> Signing:
    found = (folder / f"{user}.pem", folder / f"{user}.key", folder / "authority.pem")
    return Signing(credentials=Credentials(*found), required=True)


def vtn(url: str, port: int, folder: Path) -> Vtn:
    transport = HttpTransport(listen=("127.0.0.1", port), plain=True)
    parties = [Party("site", ANYBODY)]
    return Vtn("VTN1", transport, parties=parties, store=SharedRecords(url, "vtn"), signing=signing(folder, "vtn"))


def live(url: str, port: int, folder: Path) -> None:
    """Be another process."""

    async def serve() -> None:
        async with vtn(url, port, folder):
            (folder / "up").touch()
            await asyncio.Event().wait()

    try:
        asyncio.run(serve())
    except BaseException:
        traceback.print_exc()
    os._exit(1)


async def post(client: aiohttp.ClientSession, port: int, document: str) -> Message:
    url = f"http://127.0.0.1:{port}/OpenADR2/Simple/2.0b/EiRegisterParty"
    async with client.post(url, data=document.encode(), headers={"Content-Type": "application/xml"}) as response:
        assert response.status == 200
        return read(await response.read())


async def test_a_message_is_believed_once_by_two_processes(postgres: Postgres, tmp_path: Path) -> None:
    """Each document goes to both at the same time, and once more to both when all is over."""
    authority = Authority.make(tmp_path)
    for user in ("vtn", "site"):
        authority.issue(user, ["127.0.0.1"])
    url, ports = postgres.database(), (free_port(), free_port())
    process = multiprocessing.get_context("forkserver").Process(
        target=live, args=(url, ports[1], tmp_path), daemon=True
    )
    process.start()
    try:
        async with vtn(url, ports[0], tmp_path) as here, aiohttp.ClientSession() as client:
            async with asyncio.timeout(60):
                while not (tmp_path / "up").exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            notary = Notary(signing(tmp_path, "site"))
            for _ in range(MANY):
                document = notary.sign(REGISTRATION, datetime.now(UTC))
                both = await asyncio.gather(*(post(client, port, document) for port in ports))
                again = [await post(client, port, document) for port in ports]
                codes = [answer.ei_response.response_code for answer in (*both, *again)]  # type: ignore[attr-defined]
                assert sorted(codes) == ["200", *[Code.OUT_OF_SEQUENCE] * 3]
            assert len(here._notary.guard.shelf) == MANY  # type: ignore[union-attr]  # it knows those of the other, too
            assert set(here._notary.guard.shelf.of.values()) == {MANY}  # type: ignore[union-attr]
    finally:
        process.kill()
        process.join()
