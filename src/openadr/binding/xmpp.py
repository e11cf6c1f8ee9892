"""OpenADR over XMPP: each message is an iq of type set, its answer the result.

Facts are second-hand (public implementations and quotations of the profile): `oadrPayload` is the child of the iq; the
VTN lists its services by service discovery under a node of its own; there is no poll. The identity that the transport
proves is the bare JID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...common.errors import Malformed, NotReachable, Refused, TimedOut
from ...common.xmpp.session import DiscoItem, Incoming, Session, StanzaRefused
from ..model import Message, TransportName
from . import reception
from .porter import Porter
from .services import SERVICES, service
from .transport import NotNow, Station

log = logging.getLogger(__name__)

FEATURE = "http://openadr.org/openadr2"
SERVICES_NODE = "http://openadr.org/openadr2#services"
PASSING = frozenset(
    {
        "service-unavailable",
        "recipient-unavailable",
        "remote-server-not-found",
        "remote-server-timeout",
        "resource-constraint",
        "internal-server-error",
    }
)
"""Stanza errors that may be over the next time."""


def bare(jid: str) -> str:
    """Return a JID without its resource."""
    return jid.partition("/")[0]


def owns(identity: str, address: str) -> bool:
    """Return whether a transport address belongs to the account `identity` (a bare JID)."""
    return "/" in address and bare(address).lower() == identity.lower()


class XmppTransport:
    """Messages in and out of one XMPP session, which the caller opens and closes; other protocols may share it.

    So may other roles of OpenADR, each with a transport of its own: see `porter`.

    Args:
        session: in which messages come and go.
        timeout: seconds for a message and its answer.
    """

    name = TransportName.XMPP

    def __init__(self, session: Session, *, timeout: float = 10.0) -> None:
        self._session = session
        self._timeout = timeout
        self._station: Station | None = None
        self._undo: list[Callable[[], None]] = []
        self._vtn: frozenset[str] | None = None
        self._services: dict[str, dict[str, str] | None] = {}

    @property
    def address(self) -> str:
        """Our full JID."""
        return self._session.jid

    async def begin(self, station: Station, vtn: str | None) -> None:
        """Take messages in: wrapped in oadrPayload, or bare. A VTN lists its services; a VEN looks up its VTN's."""
        self._vtn = None if vtn is None else frozenset((self.vtn_identity(vtn),))
        Porter.of(self._session).enter(self, self._session)
        self._station = station
        self._undo = [
            self._session.on_presence(lambda jid, here: station.back(jid) if here else None),
            self._session.on_link(lambda link: station.back(None) if link in ("up", "resumed") else None),
        ]
        if vtn is None:
            self._session.announce(FEATURE)
            items = [DiscoItem(self._session.jid, f"http://openadr.org/OpenADR2/{name}", name) for name in SERVICES]
            self._session.offer(SERVICES_NODE, items)
            return
        self._services.setdefault(vtn, None)  # to be asked before anything is sent to it
        if "@" in vtn:
            await self._session.subscribe(bare(vtn))  # to hear when it comes back

    async def end(self) -> None:
        """Take no more messages in."""
        for undo in self._undo:
            undo()
        Porter.of(self._session).leave(self, self._session)
        self._undo = []

    # --- what the porter asks ---------------------------------------------------------------------------------------

    @property
    def is_vtn(self) -> bool:
        """Whether a VTN is served."""
        return self._vtn is None

    @property
    def hears(self) -> frozenset[str]:
        """The accounts of the VTN, if a VEN is served: its own, and those of its services."""
        return self._vtn or frozenset()

    def knows(self, identity: str, ven_id: str) -> bool:
        """Return whether the VTN that is served has given this venID to this account."""
        return self._station is not None and self._station.knows(identity, ven_id)

    async def take(self, stanza: Incoming, identity: str) -> str | None:
        """Return the answer to an iq of this account."""
        if self._station is None:
            return None
        try:
            return await reception.answer(self._station, identity, stanza.payload, sender=stanza.sender)
        except NotNow as error:
            raise StanzaRefused("resource-constraint", error.message, kind="wait") from None

    # --- what the role asks -----------------------------------------------------------------------------------------

    async def carry(self, to: str, message: Message, identity: str = "") -> Message | None:
        """Send a message as an iq and return the answer (see `Transport`)."""
        services = self._services.get(to, {})
        if services is None:
            services = self._services[to] = await self._discover(to)
        address = (services or {}).get(service(type(message)) or "EiReport", to)
        if self._station is None:
            raise NotReachable("this transport is closed", where=to)
        text = self._station.envelopes.close(message, identity)
        answer = await self._session.request(address, text, kind="set", timeout=self._timeout)
        if services is None:  # it is there, and has no list
            self._services[to] = {}
        return None if answer is None else await reception.answered(self._station, bare(address), answer, address)

    def passing(self, error: Exception) -> bool:
        """Return whether it may go better the next time (see `Transport`)."""
        return isinstance(error, NotReachable | TimedOut) or (isinstance(error, Refused) and error.code in PASSING)

    def owns(self, identity: str, address: str) -> bool:
        """Return whether a full JID belongs to an account."""
        return owns(identity, address)

    def same(self, address: str, other: str) -> bool:
        """Return whether two JIDs are of one account."""
        return bare(address).lower() == bare(other).lower()

    def vtn_identity(self, vtn: str) -> str:
        """Return the VTN's bare JID."""
        return bare(vtn)

    async def watch(self, identity: str) -> None:
        """Ask for a peer's presence."""
        if "@" in identity:
            await self._session.subscribe(identity)

    async def listed(self, vtn: str) -> frozenset[str]:
        """Return the services that a VTN lists, of those that there are; raise what asking it raises."""
        return frozenset(await self._discover(vtn) or ())

    async def _discover(self, vtn: str) -> dict[str, str] | None:
        """Return the services of `vtn` and their JIDs; None where it says nothing: it has no list, or is away.

        A domain cannot be asked anything else: then the error is raised, and the letter is sent again later.
        """
        found: dict[str, str] = {}
        try:
            features = await self._session.features(vtn)
            if any(feature.lower() == FEATURE for feature in features):
                for item in await self._session.items(vtn, SERVICES_NODE):
                    name = item.node.rpartition("/")[2].lower()
                    found.update({known: item.jid for known in SERVICES if known.lower() == name})
        except (Refused, Malformed) as error:
            if "@" not in vtn:
                raise
            log.info("%s does not list its services (%s): everything goes to it", vtn, error)
            return None
        if not found and "@" not in vtn:
            raise NotReachable(f"{vtn} lists no services of OpenADR")
        for jid in found.values():
            if self._station is not None and self._vtn is not None:
                self._station.trust(bare(jid))
                self._vtn |= {bare(jid)}
        return found
