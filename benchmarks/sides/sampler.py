"""Tells in which layer of the house a process spends its processor's time."""

from __future__ import annotations

import signal
from collections import Counter
from types import FrameType

INTERVAL = 0.001
LAYERS = {
    "iec61850/client": "client by name",
    "iec61850/server": "host and server",
    "iec61850/engine": "engine",
    "iec61850/model": "engine",
    "iec61850/mapping": "mapping",
    "iec61850/mms": "MMS codec",
    "iec61850/scsm81": "stack below MMS",
    "iec61850/scsm82": "association over XMPP",
    "iec61850/acsi": "values and references",
    "common/xmpp/broker": "XMPP server",
    "common/xmpp": "XMPP session",
    "common": "common",
    "slixmpp": "slixmpp",
    "asyncio": "asyncio and sockets",
    "selectors": "asyncio and sockets",
    "ssl": "TLS",
    "xml/etree": "XML parser",
}


class Sampler:
    """Counts in which layer the process is; start and stop it around what is of interest."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._layers: dict[str, str | None] = {}

    def start(self) -> None:
        """Count from now on."""
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def stop(self) -> None:
        """Count no more."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)

    def _take(self, number: int, frame: FrameType | None) -> None:
        while frame is not None:
            name = frame.f_code.co_filename
            if name not in self._layers:
                self._layers[name] = layer_of(name)
            if (layer := self._layers[name]) is not None:
                self.counts[layer] += 1
                return
            frame = frame.f_back
        self.counts["other"] += 1


def layer_of(path: str) -> str | None:
    """Return the layer of a file; None for what works for whoever calls it."""
    for part, layer in LAYERS.items():
        if f"/{part}/" in path or path.endswith(f"/{part}.py"):
            return layer
    return None
