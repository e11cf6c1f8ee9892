"""Logging in: the choice of a mechanism, and SCRAM (RFC 5802, RFC 7677) as a core without I/O.

slixmpp's own SCRAM draws its nonce from a generator that can be predicted and derives keys in pure Python, ten times
slower; this one uses `secrets` and `hashlib`, refuses iteration counts that are weak or meant to stall us, and keeps
the derived keys, so that coming back after a loss costs two digests.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Protocol

import attrs
from slixmpp.util.sasl.client import saslprep
from slixmpp.util.stringprep_profiles import StringPrepError

from ..errors import LocalError, Refused

NAMESPACE = "urn:ietf:params:xml:ns:xmpp-sasl"

# Strongest first. Binding the login to the TLS channel is worth more than a longer digest.
MECHANISMS = (
    "EXTERNAL",
    "SCRAM-SHA-512-PLUS",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-512",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-1",
    "PLAIN",
)
ITERATIONS = range(4096, 1_000_001)
"""What RFC 7677 asks for at least, and what still takes less than a second."""


class SaslError(Refused):
    """The login failed; `code` is the SASL condition (RFC 6120 clause 6.5) or our own reason."""


class Mechanism(Protocol):
    """One login in progress."""

    name: str

    def first(self) -> bytes:
        """Return the initial response."""
        ...

    def respond(self, challenge: bytes) -> bytes:
        """Return the answer to a challenge; raise `SaslError` if the server's turn is wrong."""
        ...

    def finish(self, final: bytes) -> None:
        """Check what came with the server's success; raise `SaslError` if it did not prove itself."""
        ...


@attrs.define(slots=True)
class Credentials:
    """Who logs in and with what. `external` says that the TLS context holds a client certificate."""

    user: str
    password: str | None = attrs.field(default=None, repr=False)
    external: bool = False
    _keys: dict[tuple[str, bytes, int], tuple[bytes, bytes]] = attrs.field(factory=dict, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.password is None and not self.external:
            raise LocalError(f"no way for {self.user!r} to log in: give a password or a client certificate")
        try:
            self.user = saslprep(self.user)
            if self.password is not None:
                self.password = saslprep(self.password)
        except StringPrepError:
            raise LocalError(f"the user name or password of {self.user!r} has characters that SASL forbids") from None

    def keys(self, digest: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
        """Return the client key and the server key (RFC 5802 clause 3)."""
        found = self._keys.get((digest, salt, iterations))
        if found is None:
            assert self.password is not None
            salted = hashlib.pbkdf2_hmac(digest, self.password.encode(), salt, iterations)
            found = hmac.digest(salted, b"Client Key", digest), hmac.digest(salted, b"Server Key", digest)
            self._keys = {(digest, salt, iterations): found}
        return found


def choose(
    offered: Iterable[str], credentials: Credentials, minimum: str, binding: tuple[str, bytes] | None
) -> Mechanism:
    """Return the strongest mechanism that the server offers, we can do, and is not weaker than `minimum`.

    `binding` is the type and data of the TLS channel binding; None if this TLS version has none in Python.
    Raises `SaslError` (`no-mechanism`) if there is none.
    """
    names = set(offered)
    for name in MECHANISMS[: MECHANISMS.index(minimum) + 1]:
        if name not in names:
            continue
        if name == "EXTERNAL":
            if credentials.external:
                return External()
        elif credentials.password is not None:
            if name == "PLAIN":
                return Plain(credentials)
            if binding is not None or not name.endswith("-PLUS"):
                plus = any(other.endswith("-PLUS") for other in names)
                return Scram(name, credentials, binding, plus_offered=plus)
    raise SaslError(
        f"the server offers {', '.join(sorted(names)) or 'no mechanism'} to log in; we ask for at least {minimum}"
        + ("" if credentials.password is not None else " or, having a certificate and no password, EXTERNAL"),
        code="no-mechanism",
    )


class External:
    """EXTERNAL (RFC 4422 appendix A): the server takes the JID from the client certificate."""

    name = "EXTERNAL"

    def first(self) -> bytes:
        return b""

    def respond(self, challenge: bytes) -> bytes:
        return b""

    def finish(self, final: bytes) -> None:
        pass


class Plain:
    """PLAIN (RFC 4616), for servers that keep no SCRAM keys; only ever inside TLS, only if asked for."""

    name = "PLAIN"

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def first(self) -> bytes:
        return f"\0{self._credentials.user}\0{self._credentials.password}".encode()

    def respond(self, challenge: bytes) -> bytes:
        raise SaslError("the server sent a challenge to PLAIN, which knows none", code="malformed-request")

    def finish(self, final: bytes) -> None:
        pass


class Scram:
    """SCRAM with any SHA digest, with or without channel binding."""

    def __init__(
        self,
        name: str,
        credentials: Credentials,
        binding: tuple[str, bytes] | None = None,
        *,
        plus_offered: bool = False,
        nonce: str | None = None,
    ) -> None:
        self.name = name
        self._digest = name.removeprefix("SCRAM-").removesuffix("-PLUS").replace("SHA-", "sha")
        self._credentials = credentials
        self._nonce = nonce or secrets.token_urlsafe(24)
        if binding is not None and name.endswith("-PLUS"):
            self._header, data = f"p={binding[0]},,", binding[1]
        else:
            # "y" tells a server that does offer binding that somebody took the offer out on the way.
            self._header, data = ("y,," if binding is not None and not plus_offered else "n,,"), b""
        self._bound = b64encode(self._header.encode() + data).decode()
        user = credentials.user.replace("=", "=3D").replace(",", "=2C")
        self._first = f"n={user},r={self._nonce}"
        self._signature: bytes | None = None
        self._proven = False

    def first(self) -> bytes:
        return (self._header + self._first).encode()

    def respond(self, challenge: bytes) -> bytes:
        if self._signature is not None:  # some servers send their proof as a challenge before success
            self.finish(challenge)
            return b""
        fields = _fields(challenge)
        nonce, salt, iterations = fields.get("r", ""), fields.get("s", ""), fields.get("i", "")
        if "m" in fields or not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise SaslError("the server's SCRAM challenge does not answer ours", code="malformed-request")
        digits = iterations.isascii() and iterations.isdecimal() and len(iterations) <= 10
        if not digits or int(iterations) not in ITERATIONS:
            raise SaslError(
                f"the server asks for {iterations[:20]!r} SCRAM iterations, not {ITERATIONS[0]} to {ITERATIONS[-1]}",
                code="mechanism-too-weak",
            )
        try:
            client_key, server_key = self._credentials.keys(
                self._digest, b64decode(salt, validate=True), int(iterations)
            )
        except binascii.Error:
            raise SaslError(
                "the salt in the server's SCRAM challenge is not base64", code="malformed-request"
            ) from None
        last = f"c={self._bound},r={nonce}"
        said = f"{self._first},{challenge.decode()},{last}".encode()
        stored = hashlib.new(self._digest, client_key).digest()
        signature = hmac.digest(stored, said, self._digest)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._signature = hmac.digest(server_key, said, self._digest)
        return f"{last},p={b64encode(proof).decode()}".encode()

    def finish(self, final: bytes) -> None:
        if self._proven and not final:
            return
        fields = _fields(final)
        proof = b64encode(self._signature or b"").decode()
        if self._signature is None or not hmac.compare_digest(fields.get("v", "").encode(), proof.encode()):
            raise SaslError("the server did not prove that it knows our password: not our server", code="mutual-auth")
        self._proven = True


def _fields(message: bytes) -> dict[str, str]:
    """Return the attributes of a SCRAM message."""
    try:
        return {part[0]: part[2:] for part in message.decode().split(",") if part[1:2] == "="}
    except UnicodeDecodeError:
        raise SaslError("the server's SCRAM message is not UTF-8", code="malformed-request") from None
