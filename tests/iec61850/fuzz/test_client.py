"""The client's side of the mapping against a server that answers and tells whatever it likes."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest
from janusgrid.common.errors import JanusGridError, Malformed
from janusgrid.iec61850.acsi.services import Report, Request, Termination
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mms import decode_ber, encode_ber, pdu

from tests.iec61850.fuzz.world import World, conversation, recordings, requests, run
from tests.iec61850.fuzzing import Shapes, dice, feed, inputs

CALLS, UNASKED, FETCHED = 40_000, 60_000, 10_000
_MOST = 50
"""Answers to one call: what a client asks page by page would go on for a million names."""


@attrs.define(slots=True)
class Talk:
    """What a client and our server say to each other."""

    asked: list[pdu.MMSpdu]
    answered: list[pdu.MMSpdu]
    unasked: list[pdu.MMSpdu]
    words: list[str]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    world = World(tmp_path_factory.mktemp("plant"), dice("client's world"))
    return Talk(*conversation(world), world.words())


class Hostile:
    """A server that gives the right answer, a changed one, one for something else, or none of all that."""

    def __init__(self, talk: Talk, shapes: Shapes, chance: random.Random) -> None:
        self.right = {_question(ask): answer for ask, answer in zip(talk.asked, talk.answered, strict=False)}
        self.shapes, self.chance, self.all = shapes, chance, talk.answered
        self.left = 0
        self.service: Any = None

    async def exchange(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        self.left -= 1
        if self.left < 0:
            return ("conclude-ResponsePDU", None)
        assert isinstance(message[1], pdu.ConfirmedRequestPDU)
        dice = self.chance.random()
        answer = self.right.get(_question(message)) if dice < 0.9 else None
        answer = answer or self.chance.choice(self.all)
        if dice < 0.6:
            for _ in range((1, 1, 2)[int(dice * 5)]):
                answer = self.shapes.change(answer)
        kind, content = answer
        if isinstance(content, pdu.ConfirmedResponsePDU | pdu.ConfirmedErrorPDU) and self.chance.random() < 0.95:
            content = attrs.evolve(content, invoke_id=message[1].invoke_id)
        return kind, content  # type: ignore[return-value]


def _question(message: pdu.MMSpdu) -> bytes:
    content = message[1]
    if isinstance(content, pdu.ConfirmedRequestPDU):
        return encode_ber(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(0, content.service)))
    return b""


def test_answers(talk: Talk) -> None:
    chance = dice("answers")
    foreign = [message for message in map(decode_ber, recordings()) if message[0].endswith("ResponsePDU")]
    shapes = Shapes([*talk.answered, *foreign], talk.words, chance)
    server = Hostile(talk, shapes, chance)
    wanted = requests()
    kinds: set[type[Request[Any]]] = set()
    client = MmsClient(server.exchange, "hostile")
    served = 0

    def take(request: Request[Any]) -> bool:
        nonlocal client, served
        served += 1
        if served % 4 == 0:  # most often it knows nothing yet, and has to ask for names and types too
            client = MmsClient(server.exchange, "hostile")
        server.left = _MOST
        try:
            run(client.call(request))
        except JanusGridError:
            return False
        kinds.add(type(request))
        return True

    figures = feed("mapping, client: answers", (chance.choice(wanted) for _ in range(inputs(CALLS))), take)
    assert 0 < figures.taken < figures.number
    assert len(kinds) > 25, sorted(kind.__name__ for kind in kinds)


def test_what_comes_unasked(talk: Talk) -> None:
    chance = dice("unasked")
    foreign = [message for message in map(decode_ber, recordings()) if message[0] == "unconfirmed-PDU"]
    told = [message for message in talk.unasked if message[0] == "unconfirmed-PDU"]
    shapes = Shapes([*told, *told, *foreign, *talk.answered[:5]], talk.words, chance)

    async def never(message: pdu.MMSpdu) -> pdu.MMSpdu:
        raise AssertionError("nothing is asked")

    client = MmsClient(never, "hostile")

    def take(message: pdu.MMSpdu) -> bool:
        try:
            found = client.unasked(message)
        except Malformed:
            return False
        assert found is None or isinstance(found, Report | Termination)
        return found is not None

    figures = feed("mapping, client: unasked", (m for _, m in zip(range(inputs(UNASKED)), shapes, strict=False)), take)
    assert 0 < figures.taken < figures.number


def test_what_a_server_fetches(talk: Talk) -> None:
    """While a file is set, the server asks: only for what is on offer, and never without end."""
    chance = dice("fetched")
    names = ["up.txt"]
    asked: list[Any] = [
        ("fileOpen", pdu.FileOpenRequest(names, 0)), ("fileRead", 1), ("fileClose", 1), ("fileDelete", names),
        ("fileOpen", pdu.FileOpenRequest(names, 3)), ("obtainFile", pdu.ObtainFileRequest(names, names)),
    ]  # fmt: skip
    shapes = Shapes(
        [("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(5, service)) for service in asked] + talk.asked[:5],
        [*names, *talk.words[:20]], chance,
    )  # fmt: skip

    async def never(message: pdu.MMSpdu) -> pdu.MMSpdu:
        raise AssertionError("nothing is asked")

    client = MmsClient(never, "hostile")
    served = 0

    def take(message: pdu.MMSpdu) -> bool:
        nonlocal client, served
        served += 1
        if served % 20 == 1:
            client = MmsClient(never, "hostile")
            client.files._offers["up.txt"] = bytes(1000)
        if not isinstance(message[1], pdu.ConfirmedRequestPDU):
            return False
        kind, answer = client.files.serve(message[1], 400)
        encode_ber((kind, answer))  # type: ignore[arg-type]
        return kind == "confirmed-ResponsePDU"

    figures = feed("mapping, client: files", (m for _, m in zip(range(inputs(FETCHED)), shapes, strict=False)), take)
    assert 0 < figures.taken < figures.number
