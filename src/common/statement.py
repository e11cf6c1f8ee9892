"""Conformance statements: parts of tables, for a page, for a terminal and for a program; and what docstrings say."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

YES, NO = "Y", "N"

_ENTRY = re.compile(r"^    (?P<names>\w+(, \w+)*): (?P<text>.*(?:\n        .*)*)", re.MULTILINE)


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


@attrs.frozen(slots=True)
class Part:
    """A part of a statement."""

    key: str
    title: str
    tables: Callable[[], tuple[Table, ...]]


def markdown(parts: Sequence[Part]) -> str:
    """Return a statement for a page, with headings of level 2 and 3."""
    pages = (f"## {part.title}\n\n" + "\n".join(table.markdown() for table in part.tables()) for part in parts)
    return "\n".join(pages)


def text(parts: Sequence[Part], key: str | None = None) -> str:
    """Return a statement, or one part of it, for a terminal."""
    chosen = (one for one in parts if key in (None, one.key))
    return "\n".join(f"{one.title}\n\n" + "\n".join(table.text() for table in one.tables()) for one in chosen)


def plain(parts: Sequence[Part], key: str | None = None) -> dict[str, Any]:
    """Return a statement, or one part of it, as JSON has it: part, table, rows."""
    chosen = (one for one in parts if key in (None, one.key))
    return {one.key: {table.key: table.plain() for table in one.tables()} for one in chosen}


def descriptions(docstring: str | None) -> dict[str, str]:
    """Return what a docstring says of each attribute or argument, on one line each."""
    found = {}
    for match in _ENTRY.finditer(inspect.cleandoc(docstring or "")):
        for name in match["names"].split(", "):
            found[name] = " ".join(match["text"].split()).rstrip(".")
    return found


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
