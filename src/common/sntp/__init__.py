"""The time of other machines, by SNTP (RFC 4330, and of RFC 5905 what makes it trustworthy).

IEC 61850 synchronizes its servers and clients so (8-1 and 8-2 map TimeSynchronization to it, UDP port 123); whoever
else needs the right time may use it too. What is asked of servers and what their answers are worth stands in `packet`,
`peer` and `core`, which do no input or output; `client` sends and receives. A client asks: it serves no time, takes no
broadcasts, and knows no authentication: neither symmetric keys nor Network Time Security (RFC 8915).
"""

from .client import TimeClient, query
from .core import Synchronization
from .packet import KissOfDeath, Sample

__all__ = ["TimeClient", "Synchronization", "Sample", "KissOfDeath", "query"]
