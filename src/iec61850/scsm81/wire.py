"""BER as the wire below the mapping."""

from __future__ import annotations

from ..mms import decode_ber, encode_ber, pdu


class BerWire:
    """PDUs as BER octets; the PDU size counts just these (see `mapping.wire.Wire`)."""

    name_overhead = 4

    def encode(self, message: pdu.MMSpdu) -> bytes:
        """Return the PDU in BER."""
        return encode_ber(message)

    def decode(self, octets: bytes) -> pdu.MMSpdu:
        """Return the PDU that these octets are; raise `MmsDecodeError`."""
        return decode_ber(octets)

    def size(self, payload: bytes) -> int:
        """Return the number of octets."""
        return len(payload)
