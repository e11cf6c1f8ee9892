"""What is to be said of a signature in a document that lies before us: whether it is intact, whose it is, how old.

A role takes a message or refuses it (`Notary`). Here the questions are answered one by one: a signature may be intact,
and nobody know by whom.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import attrs

from ...common.errors import Malformed
from ...common.security.signing import Authorities, Certificate, Untrusted, certificate, certificates
from ...common.security.tls import Credentials
from ...common.xml import Element
from ...common.xml.signature import Signature
from ..core.identity import is_one_of
from .notary import protection, signed_object
from .replay import ReplayProtect
from .unproved import Unproved


def _paths(values: Iterable[Path | str]) -> tuple[Path, ...]:
    return tuple(Path(value) for value in values)


@attrs.frozen(slots=True, kw_only=True)
class Trust:
    """By what a signature is believed; nothing given: nobody says whom to believe.

    Attributes:
        authorities: PEM file of those that the signer must have its certificate from.
        revoked: their revocation lists.
        fingerprints: of certificates that are believed; with `authorities` too, it must be one of these as well.
        certificates: PEM files of the certificates of signers that send only their key along.
    """

    authorities: Path | None = None
    revoked: Path | None = None
    fingerprints: tuple[str, ...] = ()
    certificates: tuple[Path, ...] = attrs.field(default=(), converter=_paths)

    @property
    def is_given(self) -> bool:
        """Whether it says whom to believe."""
        return self.authorities is not None or bool(self.fingerprints)

    def doubt(self, signer: Certificate, others: Iterable[bytes], when: datetime) -> str | None:
        """Return why a signer is not believed at a time, None if it is; raise `ConfigError` for files that are none."""
        if self.fingerprints and not is_one_of(signer.fingerprint, self.fingerprints):
            return f"it is by {signer.fingerprint}, which is not a fingerprint that was given"
        if self.authorities is None:
            inner = signer.inner
            within = inner.not_valid_before_utc <= when <= inner.not_valid_after_utc
            return None if within else f"the signer's certificate is not valid on {when:%Y-%m-%d}"
        of = Credentials(self.authorities, self.authorities, self.authorities, self.revoked)  # a key is not needed here
        try:
            Authorities(of).check(signer, others, when)
        except Untrusted as error:
            return error.message
        return None


@attrs.frozen(slots=True)
class Appraisal:
    """What was found of a signature.

    Attributes:
        fault: why it is not intact, or does not cover what it must; None if all is well with it.
        signer: fingerprint of the certificate that made it; `subject` is the name in that.
        signed_at: the time in its ReplayProtect.
        believed: whether the signer is believed; None where nothing was said of whom to believe.
        doubt: why it is not.
    """

    fault: str | None
    signer: str | None = None
    subject: str | None = None
    signed_at: datetime | None = None
    believed: bool | None = None
    doubt: str | None = None

    @property
    def intact(self) -> bool:
        """Whether it covers the message and a ReplayProtect, and neither was changed since."""
        return self.fault is None


def appraise(root: Element, trust: Trust, when: datetime | None = None) -> Appraisal:
    """Return what is to be said of the signature of a document that follows the schema, as it came.

    Args:
        when: the time at which the certificate has to be good; the time in the signature, if not given.

    Raises `ConfigError` for a file of `trust` that cannot be used.
    """
    try:
        signature = Signature(root)
        signer = _signer(signature, trust)
        covered = signature.verify(signer.inner, signer.inner.not_valid_before_utc)
        signed_object(root, covered)
        protect: ReplayProtect = protection(root, covered)
    except (Malformed, Unproved, Untrusted) as error:
        return Appraisal(error.message)
    found = Appraisal(None, signer.fingerprint, signer.inner.subject.rfc4514_string(), protect.timestamp)
    if not trust.is_given:
        return found
    doubt = trust.doubt(signer, signature.certificates[1:], when or protect.timestamp)
    return attrs.evolve(found, believed=doubt is None, doubt=doubt)


def _signer(signature: Signature, trust: Trust) -> Certificate:
    if signature.certificates:
        return certificate(signature.certificates[0])
    known = {one.key: one for path in trust.certificates for one in certificates(path)}
    if signature.key not in known:
        raise Untrusted("the signature carries a key and no certificate: give the certificate that is meant")
    return known[signature.key]
