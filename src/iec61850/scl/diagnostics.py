"""Findings about a file, and the log in which they are collected.

A finding of severity `ERROR` is why strict reading refuses; lenient reading leaves out what it names and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

import attrs

from ...common.errors import ConfigError
from ...common.xml import Element, line
from .codes import CODES, Code, Severity

MOST = 2000
"""Findings kept for one file; more are counted, not kept."""

_LONGEST = 1000
"""Characters of a message: names in a hostile file can be of any length."""


@attrs.frozen(slots=True)
class Diagnostic:
    """One finding in one file.

    Attributes:
        code: of the table, e.g. `SCL203`.
        severity: how much it matters.
        file: the name under which the file was read.
        line: where the element starts; 0 where there is none.
        rule: clause or schema constraint that is broken.
        message: what is wrong here, and what was done about it.
    """

    code: str
    severity: Severity
    file: str
    line: int
    rule: str
    message: str

    @property
    def where(self) -> str:
        """File and line, the file alone where there is no line."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.where}: {self.severity.value} {self.code} {CODES[self.code].name}: {self.message}"


class SclError(ConfigError):
    """A file that gives no model; `diagnostics` holds all that was found, in the order of the file."""

    def __init__(self, message: str, *, where: str | None, code: str, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(message, where=where, code=code)
        self.diagnostics = diagnostics


_MOST_GUESSES = 100
"""Names in one file for which near ones are looked for, each among so many at most: comparing takes its time."""
_MOST_COMPARED = 500


class Log:
    """The findings of one file, in the order in which they were made."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Diagnostic] = []
        self.errors = 0
        """Number of findings of severity ERROR, kept or not."""
        self._guesses = 0

    def add(self, code: Code, at: Element | int, message: str) -> None:
        """Note a finding at an element or line."""
        if code.severity is Severity.ERROR:
            self.errors += 1
        if len(self.found) < MOST or self.errors == 1:
            self.found.append(self._diagnostic(code, at, message))

    def near(self, name: str, there: Iterable[str]) -> str:
        """Return ` (is 'X' meant?)` if one of the names that are there is like `name`; else nothing."""
        self._guesses += 1
        if self._guesses > _MOST_GUESSES or len(name) > 64:
            return ""
        found = get_close_matches(name, islice(there, _MOST_COMPARED), 1, 0.75)
        return f" (is {found[0]!r} meant?)" if found and len(found[0]) <= 64 else ""

    def stop(self, code: Code, at: Element | int, message: str) -> SclError:
        """Note what makes a model impossible, and return the error to raise."""
        last = self._diagnostic(code, at, message)
        self.found.append(last)
        return SclError(last.message, where=last.where, code=code.id, diagnostics=tuple(self.found))

    def refuse(self) -> SclError:
        """Return the error with which strict reading refuses what was found."""
        first = next(one for one in self.found if one.severity is Severity.ERROR)
        more = f" (and {self.errors - 1} more errors)" if self.errors > 1 else ""
        return SclError(
            f"refused, as reading is strict: {first.message}{more}",
            where=first.where,
            code=first.code,
            diagnostics=tuple(self.found),
        )

    def _diagnostic(self, code: Code, at: Element | int, message: str) -> Diagnostic:
        number = at if isinstance(at, int) else line(at)
        short = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
        return Diagnostic(code.id, code.severity, self.file, number, code.rule, short)
