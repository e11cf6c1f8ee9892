"""OpenADR beside openleadr: polls, a thousand VENs, messages and signatures, events from a VTN to a VEN's handler.

openleadr is installed as the tests install it, and runs in processes of its own. Every figure is ours over theirs from
two turns that follow each other; their median is told with its quartiles.
"""

from __future__ import annotations

import json
import re
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from janusgrid.common.security.authority import Authority, Issued, KeyKind
from janusgrid.openadr.codec import write
from janusgrid.openadr.model import CreatePartyRegistration, Poll, ProfileName, TransportName
from tests.openadr.peers import peer

from . import contest, openadr_delivery
from .contest import Side
from .openadr_codec import event
from .openadr_delivery import files
from .openadr_http import Connections, request

BUDGETS = {"CPU of the server": "  (budget 0.7, goal 0.4)"}
_VEN_ID = re.compile(rb"venID>([^<]+)<")


@attrs.frozen(slots=True)
class Sizes:
    """How much is measured."""

    rounds: int = 9
    seconds: float = 0.3
    connections: tuple[int, ...] = (1, 16)
    vens: int = 1_000
    fleets: int = 3
    events: int = 20
    servers: tuple[str, ...] = ("embedded", "prosody", "ejabberd")


Measures = dict[str, float]
"""What a turn has shown, by the name of the measure."""

VTNS: dict[str, tuple[str, dict[str, Any]]] = {
    "ours": ("our_vtn.py", {}),
    "ours, kept": ("our_vtn.py", {"store": True}),
    "openleadr": ("openleadr_vtn.py", {}),
}
"""The contenders: ours keeps all in SQLite where it is `kept`; openleadr keeps nothing beyond its process."""


@contextmanager
def vtn(name: str, **settings: Any) -> Iterator[tuple[Side, str]]:
    """Run a VTN; yield it and its URL."""
    script, more = VTNS[name]
    with tempfile.TemporaryDirectory() as folder:
        settings |= {"store": str(Path(folder, "vtn.db"))} if more.get("store") else {}
        interpreter = peer.python() if name == "openleadr" else ""
        with contest.running(interpreter, script, json.dumps(settings)) as side:
            yield side, side.hear()


def port(url: str) -> int:
    """Return the port of a VTN."""
    return int(url.rpartition(":")[2])


def registration(number: int) -> bytes:
    """Return the request by which a VEN that pulls registers."""
    message = CreatePartyRegistration(
        request_id=f"R{number}", profile_name=ProfileName.PROFILE_2_0B, transport_name=TransportName.SIMPLE_HTTP,
        report_only=False, xml_signature=False, ven_name=f"site {number}", http_pull_model=True,
    )  # fmt: skip
    return request("EiRegisterParty", write(message))


def poll(answer: bytes) -> bytes:
    """Return the poll of the VEN whose registration was answered so."""
    found = _VEN_ID.search(answer)
    assert found is not None, answer
    return request("OadrPoll", write(Poll(ven_id=found[1].decode())))


def take_turns(contenders: Mapping[str, Callable[[], Measures]], rounds: int) -> dict[str, list[Measures]]:
    """Return what each contender has shown in each round, after one that warms up."""
    found: dict[str, list[Measures]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, turn in contenders.items():
            measured = turn()
            if number:
                found[name].append(measured)
    return found


def ratio(ours: Sequence[Measures], theirs: Sequence[Measures], what: str) -> tuple[float, float, float]:
    """Return median and quartiles of ours over theirs."""
    found = [a[what] / b[what] for a, b in zip(ours, theirs, strict=True)]
    if len(found) < 2:
        return found[0], found[0], found[0]
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
    return middle, low, high


def compare(title: str, found: dict[str, list[Measures]], units: dict[str, str]) -> None:
    """Print the measures of all contenders, those of ours as multiples of openleadr's."""
    theirs = found.get("openleadr")
    for name, turns in found.items():
        if name == "openleadr":
            continue
        print(f"  {title}{name.removeprefix('ours')}")
        for what, unit in units.items():
            own = statistics.median(turn[what] for turn in turns)
            line = f"    {what:26} {own:9.1f} {unit}"
            if theirs is not None:
                middle, low, high = ratio(turns, theirs, what)
                line += f", openleadr {statistics.median(turn[what] for turn in theirs):9.1f}"
                line += f"   x {middle:5.2f} [{low:.2f} {high:.2f}]{BUDGETS.get(what, '')}"
            print(line, flush=True)


# --- polls ------------------------------------------------------------------------------------------------------------


def polling(side: Side, connections: Connections, requests: Sequence[bytes], seconds: float) -> Measures:
    """Return what a server does where each connection polls over and over."""
    count, cpu, begin = 0, side.cpu, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        answers = connections.post(requests)
        count += len(requests)
    assert all(b"oadrResponse" in answer for answer in answers), answers
    wall = time.perf_counter() - begin
    return {"requests per second": count / wall, "CPU of the server": (side.cpu - cpu) / count * 1e6}


def polls(names: Sequence[str], many: int, sizes: Sizes, issued: tuple[Issued, Issued] | None = None) -> Any:
    """Return the turns of VTNs that are polled over so many connections, with certificates if there are any."""
    context, settings = None, dict[str, Any](vens=many)
    if issued is not None:
        served, asking = issued
        settings |= {"tls": files(served), "identity": asking.fingerprint}
        context = ssl.create_default_context(cafile=str(asking.authority))
        context.load_cert_chain(asking.certificate, asking.key)
    with ExitStack() as stack:
        contenders: dict[str, Callable[[], Measures]] = {}
        for name in names:
            side, url = stack.enter_context(vtn(name, **settings))
            connections = stack.enter_context(Connections(port(url), many, context))
            requests = [poll(connections.post([registration(number)])[0]) for number in range(many)]
            contenders[name] = partial(polling, side, connections, requests, sizes.seconds)
        return take_turns(contenders, sizes.rounds)


# --- a fleet ----------------------------------------------------------------------------------------------------------

AT_ONCE = 50
"""Requests that are under way at a time."""


def fleet(name: str, vens: int) -> Measures:
    """Return what it costs a VTN to have so many VENs (see `swept`)."""
    with vtn(name, vens=vens) as (side, url):
        return swept(side, url, vens)


def swept(side: Side, url: str, vens: int) -> Measures:
    """Let so many VENs register, then let them poll, each on a connection of its own; return what that costs."""
    at_first = side.memory
    with Connections(port(url), AT_ONCE) as few:
        requests = [registration(number) for number in range(vens)]
        cpu, begin = side.cpu, time.perf_counter()
        answers = [each for first in range(0, vens, AT_ONCE) for each in few.post(requests[first : first + AT_ONCE])]
        registering = time.perf_counter() - begin, side.cpu - cpu
    registered = side.memory
    requests = [poll(answer) for answer in answers]
    with Connections(port(url), vens) as all_of_them:
        for _ in range(2):  # the first time they come, our VTN reads their polls
            cpu, begin = side.cpu, time.perf_counter()
            for first in range(0, vens, AT_ONCE):
                all_of_them.post(requests[first : first + AT_ONCE], first)
            sweeping = time.perf_counter() - begin, side.cpu - cpu
        connected = side.memory
    return {
        "time to register": registering[0] / vens * 1e6, "CPU to register": registering[1] / vens * 1e6,
        "time of a sweep of polls": sweeping[0] * 1e3, "CPU of a sweep": sweeping[1] * 1e3,
        "memory at first": at_first / 1024, "memory with all": connected / 1024,
        "memory of a VEN": (registered - at_first) / vens, "memory of its connection": (connected - registered) / vens,
    }  # fmt: skip


FLEET_UNITS = {
    "time to register": "us each", "CPU to register": "us each",
    "time of a sweep of polls": "ms", "CPU of a sweep": "ms",
    "memory at first": "MiB", "memory with all": "MiB", "memory of a VEN": "KiB", "memory of its connection": "KiB",
}  # fmt: skip


# --- messages ---------------------------------------------------------------------------------------------------------


def messages(names: Sequence[str], document: str, issued: dict[str, Issued], sizes: Sizes) -> Any:
    """Return the turns in which a document is read and written, and polls are signed and opened."""
    settings = json.dumps({"event": document, "keys": {kind: files(each) for kind, each in issued.items()}})
    operations = ["read", "write", *(f"{verb} {kind}" for verb in ("sign", "open") for kind in issued)]
    with ExitStack() as stack:
        contenders: dict[str, Callable[[], Measures]] = {}
        for name in names:
            script = "openleadr_messages.py" if name == "openleadr" else "our_messages.py"
            interpreter = peer.python() if name == "openleadr" else ""
            side = stack.enter_context(contest.running(interpreter, script, settings))
            side.hear()
            contenders[name] = partial(_worked, side, operations, sizes.seconds)
        return take_turns(contenders, sizes.rounds)


def _worked(side: Side, operations: Sequence[str], seconds: float) -> Measures:
    found = {}
    for operation in operations:
        cpu = side.cpu
        done = side.ask({"do": operation, "seconds": seconds / len(operations)})
        found[operation] = (side.cpu - cpu) / done["count"] * 1e6
    return found


# --- all of it --------------------------------------------------------------------------------------------------------


def contenders(*ours: str) -> list[str]:
    """Return ours, and openleadr if it is here or can be installed."""
    try:
        peer.python()
    except pytest.skip.Exception as reason:
        print(f"not compared: {reason}")
        return list(ours)
    return [*ours, "openleadr"]


def main(sizes: Sizes = Sizes()) -> None:
    """Print everything."""
    print(contest.noise())
    print("ours, and as multiples of openleadr 0.5.36: median [quartiles] of turns; CPU is microseconds of the process")
    names = contenders("ours")
    units = {"requests per second": "/s", "CPU of the server": "us"}
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.make(Path(folder))
        pair = authority.issue("vtn", ["127.0.0.1"]), authority.issue("ven")
        for many in sizes.connections:
            compare(f"oadrPoll, {many} connection(s)", polls(names, many, sizes), units)
            compare(f"oadrPoll, {many} connection(s), mutual TLS", polls(names, many, sizes, pair), units)
        document = write(event())
        issued = {str(kind): authority.issue(f"signer-{kind}", kind=kind) for kind in KeyKind}
        title = f"messages: an event of {len(document)} octets validated and parsed, written; oadrPoll signed, opened"
        found = messages(names, document, issued, sizes)
        compare(title, found, dict.fromkeys(found["ours"][0], "us"))
    turns = {name: partial(fleet, name, sizes.vens) for name in contenders("ours", "ours, kept")}
    compare(f"{sizes.vens} VENs", take_turns(turns, sizes.fleets), FLEET_UNITS)
    openadr_delivery.main(names, sizes.events, sizes.servers)
    print(contest.noise())


if __name__ == "__main__":
    main()
