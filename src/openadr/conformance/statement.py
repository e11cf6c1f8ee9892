"""The conformance statement as a whole, in the style of a PICS: messages, transports, words, rules and limits."""

from __future__ import annotations

from typing import Any

from ...common import statement as common
from ...common.statement import Part
from . import limits, messages, rules, transports, words

PARTS = (
    Part("messages", "Messages and services", messages.tables),
    Part("transports", "Transports and security", transports.tables),
    Part("words", "Signals, reports, reasons and units", words.tables),
    Part("rules", "Conformance rules", rules.tables),
    Part("limits", "Limits and defaults", limits.tables),
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
