"""Stream management: two counters, and nothing lost or doubled between them."""

from __future__ import annotations

import re
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from janusgrid.common.errors import Malformed
from janusgrid.common.xmpp.acks import Acknowledgements


def started(**options: int) -> Acknowledgements:
    acks = Acknowledgements(**options)  # type: ignore[arg-type]
    acks.enable()
    acks.enabled("id", "true", "300")
    return acks


def h(text: str) -> int:
    return int(re.findall(r'h="(\d+)"', text)[0])


def test_what_is_said() -> None:
    acks = Acknowledgements()
    assert acks.enable() == '<enable xmlns="urn:xmpp:sm:3" resume="true"/>'
    acks.enabled("some-id&", "1", "120")
    assert (acks.resumption, acks.keeps) == ("some-id&", 120.0)
    acks.received()
    assert acks.answer() == '<a xmlns="urn:xmpp:sm:3" h="1"/>'
    assert acks.resume() == '<resume xmlns="urn:xmpp:sm:3" previd="some-id&amp;" h="1"/>'
    assert "resume" not in Acknowledgements(resumable=False).enable()


@pytest.mark.parametrize(("id", "resume"), [(None, "true"), ("", "true"), ("x", None), ("x", "false"), ("x", "0")])
def test_a_server_that_acknowledges_but_does_not_resume(id: str | None, resume: str | None) -> None:
    acks = Acknowledgements()
    acks.enable()
    acks.enabled(id, resume, "soon")
    assert acks.resumption is None
    assert acks.keeps is None
    assert acks.active


def test_it_is_asked_after_each_window() -> None:
    acks = started(window=3)
    assert [acks.sent(b"x") for _ in range(7)] == [False, False, True, False, False, True, False]
    assert not Acknowledgements().sent(b"x")
    assert len(Acknowledgements()) == 0


@pytest.mark.parametrize("handled", [None, "", "-1", "x", "4", "4294967296", "\u0663", "9" * 5000])
def test_acknowledgements_that_are_none(handled: str | None) -> None:
    acks = started()
    for _ in range(3):
        acks.sent(b"x")
    if handled == "4294967296":  # modulo 2**32 that is nothing
        assert acks.acknowledge(handled) == 0
    else:
        with pytest.raises(Malformed):
            acks.acknowledge(handled)
    assert len(acks) == 3


def test_an_older_count_is_refused() -> None:
    acks = started()
    for _ in range(3):
        acks.sent(b"x")
    assert acks.acknowledge("2") == 2
    with pytest.raises(Malformed, match="where 1 are open"):
        acks.acknowledge("1")


def test_counters_run_over() -> None:
    acks = started()
    acks.acknowledged = acks._received = 2**32 - 2
    for _ in range(4):
        acks.sent(b"x")
        acks.received()
    assert h(acks.answer()) == 2
    assert acks.acknowledge("1") == 3
    assert acks.acknowledge("2") == 1


def test_forgotten_stanzas_are_counted() -> None:
    acks = started()
    for _ in range(3):
        acks.sent(b"x")
    acks.acknowledge("1")
    acks.forget()
    assert (acks.forgotten, len(acks), acks.active, acks.resumption) == (2, 0, False, None)


class TwoSides(RuleBasedStateMachine):
    """Client and server over a connection that may break at any moment with anything on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.acks = started(window=3)
        self.made = 0
        self.up = deque[bytes]()  # on the way to the server
        self.down = deque[str]()  # acknowledgements on the way back
        self.got: list[bytes] = []
        self.broken = False

    @rule()
    @precondition(lambda self: not self.broken)
    def send(self) -> None:
        stanza = b"%d" % self.made
        self.made += 1
        self.acks.sent(stanza)
        self.up.append(stanza)

    @rule(count=st.integers(1, 5))
    def arrive(self, count: int) -> None:
        for _ in range(min(count, len(self.up))):
            self.got.append(self.up.popleft())

    @rule()
    @precondition(lambda self: not self.broken)
    def server_acknowledges(self) -> None:
        self.down.append(str(len(self.got)))

    @rule()
    @precondition(lambda self: self.down)
    def acknowledgement_arrives(self) -> None:
        self.acks.acknowledge(self.down.popleft())

    @rule()
    @precondition(lambda self: not self.broken)
    def cut(self) -> None:
        self.up.clear()
        self.down.clear()
        self.acks.pause()
        self.broken = True

    @rule()
    @precondition(lambda self: self.broken)
    def resume(self) -> None:
        self.up.extend(self.acks.resumed(str(len(self.got))))
        self.broken = False

    @invariant()
    def nothing_twice_and_in_order(self) -> None:
        assert self.got == [b"%d" % n for n in range(len(self.got))]

    @invariant()
    def nothing_missing(self) -> None:
        if not self.broken:
            assert len(self.got) + len(self.up) == self.made

    def teardown(self) -> None:
        if self.broken:
            self.resume()
        self.arrive(len(self.up))
        assert self.got == [b"%d" % n for n in range(self.made)]


TestTwoSides = TwoSides.TestCase
TestTwoSides.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.text(max_size=12), max_size=20))
def test_no_acknowledgement_does_harm(counts: list[str]) -> None:
    acks = started()
    for number in range(5):
        acks.sent(b"%d" % number)
    for count in counts:
        before = len(acks)
        try:
            assert acks.acknowledge(count) == before - len(acks)
        except Malformed:
            assert len(acks) == before
