"""How a running program is directed from another terminal: a socket of this machine that only its owner can open.

A request is a line of JSON, `{"do": "event.list", …}`, its answer another: `{"ok": true, "result": …}`, or
`{"ok": false, "error": …, "where": …, "code": …}`. `hello` is answered by every program with what it is.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..common.errors import JanusGridError, LocalError, NotReachable, Refused

log = logging.getLogger(__name__)

LONGEST = 4 << 20
"""Octets of a request or an answer."""

MOST = 16
"""Who asks at once."""

LONGEST_PATH = 100
"""Octets of the name of a socket; the system allows a few more."""

Request = Mapping[str, Any]
Handler = Callable[[Request], Awaitable[Any]]


class Control:
    """Answers requests on a socket.

    Args:
        path: of the socket, made with mode 0600 when it opens and removed when it closes.
        hello: what the program says of itself.
        handlers: by what is asked for.
    """

    def __init__(self, path: Path, hello: Request, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._hello = dict(hello)
        self._handlers = dict(handlers)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen; raise `LocalError` if another program does, or the socket cannot be made."""
        self._server = await asyncio.start_unix_server(self._came, sock=_bound(self._path), limit=LONGEST)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while len(self._tasks) <= MOST and (line := await reader.readline()):
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:  # gone, or a line without an end
            log.info("control: %s", error)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            name = request["do"]
            if name == "hello":
                return {"ok": True, "result": self._hello}
            if name not in self._handlers:
                raise LocalError(f"this is a {self._hello.get('role', 'program').upper()}, which cannot do {name!r}")
            return {"ok": True, "result": await self._handlers[name](request)}
        except JanusGridError as error:
            return {"ok": False, "error": error.message, "where": error.where, "code": error.code}
        except (ValueError, KeyError, TypeError) as error:
            return {"ok": False, "error": f"the request makes no sense: {error!r}", "where": None, "code": None}
        except Exception as error:
            log.exception("control: a request failed")
            return {"ok": False, "error": f"an error in here, which was logged: {error!r}", "where": None, "code": None}


def _bound(path: Path) -> socket.socket:
    """Return a listening socket that nobody else can open, not even for a moment."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise LocalError(f"the name of a socket has at most {LONGEST_PATH} octets: set control: to a shorter one",
                         where=str(path))  # fmt: skip
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        try:
            made.bind(str(path))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not path.is_socket():
                raise
            alone(path)
            path.unlink()  # of a program that was killed
            made.bind(str(path))
    except OSError as error:
        made.close()
        raise LocalError(f"the control socket cannot be made: {error.strerror}", where=str(path)) from None
    except LocalError:
        made.close()
        raise
    finally:
        os.umask(mask)
    return made


def alone(path: Path) -> None:
    """Raise `LocalError` if a program answers at this socket: before anything else is begun that it holds already."""
    if is_heard(path):
        raise LocalError("a program with this configuration runs already", where=str(path))


def is_heard(path: Path) -> bool:
    """Return whether a program answers at this socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def ask(path: Path, do: str, timeout: float = 60.0, **fields: Any) -> Any:
    """Return what a running program answers; raise what it could not do, `NotReachable` if it does not run."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout)
        try:
            line.connect(str(path))
            line.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
            answer = json.loads(_line(line))
        except TimeoutError:
            raise NotReachable(f"it has not answered within {timeout:g} s", where=str(path)) from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise NotReachable(f"no program answers there ({why}): is it running?", where=str(path)) from None
    if answer["ok"]:
        return answer["result"]
    raise Refused(answer["error"], where=answer["where"], code=answer["code"])


def _line(line: socket.socket) -> bytes:
    found = bytearray()
    while not found.endswith(b"\n"):
        part = line.recv(65536)
        if not part:
            raise ValueError("it hung up")
        found += part
    return bytes(found)
