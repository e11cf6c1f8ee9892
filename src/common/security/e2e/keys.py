"""The keys of a session: agreed on for it alone, and gone with it."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..signing import Certificate, SigningKey
from .diagnostics import Reason, Unsafe
from .limits import Suite
from .wire import POINT

_CURVE = ec.SECP256R1()
_KEY, _CHAIN = 32, 32
TAG = 16
"""Octets that the protection adds to the data."""


class Agreement:
    """One end's ephemeral key. What both ends make of them, nobody else can."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(_CURVE)
        self.public: bytes = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def secret(self, other: bytes) -> bytes:
        """Return the secret that we share with whom `other` is the public key of; raise `Unsafe` if it is none."""
        try:
            if len(other) != POINT:
                raise ValueError(f"{len(other)} octets")
            peer = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, other)
        except ValueError:
            raise Unsafe(Reason.MALFORMED, "the peer's public key is no point of P-256") from None
        return self._private.exchange(ec.ECDH(), peer)


@attrs.frozen(slots=True)
class Keys:
    """The keys of one epoch: one for each direction, and what the next epoch is chained to."""

    caller: AESGCM = attrs.field(repr=False)
    called: AESGCM = attrs.field(repr=False)
    chain: bytes = attrs.field(repr=False)


def derive(secret: bytes, salt: bytes, epoch: int) -> Keys:
    """Return the keys of an epoch (HKDF with SHA-256, RFC 5869); `salt` binds them to all that was said before."""
    info = b"janusgrid end-to-end 1 epoch " + epoch.to_bytes(4, "big")
    made = HKDF(hashes.SHA256(), 2 * _KEY + _CHAIN, salt, info).derive(secret)
    return Keys(AESGCM(made[:_KEY]), AESGCM(made[_KEY : 2 * _KEY]), made[2 * _KEY :])


def digest(*parts: bytes) -> bytes:
    """Return the SHA-256 of octets one after the other."""
    hashed = hashes.Hash(hashes.SHA256())
    for part in parts:
        hashed.update(part)
    return hashed.finalize()


def protect(suite: Suite, key: AESGCM, nonce: bytes, head: bytes, data: bytes) -> bytes:
    """Return the octets of a transfer: its header, its data, encrypted or not, and what proves both."""
    if suite is Suite.ENCRYPTED:
        return head + key.encrypt(nonce, data, head)
    clear = head + data
    return clear + key.encrypt(nonce, b"", clear)


def unprotect(suite: Suite, key: AESGCM, nonce: bytes, octets: bytes, head: int) -> bytes:
    """Return the data of a transfer, whose header is `head` octets long; raise `Unsafe` if it was touched."""
    try:
        if suite is Suite.ENCRYPTED:
            return key.decrypt(nonce, octets[head:], octets[:head])
        key.decrypt(nonce, octets[-TAG:], octets[:-TAG])
        return octets[head:-TAG]
    except (InvalidTag, ValueError):
        raise Unsafe(Reason.INTEGRITY, "it was changed on its way, or made with other keys") from None


def sign(key: SigningKey, octets: bytes) -> bytes:
    """Return the signature of a key: ECDSA, or RSA with PKCS #1 v1.5, over SHA-256."""
    private = key.private
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(octets, ec.ECDSA(hashes.SHA256()))
    made: bytes = private.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    return made


def verify(certificate: Certificate, signature: bytes, octets: bytes) -> None:
    """Return if a signature is that of the certificate's key over `octets`; else raise `Unsafe`."""
    public = certificate.inner.public_key()
    check: Callable[[], None]
    if isinstance(public, ec.EllipticCurvePublicKey):
        check = lambda: public.verify(signature, octets, ec.ECDSA(hashes.SHA256()))  # noqa: E731 - two of a kind
    elif isinstance(public, rsa.RSAPublicKey):
        check = lambda: public.verify(signature, octets, padding.PKCS1v15(), hashes.SHA256())  # noqa: E731
    else:
        raise Unsafe(Reason.CERTIFICATE, "its key is of a kind that signs nothing here")
    try:
        check()
    except InvalidSignature:
        raise Unsafe(Reason.SIGNATURE, "the signature is not that of what came") from None


def path_of(key: SigningKey) -> tuple[bytes, ...]:
    """Return the certificates that vouch for a key, in DER, its own first."""
    return tuple(each.public_bytes(Encoding.DER) for each in key.chain)
