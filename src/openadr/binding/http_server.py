"""OpenADR over simple HTTP, the side that is posted to: a VTN, or a VEN that can be reached.

Facts are second-hand (public implementations, certification practice). What is wrong with the transport has an HTTP
status; what is wrong with a message is answered in OpenADR's own words with status 200.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable

import attrs
from aiohttp import web

from ...common.errors import LocalError, NotReachable
from ...common.security import fingerprint
from ..core.identity import NOBODY
from ..model import Message
from . import reception
from .services import BASE, service
from .transport import NotNow, Station

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/xml"
_TYPES = ("application/xml", "text/xml")


@attrs.frozen(slots=True)
class HttpLimits:
    """What a server takes.

    Attributes:
        body: octets of a request.
        request: seconds until a request has come in whole.
        idle: seconds that a connection may stay without a request.
        connections: open at once.
    """

    body: int = 2 << 20
    request: float = 10.0
    idle: float = 75.0
    connections: int = 5_000


class HttpServer:
    """Listens; hands each message to a station, with the fingerprint of the certificate that the sender has shown."""

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        services: Iterable[str],
        station: Station,
        limits: HttpLimits,
    ) -> None:
        self._host, self._port, self._context = host, port, context
        self._station = station
        self._limits = limits
        self._app = web.Application(client_max_size=limits.body)
        for name in services:
            self._app.router.add_post(f"{BASE}/{name}", self._posted)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._runner is None:
            raise LocalError("the server does not listen yet")
        return int(self._runner.addresses[0][1])

    async def open(self) -> None:
        """Listen; raise `NotReachable` if that port cannot be had."""
        runner = web.AppRunner(
            self._app,
            access_log=None,
            keepalive_timeout=self._limits.idle,
            shutdown_timeout=1.0,
            handler_cancellation=True,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port, ssl_context=self._context)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise NotReachable(
                f"cannot listen: {error.strerror or error}", where=f"{self._host}:{self._port}"
            ) from None
        self._runner = runner

    async def close(self) -> None:
        """Listen no more, and close every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _posted(self, request: web.Request) -> web.Response:
        if request.content_type not in _TYPES or (request.charset or "utf-8").lower() != "utf-8":
            raise web.HTTPUnsupportedMediaType(text=f"a message is {CONTENT_TYPE}, in UTF-8\n")
        try:
            async with asyncio.timeout(self._limits.request):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the request did not come in time\n") from None
        identity = _identity(request)
        try:
            answer = await reception.answer(
                self._station,
                identity,
                body,
                sender=identity or request.remote or "?",
                misplaced=lambda message: _misplaced(message, request.path.rpartition("/")[2]),
            )
        except NotNow as error:
            raise web.HTTPServiceUnavailable(text=f"{error.message}\n", headers={"Retry-After": "5"}) from None
        if answer is None:
            return web.Response()
        return web.Response(text=answer, content_type=CONTENT_TYPE, charset="utf-8")


def _misplaced(message: Message, endpoint: str) -> str | None:
    """Return why a message is not for an endpoint; None if it is."""
    if service(type(message)) in (endpoint, None):
        return None
    return f"{type(message).__name__} is not for {endpoint}"


def _identity(request: web.Request) -> str:
    """Return the fingerprint of the certificate that the peer has shown, `NOBODY` if it has shown none."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    return fingerprint(certificate) if certificate else NOBODY
