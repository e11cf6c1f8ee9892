"""The codec: MMS PDUs to and from BER and XER.

    pdu = decode_ber(octets)
    text = encode_xer(pdu)                     # in the dialect of IEC TR 61850-80-3
    pdu == decode_xer(reader.read(text))

Whatever comes in, decoding returns a PDU or raises `MmsDecodeError`; encoding raises `MmsEncodeError` for values that
are no PDU. Nothing else leaves here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from . import ber_decoder, ber_encoder, tree, xer_decoder, xer_encoder
from .dialect import DIALECT_80_3, Dialect
from .elements import Element
from .errors import MmsDecodeError, MmsEncodeError, located
from .pdu_generated import MMSpdu, ServiceSupportOptions
from .shape import DEFAULT_LIMITS, Limits

_TYPES = tree.load()
_ROOT = _TYPES[tree.ROOT]
_encode_ber = ber_encoder.compile_encoder(_ROOT)
_decode_ber = ber_decoder.compile_decoder(_ROOT)

REQUESTS: Mapping[str, int] = {
    component.name: component.tag or 0 for component in _TYPES["ConfirmedServiceRequest"].components
}
"""The confirmed services that requests can ask for, with their tags."""


def _spelled(service: ServiceSupportOptions) -> str:
    first, *others = service.name.lower().split("_")
    return first + "".join(word.capitalize() for word in others)


OTHER_REQUESTS: Mapping[str, int] = {
    _spelled(service): int(service)
    for service in ServiceSupportOptions
    if service < ServiceSupportOptions.UNSOLICITED_STATUS and service not in REQUESTS.values()
}
"""The confirmed services that MMS has besides, with their tags: requests for them cannot be decoded."""


@cache
def _xer_encoder(dialect: Dialect) -> Any:
    return xer_encoder.compile_encoder(_ROOT, dialect)


@cache
def _xer_decoder(dialect: Dialect) -> Any:
    return xer_decoder.compile_decoder(_ROOT, dialect)


_xer_encoder(DIALECT_80_3)
_xer_decoder(DIALECT_80_3)


def decode_ber(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> MMSpdu:
    """Return the PDU that `data` is from its first octet to its last.

    Lengths are definite, unknown tags are refused; integers and lengths may be longer than need be, any BOOLEAN but 0
    is true. Raises `MmsDecodeError` with the path of the fault.
    """
    try:
        result: MMSpdu = _decode_ber(bytes(data), limits)
    except Exception as error:
        raise located(error, "", MmsDecodeError) from None
    return result


def encode_ber(pdu: MMSpdu) -> bytes:
    """Return the PDU in BER, in its shortest form; raise `MmsEncodeError` with the path of what does not fit."""
    try:
        return _encode_ber(pdu)
    except Exception as error:
        raise located(error, "", MmsEncodeError) from None


def decode_xer(element: Element, dialect: Dialect = DIALECT_80_3, *, limits: Limits = DEFAULT_LIMITS) -> MMSpdu:
    """Return the PDU that an element of xml.etree or lxml is: `MMSpdu`, or the element of the PDU itself.

    Every form that any dialect uses is taken, in the namespace of `dialect` or in none. Raises `MmsDecodeError` with
    the path of the fault.
    """
    try:
        result: MMSpdu = _xer_decoder(dialect)(element, limits)
    except Exception as error:
        raise located(error, "", MmsDecodeError) from None
    return result


def encode_xer(pdu: MMSpdu, dialect: Dialect = DIALECT_80_3) -> str:
    """Return the PDU as the text of an XML element that declares its namespace.

    Raises `MmsEncodeError` with the path of what does not fit.
    """
    try:
        result: str = _xer_encoder(dialect)(pdu)
    except Exception as error:
        raise located(error, "", MmsEncodeError) from None
    return result
