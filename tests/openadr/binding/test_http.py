"""What is particular to HTTP: status codes, certificates, limits."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from janusgrid.common.errors import ConfigError, LocalError, NotReachable
from janusgrid.common.security import MODERN, OPENADR, Credentials, client_context, fingerprint, is_fingerprint
from janusgrid.openadr.binding.http import HttpRefused, HttpTransport
from janusgrid.openadr.binding.http_door import HttpLimits
from janusgrid.openadr.binding.services import BASE
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.model import (
    CreatedPartyRegistration,
    CreatePartyRegistration,
    Message,
    Poll,
    QueryRegistration,
    Response,
    TransportName,
)
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Vtn

from tests.openadr.binding.ways import Certificates

QUERY = write(QueryRegistration(request_id="R1"))
LIMITS = HttpLimits(body=100_000, request=0.5)


class Site:
    """A VTN over HTTPS, and raw requests to it."""

    def __init__(self, vtn: Vtn, url: str, certificates: Certificates) -> None:
        self.vtn, self.url, self.certificates = vtn, url, certificates

    def transport(self, user: str) -> HttpTransport:
        return HttpTransport(self.certificates.of(user), vtn=self.certificates.fingerprint("vtn"))

    async def post(
        self, body: str | bytes, endpoint: str = "EiRegisterParty", *, user: str = "ems", **more: object
    ) -> tuple[int, str]:
        """Post anything; return status and body."""
        context = client_context(self.certificates.of(user))
        more = {"headers": {"Content-Type": "application/xml"}, **more}
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{self.url}{BASE}/{endpoint}", data=body, ssl=context, **more) as response,  # type: ignore[arg-type]
        ):
            return response.status, await response.text()

    async def ask(self, message: Message, endpoint: str, user: str = "ems") -> Message:
        status, body = await self.post(write(message), endpoint, user=user)
        assert status == 200
        return read(body)


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    certificates = Certificates(tmp_path)
    transport = HttpTransport(certificates.of("vtn"), listen=("127.0.0.1", 0), limits=LIMITS)
    parties = [Party("site", certificates.fingerprint("ems")), Party("other", certificates.fingerprint("mallory"))]
    async with Vtn("VTN1", transport, parties=parties) as vtn:
        assert transport.address is not None
        yield Site(vtn, transport.address, certificates)


def code(message: Message) -> str:
    return str(message.ei_response.response_code)  # type: ignore[attr-defined]


REGISTRATION = CreatePartyRegistration(
    request_id="R", transport_name=TransportName.SIMPLE_HTTP, ven_name="site", http_pull_model=True
)


async def test_nobody_speaks_as_another(site: Site) -> None:
    registered = await site.ask(REGISTRATION, "EiRegisterParty")
    assert isinstance(registered, CreatedPartyRegistration)
    ven_id = registered.ven_id or ""
    assert code(await site.ask(Poll(ven_id=ven_id), "OadrPoll")) == "200"
    assert code(await site.ask(Poll(ven_id=ven_id), "OadrPoll", user="mallory")) == Code.NOT_REGISTERED
    assert code(await site.ask(REGISTRATION, "EiRegisterParty", user="mallory")) == Code.NOT_REGISTERED


@pytest.mark.parametrize(
    ("body", "endpoint", "headers", "status"),
    [
        (QUERY, "EiNothing", {}, 404),
        (QUERY, "EiRegisterParty", {"Content-Type": "application/json"}, 415),
        (QUERY, "EiRegisterParty", {"Content-Type": "application/xml; charset=latin1"}, 415),
        (b" " * 200_000, "EiRegisterParty", {}, 413),
        (QUERY, "EiRegisterParty", {"Content-Type": "text/xml; charset=UTF-8"}, 200),
    ],
)
async def test_status(site: Site, body: str | bytes, endpoint: str, headers: dict[str, str], status: int) -> None:
    headers = {"Content-Type": "application/xml", **headers}
    assert (await site.post(body, endpoint, headers=headers))[0] == status


async def test_other_methods_are_not_allowed(site: Site) -> None:
    context = client_context(site.certificates.of("ems"))
    async with aiohttp.ClientSession() as client:
        for method in ("GET", "PUT", "DELETE"):
            url = f"{site.url}{BASE}/EiRegisterParty"
            async with client.request(method, url, ssl=context) as response:
                assert response.status == 405


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", Code.INVALID_DATA),
        ("no XML", Code.INVALID_DATA),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', Code.INVALID_DATA),
        (QUERY.replace("pyld:requestID", "pyld:requestId"), Code.INVALID_DATA),
        (write(Poll(ven_id="V")), Code.NOT_RECOGNIZED),
    ],
)
async def test_what_is_wrong_with_a_message_is_told_in_openadrs_words(site: Site, body: str, expected: Code) -> None:
    status, text = await site.post(body)
    assert status == 200
    answer = read(text)
    assert isinstance(answer, Response)
    assert answer.ei_response.response_code == expected


async def test_a_bare_message_is_taken(site: Site) -> None:
    inside = QUERY[QUERY.index("<oadr:oadrQueryRegistration") : QUERY.index("</oadr:oadrSignedObject>")]
    names = QUERY[QUERY.index(" xmlns:") : QUERY.index(">")]
    bare = inside.replace(">", f"{names}>", 1) if "xmlns" not in inside else inside
    status, text = await site.post(bare)
    assert status == 200
    assert isinstance(read(text), CreatedPartyRegistration)


async def test_who_sends_slowly_is_not_waited_for(site: Site) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for octet in QUERY.encode():
            yield bytes((octet,))
            await asyncio.sleep(0.1)

    try:
        status, _ = await site.post(drip())  # type: ignore[arg-type]
        assert status == 408
    except aiohttp.ClientError:
        pass  # the connection was closed on us, which is as good
    assert (await site.post(QUERY))[0] == 200


async def test_without_a_certificate_nobody_comes_in(site: Site) -> None:
    context = ssl.create_default_context(cafile=site.certificates.authorities)
    with pytest.raises(aiohttp.ClientError):
        async with aiohttp.ClientSession() as client, client.post(f"{site.url}{BASE}/EiEvent", ssl=context) as response:
            await response.read()


async def test_a_vtn_with_another_certificate_gets_nothing(site: Site) -> None:
    transport = HttpTransport(site.certificates.of("ems"), vtn=site.certificates.fingerprint("mallory"))
    await transport.begin(site.vtn, site.url)
    with pytest.raises(NotReachable, match="not that of the peer"):
        await transport.carry(site.url, QueryRegistration(request_id="R"), transport.vtn_identity(site.url))
    await transport.end()


async def test_an_authority_that_is_not_ours_is_not_believed(site: Site, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    elsewhere = Certificates(tmp_path / "else")
    with pytest.raises(aiohttp.ClientError):
        await Site(site.vtn, site.url, elsewhere).post(QUERY)


async def test_where_there_is_nobody(site: Site) -> None:
    transport = site.transport("ems")
    await transport.begin(site.vtn, site.url)
    for url in ("https://127.0.0.1:1", "https://no.such.host.invalid", "https://127.0.0.1:99999", "nonsense"):
        with pytest.raises(NotReachable):
            await transport.carry(url, QueryRegistration(request_id="R"))
    with pytest.raises(HttpRefused) as refused:
        await transport.carry(f"{site.url}/elsewhere", QueryRegistration(request_id="R"))
    assert (refused.value.status, refused.value.message) == (404, "HTTP 404: Not Found")
    assert not transport.passing(refused.value)
    assert transport.passing(HttpRefused(503, "busy", ""))
    answer = await transport.carry(f"{site.url}{BASE}/", QueryRegistration(request_id="R"))
    assert isinstance(answer, CreatedPartyRegistration)
    await transport.end()


async def test_no_security_has_to_be_asked_for() -> None:
    with pytest.raises(LocalError, match="plain=True"):
        HttpTransport(listen=("127.0.0.1", 0))


async def test_a_laboratory_without_tls() -> None:
    transport = HttpTransport(listen=("127.0.0.1", 0), plain=True)
    async with Vtn("VTN1", transport, parties=[Party("site", ANYBODY)]) as vtn:
        assert transport.address is not None
        for listen in (None, ("127.0.0.1", 0)):
            async with Ven("site", HttpTransport(listen=listen, plain=True), vtn=transport.address) as ven:
                async with asyncio.timeout(20):
                    await ven.joined()
                assert vtn.core.ven("site").ven_id == ven.core.ven_id


async def test_two_servers_cannot_have_one_port(site: Site) -> None:
    port = int(site.url.rpartition(":")[2])
    second = HttpTransport(site.certificates.of("vtn"), listen=("127.0.0.1", port))
    with pytest.raises(NotReachable, match="cannot listen"):
        await Vtn("VTN2", second).open()
    assert (await site.post(QUERY))[0] == 200


def test_a_fingerprint_is_the_end_of_the_digest() -> None:
    assert fingerprint(b"") == "93:4C:A4:95:99:1B:78:52:B8:55"
    assert is_fingerprint(fingerprint(b"certificate"))
    assert is_fingerprint("aabbccddeeff00112233")
    assert not is_fingerprint("ems@site.example")


@pytest.mark.parametrize("profile", [MODERN, OPENADR], ids=lambda profile: profile.name)
def test_profiles_are_made(profile: object, tmp_path: Path) -> None:
    context = client_context(Certificates(tmp_path).of("ems"), profile=profile)  # type: ignore[arg-type]
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    names = {suite["name"] for suite in context.get_ciphers()}
    assert ("AES128-SHA256" in names) == (profile is OPENADR)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    good = Certificates(tmp_path).of("ems")
    (tmp_path / "empty").touch()
    for wrong in (
        Credentials(tmp_path / "none", good.key),
        Credentials(good.certificate, tmp_path / "empty"),
        Credentials(good.certificate, good.key, tmp_path / "none"),
    ):
        with pytest.raises(ConfigError, match="cannot be used"):
            client_context(wrong)
