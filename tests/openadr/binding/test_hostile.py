"""The roles on real sessions when peers, links and the application's own code misbehave."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from janusgrid.common.clock import RealClock, ScaledClock
from janusgrid.common.errors import JanusGridError, LocalError, Malformed
from janusgrid.common.xmpp.session import DiscoItem, Incoming, StanzaRefused
from janusgrid.openadr.binding.courier import MOST_FAULTS, Courier
from janusgrid.openadr.binding.xmpp import FEATURE, SERVICES_NODE
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.core.outbox import Letter, Outbox
from janusgrid.openadr.events import event, load_dispatch
from janusgrid.openadr.model import (
    CreatePartyRegistration,
    Message,
    OptType,
    Poll,
    QueryRegistration,
    Response,
    SignalType,
    TransportName,
)
from janusgrid.openadr.ven import Declined, Reading, Ven
from janusgrid.openadr.vtn import Registered, Vtn

from tests.brokers import start_broker

from ..core.test_hostile import GOOD, mutated
from .test_xmpp import OFFER, Grid, eventually

SECOND = timedelta(seconds=1)


@pytest_asyncio.fixture
async def grid() -> AsyncIterator[Grid]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(start_broker("embedded", "vtn", "ems", "mallory"))
        yield Grid(server, stack)


def made(grid: Grid, kilowatt: float = 1.0, event_id: str = "E1") -> Any:
    now = grid.clock.now()
    return load_dispatch(kilowatt, start=now, duration=timedelta(hours=9), created=now, event_id=event_id)


async def both(grid: Grid) -> tuple[Vtn, Ven]:
    vtn, ven = await grid.vtn(), await grid.ven()
    async with asyncio.timeout(20):
        await ven.joined()
        await vtn.wait_registered("site")
    return vtn, ven


def garbage(rng: random.Random, count: int) -> list[str]:
    """Return payloads: spoiled in what they mean, in their letters, and in their structure."""
    texts = []
    for _ in range(count):
        text = write(mutated(rng, rng.choice(GOOD), rng.choice([0.0, 0.1, 0.5])))
        kind = rng.randrange(4)
        if kind == 0:
            text = text.replace("pyld:requestID", rng.choice(["oadr:requestID", "pyld:other"]))
        elif kind == 1:
            words = ["P1D", "Z", "site", "200", "RR1", "VEN1", "PT1M"]
            text = text.replace(f">{rng.choice(words)}<", f">{'x' * rng.choice([0, 1, 9000])}<")
        elif kind == 2:
            start = text[: text.index(">") + 1]
            inside = rng.choice(["", "<a xmlns='urn:a'/>", "text", "<oadr:oadrSignedObject/>"])
            text = f"{start}{inside}</oadr:oadrPayload>"
        texts.append(text)
    return texts


@pytest.mark.parametrize("sender", ["ems", "mallory"])
async def test_every_payload_is_answered(grid: Grid, sender: str) -> None:
    """The peer is the registered VEN itself, on another resource, or a stranger."""
    vtn, _ = await both(grid)
    session = await grid.session(sender, "other")
    rng = random.Random(7)
    for text in garbage(rng, 150):
        answer = await session.request(f"vtn@{grid.server.domain}/vtn", text, kind="set")
        if answer is None:  # what says that all is well is answered by nothing, if it comes from who may say it
            assert sender == "ems"
            assert isinstance(read(text), Response), text
        else:
            read(answer)
    assert [ven.ven_name for ven in vtn.core.vens] in ([], ["site"])
    assert vtn.core.ven("site").identity == f"ems@{grid.server.domain}" if vtn.core.vens else True


async def test_a_ven_answers_every_payload_of_its_vtn(grid: Grid) -> None:
    """And goes on to decide and to report, where it was not told to stop."""
    _, ven = await both(grid)
    ven_jid = f"ems@{grid.server.domain}/ems"
    ids = {"VEN1": ven.core.ven_id, "VTN1": "VTN1"}
    for text in garbage(random.Random(11), 150):
        for old, new in ids.items():
            text = text.replace(f">{old}<", f">{new}<")
        answer = await grid.sessions["vtn"].request(ven_jid, text, kind="set")
        assert answer is not None, text
        read(answer)
    loops = [task for task in ven._tasks if "_kept_up" in repr(task.get_coro())]
    assert len(loops) >= 3
    assert not any(task.done() for task in loops)


class Wrong:
    """A VTN that answers every request with the same thing."""

    def __init__(self, answer: Callable[[Incoming], str | None]) -> None:
        self.answer = answer
        self.asked = 0

    async def __call__(self, stanza: Incoming) -> str | None:
        self.asked += 1
        return self.answer(stanza)


PAYLOAD = "{http://openadr.org/oadr-2.0b/2012/07}oadrPayload"


def refuse(condition: str) -> Callable[[Incoming], str | None]:
    def answer(stanza: Incoming) -> str | None:
        raise StanzaRefused(condition)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        lambda stanza: None,
        lambda stanza: "<a xmlns='urn:a'/>",
        lambda stanza: write(Poll(ven_id="V")),
        refuse("forbidden"),
        refuse("internal-server-error"),
    ],
)
async def test_a_vtn_that_makes_no_sense_is_left_with_a_reason(
    grid: Grid, answer: Callable[[Incoming], str | None]
) -> None:
    """`joined` does not wait for ever."""
    session = await grid.session("vtn", "vtn")
    session.handle(PAYLOAD, Wrong(answer))
    ven = await grid.ven()
    with pytest.raises(JanusGridError):
        async with asyncio.timeout(20):
            await ven.joined()


async def test_a_role_closed_and_opened_again_goes_on(grid: Grid) -> None:
    vtn, ven = await both(grid)
    await ven.close()
    vtn.create_event(made(grid), ["site"])
    await asyncio.sleep(0.1)
    await vtn.close()
    await vtn.open()
    await ven.open()
    with pytest.raises(LocalError, match="open already"):
        await ven.open()
    await eventually(lambda: len(grid.changes) == 1)
    before = len(grid.samples)
    await eventually(lambda: len(grid.samples) > before)
    assert ven.core.registered


async def test_two_roles_cannot_serve_one_session_and_the_first_goes_on(grid: Grid) -> None:
    vtn, ven = await both(grid)
    second = Vtn("VTN2", grid.sessions["vtn"])
    with pytest.raises(LocalError):
        await second.open()
    vtn.create_event(made(grid), ["site"])
    await eventually(lambda: len(grid.changes) == 1)
    assert ven.core.registered


async def test_an_applications_own_errors_stop_nothing(grid: Grid) -> None:
    """A reader, a decision and a listener that fail; the samples come again, the event is opted out of."""
    vtn, ven = await both(grid)
    failures = itertools.count()

    def failing(*_: Any) -> Any:
        next(failures)
        raise ValueError("the application is broken")

    good, ven._reporting._read = ven._reporting._read, failing
    ven.on_event(failing)
    vtn.listen(Registered, failing)
    dispatch = vtn.create_event(made(grid), ["site"])
    async with asyncio.timeout(20):
        assert await dispatch.opted("site") is OptType.OPT_OUT
    await eventually(lambda: next(failures) > 3)
    ven._reporting._read = good
    before = len(grid.samples)
    await eventually(lambda: len(grid.samples) > before)


async def test_readings_that_are_no_readings_stop_nothing(grid: Grid) -> None:
    _, ven = await both(grid)
    good, ven._reporting._read = ven._reporting._read, lambda r_ids: {r_id: Reading("warm") for r_id in r_ids}  # type: ignore[arg-type]
    await asyncio.sleep(0.3)
    ven._reporting._read = good
    before = len(grid.samples)
    await eventually(lambda: len(grid.samples) > before)


async def test_a_slow_reader_does_not_hold_up_events(grid: Grid) -> None:
    vtn, ven = await both(grid)

    async def never(r_ids: frozenset[str]) -> Mapping[str, Reading]:
        await asyncio.Event().wait()
        return {}

    ven._reporting._read = never
    await asyncio.sleep(0.3)
    dispatch = vtn.create_event(made(grid), ["site"])
    async with asyncio.timeout(20):
        assert await dispatch.opted("site") is OptType.OPT_IN


async def test_a_decision_that_comes_late_is_on_what_it_was_asked(grid: Grid) -> None:
    vtn, ven = await both(grid)
    go = asyncio.Event()
    asked: list[int] = []

    @ven.on_event
    async def decide(change: Any) -> OptType:
        asked.append(change.known.modification)
        await go.wait()
        return OptType.OPT_IN if change.known.modification == 0 else OptType.OPT_OUT

    dispatch = vtn.create_event(made(grid), ["site"])
    await eventually(lambda: asked == [0])
    dispatch.modify(made(grid, 2.0))
    known = ven.core.events
    await eventually(lambda: known.active(grid.clock.now())[0].modification == 1)
    go.set()
    async with asyncio.timeout(20):
        assert await dispatch.opted("site") is OptType.OPT_OUT


async def test_peers_see_each_others_presence(grid: Grid) -> None:
    """So that what waits is sent at once when the other is back."""
    await both(grid)
    domain = grid.server.domain
    await eventually(lambda: grid.sessions["vtn"].available(f"ems@{domain}/ems"))
    await eventually(lambda: grid.sessions["ems"].available(f"vtn@{domain}/vtn"))


async def test_a_message_too_large_to_send_is_given_up_and_does_not_stop_the_rest(grid: Grid) -> None:
    vtn, ven = await both(grid)
    declined = asyncio.Event()
    vtn.listen(
        type(Declined) and __import__("janusgrid.openadr.vtn", fromlist=["Declined"]).Declined, lambda _: declined.set()
    )
    levels = [(SECOND, 1.0)] * 3000
    now = grid.clock.now()
    large = event("SIMPLE", SignalType.LEVEL, levels, start=now, created=now, event_id="LARGE")
    vtn.create_event(large, ["site"])
    async with asyncio.timeout(20):
        await declined.wait()
    vtn.core.cancel_event("LARGE", grid.clock.now() - timedelta(days=1))
    assert ven.core.registered


async def test_a_ven_finds_its_vtn_by_the_domain(grid: Grid) -> None:
    """The domain lists services at JIDs of their own; they are the VTN then."""
    vtn = await grid.vtn()
    session = await grid.session("ems", "ems")
    binding_domain = "utility.example"
    listed = session.items

    async def features(jid: str, *, timeout: float = 10.0) -> frozenset[str]:
        return frozenset({FEATURE}) if jid == binding_domain else frozenset()

    async def items(jid: str, node: str = "", *, timeout: float = 10.0) -> tuple[DiscoItem, ...]:
        return await listed(f"vtn@{grid.server.domain}/vtn", SERVICES_NODE)

    session.features, session.items = features, items  # type: ignore[method-assign]
    ven = Ven("site", session, vtn=binding_domain, offers=[OFFER], clock=grid.clock)
    ven.on_event(lambda change: OptType.OPT_IN)
    async with ven, asyncio.timeout(20):
        await ven.joined()
        await vtn.wait_registered("site")
        assert await vtn.create_event(made(grid), ["site"]).opted("site") is OptType.OPT_IN


async def test_a_vtn_with_slow_listeners_makes_its_peers_wait(grid: Grid) -> None:
    """What is untold is bounded: then requests wait, and are refused by the session with resource-constraint."""
    vtn, _ = await both(grid)
    go = asyncio.Event()

    async def wait(_: Any) -> None:
        await go.wait()

    vtn.listen(Registered, wait)
    session = await grid.session("ems", "other")
    jid = f"vtn@{grid.server.domain}/vtn"
    again = CreatePartyRegistration(
        request_id="R", ven_name="site", transport_name=TransportName.XMPP, transport_address=f"{session.jid}"
    )
    vtn._queue._maxsize = 5  # type: ignore[attr-defined]
    asked = [asyncio.create_task(session.request(jid, write(again), kind="set")) for _ in range(20)]
    await asyncio.sleep(0.5)
    assert vtn._queue.qsize() <= 5
    assert 0 < sum(task.done() for task in asked) < 20
    go.set()
    await asyncio.gather(*asked)


class Road:
    """What a courier sends with, for one that fails."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.sent: list[str] = []
        self.refused: list[str] = []

    async def send(self, letter: Letter) -> Message | None:
        self.sent.append(type(letter.message).__name__)
        if self.errors:
            raise self.errors.pop(0)
        return None

    async def take_refusal(self, letter: Letter, error: JanusGridError) -> None:
        self.refused.append(type(letter.message).__name__)
        self.outbox.done(letter)

    async def take_answer(self, letter: Letter, answer: Message | None) -> None:
        self.outbox.done(letter)

    async def run(self, *messages: Message) -> None:
        self.outbox = Outbox()
        for message in messages:
            self.outbox.put("a", message)
        clock = ScaledClock(100.0)
        courier = Courier(
            self.outbox, self.send, self.take_answer, self.take_refusal, clock,
            passing=lambda letter, error: isinstance(error, StanzaRefused), carried=lambda to: True,
        )  # fmt: skip
        task = asyncio.create_task(courier.run())
        await eventually(lambda: not len(self.outbox))
        task.cancel()


@pytest.mark.parametrize("error", [LocalError("too large"), ValueError("a bug"), Malformed("nonsense")])
async def test_what_cannot_be_sent_does_not_stay_in_the_way(error: Exception) -> None:
    road = Road(error)
    await road.run(QueryRegistration(request_id="R"), Poll(ven_id="V"))
    assert road.sent == ["QueryRegistration", "Poll"]
    assert road.refused == ["QueryRegistration"]


async def test_a_message_that_breaks_its_receiver_is_given_up_after_a_while() -> None:
    road = Road(*[StanzaRefused("internal-server-error") for _ in range(MOST_FAULTS)])
    await road.run(QueryRegistration(request_id="R"), Poll(ven_id="V"))
    assert road.sent == ["QueryRegistration"] * MOST_FAULTS + ["Poll"]


async def test_what_was_on_its_way_when_the_courier_stopped_is_sent_again() -> None:
    outbox = Outbox()
    outbox.put("a", Poll(ven_id="V"))
    started: list[int] = []

    async def hang(letter: Letter) -> Message | None:
        started.append(1)
        await asyncio.Event().wait()
        return None

    async def nothing(*_: Any) -> None: ...

    for runs in (1, 2):
        outbox.kick()
        courier = Courier(
            outbox, hang, nothing, nothing, RealClock(), passing=lambda *_: True, carried=lambda to: to == "a"
        )
        task = asyncio.create_task(courier.run())
        await eventually(lambda runs=runs: len(started) == runs)  # type: ignore[misc]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
    assert len(outbox) == 1
