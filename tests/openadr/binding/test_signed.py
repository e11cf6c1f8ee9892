"""VTN and VEN that sign, on every way: what is agreed is kept, and what is not signed as agreed is refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.store.records import Records
from janusgrid.openadr.binding.envelopes import Envelopes
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.model import (
    CreatePartyRegistration,
    Message,
    OptType,
    QueryRegistration,
    Response,
    TransportName,
)
from janusgrid.openadr.signing.notary import Notary
from janusgrid.openadr.ven import Declined, Rejected, Ven
from janusgrid.openadr.vtn import Party, Vtn

from tests.openadr.binding.test_http import Site
from tests.openadr.binding.test_ways import made
from tests.openadr.binding.ways import WAYS, Certificates, Grid, Http, a_grid, eventually


@pytest_asyncio.fixture(params=("embedded", "pull", "push"))
async def grid(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Grid]:
    async with a_grid(request.param, tmp_path, signed=True) as made:
        yield made


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is sent, by anybody."""
    found: list[str] = []
    close = Envelopes.close

    def noted(self: Envelopes, *args: Any, **kwargs: Any) -> str:
        found.append(close(self, *args, **kwargs))
        return found[-1]

    monkeypatch.setattr(Envelopes, "close", noted)
    return found


@pytest.mark.parametrize("grid", WAYS, indirect=True)
async def test_everything_is_signed_and_goes_its_way(grid: Grid, texts: list[str]) -> None:
    vtn, ven = await grid.both()
    assert vtn.core.ven("site").signs
    dispatch = vtn.create_event(made(grid), ["site"])
    async with asyncio.timeout(20):
        assert await dispatch.opted("site") is OptType.OPT_IN
    await eventually(lambda: len(grid.samples) >= 2)
    async with asyncio.timeout(20):
        await ven.leave()
    assert len(texts) >= 12
    assert all("<ds:SignatureValue>" in text for text in texts)


async def test_who_is_not_agreed_is_refused_however_well_it_signs(grid: Grid) -> None:
    await grid.vtn()
    ven = await grid.ven("site", user="mallory")
    with pytest.raises(Rejected) as caught:
        async with asyncio.timeout(20):
            await ven.joined()
    assert caught.value.code == Code.NOT_REGISTERED


async def test_a_signature_of_another_party_is_refused(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    """The transport proves the VEN to be who it is, and it signs with a certificate of somebody else."""
    await grid.vtn()
    ven = await grid.ven(signing=grid.signing("mallory"))
    with caplog.at_level(logging.WARNING), pytest.raises(Rejected) as caught:
        async with asyncio.timeout(20):
            await ven.joined()
    assert caught.value.code == Code.NOT_REGISTERED
    assert "event=openadr.other-signer" in caplog.text


async def test_a_vtn_that_signs_as_somebody_else_is_not_believed(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    assert grid.signers is not None
    await grid.vtn(credentials=grid.signers.of("mallory"))
    ven = await grid.ven()
    with caplog.at_level(logging.WARNING), pytest.raises(Exception, match="not believed"):
        async with asyncio.timeout(20):
            await ven.joined()
    assert "event=openadr.other-signer" in caplog.text


async def test_a_clock_that_is_wrong_is_named(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    await grid.vtn(past=timedelta(milliseconds=1), future=timedelta(milliseconds=1))
    ven = await grid.ven()
    with caplog.at_level(logging.WARNING), pytest.raises(Rejected, match="clock") as caught:
        async with asyncio.timeout(20):
            await ven.joined()
    assert caught.value.code == Code.OUT_OF_SEQUENCE
    assert "event=openadr.signature-time" in caplog.text


async def test_what_was_agreed_is_kept(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    """A VEN that registered to sign cannot send unsigned, nor register not to: who stole its connection could."""
    vtn, ven = await grid.both()
    notary, ven.envelopes._notary = ven.envelopes._notary, None
    address = ven._transport.address
    again = CreatePartyRegistration(
        request_id="R", transport_name=ven._transport.name, transport_address=address, ven_name="site",
        http_pull_model=None if ven._transport.name is TransportName.XMPP else address is None,
    )  # fmt: skip
    carry = ven._transport.carry
    to, proved = grid.way.vtn, grid.way.identity("vtn")
    for message in (again, QueryRegistration(request_id="Q")):
        answer = await carry(to, message, proved)
        assert isinstance(answer, Response)
        assert answer.ei_response.response_code == Code.NOT_ALLOWED
    assert caplog.text.count("event=openadr.unsigned") == 2
    assert vtn.core.ven("site").signs
    ven.envelopes._notary = notary


async def test_an_answer_that_is_not_signed_as_agreed_is_not_believed(grid: Grid) -> None:
    """And the registration goes on: nobody ends it by saying something that is not proved."""
    vtn, ven = await grid.both()
    declined: list[Any] = []
    ven.listen(Declined, declined.append)
    notary, vtn.envelopes._notary = vtn.envelopes._notary, None
    await eventually(lambda: len(declined) >= 1)
    assert "is not believed" in str(declined[0].error)
    assert ven.core.registration_id
    vtn.envelopes._notary = notary


class SignedSite(Site):
    """A VTN over HTTPS that signs, and raw requests to it."""

    def __init__(self, vtn: Vtn, url: str, certificates: Certificates) -> None:
        super().__init__(vtn, url, certificates)
        self.grid = Grid(Http(certificates, push=False), AsyncExitStack(), certificates)

    def notary(self, user: str) -> Notary:
        signing = self.grid.signing(user)
        assert signing is not None
        return Notary(signing)

    async def say(self, text: str, endpoint: str = "EiRegisterParty", user: str = "ems") -> tuple[Message, bool]:
        """Post a text; return the answer, and whether it is signed."""
        status, body = await self.post(text, endpoint, user=user)
        assert status == 200
        return read(body), "<ds:SignatureValue>" in body


def vtn_of(folder: Path, certificates: Certificates, store: Records | None = None, **options: Any) -> tuple[Vtn, Any]:
    transport = HttpTransport(certificates.of("vtn"), listen=("127.0.0.1", 0))
    signing = Grid(Http(certificates, push=False), AsyncExitStack(), certificates).signing("vtn", **options)
    parties = [Party("site", certificates.fingerprint("ems")), Party("other", certificates.fingerprint("mallory"))]
    return Vtn("VTN1", transport, parties=parties, signing=signing, store=store), transport


@pytest.mark.parametrize("way", ["pull", "push"])
async def test_over_http_one_certificate_says_all(tmp_path: Path, way: str) -> None:
    """The VEN is told nothing of its VTN's certificate: it is believed by its authority, and signs by the same."""
    async with a_grid(way, tmp_path, signed=True) as grid:
        assert grid.signers is not None
        await grid.vtn()
        listen = ("127.0.0.1", 0) if way == "push" else None
        pinned = grid.signers.fingerprint("vtn") if way == "push" else ""
        transport = HttpTransport(grid.signers.of("ems"), listen=listen, vtn=pinned)
        async with Ven(
            "site", transport, vtn=grid.way.vtn, clock=grid.clock, signing=grid.signing("ems", signers=())
        ) as ven:
            async with asyncio.timeout(20):
                await ven.joined()


def code(message: Message) -> str:
    return str(message.ei_response.response_code)  # type: ignore[attr-defined]


def named(message: Message) -> str:
    """Return the requestID that an answer names."""
    return str(message.ei_response.request_id)  # type: ignore[attr-defined]


QUERY = QueryRegistration(request_id="Q")


async def test_who_signs_is_answered_so_and_who_does_not_is_not(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    vtn, transport = vtn_of(tmp_path, certificates)
    async with vtn:
        site = SignedSite(vtn, transport.address, certificates)
        now = vtn.clock.now()
        assert [code(m) if i == 0 else m for i, m in enumerate(await site.say(write(QUERY)))] == ["200", False]
        answer, signed = await site.say(site.notary("ems").sign(QUERY, now))
        assert (code(answer), signed) == ("200", True)
        broken = site.notary("ems").sign(QUERY, now).replace(">Q<", ">X<")
        answer, signed = await site.say(broken)
        assert (code(answer), signed) == (Code.INVALID_DATA, True)
        assert named(answer) == "", "nothing is said back of what was not proved"


async def test_where_signatures_are_required_nothing_goes_without(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    vtn, transport = vtn_of(tmp_path, certificates, required=True)
    async with vtn:
        site = SignedSite(vtn, transport.address, certificates)
        answer, signed = await site.say(write(QUERY))
        assert (code(answer), signed, named(answer)) == (Code.NOT_ALLOWED, True, "Q")
        answer, signed = await site.say(site.notary("ems").sign(QUERY, vtn.clock.now()))
        assert (code(answer), signed) == ("200", True)


async def test_what_was_there_before_is_refused_by_a_new_process_too(tmp_path: Path) -> None:
    """The nonces are in the database before anything is answered."""
    certificates = Certificates(tmp_path)
    texts = []
    for attempt in range(3):
        vtn, transport = vtn_of(tmp_path, certificates, Records(tmp_path / "vtn.sqlite", "vtn"))
        async with vtn:
            site = SignedSite(vtn, transport.address, certificates)
            for text in texts:
                answer, signed = await site.say(text)
                assert (code(answer), signed) == (Code.OUT_OF_SEQUENCE, True)
            texts.append(site.notary("ems").sign(QueryRegistration(request_id=f"Q{attempt}"), vtn.clock.now()))
            assert code((await site.say(texts[-1]))[0]) == "200"
            assert code((await site.say(texts[-1]))[0]) == Code.OUT_OF_SEQUENCE


async def test_a_vtn_without_signing_refuses_to_agree_to_it(tmp_path: Path) -> None:
    async with a_grid("pull", tmp_path, signed=True) as grid:
        signers, grid.signers = grid.signers, None
        await grid.vtn()
        grid.signers = signers
        ven = await grid.ven()
        with pytest.raises(Rejected) as caught:
            async with asyncio.timeout(20):
                await ven.joined()
        assert caught.value.code == Code.DEPLOYMENT_ERROR
