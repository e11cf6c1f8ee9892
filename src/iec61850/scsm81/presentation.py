"""The presentation layer: normal mode, two contexts (ISO 8823-1)."""

from __future__ import annotations

from typing import Final

import attrs

from . import ber
from .errors import LayerFault

ACSE_SYNTAX, MMS_SYNTAX, BER = "2.2.1.0.1", "1.0.9506.2.1", "2.1.1"
ACSE, MMS = 1, 3
"""The context identifiers that we propose, as every peer does."""

NOT_SPECIFIED, ADDRESS_UNKNOWN, NO_USER = 0, 3, 7
REASONS = {
    0: "not-specified", 1: "temporary-congestion", 2: "local-limit-exceeded", 3: "presentation-address-unknown",
    4: "version-not-supported", 5: "default-context-not-supported", 6: "user-data-not-readable", 7: "no-psap-available",
}  # fmt: skip
TEMPORARY = frozenset({1, 2})
_L: Final = "presentation"
_CP, _CPR, _ARU = 0x31, 0x30, 0xA0
_MODE, _NORMAL = 0xA0, 0xA2
_CALLING, _CALLED, _RESPONDING, _DEFINITIONS, _RESULTS, _REASON = 0x81, 0x82, 0x83, 0xA4, 0xA5, 0x8A
_USER_DATA, _PDV = 0x61, 0x30
_NORMAL_MODE = ber.tlv(_MODE, b"\x80\x01\x01")
_BER_NAME = ber.tlv(0x06, ber.write_oid(BER))


@attrs.frozen(slots=True)
class Contexts:
    """The identifiers of the two contexts of one connection."""

    acse: int = ACSE
    mms: int = MMS


@attrs.frozen(slots=True)
class Connect:
    """A connect PPDU (CP): selectors, proposed contexts (identifier to abstract syntax), and the AARQ."""

    calling: bytes | None
    called: bytes | None
    contexts: dict[int, str]
    transfers: dict[int, frozenset[str]]
    user_data: bytes


def user_data(context: int, content: bytes) -> bytes:
    """Return fully encoded user data: one value of one context."""
    # Written out, because every PDU of an association passes here.
    size = len(content)
    if size < 0x70:
        return bytes((0x61, size + 7, 0x30, size + 5, 2, 1, context, 0xA0, size)) + content
    value = b"\x02\x01" + bytes((context,)) + b"\xa0" + ber.length(size)
    inner = len(value) + size
    listed = b"\x30" + ber.length(inner)
    return b"\x61" + ber.length(len(listed) + inner) + listed + value + content


def values(octets: bytes) -> list[tuple[int, bytes]]:
    """Return the values in fully encoded user data, each with its context."""
    found: list[tuple[int, bytes]] = []
    for tag, pdv in ber.elements(ber.only(octets, _USER_DATA, _L), _L):
        parts = ber.fields(pdv, _L) if tag == _PDV else {}
        value = parts.get(0xA0, parts.get(0x81))
        if value is None or 0x02 not in parts:
            raise LayerFault(_L, "user data without a context or a value")
        found.append((ber.integer(parts[0x02], _L), value))
    if not found:
        raise LayerFault(_L, "user data without a value")
    return found


def one(octets: bytes, context: int | None = None) -> bytes:
    """Return the one value in fully encoded user data; raise `LayerFault` if it is not of this context."""
    # What nearly every PDU looks like: one value, lengths in their short form.
    size = len(octets)
    if (
        8 < size < 0x82
        and octets[0] == 0x61
        and octets[1] == size - 2
        and octets[2] == 0x30
        and octets[3] == size - 4
        and octets[4] == 2
        and octets[5] == 1
        and octets[6] == context
        and octets[7] == 0xA0
        and octets[8] == size - 9
    ):
        return octets[9:]
    found = values(octets)
    if len(found) != 1 or (context is not None and found[0][0] != context):
        raise LayerFault(_L, f"values of contexts {', '.join(str(number) for number, _ in found)}")
    return found[0][1]


# --- connecting -------------------------------------------------------------------------------------------------------


def connect(calling: bytes | None, called: bytes | None, acse: bytes) -> bytes:
    """Return a CP that proposes our two contexts."""
    definitions = [
        ber.tlv(0x30, ber.number(0x02, number), ber.tlv(0x06, ber.write_oid(syntax)), ber.tlv(0x30, _BER_NAME))
        for number, syntax in ((ACSE, ACSE_SYNTAX), (MMS, MMS_SYNTAX))
    ]
    selectors = [
        ber.tlv(tag, selector) for tag, selector in ((_CALLING, calling), (_CALLED, called)) if selector is not None
    ]
    return ber.tlv(
        _CP, _NORMAL_MODE, ber.tlv(_NORMAL, *selectors, ber.tlv(_DEFINITIONS, *definitions), user_data(ACSE, acse))
    )


def parse_connect(octets: bytes) -> Connect:
    """Return what a CP proposes."""
    parts = _normal_mode(octets)
    contexts: dict[int, str] = {}
    transfers: dict[int, frozenset[str]] = {}
    for tag, item in ber.elements(parts.get(_DEFINITIONS, b""), _L):
        definition = ber.fields(item, _L) if tag == 0x30 else {}
        if not {0x02, 0x06, 0x30} <= definition.keys() or len(contexts) >= 16:
            raise LayerFault(_L, "a context definition that is none, or too many of them")
        number = ber.integer(definition[0x02], _L)
        if not 0 < number < 128 or number in contexts:
            raise LayerFault(_L, f"context identifier {number} is not odd, small and new")
        contexts[number] = ber.read_oid(definition[0x06], _L)
        transfers[number] = frozenset(ber.read_oid(name, _L) for _, name in ber.elements(definition[0x30], _L))
    if _USER_DATA not in parts:
        raise LayerFault(_L, "a connect PPDU without user data")
    return Connect(
        parts.get(_CALLING), parts.get(_CALLED), contexts, transfers, one(ber.tlv(_USER_DATA, parts[_USER_DATA]))
    )


def choose(proposed: Connect) -> Contexts | None:
    """Return the contexts of ACSE and MMS among those proposed, None if one of them is missing."""
    usable = {
        syntax: number for number, syntax in reversed(proposed.contexts.items()) if BER in proposed.transfers[number]
    }
    if ACSE_SYNTAX not in usable or MMS_SYNTAX not in usable:
        return None
    return Contexts(usable[ACSE_SYNTAX], usable[MMS_SYNTAX])


def _results(proposed: Connect, contexts: Contexts | None) -> bytes:
    taken = (contexts.acse, contexts.mms) if contexts else ()
    accepted, refused = ber.tlv(0x30, b"\x80\x01\x00", b"\x81\x02\x51\x01"), ber.tlv(0x30, b"\x80\x01\x02\x82\x01\x01")
    return ber.tlv(_RESULTS, *(accepted if number in taken else refused for number in proposed.contexts))


def accept(proposed: Connect, contexts: Contexts, responding: bytes | None, acse: bytes) -> bytes:
    """Return the CPA that accepts a connection."""
    selector = [ber.tlv(_RESPONDING, responding)] if responding is not None else []
    results = _results(proposed, contexts)
    return ber.tlv(_CP, _NORMAL_MODE, ber.tlv(_NORMAL, *selector, results, user_data(contexts.acse, acse)))


def parse_accept(octets: bytes) -> bytes:
    """Return the AARE in a CPA; raise `LayerFault` if it does not accept our contexts."""
    parts = _normal_mode(octets)
    results = [ber.fields(item, _L) for _, item in ber.elements(parts.get(_RESULTS, b""), _L)]
    if len(results) != 2 or any(result.get(0x80) != b"\0" for result in results):
        raise LayerFault(_L, "the contexts of ACSE and MMS are not both accepted")
    if _USER_DATA not in parts:
        raise LayerFault(_L, "an accepting PPDU without user data")
    return one(ber.tlv(_USER_DATA, parts[_USER_DATA]), ACSE)


def refuse(
    reason: int | None, proposed: Connect | None = None, contexts: Contexts | None = None, acse: bytes = b""
) -> bytes:
    """Return the CPR that refuses a connection: for a reason of this layer, or for that in the AARE."""
    parts = [_results(proposed, contexts)] if proposed else []
    if reason is not None:
        parts.append(ber.number(_REASON, reason))
    if acse and contexts:
        parts.append(user_data(contexts.acse, acse))
    return ber.tlv(_CPR, *parts)


def parse_refuse(octets: bytes) -> tuple[int | None, bytes | None]:
    """Return the reason in a CPR, and the AARE in it."""
    parts = ber.fields(ber.only(octets, _CPR, _L), _L)
    reason = ber.integer(parts[_REASON], _L) if _REASON in parts else None
    return reason, one(ber.tlv(_USER_DATA, parts[_USER_DATA])) if _USER_DATA in parts else None


def _normal_mode(octets: bytes) -> dict[int, bytes]:
    both = ber.fields(ber.only(octets, _CP, _L), _L)
    if _MODE not in both or ber.fields(both[_MODE], _L).get(0x80) != b"\1" or _NORMAL not in both:
        raise LayerFault(_L, "not in normal mode")
    return ber.fields(both[_NORMAL], _L)


# --- aborting ---------------------------------------------------------------------------------------------------------


def abort_by_user(contexts: Contexts, acse: bytes) -> bytes:
    """Return the ARU that carries an ABRT."""
    return ber.tlv(_ARU, user_data(contexts.acse, acse))


def abort_by_provider(reason: int = NOT_SPECIFIED) -> bytes:
    """Return the ARP with which this layer aborts."""
    return ber.tlv(_CPR, ber.number(0x80, reason))


def parse_abort(octets: bytes) -> bytes | None:
    """Return the ABRT in an abort PPDU, None if the layer itself, or a user without a word, aborts."""
    tag, start, end = ber.header(octets, 0, _L)
    if tag != _ARU:
        return None
    parts = ber.fields(octets[start:end], _L)
    return one(ber.tlv(_USER_DATA, parts[_USER_DATA])) if _USER_DATA in parts else None
