"""The broker as it runs: real sockets, real TLS, real slixmpp clients, and clients that mean no good."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import ssl
from collections.abc import AsyncIterator
from xml.etree import ElementTree

import pytest
import pytest_asyncio
import slixmpp
from janusgrid.common.errors import LocalError, NotReachable
from janusgrid.common.xmpp.broker import Broker, Limits
from janusgrid.common.xmpp.servers import LocalServer, pki
from scramp import ScramClient
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from .broker_kit import DOMAIN, HEADER, PASSWORD, auth, response

USERS = {"ems": PASSWORD, "der": PASSWORD, "vtn": PASSWORD}
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


@pytest_asyncio.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker(DOMAIN, USERS) as running:
        yield running


def trusting(broker: Broker) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(broker.ca))


class Client(slixmpp.ClientXMPP):
    """Plain slixmpp, with notes of what happened."""

    def __init__(self, broker: Broker, user: str, resource: str = "r", password: str = PASSWORD, *plugins: str) -> None:
        super().__init__(f"{user}@{broker.domain}/{resource}", password, ssl_context=trusting(broker))
        self.enable_direct_tls = False
        self.broker = broker
        self.events: list[str] = []
        self.errors: list[str] = []
        for plugin in ("xep_0030", "xep_0199", *plugins):
            self.register_plugin(plugin)
        for event in ("session_start", "session_resumed", "disconnected", "failed_all_auth"):
            self.add_event_handler(event, lambda _, event=event: self.events.append(event))
        self.add_event_handler("stream_error", lambda error: self.errors.append(error["condition"]))

    async def login(self) -> Client:
        self.connect(self.broker.host, self.broker.port)
        await asyncio.wait_for(self.wait_until("session_start", 30), 30)
        return self


@contextlib.asynccontextmanager
async def clients(broker: Broker, *users: str, plugins: tuple[str, ...] = ()) -> AsyncIterator[list[Client]]:
    made = [Client(broker, user, "r", PASSWORD, *plugins) for user in users]
    await asyncio.gather(*(client.login() for client in made))
    yield made
    for client in made:
        client.abort()


async def until(condition, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - states of two parties, not events
            await asyncio.sleep(0.005)


class Raw:
    """A client that sends what it likes."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    async def connect(self) -> Raw:
        self.reader, self.writer = await asyncio.open_connection(self.broker.host, self.broker.port)
        return self

    async def send(self, data: bytes | str) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def read_until(self, mark: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(mark), 30)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        return await asyncio.wait_for(self.reader.read(), 30)

    async def secure(self, context: ssl.SSLContext | None = None) -> Raw:
        await self.send(HEADER)
        await self.read_until(b"</stream:features>")
        await self.send(STARTTLS)
        await self.read_until(b"/>")
        await self.writer.start_tls(context or trusting(self.broker), server_hostname=self.broker.domain)
        return self

    async def login(self, user: str) -> Raw:
        await self.secure()
        await self.send(HEADER)
        await self.read_until(b"</stream:features>")
        scram = ScramClient(["SCRAM-SHA-256"], user, PASSWORD)
        await self.send(auth(scram.get_client_first()))
        challenge = ElementTree.fromstring(await self.read_until(b"</challenge>"))
        scram.set_server_first(base64.b64decode(challenge.text or "").decode())
        await self.send(response(scram.get_client_final()))
        await self.read_until(b"</success>")
        await self.send(HEADER)
        await self.read_until(b"</stream:features>")
        await self.send(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>raw</resource></bind></iq>"
        )
        await self.read_until(b"</iq>")
        return self


async def alive(broker: Broker) -> None:
    """A client can log in and is answered."""
    async with clients(broker, "vtn") as (client,):
        assert await client.plugin["xep_0199"].ping(DOMAIN, timeout=5) is not None


# What clients use


async def test_it_is_a_local_server(broker):
    server: LocalServer = broker
    assert server.host == "127.0.0.1"
    assert server.port > 0
    assert server.ca.read_text().startswith("-----BEGIN CERTIFICATE")


async def test_requests_answers_and_refusals(broker):
    async with clients(broker, "ems", "der") as (ems, der):

        def answer(iq):
            reply = iq.reply()
            reply.append(iq.xml[0])
            reply.send()

        der.register_handler(Callback("echo", MatchXPath("{jabber:client}iq/{urn:x}echo"), answer))

        async def ask(number: int) -> str:
            iq = ems.make_iq_get(ito=der.boundjid)
            echo = ElementTree.SubElement(iq.xml, "{urn:x}echo")
            echo.text = f"Größe {number} & <mehr>"
            return (await iq.send(timeout=10)).xml[0].text

        answers = await asyncio.gather(*(ask(number) for number in range(100)))
        assert answers == [f"Größe {number} & <mehr>" for number in range(100)]
        with pytest.raises(IqError) as refused:
            await ems.plugin["xep_0199"].send_ping(f"der@{DOMAIN}/absent", timeout=5)
        assert refused.value.condition == "service-unavailable"
        assert await ems.plugin["xep_0199"].ping(der.boundjid, timeout=5) is not None


async def test_messages_and_presence(broker):
    async with clients(broker, "ems", "der") as (ems, der):
        got: list[tuple[str, str]] = []
        der.add_event_handler("message", lambda m: got.append((m["from"].full, m["body"])))
        der.send_presence()
        ems.send_presence(pto=der.boundjid)
        seen: list[str] = []
        der.add_event_handler("presence_unavailable", lambda p: seen.append(p["from"].full))
        await until(lambda: f"der@{DOMAIN}/r" in broker.online)
        await der.plugin["xep_0199"].ping(DOMAIN)
        for number in range(20):
            ems.send_message(f"der@{DOMAIN}", f"{number}")
        await until(lambda: len(got) == 20)
        assert got == [(f"ems@{DOMAIN}/r", f"{number}") for number in range(20)]
        ems.abort()
        await until(lambda: seen == [f"ems@{DOMAIN}/r"])


async def test_subscription_and_roster(broker):
    async with clients(broker, "ems", "der") as (ems, der):
        await asyncio.gather(ems.get_roster(), der.get_roster())
        ems.send_presence()
        der.send_presence()
        await asyncio.gather(ems.plugin["xep_0199"].ping(DOMAIN), der.plugin["xep_0199"].ping(DOMAIN))
        ems.send_presence_subscription(f"der@{DOMAIN}")
        # slixmpp grants and asks back by itself
        await until(lambda: ems.client_roster[f"der@{DOMAIN}"]["subscription"] == "both")
        await until(lambda: "r" in ems.client_roster[f"der@{DOMAIN}"].resources)
        await until(lambda: "r" in der.client_roster[f"ems@{DOMAIN}"].resources)
        await ems.del_roster_item(f"der@{DOMAIN}")
        await until(lambda: der.client_roster[f"ems@{DOMAIN}"]["subscription"] == "none")


async def test_discovery(broker):
    async with clients(broker, "ems", "der") as (ems, der):
        info = await ems.plugin["xep_0030"].get_info(DOMAIN)
        assert "urn:xmpp:ping" in info["disco_info"]["features"]
        items = await ems.plugin["xep_0030"].get_items(DOMAIN)
        assert items["disco_items"]["items"] == set()
        der.plugin["xep_0030"].add_feature("urn:x")
        info = await ems.plugin["xep_0030"].get_info(der.boundjid)
        assert "urn:x" in info["disco_info"]["features"]


async def test_a_break_and_resumption_lose_nothing(broker):
    async with clients(broker, "ems", plugins=("xep_0198",)) as (ems,), clients(broker, "der") as (der,):
        at_ems: list[str] = []
        at_der: list[str] = []
        ems.add_event_handler("message", lambda m: at_ems.append(m["body"]))
        der.add_event_handler("message", lambda m: at_der.append(m["body"]))
        for turn in range(3):
            for number in range(20):
                der.send_message(ems.boundjid, f"{turn}.{number}")
                ems.send_message(der.boundjid, f"{turn}.{number}")
                if number == 10:
                    await asyncio.sleep(0.01 * turn)
                    ems.transport.abort()
            await until(lambda: not ems.transport)
            ems.connect(broker.host, broker.port)
            await ems.wait_until("session_resumed", 30)
        expected = [f"{turn}.{number}" for turn in range(3) for number in range(20)]
        await until(lambda: len(at_ems) >= 60 and len(at_der) >= 60)
        assert (at_ems, at_der) == (expected, expected)
        assert ems.events.count("session_start") == 1


async def test_the_newest_session_of_a_jid_lives(broker):
    async with clients(broker, "ems") as (old,), clients(broker, "ems") as (new,):
        await until(lambda: "disconnected" in old.events)
        assert old.errors == ["conflict"]
        assert broker.online == (f"ems@{DOMAIN}/r",)
        assert await new.plugin["xep_0199"].ping(DOMAIN) is not None


@pytest.mark.parametrize(("user", "password"), [("ems", "wrong"), ("nobody", PASSWORD)])
async def test_wrong_credentials(broker, user, password):
    client = Client(broker, user, password=password)
    client.connect(broker.host, broker.port)
    await until(lambda: "failed_all_auth" in client.events)
    client.abort()
    assert broker.online == ()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
async def test_many_clients_connect_at_once(version):
    """With TLS 1.3 the first bytes for the stream come with the end of the handshake: none may be lost."""
    users = {f"u{number}": PASSWORD for number in range(40)}
    async with Broker(DOMAIN, users) as broker:
        context = trusting(broker)
        context.minimum_version = context.maximum_version = version
        made = [Client(broker, user) for user in users]
        for client in made:
            client.ssl_context = context
        await asyncio.gather(*(client.login() for client in made))
        assert len(broker.online) == 40
        assert {client.transport.get_extra_info("cipher")[1] for client in made} <= {"TLSv1.3", "TLSv1.2"}
        for client in made:
            client.abort()


async def test_the_header_in_one_flight_with_the_end_of_the_handshake(broker):
    """The race itself: the client's Finished and its first stream header arrive in one read."""
    reader, writer = await asyncio.open_connection(broker.host, broker.port)
    writer.write(HEADER.encode())
    await reader.readuntil(b"</stream:features>")
    writer.write(STARTTLS)
    await reader.readuntil(b"/>")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(broker).wrap_bio(incoming, outgoing, server_hostname=DOMAIN)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
    tls.write(HEADER.encode())
    writer.write(outgoing.read())  # Finished and header together
    plain = b""
    while b"</stream:features>" not in plain:
        incoming.write(await asyncio.wait_for(reader.read(65536), 30))
        with contextlib.suppress(ssl.SSLWantReadError):
            while True:
                plain += tls.read(65536)
    assert b"SCRAM-SHA-256" in plain
    writer.close()


# Running, stopping, crashing


async def test_stopping_tells_the_clients(broker):
    async with clients(broker, "ems", "der") as pair:
        await broker.stop()
        assert not broker.running
        await until(lambda: all("disconnected" in client.events for client in pair))
        assert [client.errors for client in pair] == [["system-shutdown"]] * 2
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(broker.host, broker.port)
    await broker.stop()


async def test_stopping_is_not_held_up_by_a_client_that_does_not_read():
    async with Broker(DOMAIN, USERS, limits=Limits(close_time=0.2)) as broker:
        raw = await (await Raw(broker).connect()).login("der")
        raw.reader._transport.pause_reading()
        await broker.stop()
        assert broker.online == ()
        raw.writer.transport.abort()


async def test_killed_and_started_again_everybody_comes_back(broker):
    port, ca = broker.port, broker.ca.read_bytes()
    async with clients(broker, "ems", "der", plugins=("xep_0198",)) as pair:
        ems, der = pair
        await asyncio.gather(*(client.get_roster() for client in pair))
        for client in pair:
            client.send_presence()
        ems.send_presence_subscription(f"der@{DOMAIN}")
        await until(lambda: ems.client_roster[f"der@{DOMAIN}"]["subscription"] == "both")
        for _ in range(3):
            for client in pair:
                client.events.clear()
            await broker.kill()
            assert broker.online == ()
            assert not broker.running
            await until(lambda: all("disconnected" in client.events for client in pair))
            assert [client.errors for client in pair] == [[], []]
            await broker.start()
            assert (broker.port, broker.ca.read_bytes()) == (port, ca)
            for client in pair:
                client.connect(broker.host, broker.port)
            await until(lambda: all("session_start" in client.events for client in pair))
            roster = await der.get_roster()
            assert roster["roster"]["items"][slixmpp.JID(f"ems@{DOMAIN}")]["subscription"] == "both"
            assert await ems.plugin["xep_0199"].ping(der.boundjid, timeout=5) is not None


async def test_rosters_in_a_file_outlive_the_process(tmp_path):
    path = tmp_path / "rosters.json"
    async with Broker(DOMAIN, USERS, roster_file=path) as broker, clients(broker, "ems") as (ems,):
        await ems.update_roster(f"der@{DOMAIN}", name="Diesel 1", groups=["site"])
        await broker.kill()
    async with Broker(DOMAIN, USERS, roster_file=path) as again, clients(again, "ems") as (ems,):
        roster = await ems.get_roster()
        item = roster["roster"]["items"][slixmpp.JID(f"der@{DOMAIN}")]
        assert (item["name"], item["groups"]) == ("Diesel 1", ["site"])


async def test_a_roster_file_that_cannot_be_written_is_logged(tmp_path, caplog):
    path = tmp_path / "no" / "rosters.json"
    async with Broker(DOMAIN, USERS, roster_file=path) as broker, clients(broker, "ems") as (ems,):
        await ems.update_roster(f"der@{DOMAIN}", name="Diesel 1", groups=[])
        assert "cannot be written" in caplog.text


async def test_a_shared_roster_needs_no_asking():
    async with Broker(DOMAIN, USERS, shared_roster=True) as broker:
        broker.add_user("late", PASSWORD)
        async with clients(broker, "ems", "late") as (ems, late):
            roster = await ems.get_roster()
            assert {item.bare for item in roster["roster"]["items"]} == {
                f"{u}@{DOMAIN}" for u in ("der", "vtn", "late")
            }
            await late.get_roster()
            ems.send_presence()
            late.send_presence()
            await until(lambda: "r" in ems.client_roster[f"late@{DOMAIN}"].resources)
            await until(lambda: "r" in late.client_roster[f"ems@{DOMAIN}"].resources)


async def test_a_user_may_be_added_or_given_a_new_password_while_running(broker):
    broker.add_user("New", "one")
    broker.add_user("new", "two")
    await Client(broker, "new", password="two").login()
    assert broker.online == (f"new@{DOMAIN}/r",)


async def test_a_certificate_from_elsewhere(tmp_path):
    authority = pki.make_ca(tmp_path)
    identity = pki.issue(authority, DOMAIN)
    async with Broker(DOMAIN, USERS, identity=identity, ca=authority.certificate) as broker:
        assert broker.ca == authority.certificate
        await alive(broker)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"domain": "not a domain"}, "not an XMPP address"),
        ({"host": "localhost"}, "127.0.0.1"),
        ({"users": {"a b": "x"}}, "name of an account"),
        ({"users": {"": "x"}}, "name of an account"),
        ({"users": {"a": "\u0007"}}, "password"),
        ({"identity": pki.Identity("x", "y")}, "ca"),  # type: ignore[arg-type]
    ],
)
async def test_arguments_refused(arguments, match):
    with pytest.raises(LocalError, match=match):
        Broker(**arguments)


async def test_starting_where_it_cannot(broker):
    with pytest.raises(LocalError, match="running"):
        await broker.start()
    other = Broker(DOMAIN, USERS, port=broker.port)
    with pytest.raises(NotReachable, match=f"127.0.0.1:{broker.port}"):
        await other.start()
    assert not other.running


async def test_listening_to_the_world_is_warned_of(caplog):
    Broker(DOMAIN, USERS, host="0.0.0.0")
    assert "not made for other machines" in caplog.text


# Clients that mean no good


@pytest.mark.parametrize(
    ("stanza", "expected"),
    [
        (f"<message to='der@{DOMAIN}/r'><x>{'y' * 300_000}", b"policy-violation"),
        (f"<message to='der@{DOMAIN}/r'>{'<a>' * 1000}{'</a>' * 1000}</message>", b"policy-violation"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>", b"not-well-formed"),  # within a document it is not even XML
        ("<message>&lol9;</message>", b"restricted-xml"),
        ("<?php system('id') ?>", b"restricted-xml"),
        ("<message></presence>", b"not-well-formed"),
        ("<message from='der@site.example'/>", b"invalid-from"),
    ],
)
async def test_bad_stanzas_end_that_stream_only(broker, stanza, expected):
    async with clients(broker, "der") as (der,):
        got: list[object] = []
        der.add_event_handler("message", got.append)
        raw = await (await Raw(broker).connect()).login("ems")
        await raw.send(stanza)
        end = await raw.rest()
        assert b"<" + expected in end
        assert end.endswith(b"</stream:stream>")
        await until(lambda: broker.online == (f"der@{DOMAIN}/r",))
        assert await der.plugin["xep_0199"].ping(DOMAIN) is not None
        assert got == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
async def test_no_tls_of_old(broker):
    context = trusting(broker)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    raw = await Raw(broker).connect()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await raw.secure(context)
    await alive(broker)


async def test_nothing_is_taken_before_tls(broker):
    raw = await Raw(broker).connect()
    await raw.send(HEADER + auth("n,,n=ems,r=x"))
    end = await raw.rest()
    assert b"SCRAM" not in end
    assert b"not-authorized" in end


async def test_bytes_slipped_in_between_starttls_and_the_handshake(broker):
    raw = await Raw(broker).connect()
    await raw.send(HEADER)
    await raw.read_until(b"</stream:features>")
    await raw.send(STARTTLS)
    await raw.read_until(b"/>")
    await raw.send(HEADER + auth("n,,n=ems,r=x"))
    assert b"challenge" not in await raw.rest()
    await alive(broker)


async def test_garbage_on_the_port(broker):
    chance = random.Random(3)
    starts = [b"", HEADER.encode(), HEADER.encode() + STARTTLS, b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"<"]

    async def spoil(number: int) -> None:
        raw = await Raw(broker).connect()
        with contextlib.suppress(ConnectionError):
            await raw.send(starts[number % len(starts)] + chance.randbytes(chance.randrange(2000)))
            if number % 3:
                await asyncio.wait_for(raw.reader.read(1), 0.05)
        raw.writer.transport.abort()

    async def spoil_all(numbers: range) -> None:
        for number in numbers:
            with contextlib.suppress(TimeoutError):
                await spoil(number)

    await asyncio.gather(*(spoil_all(range(start, start + 20)) for start in range(0, 200, 20)))
    await alive(broker)


async def test_garbage_within_tls(broker):
    for garbage in (b"\x00" * 100, b"\xff\xfe<\x00", os.urandom(5000), b"<" * 20_000):
        raw = await (await Raw(broker).connect()).secure()
        await raw.send(garbage)
        assert b"</stream:stream>" in await raw.rest()
    await alive(broker)


async def test_a_flood_of_connections_that_say_nothing():
    async with Broker(DOMAIN, USERS, limits=Limits(pending=50, login_time=1.0)) as broker:
        flood = [await Raw(broker).connect() for _ in range(300)]
        await alive(broker)
        ends = await asyncio.gather(*(raw.rest() for raw in flood))
        assert sum(b"resource-constraint" in end for end in ends) >= 250
        assert all(b"resource-constraint" in end or b"connection-timeout" in end for end in ends)
        await alive(broker)


async def test_more_connections_than_allowed():
    async with Broker(DOMAIN, USERS, limits=Limits(connections=2)) as broker, clients(broker, "ems", "der"):
        raw = await Raw(broker).connect()
        assert b"resource-constraint" in await raw.rest()
        assert len(broker.online) == 2


async def test_a_client_that_does_not_read_is_dropped():
    async with Broker(DOMAIN, USERS, limits=Limits(send_buffer=500_000)) as broker, clients(broker, "ems") as (ems,):
        raw = await (await Raw(broker).connect()).login("der")
        raw.writer.transport.pause_reading()
        text = "x" * 50_000
        for _ in range(1000):  # what the kernel's buffers hold comes on top
            ems.send_message(f"der@{DOMAIN}/raw", text)
            await asyncio.sleep(0)
            if len(broker.online) == 1:
                break
        await until(lambda: broker.online == (f"ems@{DOMAIN}/r",))
        assert await ems.plugin["xep_0199"].ping(DOMAIN) is not None
        raw.writer.transport.abort()


async def test_a_login_at_one_byte_a_time(broker):
    class Dribbling(Raw):
        async def send(self, data):
            for byte in data.encode() if isinstance(data, str) else data:
                self.writer.write(bytes([byte]))
                await self.writer.drain()

    raw = await (await Dribbling(broker).connect()).login("der")
    assert broker.online == (f"der@{DOMAIN}/raw",)
    await raw.send("</stream:stream>")
    assert await raw.rest() == b"</stream:stream>"


@pytest.mark.parametrize("step", range(6))
async def test_connections_that_break_off_anywhere_leave_nothing(broker, step):
    raw = await Raw(broker).connect()
    if step == 1:
        await raw.send(HEADER[:50])
    elif step == 2:
        await raw.send(HEADER)
    elif step == 3:
        await raw.send(HEADER.encode() + STARTTLS)
        await raw.read_until(b"<proceed")
        await raw.send(b"\x16\x03\x01\x02\x00\x01")
    elif step == 4:
        await raw.secure()
    elif step == 5:
        await raw.login("der")
        await raw.send("<message to='ems@site.example'><bo")
    if step % 2:
        raw.writer.transport.abort()
    else:
        raw.writer.close()
    await until(lambda: not broker._run.connections)
    assert broker.online == ()
    assert not broker._run.core.streams
    assert not broker._run.core._pending
