"""The conformance statement as a whole: PICS to 7-2 and to the mappings, MICS, and extra information for testing."""

from __future__ import annotations

from typing import Any

from ...common import statement as common
from ...common.statement import Part
from . import acsi, classes, limits, mms

PARTS = (
    Part("acsi", "Services and models: PICS to IEC 61850-7-2", acsi.tables),
    Part("mappings", "Mappings: PICS to IEC 61850-8-1 and 8-2", mms.tables),
    Part("classes", "Classes: MICS", classes.tables),
    Part("limits", "Limits and defaults: PIXIT", limits.tables),
)


def markdown() -> str:
    """Return the statement for a page, with headings of level 2 and 3."""
    return common.markdown(PARTS)


def text(part: str | None = None) -> str:
    """Return the statement, or one part, for a terminal."""
    return common.text(PARTS, part)


def plain(part: str | None = None) -> dict[str, Any]:
    """Return the statement, or one part, as JSON has it: part, table, rows."""
    return common.plain(PARTS, part)
