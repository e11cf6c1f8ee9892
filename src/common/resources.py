"""Where the data of the house is: conversion tables and schemas, in a wheel and in a checkout alike."""

from __future__ import annotations

from pathlib import Path

from .errors import UnknownName

_PACKAGE = Path(__file__).resolve().parents[1]


def mappings_dir() -> Path:
    """Return the directory of the conversion tables and site files."""
    return resource("mappings")


def schemas_dir() -> Path:
    """Return the directory of the XML schemas and ASN.1 modules."""
    return resource("schemas")


def resource(path: str) -> Path:
    """Return the file or directory `path`, e.g. `mappings/openadr/signals.csv`.

    Raises `UnknownName`, with what there is, if it does not exist.
    """
    parts = path.split("/")
    if parts[0] not in {"mappings", "schemas"} or ".." in parts:
        raise UnknownName(f"{path!r} is neither in mappings/ nor in schemas/")
    for base in (_PACKAGE, _PACKAGE.parent):  # a wheel holds the data inside the package, a checkout beside it
        if (base / parts[0]).is_dir():
            break
    found = base / path
    if not found.exists():
        there = (
            ", ".join(sorted(entry.name for entry in found.parent.iterdir())) if found.parent.is_dir() else "nothing"
        )
        raise UnknownName(f"there is no {path!r} (there is: {there})")
    return found
