"""The place of end-to-end security between the association context and the MMS PDU, `<Security tbd>` of the TR.

Without it (`Off`) the PDU stands in the context as it is. `protection` is the other kind.
"""

from __future__ import annotations

from typing import Protocol
from xml.etree.ElementTree import Element

from ...common.errors import Malformed

NAMESPACE = "urn:janusgrid:e2e:1"
"""Of the elements of our end-to-end security, which is not that of IEC 62351-4."""
ELEMENT = f"{{{NAMESPACE}}}Security"


NOT_BELIEVED = "e2e-certificate"
"""The event code of a peer whose certificate is not believed (any more)."""


class EndToEnd(Protocol):
    """What protects the PDUs of one association."""

    def protect(self, text: str) -> str:
        """Return what goes into the association context for a PDU (XML text)."""
        ...

    def unprotect(self, content: Element) -> Element | None:
        """Return the PDU that the content of an association context holds; None for one without.

        Raises:
            Malformed: it holds none; `Unsafe` where it is not believed.
            Aborted: the peer ends the association.
        """
        ...

    def abort(self) -> str | None:
        """Forget the keys; return what tells the peer, if there is something."""
        ...

    def doubt(self) -> str | None:
        """Return why the peer is not believed any more to be who it has proved to be; None as long as it is."""
        ...

    @property
    def must_speak(self) -> bool:
        """Whether something should be sent soon, even an empty text, for the sake of the keys."""
        ...


class Aborted(Exception):
    """The peer has ended the association, and proved that it was the peer."""


class Off:
    """No end-to-end security: what TLS between client, XMPP server and client gives is all there is."""

    must_speak = False

    def protect(self, text: str) -> str:
        """Return the PDU as it is."""
        return text

    def unprotect(self, content: Element) -> Element:
        """Return the PDU; the `Security` element that IEC TR 61850-80-3 prints may be around it, with nothing else."""
        if content.tag.rpartition("}")[2] != "Security":
            return content
        if len(content) != 1 or content.tag == ELEMENT:
            raise Malformed("this association has no end-to-end security, the peer sends some")
        return content[0]

    def doubt(self) -> str | None:
        """Return None: nothing was proved."""
        return None

    def abort(self) -> str | None:
        """Return None: 8-2 has no PDU for it."""
        return None
