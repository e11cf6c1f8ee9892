"""The layers below MMS, as server and as client: one layer is mutated, those around it stay as they should be."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from janusgrid.common.errors import RemoteError
from janusgrid.iec61850.scsm81 import acse, cotp, presentation, session, tpkt
from janusgrid.iec61850.scsm81.address import CALLER, Address
from janusgrid.iec61850.scsm81.stack import Called, Calling, Data, Ended, Requested, Stack

from tests.iec61850.fuzzing import dice, elements, feed, inputs, joined, octets, parsed
from tests.iec61850.scsm81.pairs import ANSWER, INITIATE

EACH = 50_000
"""Inputs for each layer on each side."""
LAYERS = ["tpkt", "cotp", "session", "presentation", "acse"]
Moment = tuple[Stack, bytes]
"""A side of an association, and what the other side sends to it next."""


def moments(side: str) -> list[Moment]:
    """Return all moments of an association at which something comes in, for one side."""
    calling: Stack = Calling(CALLER, Address(), b"secret")
    called: Stack = Called(Address(), b"secret")
    found: list[Moment] = []

    def turn() -> None:
        while forth := calling.take():
            _give(called, forth, found if side == "called" else None)
            if back := called.take():
                _give(calling, back, found if side == "calling" else None)

    assert isinstance(calling, Calling)
    calling.connect(INITIATE)
    turn()
    for size in (10, 200):
        for one, other in ((calling, called), (called, calling)):
            one.send(bytes(range(size)))
            wanted = "called" if other is called else "calling"
            _give(other, one.take(), found if side == wanted else None)
    for last in ("release", "abort"):
        one, other = snapshot(calling), snapshot(called)
        if side == "calling":
            one, other = other, one
        getattr(one, last)()
        found.append((snapshot(other), one.take()))
    calling.release()
    turn()
    assert calling.state == called.state == "closed"
    return found


def _give(stack: Stack, data: bytes, found: list[Moment] | None) -> None:
    if found is not None:
        found.append((snapshot(stack), data))
    take(stack, data)


def snapshot(stack: Stack) -> Stack:
    """Return a copy of a stack that goes its own way."""
    made = copy.copy(stack)
    made._packets, made._joiner, made._out = tpkt.Packets(), cotp.Joiner(), []
    return made


def take(stack: Stack, data: bytes) -> bool:
    """Give a stack octets, see that only what may come out does, and return whether the association goes on."""
    stack.receive(data)
    while (event := stack.next_event()) is not None:
        if isinstance(event, Requested):
            assert isinstance(stack, Called)
            stack.accept(ANSWER)
        elif isinstance(event, Ended):
            assert isinstance(event.error, RemoteError)
            assert stack.state == "closed"
        elif isinstance(event, Data):
            assert type(event.octets) is bytes
    assert sum(map(len, stack._out)) < 1_000 + len(data), "an answer is never much larger than the question"
    assert stack._packets.waiting <= tpkt.LONGEST
    assert len(stack._joiner._begun) <= stack.message_limit
    return stack.state != "closed"


def within(data: bytes, layer: str) -> tuple[bytes, bytes, bytes]:
    """Return what stands around a layer's part of a packet, and that part: before, part, kind."""
    if layer == "tpkt":
        return b"", data, b"tpkt"
    tpdu = data[4:]
    if layer == "cotp" or tpdu[1] != cotp.DT:
        return b"", tpdu, b"cotp"
    message = tpdu[3:]
    if layer == "session":
        return b"", message, b"session"
    payload = session.data(message)
    if payload is not None:
        return session.DATA_HEADER, payload, b"data"
    spdu = session.parse(message)
    return bytes((spdu.kind,)), spdu.user_data or b"", b"spdu"


def around(side: str, data: bytes, layer: str) -> tuple[bytes, object]:
    """Return the part of a packet that is to be mutated, and the function that makes a packet of it again."""
    before, part, kind = within(data, layer)
    if kind == b"tpkt":
        return part, lambda made: made
    if kind == b"cotp":
        return part, lambda made: tpkt.wrap(made)
    if kind == b"session":
        return part, lambda made: cotp.packets(made, 8192)
    if kind == b"data":
        return part, lambda made: cotp.packets(before + made, 8192)
    spdu = session.parse(data[7:])

    def whole(content: bytes) -> bytes:
        made = session.Spdu(spdu.kind, content, spdu.calling, spdu.called, spdu.reason).encode()
        return cotp.packets(made, 8192)

    if layer == "presentation" or not part:
        return part, whole
    if spdu.kind == session.CONNECT:
        proposed = presentation.parse_connect(part)
        return proposed.user_data, lambda made: whole(presentation.connect(proposed.calling, proposed.called, made))
    if spdu.kind == session.ACCEPT:
        contexts = presentation.Contexts()
        offered = presentation.parse_connect(presentation.connect(None, None, b"x"))
        aare = presentation.parse_accept(part)
        return aare, lambda made: whole(presentation.accept(offered, contexts, None, made))
    if spdu.kind == session.ABORT:
        return presentation.parse_abort(part) or b"", lambda made: whole(
            presentation.abort_by_user(presentation.Contexts(), made)
        )
    if spdu.kind == session.REFUSE:
        offered = presentation.parse_connect(presentation.connect(None, None, b"x"))
        contexts = presentation.Contexts()
        return presentation.parse_refuse(part)[1] or b"", lambda made: whole(
            presentation.refuse(None, offered, contexts, made)
        )
    return presentation.one(part), lambda made: whole(presentation.user_data(1, made))


def refusals() -> list[bytes]:
    """Return packets by which a server refuses in each layer."""
    proposed = presentation.parse_connect(presentation.connect(None, None, b"x"))
    aare = acse.response(acse.REJECTED, 1, ANSWER, responding=Address().title)
    found = [
        session.Spdu(session.REFUSE, presentation.refuse(None, proposed, presentation.Contexts(), aare), reason=2),
        session.Spdu(session.REFUSE, presentation.refuse(3), reason=2),
        session.Spdu(session.REFUSE, None, reason=0x81),
    ]
    return [cotp.packets(spdu.encode(), 8192) for spdu in found]


def cases(side: str, layer: str, number: int) -> Iterator[Moment]:
    chance = dice(f"{side} {layer}")
    found = moments(side)
    if side == "calling":
        waiting = next(stack for stack, _ in found if stack.state == "associating")
        found += [(waiting, packet) for packet in refusals()]
        found.append((found[0][0], tpkt.wrap(cotp.Disconnect(3).encode())))
    parts = [(stack, *around(side, data, layer)) for stack, data in found]
    among = [part for _, part, _ in parts if part]
    trees = {part: tree for part in among if (tree := parsed(part))}
    pool = list(trees.values())
    for _ in range(number):
        stack, part, whole = chance.choice(parts)
        if part in trees and layer in ("presentation", "acse") and chance.random() < 0.6:
            changed = joined(elements(trees[part], chance, pool))
        else:
            changed = octets(part, chance, among)
        try:
            yield stack, whole(changed)  # type: ignore[operator]
        except OverflowError:  # beyond what a packet can say
            continue


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("side", ["called", "calling"])
def test_mutations(side: str, layer: str) -> None:
    figures = feed(
        f"{layer} ({side})",
        cases(side, layer, inputs(EACH)),
        lambda case: take(*case),
        ready=lambda case: (snapshot(case[0]), case[1]),
    )
    assert figures.number > EACH // 100
    assert 0 < figures.taken < figures.number, "both ways out were taken"


@pytest.mark.parametrize("side", ["called", "calling"])
def test_cut_off_and_lengthened_at_each_octet(side: str) -> None:
    """Wherever the stream stops, the side waits; whatever octet is one too many or missing, it does not mind."""
    for stack, data in moments(side):
        for end in range(len(data)):
            waiting = snapshot(stack)
            take(waiting, data[:end])
            assert waiting.state == stack.state
            assert waiting.partial == (end > 0)
            take(snapshot(stack), data[:end] + data[end + 1 :])
            take(snapshot(stack), data[:end] + b"\0" + data[end:])
