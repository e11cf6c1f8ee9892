"""Whatever comes in, a stack gives events, and an association ends as its errors say: nothing else comes out.

Both sides are fed with octets that a peer could never have meant: cut off at each octet, made of nothing; what is
mutated layer by layer is in `tests/iec61850/fuzz`.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import RemoteError
from janusgrid.iec61850.scsm81 import acse, cotp, presentation, session, tpkt
from janusgrid.iec61850.scsm81.address import CALLER, Address
from janusgrid.iec61850.scsm81.errors import LayerFault
from janusgrid.iec61850.scsm81.stack import Called, Calling, Ended, Requested, Stack

from tests.iec61850.fuzzing import octets as mutated
from tests.iec61850.scsm81.pairs import ANSWER, INITIATE, events, exchange, opened, pair

MUTATIONS = 10_000


def conversation() -> tuple[list[bytes], list[bytes]]:
    """Return the packets of a whole conversation, of the client and of the server."""
    calling, server = pair(Address(), password=b"secret", secret=b"secret")
    ways: tuple[list[bytes], list[bytes]] = ([], [])

    def turn() -> None:
        while True:
            forth, back = calling.take(), server.take()
            for octets, kept, other in ((forth, ways[0], server), (back, ways[1], calling)):
                if octets:
                    kept.append(octets)
                    other.receive(octets)
                    events(other)
            if not forth and not back:
                return

    calling.connect(INITIATE)
    turn()
    server.accept(ANSWER)
    turn()
    for size in (10, 200):
        calling.send(bytes(size))
        server.send(bytes(size))
    turn()
    calling.release()
    turn()
    return ways


CLIENT, SERVER = conversation()


def fresh(side: str) -> Stack:
    if side == "called":
        return Called(Address(), b"secret")
    calling = Calling(CALLER, Address(), b"secret")
    calling.connect(INITIATE)
    return calling


def feed(stack: Stack, octets: bytes) -> None:
    """Give a stack octets, accept what it is asked for, and see that only what may come out does."""
    stack.receive(octets)
    while (event := stack.next_event()) is not None:
        if isinstance(event, Requested):
            assert isinstance(stack, Called)
            stack.accept(ANSWER)
        if isinstance(event, Ended):
            assert isinstance(event.error, RemoteError)
            assert stack.state == "closed"
    assert len(stack.take()) < 1000, "an answer is never much larger than the question"
    assert stack._packets.waiting <= tpkt.LONGEST


@pytest.mark.parametrize("side", ["called", "calling"])
def test_cut_off_at_each_octet(side: str) -> None:
    octets = b"".join(CLIENT if side == "called" else SERVER)
    for end in range(len(octets)):
        stack = fresh(side)
        feed(stack, octets[:end])
        assert not any(isinstance(event, Ended) for event in events(stack))
        assert stack.partial == (stack._packets.waiting > 0)


PARSERS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "cotp": (cotp.parse, [packet[4:] for packet in (*CLIENT, *SERVER)]),
    "session": (
        session.parse,
        [packet[7:] for packet in (*CLIENT, *SERVER) if packet[5] == cotp.DT and packet[7] != 1],
    ),
    "session data": (session.data, [packet[7:] for packet in CLIENT]),
    "user data": (presentation.one, [presentation.user_data(3, bytes(size)) for size in (0, 10, 111, 112, 200, 300)]),
    "CP": (presentation.parse_connect, [presentation.connect(b"\1", b"\2", b"aarq")]),
    "CPA": (presentation.parse_accept, [session.parse(SERVER[1][7:]).user_data or b""]),
    "CPR": (presentation.parse_refuse, [presentation.refuse(3)]),
    "ARU": (presentation.parse_abort, [presentation.abort_by_user(presentation.Contexts(), acse.abort())]),
    "AARQ": (acse.parse_request, [acse.request(Address().title, CALLER.title, INITIATE, password=b"secret")]),
    "AARE": (acse.parse_response, [acse.response(0, 0, ANSWER, responding=Address().title)]),
    "ABRT": (acse.parse_abort, [acse.abort()]),
    "RLRQ": (lambda octets: acse.check_release(octets, answer=False), [acse.release_request()]),
}


@pytest.mark.parametrize("name", PARSERS)
def test_parsers_say_malformed_and_nothing_else(name: str) -> None:
    parse, samples = PARSERS[name]
    dice = random.Random(name)
    for sample in samples:
        parse(sample)
        for end in range(len(sample)):
            _try(parse, sample[:end])
    for _ in range(MUTATIONS):
        _try(parse, mutated(dice.choice(samples), dice, samples))


def _try(parse: Callable[[bytes], object], octets: bytes) -> None:
    with contextlib.suppress(LayerFault):
        parse(octets)


@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from(["called", "calling"]))
def test_noise(chunks: list[bytes], side: str) -> None:
    stack = fresh(side)
    for chunk in chunks:
        feed(stack, chunk)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=8))
def test_noise_within_an_open_association(messages: list[tuple[bool, bytes]]) -> None:
    calling, server = opened()
    for whole, content in messages:
        packet = cotp.packets(content, 8192) if whole else tpkt.wrap(b"\x02\xf0\x00" + content)
        for stack in (calling, server):
            feed(stack, packet)
    exchange(calling, server)


def test_depth_is_no_danger() -> None:
    deep = b"".join(b"\x30\x84" + (100_000 - 6 * level).to_bytes(4, "big") for level in range(10_000))
    for parse, _ in PARSERS.values():
        _try(parse, deep)
