"""Stream management (XEP-0198): counting, resuming, giving up; and what the broker does with time."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from janusgrid.common.xmpp.broker.limits import Limits
from janusgrid.common.xmpp.broker.management import Management, TooHigh
from janusgrid.common.xmpp.broker.timers import Timers

from .broker_kit import CLIENT, DOMAIN, SM, STANZAS, Peer, World, condition

ASK = "<r xmlns='urn:xmpp:sm:3'/>"


@pytest.fixture
def world() -> World:
    return World("ems", "der")


def ack(count: int | str) -> str:
    return f"<a xmlns='urn:xmpp:sm:3' h='{count}'/>"


def send(peer: Peer, to: str, *bodies: object, kind: str = "normal") -> None:
    for body in bodies:
        peer.send(f"<message to='{to}' type='{kind}' id='{body}'><body>{body}</body></message>")


def request(peer: Peer, to: str, number: object, type_: str = "set") -> None:
    peer.send(f"<iq to='{to}' type='{type_}' id='{number}'><operate xmlns='urn:x'/></iq>")


def got(elements) -> list[str]:
    """The stanzas among these, by their ids."""
    return [element.get("id", "") for element in elements if element.tag.startswith(CLIENT)]


def authenticated(world: World, user: str = "der") -> Peer:
    peer = world.connect()
    peer.authenticate(user)
    return peer


def test_counting_both_ways(world):
    ems, der = world.login("ems"), world.login("der")
    assert der.enable()
    assert der.ask(ASK).get("h") == "0"
    send(der, ems.jid, 1, 2)
    der.send("<presence/>")
    der.read()
    assert der.ask(ASK).get("h") == "3"
    send(ems, der.jid, *range(3))
    der.send(ack(4))
    assert not der.stream.closed


def test_enabling_without_resumption(world):
    der = world.login("der")
    answer = der.ask("<enable xmlns='urn:xmpp:sm:3'/>")
    assert answer.attrib == {}
    der.lose()
    assert not world.directory.sessions


def test_enabling_twice_ends_the_stream(world):
    der = world.login("der")
    der.enable()
    der.send("<enable xmlns='urn:xmpp:sm:3'/>")
    assert condition(der.read()[-1]) == "policy-violation"


def test_out_of_place(world):
    der = authenticated(world)
    assert der.ask("<enable xmlns='urn:xmpp:sm:3'/>").find(STANZAS + "unexpected-request") is not None
    der.bind()
    for text in (ASK, ack(0), "<resume xmlns='urn:xmpp:sm:3' h='0' previd='x'/>"):
        assert der.ask(text).find(STANZAS + "unexpected-request") is not None
    der.enable()
    for count in ("", "x", "-1", "4294967296", "1.0", "٣"):
        assert der.ask(ack(count)).find(STANZAS + "unexpected-request") is not None


def test_acknowledging_more_than_was_sent_ends_the_stream(world):
    ems, der = world.login("ems"), world.login("der")
    der.enable()
    send(ems, der.jid, 1)
    der.read()
    der.send(ack(2))
    error = der.read()[-1]
    assert error[0].tag.endswith("undefined-condition")
    assert error.find(SM + "handled-count-too-high").attrib == {"h": "2", "send-count": "1"}
    assert set(world.directory.sessions) == {ems.jid}


@pytest.mark.parametrize("taken", range(6))
def test_resuming_sends_again_what_was_not_taken(world, taken):
    ems, der = world.login("ems"), world.login("der")
    token = der.enable()
    send(der, ems.jid, *range(7))
    send(ems, der.jid, *range(3))
    der.lose()
    send(ems, der.jid, 3, 4)
    again = authenticated(world)
    answer, *rest = again.resume(token, taken)
    assert answer.tag == SM + "resumed"
    assert answer.attrib == {"previd": token, "h": "7"}
    assert got(rest) == [str(number) for number in range(taken, 5)]
    send(ems, der.jid, 5)
    assert got(again.read()) == ["5"]
    request(again, ems.jid, "q")
    assert ems.read()[-1].get("from") == der.jid


def test_resuming_again_and_again(world):
    ems, der = world.login("ems"), world.login("der")
    jid, token = der.jid, der.enable()
    for number in range(5):
        der.lose()
        send(ems, jid, number)
        der = authenticated(world)
        assert got(der.resume(token, number)) == [str(number)]


def test_resuming_while_the_old_connection_seems_alive(world):
    ems, der = world.login("ems"), world.login("der", present=True)
    token = der.enable()
    again = authenticated(world)
    assert again.resume(token, 0)[0].tag == SM + "resumed"
    assert condition(der.read()[-1]) == "conflict"
    der.lose()
    send(ems, f"der@{DOMAIN}/r", 1)
    assert got(again.read()) == ["1"]


@pytest.mark.parametrize("user", ["ems", "der"])
def test_a_token_is_good_for_its_owner_only(world, user):
    der = world.login("der")
    token = der.enable()
    der.lose()
    other = authenticated(world, user)
    wanted = token if user == "ems" else token[::-1] + "0"
    (answer,) = other.resume(wanted, 0)
    assert answer.find(STANZAS + "item-not-found") is not None
    assert other.bind("x").get("type") == "result"
    assert authenticated(world).resume(token, 0)[0].tag == SM + "resumed"


def test_resuming_with_a_count_that_cannot_be(world):
    der = world.login("der")
    token = der.enable()
    der.lose()
    again = authenticated(world)
    assert again.resume(token, 5)[0][0].tag.endswith("undefined-condition")
    assert again.stream.closed


def test_while_waiting_the_session_is_still_available(world):
    world.befriend("ems", "der")
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.read()
    der.enable()
    der.lose()
    assert ems.read() == []
    world.advance(59)
    assert ems.read() == []
    world.advance(2)
    assert [(p.get("from"), p.get("type")) for p in ems.read()] == [(der.jid, "unavailable")]
    assert set(world.directory.sessions) == {ems.jid}


def test_after_waiting_too_long_the_token_is_worthless(world):
    der = world.login("der")
    token = der.enable()
    der.lose()
    world.advance(61)
    assert authenticated(world).resume(token, 0)[0].find(STANZAS + "item-not-found") is not None


def test_resuming_stops_the_clock(world):
    der = world.login("der")
    token = der.enable()
    der.lose()
    world.advance(59)
    again = authenticated(world)
    again.resume(token, 0)
    world.advance(600)
    assert world.directory.sessions


@pytest.mark.parametrize("end", ["footer", "fault"])
def test_a_session_that_was_ended_cannot_be_resumed(world, end):
    der = world.login("der")
    token = der.enable()
    der.send("</stream:stream>" if end == "footer" else "<<")
    assert not world.directory.sessions
    assert authenticated(world).resume(token, 0)[0].tag == SM + "failed"


def test_what_was_never_taken_goes_back_or_elsewhere(world):
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    der.enable()
    request(ems, der.jid, "request")
    request(ems, der.jid, "late answer", "result")
    send(ems, der.jid, "normal")
    send(ems, f"der@{DOMAIN}", "to the account")
    send(ems, der.jid, "error", kind="error")
    send(ems, der.jid, "chat", kind="chat")
    ems.send(f"<presence to='{der.jid}' id='presence'/>")
    der.lose()
    other = world.login("der", "other", present=True)
    world.advance(61)
    answers = {stanza.get("id"): condition(stanza) for stanza in ems.read() if stanza.get("id")}
    assert answers == {"request": "recipient-unavailable", "normal": "service-unavailable"}
    gone, *messages = other.read()
    assert (gone.get("from"), gone.get("type")) == (der.jid, "unavailable")
    assert got(messages) == ["to the account", "chat"]


def test_a_request_is_never_given_to_the_successor(world):
    """It may have been carried out before the client was restarted: an Operate must not happen twice."""
    ems, der = world.login("ems"), world.login("der")
    der.enable()
    request(ems, der.jid, "operate")
    send(ems, der.jid, "report")
    der.lose()
    successor = world.login("der")
    assert got(successor.read()) == ["report"]
    assert condition(ems.one()) == "recipient-unavailable"


def test_asking_for_acknowledgement_after_a_while(world):
    ems, der = world.login("ems"), world.login("der")
    der.enable()
    send(ems, der.jid, 1)
    assert [e.tag for e in der.read()] == [CLIENT + "message"]
    world.advance(1.1)
    assert [e.tag for e in der.read()] == [SM + "r"]
    world.advance(20)
    assert der.read() == []
    der.send(ack(1))
    world.advance(100)
    assert der.read() == []


def test_asking_for_acknowledgement_after_many(world):
    ems, der = world.login("ems"), world.login("der")
    der.enable()
    send(ems, der.jid, *range(100))
    assert [e.tag for e in der.read()].count(SM + "r") == 1
    der.send(ack(100))
    send(ems, der.jid, *range(100))
    assert [e.tag for e in der.read()].count(SM + "r") == 1


def test_a_client_that_never_answers_is_held_for_dead_but_may_come_back(world):
    ems, der = world.login("ems"), world.login("der")
    token = der.enable()
    send(ems, der.jid, 1)
    world.advance(32)
    assert der.stream.aborted
    assert der.stream in world.core.touched()
    der.lose()
    send(ems, der.jid, 2)
    assert got(authenticated(world).resume(token, 0)) == ["1", "2"]


@pytest.mark.parametrize("limits", [Limits(unacked=10), Limits(send_buffer=1500)], ids=["stanzas", "bytes"])
@pytest.mark.parametrize("connected", [True, False])
def test_what_is_kept_is_bounded(limits, connected):
    world = World("ems", "der", limits=limits)
    ems, der = world.login("ems"), world.login("der")
    token = der.enable()
    if not connected:
        der.lose()
    send(ems, der.jid, *range(15))
    world.advance(0)
    if connected:
        assert condition(der.read()[-1]) == "policy-violation"
    assert set(world.directory.sessions) == {ems.jid}
    bounced = [stanza.get("id") for stanza in ems.read() if condition(stanza) == "service-unavailable"]
    assert bounced == [str(number) for number in range(15)]
    assert authenticated(world).resume(token, 0)[0].tag == SM + "failed"


def test_without_stream_management_nothing_is_kept(world):
    ems, der = world.login("ems"), world.login("der")
    der.lose()
    send(ems, der.jid, 1)
    assert condition(ems.one()) == "service-unavailable"


def test_counters_wrap():
    management = Management("t", received=2**32 - 1, sent=2**32 - 2)
    management.count_received()
    assert management.received == 0
    for number in range(4):
        management.hold(b"%d" % number, None)
    assert management.sent == 2
    management.acknowledge(2**32 - 1)
    assert list(management.unacked()) == [b"1", b"2", b"3"]
    management.acknowledge(1)
    assert list(management.unacked()) == [b"3"]
    with pytest.raises(TooHigh):
        management.acknowledge(3)
    with pytest.raises(TooHigh):
        management.acknowledge(0)  # what was acknowledged stays so
    management.acknowledge(2)
    assert (len(management), management.held) == (0, 0)


class Delivery(RuleBasedStateMachine):
    """A receiver whose connection breaks at any point, with bytes on their way in both directions: what it takes is
    what was sent, in order, once."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World("ems", "der")
        self.ems = self.world.login("ems")
        self.der = self.world.login("der")
        self.token = self.der.enable()
        self.sent = 0
        self.taken: list[str] = []
        self.back = 0
        self.unsure = 0

    @rule(count=st.integers(1, 40))
    def send(self, count):
        send(self.ems, f"der@{DOMAIN}/r", *range(self.sent, self.sent + count))
        self.sent += count

    @rule()
    def take(self):
        self.taken += got(self.der.read())

    @precondition(lambda self: not self.der.stream.closed)
    @rule()
    def acknowledge(self):
        self.take()
        self.der.send(ack(len(self.taken)))

    @rule()
    def answer(self):
        send(self.der, self.ems.jid, self.back)
        self.back += 1

    @rule(delay=st.floats(0, 50), seen=st.booleans())
    def break_and_resume(self, delay, seen):
        if seen:
            self.take()  # otherwise what was on its way is lost
        self.der.lose()
        self.world.advance(delay)
        self.der = authenticated(self.world)
        answer, *rest = self.der.resume(self.token, len(self.taken))
        assert answer.tag == SM + "resumed"
        assert answer.get("h") == str(self.back)
        self.taken += got(rest)

    @rule(delay=st.floats(0, 5))
    def wait(self, delay):
        self.world.advance(delay)

    @invariant()
    def in_order_and_once(self):
        assert self.taken == [str(number) for number in range(len(self.taken))]

    def teardown(self):
        self.break_and_resume(0, seen=True)
        assert len(self.taken) == self.sent
        assert got(self.ems.read()) == [str(number) for number in range(self.back)]


Delivery.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
test_delivery = Delivery.TestCase


def test_timers_run_in_order_and_may_make_new_ones():
    timers, done = Timers(), []
    timers.at(3, lambda: done.append("third"))
    first = timers.at(1, lambda: (done.append("first"), timers.at(2, lambda: done.append("second"))))
    off = timers.at(0.5, lambda: done.append("never"))
    off.cancel()
    assert timers.next == 1
    timers.run(0.9)
    assert done == []
    timers.run(10)
    assert done == ["first", "second", "third"]
    assert timers.next is None
    first.cancel()
