"""A group of commands that imports each when it is called: help is quick however many there are."""

from __future__ import annotations

import importlib
from typing import Any

import click

from .piped import PipedGroup

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class LazyGroup(PipedGroup):
    """Commands by name, each with the module and attribute that it is, and its one line of help.

    Args:
        lazy: name to (`module:attribute`, help).
    """

    def __init__(self, *arguments: Any, lazy: dict[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lazy = lazy

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # while something is imported or drawn, beyond what `running` looks after
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._lazy)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self._lazy:
            return None
        module, _, attribute = self._lazy[name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._lazy[name][1]) for name in self.list_commands(ctx)])
