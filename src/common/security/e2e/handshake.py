"""The two messages that open a session: each end proves who it is, and both have keys that nobody else can have.

Both messages are signed, name both addresses, and the answer names the request: none fits anywhere else. The address
of the sender is held against what the server between stamps, and against the certificate.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import attrs
from cryptography import x509

from ..renewed import Renewed
from ..signing import Authorities, Certificate, SigningKey, Untrusted, signing_key
from ..tls import Credentials
from . import wire
from .diagnostics import HandshakeDiagnostic, HandshakeRefused, Reason, Unsafe
from .keys import Agreement, derive, digest, path_of, sign, verify
from .limits import Limits, Suite
from .transfer import Channel, milliseconds
from .wire import SecKind, SecPdu, Token

_LABEL = b"janusgrid end-to-end 1 "
_TOLD = {
    Reason.VERSION: HandshakeDiagnostic.UNEXPECTED_VERSION,
    Reason.MALFORMED: HandshakeDiagnostic.PROTOCOL_ERROR,
    Reason.SUITE: HandshakeDiagnostic.ENCRYPTION_REQUIRED,
}
"""What the peer is told. Whatever has to do with who it is has no reason that it learns."""


@attrs.frozen(slots=True, eq=False)
class Identity:
    """Who we are in a session, and whom we believe.

    Attributes:
        key: signs for us; its certificate names our XMPP address.
        authorities: by whom peers' certificates are believed.
    """

    key: SigningKey
    authorities: Authorities

    @classmethod
    def of(cls, credentials: Credentials) -> Identity:
        """Return the identity of PEM files, which must name authorities; raise `ConfigError` if one is none."""
        return cls(signing_key(credentials), Authorities(credentials))

    @property
    def current(self) -> Identity:
        """What holds for the next handshake."""
        return self


class RenewedIdentity:
    """The identity of PEM files, read again for a handshake when they have changed (see `Renewed`)."""

    def __init__(self, credentials: Credentials) -> None:
        files = credentials.certificate, credentials.key, credentials.authorities, credentials.revoked
        self._renewed = Renewed(files, lambda: Identity.of(credentials))

    @property
    def current(self) -> Identity:
        """What holds for the next handshake."""
        return self._renewed.current


class Believed:
    """That a peer was believed when a session began: is it still, now that files may have changed?

    Args:
        identity: ours, by which it was believed.
        path: its certificate and those between (DER).
    """

    def __init__(self, identity: Identity | RenewedIdentity, path: tuple[bytes, ...]) -> None:
        self._identity = identity
        self._path = path
        self._until = x509.load_der_x509_certificate(path[0]).not_valid_after_utc
        self._seen: Identity | None = identity.current

    def doubt(self, now: datetime) -> str | None:
        """Return why the peer is not believed any more: its certificate is out of date, or revoked by a list that has
        come since. None while it is believed; as long as nothing has changed that costs some microseconds."""
        current = self._identity.current
        if current is self._seen and now <= self._until:
            return None
        try:
            current.authorities.check(self._path[0], self._path[1:], now)
        except Untrusted as untrusted:
            return untrusted.message
        self._seen = current
        return None


class Calling:
    """The calling end of a handshake: send `request`, give the answer to `accepted`.

    Args:
        identity: ours.
        me, peer: our address and the peer's, as the server between stamps them.
        suites: what we offer, the best first.
    """

    def __init__(
        self,
        identity: Identity | RenewedIdentity,
        me: str,
        peer: str,
        now: datetime,
        *,
        suites: Collection[Suite] = (Suite.ENCRYPTED,),
        limits: Limits | None = None,
    ) -> None:
        self._identity = identity = identity.current
        self.path: tuple[bytes, ...] = ()
        """The peer's certificate and those between (DER), once it has proved to be who it is."""
        self._limits = limits or Limits()
        self._agreement = Agreement()
        self._sent = Token(
            secrets.token_bytes(wire.ASSOCIATION), milliseconds(now), me, peer, tuple(suites), self._agreement.public,
            path_of(identity.key),
        )  # fmt: skip
        self._tbs = wire.to_be_signed(self._sent)
        self.request = _signed(SecKind.HANDSHAKE_REQ, identity, self._tbs)

    def accepted(self, answer: SecPdu, now: datetime) -> tuple[Channel, Certificate]:
        """Return the channel that the answer opens, and who is at its other end; raise `HandshakeRefused`."""
        sent = self._sent
        try:
            if answer.kind is SecKind.HANDSHAKE_REJECT:
                diagnostic = wire.diagnostic_of(answer.octets)
                raise HandshakeRefused(
                    f"the peer refuses the end-to-end session: {diagnostic.name.lower().replace('_', ' ')}",
                    diagnostic=diagnostic, where=sent.recipient,
                )  # fmt: skip
            token, tbs, certificate = _read(
                answer, SecKind.HANDSHAKE_ACC, self._identity, sent.recipient, sent.sender, self._limits, now
            )
            if token.association != sent.association or token.request != digest(self._tbs):
                raise Unsafe(Reason.ASSOCIATION, "it answers another request than ours")
            if len(token.suites) != 1 or token.suites[0] not in sent.suites:
                raise Unsafe(Reason.SUITE, "it chooses a protection that was not offered")
            secret = self._agreement.secret(token.key)
        except Unsafe as unsafe:
            raise _refusal(unsafe, sent.recipient) from None
        self.path = token.path
        keys = derive(secret, digest(self._tbs, tbs), 0)
        channel = Channel(sent.association, Suite(token.suites[0]), keys, True, self._limits, now)
        return channel, certificate


@attrs.frozen(slots=True, eq=False)
class Accepted:
    """A handshake that was accepted: the answer to be sent, the channel, and who is at its other end, with the path of
    its certificate (DER)."""

    answer: SecPdu
    channel: Channel
    certificate: Certificate
    path: tuple[bytes, ...]


class Accepting:
    """The called end of handshakes, of all peers."""

    def __init__(
        self,
        identity: Identity | RenewedIdentity,
        *,
        suites: Collection[Suite] = (Suite.ENCRYPTED, Suite.CLEAR),
        limits: Limits | None = None,
    ) -> None:
        self._identity = identity
        self._suites = frozenset(suites)
        self._limits = limits or Limits()
        self._seen: OrderedDict[str, OrderedDict[bytes, datetime]] = OrderedDict()

    def answer(self, request: SecPdu, sender: str, me: str, now: datetime) -> Accepted:
        """Return what a request leads to; raise `HandshakeRefused`, whose `diagnostic` is for `wire.reject`.

        Args:
            sender: from whom it is, as the server between says.
            me: our own address.
        """
        identity = self._identity.current
        try:
            token, tbs, certificate = _read(request, SecKind.HANDSHAKE_REQ, identity, sender, me, self._limits, now)
            self._remember(token, now)
            chosen = next((suite for suite in token.suites if suite in self._suites), None)
            if chosen is None:
                raise Unsafe(Reason.SUITE, "it offers no protection that is allowed here")
            agreement = Agreement()
            secret = agreement.secret(token.key)
        except Unsafe as unsafe:
            raise _refusal(unsafe, sender) from None
        answer = Token(
            token.association, milliseconds(now), me, sender, (chosen,), agreement.public, path_of(identity.key),
            digest(tbs),
        )  # fmt: skip
        answered = wire.to_be_signed(answer)
        keys = derive(secret, digest(tbs, answered), 0)
        channel = Channel(token.association, Suite(chosen), keys, False, self._limits, now)
        return Accepted(_signed(SecKind.HANDSHAKE_ACC, identity, answered), channel, certificate, token.path)

    def _remember(self, token: Token, now: datetime) -> None:
        """Note a request that was believed; raise `Unsafe` if it came before."""
        kept, account = 2 * self._limits.skew, token.sender.partition("/")[0]
        while self._seen and now - next(reversed(next(iter(self._seen.values())).values())) > kept:
            self._seen.popitem(last=False)
        if account not in self._seen and len(self._seen) >= self._limits.peers:
            raise Unsafe(Reason.OVERLOAD, f"more than {self._limits.peers} accounts begin within {kept.seconds} s")
        seen = self._seen.get(account) or OrderedDict()
        while seen and now - next(iter(seen.values())) > kept:
            seen.popitem(last=False)
        if token.association in seen:
            raise Unsafe(Reason.REPLAY, "this handshake came before")
        if len(seen) >= self._limits.handshakes:
            raise Unsafe(Reason.OVERLOAD, f"{len(seen)} handshakes of one account within {kept.seconds} s")
        seen[token.association] = now
        self._seen[account] = seen
        self._seen.move_to_end(account)


def _signed(kind: SecKind, identity: Identity, tbs: bytes) -> SecPdu:
    return SecPdu(kind, wire.signed(tbs, sign(identity.key, _label(kind) + tbs)))


def _label(kind: SecKind) -> bytes:
    """Return what is signed before the token itself, so that no signature can stand for another kind of PDU."""
    return _LABEL + kind.encode() + b"\0"


def _read(
    pdu: SecPdu, kind: SecKind, identity: Identity, sender: str, me: str, limits: Limits, now: datetime
) -> tuple[Token, bytes, Certificate]:
    """Return the token of a handshake that is believed, its octets, and the sender's certificate; raise `Unsafe`."""
    if pdu.kind is not kind:
        raise Unsafe(Reason.STATE, f"a {pdu.kind} came where a {kind} was expected")
    tbs, signature = wire.split(pdu.octets)
    token = wire.token_of(tbs)
    apart = abs(_time(token.time) - now)
    if apart > limits.skew:  # before what costs milliseconds, that are wanted for those in time
        raise Unsafe(Reason.TIME, f"its time is {apart.total_seconds():.1f} s from ours; are both clocks right?")
    try:
        certificate = identity.authorities.check(token.path[0], token.path[1:], now)
    except Untrusted as untrusted:
        raise Unsafe(Reason.CERTIFICATE, untrusted.message) from None
    verify(certificate, signature, _label(kind) + tbs)
    if token.sender != sender or token.recipient != me:
        raise Unsafe(
            Reason.IDENTITY, f"it is signed by {token.sender[:80]} for {token.recipient[:80]}, not for {me} by {sender}"
        )
    account = sender.partition("/")[0]
    if account.casefold() not in (name.casefold() for name in certificate.names):
        raise Unsafe(Reason.IDENTITY, f"the certificate does not name {account} as its XMPP address")
    return token, tbs, certificate


def _time(value: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
    except OverflowError:
        raise Unsafe(Reason.MALFORMED, "a time that is none") from None


def _refusal(unsafe: Unsafe, peer: str) -> HandshakeRefused:
    told = _TOLD.get(unsafe.reason, HandshakeDiagnostic.NO_REASON_GIVEN)
    return HandshakeRefused(unsafe.message, reason=unsafe.reason, diagnostic=told, where=peer)
