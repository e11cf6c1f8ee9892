"""Signs messages, and says of signed ones what was signed, and by whom.

A signature of OpenADR covers the signed object, by its Id or as all of the document but the signature, and a
ReplayProtect within an object of the signature (second-hand: as the public implementations do it).
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, Final

import attrs

from ...common.errors import Malformed
from ...common.security.renewed import Renewed
from ...common.security.signing import Authorities, Certificate, SigningKey, Untrusted, certificates, signing_key
from ...common.xml import Element
from ...common.xml.signature import SAFE, SHA1_TOO, Covered, NotHeld, Signature, sign
from ..codec import write
from ..core.answers import Code
from ..model import Message
from ..model.names import qualified
from .options import Signing
from .replay import ReplayGuard, ReplayProtect
from .unproved import Unproved

ID: Final = "oadrSignedObject"
"""The Id that we give to the signed object, as others do."""

_PAYLOAD, _SIGNED, _ID = qualified("oadr:oadrPayload"), qualified("oadr:oadrSignedObject"), qualified("oadr:Id")
_SIGNATURE, _OBJECT = qualified("ds:Signature"), qualified("ds:Object")


@attrs.frozen(slots=True)
class Proved:
    """What a signature proves.

    Attributes:
        element: the signed object, or the payload without the signature, read from what was signed.
        signer: the certificate, which is believed.
        protect: when it was signed, and its nonce.
    """

    element: Element
    signer: Certificate
    protect: ReplayProtect


@attrs.frozen(slots=True, eq=False)
class _Drawer:
    """What stands in the files of a `Signing`."""

    key: SigningKey
    authorities: Authorities
    known: dict[tuple[Any, ...], Certificate]

    @classmethod
    def of(cls, signing: Signing) -> _Drawer:
        known = {one.key: one for path in signing.certificates for one in certificates(path)}
        return cls(signing_key(signing.credentials), Authorities(signing.credentials), known)


class Notary:
    """Signs and verifies for one role. The files are read now, and again when they have changed.

    Raises:
        ConfigError: a file cannot be used.
    """

    def __init__(self, signing: Signing) -> None:
        self.signing = signing
        self.guard = ReplayGuard(signing.past, signing.future)
        self._algorithms = SHA1_TOO if signing.sha1 else SAFE
        of = signing.credentials
        files = (of.certificate, of.key, of.authorities, of.revoked, *signing.certificates)
        self._drawer = Renewed(files, lambda: _Drawer.of(signing))

    @property
    def fingerprint(self) -> str:
        """The fingerprint of our certificate."""
        return self._drawer.current.key.fingerprint

    def sign(self, message: Message, now: datetime) -> str:
        """Return a message as signed text; raise `LocalError` as `write`."""
        protect, key = ReplayProtect(now, secrets.token_hex(16)), self._drawer.current.key
        return sign(
            write(message, id=ID), key.private, key.chain, kind=key.kind, target=ID,
            properties=protect.element(ID), inclusive=self.signing.inclusive,
        )  # fmt: skip

    def verify(self, root: Element, now: datetime) -> Proved:
        """Return what a signed document proves; whether it was there before, `guard` knows.

        Raises:
            Unproved: the signature does not hold, does not cover what it must, or is not by whom we believe.
        """
        try:
            signature = Signature(root, self._algorithms)
            signer = self._signer(signature, now)
            covered = signature.verify(signer.inner, now)
        except NotHeld as error:
            raise Unproved("openadr.signature", Code.INVALID_DATA, str(error)) from None
        except Untrusted as error:
            raise Unproved("openadr.certificate", Code.NOT_REGISTERED, error.message) from None
        except Malformed as error:
            raise Unproved("openadr.signature", Code.INVALID_DATA, f"what was signed is no XML: {error}") from None
        return Proved(signed_object(root, covered), signer, protection(root, covered))

    def _signer(self, signature: Signature, now: datetime) -> Certificate:
        drawer = self._drawer.current
        if signature.certificates:
            first, *others = signature.certificates
            return drawer.authorities.check(first, others, now)
        known = drawer.known.get(signature.key or ())
        if known is None:
            raise Untrusted("the signature carries no certificate, and its key is not one that is known here")
        return drawer.authorities.check(known, (), now)


def signed_object(root: Element, covered: tuple[Covered, ...]) -> Element:
    """Return the signed object as it was signed: the one that the document has where it belongs."""
    if root.tag != _PAYLOAD or [each.tag for each in root] != [_SIGNATURE, _SIGNED]:
        raise _uncovered("it does not stand in an oadrPayload before one oadrSignedObject")
    place = root[1]
    for each in covered:
        if each.uri and each.element.tag == _SIGNED and f"#{place.get(_ID)}" == each.uri:
            return each.element
        if not each.uri and each.element.tag == _PAYLOAD and [one.tag for one in each.element] == [_SIGNED]:
            return each.element
    raise _uncovered("it does not cover the oadrSignedObject")


def protection(root: Element, covered: tuple[Covered, ...]) -> ReplayProtect:
    """Return the ReplayProtect that was signed; every reference is to this or to the signed object."""
    within = {f"#{each.get('Id')}" for made in root[0].iterchildren(_OBJECT) for each in made.iter() if each.get("Id")}
    properties = [each for each in covered if each.uri in within]
    if len(properties) != 1 or len(covered) != 2:
        raise _uncovered("it does not cover the oadrSignedObject, a ReplayProtect, and nothing else")
    return ReplayProtect.within(properties[0].element)


def _uncovered(reason: str) -> Unproved:
    return Unproved("openadr.signature", Code.INVALID_DATA, f"the signature is not taken: {reason}")
