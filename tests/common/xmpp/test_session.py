"""The one suite of the session port: every server passes the same tests, with real sessions on a real server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from xml.etree.ElementTree import Element

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.errors import LocalError, NotReachable, Refused, TimedOut
from janusgrid.common.security.tls import MODERN
from janusgrid.common.xmpp import tls
from janusgrid.common.xmpp.acks import NAMESPACE as ACKS
from janusgrid.common.xmpp.guard import Limits
from janusgrid.common.xmpp.servers import LocalServer, pki
from janusgrid.common.xmpp.session import DiscoItem, Identity, Incoming, Session, StanzaRefused
from janusgrid.common.xmpp.slix import SlixSession

from .conftest import PASSWORD, make_session, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

METER = "urn:example:meter"
MARKET = "urn:example:market"


def el(name: str, text: object = "", ns: str = METER) -> str:
    return f'<{name} xmlns="{ns}">{text}</{name}>'


async def echo(incoming: Incoming) -> str:
    return el("echo", incoming.payload.text or "")


@attrs.define
class Pair:
    """Two sessions that see each other, and somebody who is not trusted."""

    ems: SlixSession
    der: SlixSession
    mallory: SlixSession


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sessions(server: LocalServer) -> AsyncIterator[Pair]:
    ems, der = make_session(server, "ems"), make_session(server, "der")
    async with ems, der, make_session(server, "mallory") as mallory:
        await ems.subscribe(f"der@{server.domain}")
        yield Pair(ems, der, mallory)


@pytest_asyncio.fixture(loop_scope="module")
async def pair(sessions: Pair) -> AsyncIterator[Pair]:
    """The pair, connected and without handlers of another test."""
    await until(lambda: sessions.ems.connected and sessions.der.connected and sessions.mallory.connected)
    sessions.der.handle(f"{{{METER}}}echo", echo)
    yield sessions
    for session in (sessions.ems, sessions.der, sessions.mallory):
        for name in ("echo", "fail", "slow", "report", "step"):
            for ns in (METER, MARKET):
                session.unhandle(f"{{{ns}}}{name}")


def raw(session: SlixSession, text: str) -> None:
    """Send any text as a stanza, as a hostile client would."""
    session._link.send(text, "message")


async def break_off(session: SlixSession) -> None:
    """Tear the connection without a word, as a network does, and wait until that was noticed."""
    stream = session._link._stream
    assert stream is not None
    stream.transport.abort()
    await stream.lost


# The port as protocols use it


async def test_implements_the_port(pair: Pair) -> None:
    port: Session = pair.ems
    assert port.connected
    assert port.jid == "ems@grid.test/IEC"


@pytest.mark.parametrize("kind", ["get", "set"])
async def test_request_and_response(pair: Pair, kind: str) -> None:
    answer = await pair.ems.request(pair.der.jid, el("echo", "230.1"), kind=kind)  # type: ignore[arg-type]
    assert answer is not None
    assert (answer.tag, answer.text) == (f"{{{METER}}}echo", "230.1")


async def test_empty_result_is_none(pair: Pair) -> None:
    async def nothing(_: Incoming) -> None:
        return None

    pair.der.handle(f"{{{METER}}}step", nothing)
    assert await pair.ems.request(pair.der.jid, el("step")) is None


async def test_the_sender_is_the_one_the_server_stamped(pair: Pair) -> None:
    seen: list[Incoming] = []

    async def note(incoming: Incoming) -> None:
        seen.append(incoming)

    pair.der.handle(f"{{{METER}}}report", note, kinds=("normal",))
    text = (
        f'<message type="normal" to="{pair.der.jid}" from="utility@grid.test/VTN" id="m1">{el("report", 1)}</message>'
    )
    raw(pair.mallory, text)
    await pair.ems.push(pair.der.jid, el("report", 2))
    # A server stamps the true sender, or throws out who lies.
    await until(lambda: any(i.sender == pair.ems.jid for i in seen), "the honest message")
    assert {i.sender for i in seen} <= {pair.ems.jid, pair.mallory.jid}
    await until(lambda: pair.mallory.connected)


async def test_push_keeps_the_order_and_the_kind(pair: Pair) -> None:
    seen: list[tuple[str, str | None]] = []

    async def note(incoming: Incoming) -> None:
        seen.append((incoming.kind, incoming.payload.text))

    pair.ems.handle(f"{{{METER}}}report", note, kinds=("normal", "chat"))
    for number in range(50):
        await pair.der.push(pair.ems.jid, el("report", number), kind="chat" if number % 2 else "normal")
    await until(lambda: len(seen) == 50)
    assert seen == [("chat" if n % 2 else "normal", str(n)) for n in range(50)]


async def test_two_protocols_on_one_session(pair: Pair) -> None:
    async def market(incoming: Incoming) -> str:
        return el("echo", f"market {incoming.payload.text}", MARKET)

    pair.der.handle(f"{{{MARKET}}}echo", market, kinds=("set",))
    answers = await asyncio.gather(
        *(pair.ems.request(pair.der.jid, el("echo", n, ns)) for n in range(20) for ns in (METER, MARKET))
    )
    texts = [answer.text for answer in answers if answer is not None]
    assert texts == [text for n in range(20) for text in (f"{n}", f"market {n}")]


async def test_one_handler_for_a_name_and_kind(pair: Pair) -> None:
    with pytest.raises(LocalError, match="has a handler already"):
        pair.der.handle(f"{{{METER}}}echo", echo, kinds=("get",))
    pair.der.handle(f"{{{METER}}}echo", echo, kinds=("normal",))
    pair.der.unhandle(f"{{{METER}}}echo")
    with pytest.raises(StanzaRefused) as refused:
        await pair.ems.request(pair.der.jid, el("echo"))
    assert refused.value.code == "service-unavailable"


async def test_fifty_requests_at_once_answered_in_any_order(pair: Pair) -> None:
    gates = [asyncio.Event() for _ in range(50)]

    async def slow(incoming: Incoming) -> str:
        await gates[int(incoming.payload.text or "")].wait()
        return el("slow", incoming.payload.text)

    pair.der.handle(f"{{{METER}}}slow", slow)
    tasks = [asyncio.create_task(pair.ems.request(pair.der.jid, el("slow", n))) for n in range(50)]
    await until(lambda: pair.ems.outstanding == 50)
    finished: list[int] = []
    for number in reversed(range(50)):
        gates[number].set()
        answer = await tasks[number]
        assert answer is not None
        finished.append(int(answer.text or ""))
    assert finished == list(reversed(range(50)))
    assert pair.ems.outstanding == 0


async def test_requests_beyond_the_bound_wait_for_their_turn(pair: Pair, server: LocalServer) -> None:
    running, most = 0, 0

    async def slow(incoming: Incoming) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        return el("slow", incoming.payload.text)

    pair.der.handle(f"{{{METER}}}slow", slow)
    async with make_session(server, "utility", max_outstanding=4) as utility:
        answers = await asyncio.gather(*(utility.request(pair.der.jid, el("slow", n)) for n in range(30)))
    assert [answer.text for answer in answers if answer is not None] == [str(n) for n in range(30)]
    assert most <= 4


# Errors


async def test_a_handler_refuses(pair: Pair) -> None:
    async def fail(_: Incoming) -> str:
        raise StanzaRefused("not-allowed", "no <operating> today & tomorrow", kind="auth")

    pair.der.handle(f"{{{METER}}}fail", fail)
    with pytest.raises(StanzaRefused) as refused:
        await pair.ems.request(pair.der.jid, el("fail"))
    assert (refused.value.code, refused.value.kind) == ("not-allowed", "auth")
    assert refused.value.message == "no <operating> today & tomorrow"


async def test_a_handler_breaks(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: Incoming) -> str:
        raise ZeroDivisionError("secret inside")

    pair.der.handle(f"{{{METER}}}fail", fail, kinds=("get", "set", "normal"))
    with pytest.raises(StanzaRefused) as refused:
        await pair.ems.request(pair.der.jid, el("fail"))
    assert refused.value.code == "internal-server-error"
    assert "secret" not in str(refused.value)
    await pair.ems.push(pair.der.jid, el("fail"))
    await until(lambda: pair.der.refusals["handler-failed"] >= 2)
    assert any(getattr(record, "event", "") == "handler-failed" for record in caplog.records)
    assert await pair.ems.request(pair.der.jid, el("echo", "alive")) is not None


async def test_nobody_handles_it(pair: Pair) -> None:
    with pytest.raises(StanzaRefused) as refused:
        await pair.ems.request(pair.der.jid, el("unheard-of"))
    assert refused.value.code == "service-unavailable"


async def test_nobody_is_there(pair: Pair) -> None:
    with pytest.raises(StanzaRefused) as refused:
        await pair.ems.request("sleeper@grid.test/IEC", el("echo"))
    assert refused.value.code in ("service-unavailable", "recipient-unavailable")


async def test_no_answer_in_time(pair: Pair) -> None:
    gate = asyncio.Event()

    async def slow(_: Incoming) -> str:
        await gate.wait()
        return el("slow", "late")

    pair.der.handle(f"{{{METER}}}slow", slow)
    before = pair.ems.refusals["unasked-result"]
    with pytest.raises(TimedOut, match=r"der@grid\.test/IEC did not answer within 0\.05 s"):
        await pair.ems.request(pair.der.jid, el("slow"), timeout=0.05)
    assert pair.ems.outstanding == 0
    gate.set()
    await until(lambda: pair.ems.refusals["unasked-result"] > before, "the late answer is counted, not taken")


async def test_an_answer_that_is_not_wanted_any_more_is_no_offence(pair: Pair) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()

    async def slow(_: Incoming) -> str:
        asked.set()
        await gate.wait()
        return el("slow", "late")

    pair.der.handle(f"{{{METER}}}slow", slow)
    before = pair.ems.refusals["unasked-result"]
    task = asyncio.create_task(pair.ems.request(pair.der.jid, el("slow")))
    await asked.wait()
    (id,) = pair.ems._requests._open
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pair.ems.outstanding == 0
    raw(pair.mallory, f'<iq type="result" id="{id}" to="{pair.ems.jid}"/>')
    await until(lambda: pair.ems.refusals["unasked-result"] == before + 1, "nobody else may answer it")
    gate.set()
    await until(lambda: id not in pair.ems._requests._given_up, "it has come")
    raw(pair.der, f'<iq type="result" id="{id}" to="{pair.ems.jid}"/>')
    await until(lambda: pair.ems.refusals["unasked-result"] == before + 2, "once")


@pytest.mark.parametrize("address", ["", "@", "der@", "der@grid.test/", "a b@grid.test", "x" * 1100 + "@grid.test"])
async def test_an_address_that_is_none(pair: Pair, address: str) -> None:
    with pytest.raises(LocalError, match="XMPP address"):
        await pair.ems.push(address, el("report"))


async def test_more_than_a_stanza_may_hold(pair: Pair) -> None:
    with pytest.raises(LocalError, match="262144 octets are allowed"):
        await pair.ems.request(pair.der.jid, el("echo", "x" * 262_144))
    with pytest.raises(LocalError, match="262144 octets are allowed"):
        await pair.ems.push(pair.der.jid, el("echo", "€" * 100_000))

    async def fail(_: Incoming) -> str:
        return el("fail", "x" * 262_144)

    pair.der.handle(f"{{{METER}}}fail", fail)
    with pytest.raises(StanzaRefused) as refused:
        await pair.ems.request(pair.der.jid, el("fail"))
    assert refused.value.code == "internal-server-error"


async def test_payload_text_arrives_as_it_was(pair: Pair) -> None:
    text = "&lt;b&gt; &amp; \u00e9\u20ac\U0001f50b 'q' \"q\" ]]&gt; " + "\u4e2d" * 3000

    async def same(incoming: Incoming) -> str:
        content = (incoming.payload.text or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return el("step", content)

    pair.der.handle(f"{{{METER}}}step", same)
    back = await pair.ems.request(pair.der.jid, f'<m:step xmlns:m="{METER}">{text}</m:step>')
    assert back is not None
    assert back.text == "<b> & \u00e9\u20ac\U0001f50b 'q' \"q\" ]]> " + "\u4e2d" * 3000


# Presence and discovery


async def test_presence_comes_and_goes(pair: Pair, server: LocalServer) -> None:
    seen: list[tuple[str, bool]] = []
    remove = pair.ems.on_presence(lambda jid, there: seen.append((jid, there)))
    await pair.ems.subscribe("utility@grid.test")
    utility = make_session(server, "utility")
    async with utility:
        await until(lambda: pair.ems.available(utility.jid), "ems sees the utility")
        await until(lambda: utility.available(pair.ems.jid), "and is seen, for a subscription is mutual")
        assert pair.ems.available("UTILITY@grid.test/IEC")
        assert not pair.ems.available("utility@grid.test/other")
    await until(lambda: not pair.ems.available(utility.jid), "ems sees the utility leave")
    assert seen == [(utility.jid, True), (utility.jid, False)]
    remove()
    async with make_session(server, "utility") as again:
        await until(lambda: pair.ems.available(again.jid), "the subscription outlives the session")
    assert len(seen) == 2


async def test_presence_without_a_roster(pair: Pair, server: LocalServer) -> None:
    utility = make_session(server, "utility", allow=lambda _: False)
    async with utility:
        await utility.announce_presence(pair.der.jid)
        await pair.der.announce_presence(utility.jid)
        await until(lambda: utility.available(pair.der.jid) and pair.der.available(utility.jid))
    await until(lambda: not pair.der.available(utility.jid), "directed presence ends with the session")


async def test_presence_of_strangers_changes_nothing(pair: Pair) -> None:
    seen: list[str] = []
    remove = pair.der.on_presence(lambda jid, _: seen.append(jid))
    before = pair.der.refusals["presence-not-allowed"]
    raw(pair.mallory, f'<presence to="{pair.der.jid}"/>')
    await until(lambda: pair.der.refusals["presence-not-allowed"] > before)
    raw(pair.mallory, f'<presence to="{pair.der.jid}" type="unavailable"/>')
    raw(pair.mallory, '<presence to="der@grid.test" type="subscribe"/>')
    await until(lambda: pair.der.refusals["subscription-not-allowed"] > 0)
    assert await pair.ems.request(pair.der.jid, el("echo")) is not None
    assert not pair.der.available(pair.mallory.jid)
    assert not pair.mallory.available(pair.der.jid)
    assert pair.mallory.jid not in seen
    remove()


async def test_features_and_items(pair: Pair) -> None:
    pair.der.announce(METER, 'urn:odd:"<&>')
    items = (DiscoItem("pv@grid.test", "LD0", 'Roof <PV> & "more"'), DiscoItem("batt@grid.test"))
    pair.der.offer("", items[1:])
    pair.der.offer("devices", items)
    features = await pair.ems.features(pair.der.jid)
    assert {METER, 'urn:odd:"<&>', "urn:xmpp:ping", "http://jabber.org/protocol/disco#info"} <= features
    info = await pair.ems.info(pair.der.jid)
    assert (info.features, info.identities) == (features, (Identity("client", "bot", "JanusGrid"),))
    assert await pair.ems.items(pair.der.jid) == items[1:]
    assert await pair.ems.items(pair.der.jid, "devices") == items
    with pytest.raises(StanzaRefused) as refused:
        await pair.ems.items(pair.der.jid, "nowhere")
    assert refused.value.code == "item-not-found"
    assert "http://jabber.org/protocol/disco#info" in await pair.ems.features("grid.test")


async def test_a_login_bound_to_the_channel(server: LocalServer) -> None:
    """TLS 1.2 is the last version for which this Python knows a channel binding; all three servers have it then."""
    profile = attrs.evolve(MODERN, maximum=ssl.TLSVersion.TLSv1_2)
    context = tls.client_context(server.ca, profile=profile)
    async with make_session(server, "sleeper", tls=context, minimum="SCRAM-SHA-256-PLUS") as session:
        assert await session.ping(server.domain)


async def test_ping(pair: Pair) -> None:
    assert await pair.ems.ping(pair.der.jid)
    assert await pair.ems.ping("grid.test")
    assert not await pair.ems.ping("sleeper@grid.test/IEC")


# The link


async def test_a_break_loses_nothing_and_doubles_nothing(pair: Pair) -> None:
    links: list[str] = []
    presences: list[tuple[str, bool]] = []
    seen: dict[str, list[int]] = {"ems": [], "der": []}

    async def at_ems(incoming: Incoming) -> None:
        seen["ems"].append(int(incoming.payload.text or ""))

    async def at_der(incoming: Incoming) -> None:
        seen["der"].append(int(incoming.payload.text or ""))

    pair.ems.handle(f"{{{METER}}}report", at_ems, kinds=("normal",))
    pair.der.handle(f"{{{METER}}}report", at_der, kinds=("normal",))
    remove = (pair.der.on_link(links.append), pair.der.on_presence(lambda *p: presences.append(p)))
    before = pair.der.statistics.resumptions
    number = 0
    for _ in range(3):
        for step in range(30):
            if step == 10:
                broken = asyncio.create_task(break_off(pair.der))
            await pair.der.push(pair.ems.jid, el("report", number))
            await pair.ems.push(pair.der.jid, el("report", number))
            number += 1
            await asyncio.sleep(0)
        answers = await asyncio.gather(*(pair.ems.request(pair.der.jid, el("echo", n)) for n in range(20)))
        assert [answer.text for answer in answers if answer is not None] == [str(n) for n in range(20)]
        await broken
        answers = await asyncio.gather(*(pair.der.ping("grid.test") for n in range(5)))
        assert all(answers)
        await until(lambda: pair.der.connected)
    await until(lambda: len(seen["ems"]) >= number and len(seen["der"]) >= number)
    assert seen == {"ems": list(range(number)), "der": list(range(number))}
    assert pair.der.statistics.resumptions == before + 3
    assert links == ["down", "resumed"] * 3
    assert presences == []
    for each in remove:
        each()


async def test_requests_in_flight_survive_a_break(pair: Pair) -> None:
    gate = asyncio.Event()

    async def slow(incoming: Incoming) -> str:
        await gate.wait()
        return el("slow", incoming.payload.text)

    pair.der.handle(f"{{{METER}}}slow", slow)
    tasks = [asyncio.create_task(pair.ems.request(pair.der.jid, el("slow", n))) for n in range(10)]
    await until(lambda: len(pair.der._lane._running) == 10)
    await break_off(pair.ems)
    gate.set()
    answers = await asyncio.gather(*tasks)
    assert [answer.text for answer in answers if answer is not None] == [str(n) for n in range(10)]


async def test_without_resumption_requests_in_flight_fail(pair: Pair, server: LocalServer) -> None:
    gate = asyncio.Event()

    async def slow(_: Incoming) -> str:
        await gate.wait()
        return ""

    pair.der.handle(f"{{{METER}}}slow", slow)
    async with make_session(server, "utility", resume=False) as utility:
        links: list[str] = []
        utility.on_link(links.append)
        task = asyncio.create_task(utility.request(pair.der.jid, el("slow")))
        await until(lambda: len(pair.der._lane._running) == 1)
        await break_off(utility)
        with pytest.raises(NotReachable, match="session is lost"):
            await task
        gate.set()
        await until(lambda: utility.connected and links == ["down", "lost", "up"])
        assert utility.statistics.resumptions == 0
        assert await utility.request(pair.der.jid, el("echo", "again")) is not None


async def test_who_leaves_answers_no_more(pair: Pair, server: LocalServer) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def slow(_: Incoming) -> str:
        asked.set()
        await never.wait()
        return ""

    await pair.ems.subscribe("utility@grid.test")
    async with make_session(server, "utility") as utility:
        utility.handle(f"{{{METER}}}slow", slow)
        pair.der.handle(f"{{{METER}}}slow", slow)
        await until(lambda: pair.ems.available(utility.jid))
        task = asyncio.create_task(pair.ems.request(utility.jid, el("slow"), timeout=3600))
        other = asyncio.create_task(pair.ems.request(pair.der.jid, el("slow"), timeout=3600))
        await asked.wait()
    with pytest.raises(NotReachable, match="it left"):
        await asyncio.wait_for(task, 30)
    assert not other.done()
    never.set()
    await other


async def test_closing_ends_what_waits(pair: Pair, server: LocalServer) -> None:
    gate = asyncio.Event()

    async def slow(_: Incoming) -> str:
        await gate.wait()
        return ""

    pair.der.handle(f"{{{METER}}}slow", slow)
    utility = make_session(server, "utility")
    await utility.open()
    with pytest.raises(LocalError, match="is open already"):
        await utility.open()
    task = asyncio.create_task(utility.request(pair.der.jid, el("slow")))
    await until(lambda: utility.outstanding == 1)
    await utility.close()
    gate.set()
    with pytest.raises(NotReachable):
        await task
    with pytest.raises(NotReachable, match="no connection"):
        await utility.request(pair.der.jid, el("echo"))
    with pytest.raises(NotReachable):
        await utility.push(pair.der.jid, el("report"))
    assert not utility.connected
    await utility.close()  # once more does no harm
    await utility.open()  # and it can be opened again
    assert await utility.request(pair.der.jid, el("echo")) is not None
    await utility.close()


async def test_the_same_resource_twice(pair: Pair, server: LocalServer) -> None:
    """The newer session of the same full JID wins; the older one waits before it takes it back."""
    old = make_session(server, "utility")
    await old.open()
    async with make_session(server, "utility") as new:
        await until(lambda: old.statistics.attempts > 1 or not old.connected or new.jid != old.jid)
        assert await new.ping("grid.test")
        await old.close()


# Opening


async def test_wrong_password(server: LocalServer) -> None:
    session = make_session(server, "ems", password="wrong")
    with pytest.raises(Refused) as refused:
        await session.open()
    assert refused.value.code == "not-authorized"
    assert "wrong" not in str(refused.value)
    assert "check user and password" in refused.value.message


async def test_unknown_user(server: LocalServer) -> None:
    with pytest.raises(Refused) as refused:
        await make_session(server, "nobody").open()
    assert refused.value.code == "not-authorized"


async def test_unreachable_server(server: LocalServer) -> None:
    session = make_session(server, "ems", port=1)
    with pytest.raises(NotReachable, match=rf"answers at {server.host}:1 \(Connection refused\); is it running\?"):
        await session.open()
    with pytest.raises(NotReachable, match="no connection"):
        await session.request("der@grid.test/IEC", el("echo"))


async def test_untrusted_certificate(server: LocalServer, tmp_path: pytest.TempPathFactory) -> None:
    other = pki.make_ca(tmp_path)  # type: ignore[arg-type]
    with pytest.raises(NotReachable, match=r"certificate is not good: .*(unable to get|self.signed)") as error:
        await make_session(server, "ems", tls=other.certificate).open()
    assert error.value.code == "tls"


async def test_only_what_is_strong_enough(server: LocalServer) -> None:
    with pytest.raises(Refused, match="we ask for at least SCRAM-SHA-512-PLUS") as refused:
        await make_session(server, "ems", minimum="SCRAM-SHA-512-PLUS").open()
    assert refused.value.code == "no-mechanism"


# Hostile neighbours


async def answer_to(session: SlixSession, id: str, text: str) -> Element:
    """Send a raw iq and return what comes back for its id."""
    answer = asyncio.get_running_loop().create_future()
    receive = session._link._receive

    def spy(xml: Element, fault: str | None) -> None:
        if xml.get("id") == id and not answer.done():
            answer.set_result(xml)
        receive(xml, fault)

    session._link._receive = spy
    try:
        raw(session, text)
        return await asyncio.wait_for(answer, 30)
    finally:
        session._link._receive = receive


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<a>" * 1000 + "</a>" * 1000, "stanza-too-deep"),
        ("<a/>" * 20_001, "stanza-too-many-elements"),
        ("x" * 300_000, "stanza-too-large"),
        (f"<a d='{'z' * 140_000}'/><a d='{'z' * 140_000}'/>", "stanza-too-large"),
    ],
    ids=["deep", "many", "large", "attributes"],
)
async def test_a_stanza_beyond_the_limits_is_refused_and_the_session_lives(pair: Pair, content: str, code: str) -> None:
    attempts, before = pair.der.statistics.attempts, pair.der.refusals[code]
    reply = await answer_to(pair.mallory, "q1", f'<iq type="set" id="q1" to="{pair.der.jid}"><z>{content}</z></iq>')
    assert reply.get("type") == "error"
    assert reply.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}policy-violation") is not None
    raw(pair.mallory, f'<message to="{pair.der.jid}"><z>{content}</z></message>')
    await until(lambda: pair.der.refusals[code] >= before + 2)
    assert await pair.ems.request(pair.der.jid, el("echo", "alive")) is not None
    assert pair.der.statistics.attempts == attempts


async def test_smaller_limits_may_be_set(server: LocalServer, pair: Pair) -> None:
    async with make_session(server, "utility", limits=Limits(size=20_000, depth=5, elements=50)) as utility:
        for content in ("<a>" * 5 + "</a>" * 5, "<a/>" * 50, f"<a>{'x' * 21_000}</a>"):
            with pytest.raises(StanzaRefused) as refused:
                await pair.ems.request(utility.jid, f"<z>{content}</z>")
            assert refused.value.code == "policy-violation"
        assert sum(utility.refusals.values()) == 3
        assert utility.statistics.attempts == 1


async def test_a_result_that_nobody_asked_for(pair: Pair) -> None:
    gate = asyncio.Event()

    async def slow(_: Incoming) -> str:
        await gate.wait()
        return el("slow", "true")

    pair.der.handle(f"{{{METER}}}slow", slow)
    task = asyncio.create_task(pair.ems.request(pair.der.jid, el("slow")))
    await until(lambda: len(pair.der._lane._running) == 1)
    before = pair.ems.refusals["unasked-result"]
    (id,) = pair.ems._requests._open
    for text in (
        f'<iq type="result" id="{id}" to="{pair.ems.jid}">{el("slow", "false")}</iq>',
        f'<iq type="result" id="{id}" to="{pair.ems.jid}" from="{pair.der.jid}">{el("slow", "false")}</iq>',
        f'<iq type="error" id="{id}" to="{pair.ems.jid}"><error type="cancel"/></iq>',
        f'<iq type="result" id="other" to="{pair.ems.jid}"/>',
    ):
        raw(pair.mallory, text)
    # One of the three may get its sender thrown out for a forged sender; all others are counted.
    await until(lambda: pair.ems.refusals["unasked-result"] >= before + 1 and pair.mallory.connected)
    assert not task.done()
    gate.set()
    answer = await task
    assert answer is not None
    assert answer.text == "true"


async def test_a_forged_roster_push(pair: Pair) -> None:
    before = pair.der.refusals["forged-roster-push"]
    item = '<item jid="mallory@grid.test" subscription="both"/>'
    reply = await answer_to(
        pair.mallory,
        "rp",
        f'<iq type="set" id="rp" to="{pair.der.jid}"><query xmlns="jabber:iq:roster">{item}</query></iq>',
    )
    assert reply.get("type") == "error"
    if pair.der.refusals["forged-roster-push"] == before:
        # Some servers do not even deliver it.
        assert reply.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}internal-server-error") is None
    assert "mallory@grid.test" not in pair.der._peers._roster


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]><message to="der@grid.test/IEC"><body>&a;</body></message>',
        '<message to="der@grid.test/IEC"><body>&a;</body></message>',
        '<?php x ?><message to="der@grid.test/IEC"/>',
        '<message to="der@grid.test/IEC"><body></stream:stream></body></message>',
        '<message to="der@grid.test/IEC"><q:x/></message>',
        '<message xmlns="evil" to="der@grid.test/IEC"/>',
        f'<a xmlns="{ACKS}" h="77777"/>',
    ],
    ids=["dtd", "entity", "pi", "stream-end", "prefix", "namespace", "ack"],
)
async def test_what_only_a_broken_client_sends_reaches_nobody(pair: Pair, text: str) -> None:
    attempts = pair.der.statistics.attempts
    stream = pair.mallory._link._stream
    assert stream is not None
    stream.outlet.say(text)
    # A server throws the sender out, or overlooks it.
    await asyncio.wait((stream.lost,), timeout=0.2)
    await until(lambda: pair.mallory.connected)
    assert await pair.ems.request(pair.der.jid, el("echo", "alive")) is not None
    assert pair.der.statistics.attempts == attempts


@pytest.mark.parametrize(
    "text",
    [
        '<iq type="set" id="e0" to="der@grid.test/IEC"/>',
        f'<iq type="get" id="e0" to="der@grid.test/IEC">{el("echo", 1)}{el("echo", 2)}</iq>',
        '<iq type="set" id="e0" to="der@grid.test/IEC"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>',
        '<iq type="get" id="e0" to="der@grid.test/IEC"><query xmlns="jabber:iq:roster"/></iq>',
        '<iq type="get" id="e0" to="der@grid.test/IEC"><echo xmlns="urn:example:METER"/></iq>',
    ],
)
async def test_odd_requests_are_answered_with_an_error(pair: Pair, text: str) -> None:
    assert (await answer_to(pair.mallory, "e0", text)).get("type") == "error"
    assert await pair.ems.request(pair.der.jid, el("echo", "alive")) is not None


# Last, for it disturbs everybody


async def test_everybody_comes_back_after_the_server_was_killed(pair: Pair, server: LocalServer) -> None:
    links: list[str] = []
    presences: list[tuple[str, bool]] = []
    remove = (pair.ems.on_link(links.append), pair.ems.on_presence(lambda *p: presences.append(p)))
    await until(lambda: pair.ems.available(pair.der.jid))
    await server.kill()
    await until(lambda: not pair.ems.connected and not pair.der.connected)
    # A message waits for whichever session comes next; a request may hope for the present one and fails with it.
    seen: list[str | None] = []

    async def note(incoming: Incoming) -> None:
        seen.append(incoming.payload.text)

    pair.der.handle(f"{{{METER}}}report", note, kinds=("normal",))
    task = asyncio.create_task(pair.ems.request(pair.der.jid, el("echo"), timeout=30))
    await asyncio.sleep(0)
    await server.start()
    await until(lambda: pair.ems.connected and pair.der.connected, "both are back")
    await until(lambda: pair.ems.available(pair.der.jid) and pair.der.available(pair.ems.jid), "and see each other")
    with pytest.raises(NotReachable, match="session is lost"):
        await task
    assert links == ["down", "lost", "up"]
    assert presences == [(pair.der.jid, False), (pair.der.jid, True)]
    answer = await pair.ems.request(pair.der.jid, el("echo", "back"))
    assert answer is not None
    assert answer.text == "back"
    for each in remove:
        each()


async def test_a_message_waits_while_the_server_is_down(pair: Pair, server: LocalServer) -> None:
    seen: list[str | None] = []

    async def note(incoming: Incoming) -> None:
        seen.append(incoming.payload.text)

    await server.kill()
    await until(lambda: not pair.ems.connected and not pair.der.connected)
    pair.ems.handle(f"{{{METER}}}report", note, kinds=("normal",))
    async with asyncio.timeout(30):
        await pair.ems.push(pair.ems.jid, el("report", "kept"))
    await server.start()
    await until(lambda: seen == ["kept"])
    assert pair.ems.jid == "ems@grid.test/IEC"
    assert PASSWORD not in repr(pair.ems.__dict__)
