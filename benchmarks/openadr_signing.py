"""Signatures of OpenADR messages: as multiples of what lxml alone needs to parse them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority, Issued, KeyKind
from janusgrid.common.xml import read
from janusgrid.openadr.codec import write
from janusgrid.openadr.model import Message, Poll
from janusgrid.openadr.signing import ReplayGuard, ReplayProtect, Signing
from janusgrid.openadr.signing.notary import Notary
from lxml import etree

from .openadr_codec import Ratio, event

BUDGET = 3.0
"""Milliseconds to sign with RSA of 2048 bits."""


def measure(message: Message, issued: Issued, rounds: int = 15, count: int = 10) -> list[Ratio]:
    """Return how long it takes to sign a message and to verify it, one operation after the other in turns."""
    notary = Notary(Signing(credentials=Credentials(issued.certificate, issued.key, issued.authority)))
    now = datetime.now(UTC)
    plain = write(message).encode()
    document = notary.sign(message, now)
    root = read(document)
    operations: dict[str, Callable[[], object]] = {
        "lxml.fromstring, unsigned": lambda: etree.fromstring(plain),
        "write": lambda: write(message),
        "write and sign": lambda: notary.sign(message, now),
        "verify an element": lambda: notary.verify(root, now),
        "door and verify": lambda: notary.verify(read(document), now),
    }
    best = dict.fromkeys(operations, float("inf"))
    for _ in range(rounds):
        for name, operation in operations.items():
            begin = time.perf_counter()
            for _ in range(count):
                operation()
            best[name] = min(best[name], (time.perf_counter() - begin) / count)
    floor = best["lxml.fromstring, unsigned"]
    return [Ratio(name, seconds * 1e6, seconds / floor) for name, seconds in best.items()]


def replay(remembered: int) -> float:
    """Return the microseconds that a guard takes that remembers so many nonces."""
    now = datetime.now(UTC)
    guard = ReplayGuard(timedelta(seconds=60), timedelta(seconds=10))
    for number in range(remembered):
        guard.check(f"signer {number % 50}", ReplayProtect(now, str(number)), now)
    begin = time.perf_counter()
    for number in range(1_000):
        guard.check("one more", ReplayProtect(now, str(number)), now)
    return (time.perf_counter() - begin) * 1e3


def main() -> None:
    """Print what a signature costs."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.make(Path(folder))
        issued = {kind: authority.issue(f"signer-{kind}", kind=kind) for kind in KeyKind}
        for message, name in ((Poll(ven_id="VEN-1"), "oadrPoll"), (event(), "oadrDistributeEvent")):
            for kind in KeyKind:
                print(f"{name}, {len(write(message).encode())} octets unsigned, {kind}")
                for each in measure(message, issued[kind]):
                    budget = f"  (budget {BUDGET:g} ms)" if each.operation.endswith("sign") and kind == "rsa" else ""
                    print(f"  {each.operation:28} {each.microseconds:8.1f} us  x {each.ratio:6.1f}{budget}")
    for remembered in (1_000, 100_000):
        print(f"replay: {replay(remembered):.1f} us with {remembered} nonces remembered")


if __name__ == "__main__":
    main()
