"""OpenADR over simple HTTP, the side that is posted to: a VTN, or a VEN that can be reached.

Facts are second-hand (public implementations, certification practice). What is wrong with the transport has an HTTP
status; what is wrong with a message is answered in OpenADR's own words with status 200.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from ...common.errors import LocalError
from ...common.security.renewal import RenewedContext
from ..codec import write
from ..core.answers import Code, Rejected, negative
from ..model import Message, Response
from . import reception
from .http_door import Door, Guest, HttpLimits
from .services import BASE, service
from .transport import NotNow, Station

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/xml"
_TYPES = ("application/xml", "text/xml")
_HEADERS = {"Content-Type": f"{CONTENT_TYPE}; charset=utf-8"}


class HttpServer:
    """Listens; hands each message to a station, with the fingerprint of the certificate that the sender has shown.

    It never answers with status 500: an error in here is told in OpenADR's words, as one of this deployment.
    """

    def __init__(
        self,
        host: str,
        port: int,
        context: RenewedContext | None,
        services: Iterable[str],
        station: Station,
        limits: HttpLimits,
    ) -> None:
        self._host, self._port, self._context = host, port, context
        self._station = station
        self._limits = limits
        self._app = web.Application(client_max_size=limits.body, middlewares=[_announced])
        self._app.on_response_prepare.append(_nameless)
        for name in services:
            self._app.router.add_post(f"{BASE}/{name}", self._posted)
        self._runner: web.AppRunner | None = None
        self._door: Door | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._door is None:
            raise LocalError("the server does not listen yet")
        return self._door.port

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._door.connections if self._door is not None else 0

    async def open(self) -> None:
        """Listen; raise `NotReachable` if that port cannot be had."""
        runner = web.AppRunner(
            self._app,
            access_log=None,
            keepalive_timeout=self._limits.idle,
            lingering_time=1.0,
            shutdown_timeout=1.0,
            handler_cancellation=True,
            auto_decompress=False,
            logger=_Terse(log),
        )
        await runner.setup()
        assert runner.server is not None
        door = Door(runner.server, self._context, self._limits)
        try:
            await door.open(self._host, self._port)
        except BaseException:
            await runner.cleanup()
            raise
        self._runner, self._door = runner, door

    async def close(self) -> None:
        """Listen no more, and close every connection."""
        runner, self._runner = self._runner, None
        door, self._door = self._door, None
        if door is not None:
            door.shut()
        if runner is not None:
            await runner.cleanup()
        if door is not None:
            await door.close()

    async def _posted(self, request: web.Request) -> web.Response:
        guest = _guest(request)
        if guest.stale(self._context):
            raise _unavailable("certificates have changed, or yours has expired: connect again")
        _check_head(request)
        body = await self._body(request)
        sender = guest.identity or request.remote or "?"
        try:
            answer = await reception.answer(
                self._station, guest.identity, body, sender=sender,
                misplaced=lambda message: _misplaced(message, request.path.rpartition("/")[2]),
            )  # fmt: skip
        except NotNow as error:
            raise _unavailable(error.message) from None
        except Exception:
            log.exception("a request of %s made an error in here", sender)
            answer = write(Response(ei_response=negative(Rejected(Code.DEPLOYMENT_ERROR, "an error in here"))))
        if answer is None:
            return web.Response()
        return web.Response(body=answer.encode(), headers=_HEADERS)

    async def _body(self, request: web.Request) -> bytes:
        if request.content.is_eof():  # it has come with its head
            return await request.read()
        try:
            async with asyncio.timeout(self._limits.request):
                return await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the request did not come in time\n") from None


def _misplaced(message: Message, endpoint: str) -> str | None:
    """Return why a message is not for an endpoint; None if it is."""
    if service(type(message)) in (endpoint, None):
        return None
    return f"{type(message).__name__} is not for {endpoint}"


class _Terse(logging.LoggerAdapter[logging.Logger]):
    """Logs what is no HTTP in a line: whoever sends that shall not fill the log."""

    def exception(self, msg: object, *args: object, exc_info: Any = None, **more: Any) -> None:
        """Log it as the peer's mistake, which it is: what happens in here is caught before."""
        self.warning("event=openadr.bad-http: %s: %s", str(msg) % args, type(exc_info).__name__)


async def _nameless(request: web.Request, response: web.StreamResponse) -> None:
    """Do not tell which software this is."""
    response.headers.popall("Server", None)


@web.middleware
async def _announced(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let the guest know that it has asked for something, whatever that is."""
    _guest(request).asked()
    return await handler(request)


def _guest(request: web.Request) -> Guest:
    guest = request.transport.get_protocol() if request.transport is not None else None
    if not isinstance(guest, Guest):
        raise ConnectionResetError("the connection has ended")
    return guest


def _check_head(request: web.Request) -> None:
    """Raise what is to be answered to a request whose head is not that of a message (rule 53)."""
    if request.content_type not in _TYPES or (request.charset or "utf-8").lower() != "utf-8":
        raise web.HTTPUnsupportedMediaType(text=f"a message is {CONTENT_TYPE}, in UTF-8\n")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(
            text="a message is not compressed\n", headers={"Accept-Encoding": "identity"}
        )
    if "Host" not in request.headers:
        raise web.HTTPBadRequest(text="a request has the header Host\n")


def _unavailable(reason: str) -> web.HTTPServiceUnavailable:
    """Return the refusal of what is worth another try, on another connection."""
    refusal = web.HTTPServiceUnavailable(text=f"{reason}\n", headers={"Retry-After": "5"})
    refusal.force_close()
    return refusal
