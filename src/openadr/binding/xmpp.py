"""OpenADR over XMPP: each message is an iq of type set, its answer the result.

Facts are second-hand (public implementations and quotations of the profile): `oadrPayload` is the child of the iq; the
VTN lists its services by service discovery under a node of its own; there is no poll. The identity that the transport
proves is the bare JID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...common.errors import Malformed, RemoteError
from ...common.xmpp.session import DiscoItem, Incoming, Session
from ..codec import read, write
from ..core.answers import Code
from ..model import (
    DECLARATIONS,
    MESSAGES,
    NAMESPACES,
    CanceledOpt,
    CancelOpt,
    CancelPartyRegistration,
    CreatedEvent,
    CreatedOpt,
    CreateOpt,
    CreatePartyRegistration,
    DistributeEvent,
    EiResponse,
    Message,
    QueryRegistration,
    RequestEvent,
    RequestReregistration,
    Response,
)

log = logging.getLogger(__name__)

FEATURE = "http://openadr.org/openadr2"
SERVICES_NODE = "http://openadr.org/openadr2#services"
SERVICES = ("EiEvent", "EiReport", "EiRegisterParty", "EiOpt")

_SERVICE: dict[str, tuple[type[Message], ...]] = {
    "EiEvent": (DistributeEvent, CreatedEvent, RequestEvent),
    "EiRegisterParty": (
        QueryRegistration,
        CreatePartyRegistration,
        CancelPartyRegistration,
        RequestReregistration,
    ),
    "EiOpt": (CreateOpt, CreatedOpt, CancelOpt, CanceledOpt),
}
"""The messages of each service as requests go to it; the rest are of EiReport."""


def service(message: type[Message]) -> str:
    """Return the service that a kind of message belongs to."""
    return next((name for name, messages in _SERVICE.items() if message in messages), "EiReport")


def bare(jid: str) -> str:
    """Return a JID without its resource."""
    return jid.partition("/")[0]


def owns(identity: str, address: str) -> bool:
    """Return whether a transport address belongs to the account `identity` (a bare JID)."""
    return "/" in address and bare(address).lower() == identity.lower()


class XmppBinding:
    """Messages in and out of one session.

    Args:
        receive: given the sender's bare JID and a message; returns the answer.
    """

    def __init__(self, session: Session, receive: Callable[[str, Message], Message | None]) -> None:
        self._session = session
        self._receive = receive
        self._services: dict[str, dict[str, str]] = {}

    @property
    def session(self) -> Session:
        """The session below."""
        return self._session

    def serve(self, *, vtn: bool = False) -> None:
        """Begin to take messages in: wrapped in oadrPayload, or bare. A VTN lists its services."""
        for name in _names():
            self._session.handle(name, self._incoming, kinds=("set",))
        if vtn:
            self._session.announce(FEATURE)
            items = [DiscoItem(self._session.jid, f"http://openadr.org/OpenADR2/{name}", name) for name in SERVICES]
            self._session.offer(SERVICES_NODE, items)

    def stop(self) -> None:
        """Take no more messages in."""
        for name in _names():
            self._session.unhandle(name)

    async def discover(self, vtn: str) -> dict[str, str]:
        """Ask `vtn` (a JID or a domain) for its services and remember them; return service name to JID.

        An entity that does not answer service discovery is taken to serve everything at `vtn` itself.
        """
        found: dict[str, str] = {}
        try:
            features = await self._session.features(vtn)
            if any(feature.lower() == FEATURE for feature in features):
                for item in await self._session.items(vtn, SERVICES_NODE):
                    name = item.node.rpartition("/")[2]
                    found.update({known: item.jid for known in SERVICES if known.lower() == name.lower()})
        except RemoteError as error:
            log.info("%s does not list its services (%s): everything goes to it", vtn, error)
        self._services[vtn] = found
        return found

    async def send(self, to: str, message: Message) -> Message | None:
        """Send a message and return the answer, None for an empty one; the errors are those of `Session.request`."""
        address = self._services.get(to, {}).get(service(type(message)), to)
        answer = await self._session.request(address, write(message), kind="set")
        return None if answer is None else read(answer)

    async def _incoming(self, stanza: Incoming) -> str | None:
        identity = bare(stanza.sender)
        try:
            message = read(stanza.payload)
        except Malformed as error:
            log.warning("event=openadr.invalid from=%s: %s", stanza.sender, error)
            response = EiResponse(response_code=Code.INVALID_DATA, response_description=str(error))
            return write(Response(ei_response=response))
        reply = self._receive(identity, message)
        return None if reply is None else write(reply)


def _names() -> list[str]:
    """Return the names of the payloads: the wrapper, and every bare message."""
    names = ["oadrPayload"]
    for message in MESSAGES:
        root = DECLARATIONS[message].root
        if root:
            names.append(root.partition(":")[2])
    return [f"{{{NAMESPACES['oadr']}}}{name}" for name in names]
