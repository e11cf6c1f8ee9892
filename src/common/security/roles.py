"""The roles that a certificate gives its holder (IEC 62351-8, profile A: an extension of the certificate).

Nobody here holds the text of IEC 62351-8: the object identifier, the form of the extension and the numbers of the roles
are second-hand. They stand in this file alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import attrs
from cryptography import x509
from cryptography.hazmat import asn1

from .role import Role
from .signing import Certificate, Untrusted

__all__ = ["OID", "Grant", "Role", "extension", "grants", "held"]

OID = x509.ObjectIdentifier("1.0.62351.8.1")
_MOST = 64


@attrs.frozen(slots=True)
class Grant:
    """Roles that are given together.

    Attributes:
        roles: their numbers; those of `Role`, or private ones below 0.
        area: where they hold (area of responsibility); empty for everywhere.
        revision: of the definition of the roles.
        definition: who has defined them.
    """

    roles: tuple[int, ...]
    area: str = ""
    revision: int = 1
    definition: str = "IEC 62351-8"


@asn1.sequence
class _UserRole:
    roles: list[int]
    area: str
    revision: int
    definition: str
    operation: Annotated[int | None, asn1.Implicit(0)] = None
    changes: Annotated[int | None, asn1.Implicit(1)] = None


@asn1.sequence
class _Around:
    """The library reads and writes lists inside of sequences only: one more is put around, and taken off again."""

    grants: list[_UserRole]


def extension(grants: Iterable[Grant]) -> x509.UnrecognizedExtension:
    """Return the extension for a certificate that is to give these roles."""
    around = asn1.encode_der(_Around(grants=[_user_role(grant) for grant in grants]))
    return x509.UnrecognizedExtension(OID, around[2 if around[1] < 0x80 else 2 + around[1] - 0x80 :])


def grants(certificate: Certificate) -> tuple[Grant, ...]:
    """Return what roles a certificate, which is believed already, gives; without the extension none.

    Raises:
        Untrusted: the extension cannot be read. It might have limited what it gives, so nothing is given.
    """
    return _grants(certificate.inner)


def held(certificate: Certificate | bytes, area: str = "") -> frozenset[int]:
    """Return the roles that a certificate (or its DER), which is believed already, gives its holder in an area.

    Raises:
        Untrusted: see `grants`.
    """
    if isinstance(certificate, bytes):
        try:
            found = _grants(x509.load_der_x509_certificate(certificate))
        except ValueError as error:
            raise Untrusted(f"the certificate cannot be read: {error!s:.120}") from None
    else:
        found = grants(certificate)
    return frozenset(role for grant in found if grant.area in ("", area) for role in grant.roles)


def _grants(inner: x509.Certificate) -> tuple[Grant, ...]:
    try:
        found = inner.extensions.get_extension_for_oid(OID).value
    except x509.ExtensionNotFound:
        return ()
    except (ValueError, x509.DuplicateExtension) as error:
        raise Untrusted(f"the certificate's extensions cannot be read: {error!s:.120}") from None
    octets = found.value if isinstance(found, x509.UnrecognizedExtension) else b""
    try:
        around = asn1.decode_der(_Around, _wrapped(octets))
    except (ValueError, OverflowError) as error:
        raise Untrusted(f"the roles in the certificate cannot be read: {error!s:.120}") from None
    if sum(len(each.roles) for each in around.grants) > _MOST:
        raise Untrusted(f"the certificate gives more than {_MOST} roles")
    return tuple(Grant(tuple(each.roles), each.area, each.revision, each.definition) for each in around.grants)


def _user_role(grant: Grant) -> _UserRole:
    return _UserRole(roles=[*grant.roles], area=grant.area, revision=grant.revision, definition=grant.definition)


def _wrapped(octets: bytes) -> bytes:
    size = len(octets)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return b"\x30" + (bytes([size]) if size < 0x80 else bytes([0x80 + len(length)]) + length) + octets
