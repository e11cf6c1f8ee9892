"""`connect`: from an address to an `Ied`."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Any

from ...common.clock import Clock
from ...common.errors import LocalError
from ...common.xmpp.session import Session
from ..acsi.ports import ClientAssociation
from ..acsi.services import Origin
from ..mapping.initiate import Limits
from .ied import Ied


class Connecting:
    """An association to be opened: `async with` it, or await it."""

    def __init__(self, target: str, options: dict[str, Any], clock: Clock | None, origin: Origin | None) -> None:
        self._target = target
        self._options = options
        self._clock = clock
        self._origin = origin
        self._ied: Ied | None = None

    async def _open(self) -> Ied:
        return Ied(await associate(self._target, **self._options), clock=self._clock, origin=self._origin)

    def __await__(self) -> Generator[Any, None, Ied]:
        return self._open().__await__()

    async def __aenter__(self) -> Ied:
        self._ied = await self._open()
        return self._ied

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ied is not None:
            await self._ied.release()


def connect(
    target: str,
    *,
    session: Session | None = None,
    dialect: str = "80-3",
    limits: Limits | None = None,
    timeout: float = 10.0,
    clock: Clock | None = None,
    origin: Origin | None = None,
) -> Connecting:
    """Open an association with a server.

        async with connect("xmpp:dg750@plant.example/IEC", session=session) as ied:
            print(await ied.read("DG750DER/MMXU1.TotW.mag.f"))

    Args:
        target: `xmpp:` and the full JID of the server; the resource is `IEC` where none is given.
        session: an open XMPP session; any number of associations share one.
        dialect: how the server writes XER: `80-3`, or `2018` (provisional).
        limits: of PDU size, requests at the same time, and nesting.
        timeout: real seconds to wait for each answer.
        clock: gives the time of commands.
        origin: who commands, for all controls of this client.

    Raises, when awaited: `LocalError` for a target it cannot do, `NotReachable`, `TimedOut`, `Refused`, `Malformed`.
    """
    options = {"session": session, "dialect": dialect, "limits": limits, "timeout": timeout}
    return Connecting(target, options, clock, origin)


async def associate(
    target: str, *, session: Session | None, dialect: str, limits: Limits | None, timeout: float
) -> ClientAssociation:
    """Return an open association with the server at `target`."""
    scheme, colon, address = target.partition(":")
    if scheme != "xmpp" or not colon or not address:
        raise LocalError("a target is xmpp:user@domain/IEC", where=target)
    if session is None:
        raise LocalError("give the open XMPP session: connect(target, session=...)", where=target)
    from ..scsm82.client import XmppAssociation

    return await XmppAssociation.open(session, address, dialect=dialect, limits=limits, timeout=timeout)
