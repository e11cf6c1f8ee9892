"""Rules of how a message is written, which are not seen in the message any more once it is read."""

from __future__ import annotations

import re

from ...common.xml import Element
from .rule import Faults, check

_TIME = re.compile(r"\s*[-+]?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d*)?(?P<zone>Z)?\s*")
_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"


@check(1, "times are in UTC, with Z", of=Element, source="openleadr tests, VOLTTRON")
def rule_1(root: Element) -> Faults:
    """A time without Z does no harm: it is read as one with it. That of a signature is no time of the message."""
    for n, element in enumerate(root.iter()):
        if "xmldsig" in element.tag:
            continue
        found = _TIME.fullmatch(element.text or "") if isinstance(element.text, str) else None
        if found and found["zone"] is None:
            yield f"{(element.text or '').strip()} does not end in Z", (n,)


@check(None, "no xsi:schemaLocation is sent", of=Element, source="cert practice")
def no_location(root: Element) -> Faults:
    """Nobody should fetch what it names."""
    for n, element in enumerate(root.iter()):
        if element.get(_LOCATION) is not None:
            yield "xsi:schemaLocation stands in it", (n,)
