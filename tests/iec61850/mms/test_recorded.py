"""PDUs of real peers: the same values in BER and after a trip through XER, and octet for octet where canonical."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from janusgrid.iec61850.mms import DIALECTS, Dialect, MMSpdu, decode_ber, decode_xer, encode_ber, encode_xer

from .recorded import capture, vectors
from .strategies import ROOT, to_oracle
from .test_oracle import ORACLE


@pytest.fixture(scope="module")
def pdus(shared: Path) -> dict[str, bytes]:
    """The recordings: libiec61850 client and server over all services, and a substation's traffic."""
    reference = shared / "reference" / "iec61850"
    recorded = dict(vectors(reference / "mms-vectors"))
    substation = capture(reference / "pcap" / "Sample_File_MMS_and_GOOSE.pcap")
    return recorded | {f"substation:{number}": pdu for number, pdu in enumerate(substation)}


def test_all_kinds_of_pdu_are_there(pdus: dict[str, bytes]) -> None:
    kinds = Counter(decode_ber(octets)[0] for octets in pdus.values())
    assert len(pdus) > 130
    assert kinds["unconfirmed-PDU"] > 30
    assert kinds.keys() >= {
        "initiate-RequestPDU",
        "initiate-ResponsePDU",
        "confirmed-RequestPDU",
        "confirmed-ResponsePDU",
        "confirmed-ErrorPDU",
        "conclude-RequestPDU",
        "conclude-ResponsePDU",
    }


def test_the_oracle_reads_the_same(pdus: dict[str, bytes]) -> None:
    for where, octets in pdus.items():
        theirs = ORACLE.decode(ROOT.name, octets)
        if "lastModified" not in str(theirs):  # a datetime there, text here
            assert theirs == to_oracle(ROOT, decode_ber(octets)), where


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_values_survive_a_trip_through_xer(pdus: dict[str, bytes], dialect: Dialect) -> None:
    for where, octets in pdus.items():
        pdu = decode_ber(octets)
        text = encode_xer(pdu, dialect)
        assert decode_xer(ElementTree.fromstring(text), dialect) == pdu, where


def test_canonical_octets_come_back(pdus: dict[str, bytes]) -> None:
    """Some peers write TRUE as 01 rather than FF; nothing else may differ."""
    identical = 0
    for where, octets in pdus.items():
        ours = encode_ber(decode_ber(octets))
        identical += ours == octets
        assert len(ours) == len(octets), where
        for at, (theirs, written) in enumerate(zip(octets, ours, strict=True)):
            assert theirs == written or (theirs, written, ours[at - 1]) == (1, 0xFF, 1), f"{where}, octet {at}"
    assert identical > 100


def test_what_is_canonical_is_a_fixed_point(pdus: dict[str, bytes]) -> None:
    for octets in pdus.values():
        pdu: MMSpdu = decode_ber(octets)
        assert decode_ber(encode_ber(pdu)) == pdu
