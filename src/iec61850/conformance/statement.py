"""The conformance statement as a whole: PICS to 7-2 and to the mappings, MICS, and extra information for testing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from . import acsi, classes, limits, mms
from .table import Table


@attrs.frozen(slots=True)
class Part:
    """A part of the statement."""

    key: str
    title: str
    tables: Callable[[], tuple[Table, ...]]


PARTS = (
    Part("acsi", "Services and models: PICS to IEC 61850-7-2", acsi.tables),
    Part("mappings", "Mappings: PICS to IEC 61850-8-1 and 8-2", mms.tables),
    Part("classes", "Classes: MICS", classes.tables),
    Part("limits", "Limits and defaults: PIXIT", limits.tables),
)


def markdown() -> str:
    """Return the statement for a page, with headings of level 2 and 3."""
    parts = (f"## {part.title}\n\n" + "\n".join(table.markdown() for table in part.tables()) for part in PARTS)
    return "\n".join(parts)


def text(part: str | None = None) -> str:
    """Return the statement, or one part, for a terminal."""
    parts = (one for one in PARTS if part in (None, one.key))
    return "\n".join(f"{one.title}\n\n" + "\n".join(table.text() for table in one.tables()) for one in parts)


def plain(part: str | None = None) -> dict[str, Any]:
    """Return the statement, or one part, as JSON has it: part, table, rows."""
    parts = (one for one in PARTS if part in (None, one.key))
    return {one.key: {table.key: table.plain() for table in one.tables()} for one in parts}
