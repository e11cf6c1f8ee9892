"""Time servers to ask: chrony as Debian has it, and one that answers as a test wants."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from janusgrid.common.errors import RemoteError
from janusgrid.common.sntp import query
from janusgrid.common.sntp.packet import ticks

HOME = Path(__file__).resolve().parents[3] / ".peers" / "chrony"
Answer = Callable[[bytes], list[bytes]]
"""From a request to the datagrams that come back."""


def chronyd() -> str:
    """Return where chronyd is; skip the test if it cannot be had.

    It is unpacked into the checkout, never installed: as a package it would take the clock of this machine over.
    """
    found = shutil.which("chronyd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:{HOME}/usr/sbin")
    if found:
        return found
    try:
        HOME.mkdir(parents=True, exist_ok=True)
        for command in (["apt-get", "-qq", "download", "chrony"], ["sh", "-c", "dpkg -x chrony_*.deb ."]):
            subprocess.run(command, cwd=HOME, check=True, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip()[-200:]
        pytest.skip(f"chrony cannot be had here (apt-get download chrony): {reason}")
    return str(HOME / "usr/sbin/chronyd")


@asynccontextmanager
async def chrony(folder: Path) -> AsyncIterator[str]:
    """Run chronyd on a free port of this machine, without any right over its clock; give its address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = [
        f"port {port}", "bindaddress 127.0.0.1", "cmdport 0", "bindcmdaddress /", "local stratum 3",
        "allow 127.0.0.0/8", f"pidfile {folder}/chronyd.pid",
    ]  # fmt: skip
    (folder / "chrony.conf").write_text("\n".join(lines) + "\n")
    user = pwd.getpwuid(os.getuid()).pw_name
    process = await asyncio.create_subprocess_exec(
        chronyd(), "-x", "-d", "-U", "-u", user, "-f", str(folder / "chrony.conf"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    await query(f"127.0.0.1:{port}", timeout=1.0)
                    break
                except RemoteError:
                    if process.returncode is not None:
                        assert process.stderr is not None
                        pytest.skip(f"chronyd does not run here: {(await process.stderr.read()).decode()[-200:]}")
                    await asyncio.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def answer(
    request: bytes, *, ahead: float = 0.0, stratum: int = 2, reference: bytes = b"TEST", flags: int = 4 << 3 | 4
) -> bytes:
    """Return the answer of a server whose time is so many seconds ahead of this machine's."""
    now = ticks(datetime.now(UTC) + timedelta(seconds=ahead)) % (1 << 64)
    (nonce,) = struct.unpack_from("!Q", request, 40)
    return struct.pack("!BBbbII4sQQQQ", flags, stratum, 6, -20, 0, 10, reference, now, nonce, now, now)


class Scripted(asyncio.DatagramProtocol):
    """A server that answers what `script` says; it keeps the requests."""

    def __init__(self, script: Answer) -> None:
        self.script = script
        self.requests: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.address = "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.requests.append(data)
        for octets in self.script(data):
            self.transport.sendto(octets, addr)


@asynccontextmanager
async def scripted(script: Answer) -> AsyncIterator[Scripted]:
    """Run a scripted server."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: Scripted(script), local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
