"""OpenADR over simple HTTP: each message is posted, its answer is the response.

A VTN listens; VENs that cannot be reached come for their messages (pull), the others listen too (push). Who a peer is,
its certificate says: its fingerprint is its identity. Without TLS nobody proves anything; that is for laboratories, and
has to be asked for.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientTimeout

from ...common.errors import LocalError, Malformed, NotReachable, Refused, TimedOut
from ...common.security import MODERN, Credentials, TlsProfile, fingerprint, tls
from ...common.security.renewal import RenewedContext, renewed_client_context, renewed_server_context
from ..core.identity import ANYBODY, NOBODY, is_one_of
from ..model import Message, TransportName
from . import reception
from .http_door import HttpLimits
from .http_server import CONTENT_TYPE, HttpServer
from .services import BASE, POLL, SERVICES, service
from .transport import Station

log = logging.getLogger(__name__)

PUSHED: Final = ("EiEvent", "EiReport", "EiRegisterParty")
"""The services of a VEN that listens."""

FINAL_STATUS = frozenset({*range(300, 400), 400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 501})
"""What will not be better the next time (after 9.1.5 as quoted: 404, 406 and 501; second-hand); nor is anybody
followed to another address."""


_ADDRESS = re.compile(r"[a-z]+://[A-Za-z0-9.:\[\]_-]+(?:/[A-Za-z0-9._~/-]*)?")
"""Addresses that are posted to: no name and password, no query, no blanks or line ends."""


class HttpRefused(Refused):
    """The peer's HTTP server has answered with a status other than 200; `status` is it."""

    def __init__(self, status: int, message: str, where: str) -> None:
        super().__init__(message, code=f"http-{status}", where=where)
        self.status = status


class _Pinned(aiohttp.Fingerprint):
    """Lets a connection be used only if the certificate there has OpenADR's fingerprint, if one is asked for.

    `found` is the fingerprint of the last connection.
    """

    def __init__(self, identity: str) -> None:
        super().__init__(bytes(32))  # the whole digest is not known: `check` compares what is
        self._identity = identity
        self.found = NOBODY

    def check(self, transport: asyncio.Transport) -> None:
        """Raise `ServerFingerprintMismatch` for another certificate."""
        secured = transport.get_extra_info("ssl_object")
        found = fingerprint(secured.getpeercert(binary_form=True)) if secured is not None else NOBODY
        if self._identity != NOBODY and not is_one_of(found, (self._identity,)):
            host, port, *_ = transport.get_extra_info("peername")
            raise aiohttp.ServerFingerprintMismatch(self._identity.encode(), found.encode(), host, port)
        self.found = found


class HttpTransport:
    """Simple HTTP of one role.

    Args:
        credentials: our certificate, and whom we trust. Without them there is no TLS, for which `plain` must be set.
        listen: host and port to be posted to; a VTN needs it, a VEN without it asks for its messages. Port 0 is any.
        url: the root under which peers reach `listen`, if that is not the host and port themselves.
        profile: the TLS that is spoken.
        vtn: for a VEN: the fingerprint of its VTN's certificate, where the authority alone is not enough; needed by a
            VEN that listens.
        timeout: seconds for a message and its answer.
        plain: whether to do without TLS: nobody proves who it is. For laboratories.
    """

    name = TransportName.SIMPLE_HTTP

    def __init__(
        self,
        credentials: Credentials | None = None,
        *,
        listen: tuple[str, int] | None = None,
        url: str | None = None,
        profile: TlsProfile = MODERN,
        vtn: str = "",
        limits: HttpLimits | None = None,
        timeout: float = 10.0,
        plain: bool = False,
    ) -> None:
        if (credentials is None) != plain:
            raise LocalError("OpenADR over HTTP is spoken with certificates, or plain=True and without any security")
        self._credentials = credentials
        self._listen = listen
        self._url = url
        self._profile = profile
        self._vtn = vtn
        self._limits = limits or HttpLimits()
        self._timeout = ClientTimeout(total=timeout, connect=timeout / 2)
        self._server: HttpServer | None = None
        self._station: Station | None = None
        self._clients: dict[tuple[str, str], tuple[aiohttp.ClientSession, _Pinned]] = {}
        self._open = False
        self._tls: RenewedContext | None = None
        self._since: ssl.SSLContext | None = None
        self._retired: deque[tuple[float, aiohttp.ClientSession]] = deque()

    @property
    def address(self) -> str | None:
        """The URL under which we are posted to; None if we are not."""
        if self._listen is None:
            return None
        if self._url is not None:
            return self._url
        host, port = self._listen
        if port == 0 and self._server is not None:
            port = self._server.port
        return f"{'https' if self._credentials else 'http'}://{host}:{port}"

    async def begin(self, station: Station, vtn: str | None) -> None:
        """Listen, if this side is posted to (see `Transport`)."""
        if vtn is None and self._listen is None:
            raise LocalError("a VTN over HTTP listens: give host and port")
        if vtn is not None and not self.owns("", _root(vtn)):
            scheme = "https" if self._credentials else "http"
            raise LocalError(f"this is no address of a VTN: write {scheme}://host or {scheme}://host:port", where=vtn)
        if self._credentials is not None:
            self._tls = renewed_client_context(self._credentials, profile=self._profile)
        self._open = True
        self._station = station
        if self._listen is not None:
            context = renewed_server_context(self._credentials, profile=self._profile) if self._credentials else None
            services = (*SERVICES, POLL) if vtn is None else PUSHED
            self._server = HttpServer(*self._listen, context, services, station, self._limits)
            await self._server.open()

    async def end(self) -> None:
        """Listen no more; close what is open."""
        self._open = False
        server, self._server = self._server, None
        clients, self._clients = self._clients, {}
        if server is not None:
            await server.close()
        for client in (*(client for client, _ in clients.values()), *(client for _, client in self._retired)):
            await client.close()
        self._retired.clear()

    async def carry(self, to: str, message: Message, identity: str = "") -> Message | None:
        """Post a message and return the answer (see `Transport`)."""
        if not self._open or self._station is None:
            raise NotReachable("this transport is closed", where=to)
        await self._renew()
        client, certificate = self._client(_root(to), NOBODY if self._tls is None or identity == ANYBODY else identity)
        url = f"{_root(to)}{BASE}/{service(type(message)) or 'EiReport'}"
        body = self._station.envelopes.close(message, identity).encode()
        headers = {"Content-Type": CONTENT_TYPE, "Accept-Encoding": "identity"}
        try:
            async with client.post(
                url, data=body, headers=headers, allow_redirects=False, ssl=self._tls or True
            ) as response:
                content = await self._content(response, to)
        except TimeoutError:
            raise TimedOut(f"no answer within {self._timeout.total:g} s", where=to) from None
        except aiohttp.ServerFingerprintMismatch:
            raise NotReachable("the certificate there is not that of the peer that this is for", where=to) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotReachable(_told(error), where=to) from None
        return await reception.answered(self._station, certificate.found, content, to) if content.strip() else None

    async def post(
        self, to: str, endpoint: str, body: bytes, identity: str = "", *, method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:  # fmt: skip
        """Send octets that may be no message to a service, and return the status and what came with it: for testers.

        Raises `NotReachable` or `TimedOut`.
        """
        await self._renew()
        client, _ = self._client(_root(to), NOBODY if self._tls is None or identity == ANYBODY else identity)
        given = {"Content-Type": CONTENT_TYPE, "Accept-Encoding": "identity", **(headers or {})}
        try:
            async with client.request(
                method, f"{_root(to)}{BASE}/{endpoint}", data=body, headers=given, allow_redirects=False,
                ssl=self._tls or True,
            ) as response:  # fmt: skip
                return response.status, await response.content.read(self._limits.body)
        except TimeoutError:
            raise TimedOut(f"no answer within {self._timeout.total:g} s", where=to) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotReachable(_told(error), where=to) from None

    def passing(self, error: Exception) -> bool:
        """Return whether it may go better the next time (see `Transport`)."""
        if isinstance(error, HttpRefused):
            return error.status not in FINAL_STATUS
        return isinstance(error, NotReachable | TimedOut)

    def owns(self, identity: str, address: str) -> bool:
        """Return whether an address is one that we would post to: scheme, host, port and path of a server, no more.

        Who is there, its certificate will say before anything is sent.
        """
        if not _ADDRESS.fullmatch(address):
            return False
        try:
            parts = urlsplit(address)
            return (
                parts.scheme == ("https" if self._credentials else "http") and bool(parts.hostname) and parts.port != 0
            )
        except ValueError:
            return False

    def same(self, address: str, other: str) -> bool:
        """Return whether two URLs are of one server."""
        return _root(address) == _root(other)

    def vtn_identity(self, vtn: str) -> str:
        """Return the fingerprint that the VTN's certificate must have."""
        return self._vtn or (NOBODY if self._credentials else ANYBODY)

    async def watch(self, identity: str) -> None:
        """Do nothing: over HTTP nobody is seen to come back."""

    async def _renew(self) -> None:
        """Use no connection any more that was made with files that have changed since."""
        now = asyncio.get_running_loop().time()
        current = self._tls.current() if self._tls is not None else None
        if current is not self._since:
            self._since = current
            clients, self._clients = self._clients, {}
            self._retired.extend((now, client) for client, _ in clients.values())  # what they are at, they may end
        while self._retired and now - self._retired[0][0] > (self._timeout.total or 0.0):
            await self._retired.popleft()[1].close()

    def _client(self, root: str, identity: str) -> tuple[aiohttp.ClientSession, _Pinned]:
        """Return the client whose connections to a server lead to this identity alone, and what they have found.

        Who is there is checked before anything is sent. Without an identity it is whom the authority vouches for.
        """
        found = self._clients.get((root, identity))
        if found is None:
            pinned = _Pinned(identity)
            client = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit_per_host=2, ssl=pinned if self._tls is not None else True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
            found = self._clients[root, identity] = client, pinned
        return found

    async def _content(self, response: aiohttp.ClientResponse, to: str) -> bytes:
        """Return the body of a response; raise `HttpRefused` for any status but 200."""
        content = bytearray()
        async for chunk in response.content.iter_chunked(65536):
            content += chunk
            if len(content) > self._limits.body:
                raise Malformed(f"the answer has more than {self._limits.body} octets", where=to)
        if response.status != 200:
            reason = " ".join(bytes(content[:200]).decode("utf-8", "replace").split()) or response.reason or ""
            said = reason.removeprefix(f"{response.status}: ") or "no reason is given"
            raise HttpRefused(response.status, f"HTTP {response.status}: {said}", to)
        return bytes(content)


def _told(error: Exception) -> str:
    """Return in words why nothing came of a request."""
    if isinstance(error, aiohttp.InvalidURL):
        return "this is no address that can be posted to: write https://host or https://host:port"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause: BaseException = error.certificate_error
    else:
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error.__cause__ or error
    closed = isinstance(cause, ConnectionResetError | BrokenPipeError)
    if closed or isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer: is it https there, and is our certificate taken?"
    if isinstance(cause, OSError):
        return tls.told(cause)
    return f"this is no HTTP that is understood: {error}"


def _root(url: str) -> str:
    """Return a URL without the path of the services, with which some give it."""
    return url.strip().rstrip("/").removesuffix(BASE).rstrip("/")
