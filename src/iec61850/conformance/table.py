"""A table of a conformance statement, for a page, for a terminal and for a program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

YES, NO = "Y", "N"


def yes(supported: bool) -> str:
    """Return how a statement says that something is supported, or is not."""
    return YES if supported else NO


@attrs.frozen(slots=True)
class Table:
    """Rows under a title.

    Attributes:
        key: the title for a program.
        columns: headings; the first is what a row is about.
        rows: cells as text, as many as there are columns.
        note: what has to be said of it.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """Return it for a page, under a heading of level 3."""
        lines = [_line(self.columns), _line("---" for _ in self.columns), *map(_line, self.rows)]
        return "\n".join([f"### {self.title}", "", *([self.note, ""] if self.note else []), *lines]) + "\n"

    def text(self) -> str:
        """Return it for a terminal, in columns; the last one is as long as it is."""
        rows = [tuple(cell.replace("`", "") for cell in row) for row in (self.columns, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
        lines = (
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
            for row in rows
        )
        return "\n".join([self.title, *([self.note.replace("`", "")] if self.note else []), *lines]) + "\n"

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it: each row an object by the names of the columns."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "note": self.note, "rows": rows}


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
