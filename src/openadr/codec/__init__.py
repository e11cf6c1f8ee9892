"""Messages as XML, both ways.

    message = read(octets)      # through the hardened door, held to the schema, typed
    text = write(message)       # wrapped in oadrPayload, held to the schema

Reader, writer and schema all come from the declarations in `openadr.model`. A message that was read is written again
with equal content. How it was put may change: a time without Z gets one and keeps six digits of its fraction, 24:00:00
becomes the next midnight, numbers and truth values are written in one way, blanks around tokens go, as do comments,
`xsi:type` and `xsi:schemaLocation`. Durations, and what is carried as it is (`Xml`), keep their text.
"""

from .payload import Payload, check, decode, element, prepare, read, read_payload, schema, write
from .tolerance import DEVIATIONS, Deviation, put_right

__all__ = ["read", "read_payload", "write", "Payload", "element", "check", "decode", "schema", "prepare"]
__all__ += ["DEVIATIONS", "Deviation", "put_right"]
