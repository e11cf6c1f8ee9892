"""Writing Python source and turning it into functions: what makes the codec as fast as one written by hand."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Source:
    """Lines of a module in the making, and the names that they use."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0
        self._names: dict[int, str] = {}
        self.globals: dict[str, Any] = {}

    def __call__(self, line: str) -> None:
        """Add a line at the present depth."""
        self._lines.append("    " * self._depth + line)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add a line, and what follows one level deeper."""
        self(head)
        self._depth += 1
        yield
        self._depth -= 1

    def name(self, thing: Any, hint: str) -> str:
        """Return a global name for a thing; the same for the same thing."""
        known = self._names.get(id(thing))
        if known is None:
            known = self._names[id(thing)] = f"{hint}_{len(self._names)}"
            self.globals[known] = thing
        return known

    def text(self) -> str:
        """Return the source so far."""
        return "\n".join(self._lines) + "\n"

    def compiled(self, name: str) -> dict[str, Any]:
        """Run the source as the module `name` and return its names."""
        text, file = self.text(), f"<{name}>"
        linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file  # for tracebacks and debuggers
        code = compile(text, file, "exec")
        exec(code, self.globals)  # noqa: S102  # our own source, made from the declarations alone
        return self.globals
