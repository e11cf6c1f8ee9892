"""A real PostgreSQL for tests: Debian's, unprivileged, behind a socket of its own; skipped where there is none."""

from __future__ import annotations

import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

import pytest
from janusgrid.common.xmpp.servers.process import Home, missing

_NUMBER = itertools.count()


class Postgres:
    """A server of our own, with nothing in it."""

    def __init__(self) -> None:
        self._home = Home("postgres")
        self._home.hand_over()
        self._data = str(self._home.path / "data")
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "grid", "--no-sync", "--no-locale", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        """Begin (again)."""
        self._process = subprocess.Popen(self._command(), cwd=self._home.path, stdout=subprocess.DEVNULL, stderr=-2)
        limit = time.monotonic() + 30
        while not (self._home.path / ".s.PGSQL.5432").exists() or "ready" not in self._status():
            assert time.monotonic() < limit, "PostgreSQL does not start"
            time.sleep(0.05)

    @staticmethod
    def unavailable() -> str | None:
        """Return why there is no PostgreSQL here, None if there is one."""
        return missing() if _program("initdb") else "postgresql not installed"

    def database(self) -> str:
        """Return the URL of a new database."""
        name = f"grid{next(_NUMBER)}"
        self._run("createdb", "-h", str(self._home.path), "-U", "grid", name)
        return f"postgresql:///{name}?host={self._home.path}&user=grid"

    def dump(self, url: str) -> str:
        """Return what `pg_dump` makes of a database."""
        name = url.partition("///")[2].partition("?")[0]
        return self._run("pg_dump", "-h", str(self._home.path), "-U", "grid", name)

    def stop(self) -> None:
        """End it at once."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)

    def _status(self) -> str:
        file = self._home.path / "data" / "postmaster.pid"
        return file.read_text() if file.exists() else ""

    def _command(self) -> Sequence[str]:
        settings = (
            "fsync=off",
            "listen_addresses=",
            f"unix_socket_directories={self._home.path}",
            "max_connections=50",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        return [*_dropped(), _program("postgres") or "postgres", "-D", self._data, *options]

    def _run(self, program: str, *arguments: str) -> str:
        command = [*_dropped(), _program(program) or program, *arguments]
        done = subprocess.run(command, cwd=self._home.path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _program(name: str) -> str | None:
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else shutil.which(name)


def _dropped() -> list[str]:
    drop = ["setpriv", "--pdeathsig", "KILL"]
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        drop += [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    return drop


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests of this run."""
    pytest.importorskip("psycopg")
    if (reason := Postgres.unavailable()) is not None:
        pytest.skip(reason)
    server = Postgres()
    yield server
    server.stop()
