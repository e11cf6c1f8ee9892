"""Messages of JanusGrid: our_messages.py SETTINGS, as JSON: `event`, a document; `keys`, PEM files by kind of key."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from janusgrid.common.security import Credentials
from janusgrid.common.xml import read as read_xml
from janusgrid.openadr.codec import check, decode, read, write
from janusgrid.openadr.model import Message, Poll
from janusgrid.openadr.signing import Signing
from janusgrid.openadr.signing.notary import Notary
from workbench import work

SETTINGS = json.loads(sys.argv[1])
NOW = datetime.now(UTC)
OCTETS = SETTINGS["event"].encode()
EVENT = read(OCTETS)
POLL = Poll(ven_id="VEN-1")


def opening(notary: Notary, document: str) -> Callable[[], Message]:
    """Return what reads a signed document, as a role does."""
    octets = document.encode()

    def opened() -> Message:
        root = read_xml(octets)
        check(root)
        proved = notary.verify(root, NOW)
        check(proved.element)
        return decode(proved.element).message

    return opened


operations: dict[str, Callable[[], object]] = {"read": lambda: read(OCTETS), "write": lambda: write(EVENT)}
for kind, files in SETTINGS["keys"].items():
    notary = Notary(Signing(credentials=Credentials(*files)))
    operations[f"sign {kind}"] = lambda notary=notary: notary.sign(POLL, NOW)  # type: ignore[misc]
    operations[f"open {kind}"] = opening(notary, notary.sign(POLL, NOW))
work(operations)
