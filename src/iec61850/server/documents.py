"""Documents in a directory: what clients set is still there after the server was started anew."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote

from ..engine.keeping import Document


class Documents:
    """A `Store` that keeps each document as one JSON file; a new one takes the place of the old one whole.

    When `save` returns, the document is on the disk: it survives the end of the process and of the machine.
    """

    def __init__(self, directory: Path | str) -> None:
        """Keep documents in `directory`, which is made if it is not there; raises `OSError`."""
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> Document | None:
        """Return the document of that name, None if there is none; raise `OSError` or `ValueError` if it is broken."""
        try:
            text = self._path(name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("it is no document")
        return found

    def save(self, name: str, document: Document) -> None:
        """Keep a document; raise `OSError` if it cannot be kept, and then the one before is still there."""
        path = self._path(name)
        beside = path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _path(self, name: str) -> Path:
        return self._directory / f"{quote(name, safe=' ')}.json"
