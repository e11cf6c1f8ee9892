"""Both sides that speak to a registry: a device that registers, and a reader that looks devices up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self
from xml.etree.ElementTree import Element

from ...common.errors import JanusGridError, LocalError, Malformed, NotReachable, TimedOut
from ...common.xmpp import jid as jids
from ...common.xmpp.backoff import Backoff
from ...common.xmpp.session import Incoming, IqKind, Session, StanzaRefused
from ..model.nodes import Model
from ..scl import read as read_scl
from . import wire
from .entries import PART, Device, Document, Happening, Kind, Nameplate, Proposal, packed, unpacked

log = logging.getLogger(__name__)

MOST_OCTETS = 67_108_864
"""Of a file that a registry gives."""
_RETRY = Backoff(base=0.5, cap=60.0)
_LATER = frozenset({
    "service-unavailable", "recipient-unavailable", "item-not-found", "remote-server-not-found",
    "remote-server-timeout", "resource-constraint",
})  # fmt: skip
"""Refusals of a registry that is not there, or has no room now."""


class _Link:
    """A registry, as those see it who speak to it: `met` is called whenever it, or our own session, is there anew."""

    def __init__(self, session: Session, registry: str, timeout: float) -> None:
        self.session = session
        self.registry = jids.normal(registry if "/" in registry else f"{registry}/IEC")
        self.timeout = timeout
        self._again = asyncio.Event()
        self._met = False
        self._keeping: asyncio.Task[None] | None = None
        self._stops: list[Callable[[], None]] = []

    async def ask(self, payload: str, kind: IqKind = "set") -> Element | None:
        return await self.session.request(self.registry, payload, kind=kind, timeout=self.timeout)

    async def open(self, met: Callable[[], Awaitable[None]], *, at_once: bool = False) -> None:
        self._stops = [self.session.on_presence(self._presence), self.session.on_link(self._link)]
        self._keeping = asyncio.get_running_loop().create_task(self._keep(met))
        self._met = not at_once
        if at_once:
            self.meet()

    def meet(self) -> None:
        """Call `met` now, and until it succeeds."""
        self._again.set()

    async def close(self) -> None:
        for stop in self._stops:
            stop()
        self._stops.clear()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def subscribe(self) -> None:
        """See each other: the registry knows us by now."""
        await self.session.subscribe(jids.bare(self.registry))

    def _presence(self, jid: str, available: bool) -> None:
        if jid == self.registry:
            if available and not self._met:
                self.meet()
            self._met = self._met and available

    def _link(self, change: str) -> None:
        if change == "lost":
            self._met = False
        elif change == "up":
            self.meet()

    async def _keep(self, met: Callable[[], Awaitable[None]]) -> None:
        attempt = 0
        while True:
            await self._again.wait()
            self._again.clear()
            try:
                await met()
                await self.subscribe()
                self._met, attempt = True, 0
            except JanusGridError as error:
                patient = isinstance(error, NotReachable | TimedOut) or error.code in _LATER
                log.log(logging.DEBUG if patient else logging.WARNING, "%s: %s", self.registry, error)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RETRY.delay(attempt)):
                        await self._again.wait()
                self._again.set()
                attempt += 1


class Registration:
    """A device at a registry. It stays registered when it leaves; `deregister` ends that.

    Get it by `Server.register`. As long as it is open, it registers anew by itself when the registry or our own
    session was away: what the registry has lost it learns again.
    """

    def __init__(self, session: Session, registry: str, proposal: Proposal, file: bytes, timeout: float) -> None:
        self._link = _Link(session, registry, timeout)
        self._proposal = proposal
        self._file = file
        self._lock = asyncio.Lock()
        self._complete = asyncio.Event()

    @property
    def registry(self) -> str:
        """The full JID of the registry."""
        return self._link.registry

    @property
    def complete(self) -> bool:
        """Whether the registry has taken what was registered last."""
        return self._complete.is_set()

    async def wait_complete(self) -> None:
        """Return once the registry has taken what was registered last."""
        await self._complete.wait()

    async def open(self) -> Self:
        """Register; see `Server.register` for what is raised."""
        later = False
        try:
            await self._register()
            await self._link.subscribe()
        except (NotReachable, TimedOut, StanzaRefused) as error:
            if isinstance(error, StanzaRefused) and error.code not in _LATER:
                raise
            log.info("%s: registered later: %s", self.registry, error)
            later = True
        await self._link.open(self._register, at_once=later)
        return self

    async def update(self, nameplate: Nameplate) -> None:
        """Change the nameplate."""
        self._proposal = Proposal(nameplate, self._proposal.dialects, self._proposal.document)
        await self._register()

    async def deregister(self) -> None:
        """End the registration: the device is taken out, or serves others from now on."""
        await self.close()
        async with self._lock:
            await self._link.ask(wire.empty("deregister"))

    async def close(self) -> None:
        """Stay registered, and see to it no more."""
        await self._link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _register(self) -> None:
        async with self._lock:
            self._complete.clear()
            wanted = await self._say(wire.register(self._proposal))
            document = self._proposal.document
            while wanted is not None:
                if document is None or wanted >= len(self._file):
                    raise Malformed(
                        f"the registry wants what there is not, from octet {wanted} on", where=self.registry
                    )
                part = self._file[wanted : wanted + PART]
                after = await self._say(wire.part(document.sum, wanted, part))
                if after is not None and after <= wanted:
                    raise Malformed("the registry does not take a part of the file", where=self.registry)
                wanted = after
            self._complete.set()

    async def _say(self, payload: str) -> int | None:
        return wire.read_registered(wire.checked(await self._link.ask(payload), "registered"))


async def register(
    model: Model,
    session: Session,
    registry: str,
    *,
    nameplate: Nameplate | None = None,
    with_model: bool = True,
    timeout: float = 10.0,
) -> Registration:
    """Register the server of a model at a registry (see `Server.register`)."""
    from ..scsm82.context import PROFILES
    from .nameplate import description
    from .nameplate import nameplate as of_model

    document, file = packed(description(model, session.jid)) if with_model else (None, b"")
    proposal = Proposal(nameplate or of_model(model), tuple(PROFILES), document)
    return await Registration(session, registry, proposal, file, timeout).open()


class RegistryClient:
    """The devices of a registry, for those who may look them up::

        async with RegistryClient(session, "registry@utility.example") as registry:
            for device in await registry.devices():
                print(device.jid, device.nameplate.vendor, device.nameplate.ratings)
            async for happening in registry.changes():
                print(happening.kind.value, happening.device.jid)

    Args:
        session: an open session.
        registry: its JID, whose resource is `IEC` where none is given.
        timeout: real seconds to wait for each answer.

    Methods raise `StanzaRefused` for what the registry refuses (`forbidden` to those who may not), `NotReachable` and
    `TimedOut`.
    """

    def __init__(self, session: Session, registry: str, *, timeout: float = 10.0) -> None:
        self._link = _Link(session, registry, timeout)
        self._known: dict[str, Device] = {}
        self._changes: set[Changes] = set()
        self._watching = self._looking = False
        self._since: list[Happening] = []

    async def __aenter__(self) -> Self:
        self._link.session.handle(wire.name("happened"), self._happened, kinds=("normal",))
        await self._link.open(self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.session.unhandle(wire.name("happened"))
        await self._link.close()
        if self._watching and self._link.session.connected:
            try:
                await self._link.ask(wire.empty("unwatch"))
            except JanusGridError as left:
                log.debug("%s: %s", self._link.registry, left)

    async def devices(self, **where: str) -> tuple[Device, ...]:
        """Return the devices whose nameplates have these values, all without any: `vendor="Janus"`.

        Names are those of the physical nameplate (`PhyNam`); other attributes go by the end of their reference, as
        in `**{"LLN0.NamPlt.configRev": "1"}`.
        """
        wanted = {name if "." in name else f"PhyNam.{name}": text for name, text in where.items()}
        found: list[Device] = []
        after, more = "", True
        while more:
            answer = await self._link.ask(wire.list_(wanted, after=after), "get")
            devices, more = wire.read_devices(wire.checked(answer, "devices"))
            if more and (not devices or devices[-1].jid <= after):
                raise Malformed("the registry's list does not go on", where=self._link.registry)
            found += devices
            after = devices[-1].jid if devices else after
        return tuple(found)

    async def device(self, jid: str) -> Device | None:
        """Return the device of an account, None if it is not registered."""
        account = jids.bare(jids.normal(jid))
        answer = await self._link.ask(wire.list_({}, jid=account), "get")
        found, _ = wire.read_devices(wire.checked(answer, "devices"))
        return found[0] if found else None

    async def document(self, device: Device) -> str:
        """Return the CID file that a device registered; raise `LocalError` if it registered none."""
        document = device.document
        if document is None:
            raise LocalError("it has registered no file; browse its data", where=device.jid)
        if document.size > MOST_OCTETS:
            raise Malformed(f"a file of {document.size} octets", where=device.jid)
        octets = bytearray()
        while len(octets) < document.size:
            octets += await self._part(device, document, len(octets))
        return unpacked(document, bytes(octets), MOST_OCTETS)

    async def _part(self, device: Device, document: Document, offset: int) -> bytes:
        answer = await self._link.ask(wire.fetch(device.jid, document.sum, offset), "get")
        sum_, at, octets = wire.read_part(wire.checked(answer, "part"))
        if (sum_, at) != (document.sum, offset) or not octets:
            raise Malformed("the registry gives another part of the file", where=self._link.registry)
        return octets

    async def model(self, device: Device) -> Model:
        """Return the model of a device, of the CID file that it registered; raise as `document`, and `SclError`."""
        return read_scl((await self.document(device)).encode(), name=device.jid).model

    # --- watching ---------------------------------------------------------------------------------------------------

    def changes(self) -> Changes:
        """Return what has happened, as it happens: an async iterator of `Happening`.

        It begins with a `REGISTERED` for each device that is registered. It survives the loss of our session and of
        the registry: what has happened meanwhile is told then. Who reads slowly is told how things are, not every step.
        """
        made = Changes(self._known, self._changes)
        if not self._watching:
            self._watching = True
            self._link.meet()
        return made

    async def _look(self) -> None:
        """Watch, and learn how things are."""
        if not self._watching:
            return
        self._looking = True
        self._since.clear()
        await self._link.ask(wire.empty("watch"))
        devices = await self.devices()
        self._known.clear()
        self._known.update((device.jid, device) for device in devices)
        for happening in self._since:  # while the list came, page by page
            self._apply(happening)
        self._since.clear()
        self._looking = False
        self._wake()

    async def _happened(self, incoming: Incoming) -> str | None:
        if incoming.sender != self._link.registry:
            log.warning("%s is not the registry, and says what has happened there", incoming.sender)
            return None
        happening = wire.read_happened(wire.checked(incoming.payload, "happened"))
        if self._looking:
            self._since.append(happening)
        self._apply(happening)
        self._wake()
        return None

    def _apply(self, happening: Happening) -> None:
        if happening.kind.is_end:
            self._known.pop(happening.device.jid, None)
        else:
            self._known[happening.device.jid] = happening.device

    def _wake(self) -> None:
        for each in self._changes:
            each.awake.set()


class Changes:
    """What has happened at a registry (see `RegistryClient.changes`)."""

    def __init__(self, known: dict[str, Device], all_: set[Changes]) -> None:
        self.awake = asyncio.Event()
        self._known = known
        self._told: dict[str, Device] = {}
        self._all = all_
        all_.add(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Happening:
        while True:
            self.awake.clear()
            found = self._next()
            if found is not None:
                return found
            await self.awake.wait()

    def close(self) -> None:
        """Tell nothing any more."""
        self._all.discard(self)

    def _next(self) -> Happening | None:
        for jid, gone in self._told.items():
            if jid not in self._known:
                del self._told[jid]
                return Happening(Kind.DEREGISTERED, gone)
        for jid, device in self._known.items():
            before = self._told.get(jid)
            if before == device:
                continue
            self._told[jid] = device
            kind = _kind(before, device)
            if kind is not None:
                return Happening(kind, device)
        return None


def _kind(before: Device | None, now: Device) -> Kind | None:
    if before is None:
        return Kind.REGISTERED
    if (before.about, before.address, before.registered) != (now.about, now.address, now.registered):
        return Kind.CHANGED
    if before.available != now.available:
        return Kind.AVAILABLE if now.available else Kind.UNAVAILABLE
    return None
