"""How a role signs, and what it asks of the signatures of others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import attrs

from ...common.errors import LocalError
from ...common.security import Credentials

PAST, FUTURE = timedelta(seconds=60), timedelta(seconds=10)
"""How far the time in a signature may be from ours, if nothing else is said."""


def _paths(values: Iterable[Path | str]) -> tuple[Path, ...]:
    return tuple(Path(value) for value in values)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _positive(signing: Signing, field: attrs.Attribute[timedelta], value: timedelta) -> None:
    if value <= timedelta():
        raise LocalError(f"{field.name} is longer than no time, not {value}")


@attrs.frozen(slots=True, kw_only=True)
class Signing:
    """How a role signs its messages, and what it asks of those that are signed.

    Attributes:
        credentials: our certificate and key (RSA of 2048 bits or more, or on an elliptic curve), the authorities that
            others must have theirs from, and revocation lists if there are any.
        required: whether every message has to be signed, also before that was agreed by registration.
        signers: for a VEN: fingerprints of the certificates that its VTN signs with, where the VTN is known by
            something else (over XMPP, by its JID). A VTN has them among the identities of each `Party`.
        certificates: PEM files of the certificates of peers that send only their key along.
        past, future: how far the time in a signature may be from ours. So long (both together) each nonce is
            remembered, and a message that was held back may be late.
        sha1: whether signatures with SHA-1 are taken too: for old products. It can be forged.
        inclusive: whether to canonicalise inclusively when signing, for peers that cannot do it exclusively. Does not
            survive XMPP servers, which may change prefixes.
    """

    credentials: Credentials
    required: bool = False
    signers: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    certificates: tuple[Path, ...] = attrs.field(default=(), converter=_paths)
    past: timedelta = attrs.field(default=PAST, validator=_positive)
    future: timedelta = attrs.field(default=FUTURE, validator=_positive)
    sha1: bool = False
    inclusive: bool = False
