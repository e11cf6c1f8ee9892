"""What a registry keeps: its devices and their files, in a database."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from ...common.errors import LocalError
from .entries import Device, Document, Nameplate, Proposal

_DEVICE, _FILE = "device", "file"


class Store(Protocol):
    """Where devices and files are kept; by the account of the device."""

    def load(self) -> list[Device]:
        """Return all devices, none of them available."""
        ...

    async def enter(self, device: Device, file: bytes | None = None) -> None:
        """Keep a device, and its compressed file where one is given; raise `NotStored` if that cannot be done."""
        ...

    async def remove(self, jids: Sequence[str]) -> None:
        """Keep these no more."""
        ...

    async def file(self, jid: str) -> bytes | None:
        """Return the compressed file of a device, None if there is none."""
        ...


class MemoryStore:
    """Keeps nothing beyond the process."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def load(self) -> list[Device]:
        return []

    async def enter(self, device: Device, file: bytes | None = None) -> None:
        if file is not None:
            self._files[device.jid] = file
        elif device.document is None:
            self._files.pop(device.jid, None)

    async def remove(self, jids: Sequence[str]) -> None:
        for jid in jids:
            self._files.pop(jid, None)

    async def file(self, jid: str) -> bytes | None:
        return self._files.get(jid)


class DatabaseStore:
    """Keeps all in a space of a database (see `common.store.records`); files stay in memory, compressed, as well."""

    def __init__(self, place: Path | str, space: str = "registry") -> None:
        from ...common.store.records import Records

        self._records = Records(place, space)
        self._memory = MemoryStore()

    def load(self) -> list[Device]:
        found = []
        try:
            for kind, jid, text in self._records.load():
                if text is None:
                    continue
                if kind == _DEVICE:
                    found.append(_read(json.loads(text)))
                elif kind == _FILE:
                    self._memory._files[jid] = base64.b64decode(text)
        except (ValueError, KeyError, TypeError) as error:
            raise LocalError(f"what was kept cannot be read: {error}", where=self._records.where) from None
        return found

    async def enter(self, device: Device, file: bytes | None = None) -> None:
        lines: list[tuple[str, str, str | None]] = [(_DEVICE, device.jid, json.dumps(_plain(device)))]
        if file is not None:
            lines.append((_FILE, device.jid, base64.b64encode(file).decode()))
        elif device.document is None:
            lines.append((_FILE, device.jid, None))
        await asyncio.to_thread(self._records.save, lines)
        await self._memory.enter(device, file)

    async def remove(self, jids: Sequence[str]) -> None:
        await asyncio.to_thread(self._records.save, [(kind, jid, None) for jid in jids for kind in (_DEVICE, _FILE)])
        await self._memory.remove(jids)

    async def file(self, jid: str) -> bytes | None:
        return await self._memory.file(jid)

    def close(self) -> None:
        """Close the database."""
        self._records.close()


def _plain(device: Device) -> dict[str, object]:
    document = device.document
    return {
        "address": device.address,
        "registered": device.registered.isoformat(),
        "seen": device.seen.isoformat(),
        "dialects": list(device.dialects),
        "nameplate": dict(device.nameplate.values),
        "file": [document.sum, document.size] if document else None,
    }


def _read(kept: dict[str, Any]) -> Device:
    document = kept["file"]
    about = Proposal(
        Nameplate(kept["nameplate"]),
        tuple(kept["dialects"]),
        Document(*document) if isinstance(document, list) else None,
    )
    times = (datetime.fromisoformat(str(kept[name])).astimezone(UTC) for name in ("registered", "seen"))
    return Device(str(kept["address"]), about, False, *times)
