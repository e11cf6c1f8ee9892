"""The small rooms: addresses, stanzas as text, requests, presence, discovery, handlers."""

from __future__ import annotations

import asyncio
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError, NotReachable
from janusgrid.common.xmpp import disco, jid, scale, stanza
from janusgrid.common.xmpp.guard import Limits, Refusals
from janusgrid.common.xmpp.lane import Lane
from janusgrid.common.xmpp.presence import Peers, nobody
from janusgrid.common.xmpp.requests import Requests
from janusgrid.common.xmpp.session import DiscoItem, Identity, Incoming, StanzaRefused

OWN = "ems@grid.test/IEC"
DER = "der@grid.test/IEC"


def xml(text: str) -> Element:
    """Return the stanza as it comes out of a stream."""
    return fromstring(f'<stream xmlns="jabber:client">{text}</stream>')[0]


# Addresses


@pytest.mark.parametrize(
    ("given_jid", "expected"),
    [
        ("ems@grid.test/IEC", "ems@grid.test/IEC"),
        ("EMS@Grid.TEST/IEC", "ems@grid.test/IEC"),
        ("grid.test", "grid.test"),
        ("ems@grid.test/a/b@c", "ems@grid.test/a/b@c"),
        ("Stra\u00dfe@grid.test", "strasse@grid.test"),
        ("ems@grid.test/\u2168", "ems@grid.test/IX"),
    ],
)
def test_normal_form(given_jid: str, expected: str) -> None:
    assert jid.normal(given_jid) == expected
    assert jid.normal(expected) == expected


@pytest.mark.parametrize(
    "bad", ["", "@x", "x@", "a b@x", "x@y/", "/x", "a@b@c", "x" * 1024 + "@y", "x@y/\u0007", "<@y"]
)
def test_no_address(bad: str) -> None:
    with pytest.raises(LocalError, match="XMPP address"):
        jid.normal(bad)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_local_error(text: str) -> None:
    try:
        normal = jid.normal(text)
    except LocalError:
        return
    assert jid.normal(normal) == normal


def test_parts() -> None:
    whole = "ems@grid.test/a/b@c"
    assert (jid.local(whole), jid.domain(whole), jid.resource(whole)) == ("ems", "grid.test", "a/b@c")
    assert jid.bare(whole) == "ems@grid.test"
    assert (jid.local("grid.test"), jid.domain("grid.test/x"), jid.resource("ems@grid.test")) == ("", "grid.test", "")


# Stanzas

XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")) | st.sampled_from("\t\n\r<>&\"'")
)


@given(XML_TEXT, XML_TEXT, XML_TEXT)
def test_whatever_the_words_the_stanza_is_well_formed(id: str, to: str, words: str) -> None:
    one = xml(stanza.iq("get", id, to, '<a xmlns="b"/>'))
    assert (one.get("id"), one.get("to", ""), one.get("type")) == (id, to, "get")
    assert one[0].tag == "{b}a"
    two = xml(stanza.message("chat", id, to, ""))
    assert (two.get("id"), two.get("to", "")) == (id, to)
    three = xml(stanza.error(id, to, "not-allowed", "auth", words))
    refused = stanza.refusal(three)
    assert (refused.code, refused.kind) == ("not-allowed", "auth")
    assert refused.message == (words.strip()[:500] or "not-allowed")


@pytest.mark.parametrize(
    ("text", "condition", "kind"),
    [
        ("<iq/>", "undefined-condition", "cancel"),
        ("<iq><error/></iq>", "undefined-condition", "cancel"),
        ('<iq><error type="odd"><x xmlns="y"/></error></iq>', "undefined-condition", "cancel"),
        (f'<iq><error type="wait"><x xmlns="y"/><gone xmlns="{stanza.ERRORS}"/></error></iq>', "gone", "wait"),
    ],
)
def test_errors_of_all_kinds(text: str, condition: str, kind: str) -> None:
    refused = stanza.refusal(xml(text))
    assert (refused.code, refused.kind) == (condition, kind)


def test_presence_as_text() -> None:
    assert stanza.presence() == "<presence/>"
    assert xml(stanza.presence("subscribe", "a&b@x")).attrib == {"type": "subscribe", "to": "a&b@x"}


# Requests


async def test_an_answer_needs_the_id_and_the_full_jid() -> None:
    requests = Requests(4)
    id, answer = requests.open(DER)
    for sender in ("", "der@grid.test", "der@grid.test/other", "grid.test", "mallory@grid.test/IEC", OWN):
        assert not requests.answer(xml(f'<iq type="result" id="{id}" from="{sender}"/>'), OWN)
    assert not requests.answer(xml(f'<iq type="result" id="{id}x" from="{DER}"/>'), OWN)
    assert not requests.answer(xml(f'<iq type="result" from="{DER}"/>'), OWN)
    assert requests.answer(xml(f'<iq type="result" id="{id}" from="{DER}"><a/></iq>'), OWN)
    assert len(await answer) == 1
    assert not requests.answer(xml(f'<iq type="result" id="{id}" from="{DER}"/>'), OWN)
    requests.close(id)
    assert len(requests) == 0


@pytest.mark.parametrize("peer", ["", "ems@grid.test"])
@pytest.mark.parametrize("sender", ["", "ems@grid.test", OWN])
async def test_the_server_answers_for_our_own_account(peer: str, sender: str) -> None:
    requests = Requests(4)
    id, _ = requests.open(peer)
    assert requests.answer(xml(f'<iq type="result" id="{id}" from="{sender}"/>'), OWN)


async def test_an_error_is_raised_where_it_was_asked() -> None:
    requests = Requests(4)
    id, answer = requests.open(DER)
    fault = f'<error type="cancel"><item-not-found xmlns="{stanza.ERRORS}"/></error>'
    assert requests.answer(xml(f'<iq type="error" id="{id}" from="{DER}">{fault}</iq>'), OWN)
    with pytest.raises(StanzaRefused, match="item-not-found"):
        await answer


async def test_all_fail_at_once() -> None:
    requests = Requests(4)
    answers = [requests.open(DER)[1] for _ in range(3)]
    answers[0].cancel()
    requests.fail(NotReachable("gone"))
    for answer in answers[1:]:
        with pytest.raises(NotReachable):
            await answer
    assert len(requests) == 0


async def test_ids_are_never_the_same_and_not_to_be_guessed() -> None:
    ids = {requests.next_id() for requests in (Requests(1), Requests(1)) for _ in range(100)}
    assert len(ids) == 200


# Presence


def peers(allow: object = nobody) -> tuple[Peers, list[tuple[str, bool]], Refusals]:
    refusals = Refusals(OWN)
    one = Peers(OWN, allow, refusals)  # type: ignore[arg-type]
    seen: list[tuple[str, bool]] = []
    one.listen(lambda *change: seen.append(change))
    return one, seen, refusals


def there(sender: str, kind: str = "") -> Element:
    return xml(f'<presence from="{sender}" {kind and f"type={kind!r}"}/>')


def test_coming_and_going() -> None:
    one, seen, refusals = peers()
    assert one.want(DER) == ('<presence type="subscribe" to="der@grid.test"/>',)
    for kind in ("", "", "unavailable", "unavailable"):
        assert one.receive(there(DER, kind), OWN) == ()
    assert seen == [(DER, True), (DER, False)]
    assert not refusals.counts


def test_a_bare_jid_goes_with_all_its_resources() -> None:
    one, seen, _ = peers()
    one.want(DER)
    one.receive(there("der@grid.test/a"), OWN)
    one.receive(there("der@grid.test/b"), OWN)
    one.receive(there("der@grid.test"), OWN)  # a presence without resource is no session
    assert one.available("der@grid.test")
    assert one.available("der@grid.test/b")
    one.receive(there("der@grid.test", "unavailable"), OWN)
    assert seen[2:] == [("der@grid.test/a", False), ("der@grid.test/b", False)]
    assert not one.available("der@grid.test")


def test_an_error_means_absence() -> None:
    one, seen, _ = peers()
    one.announce(DER)
    one.receive(there(DER), OWN)
    one.receive(there(DER, "error"), OWN)
    assert seen == [(DER, True), (DER, False)]


def test_strangers() -> None:
    one, seen, refusals = peers()
    for kind in ("", "unavailable", "error", "subscribed", "unsubscribed", "unsubscribe", "probe", "odd"):
        assert one.receive(there("mallory@grid.test/x", kind), OWN) == ()
    assert one.receive(there("mallory@grid.test", "subscribe"), OWN) == (
        '<presence type="unsubscribed" to="mallory@grid.test"/>',
    )
    assert one.receive(xml("<presence/>"), OWN) == ()
    assert seen == []
    assert refusals.counts == {"presence-not-allowed": 2, "subscription-not-allowed": 1}


def test_contacts_of_another_session_of_the_account_are_of_no_interest_and_no_trouble() -> None:
    one, seen, refusals = peers()
    one.update_roster(
        fromstring(
            '<query xmlns="jabber:iq:roster"><item jid="der@grid.test" subscription="to"/>'
            '<item jid="mallory@grid.test" subscription="from"/></query>'
        )
    )
    assert one.receive(there(DER), OWN) == ()
    assert (seen, refusals.counts) == ([], {})
    assert not one.available(DER)
    assert one.present() == ()
    one.receive(there("mallory@grid.test/x"), OWN)
    assert refusals.counts == {"presence-not-allowed": 1}


def contacts(*names: str) -> Element:
    items = "".join(f'<item jid="{name}@grid.test" subscription="both"/>' for name in names)
    return fromstring(f'<query xmlns="jabber:iq:roster">{items}</query>')


def test_all_contacts_are_told_once_somebody_asks_for_them() -> None:
    one, seen, _ = peers()
    one.update_roster(contacts("der", "pv"))
    one.receive(there(DER), OWN)
    assert one.contacts() == ("der@grid.test", "pv@grid.test")
    assert one.present() == (DER,)
    assert one.available(DER)
    one.receive(there("pv@grid.test/IEC"), OWN)
    one.receive(there(DER, "unavailable"), OWN)
    assert seen == [("pv@grid.test/IEC", True), (DER, False)]
    assert one.present() == ("pv@grid.test/IEC",)


def test_who_is_expected_is_let_in() -> None:
    one, seen, refusals = peers()
    one.expect(DER)
    assert one.receive(there("der@grid.test", "subscribe"), OWN) == (
        '<presence type="subscribed" to="der@grid.test"/>',
        '<presence type="subscribe" to="der@grid.test"/>',
    )
    one.receive(there(DER), OWN)
    assert (seen, refusals.counts) == ([(DER, True)], {})


def test_a_contact_that_is_there_already_is_told_when_it_is_named() -> None:
    one, seen, _ = peers()
    one.update_roster(contacts("der"))
    one.receive(there(DER), OWN)
    assert one.want(DER) == ()
    assert seen == [(DER, True)]
    assert one.available(DER)
    one.want(DER)
    assert seen == [(DER, True)]


def test_the_policy_lets_in_and_makes_it_mutual() -> None:
    one, _, _ = peers(lambda bare: bare == "der@grid.test")
    assert one.receive(there("der@grid.test", "subscribe"), OWN) == (
        '<presence type="subscribed" to="der@grid.test"/>',
        '<presence type="subscribe" to="der@grid.test"/>',
    )
    one.update_roster(
        fromstring('<query xmlns="jabber:iq:roster"><item jid="der@grid.test" subscription="both"/></query>')
    )
    assert one.receive(there("der@grid.test", "subscribe"), OWN) == (
        '<presence type="subscribed" to="der@grid.test"/>',
    )
    assert one.want(DER) == ()


def test_each_session_begins_with_what_was_wished_for() -> None:
    one, seen, _ = peers()
    one.want("a@x")
    one.want("b@x")
    one.announce("c@x/y")
    roster = '<query xmlns="jabber:iq:roster"><item jid="b@x" subscription="to"/><item/></query>'
    one.take_roster(fromstring(roster))
    assert one.entrance() == ("<presence/>", '<presence to="c@x/y"/>', '<presence type="subscribe" to="a@x"/>')
    one.take_roster(None)
    assert len(one.entrance()) == 4
    assert one.exit() == ('<presence type="unavailable" to="c@x/y"/>', '<presence type="unavailable"/>')
    one.receive(there("a@x/1"), OWN)
    one.gone()
    assert seen == [("a@x/1", True), ("a@x/1", False)]


def test_our_own_reflection_is_nobody() -> None:
    one, seen, _ = peers()
    one.receive(there(OWN), OWN)
    one.receive(there("ems@grid.test/other"), OWN)
    assert seen == [("ems@grid.test/other", True)]


def test_roster_items_may_be_removed() -> None:
    one, _, _ = peers()
    query = '<query xmlns="jabber:iq:roster"><item jid="a@x" subscription="{}"/></query>'
    one.update_roster(fromstring(query.format("both")))
    assert one.want("a@x") == ()
    one.update_roster(fromstring(query.format("remove")))
    assert len(one.want("a@x")) == 1


def test_a_listener_that_breaks_harms_nobody() -> None:
    one, seen, refusals = peers()
    one.listen(lambda *_: 1 / 0)  # type: ignore[arg-type, return-value]
    one.want(DER)
    one.receive(there(DER), OWN)
    assert seen == [(DER, True)]
    assert refusals.counts["presence-listener-failed"] == 1


# Discovery


@given(st.lists(st.builds(DiscoItem, XML_TEXT.filter(bool), XML_TEXT, XML_TEXT), max_size=4), XML_TEXT)
def test_items_there_and_back(items: list[DiscoItem], node: str) -> None:
    ours = disco.Discovery(Identity())
    ours.offer(node, items)
    question = Incoming(DER, "get", fromstring(disco.ask(disco.ITEMS, node)), "1")
    assert disco.read_items(fromstring(ours.items(question))) == tuple(items)


@given(st.sets(XML_TEXT.filter(bool), max_size=5))
def test_features_there_and_back(features: set[str]) -> None:
    ours = disco.Discovery(Identity(name="<A & B>"))
    ours.announce(features)
    answer = fromstring(ours.info(Incoming(DER, "get", fromstring(disco.ask(disco.INFO)), "1")))
    assert disco.read_features(answer) == features | {disco.INFO, disco.ITEMS, disco.PING}
    assert answer[0].attrib == {"category": "client", "type": "bot", "name": "<A & B>"}


def test_answers_that_say_nothing() -> None:
    assert disco.read_features(None) == frozenset()
    assert disco.read_items(None) == ()
    assert disco.read_items(fromstring(f'<query xmlns="{disco.ITEMS}"><item/><item jid="a@x"/></query>')) == (
        DiscoItem("a@x"),
    )


# Handlers


async def settle(lane: Lane) -> None:
    await asyncio.gather(*lane._running)


async def test_handlers_are_bounded_for_each_sender_and_in_all() -> None:
    said: list[str] = []
    refusals = Refusals(OWN)
    lane = Lane(said.append, Limits(), refusals, total=5, each=2)
    gate = asyncio.Event()

    async def wait(_: Incoming) -> None:
        await gate.wait()

    lane.handle("{x}a", wait, ("get", "normal"))
    for sender in ("a@x/1", "a@x/2", "a@x/3"):
        for number in range(3):
            lane.request(xml(f'<iq type="get" id="{number}"><a xmlns="x"/></iq>'), sender)
    assert len(lane._running) == 5
    lane.message(xml('<message><a xmlns="x"/></message>'), "a@x/4")
    assert refusals.counts == {"flood": 5}
    assert len(said) == 4
    assert all("resource-constraint" in text and 'type="wait"' in text for text in said)
    gate.set()
    await settle(lane)
    assert lane._by_sender == {}
    lane.message(xml('<message><a xmlns="x"/></message>'), "a@x/4")
    assert len(lane._running) == 1
    await lane.close()
    assert not lane._running


async def test_the_first_payload_that_somebody_handles_counts() -> None:
    seen: list[str] = []

    async def note(incoming: Incoming) -> None:
        seen.append(incoming.payload.tag)

    lane = Lane(lambda _: None, Limits(), Refusals(OWN))
    lane.handle("{x}a", note, ("normal",))
    lane.handle("{x}b", note, ("normal", "chat"))
    lane.message(xml('<message><delay xmlns="urn:xmpp:delay"/><b xmlns="x"/><a xmlns="x"/></message>'), DER)
    lane.message(xml('<message type="chat"><a xmlns="x"/><b xmlns="x"/></message>'), DER)
    lane.message(xml('<message type="error"><a xmlns="x"/><error/></message>'), DER)
    lane.message(xml('<message type="headline"><a xmlns="x"/></message>'), DER)
    await settle(lane)
    assert seen == ["{x}b", "{x}b"]


@pytest.mark.parametrize(
    ("raised", "condition", "kind"),
    [
        (StanzaRefused("item-not-found"), "item-not-found", "cancel"),
        (StanzaRefused("<evil/>", kind="x'><y"), "undefined-condition", "cancel"),
        (StanzaRefused("not-allowed", "x" * 10_000, kind="auth"), "not-allowed", "auth"),
        (KeyError("x"), "internal-server-error", "cancel"),
        (LocalError("x"), "internal-server-error", "cancel"),
        (RecursionError(), "internal-server-error", "cancel"),
    ],
)
async def test_what_a_handler_raises(raised: Exception, condition: str, kind: str) -> None:
    said: list[str] = []
    lane = Lane(said.append, Limits(), Refusals(OWN))

    async def fail(_: Incoming) -> str:
        raise raised

    lane.handle("{x}a", fail, ("set",))
    lane.request(xml('<iq type="set" id="i"><a xmlns="x"/></iq>'), DER)
    await settle(lane)
    answer = xml(said[0])
    assert (answer.get("id"), answer.get("to"), answer.get("type")) == ("i", DER, "error")
    refused = stanza.refusal(answer)
    assert (refused.code, refused.kind) == (condition, kind)
    assert len(said[0]) < 1000


# The process


def test_settings_for_many_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio.sslproto as sslproto
    import gc

    monkeypatch.setattr(sslproto.SSLProtocol, "max_size", sslproto.SSLProtocol.max_size)
    scale.small_tls_buffers(16_384)
    assert sslproto.SSLProtocol.max_size == 16_384
    before = gc.get_threshold()
    try:
        scale.settle(10_000)
        assert gc.get_threshold()[0] == 10_000
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
