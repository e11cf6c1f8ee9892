"""The address of a device as a driver reads it: each value checked, and no key that says nothing to anybody."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path

from ...common.config import duration
from ...common.data.site import Device
from ...common.errors import ConfigError

_PLACE = re.compile(r"\{(\w+)\}")


class Settings:
    """What the site file says of how a device is reached. Every method raises `ConfigError` at the device.

    Args:
        device: of the site.
        known: the keys that the driver asks for; a key that is none of them must be a place in a row of the table.
    """

    def __init__(self, device: Device, known: Collection[str]) -> None:
        self._device = device
        self._given = device.address
        places = {place for binding in device.bindings for text in _texts(binding.row.address) for place in text}
        for key in self._given:
            if key not in known and key not in places:
                near = get_close_matches(key, known, 1, 0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(sorted(known))}"
                raise self.error(f"address: {key!r} is not known to the driver {device.driver!r}; {hint}")

    def error(self, reason: str) -> ConfigError:
        """Return the error to raise for this address."""
        return ConfigError(f"{self._device.name}: {reason}", where=self._device.where or None)

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there."""
        value = self._given.get(key, default)
        if value is None:
            raise self.error(f"address: {key!r} is missing")
        return value

    def choice(self, key: str, choices: Iterable[str], reason: str) -> str:
        """Return one of the words that may stand there; `reason` is told where none does."""
        words = tuple(choices)
        if key not in self._given:
            raise self.error(f"address: {key!r} is missing: {reason}")
        if self._given[key] not in words:
            raise self.error(f"address: {key} is {self._given[key]!r}, which is none of {', '.join(words)}")
        return self._given[key]

    def whole(self, key: str, default: int | None, low: int, high: int) -> int:
        """Return a whole number within bounds."""
        text = self.text(key, None if default is None else str(default))
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise self.error(f"address: {key} is a whole number from {low} to {high}, not {text!r}")
        return int(text)

    def seconds(self, key: str, default: float, low: float, high: float) -> float:
        """Return a time in seconds, written as a number or a duration, within bounds."""
        text = self.text(key, f"{default:g}")
        try:
            value = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else duration(text).total_seconds()
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            raise self.error(f"address: {key} is a time from {low:g} s to {high:g} s (2, 500ms, 1min), not {text!r}")
        return value

    def file(self, key: str) -> Path | None:
        """Return a file beside the site file; None if none is named."""
        if key not in self._given:
            return None
        path = self._device.folder / self._given[key]
        if not path.is_file():
            raise self.error(f"address: {key}: there is no file {self._given[key]!r} beside the site file")
        return path


def _texts(address: Iterable[str] | dict[str, str] | object) -> Iterable[list[str]]:
    values = address.values() if hasattr(address, "values") else ()
    return (_PLACE.findall(text) for text in values)
