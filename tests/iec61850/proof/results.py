"""What a test run has proven: for each service, role and wire the number of tests that passed with such answers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from janusgrid.common.errors import ConfigError
from janusgrid.iec61850.conformance.services import LOCAL, MMS_8_1, MMS_8_2

from tests.iec61850.proof.observe import Observed

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "build" / "services.json"
"""Where `make test` has the result written."""


@attrs.frozen(slots=True)
class Wire:
    """A way from a client to a server on which services are proven.

    Attributes:
        key: as `Witness.wire` says it.
        title: for people.
        needed: whether every run has to have it; the others need software that is not ours.
        own: whether both sides are ours: then every service that applies must be proven.
    """

    key: str
    title: str
    mapping: str
    needed: bool = True
    own: bool = True


WIRES = (
    Wire("local", "in process", LOCAL),
    Wire("ber", "BER, memory", MMS_8_1),
    Wire("ber 1000", "BER, 1000 octets, memory", MMS_8_1),
    Wire("xer 80-3", "XER 80-3, memory", MMS_8_2),
    Wire("xer 2018", "XER 2018, memory", MMS_8_2),
    Wire("tcp", "8-1 TCP", MMS_8_1),
    Wire("embedded 80-3", "8-2 embedded, 80-3", MMS_8_2),
    Wire("embedded 2018", "8-2 embedded, 2018", MMS_8_2),
    Wire("prosody 80-3", "8-2 Prosody, 80-3", MMS_8_2, needed=False),
    Wire("prosody 2018", "8-2 Prosody, 2018", MMS_8_2, needed=False),
    Wire("ejabberd 80-3", "8-2 ejabberd, 80-3", MMS_8_2, needed=False),
    Wire("ejabberd 2018", "8-2 ejabberd, 2018", MMS_8_2, needed=False),
    Wire("tcp rust", "8-1 TCP with `iec61850`", MMS_8_1, needed=False, own=False),
    Wire("tcp libiec", "8-1 TCP with libiec61850", MMS_8_1, needed=False, own=False),
)

BESIDE = "sntp"
"""Where TimeSynchronization is seen: beside every association."""


@attrs.define(slots=True)
class Results:
    """The result of one run.

    Attributes:
        passed, failed, skipped: how many tests that look at services did.
        whole: whether all tests were to be run, and not a selection.
        sources: `fingerprint` at the time of the run.
        cells: (service, role, wire, positive) to the number of tests.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    whole: bool = True
    finished: str = ""
    sources: str = ""
    cells: Counter[Observed] = attrs.Factory(Counter)

    def add(self, seen: Iterable[Observed]) -> None:
        """Count what one test has seen that passed."""
        self.passed += 1
        self.cells.update(seen)

    def ran(self, wire: str) -> bool:
        """Return whether anything at all was proven on a wire."""
        return any(key[2] == wire for key in self.cells)

    def write(self, path: Path) -> None:
        """Write the result, with the time and the sources of now."""
        self.finished, self.sources = datetime.now(UTC).isoformat(timespec="seconds"), fingerprint()
        plain: dict[str, Any] = attrs.asdict(self)
        plain["cells"] = [[*key, count] for key, count in sorted(self.cells.items())]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Results | None:
        """Return the result in a file, None if there is none; raise `ConfigError` for something else."""
        if not path.exists():
            return None
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            cells = Counter({(service, role, wire, good): n for service, role, wire, good, n in plain.pop("cells")})
            return cls(**plain, cells=cells)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"this is no result of a test run: {error}", where=str(path)) from None


def fingerprint() -> str:
    """Return what changes with every change of the implementation and of the tests that prove it."""
    digest = hashlib.sha256()
    for folder in ("src/common", "src/iec61850", "tests/common/sntp", "tests/iec61850"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
