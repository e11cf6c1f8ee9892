"""The server's side of the mapping: decodable PDUs whose values are wrong, for every service, on a server with all
that it can have."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.iec61850.mms import decode_ber, pdu

from tests.iec61850.fuzz.world import World, conversation, recordings
from tests.iec61850.fuzzing import Shapes, dice, feed, inputs

NUMBER = 100_000


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, dice("world"))


def test_every_request_is_answered_once(world: World) -> None:
    asked, _, _ = conversation(world)
    world.renew()
    foreign = [message for message in map(decode_ber, recordings()) if message[0].endswith("RequestPDU")]
    shapes = Shapes([*asked, *asked, *foreign], world.words(), dice("server"))
    kinds: set[str] = set()
    count = 0

    def take(message: pdu.MMSpdu) -> bool:
        nonlocal count
        answer = world.ask(message)
        assert len(answer.answer) <= world.parameters.pdu_size
        if not isinstance(message[1], pdu.ConfirmedRequestPDU):
            return False
        answered = answer.answer
        kind = answered[0]  # tags of confirmed-Response A1, confirmed-Error A2, reject A4
        assert kind in (0xA1, 0xA2, 0xA4)
        if kind == 0xA1:
            kinds.add(message[1].service[0])
        count += 1
        if not count % 8:
            for unasked in world.drained():
                assert len(unasked) <= world.parameters.pdu_size
        if not count % 64:
            world.tick()
        if not count % 2048:
            decoded = decode_ber(answered)[1]
            assert isinstance(decoded, pdu.RejectPDU) or decoded.invoke_id == message[1].invoke_id  # type: ignore[union-attr]
            world.renew()
        return kind == 0xA1

    figures = feed("mapping, server", (m for _, m in zip(range(inputs(NUMBER)), shapes, strict=False)), take,
                   settle=world.renew)  # fmt: skip
    assert 0 < figures.taken < figures.number
    assert len(kinds) >= 15, sorted(kinds)
