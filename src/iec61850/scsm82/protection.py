"""Associations that are safe from the XMPP servers between their ends.

    <AssociationContext id="32"><Security xmlns="urn:janusgrid:e2e:1"><EncrTransfer>…</EncrTransfer></Security></…>

A handshake opens the session (`common.security.e2e`), then initiate-Request is the first PDU in it: whoever does not
prove who he is never gets to the MMS decoder. It is not IEC 62351-4, whose text nobody here holds.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Literal
from xml.etree.ElementTree import Element

import attrs

from ...common.clock import Clock, RealClock
from ...common.errors import JanusGridError, LocalError
from ...common.security import e2e
from ...common.security.e2e import (
    Accepting,
    Believed,
    Calling,
    Channel,
    HandshakeDiagnostic,
    HandshakeRefused,
    Identity,
    Reason,
    RenewedIdentity,
    SecKind,
    SecPdu,
    Suite,
    Unsafe,
)
from ...common.security.e2e.wire import diagnostic_of, reject
from ...common.security.roles import held
from ...common.security.signing import Untrusted
from ...common.security.tls import Credentials
from ...common.xml.quick import parse
from .security import ELEMENT, NAMESPACE, Aborted

_KINDS = {f"{{{NAMESPACE}}}{kind}": kind for kind in SecKind}


@attrs.frozen(slots=True, eq=False)
class Security:
    """What one end of associations wants of end-to-end security. Make it by `Security.of`.

    Attributes:
        identity: our key and certificate, which names our JID, and the authorities by which peers are believed.
        policy: `required`: no association without. `allowed`: a server takes both; a client asks for it, and goes on
            without where the server has none, which is logged.
        suites: of a client, what it offers, the best first; of a server, what it takes.
        limits: how long what lasts.
        area: of a server, where it is: roles that a certificate gives for another area do not hold here.
        clock: gives the time of day in UTC.
    """

    identity: Identity | RenewedIdentity
    policy: Literal["required", "allowed"] = "required"
    suites: Collection[Suite] = (Suite.ENCRYPTED,)
    limits: e2e.Limits = e2e.Limits()
    area: str = ""
    clock: Clock = attrs.field(factory=RealClock)

    @classmethod
    def of(
        cls,
        credentials: Credentials,
        *,
        policy: Literal["required", "allowed"] = "required",
        suites: Collection[Suite] = (Suite.ENCRYPTED,),
        limits: e2e.Limits | None = None,
        area: str = "",
    ) -> Security:
        """Return what PEM files give, which must name authorities; raise `ConfigError` if one is none.

        When they change, the next handshake reads them again: renewed certificates, new revocation lists.
        """
        return cls(RenewedIdentity(credentials), policy, tuple(suites), limits or e2e.Limits(), area)

    def accepting(self) -> Accepting:
        """Return the called end of handshakes."""
        return Accepting(self.identity, suites=self.suites, limits=self.limits)


class Protected:
    """The PDUs of an association, protected by the channel that a handshake has opened."""

    def __init__(self, channel: Channel, clock: Clock, believed: Believed) -> None:
        self._channel = channel
        self._clock = clock
        self._believed = believed

    @property
    def must_speak(self) -> bool:
        """Whether something should be sent soon, for the sake of the keys (see `EndToEnd`)."""
        return self._channel.must_speak

    def protect(self, text: str) -> str:
        """Return the element with the protected PDU."""
        return element(self._channel.seal(text.encode(), self._clock.now()))

    def unprotect(self, content: Element) -> Element | None:
        """Return the PDU that was protected (see `EndToEnd`)."""
        pdu = sec_pdu(content)
        if pdu is None:
            raise Unsafe(Reason.UNPROTECTED, "a PDU without protection, where everything is protected")
        data = self._channel.open(pdu, self._clock.now())
        if data is None:
            raise Aborted
        return parse(data) if data else None

    def doubt(self) -> str | None:
        """Return why the peer's certificate is not believed any more (see `EndToEnd`)."""
        return None if self._channel.ended else self._believed.doubt(self._clock.now())

    def abort(self) -> str | None:
        """Forget the keys; return the last PDU, which tells the peer."""
        if self._channel.ended:
            return None
        try:
            return element(self._channel.abort(self._clock.now()))
        except LocalError:  # its keys are worn out: nothing more can be said with them
            self._channel.end()
            return None


def element(pdu: SecPdu) -> str:
    """Return the text of the `Security` element around a PDU of end-to-end security."""
    return f'<Security xmlns="{NAMESPACE}"><{pdu.kind}>{base64.b64encode(pdu.octets).decode()}</{pdu.kind}></Security>'


def sec_pdu(content: Element) -> SecPdu | None:
    """Return the PDU of end-to-end security that an element holds, None if it is another; raise `Unsafe`."""
    if content.tag != ELEMENT:
        return None
    kind = _KINDS.get(content[0].tag) if len(content) == 1 else None
    if kind is None or len(content[0]):
        raise Unsafe(Reason.MALFORMED, "no PDU of end-to-end security as it is known here")
    try:
        return SecPdu(kind, base64.b64decode(content[0].text or "", validate=True))
    except (binascii.Error, ValueError):
        raise Unsafe(Reason.MALFORMED, f"a {kind} that is not in base64") from None


@attrs.frozen(slots=True)
class Answered:
    """What a handshake has led to at a server.

    Attributes:
        answer: the text to be sent.
        protected: what protects the association; None if the handshake was refused.
        roles: which the client's certificate gives it here.
        code, why: of a refusal, for the log.
    """

    answer: str
    protected: Protected | None = None
    roles: frozenset[int] = frozenset()
    code: str = ""
    why: str = ""


def accept(security: Security | None, accepting: Accepting | None, content: Element, sender: str, me: str) -> Answered:
    """Answer a handshake of `sender`, as the XMPP server stamps it; raise `Unsafe` if it is none at all."""
    if security is None or accepting is None:
        told = element(reject(HandshakeDiagnostic.ENCRYPTION_NOT_REQUIRED))
        return Answered(told, code="e2e-not-here", why="there is no end-to-end security here")
    pdu = sec_pdu(content)
    assert pdu is not None, "the endpoint has looked for it"
    now = security.clock.now()
    try:
        accepted = accepting.answer(pdu, sender, me, now)
        roles = held(accepted.certificate, security.area)
    except HandshakeRefused as refused:
        return Answered(element(reject(refused.diagnostic)), code=str(refused.reason), why=refused.message)
    except Untrusted as untrusted:
        told = element(reject(HandshakeDiagnostic.NO_REASON_GIVEN))
        return Answered(told, code=Reason.CERTIFICATE, why=untrusted.message)
    return Answered(
        element(accepted.answer),
        Protected(accepted.channel, security.clock, Believed(security.identity, accepted.path)),
        roles,
    )


def required() -> str:
    """Return what tells a client that there is no association without end-to-end security."""
    return element(reject(HandshakeDiagnostic.ENCRYPTION_REQUIRED))


class Beginning:
    """A handshake that a client has begun."""

    def __init__(self, calling: Calling, security: Security, peer: str) -> None:
        self._calling = calling
        self._security = security
        self._peer = peer

    def finish(self, content: Element) -> Protected:
        """Return what protects the association, of what the server has answered; raise `HandshakeRefused`."""
        pdu = sec_pdu(content)
        if pdu is None:
            raise HandshakeRefused(
                "the server does not know our end-to-end security", where=self._peer,
                diagnostic=HandshakeDiagnostic.ENCRYPTION_NOT_REQUIRED,
            )  # fmt: skip
        security = self._security
        channel, _ = self._calling.accepted(pdu, security.clock.now())
        return Protected(channel, security.clock, Believed(security.identity, self._calling.path))


def begin(security: Security, me: str, peer: str) -> tuple[Beginning, str]:
    """Begin a handshake with a server; return what is to be done with the answer, and the text to be sent."""
    calling = Calling(security.identity, me, peer, security.clock.now(), suites=security.suites, limits=security.limits)
    return Beginning(calling, security, peer), element(calling.request)


def without(error: JanusGridError) -> bool:
    """Return whether an error says that the server knows nothing of our end-to-end security."""
    if isinstance(error, HandshakeRefused):
        return error.reason is None and error.diagnostic is HandshakeDiagnostic.ENCRYPTION_NOT_REQUIRED
    return error.code in ("item-not-found", "bad-request", "feature-not-implemented")


def refusal(content: Element, peer: str) -> HandshakeRefused:
    """Return the error of a client without end-to-end security to whom a server answers with some."""
    pdu = sec_pdu(content)
    diagnostic = HandshakeDiagnostic.NO_REASON_GIVEN
    if pdu is not None and pdu.kind is SecKind.HANDSHAKE_REJECT:
        diagnostic = diagnostic_of(pdu.octets)
    return HandshakeRefused(
        "the server opens no association without end-to-end security: give `security`", diagnostic=diagnostic,
        where=peer,
    )  # fmt: skip
