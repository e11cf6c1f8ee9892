"""Kills: either role dies at every kind of moment, lives again on what it kept, and nothing is lost or applied twice.

`JANUSGRID_KILLS=1000` makes many more of them, at random moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.xmpp.servers.process import free_port

from tests.forks import FORKS
from tests.openadr.crash.lives import Plan, live

KILLS = int(os.environ.get("JANUSGRID_KILLS", "100"))
ROUNDS = max(4, KILLS // 25)
"""Each with its own databases; in each both roles are killed in turn."""


class Lineage:
    """A role, one life after the other."""

    def __init__(self, role: str, plan: Plan, ends: Sequence[int]) -> None:
        self._role, self._plan, self._ends = role, plan, list(ends)
        self._begin()

    def _begin(self) -> None:
        end = self._ends.pop(0) if self._ends else 0
        p = self._plan
        plan = Plan(p.folder, p.port, p.origin, end, last=not end)
        self._process = FORKS.Process(target=live, args=(self._role, plan), daemon=True)
        self._process.start()
        self.last = plan.last

    def look(self) -> None:
        """Go on with the next life where one has ended."""
        if self._process.exitcode is not None and not self.last:
            assert self._process.exitcode == -signal.SIGKILL, self._process.exitcode
            self._begin()

    def stop(self) -> None:
        """End what still lives."""
        self._process.kill()
        self._process.join()


def diary(folder: Path, role: str) -> list[list[str]]:
    """Return what a role has written down in all its lives."""
    return [line.split(" ") for line in (folder / f"{role}.diary").read_text().splitlines()]


def run(folder: Path, ends: dict[str, Sequence[int]]) -> dict[str, Any]:
    """Let both roles live until each was killed as often as it is to be, and all has settled; return their states."""
    plan = Plan(folder, free_port(), time.monotonic())
    lineages = [Lineage(role, plan, ends[role]) for role in ("vtn", "ven")]

    def until(condition: Any) -> None:
        limit = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < limit, f"it does not settle: {folder}"
            for lineage in lineages:
                lineage.look()
            time.sleep(0.01)

    try:
        until(lambda: all(lineage.last for lineage in lineages))
        until(lambda: all((folder / f"{role}.settled").exists() for role in ends))
        taken = _samples(folder, "ven")
        until(lambda: taken <= _samples(folder, "vtn"))
        (folder / "end").touch()
        until(lambda: all((folder / f"{role}.state").exists() for role in ends))
    finally:
        for lineage in lineages:
            lineage.stop()
    return {role: json.loads((folder / f"{role}.state").read_text()) for role in ends}


def _samples(folder: Path, role: str) -> set[str]:
    return {words[1] for words in diary(folder, role) if words[0] == "sample"}


def check(folder: Path, states: dict[str, Any]) -> Counter[str]:
    """See that nothing was lost or applied twice; return at which moments lives ended."""
    vtn, ven = diary(folder, "vtn"), diary(folder, "ven")
    assert states["vtn"]["ven"] == states["ven"]["ven"]
    assert states["vtn"]["registration"] == states["ven"]["registration"]
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
    _once(ven, "told", "telling an event", "told an event")
    _once(vtn, "opted", "telling opted")
    _once(vtn, "sample", "told telemetry")
    return Counter(" ".join(words[1:]) for words in vtn + ven if words[0] == "killed")


def _once(lines: list[list[str]], kind: str, *moments: str) -> None:
    """See that nothing was told twice, but for what was just being told when a life ended."""
    before: dict[tuple[str, ...], int] = {}
    for number, words in enumerate(lines):
        if words[0] == kind:
            first = before.setdefault(tuple(words[1:]), number)  # with what was said: a mind may change
            ended = [" ".join(each[1:]) for each in lines[first:number] if each[0] == "killed"]
            assert first == number or ended, f"{words} was told twice in one life"
            before[tuple(words[1:])] = number


def ends_of(number: int) -> dict[str, list[int]]:
    """Return the moments at which lives end: the very first ones one after the other, then any."""
    chance = random.Random(number)
    count = KILLS // ROUNDS // 2 + 1
    first = range(1 + number * 4, 5 + number * 4)
    return {role: [*first, *(chance.randint(12, 120) for _ in range(count - len(first)))] for role in ("vtn", "ven")}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_nothing_is_lost_or_applied_twice(tmp_path: Path, number: int) -> None:
    ends = ends_of(number)
    moments = check(tmp_path, run(tmp_path, ends))
    assert sum(moments.values()) == sum(map(len, ends.values()))
    kinds = {moment.partition(" ")[0] for moment in moments}
    assert {"save", "saved"} < kinds
    assert len(moments) > 5, moments
