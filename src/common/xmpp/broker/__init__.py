"""The embedded XMPP broker: a small server inside the process, for demos and tests. Not for production.

What it does and does not do: docs/explanation/broker.md. The protocol is in cores that do no input or output: `scanner`
(bytes to elements), `stream` (one client's stream), `router`, `presence`, `services`, `roster` (what becomes of a
stanza), `management` (XEP-0198), `core` (their life in time). `connection` and `tls` carry the bytes.
"""

from .limits import Limits
from .server import Broker

__all__ = ["Broker", "Limits"]
