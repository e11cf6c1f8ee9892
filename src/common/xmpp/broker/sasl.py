"""Authentication: SCRAM-SHA-256 (RFC 5802, RFC 7677), and EXTERNAL (RFC 6120 clause 9.2.5) for clients that have shown
a certificate with their JID. Passwords are not kept, only their keys.

A name without an account is answered like one with an account, so that names cannot be found out by asking.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection

import attrs
from scramp import ScramException, ScramMechanism

from ...errors import LocalError, Refused
from .jid import BadJid, prepare_domain, prepare_local

MECHANISM = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"
"""The same, bound to the TLS connection; where TLS is 1.2, for Python knows no binding to 1.3."""
EXTERNAL = "EXTERNAL"
Binding = tuple[str, bytes]
"""Type and data of a channel binding (RFC 5929)."""
ITERATIONS = 4096
_SCRAM = ScramMechanism(MECHANISM)
_BOUND = ScramMechanism(PLUS)


class SaslRefused(Refused):
    """A SASL failure (RFC 6120 clause 6.5); `code` is its condition."""

    def __init__(self, condition: str, message: str) -> None:
        super().__init__(message, code=condition)


@attrs.frozen(slots=True)
class Keys:
    """What a server has to know of a password (RFC 5802 clause 3); the password cannot be had from it."""

    salt: bytes = attrs.field(repr=False)
    stored: bytes = attrs.field(repr=False)
    server: bytes = attrs.field(repr=False)
    iterations: int

    @classmethod
    def of(cls, password: str, iterations: int = ITERATIONS) -> Keys:
        """Return the keys of `password`; raise `LocalError` if it is none or `iterations` is below 4096."""
        try:
            return cls(*_SCRAM.make_auth_info(password, iteration_count=iterations))
        except ScramException as error:
            raise LocalError(f"this password cannot be used: {error}") from error


class Decoys:
    """Keys of names that have no account: always the same for one name, right for no password."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def keys(self, user: str) -> Keys:
        """Return the keys to show for `user`."""
        salt = hmac.digest(self._secret, user.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return Keys(salt, secrets.token_bytes(32), secrets.token_bytes(32), ITERATIONS)


class Exchange:
    """One authentication, message by message; texts are the base64 that stands in the SASL elements.

    Attributes:
        user: the account's name, known after the first message, authenticated once `done` is true.
        done: True once the client has proved that it knows the password.
    """

    def __init__(
        self, lookup: Callable[[str], Keys | None], decoys: Decoys, binding: Binding | None = None, plus: bool = False
    ) -> None:
        """`binding` is that of the TLS connection, if one was offered; `plus`: whether the client has taken it."""
        self._lookup = lookup
        self._decoys = decoys
        self._offered = binding is not None
        self._server = _BOUND.make_server(self._keys, binding) if plus else _SCRAM.make_server(self._keys)
        self._begun = False
        self.user = ""
        self.done = False

    def answer(self, text: str) -> str:
        """Return the challenge to the client's message or, when `done`, what goes with success; raise `SaslRefused`."""
        message = _decode(text)
        if not self._begun:
            return self._begin(message) if message else ""
        try:
            self._server.set_client_final(message)
            proof = _encode(self._server.get_server_final())
        except ScramException as error:
            raise SaslRefused("not-authorized", "wrong name or password") from error
        self.done = True
        return proof

    def _begin(self, message: str) -> str:
        self._begun = True
        if len(fields := message.split(",", 2)) == 3 and fields[1]:
            raise SaslRefused("invalid-authzid", "acting for another account is not possible")
        if self._offered and fields[0] == "y":  # RFC 5802 clause 6: somebody between has taken the offer away
            raise SaslRefused("not-authorized", "a channel binding was offered, the client has seen none")
        try:
            self._server.set_client_first(message)
            return _encode(self._server.get_server_first())
        except ScramException as error:
            raise SaslRefused("malformed-request", str(error)) from error

    def _keys(self, name: str) -> tuple[bytes, bytes, bytes, int]:
        try:
            self.user = prepare_local(name)
        except BadJid:
            self.user = name
        keys = self._lookup(self.user) or self._decoys.keys(self.user)
        return keys.salt, keys.stored, keys.server, keys.iterations


def named(text: str, proven: Collection[str], domain: str) -> str:
    """Return the account, its local part, for which a client asks by EXTERNAL (XEP-0178); raise `SaslRefused`.

    Args:
        text: base64 of the JID that is wanted, `=` for that in the certificate.
        proven: the JIDs in the certificate.
        domain: of our JIDs.
    """
    accounts = set()
    for jid in proven:
        local, _, at = jid.partition("@")
        try:
            if prepare_domain(at) == domain:
                accounts.add(prepare_local(local))
        except BadJid:
            continue  # a name that is none is nobody's
    wanted = _decode(text)
    if not wanted:
        if len(accounts) != 1:
            raise SaslRefused("invalid-authzid", "the certificate names no account here, or several: say which")
        return accounts.pop()
    local, _, at = wanted.partition("@")
    try:
        account = prepare_local(local) if prepare_domain(at) == domain else ""
    except BadJid:
        account = ""
    if account not in accounts:
        raise SaslRefused("invalid-authzid", "that is not who the certificate names")
    return account


def _decode(text: str) -> str:
    try:
        # A single "=" stands for an empty message (RFC 6120 clause 6.4.2).
        return "" if text == "=" else base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise SaslRefused("incorrect-encoding", "the message is not base64 of UTF-8") from error


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
