"""MMS over TCP: a read of one value, our client and server beside other implementations, in one run.

Each client runs in a process of its own, as does each server. The others are PyPI `iec61850` (a core in Rust, asyncio
on top) and `pyiec61850-ng` (libiec61850, C), installed as the tests install them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.iec61850.scsm81 import peers

GOALS = "0.7 at first, goal 1.2"
ROUNDS, SECONDS = 3, 1.0
MOST = 5
"""Connections that libiec61850 takes as it is distributed."""
REFERENCE = "PEERLD0/GGIO1.AnIn1.mag.f"
ROOT = Path(__file__).resolve().parents[1]

_LOOP = """
import asyncio, sys, time
port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])

async def one(read, end):
    count = 0
    while time.perf_counter() < end:
        await read()
        count += 1
    return count

async def main():
    reads = [await opened() for _ in range(connections)]
    for read in reads:
        for _ in range(50):
            await read()
    begin, used = time.perf_counter(), time.process_time()
    counts = await asyncio.gather(*(one(read, begin + seconds) for read in reads))
    took = time.perf_counter() - begin
    print(sum(counts) / took, (time.process_time() - used) / max(1, sum(counts)) * 1e6, flush=True)
    import os
    os._exit(0)
"""
_OURS = f"""{_LOOP}
from janusgrid.iec61850 import connect
async def opened():
    ied = await connect(f"tcp://127.0.0.1:{{port}}")
    return lambda: ied.read("{REFERENCE}")
asyncio.run(main())
"""
_BARE = f"""{_LOOP}
from janusgrid.iec61850 import connect
from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.acsi.services import GetDataValues
async def opened():
    ied = await connect(f"tcp://127.0.0.1:{{port}}")
    request = GetDataValues((Reference.parse("{REFERENCE}", "MX"),))
    return lambda: ied.association.call(request)
asyncio.run(main())
"""
_RUST = f"""{_LOOP}
import iec61850
async def opened():
    ied = await iec61850.IedConnection.connect(f"127.0.0.1:{{port}}")
    return lambda: ied.read_float("{REFERENCE}", iec61850.FC.MX)
asyncio.run(main())
"""
_SERVER = """
import asyncio, sys
from janusgrid.iec61850 import Server
async def main():
    server = Server.from_scl(sys.argv[1])
    print((await server.start_tcp(port=0)).port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    import os
    os._exit(0)
asyncio.run(main())
"""


@contextmanager
def _serving(command: list[str]) -> Iterator[int]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def _rate(interpreter: str, program: str, port: int, connections: int) -> tuple[float, float]:
    """Return reads per second, and microseconds of the client's processor per read."""
    for _ in range(4):  # libiec61850 behind its binding loses some of the first connections
        done = subprocess.run(  # noqa: S603
            [interpreter, "-c", program, str(port), str(connections), str(SECONDS)],
            capture_output=True, text=True, timeout=60, cwd=ROOT,
        )  # fmt: skip
        if done.returncode == 0:
            rate, cost = done.stdout.split()
            return float(rate), float(cost)
        time.sleep(0.3)
    raise RuntimeError(done.stderr[-1000:])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _best(clients: dict[str, tuple[str, str]], port: int, connections: int) -> dict[str, tuple[float, float]]:
    """Return the best of some rounds for each client; they take turns, to share what else goes on."""
    best: dict[str, tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for name, (interpreter, program) in clients.items():
            best[name] = max(best.get(name, (0.0, 0.0)), _rate(interpreter, program, port, connections))
    return best


def _print(found: dict[str, tuple[float, float]], base: str, budget: str = "") -> None:
    for name, (rate, cost) in found.items():
        ratio = rate / found[base][0]
        note = f"  ({budget})" if budget and name != base else ""
        print(f"  {name:34} {rate:8.0f} reads/s  x {ratio:5.2f}  {cost:6.1f} us of its processor each{note}")


def main() -> None:
    """Print rates and ratios: clients on the server of libiec61850, then servers under one client."""
    scripts = peers.HERE / "peer_scripts"
    rust, libiec, ours = str(peers.python("rust")), str(peers.python("libiec")), sys.executable
    clients = {"PyPI iec61850": (rust, _RUST), "ours": (ours, _OURS), "ours, below names": (ours, _BARE)}
    servers = {
        "libiec61850": lambda: [libiec, str(scripts / "libiec_server.py"), str(_free_port())],
        "PyPI iec61850": lambda: [rust, str(scripts / "rust_server.py"), str(peers.CID)],
        "ours": lambda: [ours, "-c", _SERVER, str(peers.CID)],
    }
    print(f"{os.cpu_count()} processors")
    for connections in (1, MOST):
        print(f"clients on the server of libiec61850, {connections} connection(s)")
        with _serving(servers["libiec61850"]()) as port:
            _print(_best(clients, port, connections), "PyPI iec61850", GOALS)
    for connections in (1, 10):
        print(f"servers under the client of PyPI iec61850, {connections} connection(s)")
        rates = {}
        for name, command in servers.items():
            if connections <= MOST or name != "libiec61850":
                with _serving(command()) as port:
                    rates[name] = _best({name: (rust, _RUST)}, port, connections)[name]
        _print(rates, next(iter(rates)))


if __name__ == "__main__":
    main()
