"""Watches tests for the services that they perform, and gathers what those have seen that passed.

Only tests of the ACSI suite and those with live peers are watched. With several processes each test carries what it saw
in its report, so that the process which gathers knows all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.iec61850.proof.observe import Witness, listening
from tests.iec61850.proof.results import Results
from tests.iec61850.scsm81 import peers

SUITES = (
    "tests/iec61850/acsi/",
    "tests/iec61850/scsm81/test_peers",
    "tests/iec61850/scsm81/test_real_files",
    "tests/common/sntp/",
)


class Proof:
    """Sees to it that tests are watched, in the process that runs them."""

    def __init__(self) -> None:
        self.witness = Witness()
        self._asked: set[str] = set()
        self._passed = False
        self._stack = ExitStack()
        self._python = peers.python

    def pytest_sessionstart(self) -> None:
        self._stack.enter_context(listening(self.witness))
        peers.python = self._peer

    def pytest_sessionfinish(self) -> None:
        self._stack.close()
        peers.python = self._python

    def _peer(self, peer: str) -> Path:
        """Whose interpreter is asked for is on the other side, as long as it is only one."""
        self._asked.add(peer)
        self.witness.peer = peer if len(self._asked) == 1 else "several"
        return self._python(peer)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        peer = str(parameters.get("peer", "")) if "test_peers" in item.nodeid else ""
        broker, _, dialect = str(parameters.get("way", "")).partition(" ")
        self._asked = {peer} if peer else set()
        self._passed = False
        broker = broker if dialect and broker not in ("ber", "xer") else ""
        self.witness.begin(broker, peer, awake=item.nodeid.startswith(SUITES))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report: Any = yield  # type: ignore[misc]
        if self.witness.faults and report.passed:
            report.outcome, report.longrepr = "failed", "the proof of services:\n" + "\n".join(self.witness.faults)
            self.witness.faults.clear()
        if call.when == "call":
            self._passed = report.passed
        elif call.when == "teardown" and report.passed and self._passed and item.nodeid.startswith(SUITES):
            report.services = sorted(self.witness.seen)
        return report  # type: ignore[return-value]


class Gatherer:
    """Puts together what the tests saw, in the process that reports."""

    def __init__(self, path: Path, *, whole: bool) -> None:
        self.path = path
        self.results = Results(whole=whole)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.nodeid.startswith(SUITES):
            return
        self.results.failed += report.failed
        self.results.skipped += report.skipped
        seen = getattr(report, "services", None)
        if seen is not None:
            self.results.add(tuple(one) for one in seen)

    def pytest_sessionfinish(self) -> None:
        self.results.write(self.path)
