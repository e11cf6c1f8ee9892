"""The tutorial does what it says: every file, command and output of the page, as its reader meets them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import attrs
import pytest
from janusgrid.iec61850.scl import read

from tests.iec61850.scl.soundness import assert_sound

from .page import File, Run, matches, pattern, steps

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "your-own-device.md"
FILES = ROOT / "examples" / "tutorial"
PATIENCE = 45.0


@attrs.define
class Terminal:
    """A program that runs beside the reader's next steps, and what it has said so far."""

    process: asyncio.subprocess.Process
    said: list[str] = attrs.Factory(list)

    async def expect(self, run: Run) -> None:
        """Return when these lines have come, in this order, perhaps with others in between."""
        assert self.process.stdout is not None
        for text in run.output:
            line = pattern(text)
            try:
                async with asyncio.timeout(PATIENCE):
                    while True:
                        data = await self.process.stdout.readline()
                        self.said.append(data.decode().rstrip("\n"))
                        assert data, f"line {run.line} of the page: ended before {text!r}:\n" + "\n".join(self.said)
                        if line.fullmatch(self.said[-1]):
                            break
            except TimeoutError:
                pytest.fail(f"line {run.line} of the page: {text!r} did not come:\n" + "\n".join(self.said))

    async def interrupt(self) -> None:
        """Press Ctrl-C: the program ends in good order, and without complaint."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            rest, _ = await self.process.communicate()
        assert self.process.returncode == 0, rest.decode()
        assert "Traceback" not in "\n".join(self.said) + rest.decode()


class Reader:
    """Does what the page says, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.terminals: dict[str, Terminal] = {}
        self.commands = 0
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}

    async def follow(self, page: Path) -> None:
        for step in steps(page):
            if isinstance(step, File):
                shutil.copyfile(step.source, self.folder / step.name)
            elif step.terminal:
                await self._beside(step)
            else:
                await self._here(step)

    async def close(self) -> None:
        for terminal in self.terminals.values():
            if terminal.process.returncode is None:
                terminal.process.kill()
                await terminal.process.wait()

    async def _here(self, run: Run) -> None:
        if run.command.startswith("cd "):
            self.folder /= run.command.removeprefix("cd ")
            return
        process = await self._start(run.command)
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
        lines = said.decode().splitlines()
        assert matches(lines, run.output), f"line {run.line} of the page: {run.command} says\n{said.decode()}"
        assert process.returncode == 0, f"line {run.line} of the page: {run.command}"

    async def _beside(self, run: Run) -> None:
        if run.command == "^C":
            await self.terminals.pop(run.terminal).interrupt()
            return
        if run.command:
            assert run.terminal not in self.terminals, f"line {run.line} of the page: something runs there"
            self.terminals[run.terminal] = Terminal(await self._start(f"exec {run.command}"))
        await self.terminals[run.terminal].expect(run)

    async def _start(self, command: str) -> asyncio.subprocess.Process:
        self.commands += 1
        return await asyncio.create_subprocess_shell(
            command, cwd=self.folder, env=self._environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip


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
