"""Servers that are not what they should be, played by a script."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from janusgrid.common.errors import ConfigError, LocalError, NotReachable, Refused, RemoteError
from janusgrid.common.xmpp import tls
from janusgrid.common.xmpp.backoff import Backoff
from janusgrid.common.xmpp.guard import Limits
from janusgrid.common.xmpp.link import Patience
from janusgrid.common.xmpp.servers import pki
from janusgrid.common.xmpp.session import Incoming
from janusgrid.common.xmpp.slix import SlixSession

from .conftest import until
from .scripted import BIND, SASL, STARTTLS, Peer, header, mechanisms, scripted

PASSWORD = "a secret that no log may hold"
PATIENCE = Patience(connect=5.0, idle=5.0, answer=5.0, backoff=Backoff(base=0.01, cap=0.05))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> pki.Authority:
    return pki.make_ca(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def identity(authority: pki.Authority) -> pki.Identity:
    return pki.issue(authority, "grid.test")


@pytest.fixture
def session(authority: pki.Authority) -> Callable[..., SlixSession]:
    context = tls.client_context(authority.certificate)

    def make(port: int, **options: object) -> SlixSession:
        given = {"password": PASSWORD, "tls": context, "patience": PATIENCE, **options}
        return SlixSession("ems@grid.test/IEC", host="127.0.0.1", port=port, **given)  # type: ignore[arg-type]

    return make


async def refused(identity: pki.Identity, session: Callable[..., SlixSession], script: object) -> RemoteError:
    """Return the error with which a session does not open on a server that follows `script`."""
    async with scripted(identity, script) as server:  # type: ignore[arg-type]
        with pytest.raises(RemoteError) as error:
            await session(server.port).open()
    assert PASSWORD not in str(error.value)
    return error.value


# Before the login


async def test_no_tls_offered(identity: pki.Identity, session: Callable[..., SlixSession]) -> None:
    said = []

    async def script(peer: Peer) -> None:
        await peer.hear("<stream:stream[^>]*>")
        peer.say(header(mechanisms("PLAIN", "SCRAM-SHA-256")))
        said.append(await peer.left())

    error = await refused(identity, session, script)
    assert isinstance(error, NotReachable)
    assert (error.code, "offers no TLS" in error.message) == ("tls", True)
    assert said == [""]


async def test_tls_refused(identity: pki.Identity, session: Callable[..., SlixSession]) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear("<stream:stream[^>]*>")
        peer.say(header(STARTTLS))
        await peer.hear("<starttls[^>]*>")
        peer.say("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>")
        await peer.left()

    assert isinstance(await refused(identity, session, script), NotReachable)


async def test_words_behind_the_consent_to_tls_are_not_heard(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    """STARTTLS injection: somebody in between appends plain text, hoping that it passes for protected."""

    async def script(peer: Peer) -> None:
        injected = f"<stream:features>{mechanisms('PLAIN')}</stream:features>"
        await peer.secure(injected)
        peer.say(header(mechanisms("PLAIN")))
        await peer.left()

    error = await refused(identity, session, script)
    assert error.code == "no-mechanism"  # it went on with TLS, and refused what was offered there


@pytest.mark.parametrize("direct", [False, True], ids=["starttls", "direct"])
async def test_certificate_of_another_name(
    authority: pki.Authority, session: Callable[..., SlixSession], direct: bool
) -> None:
    async with scripted(pki.issue(authority, "other.test"), Peer.secure, direct=direct) as server:
        with pytest.raises(NotReachable, match=r"certificate is not good: .*'grid\.test'") as error:
            await session(server.port, direct_tls=direct).open()
    assert error.value.code == "tls"


async def test_expired_certificate(
    authority: pki.Authority, session: Callable[..., SlixSession], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pki, "VALID", timedelta(hours=-1))
    expired = pki.issue(attrs.evolve(authority, directory=tmp_path), "grid.test")
    async with scripted(expired, Peer.secure) as server:
        with pytest.raises(NotReachable, match="certificate has expired"):
            await session(server.port).open()


@pytest.mark.parametrize(
    "prolog",
    ["<!DOCTYPE x [<!ENTITY a 'b'>]>", "<?xml version='1.0'?><!DOCTYPE x>", "<!-- x -->"],
)
@pytest.mark.parametrize("protected", [False, True])
async def test_a_dtd_before_the_stream(
    identity: pki.Identity, session: Callable[..., SlixSession], prolog: str, protected: bool
) -> None:
    said = []

    async def script(peer: Peer) -> None:
        if protected:
            await peer.secure()
        else:
            await peer.hear("<stream:stream[^>]*>")
        peer.say(header(STARTTLS, prolog))
        said.append(await peer.left())

    error = await refused(identity, session, script)
    assert error.code == "restricted-xml"
    assert "<restricted-xml" in said[0]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n<html>", "restricted-xml"),
        (b"<stream:stream", None),
        (b"\xff\xfe", "not-well-formed"),
        (b"<a></b>", "not-well-formed"),
        (header().encode() + b"</stream:stream>", None),
        (header("<a>" * 100 + "</a>" * 100).encode(), "policy-violation"),
        (
            header().encode()
            + b"<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "host-unknown",
        ),
        (header().encode() + f"<success xmlns='{SASL}'/>".encode(), "unsupported-stanza-type"),
        (header().encode() + b"<iq type='set' id='1'><a xmlns='x'/></iq>" * 3 + b"</stream:stream>", None),
        (b"", None),
    ],
    ids=["http", "cut", "utf-16", "mismatch", "closed", "deep", "host", "success", "iq", "silence"],
)
async def test_first_words_that_lead_nowhere(
    identity: pki.Identity, session: Callable[..., SlixSession], words: bytes, code: str | None
) -> None:
    async def script(peer: Peer) -> None:
        await peer.hear("<stream:stream[^>]*>")
        peer.say(words)
        await peer.writer.drain()
        peer.writer.close()
        await peer.left()

    error = await refused(identity, session, script)
    assert isinstance(error, NotReachable)
    assert error.code == code


async def test_a_server_that_says_nothing(identity: pki.Identity, session: Callable[..., SlixSession]) -> None:
    async def script(peer: Peer) -> None:
        await peer.left()

    async with scripted(identity, script) as server:
        with pytest.raises(NotReachable, match=r"127\.0\.0\.1:\d+ did not let us in within 0\.1 s"):
            await session(server.port, patience=Patience(connect=0.1)).open()


# The login


async def test_only_weak_mechanisms(identity: pki.Identity, session: Callable[..., SlixSession]) -> None:
    said = []

    async def script(peer: Peer) -> None:
        await peer.secure()
        peer.say(header(mechanisms("PLAIN", "SCRAM-SHA-1", "DIGEST-MD5")))
        said.append(await peer.left())

    error = await refused(identity, session, script)
    assert isinstance(error, Refused)
    assert error.code == "no-mechanism"
    assert "DIGEST-MD5, PLAIN, SCRAM-SHA-1" in error.message
    assert "<auth" not in said[0]


async def test_plain_if_it_is_asked_for(identity: pki.Identity, session: Callable[..., SlixSession]) -> None:
    async def script(peer: Peer) -> None:
        await peer.secure()
        peer.say(header(mechanisms("PLAIN")))
        await peer.hear('<auth[^>]*mechanism="PLAIN">[^<]+</auth>')
        peer.say(f"<failure xmlns='{SASL}'><account-disabled/><text>no</text></failure>")
        await peer.left()

    async with scripted(identity, script) as server:
        with pytest.raises(Refused, match=r"does not let ems@grid\.test in with PLAIN") as error:
            await session(server.port, minimum="PLAIN").open()
    assert error.value.code == "account-disabled"


async def test_a_server_that_does_not_know_the_password(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    """It lets everybody in, which the real server would not: it wants our stanzas."""

    async def script(peer: Peer) -> None:
        await peer.secure()
        peer.say(header(mechanisms("SCRAM-SHA-256")))
        await peer.hear("<auth[^>]*>")
        peer.say(f"<success xmlns='{SASL}'/>")
        await peer.left()

    error = await refused(identity, session, script)
    assert error.code == "mutual-auth"


@pytest.mark.parametrize("challenge", ["!!!", "cj14", "", "/w=="])
async def test_challenges_that_are_none(
    identity: pki.Identity, session: Callable[..., SlixSession], challenge: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.secure()
        peer.say(header(mechanisms("SCRAM-SHA-256")))
        await peer.hear("<auth[^>]*>")
        peer.say(f"<challenge xmlns='{SASL}'>{challenge}</challenge>")
        await peer.left()

    error = await refused(identity, session, script)
    assert error.code in ("bad-format", "malformed-request", "mechanism-too-weak")


async def test_no_resource_for_us(identity: pki.Identity, session: Callable[..., SlixSession]) -> None:
    async def script(peer: Peer) -> None:
        await peer.log_in(PASSWORD)
        id = (await peer.hear('<iq [^>]*id="([^"]*)"[^>]*><bind'))[1]
        condition = "<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        peer.say(f"<iq type='error' id='{id}'><error type='wait'>{condition}</error></iq>")
        await peer.left()

    error = await refused(identity, session, script)
    assert isinstance(error, NotReachable)
    assert error.code == "resource-constraint"


async def test_a_server_without_stream_management_or_rosters(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    async def script(peer: Peer) -> None:
        await peer.log_in(PASSWORD, BIND)
        await peer.bind("ems@grid.test/other")
        id = (await peer.hear('<iq [^>]*id="([^"]*)"[^>]*><query xmlns="jabber:iq:roster"'))[1]
        peer.say(f"<iq type='error' id='{id}'><error type='cancel'/></iq>")
        await peer.hear("<presence/>")
        await peer.left()

    async with scripted(identity, script) as server, session(server.port) as ems:
        assert ems.jid == "ems@grid.test/other"
        assert ems.connected


async def test_a_server_that_breaks_off_as_the_session_begins(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    async def script(peer: Peer) -> None:
        await peer.log_in(PASSWORD)
        await peer.bind()
        await peer.hear("<enable ")
        peer.say("<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>")
        await peer.hear("jabber:iq:roster")

    error = await refused(identity, session, script)
    assert isinstance(error, NotReachable)
    assert "as the session began" in error.message


# A session


@pytest.mark.parametrize(
    "words",
    [
        "<a xmlns='urn:xmpp:sm:3' h='99'/>",
        "<a xmlns='urn:xmpp:sm:3'/>",
        "<!-- comment -->",
        "<iq>&bomb;</iq>",
        "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='s1'/>",
        f"<success xmlns='{SASL}'/>",
        "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    ],
)
async def test_a_stream_that_cannot_be_trusted_is_left_for_a_new_session(
    identity: pki.Identity, session: Callable[..., SlixSession], words: str
) -> None:
    """And not for a resumption, which would bring the same words again."""

    async def first(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        peer.say(words)
        await peer.left()

    async def second(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        await peer.left()

    links: list[str] = []
    async with scripted(identity, first, second) as server:
        ems = session(server.port)
        ems.on_link(links.append)
        async with ems:
            await until(lambda: links == ["up", "down", "lost", "up"])
            assert ems.statistics.sessions == 2


async def test_strange_words_that_are_overlooked(identity: pki.Identity, session: Callable[..., SlixSession]) -> None:
    strange = "<x xmlns='urn:strange'/><failed xmlns='urn:xmpp:sm:4'/><stream:features/><iq/><iq type='odd'/><message/>"
    strange += "<presence type='odd' from='x@y/z'/><presence/><message type='error' from='a@b'><error/></message>"

    async def script(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        peer.say(strange + "<iq type='get' id='p' from='grid.test'><ping xmlns='urn:xmpp:ping'/></iq>")
        await peer.hear('<iq type="result" id="p" to="grid.test"></iq>')
        peer.say("<r xmlns='urn:xmpp:sm:3'/>")
        # Seven stanzas of ours, the ping, and the answer with the roster.
        await peer.hear('<a xmlns="urn:xmpp:sm:3" h="8"/>')
        await peer.left()

    async with scripted(identity, script) as server, session(server.port) as ems:
        await until(lambda: ems._link._stream is not None and ems._link._acks._received == 8)
        await ems.close()
        assert ems.statistics.attempts == 1


async def test_a_resumption_that_the_server_refuses(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    async def first(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        await peer.hear("<message ")

    async def second(peer: Peer) -> None:
        await peer.log_in(PASSWORD)
        await peer.hear('<resume [^>]*previd="s1"')
        peer.say("<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
        await peer.bind()
        await peer.hear("<enable ")
        peer.say("<enabled xmlns='urn:xmpp:sm:3' id='s2' resume='true'/>")
        await peer.welcome()
        await peer.hear("kept for the next session")
        await peer.left()

    async with scripted(identity, first, second) as server:
        ems = session(server.port)
        links: list[str] = []
        ems.on_link(links.append)
        async with ems:
            await ems.push("der@grid.test/IEC", "<a xmlns='x'>written, and lost</a>")
            task = asyncio.create_task(ems.request("der@grid.test/IEC", "<a xmlns='x'/>"))
            await until(lambda: links[-1] == "down")
            await ems.push("der@grid.test/IEC", "<a xmlns='x'>kept for the next session</a>")
            with pytest.raises(NotReachable, match="session is lost"):
                await task
            await until(lambda: links == ["up", "down", "lost", "up"])
            assert ems._link.lost_stanzas >= 1


async def test_what_comes_as_soon_as_the_resource_is_bound_is_answered_by_the_session_that_begins(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    """Others ask us from then on, and a session that is lost may still hope to be resumed: its answers are not ours."""

    async def begin(peer: Peer) -> None:
        await peer.bind()
        await peer.hear("<enable [^>]*>")
        peer.say("<iq type='get' id='early' from='der@grid.test/IEC'><ping xmlns='urn:xmpp:ping'/></iq>")
        peer.say("<message type='normal' from='der@grid.test/IEC'><report xmlns='x'>early</report></message>")
        peer.say("<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>")
        await peer.hear('<iq type="result" id="early" to="der@grid.test/IEC">')
        await peer.welcome()

    async def first(peer: Peer) -> None:
        await peer.log_in(PASSWORD)
        await begin(peer)

    async def second(peer: Peer) -> None:
        await peer.log_in(PASSWORD)
        await peer.hear("<resume ")
        peer.say("<failed xmlns='urn:xmpp:sm:3'/>")
        await begin(peer)
        peer.say("<r xmlns='urn:xmpp:sm:3'/>")
        await peer.hear('<a xmlns="urn:xmpp:sm:3" h="1"/>')  # the roster; nothing before the consent counts
        await peer.left()

    seen: list[str | None] = []

    async def note(incoming: Incoming) -> None:
        seen.append(incoming.payload.text)

    async with scripted(identity, first, second) as server:
        ems = session(server.port)
        ems.handle("{x}report", note, kinds=("normal",))
        async with ems:
            await until(lambda: ems.statistics.sessions == 2 and seen == ["early", "early"])
            assert not ems.refusals


async def test_a_session_that_cannot_be_resumed_in_time_is_lost(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    async def first(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        peer.say("<presence from='ems@grid.test/other'/>")
        await peer.hear("<r ")

    presences: list[tuple[str, bool]] = []
    async with scripted(identity, first) as server:
        # Nobody lets us in any more; the requests of the lost session must not wait for ever.
        ems = session(server.port, patience=Patience(idle=0.05, answer=5, resume=0.2, backoff=Backoff(0.01, 0.02)))
        ems.on_presence(lambda *change: presences.append(change))
        async with ems:
            await until(lambda: presences == [("ems@grid.test/other", True)])
            task = asyncio.create_task(ems.request("der@grid.test/IEC", "<a xmlns='x'/>", timeout=30))
            await until(lambda: not ems.connected)
            assert ems.available("ems@grid.test/other")  # for the session may still go on
            with pytest.raises(NotReachable, match="session is lost"):
                await task
            assert presences == [("ems@grid.test/other", True), ("ems@grid.test/other", False)]
            with pytest.raises(NotReachable, match="no connection"):
                await ems.request("der@grid.test/IEC", "<a xmlns='x'/>")
            for number in range(1000):
                await ems.push("der@grid.test/IEC", f"<a xmlns='x'>{number}</a>")
            with pytest.raises(NotReachable, match="1000 stanzas wait already"):
                await ems.push("der@grid.test/IEC", "<a xmlns='x'/>")


async def test_a_server_that_fell_silent_is_left(identity: pki.Identity, session: Callable[..., SlixSession]) -> None:
    async def first(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        await peer.hear("<r ")
        await peer.left()

    async def second(peer: Peer) -> None:
        await peer.log_in(PASSWORD)
        await peer.hear("<resume ")
        peer.say("<resumed xmlns='urn:xmpp:sm:3' h='2' previd='s1'/>")
        for _ in range(3):  # from now on it answers, and is not left
            await peer.hear("<r ")
            peer.say("<a xmlns='urn:xmpp:sm:3' h='2'/>")
        answered.set()
        await peer.left()

    answered = asyncio.Event()
    async with scripted(identity, first, second) as server:
        ems = session(server.port, patience=Patience(idle=0.05, answer=0.5, backoff=Backoff(0.01, 0.02)))
        links: list[str] = []
        ems.on_link(links.append)
        async with ems:
            await answered.wait()
            assert links == ["up", "down", "resumed"]


async def test_a_server_that_is_deaf_after_a_resumption_gets_a_new_session(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    async def first(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        await peer.hear("<message ")

    async def second(peer: Peer) -> None:
        await peer.log_in(PASSWORD)
        await peer.hear("<resume ")
        peer.say("<resumed xmlns='urn:xmpp:sm:3' h='2' previd='s1'/>")
        await peer.hear("<message .*<r ")
        await peer.left()

    async def third(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        await peer.left()

    async with scripted(identity, first, second, third) as server:
        ems = session(server.port, patience=Patience(idle=0.05, answer=0.5, backoff=Backoff(0.01, 0.02)))
        links: list[str] = []
        ems.on_link(links.append)
        async with ems:
            await ems.push("der@grid.test/IEC", "<a xmlns='x'/>")
            await until(lambda: links[:6] == ["up", "down", "resumed", "down", "lost", "up"])


async def test_without_stream_management_a_ping_asks(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.log_in(PASSWORD, BIND)
        await peer.bind()
        await peer.welcome()
        for _ in range(2):
            id = (await peer.hear('<iq type="get" id="([^"]*)" to="grid.test"><ping'))[1]
            peer.say(f"<iq type='result' id='{id}' from='grid.test'/>")
        answered.set()
        await peer.left()

    async with scripted(identity, script) as server:
        ems = session(server.port, patience=Patience(idle=0.05, answer=0.5))
        async with ems:
            await answered.wait()
            assert ems.statistics.attempts == 1
            assert not ems.refusals


async def test_an_endless_stanza_does_not_fill_the_memory(
    identity: pki.Identity, session: Callable[..., SlixSession]
) -> None:
    async def first(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        peer.say("<message><body>")
        try:
            for _ in range(1000):
                peer.say(b"x" * 10_000)
                await peer.writer.drain()
                await asyncio.sleep(0)
                if peer.writer.is_closing():
                    return
        except ConnectionError:
            return
        raise AssertionError("the client read 10 MB of one stanza")

    async with scripted(identity, first) as server, session(server.port, limits=Limits(endless=1_000_000)) as ems:
        await until(lambda: not ems.connected)


async def test_no_secret_in_any_log(
    identity: pki.Identity, session: Callable[..., SlixSession], caplog: pytest.LogCaptureFixture
) -> None:
    import base64

    async def script(peer: Peer) -> None:
        await peer.begin(PASSWORD)
        await peer.hear("<message ")
        await peer.left()

    with caplog.at_level(logging.DEBUG):
        async with scripted(identity, script) as server, session(server.port) as ems:
            await ems.push("der@grid.test/IEC", "<a xmlns='x'>confidential figures</a>")
            await ems.close()
    text = caplog.text
    for secret in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode(), "c=biws", "p=", "confidential", "n=ems"):
        assert secret not in text


# Arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"password": None}, "tls files|no way|"),
        ({"minimum": "ROT13"}, "no SASL mechanism known"),
        ({"tls": Path("nowhere.pem")}, "TLS files cannot be used"),
    ],
)
def test_arguments_that_cannot_be(options: dict[str, object], message: str) -> None:
    if options == {"password": None}:
        SlixSession("ems@grid.test", **options)  # type: ignore[arg-type]  # then the server has to ask for a certificate
        return
    with pytest.raises((LocalError, ConfigError), match=message):
        SlixSession("ems@grid.test", **{"password": "x", **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("jid", ["", "grid.test", "ems@", "@grid.test", "a@b@c"])
def test_jids_that_name_no_account(jid: str) -> None:
    with pytest.raises(LocalError):
        SlixSession(jid, password="x")


def test_contexts_that_check_nothing_are_refused(authority: pki.Authority) -> None:
    import ssl

    context = ssl.create_default_context(cafile=authority.certificate)
    context.check_hostname = False
    with pytest.raises(LocalError, match="does not check the server's certificate"):
        SlixSession("ems@grid.test", password="x", tls=context)
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(LocalError, match="does not check"):
        SlixSession("ems@grid.test", password="x", tls=context)
    context = tls.client_context(authority.certificate)
    files = (authority.certificate, authority.certificate)
    with pytest.raises(LocalError, match="not to both"):
        SlixSession("ems@grid.test", password="x", tls=context, certificate=files)
