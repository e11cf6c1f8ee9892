"""A signed message that could not be stored: the very same octets are taken when there is room again, and then once."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from janusgrid.common.clock import ScaledClock
from janusgrid.common.store.records import Records
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.binding.services import BASE
from janusgrid.openadr.codec import read
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.model import (
    CreatedPartyRegistration,
    CreatePartyRegistration,
    ProfileName,
    Response,
    TransportName,
)
from janusgrid.openadr.signing import Signing
from janusgrid.openadr.signing.notary import Notary
from janusgrid.openadr.vtn import Party, Vtn

from tests.openadr.binding.test_keeping import without_room
from tests.openadr.binding.ways import Certificates

XML = {"Content-Type": "application/xml"}
T0 = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
JOIN = CreatePartyRegistration(
    request_id="R1", ven_name="site", transport_name=TransportName.SIMPLE_HTTP, http_pull_model=True,
    profile_name=ProfileName.PROFILE_2_0B, report_only=False, xml_signature=True,
)  # fmt: skip


@pytest.mark.parametrize("ends", [False, True], ids=["goes on", "ends before there is room"])
async def test_what_could_not_be_stored_was_not_there(tmp_path: Path, ends: bool) -> None:
    certificates, clock = Certificates(tmp_path), ScaledClock(1.0, T0)
    text = Notary(Signing(credentials=certificates.of("site"))).sign(JOIN, T0)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def vtn() -> tuple[Vtn, Records]:
            store = Records(tmp_path / "vtn.sqlite", "vtn")
            made = Vtn(
                "VTN1", HttpTransport(listen=("127.0.0.1", 0), plain=True), clock=clock, store=store,
                parties=[Party("site", (ANYBODY, certificates.fingerprint("site")))],
                signing=Signing(credentials=certificates.of("vtn")),
            )  # fmt: skip
            await stack.enter_async_context(made)
            return made, store

        async def post(to: Vtn) -> tuple[int, str]:
            (transport,) = to._transports.values()
            async with http.post(f"{transport.address}{BASE}/EiRegisterParty", data=text, headers=XML) as answer:
                return answer.status, await answer.text()

        one, store = await vtn()
        make_room = without_room(one)
        assert (await post(one))[0] == 503
        assert (await post(one))[0] == 503, "as often as it may come"
        if ends:
            await one.close()
            store.close()
            one, store = await vtn()
        else:
            make_room()
        status, answer = await post(one)
        joined = read(answer)
        assert (status, type(joined)) == (200, CreatedPartyRegistration), answer
        (ven,) = one.vens
        assert joined.ven_id == ven.ven_id
        for _ in range(2):
            status, answer = await post(one)
            refused = read(answer)
            assert isinstance(refused, Response)
            assert refused.ei_response.request_id == JOIN.request_id
            assert (refused.ei_response.response_code, "nonce is used" in answer) == ("450", True)
            await one.close()
            store.close()
            one, store = await vtn()
        await one.close()
        store.close()
