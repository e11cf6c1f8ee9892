"""Association control: AARQ, AARE, RLRQ, RLRE and ABRT (ISO 8650-1), with a password where it is wanted."""

from __future__ import annotations

from typing import Final

import attrs

from . import ber, presentation
from .errors import LayerFault

MMS_CONTEXT, PASSWORD = "1.0.9506.2.3", "2.2.3.1"
_L: Final = "acse"
_AARQ, _AARE, _RLRQ, _RLRE, _ABRT = 0x60, 0x61, 0x62, 0x63, 0x64
_CONTEXT, _RESULT, _DIAGNOSTIC, _INFORMATION, _EXTERNAL = 0xA1, 0xA2, 0xA3, 0xBE, 0x28
_CALLED_TITLE, _CALLED_QUALIFIER, _CALLING_TITLE, _CALLING_QUALIFIER = 0xA2, 0xA3, 0xA6, 0xA7
_RESPONDING_TITLE, _RESPONDING_QUALIFIER = 0xA4, 0xA5
_REQUIREMENTS, _MECHANISM, _AUTHENTICATION = 0x8A, 0x8B, 0xAC
_BY_USER, _BY_PROVIDER = 0xA1, 0xA2

ACCEPTED, REJECTED, REJECTED_FOR_NOW = 0, 1, 2
NULL, NO_REASON, CONTEXT_NOT_SUPPORTED = 0, 1, 2
CALLED_TITLE_UNKNOWN, CALLED_QUALIFIER_UNKNOWN, MECHANISM_UNKNOWN = 7, 9, 11
AUTHENTICATION_FAILURE, AUTHENTICATION_REQUIRED = 13, 14
DIAGNOSTICS = {
    0: "null", 1: "no-reason-given", 2: "application-context-name-not-supported", 3: "calling-ap-title-not-recognized",
    4: "calling-ap-invocation-identifier-not-recognized", 5: "calling-ae-qualifier-not-recognized",
    6: "calling-ae-invocation-identifier-not-recognized", 7: "called-ap-title-not-recognized",
    8: "called-ap-invocation-identifier-not-recognized", 9: "called-ae-qualifier-not-recognized",
    10: "called-ae-invocation-identifier-not-recognized", 11: "authentication-mechanism-name-not-recognized",
    12: "authentication-mechanism-name-required", 13: "authentication-failure", 14: "authentication-required",
}  # fmt: skip


@attrs.frozen(slots=True)
class Title:
    """An application entity: its AP title as dotted text and its AE qualifier; None where it is not said."""

    ap_title: str | None = None
    ae_qualifier: int | None = None


@attrs.frozen(slots=True)
class Request:
    """An AARQ. `mechanism` is the dotted name of the authentication, None where there is none."""

    context: str
    called: Title
    calling: Title
    mechanism: str | None
    password: bytes | None = attrs.field(repr=False)
    user_data: bytes


@attrs.frozen(slots=True)
class Response:
    """An AARE; `diagnostic` is of the peer's user, or of its provider if `by_provider`."""

    result: int
    diagnostic: int
    by_provider: bool
    user_data: bytes | None


def request(
    called: Title, calling: Title, user_data: bytes, *, context: int = presentation.MMS, password: bytes | None = None
) -> bytes:
    """Return an AARQ."""
    authentication = []
    if password is not None:
        authentication = [
            b"\x8a\x02\x07\x80",  # the authentication unit, bit 0 of one
            ber.tlv(_MECHANISM, ber.write_oid(PASSWORD)),
            ber.tlv(_AUTHENTICATION, ber.tlv(0x80, password)),
        ]
    return ber.tlv(
        _AARQ,
        _context_name(),
        _title(_CALLED_TITLE, _CALLED_QUALIFIER, called),
        _title(_CALLING_TITLE, _CALLING_QUALIFIER, calling),
        *authentication,
        _information(context, user_data),
    )


def response(
    result: int, diagnostic: int, user_data: bytes | None, *, context: int = presentation.MMS, responding: Title
) -> bytes:
    """Return an AARE."""
    return ber.tlv(
        _AARE,
        _context_name(),
        ber.tlv(_RESULT, ber.number(0x02, result)),
        ber.tlv(_DIAGNOSTIC, ber.tlv(_BY_USER, ber.number(0x02, diagnostic))),
        _title(_RESPONDING_TITLE, _RESPONDING_QUALIFIER, responding),
        _information(context, user_data) if user_data is not None else b"",
    )


def release_request() -> bytes:
    """Return an RLRQ."""
    return ber.tlv(_RLRQ, b"\x80\x01\x00")


def release_response() -> bytes:
    """Return an RLRE."""
    return ber.tlv(_RLRE, b"\x80\x01\x00")


def abort(*, by_provider: bool = False) -> bytes:
    """Return an ABRT."""
    return ber.tlv(_ABRT, b"\x80\x01\x01" if by_provider else b"\x80\x01\x00")


def parse_request(octets: bytes) -> Request:
    """Return what an AARQ asks for."""
    parts = ber.fields(ber.only(octets, _AARQ, _L), _L)
    if _CONTEXT not in parts or _INFORMATION not in parts:
        raise LayerFault(_L, "an AARQ without an application context or without user information")
    mechanism = ber.read_oid(parts[_MECHANISM], _L) if _MECHANISM in parts else None
    password = ber.fields(parts[_AUTHENTICATION], _L).get(0x80) if _AUTHENTICATION in parts else None
    return Request(
        ber.read_oid(ber.only(parts[_CONTEXT], 0x06, _L), _L),
        _read_title(parts, _CALLED_TITLE, _CALLED_QUALIFIER),
        _read_title(parts, _CALLING_TITLE, _CALLING_QUALIFIER),
        mechanism,
        password,
        _read_information(parts[_INFORMATION]),
    )


def parse_response(octets: bytes) -> Response:
    """Return what an AARE answers."""
    parts = ber.fields(ber.only(octets, _AARE, _L), _L)
    if _RESULT not in parts:
        raise LayerFault(_L, "an AARE without a result")
    result = ber.integer(ber.only(parts[_RESULT], 0x02, _L), _L)
    diagnostic, by_provider = NULL, False
    for tag, content in ber.elements(parts.get(_DIAGNOSTIC, b""), _L):
        diagnostic, by_provider = ber.integer(ber.only(content, 0x02, _L), _L), tag == _BY_PROVIDER
    user_data = _read_information(parts[_INFORMATION]) if _INFORMATION in parts else None
    if result == ACCEPTED and user_data is None:
        raise LayerFault(_L, "an association accepted without an answer of MMS")
    return Response(result, diagnostic, by_provider, user_data)


def check_release(octets: bytes, *, answer: bool) -> None:
    """Raise `LayerFault` if this is no RLRQ, or no RLRE where the answer is expected."""
    ber.only(octets, _RLRE if answer else _RLRQ, _L)


def parse_abort(octets: bytes) -> bool:
    """Return whether an ABRT comes from the peer's provider and not from its user."""
    return ber.fields(ber.only(octets, _ABRT, _L), _L).get(0x80) == b"\1"


def _context_name() -> bytes:
    return ber.tlv(_CONTEXT, ber.tlv(0x06, ber.write_oid(MMS_CONTEXT)))


def _title(tag: int, qualifier_tag: int, title: Title) -> bytes:
    parts = b""
    if title.ap_title is not None:
        parts += ber.tlv(tag, ber.tlv(0x06, ber.write_oid(title.ap_title)))
    if title.ae_qualifier is not None:
        parts += ber.tlv(qualifier_tag, ber.number(0x02, title.ae_qualifier))
    return parts


def _read_title(parts: dict[int, bytes], tag: int, qualifier_tag: int) -> Title:
    """Return a title; its forms by directory name (form 1) are read over, as nobody goes by them."""
    title = ber.fields(parts.get(tag, b""), _L).get(0x06)
    qualifier = ber.fields(parts.get(qualifier_tag, b""), _L).get(0x02)
    return Title(
        ber.read_oid(title, _L) if title is not None else None,
        ber.integer(qualifier, _L) if qualifier is not None else None,
    )


def _information(context: int, user_data: bytes) -> bytes:
    return ber.tlv(_INFORMATION, ber.tlv(_EXTERNAL, ber.number(0x02, context), ber.tlv(0xA0, user_data)))


def _read_information(content: bytes) -> bytes:
    external = ber.fields(ber.only(content, _EXTERNAL, _L), _L)
    value = external.get(0xA0, external.get(0x81))
    if value is None:
        raise LayerFault(_L, "user information without a value")
    return value
