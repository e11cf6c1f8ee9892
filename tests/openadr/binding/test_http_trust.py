"""Who is believed over HTTPS, for how long, and what we send to whom."""

from __future__ import annotations

import asyncio
import gzip
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.errors import Malformed, NotReachable, TimedOut
from janusgrid.common.security import MODERN, OPENADR, Credentials
from janusgrid.common.security.authority import Authority, KeyKind
from janusgrid.openadr.binding.courier import FAULTS
from janusgrid.openadr.binding.http import HttpRefused, HttpTransport
from janusgrid.openadr.binding.http_door import HttpLimits
from janusgrid.openadr.binding.services import POLL, SERVICES
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.model import (
    CreatedPartyRegistration,
    CreatePartyRegistration,
    Message,
    Poll,
    QueryRegistration,
    RequestReregistration,
    TransportName,
)
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Vtn

from tests.openadr.binding.https import REGISTRATION, House, Visitor, a_house
from tests.openadr.codec.documents import samples

LIMITS = HttpLimits()
QUERY = write(QueryRegistration(request_id="R1"))


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as made:
        yield made


@pytest_asyncio.fixture(params=[False, True], ids=["VTN", "VEN"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose VTN is come to, or whose VEN is pushed to."""
    async with a_house(tmp_path, pushed=request.param) as made:
        yield made


def code(message: Message) -> str:
    return str(message.ei_response.response_code)  # type: ignore[attr-defined]


async def refused(house: House, user: str) -> bool:
    """Return whether a user does not get through the handshake; with TLS 1.3 that shows when something is read."""
    try:
        visitor = await house.connect(user)
        status, _ = await visitor.post(QUERY)
    except (ssl.SSLError, OSError):
        return True
    return status == 0


async def test_a_revoked_certificate_is_refused_without_a_restart(either: House) -> None:
    inside, good = await either.connect(either.guest), await either.connect("other")
    assert (await inside.post(QUERY))[0] == (await good.post(QUERY))[0] == 200
    either.authority.revoke(either.of(either.guest).certificate)
    assert (await inside.post(QUERY))[0] == 503  # who was in already has to show the certificate again
    assert await inside.ended()
    assert await refused(either, either.guest)
    assert (await good.post(QUERY))[0] == 503
    assert not await refused(either, "other")


async def test_refused_certificates_are_in_the_audit_log_and_do_not_fill_it(
    either: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Of each client the first ten; what is no matter of certificates is none of the audit log's."""
    either.issue("past", days=2, since=3)
    either.authority.revoke(either.of(either.guest).certificate)
    assert await refused(either, "past")
    for _ in range(12):
        assert await refused(either, either.guest)
    _, writer = await asyncio.open_connection("127.0.0.1", either.port)
    writer.write(b"POST / HTTP/1.1\r\n\r\n")
    assert await _.read() is not None
    writer.close()
    audit = [each for each in caplog.records if each.name == "janusgrid.audit"]
    assert {(each.event, each.peer) for each in audit} == {("client-certificate", "127.0.0.1")}  # type: ignore[attr-defined]
    assert [each.count for each in audit] == [*range(1, 11)]  # type: ignore[attr-defined]
    assert "certificate has expired" in audit[0].getMessage()
    assert "certificate revoked" in audit[1].getMessage()


async def test_half_a_list_changes_nothing_and_a_whole_does(either: House, caplog: pytest.LogCaptureFixture) -> None:
    whole = either.authority.revoke(either.of(either.guest).certificate).read_text()
    either.revoked.write_text("-----BEGIN X509 CRL-----\nhalf of")
    assert not await refused(either, "other")
    either.revoked.write_text(whole)
    assert await refused(either, either.guest)
    either.revoked.unlink()
    assert await refused(either, either.guest)
    assert not await refused(either, "other")
    assert "event=security.not-renewed" in caplog.text


async def test_an_expired_certificate_is_refused(either: House) -> None:
    either.issue("past", days=2, since=3)
    assert await refused(either, "past")
    inside = await either.connect(either.guest)
    assert (await inside.post(QUERY))[0] == 200
    (guest,) = [each for each in asyncio.all_tasks() if "Door._serve" in repr(each)]
    frame = guest.get_coro().cr_frame  # type: ignore[union-attr]
    frame.f_locals["guest"]._until = 0.0  # its end comes while the connection lives
    assert (await inside.post(QUERY))[0] == 503
    assert await inside.ended()


async def test_the_servers_certificate_is_renewed_without_a_restart(house: House) -> None:
    before = await house.connect("site")
    old = before.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    house.issue("new")
    fresh, ours = house.of("new"), house.of("vtn")
    os.replace(fresh.certificate, ours.certificate)
    assert not await refused(house, "site")  # the key is still the old one: so is the certificate
    os.replace(fresh.key, ours.key)
    after = await house.connect("site")
    assert after.writer.get_extra_info("ssl_object").getpeercert(binary_form=True) != old
    assert (await after.post(QUERY))[0] == 200


async def test_a_client_takes_up_its_renewed_certificate(house: House) -> None:
    transport = HttpTransport(house.of("site"), vtn=house.prints["vtn"])
    await transport.begin(house.vtn, house.url)
    assert code(await transport.carry(house.url, REGISTRATION) or REGISTRATION) == "200"
    fresh, ours = house.of("other"), house.of("site")
    os.replace(fresh.certificate, ours.certificate)
    os.replace(fresh.key, ours.key)
    assert code(await transport.carry(house.url, REGISTRATION) or REGISTRATION) == Code.NOT_REGISTERED
    await transport.end()


async def test_nobody_is_another_on_any_message_of_any_service(house: House, shared: Path) -> None:
    """463 for each, and nothing of it has come to pass."""
    registered = await house.register("site")
    await house.register("other")
    told: list[object] = []
    house.vtn.listen(object, told.append)
    await asyncio.sleep(0)
    told.clear()
    vens = house.vtn.core.vens
    seen = set()
    for sample in samples(shared):
        if not sample.valid or not sample.is_message:
            continue
        message = read(sample.path.read_bytes())
        names = {field.name for field in attrs.fields(type(message))}
        if "ven_id" not in names or isinstance(message, RequestReregistration | CreatedPartyRegistration):
            continue
        changes: dict[str, str] = {"ven_id": registered.ven_id or ""}
        if "registration_id" in names:
            changes["registration_id"] = registered.registration_id or ""
        if "ven_name" in names:
            changes["ven_name"] = "site"
        if isinstance(message, CreatePartyRegistration):
            changes |= {"transport_name": TransportName.SIMPLE_HTTP, "transport_address": None, "http_pull_model": True}  # type: ignore[dict-item]
        claim = attrs.evolve(message, **changes)
        answer = await house.ask(claim, user="other")
        assert code(answer) == Code.NOT_REGISTERED, (sample.name, answer)
        seen.add(type(message).__name__)
    assert len(seen) >= 15, seen
    assert house.vtn.core.vens == vens
    assert told == []


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8080",
        "https://",
        "https://user:secret@host",
        "https://host?x=y",
        "https://host#x",
        "https://host:0",
        "https://host:99999",
        "https://host:x",
        "https://[::1",
        "https://ho st",
        "https://host\r\nX: y",
        "https://host/%0d%0aX:%20y",
        "https://xn--\u0130.example",
        "https:///path",
        "file:///etc/passwd",
        "gopher://host",
        "//host",
        "ftp://host",
        "javascript:alert(1)",
        "unix:///run/docker.sock",
        " ",
    ],
)
async def test_a_vtn_posts_to_https_servers_only(house: House, address: str) -> None:
    assert not house.transport.owns(house.prints["site"], address)
    wanted = attrs.evolve(REGISTRATION, transport_address=address, http_pull_model=False)
    answer = await house.ask(wanted, user="site")
    assert code(answer) in (Code.NOT_REGISTERED, Code.INVALID_DATA)
    assert not house.vtn.core.vens


@pytest.mark.parametrize("address", ["https://ven.example", "https://10.0.0.1:8443/", "https://[::1]:443/a/b"])
def test_and_to_any_of_these(tmp_path: Path, address: str) -> None:
    assert House(tmp_path, LIMITS).transport.owns("", address)


class Server:
    """Takes requests in plain HTTP and answers as it is told; keeps what came in."""

    def __init__(self, answer: bytes) -> None:
        self.came: list[bytes] = []
        self._answer = answer

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(next(x for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")).split(b":")[1])
        self.came.append(head + await reader.readexactly(size))
        writer.write(self._answer)
        await writer.drain()
        writer.close()


async def carried(url: str, station: Vtn | Ven) -> Message | None:
    transport = HttpTransport(plain=True, timeout=2.0)
    await transport.begin(station, url)
    try:
        return await transport.carry(url, Poll(ven_id="V"))
    finally:
        await transport.end()


async def test_the_head_of_a_request(house: House) -> None:
    async with Server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        assert await carried(server.url, house.vtn) is None
        head, _, body = server.came[0].partition(b"\r\n\r\n")
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert head.startswith(b"POST /OpenADR2/Simple/2.0b/OadrPoll HTTP/1.1\r\n")
    assert lines[b"Host"] == server.url.removeprefix("http://").encode()  # rule 53
    assert lines[b"Content-Type"] == b"application/xml"
    assert int(lines[b"Content-Length"]) == len(body)
    assert lines[b"Accept-Encoding"] == b"identity"
    assert isinstance(read(body), Poll)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_followed(house: House, status: int) -> None:
    async with Server(b"") as other:
        answer = f"HTTP/1.1 {status} Over there\r\nLocation: {other.url}/x\r\nContent-Length: 0\r\n\r\n"
        async with Server(answer.encode()) as server:
            with pytest.raises(HttpRefused) as refusal:
                await carried(server.url, house.vtn)
        assert other.came == []
    assert not HttpTransport(plain=True).passing(refusal.value)


async def test_proxies_of_the_environment_are_not_used(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Server(b"") as proxy, Server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert await carried(server.url, house.vtn) is None
        assert proxy.came == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=range(6),
)
async def test_a_server_that_speaks_no_http_may_do_so_another_time(house: House, answer: bytes) -> None:
    async with Server(answer) as server:
        with pytest.raises(NotReachable) as error:
            await carried(server.url, house.vtn)
    assert HttpTransport(plain=True).passing(error.value)


async def test_an_answer_that_is_too_large_or_packed_is_none(house: House) -> None:
    body = gzip.compress(write(Poll(ven_id="V")).encode())
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b" " * 9_000_000
    for answer in (packed, large):
        async with Server(answer) as server:
            with pytest.raises((Malformed, NotReachable)):
                await carried(server.url, house.vtn)


def test_what_is_sent_again() -> None:
    transport = HttpTransport(plain=True)
    again = {status for status in range(300, 600) if transport.passing(HttpRefused(status, "", ""))}
    assert {500, 502, 503, 504, 408, 429} <= again
    assert not again & {301, 302, 307, 404, 406, 501, 400, 403, 413, 415}
    assert transport.passing(NotReachable(""))
    assert transport.passing(TimedOut(""))
    assert HttpRefused(500, "", "").code in FAULTS


DOCTYPES = (
    "<!DOCTYPE a>",
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
    '<!DOCTYPE a PUBLIC "x" "http://127.0.0.1:1/x.dtd">',
    '<!-- --><!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>',
    "<?x y?>\n<!DOCTYPE a [" + "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 9)) + "]>",
    '<!ENTITY a "b">',
    "<!doctype a>",
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
async def test_no_doctype_on_any_entry(either: House, encoding: str) -> None:
    """Of the servers of both roles, and of their clients in what they are answered."""
    visitor = await either.connect()
    for doctype in DOCTYPES:
        octets = (doctype + QUERY[QUERY.index("<oadr") :]).encode(encoding)
        for endpoint in ("EiEvent", "EiReport", "EiRegisterParty") if either.pushed else (*SERVICES, POLL):
            status, body = await visitor.post(octets, endpoint)
            assert (status, code(read(body))) == (200, Code.INVALID_DATA), (doctype, endpoint)
        async with Server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(octets) + octets) as server:
            with pytest.raises(Malformed):
                await carried(server.url, either.role)
    await visitor.leave()


async def test_each_message_at_each_wrong_endpoint(house: House) -> None:
    visitor = await house.connect()
    for endpoint in ("EiEvent", "EiReport", "EiOpt", "OadrPoll"):
        status, body = await visitor.post(QUERY, endpoint)
        assert (status, code(read(body))) == (200, Code.NOT_RECOGNIZED)


@pytest.mark.parametrize(("kind", "suite"), [(KeyKind.EC, "ECDHE-ECDSA-AES128-SHA256"), (KeyKind.RSA, "AES128-SHA256")])
async def test_a_certified_product_is_served(tmp_path: Path, kind: KeyKind, suite: str) -> None:
    """It knows one suite of TLS 1.2 and nothing else (rule 67)."""
    authority = Authority.of(tmp_path, kind=kind)
    vtn, site = (authority.issue(name, ["127.0.0.1"], kind=kind) for name in ("vtn", "site"))
    credentials = Credentials(vtn.certificate, vtn.key, vtn.authority, authority.revoke())
    for profile, served in ((OPENADR, True), (MODERN, False)):
        transport = HttpTransport(credentials, listen=("127.0.0.1", 0), profile=profile)
        async with Vtn("VTN1", transport, parties=[Party("site", site.fingerprint)]):
            context = ssl.create_default_context(cafile=str(site.authority))
            context.load_cert_chain(site.certificate, site.key)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite)
            assert transport.address is not None
            port = int(transport.address.rpartition(":")[2])
            if not served:
                with pytest.raises(OSError):  # noqa: PT011
                    await asyncio.open_connection("127.0.0.1", port, ssl=context)
                continue
            visitor = Visitor(*await asyncio.open_connection("127.0.0.1", port, ssl=context))
            assert visitor.writer.get_extra_info("cipher")[0] == suite
            assert (await visitor.post(write(REGISTRATION)))[0] == 200
            await visitor.leave()
