"""`python -m tests.iec61850.proof FILE`: is every service that is announced proven? Fails if one is not."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.iec61850.proof.page import missing
from tests.iec61850.proof.results import FILE, WIRES, Results


def main(arguments: list[str]) -> int:
    """Print what a run leaves unproven; return the exit status."""
    path = Path(arguments[0]) if arguments else FILE
    results = Results.read(path)
    if results is None:
        print(f"{path}: no test run has written this", file=sys.stderr)
        return 1
    if not results.whole:
        print("services: only a selection of tests was run, nothing is held against it")
        return 0
    gaps = missing(results)
    for gap in gaps:
        print(f"not proven: {gap}", file=sys.stderr)
    absent = [wire.key for wire in WIRES if not results.ran(wire.key)]
    print(f"services: {results.passed} tests, {len(gaps)} gaps" + (f"; not run: {', '.join(absent)}" if absent else ""))
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
