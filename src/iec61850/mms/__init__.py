"""MMS (ISO 9506) as IEC 61850 uses it: PDUs as Python values, in BER (SCSM 8-1) and in XER (SCSM 8-2).

`pdu` (the file `pdu_generated.py`) has the classes, `data` the primitives of values, `dialect` the two forms of XER.
All are made from one ASN.1 module, `schemas/iec61850/mms.asn`. `tree` reads what `generate` parsed of it; `ber_*` and
`xer_*` compile it into closures when this package is imported; `octets` and `text` have the primitive values of the two
encodings.
"""

from . import pdu_generated as pdu
from .codec import OTHER_REQUESTS, REQUESTS, decode_ber, decode_xer, encode_ber, encode_xer
from .dialect import DIALECT_80_3, DIALECT_2018, DIALECTS, Dialect, dialect_named
from .errors import MmsDecodeError, MmsEncodeError
from .pdu_generated import Bits, Data, MMSpdu
from .shape import DEFAULT_LIMITS, Limits

__all__ = [
    "pdu",
    "MMSpdu",
    "Data",
    "Bits",
    "decode_ber",
    "encode_ber",
    "decode_xer",
    "encode_xer",
    "REQUESTS",
    "OTHER_REQUESTS",
    "Dialect",
    "DIALECT_80_3",
    "DIALECT_2018",
    "DIALECTS",
    "dialect_named",
    "Limits",
    "DEFAULT_LIMITS",
    "MmsDecodeError",
    "MmsEncodeError",
]
