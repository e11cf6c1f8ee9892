"""The tutorial does what it says: every file, command and output of the page, as its reader meets them."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from janusgrid.iec61850.scl import read

from tests.forks import Forked
from tests.iec61850.scl.soundness import assert_sound

from .page import File, Run, matches, pattern, steps

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "your-own-device.md"
FILES = ROOT / "examples" / "tutorial"
PATIENCE = 90.0
_PLAIN = re.compile(r'(janusgrid|python) [\w ./:=+"-]*')
"""Commands that need no shell."""
pytestmark = pytest.mark.timeout(300)  # many programs, one after the other: how long that takes, the machine says


@attrs.define
class Terminal:
    """A program that runs beside the reader's next steps, and what it has said so far."""

    process: Forked
    lines: asyncio.StreamReader
    said: list[str] = attrs.Factory(list)

    @classmethod
    async def open(cls, command: str, folder: Path, environment: Mapping[str, str]) -> Terminal:
        """Run `janusgrid …` or `python …`."""
        process = Forked(shlex.split(command), folder, environment, joined=True)
        lines = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(lines)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, process.stdout)
        return cls(process, lines)

    async def expect(self, run: Run) -> None:
        """Return when these lines have come, in this order, perhaps with others in between."""
        for text in run.output:
            line = pattern(text)
            try:
                async with asyncio.timeout(PATIENCE):
                    while True:
                        data = await self.lines.readline()
                        self.said.append(data.decode().rstrip("\n"))
                        assert data, f"line {run.line} of the page: ended before {text!r}:\n" + "\n".join(self.said)
                        if line.fullmatch(self.said[-1]):
                            break
            except TimeoutError:
                pytest.fail(f"line {run.line} of the page: {text!r} did not come:\n" + "\n".join(self.said))

    async def interrupt(self) -> None:
        """Press Ctrl-C: the program ends in good order, and without complaint."""
        self.process.send_signal(signal.SIGINT)
        rest, status = await self.end()
        assert status == 0, rest
        assert "Traceback" not in "\n".join(self.said) + rest

    async def end(self) -> tuple[str, int]:
        """Return what it says until it has ended, and its exit status."""
        async with asyncio.timeout(PATIENCE):
            rest = (await self.lines.read()).decode()
            return rest, await asyncio.to_thread(self.process.wait)


class Reader:
    """Does what the page says, in a folder of its own.

    Some text of the page, like a port that somebody else may use on this machine, is read as another.
    """

    def __init__(self, folder: Path, instead: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._instead = dict(instead or {})
        self.terminals: dict[str, Terminal] = {}
        self.commands = 0
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}

    async def follow(self, page: Path) -> None:
        for step in steps(page):
            if isinstance(step, File):
                (self.folder / step.name).write_text(self._read(step.source.read_text()))
                continue
            run = attrs.evolve(
                step, command=self._read(step.command), output=tuple(self._read(line) for line in step.output)
            )
            await (self._beside(run) if run.terminal else self._here(run))

    def _read(self, text: str) -> str:
        for old, new in self._instead.items():
            text = text.replace(old, new)
        return text

    async def close(self) -> None:
        for terminal in self.terminals.values():
            terminal.process.kill()
            terminal.process.wait()

    async def _here(self, run: Run) -> None:
        if run.command.startswith("cd "):
            self.folder /= run.command.removeprefix("cd ")
            return
        self.commands += 1
        if _PLAIN.fullmatch(run.command):
            said, status = await (await Terminal.open(run.command, self.folder, self._environment)).end()
        else:
            said, status = await self._shell(run.command)
        assert matches(said.splitlines(), run.output), f"line {run.line} of the page: {run.command} says\n{said}"
        assert status == 0, f"line {run.line} of the page: {run.command}"

    async def _beside(self, run: Run) -> None:
        if run.command == "^C":
            await self.terminals.pop(run.terminal).interrupt()
            return
        if run.command:
            assert run.terminal not in self.terminals, f"line {run.line} of the page: something runs there"
            self.commands += 1
            self.terminals[run.terminal] = await Terminal.open(run.command, self.folder, self._environment)
        await self.terminals[run.terminal].expect(run)

    async def _shell(self, command: str) -> tuple[str, int]:
        """Return what a command says that only a shell understands, and its exit status."""
        process = await asyncio.create_subprocess_shell(
            command, cwd=self.folder, env=self._environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
        assert process.returncode is not None
        return said.decode(), process.returncode


async def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    try:
        await reader.follow(PAGE)
        assert not reader.terminals, "the page leaves something running"
    finally:
        await reader.close()
    assert reader.commands >= 13
    assert not (reader.folder / "lab").exists()


def test_every_file_of_the_folder_is_on_the_page() -> None:
    shown = {step.source.resolve() for step in steps(PAGE) if isinstance(step, File)}
    assert shown == {path for path in FILES.iterdir() if path.is_file()}


def test_the_device_is_sound_and_without_a_finding() -> None:
    loaded = read(FILES / "HP1.cid", strict=True)
    assert loaded.diagnostics == ()
    assert_sound(loaded.model)


def test_the_device_is_valid_by_the_official_schema(shared: Path) -> None:
    schema = shared / "reference" / "iec61850" / "scl-xsd" / "IEC_61850-6.2018.SCL.2007B4.full"
    assert read(FILES / "HP1.cid", schema=schema).diagnostics == ()


@pytest.mark.parametrize(
    ("said", "expected", "right"),
    [
        (["a", "b"], ("a", "b"), True),
        (["a", "b"], ("a",), False),
        (["a"], ("a", "b"), False),
        (["a", "x", "y", "b"], ("a", "…", "b"), True),
        (["a", "b"], ("a", "…", "b", "…"), True),
        (["a", "x"], ("a", "…", "b"), False),
        (["09:59:59 at port 7"], ("12:00:00 at port 43221",), True),
        (["09:59:59 3.2 kW"], ("12:00:00 3.4 kW",), False),
        ([], (), True),
        (["a"], (), False),
    ],
)
def test_lines_are_compared(said: list[str], expected: tuple[str, ...], right: bool) -> None:
    assert matches(said, expected) is right
