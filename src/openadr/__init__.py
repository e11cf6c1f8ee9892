"""OpenADR 2.0b (IEC 62746-10-1): messages, their codec, the two roles and their bindings.

http = HttpTransport(listen=("127.0.0.1", 8088), plain=True)
async with Vtn("utility", http, parties=[Party("site", "*")]) as vtn:
    await vtn.wait_registered("site")

async with Ven("site", HttpTransport(plain=True), vtn="http://127.0.0.1:8088") as ven:
    await ven.joined()

What happens at each role, and what else it deals with, stands in `openadr.vtn` and `openadr.ven`; how events are made,
in `openadr.events`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .binding.http import HttpTransport
    from .binding.xmpp import XmppTransport
    from .events import load_dispatch, price, simple
    from .items import item
    from .model import EiTarget, OptType
    from .ven import Change, DataPoint, EventChange, Offer, Reading, Recall, Sample, Signing, TelemetryPlan, Ven
    from .vtn import Dispatch, Party, Vtn

_HOMES = {
    "Change": "ven",
    "DataPoint": "ven",
    "Dispatch": "vtn",
    "EiTarget": "model",
    "EventChange": "ven",
    "HttpTransport": "binding.http",
    "Offer": "ven",
    "OptType": "model",
    "Party": "vtn",
    "Reading": "ven",
    "Recall": "ven",
    "Sample": "ven",
    "Signing": "ven",
    "TelemetryPlan": "ven",
    "Ven": "ven",
    "Vtn": "vtn",
    "XmppTransport": "binding.xmpp",
    "item": "items",
    "load_dispatch": "events",
    "price": "events",
    "simple": "events",
}
__all__ = ["Change", "DataPoint", "Dispatch", "EiTarget", "EventChange", "HttpTransport", "Offer", "OptType", "Party"]
__all__ += ["Reading", "Recall", "Sample", "Signing", "TelemetryPlan", "Ven", "Vtn", "XmppTransport", "item"]
__all__ += ["load_dispatch", "price", "simple"]


def __getattr__(name: str) -> Any:
    """Import a room when something of it is first asked for: reading a message needs no transport."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
