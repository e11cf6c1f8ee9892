"""Who gets in by a certificate, at the embedded broker, Prosody and ejabberd, as the examples configure these."""

from __future__ import annotations

import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import attrs
import pytest
import pytest_asyncio
from janusgrid.common.errors import ConfigError, JanusGridError, NotReachable, Refused
from janusgrid.common.security.authority import Authority, Issued
from janusgrid.common.security.tls import MODERN
from janusgrid.common.xmpp import tls
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.broker.sasl import Decoys, Exchange, Keys, SaslRefused, named
from janusgrid.common.xmpp.login import Login
from janusgrid.common.xmpp.sasl import Credentials, Scram
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.servers.pki import Identity
from janusgrid.common.xmpp.slix import SlixSession

from .configured import Configured, ConfiguredEjabberd, ConfiguredProsody
from .conftest import PASSWORD, PATIENCE, SERVERS

JID = "pv1@grid.test"
OLD = attrs.evolve(MODERN, maximum=ssl.TLSVersion.TLSv1_2)


class Place(NamedTuple):
    """A server, its name, and the certificates of clients."""

    name: str
    server: LocalServer
    shown: dict[str, Issued]


@pytest_asyncio.fixture(params=SERVERS, scope="module", loop_scope="module")
async def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("certificates")
    ours, others = Authority.make(folder / "ours"), Authority.make(folder / "others")
    shown = {
        "good": ours.issue("good", addresses=[JID]),
        "of two accounts": ours.issue("two", addresses=[JID, "pv2@grid.test"]),
        "expired": ours.issue("expired", addresses=[JID], days=10, since=20),
        "not yet valid": ours.issue("early", addresses=[JID], since=-10),
        "revoked": ours.issue("revoked-one", addresses=[JID]),
        "of another authority": others.issue("foreign", addresses=[JID]),
        "of another account": ours.issue("other", addresses=["pv2@grid.test"]),
        "of no account": ours.issue("nobody", addresses=["nobody@grid.test"]),
        "of another domain": ours.issue("elsewhere", addresses=["pv1@elsewhere.test"]),
        "without a JID": ours.issue("pv1"),
    }
    revoked = ours.revoke(shown["revoked"].certificate)
    server: LocalServer
    if request.param == "embedded":
        server = Broker("grid.test", clients=ours.certificate, revoked=revoked)
    else:
        kind = {"prosody": ConfiguredProsody, "ejabberd": ConfiguredEjabberd}[request.param]
        if (reason := kind.unavailable()) is not None:
            pytest.skip(reason)
        made: Configured = kind("grid.test")
        made.authority, made.revoked = ours, revoked
        server = made
    for user in ("pv1", "pv2"):
        server.add_user(user, PASSWORD)
    await server.start()
    yield Place(request.param, server, shown)
    await server.stop()


def session(
    place: Place, certificate: str | None = None, password: str | None = None, **options: object
) -> SlixSession:
    shown = place.shown[certificate] if certificate else None
    given = {"certificate": (shown.certificate, shown.key)} if shown and "tls" not in options else {}
    defaults = {"host": place.server.host, "port": place.server.port, "tls": place.server.ca, "patience": PATIENCE}
    return SlixSession(f"{JID}/IEC", password=password, **{**defaults, **given, **options})  # type: ignore[arg-type]


async def mechanism(made: SlixSession) -> str:
    """Log in, and return how that was done."""
    async with made:
        assert made.jid == f"{JID}/IEC"
        stream = made._link._stream
        assert stream is not None
        assert stream._login.mechanism is not None
        assert await made.ping("grid.test")
        return stream._login.mechanism.name


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("profile", [MODERN, OLD], ids=["TLS 1.3", "TLS 1.2"])
async def test_a_good_certificate_is_all_it_takes(place: Place, profile: object) -> None:
    good = place.shown["good"]
    context = tls.renewed_client_context(place.server.ca, (good.certificate, good.key), profile=profile)  # type: ignore[arg-type]
    assert await mechanism(session(place, tls=context)) == "EXTERNAL"


@pytest.mark.parametrize(
    "certificate",
    [
        "expired", "not yet valid", "revoked", "of another authority", "of another account", "of no account",
        "of another domain", "without a JID",
    ],
)  # fmt: skip
async def test_no_other_is_believed(place: Place, certificate: str) -> None:
    """There is no password here that could help; with one, of a certificate that is not valid nobody hears either."""
    if (place.name, certificate) == ("ejabberd", "revoked"):
        # It does not look at revocation lists: the account is to be refused, for which the example has a place.
        assert await mechanism(session(place, certificate)) == "EXTERNAL"
        return
    with pytest.raises((Refused, NotReachable)):
        await session(place, certificate).open()


async def test_without_a_certificate(place: Place) -> None:
    made = session(place, tls=tls.client_context(place.server.ca))
    with pytest.raises((Refused, NotReachable)) as error:
        await made.open()
    told = {"embedded": "we ask for", "prosody": "No stream features", "ejabberd": "does not let"}
    assert told[place.name] in str(error.value)


async def test_a_password_in_place_of_a_certificate(place: Place) -> None:
    if place.name == "prosody":  # in the example there are none
        with pytest.raises(NotReachable, match="No stream features"):
            await session(place, password=PASSWORD).open()
    else:
        assert (await mechanism(session(place, password=PASSWORD))).startswith("SCRAM-SHA-256")


async def test_a_password_bound_to_the_channel(place: Place) -> None:
    """TLS 1.2 is the last version for which this Python knows a channel binding."""
    context = tls.client_context(place.server.ca, profile=OLD)
    made = session(place, password=PASSWORD, tls=context, minimum="SCRAM-SHA-256-PLUS")
    if place.name == "prosody":  # in the example there are no passwords
        with pytest.raises(NotReachable, match="No stream features"):
            await made.open()
    else:
        assert (await mechanism(made)).endswith("-PLUS")


async def test_who_says_that_no_binding_was_offered_is_not_believed() -> None:
    """By that a client tells of somebody between them who has taken the offer away."""
    keys = Keys.of(PASSWORD)
    credentials = Credentials("pv1", PASSWORD)
    binding = ("tls-unique", bytes(12))
    for offered, refused in ((binding, True), (None, False)):
        exchange = Exchange(lambda user: keys, Decoys(), offered)
        first = Scram("SCRAM-SHA-256", credentials, binding).first()
        assert first.startswith(b"y,,")
        if refused:
            with pytest.raises(SaslRefused):
                exchange.answer(b64encode(first).decode())
        else:
            assert exchange.answer(b64encode(first).decode())


async def test_a_binding_to_another_connection() -> None:
    keys = Keys.of(PASSWORD)
    for data, good in ((bytes(12), True), (bytes(11) + b"1", False)):
        exchange = Exchange(lambda user: keys, Decoys(), ("tls-unique", bytes(12)), plus=True)
        client = Scram("SCRAM-SHA-256-PLUS", Credentials("pv1", PASSWORD), ("tls-unique", data))
        challenge = b64decode(exchange.answer(b64encode(client.first()).decode()))
        last = b64encode(client.respond(challenge)).decode()
        if good:
            client.finish(b64decode(exchange.answer(last)))
        else:
            with pytest.raises(SaslRefused):
                exchange.answer(last)
        assert exchange.done is good


async def test_a_server_whose_certificate_is_revoked(place: Place, tmp_path: Path) -> None:
    """The list has to be there for the authority: none is as bad as one that has the certificate on it."""
    other = Authority.make(tmp_path).revoke()
    with pytest.raises(NotReachable, match="certificate is not good: unable to get certificate CRL") as error:
        await session(place, "good", revoked=other).open()
    assert error.value.code == "tls"


async def test_a_list_of_the_revoked_at_the_client(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    issued = authority.issue("grid", ["grid.test"])
    identity = Identity(issued.certificate, issued.key)
    async with Broker("grid.test", {"pv1": PASSWORD}, identity=identity, ca=authority.certificate) as broker:
        login = Login(JID, PASSWORD, broker.host, broker.port, broker.ca, revoked=authority.revoke())
        login.save(tmp_path / "pv1.yaml")
        login = Login.load(tmp_path / "pv1.yaml")
        async with login.session(patience=PATIENCE) as made:
            assert made.connected
        authority.revoke(issued.certificate)
        with pytest.raises(NotReachable, match="certificate is not good: certificate revoked"):
            await made.open()  # the list is read again for each connection


async def test_a_list_of_the_revoked_that_changes_at_the_broker(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    issued = authority.issue("pv1", addresses=[JID])
    revoked = authority.revoke()
    async with Broker("grid.test", {"pv1": "unknown"}, clients=authority.certificate, revoked=revoked) as broker:
        place = Place("embedded", broker, {"good": issued})
        assert await mechanism(session(place, "good")) == "EXTERNAL"
        authority.revoke(issued.certificate)
        with pytest.raises(NotReachable):
            await session(place, "good").open()


async def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("")
    for options in ({"clients": tmp_path / "none.pem"}, {"revoked": tmp_path / "none.pem"}):
        with pytest.raises(ConfigError):
            Broker(**options)
    with pytest.raises(ConfigError):
        tls.client_context(revoked=tmp_path / "none.pem")


@pytest.mark.parametrize(
    ("wanted", "proven", "found"),
    [
        ("=", ["pv1@grid.test"], "pv1"),
        ("", ["PV1@GRID.test", "pv1@grid.test"], "pv1"),
        ("=", ["pv1@grid.test", "pv1@elsewhere.test"], "pv1"),
        ("cHYxQGdyaWQudGVzdA==", ["pv1@grid.test", "pv2@grid.test"], "pv1"),
        ("cHYxQGdyaWQudGVzdA==", ["pv2@grid.test"], "invalid-authzid"),
        ("=", ["pv1@grid.test", "pv2@grid.test"], "invalid-authzid"),
        ("=", ["@grid.test", "a b@grid.test"], "invalid-authzid"),
        ("cHYx", ["pv1@grid.test"], "invalid-authzid"),
        ("%", ["pv1@grid.test"], "incorrect-encoding"),
    ],
)
async def test_which_account_a_certificate_opens(wanted: str, proven: list[str], found: str) -> None:
    try:
        assert named(wanted, proven, "grid.test") == found
    except SaslRefused as refused:
        assert refused.code == found  # noqa: PT017


async def test_of_two_accounts_the_one_that_is_asked_for(place: Place) -> None:
    """Our session asks for none, as it has one account; servers do not guess."""
    with pytest.raises(JanusGridError):
        await session(place, "of two accounts").open()
