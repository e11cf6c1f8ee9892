"""8-2 with end-to-end security: protected PDUs that are mutated, for a server and for a client, on a session in memory.

Whoever makes them has no keys: none is believed, nothing changes, and each is counted with its reason. The seed is
another one in each run; it is printed where one fails, and `JANUSGRID_FUZZ_SEED` gives it.
"""

from __future__ import annotations

import base64
import logging
import os
import random
import secrets
from collections.abc import Iterator
from time import process_time
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.common.errors import JanusGridError
from janusgrid.common.security.e2e import Reason, Suite
from janusgrid.common.security.e2e.wire import SecKind, SecPdu
from janusgrid.common.xmpp.session import Incoming, StanzaRefused
from janusgrid.iec61850.engine import Engine
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mms import DIALECT_80_3 as DIALECT
from janusgrid.iec61850.mms import encode_xer
from janusgrid.iec61850.scsm82.client import XmppAssociation
from janusgrid.iec61850.scsm82.context import Envelope, around
from janusgrid.iec61850.scsm82.context import profile as profile_of
from janusgrid.iec61850.scsm82.endpoint import Endpoint
from janusgrid.iec61850.scsm82.protection import Security, begin, element
from janusgrid.iec61850.scsm82.server import XmppServer
from janusgrid.iec61850.server.host import Host

from tests.common.security.e2e.ends import identity
from tests.iec61850.fuzz.test_context import PEER, US, MemorySession, _over
from tests.iec61850.fuzzing import inputs, octets
from tests.iec61850.plant import plant
from tests.iec61850.scsm82.attacks.field import commanding, leaves_of, reading, reporting
from tests.iec61850.wires import START

NUMBER = 25_000
"""Of each suite and side: 100 000 in all."""
PROFILE, ID = profile_of("80-3"), "7"
CLIENT = Security(identity(PEER))
CODES = {*map(str, Reason), "association-unknown", "stanza-kind"}


@pytest.fixture
def seed() -> Iterator[str]:
    found = os.environ.get("JANUSGRID_FUZZ_SEED") or secrets.token_hex(8)
    print(f"JANUSGRID_FUZZ_SEED={found}")
    logging.disable(logging.CRITICAL)
    yield found
    logging.disable(logging.NOTSET)


class Ends:
    """A server and its client on sessions in memory, with an association that is open."""

    def __init__(self, suite: Suite) -> None:
        self.session, self.other = MemorySession(), MemorySession()
        self.host = Host(Engine(plant(), START), LockStepClock(START))
        self.executed = 0
        served = Security(identity(US), suites=(suite,))
        self.server = XmppServer(self.host, self.session, security=served)  # type: ignore[arg-type]
        beginning, request = begin(Security(identity(PEER), suites=(suite,)), PEER, US)
        answer = self.ask(around(PROFILE, ID, request))
        self.client = Envelope(PROFILE, ID, beginning.finish(answer[0]))
        answer = self.ask(self.client.wrap(encode_xer(initiate.request(initiate.Limits()), DIALECT)))
        assert self.client.open(answer[0]) is not None

    def ask(self, payload: str, id: str = "s1") -> Element:
        answer = self.session.deliver(Incoming(PEER, "set", ElementTree.fromstring(payload), id))
        assert answer is not None
        return ElementTree.fromstring(answer)


def mutants(samples: list[SecPdu], chance: random.Random, number: int) -> Iterator[tuple[Element, str, str]]:
    """Yield payloads with a PDU that is none of those, from whom, and in which kind of stanza."""
    kinds, pool, known = (
        list(SecKind),
        [sample.octets[:64] for sample in samples],
        {(s.kind, s.octets) for s in samples},
    )
    below = chance.random
    for _ in range(number):
        sample = samples[int(below() * len(samples))]
        kind = sample.kind if below() < 0.9 else kinds[int(below() * len(kinds))]
        data = octets(sample.octets, chance, pool) if below() < 0.95 else sample.octets
        if (kind, data) in known:
            data += b"\0"
        payload = ElementTree.fromstring(around(PROFILE, ID if below() < 0.97 else "8", element(SecPdu(kind, data))))
        if below() < 0.02:  # the form of the text itself
            holder = payload[0][0]
            at = int(below() * (len(holder.text or "") + 1))
            holder.text = (
                (holder.text or "")[:at] + chance.choice(("%", "=", " ", "\u00e9", "\n")) + (holder.text or "")[at:]
            )
        sender = PEER if below() < 0.97 else "peer@example.org/2"
        yield payload, sender, ("set", "get", "set", "chat", "normal")[int(below() * 5)]


@pytest.mark.parametrize("suite", Suite)
async def test_a_server(suite: Suite, seed: str) -> None:
    ends = Ends(suite)
    samples = [
        SecPdu(
            SecKind.ENCR_TRANSFER if suite is Suite.ENCRYPTED else SecKind.CLEAR_TRANSFER,
            octets_of(ends.client, message),
        )
        for message in (reading(), commanding(), ("conclude-RequestPDU", None), reading(), commanding())
    ]
    samples.append(SecPdu(SecKind.HANDSHAKE_REQ, begin(CLIENT, PEER, US)[0]._calling.request.octets))
    (association,) = ends.host.engine.associations
    before = [repr(leaf.value) for leaf in leaves(ends.host)]
    number, begun = inputs(NUMBER), process_time()
    for payload, sender, kind in mutants(samples, random.Random(f"{suite}{seed}"), number):
        try:
            answer = ends.session.deliver(Incoming(sender, kind, payload, "s2"))  # type: ignore[arg-type]
        except StanzaRefused:
            continue
        assert answer is None or "HandshakeSecReject" in answer, answer
    figures(f"server {suite.name.lower()}", number, begun, ends.server.endpoint)
    assert [*ends.host.engine.associations] == [association]
    assert not association.ended
    assert [repr(leaf.value) for leaf in leaves(ends.host)] == before
    assert sum(ends.server.endpoint.refused.values()) == number, "each has its reason"
    read = ends.ask(ends.client.wrap(encode_xer(reading(), DIALECT)))
    assert ends.client.open(read[0]) is not None, "the association goes on"
    await _over(ends.host, ends.server.endpoint)


@pytest.mark.parametrize("suite", Suite)
async def test_a_client(suite: Suite, seed: str) -> None:
    """What comes to the client is made of what its server has said."""
    ends = Ends(suite)
    serving: Any = ends.server.endpoint.serving((PEER, ID))
    endpoint = Endpoint.of(ends.other)  # type: ignore[arg-type]
    ends.other.jid = PEER
    parameters = serving._mms._parameters
    association = XmppAssociation(endpoint, PEER, ends.client, parameters, 1.0)
    told: list[Any] = []
    association.on_notification(told.append)
    kind = SecKind.ENCR_TRANSFER if suite is Suite.ENCRYPTED else SecKind.CLEAR_TRANSFER
    samples = [SecPdu(kind, octets_of(serving._envelope, reporting())) for _ in range(5)]
    number, begun = inputs(NUMBER), process_time()
    for payload, sender, how in mutants(samples, random.Random(f"client {suite}{seed}"), number):
        try:
            ends.other.deliver(Incoming(sender, how, payload, "s2"))  # type: ignore[arg-type]
        except JanusGridError:
            continue
    figures(f"client {suite.name.lower()}", number, begun, endpoint)
    assert not told
    assert association._ended is None
    payload = ElementTree.fromstring(serving._envelope.wrap(encode_xer(reporting(), DIALECT)))
    ends.other.deliver(Incoming(PEER, "chat", payload, "s3"))
    assert len(told) == 1, "the association goes on"
    await association.abort()
    await _over(None, endpoint)
    await _over(ends.host, ends.server.endpoint)


def octets_of(envelope: Envelope, message: Any) -> bytes:
    content = ElementTree.fromstring(envelope.security.protect(encode_xer(message, DIALECT)))
    return base64.b64decode(content[0].text or "")


def leaves(host: Host) -> list[Any]:
    return list(leaves_of(host.engine.model))


def figures(what: str, number: int, begun: float, endpoint: Endpoint) -> None:
    spent = process_time() - begun
    print(f"{what}: {number} mutants in {spent:.1f} s of CPU time, {number / spent:.0f}/s: {dict(endpoint.refused)}")
    assert set(map(str, endpoint.refused)) <= CODES
