"""How long an event takes from `Vtn.create_event` to the handler of a VEN, by each way, VTN and VEN in two processes.

By pull that is the interval of the polls and no more to speak of; so what is told is how long it takes from the moment
in which the poll leaves that brings it. openleadr knows only this way.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from janusgrid.common.security.authority import Authority, Issued
from tests.openadr.peers import peer

from . import contest
from .contest import Side
from .xmpp_roundtrip import PASSWORD, SERVERS

SETTLED = 1.0
"""Seconds after which nothing is under way any more that came with the registration."""
PAUSE = 0.1
"""Seconds between two events, in which the answer to the first has come back."""


def main(names: Sequence[str], events: int, servers: Sequence[str]) -> None:
    """Print one line for each way."""
    print("  events from create_event to the handler of a VEN (by pull: from when the poll leaves), median and p95")
    for name in names:
        _told(f"pull, {name}", pulled(name, events))
    _told("push, mutual TLS", pushed(events))
    for server in servers:
        launcher = SERVERS[server]
        reason = launcher.unavailable() if hasattr(launcher, "unavailable") else None
        if reason:
            print(f"    XMPP, {server}: {reason}")
        else:
            _told(f"XMPP, {server}", asyncio.run(over_xmpp(server, events)))


def pulled(name: str, events: int) -> list[float]:
    """Return the seconds of each event to a VEN that polls, from when the poll leaves."""
    interpreter = peer.python() if name == "openleadr" else ""
    prefix = "openleadr" if name == "openleadr" else "our"
    with contest.running(interpreter, f"{prefix}_vtn.py", json.dumps({"vens": 1})) as vtn:
        settings = json.dumps({"vtn": vtn.hear()})
        with contest.running(interpreter, f"{prefix}_ven.py", settings) as ven:
            polls = (lambda: ven.ask("poll")) if name == "openleadr" else ven.hear
            return [told["at"] - told["polled"] for _, told in _events(vtn, ven, events, polls)]


def pushed(events: int) -> list[float]:
    """Return the seconds of each event to a VEN that listens, which needs certificates."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.make(Path(folder))
        vtns, vens = (authority.issue(name, ["127.0.0.1"]) for name in ("vtn", "ven"))
        settings: dict[str, Any] = {"vens": 1, "tls": files(vtns), "identity": vens.fingerprint}
        with contest.running("", "our_vtn.py", json.dumps(settings)) as vtn:
            settings = {"vtn": vtn.hear(), "tls": files(vens), "trusted": vtns.fingerprint}
            with contest.running("", "our_ven.py", json.dumps(settings)) as ven:
                return [told["at"] - begun for begun, told in _events(vtn, ven, events, ven.hear)]


def files(issued: Issued) -> list[str]:
    """Return a certificate, its key and its authority, as files for the settings of a side."""
    return [str(issued.certificate), str(issued.key), str(issued.authority)]


async def over_xmpp(name: str, events: int) -> list[float]:
    """Return the seconds of each event to a VEN that has a session on an XMPP server."""
    server = SERVERS[name]("bench.test")
    for user in ("vtn", "ven"):
        server.add_user(user, PASSWORD)
    await server.start()
    try:
        return await asyncio.to_thread(_over_xmpp, server, events)
    finally:
        await server.stop()


def _over_xmpp(server: Any, events: int) -> list[float]:
    def settings(user: str, **more: Any) -> str:
        session = {"jid": f"{user}@{server.domain}/{user}", "password": PASSWORD, "host": server.host}
        session |= {"port": server.port, "tls": str(server.ca)}
        return json.dumps({"vens": 1, "session": session, **more})

    with contest.running("", "our_vtn.py", settings("vtn", identity=f"ven@{server.domain}")) as vtn:
        address = vtn.hear()
        with contest.running("", "our_ven.py", settings("ven", vtn=address)) as ven:
            return [told["at"] - begun for begun, told in _events(vtn, ven, events, ven.hear)]


def _events(vtn: Side, ven: Side, events: int, told: Callable[[], Any]) -> list[tuple[float, Any]]:
    """Send events one after the other; return when each was asked for, and what the VEN tells of it."""
    ven.hear()
    time.sleep(SETTLED)
    found = []
    for number in range(events + 1):
        begun = vtn.ask({"do": "event", "ven": "site 0", "minutes": 60 + 2 * number})
        found.append((begun, told()))
        time.sleep(PAUSE)
    return found[1:]  # the first time, much is loaded


def _told(way: str, seconds: list[float]) -> None:
    found = sorted(1e3 * each for each in seconds)
    late = found[min(len(found) - 1, int(0.95 * len(found)))]
    print(f"    {way:26} {statistics.median(found):9.2f} ms, {late:.2f} ms", flush=True)
