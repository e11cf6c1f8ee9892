"""An HTTP client that costs next to nothing, the same for every server: ready octets, connections kept open."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self

PATH = "/OpenADR2/Simple/2.0b"
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)")


def request(service: str, document: str) -> bytes:
    """Return a whole request, head and body."""
    body = document.encode()
    head = f"POST {PATH}/{service} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connections:
    """So many connections to a server, each used by one request at a time."""

    def __init__(self, port: int, count: int, context: ssl.SSLContext | None = None) -> None:
        self._sockets = [_connected(port, context) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._sockets:
            each.close()

    def post(self, requests: Sequence[bytes], first: int = 0) -> list[bytes]:
        """Send a request on each connection, from `first` on, all at once, and return the bodies of the answers.

        Raises:
            ConnectionError: the server closes a connection, or answers with a status other than 200.
        """
        used = self._sockets[first : first + len(requests)]
        for each, sent in zip(used, requests, strict=True):
            each.sendall(sent)
        return [_answer(each) for each in used]


def _connected(port: int, context: ssl.SSLContext | None) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=30)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(made, server_hostname="127.0.0.1") if context is not None else made


def _answer(connection: socket.socket) -> bytes:
    got = connection.recv(65536)
    while (end := got.find(b"\r\n\r\n")) < 0:
        got += _more(connection)
    found = _LENGTH.search(got, 0, end)
    if found is None or b" 200 " not in got[:16]:
        raise ConnectionError(f"the server answers {got[:200]!r}")
    whole = end + 4 + int(found[1])
    while len(got) < whole:
        got += _more(connection)
    return got[end + 4 :]


def _more(connection: socket.socket) -> bytes:
    if not (more := connection.recv(65536)):
        raise ConnectionError("the server has closed the connection")
    return more
