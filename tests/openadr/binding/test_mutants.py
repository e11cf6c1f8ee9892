"""A hundred thousand documents that are nearly messages, on every entry of both roles: no error but our own words.

What is sent is changed by chance from run to run (`tests.openadr.mutants`).
"""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from janusgrid.common.errors import Malformed
from janusgrid.common.xml import reader
from janusgrid.openadr.binding import reception
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.model import Message, QueryRegistration, RegisterReport, UpdateReport
from janusgrid.openadr.signing.notary import Notary
from janusgrid.openadr.ven import Ven
from janusgrid.openadr.vtn import Vtn

from tests.openadr.binding.ways import Grid, a_grid
from tests.openadr.codec.documents import samples
from tests.openadr.core.test_hostile import GOOD
from tests.openadr.mutants import count, mutants

VTN, VEN, STANZAS, ANSWERS, SIGNED = 30_000, 15_000, 10_000, 5_000, 20_000
"""Ten thousand more are signed ones, in `tests/openadr/signing/test_attacks.py`, and twenty in the codec's tests."""

GROWN = 40_000
"""KiB that the process may grow by meanwhile."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names that are invented here are not to stay, and no log is to be kept of it all."""
    monkeypatch.setattr(reader, "_names", set(reader._names))
    monkeypatch.setattr(reader, "_tags", set(reader._tags))
    monkeypatch.setattr(reception.log, "disabled", True)
    return


@pytest_asyncio.fixture
async def grid(tmp_path: Path) -> AsyncIterator[Grid]:
    async with a_grid("push", tmp_path) as made:
        yield made


def documents(shared: Path, ven: Ven) -> list[bytes]:
    """Return messages of all kinds, in the name of the VEN that is registered, or of its VTN."""
    found = [sample.path.read_bytes() for sample in samples(shared) if sample.is_message]
    found += [write(message).encode() for message in GOOD]
    found = [re.sub(rb"(venID>)[^<]*<", rb"\1%s<" % ven.core.ven_id.encode(), each) for each in found]
    return [re.sub(rb"(vtnID>)[^<]*<", rb"\1VTN1<", each) for each in found]


async def torment(role: Vtn | Ven, identity: str, given: Iterator[Any], number: int) -> int:
    """Return how many of the documents were answered; every twentieth answer is read."""
    answered, before, grown = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    for n, document in enumerate(given):
        try:
            answer = await reception.answer(role, identity, document, sender="fuzz")
        except Exception as error:
            raise AssertionError(f"{error!r} for {document!r:.2000}") from error
        if answer is not None:
            answered += 1
            if n % 20 == 0:
                read(answer)
        if n == number // 5:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if n % 50 == 0:
            await asyncio.sleep(0)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before if n == number - 1 else grown
    assert grown < GROWN, f"{grown} KiB"
    return answered


async def is_well(grid: Grid, vtn: Vtn, ven: Ven) -> None:
    """A good peer is served, and nobody has registered who may not."""
    answer = await reception.answer(
        vtn, grid.way.identity("ems"), write(QueryRegistration(request_id="Q")).encode(), sender="good"
    )
    assert read(answer or "").ei_response.ok  # type: ignore[attr-defined]
    assert {each.ven_name for each in vtn.core.vens} <= {"site"}
    assert all(each.identity == grid.way.identity("ems") for each in vtn.core.vens)
    for role in (vtn, ven):
        assert not any(task.done() for task in role._tasks if "_kept_up" in repr(task.get_coro()))


async def test_a_vtn_bears_them(grid: Grid, shared: Path) -> None:
    vtn, ven = await grid.both()
    given = (mutant for mutant, _ in mutants(documents(shared, ven), VTN))
    assert await torment(vtn, grid.way.identity("ems"), given, count(VTN)) > 0.9 * count(VTN)
    await is_well(grid, vtn, ven)


async def test_a_ven_bears_them(grid: Grid, shared: Path) -> None:
    vtn, ven = await grid.both()
    given = (mutant for mutant, _ in mutants(documents(shared, ven), VEN))
    assert await torment(ven, grid.way.identity("vtn"), given, count(VEN)) > 0.9 * count(VEN)
    await is_well(grid, vtn, ven)


async def test_either_bears_them_as_stanzas(grid: Grid, shared: Path) -> None:
    """What comes over XMPP was parsed before: it is well-formed, and an element."""
    vtn, ven = await grid.both()
    found = documents(shared, ven)
    for role, sender in ((vtn, "ems"), (ven, "vtn")):
        given = elements(found, STANZAS // 2)
        assert await torment(role, grid.way.identity(sender), given, -1) > 0.1 * count(STANZAS // 2)
    await is_well(grid, vtn, ven)


def elements(found: list[bytes], number: int) -> Iterator[ElementTree.Element]:
    for mutant, _ in mutants(found, number):
        try:
            yield ElementTree.fromstring(mutant)
        except (ElementTree.ParseError, ValueError, LookupError):
            continue


async def test_either_bears_them_as_answers(grid: Grid, shared: Path) -> None:
    vtn, ven = await grid.both()
    given = mutants(documents(shared, ven), ANSWERS)
    for n, (mutant, _) in enumerate(given):
        role: Vtn | Ven = (vtn, ven)[n % 2]
        try:
            assert isinstance(await reception.answered(role, "peer", mutant, "peer"), Message)
        except Malformed:
            continue


async def test_a_signed_message_is_refused_or_means_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the entries of both roles: nothing that was not signed reaches them, and nothing twice."""
    async with a_grid("push", tmp_path, signed=True) as grid:
        vtn, ven = await grid.both()
        now = grid.clock.now()
        peers = {vtn: "ems", ven: "vtn"}
        offers = RegisterReport(request_id="R", ven_id=ven.core.ven_id)
        values = UpdateReport(request_id="U", ven_id=ven.core.ven_id)
        taken: list[tuple[str, Message]] = []
        for role, sender in peers.items():
            notary = Notary(grid.signing(sender))  # type: ignore[arg-type]
            meant = {notary.sign(message, now).encode(): message for message in (offers, values)}
            taken.clear()

            def receive(identity: str, message: Message, now: Any) -> Message:
                taken.append((identity, message))
                return message

            monkeypatch.setattr(role.core, "receive", receive)
            monkeypatch.setattr(role.envelopes, "_clock", Standing(now))
            monkeypatch.setattr(role.envelopes, "close", lambda *_, **__: "")  # to sign every refusal takes its time
            identity = grid.way.identity(sender)
            for mutant, document in mutants(list(meant), SIGNED // 2):
                before = len(taken)
                answer = await reception.answer(role, identity, mutant, sender="fuzz")
                assert answer is not None
                if len(taken) > before:
                    assert taken[-1] == (identity, meant[document]), mutant
            assert len(taken) <= len(meant), "a message was believed twice"
            monkeypatch.undo()


class Standing:
    """A clock that stands: the time in the signatures stays good."""

    def __init__(self, now: Any) -> None:
        self._now = now

    def now(self) -> Any:
        """Return always the same."""
        return self._now
