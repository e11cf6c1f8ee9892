"""Where the files of a program are: beside its configuration."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

from ...openadr.binding.keeper import Store
from ...openadr.binding.sharing import SharedStore

Level = Literal["error", "warning", "info", "debug"]
"""What is logged."""


def place(store: str | None, folder: Path) -> str | None:
    """Return where a store is: a URL as it is, a file beside the configuration."""
    return store if store is None or "://" in store else str(folder / store)


def opened(place: str | None, space: str, stack: AsyncExitStack) -> Store | None:
    """Return the store there, which is closed with `stack`; None if nothing is kept."""
    if place is None:
        return None
    from ...common.store.records import Records  # is slow to import, and not everybody keeps anything

    store = Records(place, space)
    stack.callback(store.close)
    return store


def opened_shared(url: str, space: str, stack: AsyncExitStack) -> SharedStore:
    """Return the store there that many processes share; this one's part is closed with `stack`."""
    from ...common.store.shared import SharedRecords

    store = SharedRecords(url, space)
    stack.callback(store.close)
    return store


def socket_of(config: Path, control: str | None) -> Path:
    """Return the socket of the program with this configuration."""
    return config.parent / control if control else config.with_suffix(".sock")
