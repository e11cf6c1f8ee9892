"""An association within one process: the client port straight onto a server's engine, without a mapping between."""

from __future__ import annotations

from collections.abc import Callable

from ...common.errors import NotReachable
from ..acsi.ports import EndListener, NotificationListener
from ..acsi.services import Notification, R, Request
from .host import Host


class LocalAssociation:
    """`ClientAssociation` onto a server in this process (see acsi.ports)."""

    def __init__(self, host: Host, name: str = "local", roles: frozenset[int] | None = None) -> None:
        self._host = host
        self._listeners: list[NotificationListener] = []
        self._end_listeners: list[EndListener] = []
        self._association = host.associate(name, self._notify, self._ended)
        self._association.roles = roles

    @property
    def peer(self) -> str:
        """The server's name."""
        return self._host.engine.model.ied

    async def call(self, request: Request[R]) -> R:
        """Ask for a service and return its positive response (see the port)."""
        if self._association.ended:
            raise NotReachable("the association has ended", where=self.peer)
        host = self._host
        return await host.perform(host.engine.call(self._association, request, host.clock.now()))

    def on_notification(self, listener: NotificationListener) -> Callable[[], None]:
        """Call `listener` for each notification; return what removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def on_end(self, listener: EndListener) -> Callable[[], None]:
        """Call `listener` when the association ends; return what removes it."""
        self._end_listeners.append(listener)
        return lambda: self._end_listeners.remove(listener) if listener in self._end_listeners else None

    async def release(self) -> None:
        """Release in good order."""
        self._leave("released")

    async def abort(self) -> None:
        """Abort at once."""
        self._leave("aborted")

    def _leave(self, why: str) -> None:
        if not self._association.ended:
            self._host.end(self._association, why)
            self._ended(why)

    def _notify(self, notification: Notification) -> None:
        for listener in list(self._listeners):
            listener(notification)

    def _ended(self, why: str) -> None:
        for listener in list(self._end_listeners):
            listener(why)
