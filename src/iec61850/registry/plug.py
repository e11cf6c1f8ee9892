"""Plug and play: associations with every device of a registry, as devices come and go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from ...common.errors import JanusGridError
from ...common.xmpp.backoff import Backoff
from ...common.xmpp.session import Session
from ..client import Ied, connect
from .client import RegistryClient
from .entries import Device

log = logging.getLogger(__name__)

Joined = Callable[[Device, Ied], Awaitable[None]]
_RETRY = Backoff(base=0.5, cap=30.0)


class PlugAndPlay:
    """Connects by itself to devices that are registered and there::

        async def joined(device, ied):
            async with ied.report(...) as reports:
                ...

        async with PlugAndPlay(registry, session, joined):
            ...

    `joined` runs for each association, as long as it lasts: it is cancelled when the device leaves, is deregistered,
    or registers something else; the device is connected to anew when it is there again. When it returns, the
    association is kept, and nothing more happens until then.

    Args:
        registry: an open client.
        session: on which to connect.
        joined: what to do with a device.
        wanted: says of a device whether it is any concern of ours; without it, all are.
        options: of `connect`, e.g. `dialect` and `security`.
    """

    def __init__(
        self,
        registry: RegistryClient,
        session: Session,
        joined: Joined,
        *,
        wanted: Callable[[Device], bool] | None = None,
        **options: Any,
    ) -> None:
        self._registry = registry
        self._session = session
        self._joined = joined
        self._wanted = wanted or (lambda _: True)
        self._options = options
        self._running: dict[str, tuple[Device, asyncio.Task[None]]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None

    @property
    def devices(self) -> tuple[Device, ...]:
        """Those that are connected to, or that it is tried with, in order of their accounts."""
        return tuple(device for _, (device, _) in sorted(self._running.items()))

    async def __aenter__(self) -> Self:
        self._following = asyncio.get_running_loop().create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        for jid in list(self._running):
            self._leave(jid)
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def _follow(self) -> None:
        changes = self._registry.changes()
        try:
            async for happening in changes:
                device = happening.device
                there = not happening.kind.is_end and device.available and self._wanted(device)
                running = self._running.get(device.jid)
                if running is not None and there and running[0].about == device.about:
                    continue
                self._leave(device.jid)
                if there:
                    task = asyncio.get_running_loop().create_task(self._attend(device))
                    self._running[device.jid] = device, task
        finally:
            changes.close()

    def _leave(self, jid: str) -> None:
        running = self._running.pop(jid, None)
        if running is not None:
            _, task = running
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
            task.cancel()

    async def _attend(self, device: Device) -> None:
        """Be connected to a device until cancelled, with pauses where that does not last."""
        attempt = 0
        while True:
            try:
                ied = await self._connected(device)
                attempt = 0
                try:
                    await self._work(device, ied)
                finally:
                    await ied.release()
            except JanusGridError as error:
                log.info("%s: %s", device.jid, error)
            except Exception:
                log.exception("%s: what was to be done with it failed", device.jid)
            await asyncio.sleep(_RETRY.delay(attempt))
            attempt += 1

    async def _connected(self, device: Device) -> Ied:
        """Return an association. Who is cancelled meanwhile waits and releases it: the server would keep it."""
        opening = asyncio.ensure_future(self._open(device))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            with contextlib.suppress(JanusGridError):
                await (await opening).release()
            raise

    async def _open(self, device: Device) -> Ied:
        return await connect(device.target, session=self._session, **self._options)

    async def _work(self, device: Device, ied: Ied) -> None:
        """Run `joined` while the association lasts."""
        ended = asyncio.Event()
        remove = ied.on_end(lambda _: ended.set())
        work = asyncio.ensure_future(self._joined(device, ied))
        over = asyncio.ensure_future(ended.wait())
        try:
            await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
                await over
        finally:
            remove()
            for task in (work, over):
                task.cancel()
            await asyncio.gather(work, over, return_exceptions=True)
