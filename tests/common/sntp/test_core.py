"""When servers are asked, whom is believed, and how near to the truth a steered clock comes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.clock import DisciplinedClock
from janusgrid.common.sntp.core import Synchronization, Synchronizer, combined, majority
from janusgrid.common.sntp.packet import Sample
from janusgrid.common.sntp.peer import Drift, Estimate, Peer

T0 = datetime(2026, 3, 25, 8, 20, tzinfo=UTC)


def ask(peer: Peer, offset: float, *, drift: Drift | None = None, distance: float = 0.001, leap: int = 0) -> bool:
    """Let a peer be asked when it is due, and answer."""
    assert peer.due is not None
    peer.asked()
    return peer.answered(Sample(peer.due, offset, distance, distance, 1, leap), drift)


def waits(peer: Peer, count: int, do: Callable[[], object]) -> list[float]:
    """Return how long a peer waits after each of so many requests."""
    found = []
    for _ in range(count):
        before = peer.due
        do()
        assert peer.due is not None
        assert before is not None
        found.append(peer.due - before)
    return found


def test_it_is_asked_quickly_at_first_and_then_less_and_less() -> None:
    peer = Peer("a", 64.0, 1024.0)
    assert waits(peer, 10, lambda: ask(peer, 0.0)) == [2, 2, 2, 128, 256, 512, 1024, 1024, 1024, 1024]


def test_one_that_does_not_answer_is_left_alone_more_and_more() -> None:
    peer = Peer("a", 64.0, 512.0)

    def miss() -> None:
        assert peer.due is not None
        peer.asked()
        peer.missed(peer.due, "gone")

    assert waits(peer, 12, miss) == [2, 2, 2, 64, 64, 128, 128, 128, 256, 256, 256, 512]
    assert peer.trouble == "gone"
    assert waits(peer, 2, lambda: ask(peer, 0.0)) == [64, 128]
    assert peer.trouble == ""


def test_after_eight_requests_without_an_answer_it_is_not_believed_any_more() -> None:
    peer = Peer("a", 64.0, 1024.0)
    ask(peer, 0.5)
    for _ in range(7):
        peer.asked()
        peer.missed(10.0, "gone")
    assert peer.estimate(10.0, None) is not None
    peer.asked()
    assert peer.estimate(10.0, None) is None
    assert peer.last is None


def test_rate_slows_for_good_and_deny_ends() -> None:
    peer = Peer("a", 64.0, 1024.0)
    ask(peer, 0.0)
    peer.asked()
    peer.kissed(100.0, "RATE")
    assert peer.due == 228.0
    assert waits(peer, 2, lambda: ask(peer, 0.0)) == [128, 256]
    peer.asked()
    peer.kissed(1000.0, "DENY")
    assert peer.due is None
    assert peer.estimate(1000.0, None) is None
    assert "DENY" in peer.trouble


def test_one_answer_that_contradicts_is_an_accident_and_two_are_a_fact() -> None:
    peer = Peer("a", 64.0, 1024.0)
    for _ in range(5):
        assert ask(peer, 0.5)
    assert ask(peer, 700.0)
    assert ask(peer, 0.5)
    found = peer.estimate(peer.last.elapsed if peer.last else 0.0, None)
    assert found is not None
    assert found.offset == 0.5
    assert ask(peer, 700.0)
    assert not ask(peer, 700.0)
    found = peer.estimate(peer.last.elapsed if peer.last else 0.0, None)
    assert found is not None
    assert found.offset == 700.0


def test_one_whose_time_jumps_about_is_not_believed() -> None:
    peer = Peer("a", 64.0, 1024.0)
    ask(peer, 0.0)
    for number in range(4):
        ask(peer, 10.0 * (number + 1))
    assert peer.last is None
    assert "jumps" in peer.trouble
    ask(peer, 40.0)
    assert peer.last is not None


def test_while_a_leap_second_is_announced_it_is_asked_often() -> None:
    peer = Peer("a", 64.0, 1024.0)
    for _ in range(6):
        ask(peer, 0.0)
    assert waits(peer, 2, lambda: ask(peer, 0.0, leap=1)) == [64, 64]


def test_the_surest_answer_counts_and_grows_old() -> None:
    peer = Peer("a", 64.0, 1024.0)
    ask(peer, 0.010, distance=0.020)
    ask(peer, 0.001, distance=0.002)
    ask(peer, 0.030, distance=0.040)
    found = peer.estimate(2.0, None)
    assert found == Estimate(0.001, 0.002)
    found = peer.estimate(102.0, Drift(20e-6, 0.0))
    assert found is not None
    assert found.offset == pytest.approx(0.001 + 100 * 20e-6)
    assert found.error == pytest.approx(0.002 + 100 * 15e-6)


# --- whom to believe --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intervals", "right"),
    [
        ([], []),
        ([(0.0, 1.0)], [0]),
        ([(0.0, 1.0), (0.5, 1.0)], [0, 1]),
        ([(0.0, 1.0), (5.0, 1.0)], []),
        ([(0.0, 1.0), (5.0, 1.0), (0.9, 0.1)], [0, 2]),
        ([(0.0, 1.0), (5.0, 1.0), (5.5, 1.0), (10.0, 1.0)], []),
        ([(0.0, 1.0), (0.0, 1.0), (5.0, 1.0), (5.0, 1.0)], []),
        ([(3.0, 5.0), (0.0, 1.0), (0.2, 1.0), (8.0, 0.1)], [0, 1, 2]),
    ],
)
def test_the_majority(intervals: list[tuple[float, float]], right: list[int]) -> None:
    assert majority([Estimate(*each) for each in intervals]) == right


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.tuples(st.floats(-0.99, 0.99), st.floats(0.001, 10)), min_size=1, max_size=6),
    st.lists(st.floats(-1e6, 1e6), max_size=5),
)
def test_liars_in_the_minority_change_nothing(
    truth: float, honest: list[tuple[float, float]], liars: list[float]
) -> None:
    """Where more than half tell the truth within their errors, so does what comes out."""
    liars = liars[: len(honest) - 1]
    estimates = [Estimate(truth + share * error, error) for share, error in honest]
    estimates += [Estimate(lie, 0.0001) for lie in liars]
    right = [estimates[index] for index in majority(estimates)]
    assert len(right) * 2 > len(estimates)
    right.sort(key=lambda each: each.error)
    found = combined(right)
    widest = max(each.error for each in right)
    assert abs(found.offset - truth) <= 2 * widest + found.error + 1e-6


# --- a world with a true time -----------------------------------------------------------------------------------------


@attrs.define(slots=False)
class World:
    """A machine whose clock was so much `behind` at the start and whose oscillator gains `fast` seconds a second."""

    behind: float
    fast: float
    servers: int = 1
    jitter: float = 0.002
    seed: int = 0
    true: float = 0.0
    stepped: float = 0.0
    """What every server's time has jumped by."""
    lies: tuple[int, ...] = ()
    silent: bool = False

    def __attrs_post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.clock = DisciplinedClock(T0, ticks=lambda: self.true * (1 + self.fast))
        self.core = Synchronizer([f"server{n}" for n in range(self.servers)])
        self.shown: list[float] = []

    @property
    def error(self) -> float:
        """Seconds by which the steered clock is ahead of the truth."""
        return (self.clock.now() - T0).total_seconds() - self.behind - self.true - self.stepped

    def state(self) -> Synchronization:
        return self.core.state(self.clock.elapsed(), self.clock.lag())

    def live(self, seconds: float) -> None:
        """Let so much true time pass, answering what is asked."""
        end = self.true + seconds
        while self.true < end:
            self.true = min(end, self.true + 1.0)
            self.shown.append((self.clock.now() - T0).total_seconds())
            for number, peer in enumerate(self.core.peers):
                if peer.due is not None and peer.due <= self.clock.elapsed():
                    peer.asked()
                    self.answer(number, peer)

    def answer(self, number: int, peer: Peer) -> None:
        elapsed = self.clock.elapsed()
        if self.silent:
            peer.missed(elapsed, "gone")
            return
        there, back = self.random.random() * self.jitter, self.random.random() * self.jitter
        lie = 40.0 * (number + 1) if number in self.lies else 0.0
        offset = self.true + self.stepped + self.behind - elapsed + (there - back) / 2 + lie
        distance = (there + back) / 2 + 0.0001
        agreed = self.core.answered(peer, Sample(elapsed, offset, there + back, distance, 2))
        if agreed is not None:
            self.clock.steer(agreed.offset, self.core.drift or 0.0)


@settings(max_examples=100)
@given(
    behind=st.floats(-3.0, 1e5),
    fast=st.floats(-200e-6, 200e-6),
    servers=st.integers(1, 3),
    jitter=st.floats(0.0, 0.01),
    seed=st.integers(0, 1000),
)
def test_a_steered_clock_comes_near_and_never_goes_back(
    behind: float, fast: float, servers: int, jitter: float, seed: int
) -> None:
    world = World(behind, fast, servers, jitter, seed)
    world.live(4000)
    assert all(one < other for one, other in zip(world.shown, world.shown[1:], strict=False))
    state = world.state()
    assert state.synchronized, state
    assert state.drift == pytest.approx(-fast, abs=30e-6)
    assert state.accuracy is not None
    assert abs(world.error) <= state.accuracy + 2e-6 <= 0.05
    assert not state.failure
    assert len(state.sources) == servers


def test_what_it_cannot_know_it_does_not_claim() -> None:
    world = World(0.0, 0.0)
    state = world.state()
    assert (state.synchronized, state.known, state.accuracy, state.stratum) == (False, False, None, 16)
    assert state.reason == "server0: it has not answered yet"


def test_when_no_server_answers_any_more_it_says_so_and_comes_back() -> None:
    world = World(1.0, 50e-6, servers=2)
    world.live(3000)
    assert world.state().synchronized
    world.silent = True
    world.live(20_000)
    state = world.state()
    assert not state.synchronized
    assert state.known
    assert state.lost is not None
    assert state.lost > 1000
    assert "gone" in state.reason
    assert abs(world.error) < 0.5, "the drift that was known goes on"
    world.silent = False
    world.live(1100)
    assert world.state().synchronized


def test_one_liar_of_three_is_outvoted_and_two_servers_that_contradict_are_not_believed() -> None:
    world = World(1.0, 0.0, servers=3, lies=(1,))
    world.live(2000)
    state = world.state()
    assert state.synchronized
    assert sorted(state.sources) == ["server0", "server2"]
    world = World(1.0, 0.0, servers=2, lies=(1,))
    world.live(2000)
    assert world.state().reason == "the time servers do not agree"


def test_a_second_that_is_put_in_is_made_up_without_going_back() -> None:
    world = World(0.0, 0.0)
    world.live(2000)
    world.stepped = -1.0
    world.live(1100)
    assert world.state().synchronized
    assert abs(world.error) < 0.01
    assert all(one < other for one, other in zip(world.shown, world.shown[1:], strict=False))


def test_a_clock_far_ahead_is_not_synchronized_until_the_truth_has_come_up() -> None:
    world = World(-60.0, 0.0)
    world.live(30)
    state = world.state()
    assert not state.synchronized
    assert "wrong by" in state.reason
    world.live(200)
    assert world.state().synchronized
    assert all(one < other for one, other in zip(world.shown, world.shown[1:], strict=False))


def test_an_oscillator_that_strays_too_far_is_a_failure() -> None:
    world = World(0.0, 800e-6, jitter=0.0005)
    world.live(1500)
    state = world.state()
    assert state.failure
    assert not state.synchronized
    assert "strays by 8" in state.reason
