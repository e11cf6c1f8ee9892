"""Presence, subscriptions and rosters: RFC 6121 clauses 2 to 4 and appendix A."""

from __future__ import annotations

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.common.xmpp.broker import store
from janusgrid.common.xmpp.broker.limits import Limits
from janusgrid.common.xmpp.broker.roster import INBOUND, OUTBOUND, Roster, Sub

from .broker_kit import CLIENT, DOMAIN, ROSTER, Peer, World, condition, described

EMS, DER, VTN = (f"{user}@{DOMAIN}" for user in ("ems", "der", "vtn"))


@pytest.fixture
def world() -> World:
    return World("ems", "der", "vtn")


def seen(peer: Peer) -> list[tuple[str, str]]:
    """The presence stanzas that a peer was sent: from whom, and of what type."""
    return [(p.get("from", ""), p.get("type", "")) for p in peer.read() if p.tag == CLIENT + "presence"]


def pushed(peer: Peer) -> list[str]:
    """The roster pushes that a peer was sent."""
    found = []
    for stanza in peer.read():
        if stanza.get("type") == "set":
            assert stanza.get("from") is None
            found += [f"{item.get('jid')} {described(item)}" for item in stanza.iter(ROSTER + "item")]
    return found


# Availability


def test_presence_reaches_those_who_are_subscribed(world):
    world.befriend("ems", "der")
    ems, vtn = world.login("ems", present=True), world.login("vtn", present=True)
    der = world.login("der")
    der.send("<presence><show>dnd</show></presence>")
    (arrived,) = ems.read()
    assert (arrived.get("from"), arrived.get("to")) == (der.jid, EMS)
    assert arrived.findtext(CLIENT + "show") == "dnd"
    assert seen(der) == [(der.jid, ""), (ems.jid, "")]
    assert seen(vtn) == []


def test_a_newcomer_sees_the_latest_presence(world):
    world.befriend("ems", "der")
    der = world.login("der", present=True)
    der.send("<presence><status>second</status></presence>")
    ems = world.login("ems")
    ems.send("<presence/>")
    assert [p.findtext(CLIENT + "status") for p in ems.read() if p.get("from") == der.jid] == ["second"]


def test_only_the_first_presence_asks_for_that_of_others(world):
    world.befriend("ems", "der")
    world.login("der", present=True)
    ems = world.login("ems", present=True)
    ems.send("<presence><show>away</show></presence>")
    assert seen(ems) == [(ems.jid, "")]


def test_the_sessions_of_one_account_see_each_other(world):
    first = world.login("ems", "first", present=True)
    second = world.login("ems", "second")
    second.send("<presence/>")
    assert seen(first) == [(second.jid, "")]
    assert seen(second) == [(second.jid, ""), (first.jid, "")]


@pytest.mark.parametrize("end", ["unavailable", "footer", "lost", "conflict", "fault"])
def test_every_end_of_a_session_is_announced(world, end):
    world.befriend("ems", "der")
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.read()
    if end == "lost":
        der.lose()
    elif end == "conflict":
        world.login("der")
    else:
        der.send({"unavailable": "<presence type='unavailable'/>", "footer": "</stream:stream>", "fault": "<<"}[end])
    assert seen(ems) == [(der.jid, "unavailable")]


def test_a_session_without_presence_ends_silently(world):
    world.befriend("ems", "der")
    ems = world.login("ems", present=True)
    world.login("der").lose()
    assert ems.taken() == b""


def test_unavailable_presence_keeps_its_content(world):
    world.befriend("ems", "der")
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.read()
    der.send("<presence type='unavailable'><status>bye</status></presence>")
    assert ems.one().findtext(CLIENT + "status") == "bye"


@pytest.mark.parametrize(("text", "good"), [("-128", True), ("127", True), (" 5 ", True), ("128", False), ("x", False)])
def test_priorities(world, text, good):
    ems = world.login("ems")
    answer = ems.ask(f"<presence><priority>{text}</priority></presence>")
    assert (condition(answer) == "") == good
    assert bool(world.directory.get(EMS).available()) == good


def test_an_unknown_type_of_presence(world):
    assert condition(world.login("ems").ask("<presence type='odd'/>")) == "bad-request"
    assert condition(world.login("ems").ask("<presence type='subscribe'/>")) == "bad-request"


# Directed presence


@pytest.mark.parametrize("to", [f"der@{DOMAIN}/r", f"der@{DOMAIN}"])
def test_directed_presence_ends_with_the_session(world, to):
    ems, der = world.login("ems"), world.login("der", present=True)
    ems.send(f"<presence to='{to}'/>")
    assert seen(der) == [(ems.jid, "")]
    ems.lose()
    assert seen(der) == [(ems.jid, "unavailable")]


def test_directed_unavailable_is_enough(world):
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.send(f"<presence to='{der.jid}'/><presence to='{der.jid}' type='unavailable'/>")
    assert seen(der) == [(ems.jid, ""), (ems.jid, "unavailable")]
    ems.lose()
    assert seen(der) == []


def test_directed_presence_to_a_subscriber_is_not_ended_twice(world):
    world.befriend("ems", "der")
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.send(f"<presence to='{der.jid}'/>")
    seen(der)
    ems.lose()
    assert seen(der) == [(ems.jid, "unavailable")]


def test_directed_presence_to_nobody_is_dropped(world):
    ems = world.login("ems")
    for to in (f"der@{DOMAIN}/absent", f"nobody@{DOMAIN}", DOMAIN):
        ems.send(f"<presence to='{to}'/>")
    assert ems.taken() == b""
    assert not next(iter(world.directory.sessions.values())).directed


def test_presence_errors_reach_their_session(world):
    ems, der = world.login("ems"), world.login("der")
    ems.send(f"<presence type='error' to='{der.jid}'/>")
    assert seen(der) == [(ems.jid, "error")]


def test_probes_are_answered_to_those_who_may_see(world):
    ems, der = world.login("ems"), world.login("der", present=True)
    ems.send(f"<presence type='probe' to='{DER}'/>")
    assert seen(ems) == []
    world.befriend("ems", "der")
    ems.send(f"<presence type='probe' to='{DER}'/>")
    assert seen(ems) == [(der.jid, "")]


# Subscriptions


def test_asking_and_being_granted(world):
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.roster(), der.roster()
    ems.send(f"<presence type='subscribe' to='{DER}/ignored' id='s1'/>")
    assert pushed(ems) == [f"{DER} none?"]
    (request,) = der.read()
    assert (request.get("from"), request.get("to"), request.get("type")) == (EMS, DER, "subscribe")
    assert der.roster() == {}
    der.send(f"<presence type='subscribed' to='{EMS}'/>")
    assert pushed(der) == [f"{EMS} from"]
    granted = ems.read()
    kinds = [(s.tag.rpartition("}")[2], s.get("from"), s.get("type")) for s in granted]
    assert kinds == [("presence", DER, "subscribed"), ("iq", None, "set"), ("presence", der.jid, None)]
    assert ems.roster() == {DER: "to"}
    assert der.roster() == {EMS: "from"}


def test_a_request_waits_for_its_owner(world):
    ems = world.login("ems", present=True)
    ems.send(f"<presence type='subscribe' to='{DER}'><status>please</status></presence>")
    for _ in range(2):
        der = world.login("der")
        der.send("<presence/>")
        (request,) = [p for p in der.read() if p.get("type") == "subscribe"]
        assert (request.get("from"), request.findtext(CLIENT + "status")) == (EMS, "please")
        der.lose()


def test_asking_twice_shows_once(world):
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.send(f"<presence type='subscribe' to='{DER}'/>" * 3)
    assert seen(der) == [(EMS, "subscribe")]


def test_asking_for_what_is_granted_is_answered_by_the_server(world):
    """A client whose roster was lost asks again: the contact need not be asked."""
    world.befriend("ems", "der")
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.read()
    item = world.directory.get(EMS).roster.get(DER)
    item.state = Sub.FROM
    ems.send(f"<presence type='subscribe' to='{DER}'/>")
    assert seen(ems) == [(DER, "subscribed"), (der.jid, "")]
    assert ems.roster() == {DER: "both"}
    assert [kind for _, kind in seen(der) if kind] == []


def test_refusing(world):
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.send(f"<presence type='subscribe' to='{DER}'/>")
    der.send(f"<presence type='unsubscribed' to='{EMS}'/>")
    assert (DER, "unsubscribed") in seen(ems)
    assert ems.roster() == {DER: "none"}
    assert der.roster() == {}


def test_taking_back(world):
    world.befriend("ems", "der")
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.read(), der.read()
    der.send(f"<presence type='unsubscribed' to='{EMS}'/>")
    assert seen(ems) == [(der.jid, "unavailable"), (DER, "unsubscribed")]
    assert (ems.roster(), der.roster()) == ({DER: "from"}, {EMS: "to"})


def test_giving_up(world):
    world.befriend("ems", "der")
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.read(), der.read()
    ems.send(f"<presence type='unsubscribe' to='{DER}'/>")
    assert seen(der) == [(EMS, "unsubscribe")]
    assert seen(ems) == [(der.jid, "unavailable")]
    assert (ems.roster(), der.roster()) == ({DER: "from"}, {EMS: "to"})


def test_nobody_and_oneself(world):
    ems = world.login("ems", present=True)
    ems.send(f"<presence type='subscribe' to='nobody@{DOMAIN}'/>")
    assert seen(ems) == [(f"nobody@{DOMAIN}", "unsubscribed")]
    ems.send(f"<presence type='subscribe' to='{EMS}'/>")
    assert seen(ems) == []
    assert ems.roster() == {f"nobody@{DOMAIN}": "none"}


def test_granting_what_nobody_asked_for_changes_nothing(world):
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    der.send(f"<presence type='subscribed' to='{EMS}'/>")
    assert ems.taken() == b""
    assert der.roster() == {}
    ems.send("<presence><show>away</show></presence>")
    assert seen(der) == []


NINE = [
    Sub.NONE,
    Sub.ASKED,
    Sub.ASKING,
    Sub.ASKED | Sub.ASKING,
    Sub.TO,
    Sub.TO | Sub.ASKING,
    Sub.FROM,
    Sub.FROM | Sub.ASKED,
    Sub.TO | Sub.FROM,
]
# RFC 6121 appendix A.2 and A.3: the new state in each of the nine, in their order; "." for no change.
APPENDIX = {
    ("out", "subscribe"): "1.3...7..",
    ("out", "unsubscribe"): ".0.202.66",
    ("out", "subscribed"): "..67.8...",
    ("out", "unsubscribed"): "..01.4014",
    ("in", "subscribe"): "23..5....",
    ("in", "unsubscribe"): "..01.4014",
    ("in", "subscribed"): ".4.5...8.",
    ("in", "unsubscribed"): ".0.202.66",
}


@pytest.mark.parametrize(("direction", "kind"), list(APPENDIX))
def test_the_table_of_appendix_a(direction, kind):
    for number, (state, target) in enumerate(zip(NINE, APPENDIX[direction, kind], strict=True)):
        step = (OUTBOUND if direction == "out" else INBOUND)[kind]
        new = (state | step.add) & ~step.drop if step.applies(state) else None
        expected = None if target == "." else NINE[int(target)]
        assert new == expected, (number, state, new)


OTHER = {"ems": "der", "der": "ems"}


class Friendship(RuleBasedStateMachine):
    """Two accounts say anything in any order, online or not: their rosters agree, and each client has been shown
    exactly the presence that it may see."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World("ems", "der")
        self.peers: dict[str, Peer] = {}
        self.sees = {"ems": False, "der": False}

    def roster_state(self, user: str) -> Sub:
        account = self.world.directory.get(f"{user}@{DOMAIN}")
        assert account is not None
        return account.roster.state(f"{OTHER[user]}@{DOMAIN}")

    @rule(user=st.sampled_from(["ems", "der"]))
    def come_or_go(self, user):
        if user in self.peers:
            self.peers.pop(user).lose()
        else:
            self.peers[user] = self.world.login(user)
            self.sees[user] = False
            self.peers[user].send("<presence/>")

    @rule(user=st.sampled_from(["ems", "der"]), kind=st.sampled_from(list(OUTBOUND)))
    def say(self, user, kind):
        if user in self.peers:
            self.peers[user].send(f"<presence type='{kind}' to='{OTHER[user]}@{DOMAIN}'/>")

    @rule(user=st.sampled_from(["ems", "der"]))
    def remove(self, user):
        if user in self.peers:
            self.peers[user].send(roster_set(f"<item jid='{OTHER[user]}@{DOMAIN}' subscription='remove'/>"))

    @invariant()
    def rosters_agree(self):
        ems, der = self.roster_state("ems"), self.roster_state("der")
        assert ems in NINE
        assert der in NINE
        assert bool(ems & Sub.TO) == bool(der & Sub.FROM)
        assert bool(der & Sub.TO) == bool(ems & Sub.FROM)
        assert bool(ems & Sub.ASKED) == bool(der & Sub.ASKING)

    @invariant()
    def clients_see_what_they_may(self):
        for user, peer in self.peers.items():
            for who, kind in seen(peer):
                if who == f"{OTHER[user]}@{DOMAIN}/r":
                    self.sees[user] = kind == ""
            assert self.sees[user] == (bool(self.roster_state(user) & Sub.TO) and OTHER[user] in self.peers)


Friendship.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
test_friendship = Friendship.TestCase


# Rosters


def roster_set(item: str) -> str:
    return f"<iq type='set' id='r1'><query xmlns='jabber:iq:roster'>{item}</query></iq>"


def test_a_roster_is_kept_and_pushed(world):
    ems, second, quiet = (world.login("ems", name) for name in ("first", "second", "quiet"))
    assert ems.roster() == second.roster() == {}
    ems.send(roster_set(f"<item jid='{DER}' name='Diesel &amp; &lt;1&gt;'><group>Site</group><group>A</group></item>"))
    for peer in (ems, second):
        stanzas = peer.read()
        (item,) = [i for s in stanzas for i in s.iter(ROSTER + "item")]
        assert (item.get("jid"), item.get("name"), item.get("subscription")) == (DER, "Diesel & <1>", "none")
        assert [group.text for group in item] == ["Site", "A"]
    assert stanzas[-1].get("type") == "set"
    assert quiet.taken() == b""
    assert quiet.roster() == {DER: "none"}


def test_renaming_does_not_touch_the_subscription(world):
    world.befriend("ems", "der")
    ems = world.login("ems")
    ems.send(roster_set(f"<item jid='{DER}' name='new' subscription='none'/>"))
    ems.read()
    assert ems.roster() == {DER: "both"}


def test_removing_ends_both_subscriptions(world):
    world.befriend("ems", "der")
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    ems.roster(), der.roster(), ems.read(), der.read()
    ems.send(roster_set(f"<item jid='{DER}' subscription='remove'/>"))
    assert pushed(ems) == [f"{DER} remove"]
    kinds = {(s.get("from"), s.get("type")) for s in der.read()}
    assert {(EMS, "unsubscribe"), (EMS, "unsubscribed"), (ems.jid, "unavailable")} <= kinds
    assert (ems.roster(), der.roster()) == ({}, {EMS: "none"})


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("", "bad-request"),
        (f"<item jid='{DER}'/><item jid='{VTN}'/>", "bad-request"),
        (f"<item jid='{DER}'><group>a</group><group>a</group></item>", "bad-request"),
        (f"<item jid='{DER}'><group/></item>", "not-acceptable"),
        (f"<item jid='{DER}' name='{'x' * 2000}'/>", "not-acceptable"),
        (f"<item jid='{DER}' subscription='remove'/>", "item-not-found"),
        (f"<item jid='{EMS}'/>", "not-allowed"),
        ("<item/>", "jid-malformed"),
        ("<item jid='@'/>", "jid-malformed"),
    ],
)
def test_roster_sets_refused(world, item, expected):
    ems = world.login("ems")
    assert condition(ems.ask(roster_set(item))) == expected
    assert ems.roster() == {}


def test_the_roster_of_another_is_nobodys_business(world):
    ems = world.login("ems")
    world.befriend("ems", "der")
    stanza = f"<iq type='get' id='1' to='{DER}'><query xmlns='jabber:iq:roster'/></iq>"
    assert condition(ems.ask(stanza)) == "service-unavailable"


def test_rosters_are_bounded():
    world = World("ems", "der", limits=Limits(roster_items=3))
    ems, der = world.login("ems", present=True), world.login("der", present=True)
    for number in range(3):
        assert not condition(ems.ask(roster_set(f"<item jid='x{number}@{DOMAIN}'/>")))
    assert condition(ems.ask(roster_set(f"<item jid='x3@{DOMAIN}'/>"))) == "resource-constraint"
    assert condition(ems.ask(f"<presence type='subscribe' to='{DER}'/>")) == "resource-constraint"
    der.send(f"<presence type='subscribe' to='{EMS}'/>")
    assert ems.taken() == b""
    assert len(world.directory.get(EMS).roster) == 3


# The file


def test_rosters_survive_in_a_file(world, tmp_path):
    world.befriend("ems", "der")
    ems, vtn = world.login("ems", present=True), world.login("vtn", present=True)
    ems.send(roster_set(f"<item jid='{DER}' name='Diesel'><group>Ü</group></item>"))
    vtn.send(f"<presence type='subscribe' to='{EMS}'><status>hi</status></presence>")
    assert world.directory.changed
    store.save(tmp_path / "rosters.json", world.directory)
    again = World("ems", "der", "vtn")
    store.load(tmp_path / "rosters.json", again.directory)
    for account in world.directory:
        assert list(again.directory.get(account.bare).roster) == list(account.roster)
    fresh = again.login("ems")
    fresh.send("<presence/>")
    assert (VTN, "subscribe") in seen(fresh)
    assert fresh.roster() == {DER: "both"}


def test_without_a_file_rosters_are_empty(world, tmp_path):
    store.load(tmp_path / "none.json", world.directory)
    assert not any(len(account.roster) for account in world.directory)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"form": 2, "rosters": {}}',
        '{"form": 1, "rosters": []}',
        json.dumps({"form": 1, "rosters": {EMS: [{}]}}),
        json.dumps({"form": 1, "rosters": {EMS: [{"jid": "a", "name": "", "groups": 1, "state": 0}]}}),
        json.dumps(
            {
                "form": 1,
                "rosters": {EMS: [{"jid": "a", "name": "", "groups": [], "state": 99, "listed": True, "request": ""}]},
            }
        ),
        "\ud800",
    ],
)
def test_a_damaged_file_is_refused_with_its_name(world, tmp_path, text):
    path = tmp_path / "rosters.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError, match=r"rosters\.json"):
        store.load(path, world.directory)
    assert not len(world.directory.get(EMS).roster)


def test_a_file_that_cannot_be_written_or_read(world, tmp_path):
    with pytest.raises(LocalError, match="written"):
        store.save(tmp_path / "no" / "rosters.json", world.directory)
    with pytest.raises(ConfigError, match="read"):
        store.load(tmp_path, world.directory)


def test_dump_and_load_are_inverse():
    roster = Roster()
    roster.put("a@b", "name", ("g",))
    roster.receive("c@d", "subscribe", "<presence/>")
    copy = Roster()
    copy.load(json.loads(json.dumps(roster.dump())))
    assert list(copy) == list(roster)
