"""How either program begins: with a configuration that is good, or by saying what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from ...common.clock import Clock
from ...common.errors import ConfigError

S = TypeVar("S")


def settings_of(
    load: Callable[[Path, Clock], S], config: Path, clock: Clock, check: bool, described: Callable[[S], str]
) -> S:
    """Return the settings in a file; with `check` only say whether they are good, and what they are, and end.

    Raises `ConfigError` that names every fault with line and column.
    """
    try:
        settings = load(config, clock)
    except ConfigError as error:
        if not check:
            raise
        click.echo(str(error))
        sys.exit(1)
    if check:
        click.echo(f"{config}: {described(settings)}, no fault")
        sys.exit(0)
    return settings


def many(count: int, what: str, more: str) -> str:
    """Return how many there are, in words: `1 party`, `2 parties`."""
    return f"{count} {what if count == 1 else more}"
