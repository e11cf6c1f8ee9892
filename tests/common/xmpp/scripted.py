"""A server that says what a test tells it to: for what no real server does."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
from janusgrid.common.xmpp.servers import pki
from scramp import ScramMechanism

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
SM = "<sm xmlns='urn:xmpp:sm:3'/>"
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"


def mechanisms(*names: str) -> str:
    return f"<mechanisms xmlns='{SASL}'>{''.join(f'<mechanism>{name}</mechanism>' for name in names)}</mechanisms>"


def header(features: str = "", prolog: str = "<?xml version='1.0'?>") -> str:
    return (
        f"{prolog}<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' "
        f"from='grid.test' version='1.0'>{features and f'<stream:features>{features}</stream:features>'}"
    )


@attrs.define
class Peer:
    """The client at the other end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    context: ssl.SSLContext
    heard: str = ""

    async def hear(self, pattern: str) -> re.Match[str]:
        """Return the match of `pattern` in what the client says next; what went before is passed over."""
        async with asyncio.timeout(30):
            while (found := re.search(pattern, self.heard, re.DOTALL)) is None:
                data = await self.reader.read(65_536)
                if not data:
                    raise ConnectionResetError(f"the client left without {pattern}; it said {self.heard!r}")
                self.heard += data.decode()
        self.heard = self.heard[found.end() :]
        return found

    def say(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.encode())

    async def left(self) -> str:
        """Return what the client still says until it closes the stream or is gone."""
        async with asyncio.timeout(30):
            try:
                while "</stream:stream>" not in self.heard and (data := await self.reader.read(65_536)):
                    self.heard += data.decode()
            except ConnectionError:
                pass
        return self.heard

    async def secure(self, after_proceed: str = "") -> None:
        """Lead the client as far as TLS."""
        await self.hear("<stream:stream[^>]*>")
        self.say(header(STARTTLS))
        await self.hear("<starttls[^>]*>")
        self.say(f"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{after_proceed}")
        await self.writer.start_tls(self.context)
        await self.hear("<stream:stream[^>]*>")

    async def log_in(self, password: str, features: str = BIND + SM) -> None:
        """Lead the client as far as the features behind a SCRAM login."""
        await self.secure()
        self.say(header(mechanisms("SCRAM-SHA-256")))
        mechanism = ScramMechanism("SCRAM-SHA-256")
        server = mechanism.make_server(lambda _: mechanism.make_auth_info(password, iteration_count=4096))
        server.set_client_first(_decoded(await self.hear("<auth[^>]*>([^<]*)</auth>")))
        self.say(f"<challenge xmlns='{SASL}'>{_encoded(server.get_server_first())}</challenge>")
        server.set_client_final(_decoded(await self.hear("<response[^>]*>([^<]*)</response>")))
        self.say(f"<success xmlns='{SASL}'>{_encoded(server.get_server_final())}</success>")
        await self.hear("<stream:stream[^>]*>")
        self.say(header(features))

    async def bind(self, jid: str = "ems@grid.test/IEC") -> None:
        """Answer the request for a resource."""
        id = (await self.hear('<iq [^>]*id="([^"]*)"[^>]*><bind.*?</iq>'))[1]
        result = f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{jid}</jid></bind>"
        self.say(f"<iq type='result' id='{id}'>{result}</iq>")

    async def begin(self, password: str, enabled: str = "id='s1' resume='true'") -> None:
        """Lead the client into a session."""
        await self.log_in(password)
        await self.bind()
        await self.hear("<enable [^>]*>")
        self.say(f"<enabled xmlns='urn:xmpp:sm:3' {enabled}/>")
        await self.welcome()

    async def welcome(self) -> None:
        """Answer what a session begins with."""
        id = (await self.hear('<iq [^>]*id="([^"]*)"[^>]*><query xmlns="jabber:iq:roster"'))[1]
        self.say(f"<iq type='result' id='{id}'><query xmlns='jabber:iq:roster'/></iq>")
        await self.hear("<presence/>")


Script = Callable[[Peer], Awaitable[None]]


@attrs.define
class Scripted:
    """A running server."""

    port: int
    connections: int = 0


@asynccontextmanager
async def scripted(identity: pki.Identity, *scripts: Script, direct: bool = False) -> AsyncIterator[Scripted]:
    """Run a server that follows `scripts`, one for each connection; further ones are closed at once.

    What goes wrong in a script is raised at the end, but for a client that leaves: that may be what a test is about.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    ends: list[asyncio.Future[None]] = []
    running: Scripted

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = running.connections
        running.connections += 1
        if number < len(scripts):
            end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            ends.append(end)
            try:
                await scripts[number](Peer(reader, writer, context))
            except (ConnectionError, ssl.SSLError):
                end.set_result(None)
            except BaseException as error:
                end.set_exception(error)
            else:
                end.set_result(None)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context if direct else None)
    running = Scripted(server.sockets[0].getsockname()[1])
    try:
        yield running
        async with asyncio.timeout(30):
            await asyncio.gather(*ends)
    finally:
        server.close()


def _decoded(found: re.Match[str]) -> str:
    return base64.b64decode(found[1]).decode()


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
