"""A mode for finding faults: every PDU that goes out or comes in over XMPP is held against the schema of its dialect.

It sees PDUs as they are before they are protected and after that, so end-to-end security hides nothing from it. It
changes nothing: what is not valid is logged and counted, and goes its way. It costs about as much as all the rest.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from ...common.errors import ConfigError, Malformed
from ...common.resources import resource
from ...common.xml import FILES, Fault, Schema, read, read_file
from ..mms.dialect import DIALECTS

log = logging.getLogger(__name__)

Way = Literal["sent", "received"]
_SHOWN = 5


class Validation:
    """The schemas of the dialects, and what was found by them. One may serve any number of sessions.

    Args:
        schemas: XSD files to be used instead of ours, each for the namespace that it is for: those that belong to
            the standard, for instance. What they include or import is beside them.

    Raises `ConfigError` for a file that is no schema.
    """

    def __init__(self, *schemas: Path | str) -> None:
        self.checked: Counter[Way] = Counter()
        """How many PDUs were looked at."""
        self.faulty: Counter[Way] = Counter()
        """How many of them were not valid."""
        self._schemas = {
            dialect.namespace: Schema(resource(f"schemas/iec61850/mms-{name}.xsd"))
            for name, dialect in DIALECTS.items()
        }
        for path in map(Path, schemas):
            namespace = _namespace(path)
            self._schemas[namespace] = Schema(path)

    def sent(self, text: str) -> None:
        """Look at a PDU of ours."""
        faults = self._look("sent", text)
        for fault in faults[:_SHOWN]:
            log.error("A FAULT OF OURS: a PDU that is not valid is sent: %s", _said(fault))
        if faults:
            log.error("it is: %.2000s", text)

    def received(self, element: ElementTree.Element, peer: str = "") -> None:
        """Look at a PDU of a peer."""
        text = ElementTree.tostring(element, encoding="unicode")
        for fault in self._look("received", text)[:_SHOWN]:
            log.warning("%s: a PDU that is not valid came: %s", peer or "a peer", _said(fault))

    def faults(self, text: str) -> tuple[Fault, ...]:
        """Return what is wrong with a PDU."""
        try:
            document = read(text)
        except Malformed as malformed:
            return (Fault("/", 0, malformed.message, "NO_XML"),)
        namespace = document.tag.partition("}")[0].lstrip("{") if "}" in document.tag else ""
        schema = self._schemas.get(namespace)
        if schema is None:
            known = ", ".join(self._schemas)
            return (
                Fault("/", 1, f"there is no schema for namespace {namespace[:80]!r}; there is {known}", "NAMESPACE"),
            )
        return schema.faults(document)

    def _look(self, way: Way, text: str) -> tuple[Fault, ...]:
        found = self.faults(text)
        self.checked[way] += 1
        self.faulty[way] += bool(found)
        return found


def _said(fault: Fault) -> str:
    return f"{fault.path}, line {fault.line}: {fault.reason} ({fault.rule})"


def _namespace(path: Path) -> str:
    """Return which namespace a schema is for."""
    if not path.is_file():
        raise ConfigError("give the file of a schema; what it needs is looked for beside it", where=str(path))
    try:
        found: str = read_file(path, limits=FILES).get("targetNamespace", "")
    except Malformed as error:
        raise ConfigError(f"not an XML schema: {error.message}", where=error.where) from None
    return found
