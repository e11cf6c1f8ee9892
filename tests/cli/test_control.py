"""The socket by which a running program is directed."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from janusgrid.cli.control import Control, Request, ask
from janusgrid.common.errors import LocalError, NotReachable, Refused, UnknownName


async def _echo(request: Request) -> Any:
    return request["text"]


async def _unknown(request: Request) -> Any:
    raise UnknownName("there is no such thing", where="here")


async def _broken(request: Request) -> Any:
    raise RuntimeError("oh")


HANDLERS = {"echo": _echo, "unknown": _unknown, "broken": _broken}
HELLO = {"role": "vtn", "name": "utility"}


async def test_questions_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    async with Control(path, HELLO, HANDLERS):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await asyncio.to_thread(ask, path, "hello") == HELLO
        assert await asyncio.to_thread(ask, path, "echo", text="ü" * 100_000) == "ü" * 100_000
        with pytest.raises(Refused, match="here: there is no such thing"):
            await asyncio.to_thread(ask, path, "unknown")
        with pytest.raises(Refused, match="this is a VTN, which cannot do 'dance'"):
            await asyncio.to_thread(ask, path, "dance")
        with pytest.raises(Refused, match="makes no sense: KeyError"):
            await asyncio.to_thread(ask, path, "echo")
        with pytest.raises(Refused, match="which was logged"):
            await asyncio.to_thread(ask, path, "broken")
    assert not path.exists()
    with pytest.raises(NotReachable, match="is it running"):
        ask(path, "hello")


@pytest.mark.parametrize("line", [b"\n", b"{\n", b"[]\n", b'{"do": []}\n', b'"x"\n', b"\xff\n", b"[" * 100_000 + b"\n"])
async def test_garbage_is_answered_and_the_next_line_heard(line: bytes, tmp_path: Path) -> None:
    async with Control(tmp_path / "a.sock", HELLO, HANDLERS):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "a.sock")
        writer.write(line + b'{"do": "hello"}\n')
        assert json.loads(await reader.readline())["ok"] is False
        assert json.loads(await reader.readline()) == {"ok": True, "result": HELLO}
        writer.close()


async def test_a_line_without_end_ends_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("janusgrid.cli.control.LONGEST", 1000)
    async with Control(tmp_path / "a.sock", HELLO, HANDLERS):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "a.sock")
        writer.write(b"x" * 10_000)
        assert await reader.read() == b""
        writer.close()


async def test_one_program_has_it_and_a_dead_one_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    async with Control(path, HELLO, HANDLERS):
        with pytest.raises(LocalError, match="runs already"):
            await Control(path, HELLO, HANDLERS).__aenter__()
        assert await asyncio.to_thread(ask, path, "hello") == HELLO
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with Control(path, HELLO, HANDLERS):
        assert await asyncio.to_thread(ask, path, "hello") == HELLO
    path.write_text("mine")
    with pytest.raises(LocalError, match="cannot be made"):
        await Control(path, HELLO, HANDLERS).__aenter__()
    assert path.read_text() == "mine"


async def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="set control:"):
        await Control(tmp_path / ("a" * 100), HELLO, HANDLERS).__aenter__()
