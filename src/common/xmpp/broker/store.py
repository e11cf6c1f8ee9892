"""Rosters on disk: one JSON file, replaced as a whole at each change."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ...errors import ConfigError, LocalError
from .accounts import Directory

_FORM = 1


def load(path: Path, directory: Directory) -> None:
    """Give the accounts of `directory` the rosters that are in the file; without the file do nothing.

    Raises:
        ConfigError: the file is not one that `save` wrote.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"the rosters cannot be read: {error.strerror}", where=str(path)) from error
    try:
        data = json.loads(text)
        if data["form"] != _FORM:
            raise ValueError(f"form {data['form']} is not known")
        for bare, items in data["rosters"].items():
            if account := directory.get(bare):
                account.roster.load(items)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"this is no file of rosters: {error!r}; delete it to start with empty ones", where=str(path)
        ) from error


def save(path: Path, directory: Directory) -> None:
    """Write the rosters of all accounts; raise `LocalError` if that is not possible. The old file stays until then."""
    rosters = {account.bare: account.roster.dump() for account in directory if len(account.roster)}
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_text(json.dumps({"form": _FORM, "rosters": rosters}, indent=1), encoding="utf-8")
        os.replace(fresh, path)
    except OSError as error:
        raise LocalError(f"the rosters cannot be written: {error.strerror}", where=str(path)) from error
