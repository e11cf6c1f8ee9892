"""The roles of one XMPP session: each message that comes in goes to the one that it is for.

A session may have one VTN, and VENs of different VTNs. The sender, as the XMPP server stamps it, decides: a VEN hears
its own VTN, and nobody else; everybody else is heard by the VTN. Two parties may be each other's VTN. Then what the
message is decides too: a request that only VENs make, and one that bears a venID which our VTN has given to that very
account, is for our VTN.

This brings messages to a door and opens none: each role sees for itself that a sender may say what it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Protocol
from weakref import WeakKeyDictionary
from xml.etree.ElementTree import Element as StdElement

from ...common.errors import LocalError
from ...common.xmpp.session import Incoming, Session, StanzaRefused
from ..core.identity import is_one_of
from ..model import (
    DECLARATIONS,
    MESSAGES,
    CancelOpt,
    CreatedEvent,
    CreateOpt,
    CreatePartyRegistration,
    Message,
    Poll,
    QueryRegistration,
    RequestEvent,
)
from ..model.names import qualified

WRAPPER, SIGNED, VEN_ID = map(qualified, ("oadr:oadrPayload", "oadr:oadrSignedObject", "ei:venID"))


def _tags(*kinds: type[Message]) -> frozenset[str]:
    return frozenset(qualified(root) for kind in kinds if (root := DECLARATIONS[kind].root))


PAYLOADS = (WRAPPER, *sorted(_tags(*MESSAGES)))
"""The names of the payloads: the wrapper, and every bare message."""

OF_VENS = _tags(QueryRegistration, CreatePartyRegistration, RequestEvent, CreatedEvent, CreateOpt, CancelOpt, Poll)
"""What only a VEN says, and only to a VTN."""


class Lodger(Protocol):
    """A role on the session."""

    @property
    def is_vtn(self) -> bool:
        """Whether it is a VTN; else it is a VEN."""
        ...

    @property
    def hears(self) -> frozenset[str]:
        """Of a VEN, the identities of its VTN."""
        ...

    def knows(self, identity: str, ven_id: str) -> bool:
        """Of a VTN, whether it has given this venID to that identity."""
        ...

    async def take(self, stanza: Incoming, identity: str) -> str | None:
        """Return the answer to what came in."""
        ...


class Porter:
    """Knows the roles of a session. Get it by `Porter.of`.

    Whoever calls for a role that was here and is not any more, because it is closed, is refused for the moment
    (service-unavailable): nobody else answers in its place.
    """

    _all: ClassVar[WeakKeyDictionary[Session, Porter]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._vtn: Lodger | None = None
        self._vens: list[Lodger] = []
        self._had_vtn = False
        self._left: dict[frozenset[str], None] = {}
        self._held = 0

    @classmethod
    def of(cls, session: Session) -> Porter:
        """Return the porter of a session, made at the first call."""
        found = cls._all.get(session)
        if found is None:
            found = cls._all[session] = cls()
        return found

    def enter(self, lodger: Lodger, session: Session) -> None:
        """Bring messages to this role from now on; raise `LocalError` if there is one already that they are for."""
        if lodger.is_vtn and self._vtn is not None:
            raise LocalError(f"{session.jid} serves a VTN already; one session is one VTN")
        if not lodger.is_vtn and any(other.hears & lodger.hears for other in self._vens):
            raise LocalError(f"{session.jid} serves a VEN of {', '.join(sorted(lodger.hears))} already")
        if self._vtn is None and not self._vens:
            self._serve(session)
        if lodger.is_vtn:
            self._vtn, self._had_vtn = lodger, False
        else:
            self._vens.append(lodger)
            self._left = {left: None for left in self._left if not left & lodger.hears}

    def leave(self, lodger: Lodger, session: Session) -> None:
        """Bring it nothing more."""
        if self._vtn is lodger:
            self._vtn, self._had_vtn = None, True
        elif lodger in self._vens:
            self._vens.remove(lodger)
            self._left[lodger.hears] = None
        else:
            return
        if self._vtn is None and not self._vens:
            for name in PAYLOADS:
                session.unhandle(name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Refuse everybody for the moment, while several roles open or close: who calls first finds all of them."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def _serve(self, session: Session) -> None:
        taken: list[str] = []
        try:
            for name in PAYLOADS:
                session.handle(name, self._incoming, kinds=("set",))
                taken.append(name)
        except LocalError:
            for name in taken:
                session.unhandle(name)
            raise

    async def _incoming(self, stanza: Incoming) -> str | None:
        identity = stanza.sender.partition("/")[0]
        lodger = None if self._held else self._lodger(identity, stanza.payload)
        if lodger is None:
            raise StanzaRefused("service-unavailable", "it is not here at the moment")
        return await lodger.take(stanza, identity)

    def _lodger(self, identity: str, payload: StdElement) -> Lodger | None:
        """Return whom a payload is for; None if that one is not here at the moment."""
        ven = next((each for each in self._vens if is_one_of(identity, each.hears)), None)
        its_vtn = ven is not None or any(is_one_of(identity, each) for each in self._left)
        if its_vtn and not self._is_of_a_ven(identity, payload):
            return ven
        if self._vtn is not None or self._had_vtn:
            return self._vtn
        return ven or (self._vens[0] if self._vens else None)  # a stranger to a VEN, which tells it so

    def _is_of_a_ven(self, identity: str, payload: StdElement) -> bool:
        """Return whether the VTN of a VEN speaks as a VEN of our VTN."""
        if self._vtn is None:
            return False
        tag, ven_id = looked_at(payload)
        return tag in OF_VENS or (bool(ven_id) and self._vtn.knows(identity, ven_id))


def looked_at(payload: StdElement) -> tuple[str, str]:
    """Return the name of the message in a payload, and the venID that it bears, as far as a look tells: both are only
    claimed, and may be anything."""
    message = payload
    for cover in (WRAPPER, SIGNED):
        if message.tag == cover and len(message):
            message = message[-1]
    found = message.find(VEN_ID)
    return message.tag, (found.text or "").strip() if found is not None else ""
