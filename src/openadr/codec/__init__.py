"""Messages as XML, both ways.

    message = read(octets)      # through the hardened door, held to the schema, typed
    text = write(message)       # wrapped in oadrPayload, held to the schema

Reader, writer and schema all come from the declarations in `openadr.model`.
"""

from .payload import Payload, decode, read, read_payload, schema, write

__all__ = ["read", "read_payload", "write", "Payload", "decode", "schema"]
