"""Starts `janusgrid` as a process of its own, and reads what it says."""

from __future__ import annotations

import json
import queue
import signal
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.common.errors import JanusGridError

from tests.forks import Forked


class Program:
    """A program with --json, whose lines are read as they come."""

    def __init__(self, *arguments: str, folder: Path) -> None:
        self._process = Forked(("janusgrid", *arguments, "--json"), folder)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.errors = ""
        self.said: list[dict[str, Any]] = []

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def wait(self, event: str, seconds: float = 30.0, **fields: Any) -> dict[str, Any]:
        """Return the next line about this event with these fields; what comes before it is passed over."""
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(until - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError(f"no {event} with {fields}; there was {self.said[-20:]}") from None
            if not line:
                raise AssertionError(f"it has ended: {self._process.stderr.read()}")
            self.said.append(found := json.loads(line))
            if found["event"] == event and fields.items() <= found.items():
                return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it in good order; return its exit status and what it said on standard error."""
        self._process.send_signal(number)
        try:
            status = self._process.wait(timeout=20)
        finally:
            self._close()
        return status, self.errors

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        if not self._process.stderr.closed:
            self.errors = self._process.stderr.read()
        self._process.stdout.close()
        self._process.stderr.close()


def call(*arguments: str) -> tuple[int, str]:
    """Run a command to its end in this process; return exit status and what it printed, or its error."""
    result = CliRunner().invoke(cli, arguments)
    if isinstance(result.exception, JanusGridError):
        return 1, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output
