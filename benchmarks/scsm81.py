"""SCSM 8-1 beside other implementations: clients on the same server, servers under the same client, in one run.

The others are PyPI `iec61850` ("rust": a core in Rust, asyncio on top) and `pyiec61850-ng` (libiec61850, C, through
SWIG), installed as the tests install them. Rates are of the pair: with one connection client and server wait for each
other in turn. What one side costs by itself is told by the time of its processor.
"""

from __future__ import annotations

import sys

from . import contest
from .contest import Block, Pair

ROUNDS, SECONDS = 7, 0.25
NOTE = """\
not compared: reports of the server of PyPI iec61850, which merges changes that follow each other closely (of 50 rounds
one report is left), and has no buffered blocks that a client could enable"""
CASES = [
    ("read 1", 1), ("read 1", 10), ("read 100", 1), ("read 100", 10), ("urcb", 1), ("urcb", 5), ("brcb", 1),
    ("operate", 1),
]  # fmt: skip
SERVERS = ("ours", "libiec61850", "rust")
CLIENTS = ("ours", "rust")
BUDGET = "8-1 read, our client on libiec61850's server against that of PyPI iec61850: 0.7 at first, goal 1.2"


def main(cases: list[tuple[str, int]] | None = None) -> None:
    """Print one table of clients and one of servers, of all cases."""
    print(contest.noise())
    found = {}
    for case, connections in cases or CASES:
        pairs = [(client, server) for server in _servers(case) for client in CLIENTS]
        print(f"  {case}, {connections} connection(s)", file=sys.stderr, flush=True)
        found[case, connections] = contest.compete(case, connections, pairs, rounds=ROUNDS, seconds=SECONDS)
    unit = "per second; report control blocks: entries per second"
    print(f"clients on the same server (rates {unit}; ratios: median [quartiles], above 1 ours is ahead)")
    print(f"  {'case':14}{'server':13}{'ours':>9}{'rust':>9}  {'rate':>22}  {'CPU of the client':>22}")
    for (case, connections), results in found.items():
        for server in _servers(case):
            _line(f"{case:9}x {connections:<3}{server:13}", results, ("ours", server), ("rust", server), "client_cpu")
    print("servers under the same client")
    print(f"  {'case':14}{'client':7}{'other':13}{'ours':>9}{'other':>9}  {'rate':>22}  {'CPU of the server':>22}")
    for (case, connections), results in found.items():
        for client in CLIENTS:
            for other in _servers(case)[1:]:
                _line(
                    f"{case:9}x {connections:<3}{client:7}{other:13}",
                    results,
                    (client, "ours"),
                    (client, other),
                    "server_cpu",
                )
    print(NOTE)
    print(f"budget: {BUDGET}")
    print(contest.noise())


def _servers(case: str) -> tuple[str, ...]:
    return SERVERS[:2] if case.endswith("rcb") else SERVERS


def _line(head: str, results: dict[Pair, list[Block] | str], ours: Pair, theirs: Pair, cpu: str) -> None:
    a, b = results[ours], results[theirs]
    if isinstance(a, str) or isinstance(b, str):
        return print(f"  {head}ours: {_said(a)}; other: {_said(b)}")
    shown = []
    for what in ("rate", cpu):
        middle, low, high = contest.ratios(a, b, what)
        shown.append(f"{middle:6.2f} [{low:5.2f} {high:6.2f}]")
    lost = [f"{name} lost {share:.0%}" for name, blocks in (("ours", a), ("other", b))
            if (share := contest.median(blocks, "lost")) > 0]  # fmt: skip
    costs = f"{contest.median(a, cpu):8.1f} us, {contest.median(b, cpu):.1f}"
    print(
        f"  {head}{contest.median(a, 'rate'):9.0f}{contest.median(b, 'rate'):9.0f}  {'  '.join(shown)} {costs}"
        f"  {', '.join(lost)}".rstrip()
    )
    return None


def _said(blocks: list[Block] | str) -> str:
    return blocks if isinstance(blocks, str) else "measured"


if __name__ == "__main__":
    main()
