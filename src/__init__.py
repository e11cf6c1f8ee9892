"""JanusGrid: OpenADR 2.0b and IEC 61850 in one program, over one XMPP session.

The rooms: `common` (names, data access, XML, XMPP), `openadr` and `iec61850` (the two faces, strangers to each
other), `ems` (where both meet), `cli` (how people reach it).
"""

__version__ = "0.1.0"
