"""Where stanzas go: RFC 6120 clause 10 and RFC 6121 clause 8, and what the broker answers itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.xmpp.broker.router import _FALLBACK

from .broker_kit import CLIENT, DOMAIN, HEADER, Peer, World, condition

PING = "<ping xmlns='urn:xmpp:ping'/>"
INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
ITEMS = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
DISCO_INFO = "{http://jabber.org/protocol/disco#info}"
DISCO_ITEMS = "{http://jabber.org/protocol/disco#items}"


@pytest.fixture
def world() -> World:
    return World("ems", "der", "vtn")


def iq(to: str = "", payload: str = PING, kind: str = "get", id_: str = "i1") -> str:
    address = f" to='{to}'" if to else ""
    return f"<iq type='{kind}' id='{id_}'{address}>{payload}</iq>"


def message(to: str = "", kind: str = "") -> str:
    return f"<message{f' to={to!r}' if to else ''}{f' type={kind!r}' if kind else ''} id='m'><body>x</body></message>"


# iq


def test_a_request_and_its_answer(world):
    ems, der = world.login("ems"), world.login("der")
    payload = "<mms xmlns='urn:mms'><read a=\"1\">&lt;</read></mms>"
    ems.send(f"<iq type='set' id='17' to='{der.jid}'>{payload}</iq>")
    assert der.taken().decode() == f"<iq from='{ems.jid}' type='set' id='17' to='{der.jid}'>{payload}</iq>"
    der.send(f"<iq type='result' id='17' to='{ems.jid}'/>")
    answer = ems.one()
    assert (answer.get("from"), answer.get("type"), answer.get("id")) == (der.jid, "result", "17")


@pytest.mark.parametrize("claimed", ["ems@site.example/r", "ems@site.example", "EMS@Site.Example/r"])
def test_whoever_names_itself_is_stamped_all_the_same(world, claimed):
    ems, der = world.login("ems"), world.login("der")
    ems.send(f"<iq from='{claimed}' type='get' id='1' to='{der.jid}'>{PING}</iq>")
    assert der.one().get("from") == ems.jid


@pytest.mark.parametrize(
    "claimed",
    ["der@site.example/r", "vtn@site.example", "site.example", "ems@site.example/other", "@", "ems@elsewhere/r"],
)
@pytest.mark.parametrize("kind", ["iq", "message", "presence"])
def test_whoever_claims_to_be_another_is_thrown_out(world, claimed, kind):
    ems, der = world.login("ems"), world.login("der")
    ems.send(f"<{kind} from='{claimed}' type='error' id='1' to='{der.jid}'/>")
    assert condition(ems.read()[-1]) == "invalid-from"
    assert der.taken() == b""


@pytest.mark.parametrize("to", ["der@site.example/absent", "nobody@site.example/r", "site.example/absent"])
def test_a_request_to_an_absent_full_jid(world, to):
    ems = world.login("ems")
    answer = ems.ask(iq(to))
    assert condition(answer) == "service-unavailable"
    assert (answer.get("from"), answer.get("to"), answer.get("id")) == (to, ems.jid, "i1")


@pytest.mark.parametrize("kind", ["result", "error"])
@pytest.mark.parametrize(
    "to", ["der@site.example/absent", "nobody@site.example", "der@site.example", "", "site.example"]
)
def test_answers_that_nobody_waits_for_are_dropped(world, to, kind):
    ems = world.login("ems")
    ems.send(iq(to, "", kind))
    assert ems.taken() == b""


def test_a_request_reaches_a_session_without_presence(world):
    ems, der = world.login("ems"), world.login("der")
    ems.send(iq(der.jid))
    assert der.one().get("id") == "i1"


def test_addresses_are_compared_prepared(world):
    ems, der = world.login("ems"), world.login("der")
    ems.send(iq("DER@SITE.example/r"))
    assert der.one().get("to") == "DER@SITE.example/r"


@pytest.mark.parametrize(
    "stanza",
    [
        "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get' id='1'/>",
        f"<iq type='set' id='1'>{PING}{PING}</iq>",
        f"<iq type='fetch' id='1'>{PING}</iq>",
        f"<iq id='1'>{PING}</iq>",
    ],
)
def test_malformed_iqs_are_answered(world, stanza):
    assert condition(world.login("ems").ask(stanza)) == "bad-request"


def test_a_malformed_error_is_not_answered(world):
    ems = world.login("ems")
    ems.send("<iq type='error'/>")
    assert ems.taken() == b""


@pytest.mark.parametrize(
    "to", ["@site.example", "a@b@c/", "der@site.example/", "der@-bad-.example", "a b@site.example"]
)
@pytest.mark.parametrize("kind", ["iq", "message", "presence"])
def test_malformed_addresses(world, to, kind):
    ems = world.login("ems")
    content = PING if kind == "iq" else ""
    type_ = " type='get'" if kind == "iq" else ""
    assert condition(ems.ask(f"<{kind} to='{to}' id='1'{type_}>{content}</{kind}>")) == "jid-malformed"


def test_other_domains_are_out_of_reach(world):
    ems = world.login("ems")
    for stanza in (
        iq("der@elsewhere.example/r"),
        message("der@elsewhere.example"),
        "<presence to='x@elsewhere.example'/>",
    ):
        assert condition(ems.ask(stanza)) == "remote-server-not-found"
    ems.send("<presence type='error' to='x@elsewhere.example'/>")
    assert ems.taken() == b""


def test_identifiers_with_odd_characters_come_back_as_they_were(world):
    answer = world.login("ems").ask(
        "<iq type='get' id='&lt;&apos;&quot;&amp;&#9;&#10;ü'><ping xmlns='urn:xmpp:ping'/></iq>"
    )
    assert answer.get("id") == "<'\"&\t\nü"


# What the broker answers itself


@pytest.mark.parametrize("to", ["", DOMAIN, f"ems@{DOMAIN}"])
def test_ping_and_the_old_session_request(world, to):
    ems = world.login("ems")
    assert ems.ask(iq(to)).get("type") == "result"
    session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
    assert ems.ask(iq(to, session, "set")).get("type") == "result"


def test_discovery_of_the_server(world):
    ems = world.login("ems")
    info = ems.ask(iq(DOMAIN, INFO))
    assert info.find(f"*/{DISCO_INFO}identity").get("category") == "server"
    features = {feature.get("var") for feature in info.iter(DISCO_INFO + "feature")}
    assert features >= {"urn:xmpp:ping", DISCO_INFO[1:-1], DISCO_ITEMS[1:-1]}
    assert ems.ask(iq(DOMAIN, ITEMS)).find(f"{DISCO_ITEMS}query") is not None
    with_node = INFO.replace("/>", " node='x'/>")
    assert condition(ems.ask(iq(DOMAIN, with_node))) == "item-not-found"


def test_discovery_of_the_own_account(world):
    ems = world.login("ems", present=True)
    world.login("ems", "second", present=True)
    ems.read()
    assert ems.ask(iq("", INFO)).find(f"*/{DISCO_INFO}identity").get("category") == "account"
    items = ems.ask(iq(f"ems@{DOMAIN}", ITEMS))
    assert [item.get("jid") for item in items.iter(DISCO_ITEMS + "item")] == [f"ems@{DOMAIN}/r", f"ems@{DOMAIN}/second"]


def test_discovery_of_accounts_is_for_those_who_may_see_them(world):
    ems, der = world.login("ems"), world.login("der", present=True)
    for payload in (INFO, ITEMS, PING):
        assert condition(ems.ask(iq(f"der@{DOMAIN}", payload))) == "service-unavailable"
        assert condition(ems.ask(iq(f"nobody@{DOMAIN}", payload))) == "service-unavailable"
    world.befriend("ems", "der")
    items = ems.ask(iq(f"der@{DOMAIN}", ITEMS))
    assert [item.get("jid") for item in items.iter(DISCO_ITEMS + "item")] == [der.jid]
    assert ems.ask(iq(f"der@{DOMAIN}", INFO)).get("from") == f"der@{DOMAIN}"
    assert ems.ask(iq(f"der@{DOMAIN}")).get("type") == "result"


def test_discovery_of_a_full_jid_is_the_clients_own_affair(world):
    ems, der = world.login("ems"), world.login("der")
    ems.send(iq(der.jid, INFO))
    assert der.one()[0].tag == DISCO_INFO + "query"
    assert ems.taken() == b""


@pytest.mark.parametrize("to", ["", DOMAIN, f"der@{DOMAIN}"])
def test_what_the_broker_does_not_know(world, to):
    ems = world.login("ems")
    assert condition(ems.ask(iq(to, "<query xmlns='jabber:iq:private'/>"))) == "service-unavailable"
    assert condition(ems.ask(iq(to, "<vCard xmlns='vcard-temp'/>", "set"))) == "service-unavailable"


def test_a_second_resource_cannot_be_bound(world):
    bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
    assert condition(world.login("ems").ask(iq("", bind, "set"))) == "not-allowed"


# Messages: each row of the table in RFC 6121 clause 8.5.4; E error, S silently dropped, D delivered to the one,
# M to the most available, A to all with a priority that is not negative. There is no offline storage: O is E here.

TABLE = [
    # case                   normal chat groupchat headline
    ("no account, bare", "E", "E", "E", "S"),
    ("no account, full", "E", "E", "E", "S"),
    ("none, bare", "E", "E", "E", "S"),
    ("none, full", "E", "E", "E", "S"),
    ("negative, bare", "E", "E", "E", "S"),
    ("negative, match", "D", "D", "D", "D"),
    ("negative, no match", "E", "E", "E", "S"),
    ("one, bare", "D", "D", "E", "D"),
    ("one, match", "D", "D", "D", "D"),
    ("one, no match", "E", "D", "E", "S"),
    ("several, bare", "M", "M", "E", "A"),
    ("several, match", "D", "D", "D", "D"),
    ("several, no match", "E", "M", "E", "S"),
]
PRIORITIES = {"none": [], "negative": [-1], "one": [5], "several": [5, 1, 5, -1]}


@pytest.mark.parametrize(
    ("case", "kind", "expected"),
    [
        (row[0], kind, row[column])
        for row in TABLE
        for column, kinds in enumerate([("", "normal", "odd"), ("chat",), ("groupchat",), ("headline",)], 1)
        for kind in kinds
    ],
)
def test_messages_go_where_the_table_says(world, case, kind, expected):
    state, way = case.split(", ")
    ders: list[Peer] = []
    for number, priority in enumerate(PRIORITIES.get(state, [])):
        der = world.login("der", f"r{number}")
        der.send(f"<presence><priority>{priority}</priority></presence>")
        ders.append(der)
    for der in ders:
        der.read()
    ems = world.login("ems")
    user = "nobody" if state == "no account" else "der"
    ems.send(message(f"{user}@{DOMAIN}" + {"bare": "", "match": "/r0"}.get(way, "/absent"), kind))
    got = [len(der.read()) for der in ders]
    answers = [condition(stanza) for stanza in ems.read()]
    assert answers == (["service-unavailable"] if expected == "E" else [])
    wanted = {"E": [0] * len(ders), "S": [0] * len(ders), "D": [1, 0, 0, 0], "M": [1, 0, 1, 0], "A": [1, 1, 1, 0]}
    assert got == wanted[expected][: len(ders)]


def test_every_type_of_message_has_its_row():
    assert set(_FALLBACK) == {"normal", "chat", "groupchat", "headline", "error"}


@pytest.mark.parametrize("to", [f"nobody@{DOMAIN}", f"der@{DOMAIN}", f"der@{DOMAIN}/absent", DOMAIN])
def test_errors_are_never_answered_with_errors(world, to):
    ems = world.login("ems")
    ems.send(message(to, "error"))
    assert ems.taken() == b""


def test_a_message_without_an_address_is_for_oneself(world):
    ems = world.login("ems", present=True)
    assert ems.ask(message()).findtext(CLIENT + "body") == "x"


def test_a_message_to_the_server_comes_back(world):
    assert condition(world.login("ems").ask(message(DOMAIN))) == "service-unavailable"


def test_a_message_carries_the_language_of_its_stream(world):
    der = world.login("der", present=True)
    ems = world.connect()
    ems.header = HEADER.replace(" version=", " xml:lang='de' version=")
    ems.authenticate("ems")
    ems.bind("r")
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    ems.send(message(der.jid))
    assert der.one().get(lang) == "de"
    ems.send(message(der.jid).replace(" id=", " xml:lang='en' id="))
    assert der.one().get(lang) == "en"
    ems.send(iq(der.jid))
    assert der.one().get(lang) is None


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20), st.sampled_from(["iq", "message", "presence"])
)
def test_any_address_is_answered_or_dropped(to, kind):
    from janusgrid.common.xmpp.broker.text import quote

    world = World("ems", "der")
    ems = world.login("ems")
    ems.send(
        f"<{kind} type='{'get' if kind == 'iq' else ''}' id='1' to={quote(to)}>{PING if kind == 'iq' else ''}</{kind}>"
    )
    assert not ems.stream.closed
    for stanza in ems.read():
        assert stanza.get("id") == "1"
