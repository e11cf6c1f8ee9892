"""8-2: association contexts that are mutated, for a server and for a client on one XMPP session.

The session is memory: what XMPP itself does with bad input is proven where XMPP is. Everything above it is real.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import JanusGridError
from janusgrid.common.xmpp.session import Incoming, StanzaRefused
from janusgrid.iec61850.engine import Engine
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mms import DIALECTS, encode_xer, pdu
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import PROFILES, Envelope, around, parse
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.scsm82.server import ServerLimits, XmppServer
from janusgrid.iec61850.server.host import Host

from tests.iec61850.fuzz.test_codec import scrambled
from tests.iec61850.fuzz.world import World, conversation
from tests.iec61850.fuzzing import dice, feed, inputs
from tests.iec61850.plant import plant
from tests.iec61850.wires import START

NUMBER = 50_000
REQUESTS, MESSAGES = ("get", "set", "get", "set", "normal", "chat"), ("get", "set", *("normal", "chat") * 5)
US, PEER = "us@example.org/IEC", "peer@example.org/IEC"


class MemorySession:
    """A session that keeps nothing of what is sent."""

    jid, connected, max_octets = US, True, 262_144

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], Any] = {}

    def handle(self, name: str, handler: Any, *, kinds: Any = ("get", "set")) -> None:
        self.handlers |= {(name, kind): handler for kind in kinds}

    def announce(self, *features: str) -> None: ...

    def on_presence(self, listener: Any) -> Callable[[], None]:
        return lambda: None

    def on_link(self, listener: Any) -> Callable[[], None]:
        return lambda: None

    def available(self, jid: str) -> bool:
        return True

    def expect(self, jid: str) -> None: ...

    async def subscribe(self, jid: str) -> None: ...

    async def push(self, to: str, payload: str, *, kind: Any = "normal") -> None: ...

    async def request(self, to: str, payload: str, *, kind: Any = "set", timeout: float = 10.0) -> Element | None:
        return None

    def deliver(self, incoming: Incoming) -> str | None:
        """Hand on what came, as a session does, and return what answers it."""
        handler = self.handlers.get((incoming.payload.tag, incoming.kind))
        if handler is None:
            raise StanzaRefused("service-unavailable")
        coroutine = handler(incoming)
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        coroutine.close()  # it waits for something that does not come
        return None


def contexts(
    messages: list[pdu.MMSpdu], chance: random.Random, number: int, known: list[str], kinds: tuple[Any, ...]
) -> Iterator[Incoming]:
    """Yield stanzas with association contexts in both dialects, changed inside or at their edges."""
    ids = [*known * 10, "1", "999", "7:7", "", "x", "1" * 40, "٣", " 1", "1:2:3"]
    ways = []
    for name, profile in PROFILES.items():
        texts = [around(profile, "1", encode_xer(message, DIALECTS[name])) for message in messages]
        trees = [ElementTree.fromstring(text) for text in texts if len(text) < 4_000]
        ways.append(scrambled(trees, profile.dialect, chance, number))
    for count in range(number):
        payload = next(ways[count & 1])
        if chance.random() < 0.95:
            payload.set("id", chance.choice(ids))
        sender = PEER if chance.random() < 0.9 else chance.choice(("other@example.org/IEC", "peer@example.org/2", "x"))
        yield Incoming(sender, chance.choice(kinds), payload, "s1")


async def test_a_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logging.disable(logging.WARNING)
    world = World(tmp_path, dice("context's world"))
    asked, _, _ = conversation(world)
    chance = dice("context server")
    session, host = MemorySession(), Host(Engine(plant(), START), LockStepClock(START))
    server = XmppServer(host, session, limits=ServerLimits(per_account=4))  # type: ignore[arg-type]
    opening: Any = initiate.request(initiate.Limits())
    count = 0

    def open_again() -> None:
        for association in list(host.engine.associations):
            host.abort(association, "begun anew")
        server.endpoint._serving.clear()
        for id, profile in zip(("1", "2"), PROFILES.values(), strict=True):
            payload = ElementTree.fromstring(around(profile, id, encode_xer(opening, profile.dialect)))
            assert session.deliver(Incoming(PEER, "set", payload, "o"))

    open_again()
    known = [id for _, id in server.endpoint._serving]

    def take(incoming: Incoming) -> bool:
        nonlocal count
        count += 1
        if not count % 16:
            open_again()
        try:
            answer = session.deliver(incoming)
        except JanusGridError:
            return False
        assert len(host.engine.associations) <= 100
        assert answer is None or ElementTree.fromstring(answer).tag.endswith("}AssociationContext")
        return answer is not None

    try:
        figures = feed(
            "8-2 server", contexts([opening, *asked], chance, inputs(NUMBER), known, REQUESTS), take, settle=open_again
        )
        assert 0 < figures.taken < figures.number
    finally:
        logging.disable(logging.NOTSET)
        await _over(host, server.endpoint)


async def test_a_client(tmp_path: Path) -> None:
    logging.disable(logging.WARNING)
    world = World(tmp_path, dice("context's world"))
    _, answered, unasked = conversation(world)
    session = MemorySession()
    endpoint = Endpoint.of(session)  # type: ignore[arg-type]
    parameters = world.parameters
    associations = [
        XmppAssociation(endpoint, PEER, Envelope(profile, id), parameters, 1.0)
        for id, profile in zip(("3", "4:5"), PROFILES.values(), strict=True)
    ]
    told: list[Any] = []
    for association in associations:
        association.on_notification(told.append)
    rejected: pdu.MMSpdu = ("rejectPDU", pdu.RejectPDU(("pdu-error", 1), 5))

    def take(incoming: Incoming) -> bool:
        told.clear()
        try:
            session.deliver(incoming)
        except JanusGridError:
            return False
        return bool(told)

    def check() -> None:
        assert not any(association._rejects for association in associations)

    try:
        messages = [*unasked, *unasked, *answered, rejected]
        figures = feed(
            "8-2 client",
            contexts(messages, dice("context client"), inputs(NUMBER), ["3", "4:5"], MESSAGES),
            take,
            settle=check,
        )
        assert 0 < figures.taken < figures.number
        assert all(association._ended is None for association in associations)
    finally:
        logging.disable(logging.NOTSET)
        for association in associations:
            await association.abort()
        await _over(None, endpoint)


async def _over(host: Host | None, endpoint: Endpoint) -> None:
    if host is not None:
        await host.close()
    if endpoint._watch is not None:
        endpoint._watch.cancel()
    await asyncio.sleep(0)


def test_ids() -> None:
    """What is no identifier is refused before anything else is looked at."""
    for id in ("", "x", "1:", ":1", "1" * 10, "٣", "1 ", "-1"):
        payload = Element("AssociationContext", {"id": id})
        with pytest.raises(JanusGridError):
            parse(payload)
