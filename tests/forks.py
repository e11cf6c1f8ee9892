"""Processes that begin where everything is imported already, forked from one that has done so.

To start Python and import takes longer than most of what a test lets a program do; each of these starts in some
hundredths of a second. They are processes of their own all the same: they have their own output, are sent signals,
and are killed.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO

FORKS = multiprocessing.get_context("forkserver")
"""What every test takes that lets processes of its own live: there is one such server, and the first one fills it."""

FORKS.set_forkserver_preload(
    [
        "__main__",  # else each process imports it, which is pytest
        "pytest",
        "alembic.command",
        "tests.iec61850.facade.buffering_server",
        "tests.iec61850.facade.logging_server",
        "tests.iec61850.once.device",
        "tests.iec61850.scsm82.reporting_device",
        "tests.openadr.crash.lives",
        "tests.openadr.crash.many",
        "janusgrid.cli.ied",
        "janusgrid.cli.lab",
        "janusgrid.cli.openadr.event",
        "janusgrid.cli.openadr.ven_program",
        "janusgrid.cli.openadr.vtn_program",
        "janusgrid.common.store.records",
        "janusgrid.openadr.signing.notary",
    ]
)


class Forked:
    """A program: `janusgrid` with arguments, or `python` with the file of a script. Used as `subprocess.Popen` is.

    Args:
        words: the command.
        folder: where it runs.
        environment: its variables.
        joined: what it says on standard error comes on standard output.
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        joined: bool = False,
    ) -> None:
        out, told = os.pipe()
        err, complained = os.pipe()
        with Connection(told, readable=False) as stdout, Connection(complained, readable=False) as stderr:
            self._process = FORKS.Process(
                target=_live,
                args=(list(words), str(folder or Path.cwd()), dict(environment or os.environ), stdout,
                      stdout if joined else stderr),
                daemon=True,
            )  # fmt: skip
            self._process.start()
        self.stdout: TextIO = open(out, encoding="utf-8", errors="replace")  # noqa: SIM115
        self.stderr: TextIO = open(err, encoding="utf-8", errors="replace")  # noqa: SIM115

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative if a signal has ended it; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self._process.exitcode is None:
            assert self._process.pid is not None
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status; raise `subprocess.TimeoutExpired`."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode


def _live(words: list[str], folder: str, environment: dict[str, str], out: Connection, err: Connection) -> None:
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    out.close()
    err.close()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background has it ignored
    program, *arguments = words
    if program == "python":
        sys.argv = arguments
        sys.path.insert(0, folder)
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        from janusgrid.cli import main

        sys.argv = words
        main()
