"""Logging in: the vectors of the RFCs, the choice of a mechanism, and servers that cheat."""

from __future__ import annotations

import hashlib
import ssl
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.common.xmpp.sasl import MECHANISMS, Credentials, External, Plain, SaslError, Scram, choose
from scramp import ScramMechanism


def pencil() -> Credentials:
    return Credentials("user", "pencil")


# RFC 7677 clause 3 and RFC 5802 clause 5
VECTORS = {
    "SCRAM-SHA-256": (
        "rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
    "SCRAM-SHA-1": (
        "fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_standard(name: str) -> None:
    nonce, challenge, response, final = VECTORS[name]
    scram = Scram(name, pencil(), nonce=nonce)
    assert scram.first() == f"n,,n=user,r={nonce}".encode()
    assert scram.respond(challenge.encode()) == response.encode()
    scram.finish(final.encode())


def test_the_proof_may_come_as_a_challenge() -> None:
    nonce, challenge, _, final = VECTORS["SCRAM-SHA-256"]
    scram = Scram("SCRAM-SHA-256", pencil(), nonce=nonce)
    scram.respond(challenge.encode())
    assert scram.respond(final.encode()) == b""
    scram.finish(b"")


USERS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(USERS, USERS, st.sampled_from(["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]), st.booleans())
def test_another_implementation_agrees(user: str, password: str, name: str, bound: bool) -> None:
    data = b"channel" * 5
    name, binding = (name + "-PLUS", ("tls-unique", data)) if bound else (name, None)
    server_side = ScramMechanism(name)
    info = server_side.make_auth_info(password, iteration_count=4096, salt=b"0123456789ab")
    asked: list[str] = []
    server = server_side.make_server(lambda name: asked.append(name) or info, channel_binding=binding)
    client = Scram(name, Credentials(user, password), binding, plus_offered=bound)
    server.set_client_first(client.first().decode())
    server.set_client_final(client.respond(server.get_server_first().encode()).decode())
    client.finish(server.get_server_final().encode())
    assert asked == [user]


def test_keys_are_derived_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    derive = hashlib.pbkdf2_hmac
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *a: calls.append(a) or derive(*a))
    credentials = pencil()
    for salt in (b"a", b"a", b"b"):
        credentials.keys("sha256", salt, 4096)
    assert len(calls) == 2


def test_nonces_are_long_and_never_the_same() -> None:
    firsts = {Scram("SCRAM-SHA-256", pencil()).first() for _ in range(200)}
    assert len(firsts) == 200
    assert all(len(first.rpartition(b"r=")[2]) >= 32 for first in firsts)


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"\xff",
        b"r=other,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=NONCE,s=QSXCR+Q6sek8bf92,i=4096",
        b"m=x,r=NONCEx,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=NONCEx,s=!!!!,i=4096",
        b"r=NONCEx,s=QSXCR+Q6sek8bf92",
        b"r=NONCEx,s=QSXCR+Q6sek8bf92,i=1",
        b"r=NONCEx,s=QSXCR+Q6sek8bf92,i=4095",
        b"r=NONCEx,s=QSXCR+Q6sek8bf92,i=1000001",
        b"r=NONCEx,s=QSXCR+Q6sek8bf92,i=99999999999999999999",
        b"r=NONCEx,s=QSXCR+Q6sek8bf92,i=-4096",
        "r=NONCEx,s=QSXCR+Q6sek8bf92,i=\u0664\u0660\u0669\u0666".encode(),
    ],
)
def test_challenges_that_are_none(challenge: bytes) -> None:
    scram = Scram("SCRAM-SHA-256", pencil(), nonce="NONCE")
    scram.first()
    with pytest.raises(SaslError) as error:
        scram.respond(challenge)
    assert "pencil" not in str(error.value)


@pytest.mark.parametrize("final", [b"", b"v=", b"v=AAAA", b"e=other-error", b"\xff", "v=\u20ac".encode()])
def test_a_server_that_does_not_know_the_password(final: bytes) -> None:
    nonce, challenge, _, _ = VECTORS["SCRAM-SHA-256"]
    scram = Scram("SCRAM-SHA-256", pencil(), nonce=nonce)
    with pytest.raises(SaslError):
        scram.finish(final)  # success before any proof
    scram.respond(challenge.encode())
    with pytest.raises(SaslError) as error:
        scram.finish(final)
    assert error.value.code in ("mutual-auth", "malformed-request")


ALL = list(MECHANISMS)


@pytest.mark.parametrize(
    ("offered", "minimum", "binding", "chosen"),
    [
        (ALL, "SCRAM-SHA-256", None, "SCRAM-SHA-512"),
        (ALL, "SCRAM-SHA-256", ("tls-unique", b"x"), "SCRAM-SHA-512-PLUS"),
        (["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512"], "SCRAM-SHA-256", ("t", b"x"), "SCRAM-SHA-256-PLUS"),
        (["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "X-OAUTH2"], "SCRAM-SHA-256", None, "SCRAM-SHA-256"),
        (["PLAIN", "SCRAM-SHA-1"], "SCRAM-SHA-1", None, "SCRAM-SHA-1"),
        (["PLAIN"], "PLAIN", None, "PLAIN"),
        (["PLAIN", "SCRAM-SHA-1", "DIGEST-MD5", "ANONYMOUS"], "SCRAM-SHA-256", None, None),
        (["SCRAM-SHA-256-PLUS"], "SCRAM-SHA-256", None, None),
        ([], "PLAIN", None, None),
    ],
)
def test_the_strongest_that_is_strong_enough(
    offered: list[str], minimum: str, binding: tuple[str, bytes] | None, chosen: str | None
) -> None:
    if chosen is None:
        with pytest.raises(SaslError) as error:
            choose(offered, pencil(), minimum, binding)
        assert error.value.code == "no-mechanism"
    else:
        assert choose(offered, pencil(), minimum, binding).name == chosen


def test_certificates() -> None:
    both = Credentials("user", "pencil", external=True)
    assert isinstance(choose(["SCRAM-SHA-256", "EXTERNAL"], both, "SCRAM-SHA-256", None), External)
    assert isinstance(choose(["SCRAM-SHA-256"], both, "SCRAM-SHA-256", None), Scram)
    assert choose(["SCRAM-SHA-256", "EXTERNAL"], pencil(), "SCRAM-SHA-256", None).name == "SCRAM-SHA-256"
    only = Credentials("user", None, external=True)
    with pytest.raises(SaslError, match="EXTERNAL"):
        choose(["SCRAM-SHA-256"], only, "SCRAM-SHA-256", None)
    with pytest.raises(LocalError, match="no way for 'user' to log in"):
        Credentials("user")


@pytest.mark.parametrize(
    ("binding", "offered", "header"),
    [
        (None, ["SCRAM-SHA-256"], b"n,,"),
        (None, ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], b"n,,"),
        (("tls-exporter", b"x"), ["SCRAM-SHA-256"], b"y,,"),
        (("tls-exporter", b"x"), ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], b"p=tls-exporter,,"),
    ],
)
def test_an_offer_taken_away_on_the_way_is_noticed(
    binding: tuple[str, bytes] | None, offered: list[str], header: bytes
) -> None:
    assert choose(offered, pencil(), "SCRAM-SHA-256", binding).first().startswith(header)


def test_plain() -> None:
    plain = Plain(pencil())
    assert b64encode(plain.first()) == b"AHVzZXIAcGVuY2ls"
    with pytest.raises(SaslError):
        plain.respond(b"")


def test_names_and_passwords_are_prepared() -> None:
    # RFC 4013 clause 3: a soft hyphen is mapped to nothing, a roman numeral to letters, a control is prohibited.
    assert Credentials("I\u00adX", "\u2168").password == "IX"
    assert Credentials("I\u00adX", "\u2168").user == "IX"
    with pytest.raises(LocalError) as error:
        Credentials("user", "sec\u0007ret")
    assert "ret" not in str(error.value)
    assert "pencil" not in repr(pencil())


def test_python_may_learn_to_bind_to_tls_1_3() -> None:
    """What is chosen then is covered above; this says what this Python can do today."""
    assert set(ssl.CHANNEL_BINDING_TYPES) <= {"tls-unique", "tls-exporter"}
