"""The place of end-to-end security (IEC 62351-4) between the association context and the MMS PDU.

Only `Off` is built: the PDU stands in the context as it is. Both sides of an association have to use the same.
"""

from __future__ import annotations

from typing import Protocol
from xml.etree.ElementTree import Element

from ...common.errors import Malformed


class EndToEnd(Protocol):
    """What protects the PDUs of one association."""

    def protect(self, text: str) -> str:
        """Return what goes into the association context for a PDU (XML text)."""
        ...

    def unprotect(self, content: Element) -> Element:
        """Return the PDU that the content of an association context holds; raise `Malformed`."""
        ...


class Off:
    """No end-to-end security: what TLS between client, XMPP server and client gives is all there is."""

    def protect(self, text: str) -> str:
        """Return the PDU as it is."""
        return text

    def unprotect(self, content: Element) -> Element:
        """Return the PDU; the `Security` element that IEC TR 61850-80-3 prints may be around it, with nothing else."""
        if content.tag.rpartition("}")[2] != "Security":
            return content
        if len(content) != 1:
            raise Malformed("this association has no end-to-end security, the peer sends some")
        return content[0]
