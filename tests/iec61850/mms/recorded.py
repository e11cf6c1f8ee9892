"""MMS PDUs out of recordings: TPKT, COTP, session, presentation and ACSE stripped.

A test helper, written for clarity: it asserts what it relies on instead of coping with everything.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

DATA_SPDU = b"\x01\x00\x01\x00"  # GIVE TOKENS, then DATA TRANSFER, both without parameters
CONNECT, ACCEPT = 0x0D, 0x0E
USER_DATA = 0xC1
MMS_CONTEXT = 3


def vectors(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the PDUs of the `.jsonl` recordings with where each stands."""
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for pdu in mms_pdus([bytes.fromhex(json.loads(line)["tpkt"])]):
                yield f"{path.name}:{number}", pdu


def capture(path: Path) -> Iterator[bytes]:
    """Yield the PDUs in the TCP streams from and to port 102 of a pcap file, stream by stream."""
    streams: dict[tuple[bytes, bytes], dict[int, bytes]] = {}
    for packet in _packets(path.read_bytes()):
        ethertype, ip = packet[12:14], packet[14:]
        if ethertype != b"\x08\x00" or ip[9] != 6:
            continue
        header = (ip[0] & 15) * 4
        tcp = ip[header : int.from_bytes(ip[2:4], "big")]
        payload = tcp[(tcp[12] >> 4) * 4 :]
        if b"\x00\x66" in (tcp[0:2], tcp[2:4]) and payload:
            stream = streams.setdefault((ip[12:16] + tcp[0:2], ip[16:20] + tcp[2:4]), {})
            stream[int.from_bytes(tcp[4:8], "big")] = payload
    for segments in streams.values():
        yield from mms_pdus(_tpkts(b"".join(segments[at] for at in sorted(segments))))


def mms_pdus(tpkts: list[bytes]) -> Iterator[bytes]:
    """Yield the MMS PDUs in a series of TPKTs of one direction."""
    tsdu = b""
    for tpkt in tpkts:
        cotp, content = tpkt[4 : 5 + tpkt[4]], tpkt[5 + tpkt[4] :]
        if cotp[1] & 0xF0 != 0xF0:  # not DT: connection handling
            continue
        tsdu += content
        if cotp[2] & 0x80:  # end of TSDU
            if pdu := _session(tsdu):
                yield pdu
            tsdu = b""


def _session(spdu: bytes) -> bytes | None:
    if spdu.startswith(DATA_SPDU):
        return _user_data(spdu[4:])
    if spdu[:1] and spdu[0] in (CONNECT, ACCEPT):
        at = 2 if spdu[1] < 255 else 4
        while at < len(spdu):
            kind, length, start = spdu[at], spdu[at + 1], at + 2
            if length == 255:
                length, start = int.from_bytes(spdu[at + 2 : at + 4], "big"), at + 4
            if kind == USER_DATA:
                return _connect(spdu[start : start + length])
            at = start + length
    return None


def _connect(presentation: bytes) -> bytes | None:
    """CP or CPA: normal-mode-parameters, user data, ACSE, user information, EXTERNAL, single-ASN1-type."""
    normal_mode = dict(tlvs(dict(tlvs(presentation))[0x31]))[0xA2]
    pdv = dict(tlvs(dict(tlvs(dict(tlvs(normal_mode))[0x61]))[0x30]))[0xA0]
    ((_, acse),) = tlvs(pdv)
    external = dict(tlvs(dict(tlvs(acse))[0xBE]))[0x28]
    return dict(tlvs(external))[0xA0]


def _user_data(presentation: bytes) -> bytes | None:
    """Fully encoded data: one PDV list with the context's number and the PDU."""
    pdv = list(tlvs(dict(tlvs(dict(tlvs(presentation))[0x61]))[0x30]))
    context = next(int.from_bytes(content, "big") for tag, content in pdv if tag == 0x02)
    return next(content for tag, content in pdv if tag == 0xA0) if context == MMS_CONTEXT else None


def tlvs(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of the TLVs in `octets` (one-octet tags, definite lengths)."""
    at = 0
    while at < len(octets):
        tag, length, at = octets[at], octets[at + 1], at + 2
        if length > 127:
            size = length & 127
            length, at = int.from_bytes(octets[at : at + size], "big"), at + size
        yield tag, octets[at : at + length]
        at += length


def _tpkts(stream: bytes) -> list[bytes]:
    packets, at = [], 0
    while at + 4 <= len(stream):
        length = int.from_bytes(stream[at + 2 : at + 4], "big")
        assert stream[at] == 3
        packets.append(stream[at : at + length])
        at += length
    return packets


def _packets(pcap: bytes) -> Iterator[bytes]:
    order = "<" if pcap[0] in (0xD4, 0x4D) else ">"
    at = 24
    while at + 16 <= len(pcap):
        (length,) = struct.unpack_from(f"{order}I", pcap, at + 8)
        yield pcap[at + 16 : at + 16 + length]
        at += 16 + length
