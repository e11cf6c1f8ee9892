"""A VTN over HTTPS, or a VEN that is pushed to, and those who come to it: with good manners and without."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
from janusgrid.common.security import Credentials, client_context
from janusgrid.common.security.authority import Authority
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.binding.http_door import HttpLimits
from janusgrid.openadr.binding.services import BASE, service
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.model import (
    CreatedPartyRegistration,
    CreatePartyRegistration,
    Message,
    QueryRegistration,
    TransportName,
)
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Party, Vtn

REGISTRATION = CreatePartyRegistration(
    request_id="R", transport_name=TransportName.SIMPLE_HTTP, ven_name="site", http_pull_model=True
)
TYPE = "Content-Type: application/xml\r\n"


class House:
    """An authority, a VTN, and the certificates of its VENs `site` and `other`.

    With `pushed`, the VEN `site` listens, and its VTN comes to it: what it takes from a server it takes from that.
    """

    def __init__(self, folder: Path, limits: HttpLimits | None = None, *, pushed: bool = False) -> None:
        self.authority = Authority.of(folder)
        self.revoked = self.authority.revoke()
        self._credentials: dict[str, Credentials] = {}
        self.prints: dict[str, str] = {}
        for user in ("vtn", "site", "other"):
            self.issue(user)
        self.pushed, self.guest = pushed, "vtn" if pushed else "site"
        self.transport = HttpTransport(
            self.of("site" if pushed else "vtn"), listen=("127.0.0.1", 0), limits=limits,
            vtn=self.prints["vtn"] if pushed else "",
        )  # fmt: skip
        parties = [Party("site", self.prints["site"]), Party("other", self.prints["other"])]
        self.role: Vtn | Ven
        if pushed:
            self.role = Ven("site", self.transport, vtn="https://127.0.0.1:1")
        else:
            self.role = self.vtn = Vtn("VTN1", self.transport, parties=parties)

    def issue(self, user: str, days: int = 30, since: int = 0) -> None:
        issued = self.authority.issue(user, ["localhost", "127.0.0.1"], days=days, since=since)
        self._credentials[user] = Credentials(issued.certificate, issued.key, issued.authority, self.revoked)
        self.prints[user] = issued.fingerprint

    def of(self, user: str) -> Credentials:
        return self._credentials[user]

    @property
    def url(self) -> str:
        assert self.transport.address is not None
        return self.transport.address

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def connections(self) -> int:
        server = self.transport._server  # type: ignore[attr-defined]
        assert server is not None
        return int(server.connections)

    async def is_well(self) -> bool:
        """Return whether a good peer is served: it is answered, in the words of OpenADR."""
        answer: Any = await self.ask(QueryRegistration(request_id="R"))
        return bool(answer.ei_response.response_code == ("453" if self.pushed else "200"))

    async def connect(self, user: str | None = None) -> Visitor:
        """Return a connection, after the handshake."""
        context = client_context(attrs.evolve(self.of(user or self.guest), revoked=None))
        return Visitor(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context))

    async def ask(self, message: Message, endpoint: str | None = None, user: str | None = None) -> Message:
        """Return the answer to a message, on a connection of its own."""
        visitor = await self.connect(user)
        status, body = await visitor.post(write(message), endpoint or service(type(message)) or "EiReport")
        await visitor.leave()
        assert status == 200, body
        return read(body)

    async def register(self, user: str) -> CreatedPartyRegistration:
        answer = await self.ask(attrs.evolve(REGISTRATION, ven_name=user), user=user)
        assert isinstance(answer, CreatedPartyRegistration)
        return answer


class Visitor:
    """A connection on which anything can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes | str) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)

    async def answer(self) -> tuple[int, bytes]:
        """Return status and body of the next response; status 0 when the connection has ended."""
        async with asyncio.timeout(10):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                return 0, b""
            size = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            self.head = head
            return int(head.split()[1]), await self.reader.readexactly(int(size.partition(b":")[2]))

    async def post(self, body: str | bytes, endpoint: str = "EiRegisterParty", more: str = TYPE) -> tuple[int, bytes]:
        octets = body.encode() if isinstance(body, str) else body
        self.send(head(endpoint, f"{more}Content-Length: {len(octets)}\r\n"))
        self.send(octets)
        return await self.answer()

    async def ended(self) -> bool:
        """Return once the server has ended the connection."""
        async with asyncio.timeout(10):
            try:
                while await self.reader.read(65536):
                    pass
            except (ConnectionError, ssl.SSLError):
                pass
        return True

    async def leave(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


def head(endpoint: str, more: str = TYPE) -> str:
    return f"POST {BASE}/{endpoint} HTTP/1.1\r\nHost: vtn.example\r\n{more}\r\n"


@asynccontextmanager
async def a_house(folder: Path, limits: HttpLimits | None = None, *, pushed: bool = False) -> AsyncIterator[House]:
    """Yield a house whose VTN listens, or with `pushed` its VEN."""
    house = House(folder, limits or HttpLimits(), pushed=pushed)
    async with house.role:
        yield house
