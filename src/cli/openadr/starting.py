"""How either program begins: with a configuration that is good, or by saying what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from ...common.clock import Clock
from ...common.errors import ConfigError
from ..control import is_heard

S = TypeVar("S")


def settings_of(
    load: Callable[[Path, Clock], S],
    config: Path,
    clock: Clock,
    check: bool,
    described: Callable[[S], str],
    examine: Callable[[S], str] = lambda settings: "",
) -> S:
    """Return the settings in a file; with `check` only say whether they are good, and what they are, and end.

    `examine` looks at what they name, then, and returns what else is to be said.

    Raises `ConfigError` that names every fault with line and column.
    """
    try:
        settings = load(config, clock)
        more = examine(settings) if check else ""
    except ConfigError as error:
        if not check:
            raise
        click.echo(str(error))
        sys.exit(1)
    if check:
        click.echo(f"{config}: {described(settings)}, no fault{more}")
        sys.exit(0)
    return settings


def examined(store: str | None, control: Path | None = None) -> str:
    """Return what is to be said of a store and a control socket that are only looked at: whether somebody is there.

    Raises `ConfigError` for a store that cannot be used.
    """
    if store is not None:
        from ...common.store.upgrade import examine  # is slow to import

        examine(store)
    return "; a program with it runs already" if control is not None and is_heard(control) else ""


def many(count: int, what: str, more: str) -> str:
    """Return how many there are, in words: `1 party`, `2 parties`."""
    return f"{count} {what if count == 1 else more}"
