"""Which letters are due: the outbox against a look at every queue, whatever has happened; and what it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from janusgrid.openadr.core.outbox import Letter, Outbox
from janusgrid.openadr.model import QueryRegistration

T0 = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
PEERS = st.sampled_from("abcd")


class Post(RuleBasedStateMachine):
    """Letters are written, carried, fetched, answered, lost and forgotten; peers move from one way to the other."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(capacity=4, chance=lambda: 0.5)
        self.now = T0
        self.carried = set("abc")
        self.way: list[Letter] = []

    @rule(to=PEERS, key=st.sampled_from([None, None, "events"]))
    def write(self, to: str, key: str | None) -> None:
        self.outbox.put(to, QueryRegistration(request_id="R"), key=key, expendable=True)

    @rule(to=PEERS)
    def fetch(self, to: str) -> None:
        if to not in self.carried and (letter := self.outbox.fetch(to, self.now)) is not None:
            self.way.append(letter)

    @rule(which=st.integers(0, 9), well=st.booleans())
    def settle(self, which: int, well: bool) -> None:
        if self.way:
            letter = self.way.pop(which % len(self.way))
            if well:
                self.outbox.done(letter)
            elif letter.again is None:
                self.outbox.failed(letter, self.now)

    @rule(to=st.one_of(st.none(), PEERS))
    def kick(self, to: str | None) -> None:
        self.outbox.kick(to)

    @rule(to=PEERS)
    def move(self, to: str) -> None:
        self.carried ^= {to}
        self.outbox.kick(to)

    @rule(to=PEERS, everything=st.booleans())
    def forget(self, to: str, everything: bool) -> None:
        if everything:
            self.outbox.drop(to)
        else:
            self.outbox.take_back(to, "events")

    @rule(seconds=st.sampled_from([0, 1, 3, 200]))
    def look(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        queues = self.outbox._queues
        waiting = {to: queue for to, queue in queues.items() if queue.letters and not queue.letters[0].in_flight}
        expected = {to for to, queue in waiting.items() if (queue.not_before or T0) <= self.now}
        found = self.outbox.due(self.now, lambda to: to in self.carried)
        assert {letter.to for letter in found} == expected & self.carried
        self.way += found
        pauses = [queue.not_before for to, queue in waiting.items() if to not in expected and queue.not_before]
        assert self.outbox.wake() == min(pauses, default=None)


TestPost = Post.TestCase
TestPost.settings = settings(max_examples=100, stateful_step_count=40)


def test_one_letter_costs_a_look_at_one_queue() -> None:
    outbox, looked = Outbox(), list[str]()

    def carried(to: str) -> bool:
        looked.append(to)
        return False

    for number in range(500):
        outbox.put(str(number), QueryRegistration(request_id="R"))
    outbox.due(T0, carried)
    assert len(looked) == 500
    looked.clear()
    outbox.put("7", QueryRegistration(request_id="R"))
    outbox.due(T0, carried)
    outbox.due(T0, carried)
    assert looked == ["7"]


def test_pauses_are_listed_once_however_much_is_written_meanwhile() -> None:
    outbox = Outbox()
    outbox.put("a", QueryRegistration(request_id="R"))
    (letter,) = outbox.due(T0)
    outbox.failed(letter, T0)
    for _ in range(50):
        outbox.put("a", QueryRegistration(request_id="R"))
        assert outbox.due(T0) == []
    assert len(outbox._pausing) == 1
