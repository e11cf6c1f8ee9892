"""Who operates a party under test that is not ours: somebody at the terminal, or a program."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Mapping
from typing import Any

import click

from ...common.errors import LocalError, Refused
from ...openadr.scenarios import CannotAct

REFUSED, CANNOT = 1, 3
"""Exit statuses of an operating program: the party refuses; it cannot be made to do this."""


class Terminal:
    """Asks somebody at the terminal to operate the party, and what it shows."""

    async def act(self, verb: str, text: str, arguments: Mapping[str, Any]) -> None:
        """Ask to do it (see `Operator`)."""
        if verb == "clear":
            return  # everything that is left over is told apart by its ID
        given = ", ".join(f"{name}: {value}" for name, value in arguments.items() if name != "name")
        said = await _ask(f"\n{text}{f' ({given})' if given else ''}\n  [Enter] done  [r] it refuses  [s] skip: ")
        if said == "s":
            raise CannotAct("skipped at the terminal")
        if said == "r":
            raise Refused("said at the terminal")

    async def observe(self, question: str, text: str, arguments: Mapping[str, Any], expected: object) -> object:
        """Ask what it shows (see `Operator`)."""
        said = await _ask(f"\n{text} Expected: {expected}\n  [Enter] so it is  [n] it is not  [s] skip: ")
        if said == "s":
            raise CannotAct("skipped at the terminal")
        return "something else" if said == "n" else expected


class Command:
    """Runs a program for each thing to do and each thing to see; it is given JSON, and prints JSON.

    Args:
        line: the program and its arguments, as in a shell.
    """

    def __init__(self, line: str) -> None:
        self._words = shlex.split(line)
        if not self._words:
            raise LocalError("the operator is a program and its arguments, ask or none")

    async def act(self, verb: str, text: str, arguments: Mapping[str, Any]) -> None:
        """Let the program do it (see `Operator`)."""
        await self._run({"act": verb, "text": text, "arguments": dict(arguments)})

    async def observe(self, question: str, text: str, arguments: Mapping[str, Any], expected: object) -> object:
        """Let the program look (see `Operator`)."""
        asked = {"observe": question, "text": text, "arguments": dict(arguments), "expected": expected}
        out = await self._run(asked)
        try:
            return json.loads(out)
        except ValueError:
            raise CannotAct(f"the operating program has printed no JSON: {out[:80]!r}") from None

    async def _run(self, asked: Mapping[str, Any]) -> str:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*self._words, stdin=pipe, stdout=pipe)
        except OSError as error:
            raise LocalError(f"cannot be run: {error.strerror}", where=self._words[0]) from None
        out, _ = await process.communicate(json.dumps(asked, default=str).encode())
        text = out.decode("utf-8", "replace").strip()
        if process.returncode == CANNOT:
            raise CannotAct(text or "the operating program cannot do it")
        if process.returncode:
            raise Refused(text or f"the operating program has ended with status {process.returncode}")
        return text


async def _ask(prompt: str) -> str:
    click.echo(prompt, nl=False, err=True)
    said = await asyncio.to_thread(sys.stdin.readline)
    return said.strip().lower()[:1] if said else "s"
