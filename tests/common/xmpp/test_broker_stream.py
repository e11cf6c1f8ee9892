"""One client's stream: negotiation in the order of RFC 6120, authentication, and every way to get it wrong."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.common.xmpp.broker.limits import Limits
from janusgrid.common.xmpp.broker.machine import MACHINE
from janusgrid.common.xmpp.broker.sasl import Keys
from scramp import ScramClient

from .broker_kit import (
    BIND,
    CLIENT,
    DOMAIN,
    HEADER,
    PASSWORD,
    SASL,
    STREAM,
    TLS,
    Peer,
    World,
    auth,
    condition,
    response,
)

STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
BIND_REQUEST = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"


@pytest.fixture
def world() -> World:
    return World("ems", "der")


def ended(peer: Peer) -> str:
    """The stream error that the peer was sent, which must be the last that it was sent."""
    elements = peer.read()
    assert peer.stream.closed
    return condition(elements[-1])


def test_the_whole_way(world):
    peer = world.connect()
    features = peer.open()
    assert [child.tag for child in features] == [TLS + "starttls"]
    assert features[0].find(TLS + "required") is not None
    assert peer.ask(STARTTLS).tag == TLS + "proceed"
    assert peer.stream.securing
    world.core.secured(peer.stream, world.now)
    features = peer.open()
    assert [child.tag for child in features] == [SASL + "mechanisms"]
    assert [child.text for child in features[0]] == ["SCRAM-SHA-256"]
    scram = ScramClient(["SCRAM-SHA-256"], "ems", PASSWORD)
    challenge = peer.ask(auth(scram.get_client_first()))
    scram.set_server_first(base64.b64decode(challenge.text).decode())
    success = peer.ask(response(scram.get_client_final()))
    assert success.tag == SASL + "success"
    scram.set_server_final(base64.b64decode(success.text).decode())
    features = peer.open()
    assert {child.tag.rpartition("}")[2] for child in features} == {"bind", "session", "sm", "limits"}
    peer.bind("desk")
    assert peer.jid == f"ems@{DOMAIN}/desk"
    assert peer.ask("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").get("type") == "result"


def test_the_whole_way_byte_by_byte(world):
    class Dribbling(Peer):
        def send(self, text):
            for byte in text.encode() if isinstance(text, str) else text:
                super().send(bytes([byte]))

    peer = Dribbling(world)
    peer.authenticate("ems")
    peer.bind("desk")
    assert peer.jid == f"ems@{DOMAIN}/desk"


def test_the_header_answers_with_the_domain_and_a_new_id(world):
    first, second = world.connect(), world.connect()
    first.send(HEADER)
    second.send(HEADER.replace(DOMAIN, DOMAIN.upper()))
    texts = [peer.taken().decode() for peer in (first, second)]
    assert all(f"from='{DOMAIN}'" in text and "version='1.0'" in text for text in texts)
    assert texts[0].partition(" id='")[2][:20] != texts[1].partition(" id='")[2][:20]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (HEADER.replace(DOMAIN, "elsewhere.example"), "host-unknown"),
        (HEADER.replace(f"to='{DOMAIN}'", ""), "improper-addressing"),
        (HEADER.replace("version='1.0'", ""), "unsupported-version"),
        (HEADER.replace("version='1.0'", "version='0.9'"), "unsupported-version"),
        (HEADER.replace("version='1.0'", "version='x'"), "unsupported-version"),
        (HEADER.replace("'jabber:client'", "'jabber:server'"), "invalid-namespace"),
        (HEADER.replace("etherx.jabber.org", "example.org"), "invalid-namespace"),
        (HEADER.replace("stream:stream", "stream:flow"), "bad-format"),
        ("<html>", "invalid-namespace"),
        ("<!DOCTYPE stream>" + HEADER, "restricted-xml"),
        ("hello", "not-well-formed"),
    ],
)
def test_headers_refused(world, header, expected):
    peer = world.connect()
    peer.send(header)
    assert ended(peer) == expected


def test_a_later_version_is_answered_with_ours(world):
    peer = world.connect()
    peer.send(HEADER.replace("1.0", "1.7"))
    assert b"version='1.0'" in peer.taken()


def test_the_prefix_free_style_works(world):
    peer = world.connect()
    peer.send(f"<stream xmlns='{STREAM[1:-1]}' to='{DOMAIN}' version='1.0'>")
    assert peer.read()[0].tag == STREAM + "features"
    assert peer.ask(STARTTLS).tag == TLS + "proceed"


@pytest.mark.parametrize(
    "element",
    [
        auth("n,,n=ems,r=x"),
        BIND_REQUEST,
        "<message to='der@site.example'><body>x</body></message>",
        "<presence/>",
        "<enable xmlns='urn:xmpp:sm:3'/>",
        "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
        "<anything/>",
        "<starttls/>",
    ],
)
def test_nothing_but_starttls_before_tls(world, element):
    peer = world.connect()
    peer.open()
    peer.send(element)
    assert ended(peer) == "not-authorized"


@pytest.mark.parametrize(
    "element", [STARTTLS, BIND_REQUEST, "<presence/>", response("x"), "<r xmlns='urn:xmpp:sm:3'/>"]
)
def test_nothing_but_sasl_before_authentication(world, element):
    peer = world.connect()
    peer.secure()
    peer.send(element)
    assert ended(peer) == "not-authorized"


@pytest.mark.parametrize(
    "element",
    [
        "<presence/>",
        "<message/>",
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        BIND_REQUEST.replace("'set'", "'get'"),
        auth("x"),
        "<r xmlns='urn:xmpp:sm:3'/>",
    ],
)
def test_nothing_but_binding_before_a_session(world, element):
    peer = world.connect()
    peer.authenticate("ems")
    peer.send(element)
    assert ended(peer) == "not-authorized"


@pytest.mark.parametrize("element", [STARTTLS, auth("x"), "<error xmlns='jabber:client'/>", "<x xmlns='urn:x'/>"])
def test_unknown_elements_end_a_session(world, element):
    peer = world.login("ems")
    peer.send(element)
    assert ended(peer) == "unsupported-stanza-type"
    assert not world.directory.sessions


@pytest.mark.parametrize("extra", ["<iq/>", HEADER, "x", "<"])
def test_bytes_slipped_in_behind_starttls_end_the_stream(world, extra):
    """An attacker in front of TLS could have them taken for the client's (the class of CVE-2011-0411)."""
    peer = world.connect()
    peer.open()
    peer.send(STARTTLS + extra)
    assert b"policy-violation" in peer.taken()
    assert peer.stream.closed


def test_blanks_are_no_harm_anywhere(world):
    peer = world.connect()
    peer.send("\n ")
    peer.open()
    peer.send(" ")
    peer.send(STARTTLS + "\n")
    assert peer.one().tag == TLS + "proceed"
    world.core.secured(peer.stream, world.now)
    peer.send("\n" + HEADER)
    peer.stream.take()
    assert peer.stream.state == "login"
    session = world.login("ems")
    for _ in range(100):
        session.send(" ")
    assert session.taken() == b""
    assert not session.stream.closed


def test_the_client_ends_the_stream(world):
    peer = world.login("ems")
    peer.send("</stream:stream>")
    assert peer.taken() == b"</stream:stream>"
    assert peer.stream.closed
    assert not world.directory.sessions
    peer.send("<presence/>")
    assert peer.taken() == b""


# Authentication


def test_a_wrong_password_three_times(world):
    peer = world.connect()
    failure = peer.authenticate("ems", "wrong")
    assert failure[0].tag == SASL + "not-authorized"
    for attempt in (2, 3):
        scram = ScramClient(["SCRAM-SHA-256"], "ems", "wrong")
        challenge = peer.ask(auth(scram.get_client_first()))
        scram.set_server_first(base64.b64decode(challenge.text).decode())
        peer.send(response(scram.get_client_final()))
        assert peer.stream.closed == (attempt == 3)
        answers = peer.read()
        assert answers[0].tag == SASL + "failure"
    assert condition(answers[1]) == "policy-violation"


def test_a_second_attempt_may_succeed(world):
    peer = world.connect()
    peer.authenticate("ems", "wrong")
    scram = ScramClient(["SCRAM-SHA-256"], "ems", PASSWORD)
    challenge = peer.ask(auth(scram.get_client_first()))
    scram.set_server_first(base64.b64decode(challenge.text).decode())
    assert peer.ask(response(scram.get_client_final())).tag == SASL + "success"


def test_names_without_an_account_cannot_be_told_from_others(world):
    def challenge(user: str) -> dict[str, str]:
        peer = world.connect()
        peer.secure()
        text = base64.b64decode(peer.ask(auth(f"n,,n={user},r=abc")).text).decode()
        return dict(field.split("=", 1) for field in text.split(","))

    known, unknown, again, other = (challenge(user) for user in ("ems", "nobody", "nobody", "nobody2"))
    assert known.keys() == unknown.keys() == {"r", "s", "i"}
    assert known["i"] == unknown["i"]
    assert len(known["s"]) == len(unknown["s"])
    assert unknown["s"] == again["s"] != other["s"]
    assert world.connect().authenticate("nobody")[0].tag == SASL + "not-authorized"


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (auth("x", "PLAIN"), "invalid-mechanism"),
        (auth("n,,n=ems,r=x", "SCRAM-SHA-1"), "invalid-mechanism"),
        (auth("n,,n=ems,r=x").replace("mechanism", "mech"), "invalid-mechanism"),
        (auth("x"), "malformed-request"),
        (auth("n,,n=ems"), "malformed-request"),
        (auth("p=tls-unique,,n=ems,r=x"), "malformed-request"),
        (auth("n,a=der,n=ems,r=x"), "invalid-authzid"),
        (auth("n,,n=ems,r=x").replace("bixz", "%%").replace("biws", "%%%"), "incorrect-encoding"),
        ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>/w==</auth>", "incorrect-encoding"),
        (auth("n,,n=,r=x"), "malformed-request"),
        (auth("n,,n=\u0000,r=x"), "malformed-request"),
    ],
)
def test_bad_first_messages(world, element, expected):
    peer = world.connect()
    peer.secure()
    failure = peer.ask(element)
    assert failure[0].tag == SASL + expected
    assert peer.stream.state == "login"


@pytest.mark.parametrize("message", ["", "x", "c=biws,r=abc,p=AAAA", "c=biws,p=AAAA", "c=biws,r=abc"])
def test_bad_final_messages(world, message):
    peer = world.connect()
    peer.secure()
    assert peer.ask(auth("n,,n=ems,r=abc")).tag == SASL + "challenge"
    assert peer.ask(response(message))[0].tag == SASL + "not-authorized"
    assert not peer.stream.user


def test_abort(world):
    peer = world.connect()
    peer.secure()
    peer.ask(auth("n,,n=ems,r=abc"))
    assert peer.ask("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")[0].tag == SASL + "aborted"
    assert peer.stream.state == "login"


def test_without_an_initial_response_the_challenge_is_empty(world):
    peer = world.connect()
    peer.secure()
    challenge = peer.ask("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'/>")
    assert (challenge.tag, challenge.text) == (SASL + "challenge", None)
    assert peer.ask(response("n,,n=ems,r=abc")).text


def test_only_keys_are_kept():
    keys = Keys.of("pencil")
    assert b"pencil" not in keys.salt + keys.stored + keys.server
    assert "stored" not in repr(keys)
    assert keys.iterations >= 4096
    with pytest.raises(LocalError, match="4096"):
        Keys.of("pencil", 1000)
    with pytest.raises(LocalError, match="password"):
        Keys.of("\u0007")


def test_keys_are_those_of_rfc_7677(world):
    """The example of RFC 7677 clause 3: user 'user', password 'pencil', this salt, 4096 iterations."""
    from janusgrid.common.xmpp.broker.sasl import _SCRAM, Decoys, Exchange

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    keys = Keys(*_SCRAM.make_auth_info("pencil", iteration_count=4096, salt=salt))
    exchange = Exchange(lambda user: keys if user == "user" else None, Decoys())
    exchange._server = _SCRAM.make_server(exchange._keys, s_nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    challenge = base64.b64decode(exchange.answer(base64.b64encode(first.encode()).decode())).decode()
    assert challenge == "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    final = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    proof = base64.b64decode(exchange.answer(base64.b64encode(final.encode()).decode())).decode()
    assert proof == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert exchange.done


# Binding


def test_the_requested_resource_is_honoured_and_prepared(world):
    peer = world.connect()
    peer.authenticate("ems")
    peer.bind("Ｂüro ①")
    assert peer.jid == f"ems@{DOMAIN}/Büro 1"


def test_a_resource_is_made_up_if_none_is_requested(world):
    peers = [world.login("ems", "") for _ in range(3)]
    assert len({peer.jid for peer in peers}) == 3
    assert all(len(peer.jid.partition("/")[2]) >= 16 for peer in peers)


def test_a_bad_resource_is_refused_and_may_be_corrected(world):
    peer = world.connect()
    peer.authenticate("ems")
    assert condition(peer.bind("x" * 2000)) == "bad-request"
    assert condition(peer.bind("a\u200eb")) == "bad-request"
    assert peer.bind("good").get("type") == "result"


def test_the_newest_session_lives(world):
    old = world.login("ems", "desk", present=True)
    new = world.login("ems", "desk")
    assert ended(old) == "conflict"
    assert tuple(world.directory.sessions) == (f"ems@{DOMAIN}/desk",)
    old.lose()
    assert new.ask("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").get("type") == "result"


def test_sessions_of_one_account_are_bounded():
    world = World("ems", limits=Limits(sessions=2))
    world.login("ems", "a")
    waiting = world.login("ems", "b")
    waiting.enable()
    peer = world.connect()
    peer.authenticate("ems")
    assert condition(peer.bind("c")) == "resource-constraint"
    waiting.lose()
    assert peer.bind("c").get("type") == "result"
    assert set(world.directory.sessions) == {f"ems@{DOMAIN}/a", f"ems@{DOMAIN}/c"}


# Limits and time


def test_before_login_elements_are_small(world):
    peer = world.connect()
    peer.secure()
    peer.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{'A' * 12_000}")
    assert ended(peer) == "policy-violation"


@pytest.mark.parametrize(
    "payload",
    ["x" * 300_000, "<a>" * 1000 + "</a>" * 1000, "<a/>" * 30_000, "<a x='" + "y" * 20_000 + "'/>"],
    ids=["large", "deep", "many", "tag"],
)
def test_stanzas_beyond_the_limits_end_the_stream(world, payload):
    peer, other = world.login("ems"), world.login("der")
    peer.send(f"<message to='der@{DOMAIN}/r'><x>{payload}</x></message>")
    assert ended(peer) == "policy-violation"
    assert other.taken() == b""


def test_a_stanza_just_within_the_limit_passes(world):
    peer, other = world.login("ems"), world.login("der")
    frame = f"<message to='{other.jid}'><body></body></message>"
    peer.send(frame.replace("></", ">" + "x" * (262_144 - len(frame)) + "</", 1))
    assert len(other.one().findtext(CLIENT + "body")) == 262_144 - len(frame)


@pytest.mark.parametrize("reached", ["connect", "open", "secure", "authenticate"])
def test_whoever_does_not_log_in_in_time_is_closed(world, reached):
    peer = world.connect()
    {
        "connect": lambda: None,
        "open": peer.open,
        "secure": peer.secure,
        "authenticate": lambda: peer.authenticate("ems"),
    }[reached]()
    world.advance(14.9)
    assert not peer.stream.closed
    world.advance(0.2)
    assert ended(peer) == "connection-timeout"


def test_a_session_has_all_the_time_in_the_world(world):
    peer = world.login("ems")
    world.advance(100_000)
    assert not peer.stream.closed


def test_a_flood_of_idle_connections_drops_the_oldest():
    world = World("ems", limits=Limits(pending=10))
    flood = [world.connect() for _ in range(10)]
    peer = world.login("ems")
    assert peer.jid
    assert flood[0].stream.closed
    assert condition(flood[0].read()[-1]) == "resource-constraint"
    assert not flood[1].stream.closed


def test_shutdown_tells_everybody(world):
    peers = [world.connect(), world.login("ems", present=True), world.login("der", present=True)]
    world.core.shutdown("system-shutdown")
    assert [ended(peer) for peer in peers] == ["system-shutdown"] * 3
    assert not world.directory.sessions


def test_a_fault_of_the_broker_itself_ends_one_stream_only(world, monkeypatch, caplog):
    peer, other = world.login("ems"), world.login("der")

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(world.core, "route", broken)
    peer.send("<presence/>")
    assert ended(peer) == "internal-server-error"
    assert "fault of the broker" in caplog.text
    assert not other.stream.closed


# Any order of anything

CHUNKS = [
    HEADER,
    STARTTLS,
    auth("n,,n=ems,r=abc"),
    response("c=biws,r=abc,p=AAAA"),
    "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    BIND_REQUEST,
    "<message to='der@site.example/r'><body>x</body></message>",
    "<presence/>",
    "<presence type='subscribe' to='der@site.example'/>",
    "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
    "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='1'/>",
    "</stream:stream>",
    " ",
    "<!-- -->",
    "</iq>",
]


@given(st.lists(st.sampled_from(CHUNKS), max_size=12), st.sampled_from(["", "secure", "bound"]))
def test_any_order_is_answered_or_ended(chunks, reached):
    world = World("ems", "der")
    peer = world.login("ems") if reached == "bound" else world.connect()
    if reached == "secure":
        peer.secure()
    for chunk in chunks:
        peer.send(chunk)
        assert peer.stream.state in MACHINE.states
    if reached != "bound":
        assert not world.directory.sessions
    assert b"internal-server-error" not in peer.taken()


def test_mutated_sessions_never_break_the_broker():
    """A logged-in client that sends damaged stanzas: another client must not notice."""
    chance = random.Random(7)
    world = World("ems", "der")
    world.befriend("ems", "der")
    witness = world.login("der", present=True)
    text = "".join(CHUNKS[6:14]).encode()
    ends: dict[str, int] = {}
    peer = unauthenticated_login(world)
    for _ in range(10_000):
        data = bytearray(text[chance.randrange(len(text)) :])
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data))] = chance.choice(b"<>/'\"&;= axiq\xc3")
        peer.send(bytes(data))
        if peer.stream.closed:
            output = peer.taken()
            end = output.rpartition(b"<stream:error><")[2].split(b" ")[0].decode()
            ends[end] = ends.get(end, 0) + 1
            peer.lose()
            peer = unauthenticated_login(world)
    assert set(ends) >= {"not-well-formed", "unsupported-stanza-type", "bad-format"}
    assert "internal-server-error" not in ends
    assert witness.jid in world.directory.sessions
    witness.read()
    assert witness.ask("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").get("type") == "result"


def unauthenticated_login(world: World) -> Peer:
    """A session without SCRAM, which would be most of what a test of thousands of sessions does."""
    peer = world.connect()
    peer.stream.state, peer.stream.user = "authenticated", "ems"
    peer.open()
    peer.bind("r")
    return peer


def test_the_table_prints():
    table = MACHINE.table()
    assert "plain          starttls  securing" in table
    assert MACHINE.table("mermaid").startswith("stateDiagram-v2")


def test_answers_to_bind_carry_the_jid_in_its_namespace(world):
    peer = world.connect()
    peer.authenticate("ems")
    answer = peer.bind("r")
    assert answer.get("id") == "bind"
    assert answer[0].tag == BIND + "bind"
