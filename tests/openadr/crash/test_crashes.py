"""Kills: either role dies at every kind of moment, lives again on what it kept, and nothing is lost or applied twice.

`JANUSGRID_KILLS=1000` makes many more of them, at random moments.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest
from janusgrid.common.xmpp.servers.process import free_port
from janusgrid.openadr.binding.services import BASE

from tests.brokers import start_broker
from tests.forks import FORKS
from tests.openadr.binding.ways import Certificates
from tests.openadr.crash.lives import Plan, live, stays

pytestmark = pytest.mark.timeout(600)  # two hundred processes, one after the other: how long, the machine says

KILLS = int(os.environ.get("JANUSGRID_KILLS", "100"))
ROUNDS = max(4, KILLS // 25)
"""Each with its own databases; in each both roles are killed in turn."""

WAYS = ("pull", "push", "xmpp", "signed")
End = int | str
"""A moment of a life: how many there were before it, or its name."""

MOMENTS = {
    "vtn": (
        "made an event", "kept an event", "changed an event",
        "receiving CreatedEvent", "answering CreatedEvent", "telling opted",
        "receiving UpdateReport", "answering UpdateReport", "telling telemetry", "told telemetry",
        "receiving CreateOpt", "answering CreateOpt", "telling an opt",
        "receiving CancelOpt", "answering CancelOpt", "telling the end of an opt",
    ),
    "ven": (
        "telling an event", "told an event", "sending CreatedEvent", "answered CreatedEvent", "opted",
        "sending UpdateReport", "answered UpdateReport",
        "made an opt", "sending CreateOpt", "answered CreateOpt",
        "made an event opt", "took back an opt", "sending CancelOpt", "answered CancelOpt",
    ),
}  # fmt: skip
"""Moments that come again and again, on every way."""

CARRIED = {"vtn": ("sending DistributeEvent", "answered DistributeEvent"),
           "ven": ("receiving DistributeEvent", "answering DistributeEvent")}  # fmt: skip
"""More of them where the VTN sends its messages; elsewhere the VEN comes for them."""
FETCHED = {"vtn": ("receiving Poll", "answering Poll"), "ven": ("sending Poll", "answered Poll")}


class Lineage:
    """A role, one life after the other."""

    def __init__(self, role: str, plan: Plan, ends: Sequence[End]) -> None:
        self._role, self._plan, self._ends = role, plan, list(ends)
        self.lives = 0
        self._begin()

    def _begin(self) -> None:
        plan = attrs.evolve(self._plan, end=self._ends.pop(0) if self._ends else "")
        self._process = FORKS.Process(target=live, args=(self._role, plan), daemon=True)
        self._process.start()
        self.last = not plan.end
        self.lives += 1

    def look(self) -> None:
        """Go on with the next life where one has ended."""
        status = self._process.exitcode
        if status is not None:
            assert status == (0 if self.last else -signal.SIGKILL), f"{self._role}: {status}"
            if not self.last:
                self._begin()

    def stop(self) -> None:
        """End what still lives."""
        self._process.kill()
        self._process.join()


class Thief:
    """Has overheard a signed message that was answered, and sends it again to the next life of the VTN."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._held = ""
        self._lives = 1
        self.answers: list[str] = []

    async def look(self, lives: int) -> None:
        sent = self._plan.folder / "sent"
        if self._lives < lives and sent.exists():
            self._lives, self._held = lives, sent.read_text()
        if self._held and sum(words == ["up"] for words in diary(self._plan.folder, "vtn")) >= self._lives:
            held, self._held = self._held, ""
            self.answers.extend(await asyncio.to_thread(self._send, *held.split("\n", 1)))

    def _send(self, endpoint: str, document: str) -> list[str]:
        request = urllib.request.Request(
            f"{self._plan.vtn}{BASE}/{endpoint}", document.encode(), {"Content-Type": "application/xml"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return [answer.read().decode()]
        except urllib.error.HTTPError:
            raise
        except OSError:  # it has died again
            return []


def diary(folder: Path, role: str) -> list[list[str]]:
    """Return what a role has written down in all its lives."""
    file = folder / f"{role}.diary"
    return [line.split(" ") for line in file.read_text().splitlines()] if file.exists() else []


async def run(plan: Plan, ends: Mapping[str, Sequence[End]]) -> tuple[dict[str, Any], list[str]]:
    """Let both roles live until each was killed as often as it is to be, and all has settled.

    Returns their states, and what was answered to messages that were sent again.
    """
    folder = plan.folder
    lineages = {role: Lineage(role, plan, ends[role]) for role in ("vtn", "ven")}
    thief = Thief(plan)

    async def until(condition: Callable[[], bool], what: str) -> None:
        limit = time.monotonic() + 240
        while not condition():
            assert time.monotonic() < limit, f"{what}: {folder}"
            for lineage in lineages.values():
                lineage.look()
            await thief.look(lineages["vtn"].lives)
            await asyncio.sleep(0.02)

    try:
        await until(lambda: all(lineage.last for lineage in lineages.values()), "moments that did not come")
        (folder / "enough").touch()
        await until(lambda: all((folder / f"{role}.settled").exists() for role in ends), "it does not settle")
        taken = _samples(folder, "ven")
        await until(lambda: taken <= _samples(folder, "vtn"), "samples that did not arrive")
        (folder / "end").touch()
        await until(lambda: all((folder / f"{role}.state").exists() for role in ends), "it does not end")
    finally:
        for lineage in lineages.values():
            lineage.stop()
    return {role: json.loads((folder / f"{role}.state").read_text()) for role in ends}, thief.answers


def _samples(folder: Path, role: str) -> set[str]:
    return {words[1] for words in diary(folder, role) if words[0] == "sample"}


def check(folder: Path, states: dict[str, Any]) -> Counter[str]:
    """See that nothing was lost or applied twice; return at which moments lives ended."""
    vtn, ven = diary(folder, "vtn"), diary(folder, "ven")
    assert states["vtn"]["ven"] == states["ven"]["ven"]
    assert states["vtn"]["registration"] == states["ven"]["registration"]
    _events(vtn, ven, states)
    _opts(vtn, ven, states)
    _once(ven, "told", "telling an event", "told an event")
    _once(vtn, "opted", "telling opted")
    _once(vtn, "sample", "told telemetry")
    _once(vtn, "said", "telling an opt")
    _once(vtn, "unsaid", "telling the end of an opt")
    return Counter(" ".join(words[1:]) for words in vtn + ven if words[0] == "killed")


def _events(vtn: list[list[str]], ven: list[list[str]], states: dict[str, Any]) -> None:
    events = states["vtn"]["events"]
    cancelled = {name for name, (modification, _) in events.items() if modification == 2}
    told = Counter((words[1], int(words[2]), words[3]) for words in ven if words[0] == "told")
    for name, modification in ((words[1], int(words[2])) for words in vtn if words[0] == "kept"):
        assert events[name][0] >= modification, f"{name} was acknowledged and is lost"
    for name, (modification, opt) in events.items():
        known = any(key[0] == name for key in told)
        if name in cancelled:
            assert not known or any(key[0] == name and key[2] == "cancelled" for key in told), (
                f"the end of {name} was not told"
            )
        else:
            assert states["ven"]["events"][name] == [modification, opt]
            assert any(key[:2] == (name, modification) for key in told), f"{name} was not told"
    for words in ven:
        if words[0] == "kept" and words[1] not in cancelled and events[words[1]][0] == int(words[2]):
            assert events[words[1]][1] == words[3], f"the answer to {words[1]} was acknowledged and is lost"


def _opts(vtn: list[list[str]], ven: list[list[str]], states: dict[str, Any]) -> None:
    final = {f"{name}.{modification}" for name, (modification, _) in states["vtn"]["events"].items()}
    made = {words[1] for words in ven if words[0] == "opt" and (words[1][0] == "O" or words[1] in final)}
    assert states["vtn"]["opts"] == states["ven"]["opts"]
    found = set(states["vtn"]["opts"])
    assert {name for name in made if stays(name)} <= found, "an opt was acknowledged and is lost"
    assert all(map(stays, found)), "an opt was taken back and is there"
    accepted = {words[1] for words in ven if words[0] == "accepted"}
    assert accepted, "nothing was said"


def _once(lines: list[list[str]], kind: str, *moments: str) -> None:
    """See that nothing was told twice, but for what was just being told when a life ended."""
    before: dict[tuple[str, ...], int] = {}
    for number, words in enumerate(lines):
        if words[0] == kind:
            first = before.setdefault(tuple(words[1:]), number)  # with what was said: a mind may change
            ended = [" ".join(each[1:]) for each in lines[first:number] if each[0] == "killed"]
            assert first == number or ended, f"{words} was told twice in one life"
            before[tuple(words[1:])] = number


def ends_of(number: int, way: str) -> dict[str, list[End]]:
    """Return the moments at which lives end: the very first ones, some of each kind, some that chance says."""
    chance = random.Random(number)
    count = KILLS // ROUNDS // 2 + 1
    found: dict[str, list[End]] = {}
    for role in ("vtn", "ven"):
        first = range(1 + number * 3, 4 + number * 3)
        kinds = (CARRIED if way in ("push", "xmpp") else FETCHED)[role] + MOMENTS[role]
        begin = (number // len(WAYS) + number) * 7
        named = [kinds[(begin + each) % len(kinds)] for each in range(7)]
        rest: list[End] = [*named, *(chance.randint(12, 120) for _ in range(count - len(first) - len(named)))]
        chance.shuffle(rest)
        found[role] = [*first, *rest]
    return found


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_nothing_is_lost_or_applied_twice(tmp_path: Path, number: int) -> None:
    way = WAYS[number % len(WAYS)]
    ends = ends_of(number, way)
    async with AsyncExitStack() as stack:
        server = None
        if way == "xmpp":
            broker = await stack.enter_async_context(start_broker("embedded", "vtn", "ems"))
            server = (broker.domain, broker.host, broker.port, broker.ca)
        elif way == "signed":
            certificates = Certificates(tmp_path)
            for role in ("vtn", "ven"):
                (tmp_path / f"{role}.print").write_text(certificates.fingerprint(role))
        states, replayed = await run(
            Plan(way, tmp_path, (free_port(), free_port()), time.monotonic(), server), ends
        )  # fmt: skip
    moments = check(tmp_path, states)
    assert sum(moments.values()) == sum(map(len, ends.values()))
    assert {end for each in ends.values() for end in each if isinstance(end, str)} <= set(moments)
    if way == "signed":
        assert replayed, "no message was sent again"
        for answer in replayed:
            assert "nonce is used" in answer or "too long" in answer
