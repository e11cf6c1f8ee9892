"""The tutorial page as a script: the files that it shows, the commands in it, and what they are said to print.

A `console` block is run line by line: `$ ` begins a command, what follows is its output. `% terminal NAME` above a
block runs it in a terminal of its own, beside the others; a block without a command goes on with what that terminal
says, and `^C` is pressed there. `…` on a line of its own stands for any lines. Files come from `literalinclude`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

_FENCE = re.compile(r"^```(?P<kind>\S*)[ ]?(?P<rest>.*)\n(?P<body>(?:.*\n)*?)```$", re.MULTILINE)
_TERMINAL = re.compile(r"% terminal (\w+)\n\Z")
_CAPTION = re.compile(r"^:caption: (.+)$", re.MULTILINE)
_VARIES = (
    (re.compile(r"\d\d:\d\d:\d\d"), r"\\d\\d:\\d\\d:\\d\\d"),
    (re.compile(r"\d{4}\\-\d\d\\-\d\d"), r"\\d{4}-\\d\\d-\\d\\d"),
    (re.compile(r"port\\ \d+"), r"port \\d+"),
)


@attrs.frozen
class File:
    """A file that the reader writes."""

    name: str
    source: Path


@attrs.frozen
class Run:
    """A command and what it prints; an empty command goes on with a terminal, `^C` interrupts what runs there."""

    command: str
    output: tuple[str, ...]
    terminal: str = ""
    line: int = 0


def steps(page: Path) -> Iterator[File | Run]:
    """Yield what the reader of a page does, in order."""
    text = page.read_text(encoding="utf-8")
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        if fence["kind"] == "{literalinclude}":
            source = page.parent / fence["rest"]
            caption = _CAPTION.search(fence["body"])
            yield File(caption[1] if caption else source.name, source)
        elif fence["kind"] == "console":
            above = _TERMINAL.search(text, 0, fence.start())
            yield from _runs(fence["body"].splitlines(), above[1] if above else "", line)


def _runs(lines: list[str], terminal: str, line: int) -> Iterator[Run]:
    command, output, at = "", list[str](), line
    for number, text in enumerate(lines, line + 1):
        if text.startswith("$ ") or text == "^C":
            if command or output:
                yield Run(command, tuple(output), terminal, at)
            command, output, at = text.removeprefix("$ "), [], number
        else:
            output.append(text)
    yield Run(command, tuple(output), terminal, at)


def pattern(text: str) -> re.Pattern[str]:
    """Return what a line of the page matches: dates, times and ports vary."""
    escaped = re.escape(text)
    for found, instead in _VARIES:
        escaped = found.sub(instead, escaped)
    return re.compile(escaped)


def matches(said: list[str], expected: tuple[str, ...]) -> bool:
    """Return whether the lines are those expected, each `…` being any lines."""
    reachable = {0}
    for text in expected:
        if text == "…":
            reachable = set(range(min(reachable, default=len(said) + 1), len(said) + 1))
        else:
            line = pattern(text)
            reachable = {at + 1 for at in reachable if at < len(said) and line.fullmatch(said[at])}
    return len(said) in reachable
