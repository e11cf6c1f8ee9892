"""The association context: what stands between a stanza and an MMS PDU (IEC TR 61850-80-3 clause 7.5.2).

`<AssociationContext id="32">` holds one PDU. The TR prints no namespace for it; we write that of the dialect, and read
it without (inside a stanza it then falls into `jabber:client`).
"""

from __future__ import annotations

import re
import secrets
from xml.etree.ElementTree import Element

import attrs

from ...common.errors import LocalError, Malformed
from ...common.xmpp.session import MessageKind
from ..mms import pdu
from ..mms.dialect import DIALECT_80_3, DIALECT_2018, Dialect
from .security import ELEMENT as SECURITY
from .security import EndToEnd, Off

JABBER = "jabber:client"
ELEMENT = "AssociationContext"
_ID = re.compile(r"[0-9]{1,9}(:[0-9]{1,9})?")


@attrs.frozen(slots=True)
class Profile:
    """How associations look in one dialect; where public sources leave it open, the choice stands here.

    Attributes:
        dialect: of the PDUs.
        namespace: of the association context.
        paired: both sides give half of the identifier (`12:7`); else the client's number is the identifier.
        reports: the kind of message that carries what is sent unasked. Both kinds are read.
        reject_in_result: a reject answers its iq; else it goes as a message and the iq gets an empty result.
    """

    dialect: Dialect
    namespace: str
    paired: bool
    reports: MessageKind
    reject_in_result: bool

    @property
    def names(self) -> tuple[str, str]:
        """The names of the association context as they may come, `{namespace}local`."""
        return f"{{{self.namespace}}}{ELEMENT}", f"{{{JABBER}}}{ELEMENT}"


PROFILES = {
    DIALECT_80_3.name: Profile(DIALECT_80_3, DIALECT_80_3.namespace, False, "chat", True),
    # Provisional: the envelope's own namespace (ENV_4) is known by name only, its elements are not.
    DIALECT_2018.name: Profile(DIALECT_2018, DIALECT_2018.namespace, True, "normal", False),
}
"""By the name of the dialect."""


def profile(name: str) -> Profile:
    """Return the profile of a dialect; raise `LocalError` naming those there are."""
    found = PROFILES.get(name)
    if found is None:
        raise LocalError(f"there is no dialect {name!r}; there is {', '.join(PROFILES)}")
    return found


def new_number() -> str:
    """Return one side's half of an identifier, hard to guess within three digits."""
    return str(secrets.randbelow(999) + 1)


@attrs.define(slots=True)
class Context:
    """An association context that came in: its identifier and the element of its PDU, not yet decoded."""

    id: str
    content: Element
    outer: str = ""
    """The namespace of the context itself."""

    @property
    def pdu_name(self) -> str:
        """The local name of the PDU's element, as far as it can be seen without decoding."""
        element = self.content
        if element.tag.rpartition("}")[2] == "MMSpdu" and len(element) == 1:
            element = element[0]
        return element.tag.rpartition("}")[2]

    @property
    def namespace(self) -> str:
        """The namespace of the PDU: it tells the dialect."""
        return self.content.tag.partition("}")[0].lstrip("{")


@attrs.define(slots=True)
class Envelope:
    """The association contexts of one association: what goes out is put into one, what comes in is taken out of it.

    Attributes:
        profile: how they look.
        id: of the association.
        security: what protects what is in them.
    """

    profile: Profile
    id: str
    security: EndToEnd = attrs.Factory(Off)

    def wrap(self, text: str) -> str:
        """Return the payload of a stanza for a PDU; an empty text goes with end-to-end security only."""
        return around(self.profile, self.id, self.security.protect(text))

    def open(self, content: Element) -> Element | None:
        """Return the PDU in the content of a context; raise `Malformed`, or `Aborted` (see `EndToEnd`)."""
        return self.security.unprotect(content)

    def abort(self) -> str | None:
        """Forget the keys, if there are some; return the payload that tells the peer of the end, if there is one."""
        last = self.security.abort()
        return None if last is None else around(self.profile, self.id, last)


def around(profile: Profile, id: str, text: str) -> str:
    """Return the association context around what is in it already as it is to be."""
    return f'<{ELEMENT} xmlns="{profile.namespace}" id="{id}">{text}</{ELEMENT}>'


def content_of(payload: Element) -> Element:
    """Return the one element in an association context; raise `Malformed` if there is not just one."""
    if len(payload) != 1:
        raise Malformed(f"an association context holds one PDU, not {len(payload)}")
    return payload[0]


def parse(payload: Element) -> Context:
    """Return what an association context says; raise `Malformed` if it is none."""
    id = payload.get("id", "")
    if not _ID.fullmatch(id):
        raise Malformed(f"{id[:40]!r} identifies no association; it is a number, or two joined by a colon")
    return Context(id, content_of(payload), payload.tag.partition("}")[0].lstrip("{"))


def begins_secured(content: Element) -> bool:
    """Return whether the content of a context asks for an association with end-to-end security."""
    return content.tag == SECURITY and len(content) == 1 and content[0].tag.endswith("}HandshakeReq")


_GET = frozenset({
    "status", "getNameList", "identify", "read", "getVariableAccessAttributes", "getNamedVariableListAttributes",
    "readJournal", "reportJournalStatus", "fileRead", "fileDirectory", "obtainFile",
})  # fmt: skip
"""Services whose request is an iq of type `get`; all others are of type `set`."""


def stanza_kind(message: pdu.MMSpdu) -> str:
    """Return `get` or `set` for a request."""
    match message:
        case ("confirmed-RequestPDU", request):
            return "get" if request.service[0] in _GET else "set"
        case ("cancel-RequestPDU", _):
            return "get"
        case _:
            return "set"
