"""The MMS codec: XER against what lxml alone does with the same octets, BER against asn1tools, side by side in one run.

The PDU is a report with n entries, each a structure of a structure with a FLOAT32, a quality and a timestamp, as an
MV sends them, with all optional fields and a reason per entry.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from xml.etree import ElementTree

import asn1tools
from janusgrid.common.resources import resource
from janusgrid.common.xml import read
from janusgrid.iec61850.mms import (
    DIALECTS,
    Dialect,
    MMSpdu,
    data,
    decode_ber,
    decode_xer,
    encode_ber,
    encode_xer,
    pdu,
)
from lxml import etree

parse = ElementTree.fromstring  # what an XMPP stream parses with; here it sees our own octets only
Operations = dict[str, Callable[[], object]]

BUDGETS = {"XER": 4.0, "BER": 3.0}
"""At first: XER decode and encode at most 4 times the floor (goal 2), BER decode at least 3 times faster (goal 5)."""


def report(entries: int) -> MMSpdu:
    """Return a report with `entries` measured values."""
    header: list[pdu.Data] = [
        ("visible-string", "PV1LD0/LLN0$RP$urcbMX01"),
        ("bit-string", (0b0111111110, 10)),
        ("unsigned", 42),
        ("binary-time", bytes.fromhex("029a33103d2f")),
        ("visible-string", "PV1LD0/LLN0$dsMX"),
        ("boolean", False),
        ("octet-string", bytes(range(8))),
        ("unsigned", 1),
        ("bit-string", ((1 << entries) - 1, entries)),
    ]
    values: list[pdu.Data] = [("structure", measured(230.5 + number)) for number in range(entries)]
    reasons: list[pdu.Data] = [("bit-string", (0b010000, 6))] * entries
    results: list[pdu.AccessResult] = [("success", item) for item in (*header, *values, *reasons)]
    name: pdu.VariableAccessSpecification = ("variableListName", ("vmd-specific", "RPT"))
    return ("unconfirmed-PDU", pdu.UnconfirmedPDU(("informationReport", pdu.InformationReport(name, results))))


def measured(value: float) -> list[pdu.Data]:
    """Return mag, q and t of a measured value."""
    magnitude: pdu.Data = ("structure", [("floating-point", data.float_to_octets(value))])
    return [magnitude, ("bit-string", (0, 13)), ("utc-time", bytes.fromhex("5fe3c0a18000000a"))]


def measure(operations: Operations, rounds: int = 40, seconds: float = 0.002) -> dict[str, float]:
    """Return the least CPU time of each operation in microseconds. They take turns, to share what else goes on."""
    counts = {}
    for name, operation in operations.items():
        begin = time.process_time()
        for _ in range(20):
            operation()
        counts[name] = max(1, int(20 * seconds / (time.process_time() - begin)))
    best = dict.fromkeys(operations, float("inf"))
    for _ in range(rounds):
        for name, operation in operations.items():
            begin = time.process_time()
            for _ in range(counts[name]):
                operation()
            best[name] = min(best[name], (time.process_time() - begin) / counts[name] * 1e6)
    return best


def xer(entries: int, dialect: Dialect) -> dict[str, float]:
    """Return the times of XER in one dialect, the floor (lxml parse and serialise) first."""
    value = report(entries)
    octets = encode_xer(value, dialect).encode()
    element = parse(octets)
    assert decode_xer(element, dialect) == decode_xer(read(octets), dialect) == value
    return measure(
        {
            "floor: lxml parse, serialise": lambda: etree.tostring(etree.fromstring(octets)),
            "octets to PDU to octets": lambda: encode_xer(decode_xer(parse(octets), dialect), dialect).encode(),
            "  the same through the hardened door": lambda: encode_xer(
                decode_xer(read(octets), dialect), dialect
            ).encode(),
            "  xml.etree parse": lambda: parse(octets),
            "  element to PDU": lambda: decode_xer(element, dialect),
            "  PDU to text": lambda: encode_xer(value, dialect),
        }
    )


def ber(entries: int) -> dict[str, float]:
    """Return the times of BER, ours and those of asn1tools."""
    module = asn1tools.compile_files(str(resource("schemas/iec61850/mms.asn")), "ber")
    value = report(entries)
    octets = encode_ber(value)
    theirs = module.decode("MMSpdu", octets)
    assert module.encode("MMSpdu", theirs) == octets
    return measure(
        {
            "asn1tools decode": lambda: module.decode("MMSpdu", octets),
            "decode": lambda: decode_ber(octets),
            "asn1tools encode": lambda: module.encode("MMSpdu", theirs),
            "encode": lambda: encode_ber(value),
        }
    )


def main() -> None:
    """Print the times and ratios for reports of 10 and 100 entries."""
    for entries in (10, 100):
        for name, dialect in DIALECTS.items():
            print(f"XER {name}, report of {entries}, {len(encode_xer(report(entries), dialect))} octets")
            times = xer(entries, dialect)
            floor = times["floor: lxml parse, serialise"]
            for operation, microseconds in times.items():
                budget = f"  (budget {BUDGETS['XER']:g})" if operation == "octets to PDU to octets" else ""
                print(f"  {operation:40} {microseconds:8.1f} us  x {microseconds / floor:5.2f}{budget}")
        print(f"BER, report of {entries}, {len(encode_ber(report(entries)))} octets")
        times = ber(entries)
        for operation in ("decode", "encode"):
            ours, theirs = times[operation], times[f"asn1tools {operation}"]
            budget = f"  (budget {BUDGETS['BER']:g})" if operation == "decode" else ""
            print(f"  {operation:40} {ours:8.1f} us, asn1tools {theirs:.1f}: {theirs / ours:.2f} times faster{budget}")


if __name__ == "__main__":
    main()
