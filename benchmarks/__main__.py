"""Run the benchmarks that are named on the command line, all of them by default."""

from __future__ import annotations

import importlib
import sys

BENCHMARKS = {
    "codec": "MMS: XER against lxml on the same octets, BER against asn1tools",
    "openadr": "OpenADR: VTN and messages beside openleadr, events by each way",
    "openadr_codec": "OpenADR: validate and parse against lxml on the same octets",
    "openadr_signing": "OpenADR: what a signature costs, against lxml",
    "xmpp_roundtrip": "XMPP: a bare iq round trip on each server",
    "scsm81": "SCSM 8-1: clients and servers beside other implementations: reads, reports, commands",
    "scsm82_read": "SCSM 8-2: a read against a bare iq of the same size on the same server",
    "scsm82_load": "SCSM 8-2: a fleet of DERs that reports, with and without end-to-end security, and after a restart",
    "data": "data access: what a change of a point costs one EMS, for a hundred to ten thousand points",
    "history": "history: what a row costs, and how late the event loop is while rows are written",
    "profile": "IEC 61850: where the time goes, by layer",
}


def main() -> None:
    """Run them."""
    wanted = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in wanted:
        print(f"== {name}: {BENCHMARKS[name]}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()
        print()


if __name__ == "__main__":
    main()
