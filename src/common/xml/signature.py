"""Signatures in XML documents: made, and held to what they must be before anything is computed.

A signature says by itself what it covers, by which steps and with which key: that is what attacks play with. So its
form is checked first, against a short list of what is taken: one signature, a child of the root; references to the
document or to one element of it; canonicalisation and nothing else as a step; no two elements of one Id. Then signxml
computes. What it returns is read from the very octets that were signed: use that, and never the document.

The document must have come through `reader`, which drops comments; a signature over comments does not hold here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import attrs
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from ..errors import LocalError, Malformed
from .reader import FILES, Element, place, read
from .writer import data

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"

_DS11 = "http://www.w3.org/2009/xmldsig11#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC = "http://www.w3.org/2001/04/xmlenc#"
_ENVELOPED = f"{DS}enveloped-signature"
_FORMS = {
    form + comments
    for form in (EXCLUSIVE.removesuffix("#"), INCLUSIVE, "http://www.w3.org/2006/12/xml-c14n11")
    for comments in ("", "#WithComments")
} - {EXCLUSIVE.removesuffix("#")} | {EXCLUSIVE}
_IDS = {"id", "Id", "ID"}
_FRAGMENT = re.compile(r"#[A-Za-z_][\w.-]*")
_SPACE = re.compile(r"[ \t\r\n]+")
_MOST_REFERENCES = 4
_MOST_CERTIFICATES = 8
_CURVES = {
    "urn:oid:1.2.840.10045.3.1.7": "secp256r1",
    "urn:oid:1.3.132.0.34": "secp384r1",
    "urn:oid:1.3.132.0.35": "secp521r1",
}


@attrs.frozen(slots=True)
class Algorithms:
    """What is taken: the identifiers of signature methods and of digests."""

    signatures: frozenset[str]
    digests: frozenset[str]


_SAFE_SIGNATURES = {f"{_MORE}{key}-sha{bits}" for key in ("rsa", "ecdsa") for bits in (256, 384, 512)}
SAFE = Algorithms(
    frozenset(_SAFE_SIGNATURES), frozenset({f"{_ENC}sha256", f"{_ENC}sha512", f"{_MORE}sha384"})
)  # fmt: skip
"""RSA and ECDSA with SHA-2."""

SHA1_TOO = Algorithms(SAFE.signatures | {f"{DS}rsa-sha1", f"{_MORE}ecdsa-sha1"}, SAFE.digests | {f"{DS}sha1"})
"""And with SHA-1, which can be forged by who has the means: for peers that know nothing better."""


class NotHeld(Malformed):
    """A signature that does not hold, or has a form that is not taken."""


@attrs.frozen(slots=True)
class Covered:
    """What one reference of a signature covers.

    Attributes:
        uri: the reference; empty for the whole document but the signature.
        element: what was signed, read from the signed octets.
    """

    uri: str
    element: Element


def sign(
    document: str,
    key: Any,
    chain: Iterable[Any],
    *,
    kind: str,
    target: str,
    properties: Element,
    inclusive: bool = False,
) -> str:
    """Return the document with a signature as the first child of its root.

    Args:
        key, chain: a private key and its certificates (`common.security.SigningKey`).
        kind: of the key: `rsa` or `ec`.
        target: the Id of the element that is signed.
        properties: an element that is signed along with it, in an object of the signature.
        inclusive: canonicalise inclusively: for peers that cannot do it exclusively, and ways that leave every
            prefix as it is.

    Raises:
        LocalError: the document cannot be signed.
    """
    try:
        root = read(document, limits=FILES)
        prefixes = None if inclusive else _prefixes_in_types(root)
        signer = XMLSigner(
            method=SignatureConstructionMethod.detached,
            signature_algorithm=SignatureMethod.RSA_SHA256 if kind == "rsa" else SignatureMethod.ECDSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod(INCLUSIVE if inclusive else EXCLUSIVE),
        )
        if inclusive:
            signer.namespaces.update({prefix: uri for prefix, uri in root.nsmap.items() if prefix})
        made = signer.sign(
            root, key=key, cert=list(chain), reference_uri=f"#{target}", id_attribute="Id",
            inclusive_ns_prefixes=prefixes, signature_properties=properties,
        )  # fmt: skip
    except Exception as error:
        raise LocalError(f"cannot be signed: {error!s:.200}") from None
    root.insert(0, made)
    return data(root).decode()


class Signature:
    """The signature of a document, whose form is checked, and nothing else: `verify` says whether it holds.

    Attributes:
        certificates: those that it carries (DER), the signer's first as far as their names tell.
        key: the public key that it carries instead (see `common.security.signing.key_of`); None where it does not.
    """

    def __init__(self, root: Element, algorithms: Algorithms = SAFE) -> None:
        self._root = root
        self._algorithms = algorithms
        self._element = _only_signature(root)
        _unique_ids(root)
        self.uris = self._references()
        self.certificates, self.key = self._key_info()

    def verify(self, certificate: Any, now: datetime) -> tuple[Covered, ...]:
        """Return what is covered, if the signature was made with the key of a certificate, and holds.

        Whether the certificate is to be believed is another question. Raises `NotHeld`.
        """
        expected = SignatureConfiguration(
            location="./",
            expect_references=len(self.uris),
            signature_methods=frozenset(SignatureMethod(each) for each in self._algorithms.signatures),
            digest_algorithms=frozenset(DigestAlgorithm(each) for each in self._algorithms.digests),
            verification_time=now,
            default_reference_c14n_method=CanonicalizationMethod(INCLUSIVE),
        )
        try:
            found = XMLVerifier().verify(
                self._root, x509_cert=certificate, expect_config=expected, id_attribute="Id", validate_schema=False
            )
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise NotHeld(f"the signature does not hold: {reason:.200}", where=place(self._element)) from None
        covered = []
        for uri, result in zip(self.uris, found if isinstance(found, list) else [found], strict=True):
            covered.append(Covered(uri, read(result.signed_data, limits=FILES)))
        return tuple(covered)

    def _fault(self, reason: str) -> NotHeld:
        return NotHeld(f"the signature is not taken: {reason}", where=place(self._element))

    def _references(self) -> tuple[str, ...]:
        """Check everything that says how the signature is computed; return what it refers to."""
        info, value, *rest = self._children(self._element, "SignedInfo", "SignatureValue")
        if not rest or rest[0].tag != f"{{{DS}}}KeyInfo" or any(each.tag != f"{{{DS}}}Object" for each in rest[1:]):
            raise self._fault("it has KeyInfo after its value, and then objects")
        self._octets(value)
        form, method, *references = self._children(info, "CanonicalizationMethod", "SignatureMethod")
        self._step(form, _FORMS)
        self._listed(method, self._algorithms.signatures)
        if not 0 < len(references) <= _MOST_REFERENCES or any(r.tag != f"{{{DS}}}Reference" for r in references):
            raise self._fault(f"it has from 1 to {_MOST_REFERENCES} references")
        return tuple(self._reference(each) for each in references)

    def _reference(self, reference: Element) -> str:
        uri = reference.get("URI")
        if uri is None or (uri and not _FRAGMENT.fullmatch(uri)):
            raise self._fault(f"it refers to {uri!r:.80}, not to this document or an element of it by Id")
        transforms, digest, value = (*[None] * (3 - len(reference)), *reference)[-3:]
        steps = [] if transforms is None else list(transforms)
        if transforms is not None and transforms.tag != f"{{{DS}}}Transforms":
            raise self._fault("a reference has steps, a digest method and a digest")
        for number, step in enumerate(steps):
            first = number == 0 and step.get("Algorithm") == _ENVELOPED
            if step.tag != f"{{{DS}}}Transform" or number > 1 or (number == 1 and steps[0].get("Algorithm") in _FORMS):
                raise self._fault("it has more steps than one canonicalisation")
            self._step(step, {_ENVELOPED} if first else _FORMS)
        if not uri and not (steps and steps[0].get("Algorithm") == _ENVELOPED):
            raise self._fault("it refers to the document without leaving itself out")
        if digest is None or value is None or (digest.tag, value.tag) != (
            f"{{{DS}}}DigestMethod", f"{{{DS}}}DigestValue"
        ):  # fmt: skip
            raise self._fault("a reference has a digest method and a digest")
        self._listed(digest, self._algorithms.digests)
        self._octets(value)
        return uri

    def _children(self, element: Element, *names: str) -> list[Element]:
        found = list(element)
        if [each.tag for each in found[: len(names)]] != [f"{{{DS}}}{name}" for name in names]:
            raise self._fault(f"{etree.QName(element).localname} begins with {' and '.join(names)}")
        return found

    def _listed(self, element: Element, algorithms: frozenset[str]) -> None:
        if element.get("Algorithm") not in algorithms:
            raise self._fault(f"the algorithm {element.get('Algorithm')!r:.100} is not accepted")
        if len(element):
            raise self._fault(f"{etree.QName(element).localname} has parameters")

    def _step(self, element: Element, algorithms: set[str]) -> None:
        """Check a step; an exclusive canonicalisation may name prefixes that are inclusive all the same."""
        algorithm = element.get("Algorithm") or ""
        if algorithm not in algorithms:
            raise self._fault(f"the step {algorithm!r:.100} is not accepted")
        if len(element) and not (
            algorithm.startswith(EXCLUSIVE)
            and len(element) == 1
            and element[0].tag == f"{{{EXCLUSIVE}}}InclusiveNamespaces"
            and element[0].get("PrefixList")
        ):
            raise self._fault(f"the step {algorithm} has parameters")

    def _octets(self, element: Element) -> bytes:
        """Return the octets in an element; there is one way only to write them, but for white space."""
        text = _SPACE.sub("", element.text or "")
        try:
            octets = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            octets = b""
        if len(element) or not octets or base64.b64encode(octets).decode() != text:
            raise self._fault(f"{etree.QName(element).localname} is not base64")
        return octets

    def _key_info(self) -> tuple[tuple[bytes, ...], tuple[Any, ...] | None]:
        certificates: list[bytes] = []
        key: tuple[Any, ...] | None = None
        for each in self._element[2]:
            if each.tag == f"{{{DS}}}X509Data":
                certificates += [self._octets(one) for one in each.iter(f"{{{DS}}}X509Certificate")]
            elif each.tag == f"{{{DS}}}KeyValue" and key is None:
                key = self._key_value(each)
            elif each.tag != f"{{{DS}}}KeyName":
                raise self._fault(f"{etree.QName(each).localname} in KeyInfo is not accepted")
        if len(certificates) > _MOST_CERTIFICATES:
            raise self._fault(f"it carries more than {_MOST_CERTIFICATES} certificates")
        return tuple(certificates), key

    def _key_value(self, value: Element) -> tuple[Any, ...]:
        names = {"ds": DS, "n": _DS11}
        modulus, exponent = (
            value.find("ds:RSAKeyValue/ds:Modulus", names),
            value.find("ds:RSAKeyValue/ds:Exponent", names),
        )
        if modulus is not None and exponent is not None:
            return "rsa", *(int.from_bytes(self._octets(each)) for each in (modulus, exponent))
        curve, point = value.find("n:ECKeyValue/n:NamedCurve", names), value.find("n:ECKeyValue/n:PublicKey", names)
        if curve is not None and point is not None and (curve.get("URI") or "") in _CURVES:
            return "ec", _CURVES[curve.get("URI") or ""], self._octets(point)
        raise self._fault("the key that it carries is none of RSA or of an elliptic curve that is known")


def is_signed(root: Element) -> bool:
    """Return whether there is a signature anywhere in a document."""
    return next(root.iter(f"{{{DS}}}Signature"), None) is not None


def _only_signature(root: Element) -> Element:
    found = list(root.iter(f"{{{DS}}}Signature"))
    if len(found) != 1 or found[0].getparent() is not root:
        raise NotHeld("the signature is not taken: there is one, and it is a child of the root", where=place(root))
    return found[0]


def _unique_ids(root: Element) -> None:
    seen: set[str] = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if str(name).rpartition("}")[2] in _IDS:
                if value in seen:
                    raise NotHeld(
                        f"the signature is not taken: two elements have the Id {value!r:.80}", where=place(element)
                    )
                seen.add(str(value))


def _prefixes_in_types(root: Element) -> list[str] | None:
    """Return the prefixes that only an `xsi:type` may use."""
    name = "{http://www.w3.org/2001/XMLSchema-instance}type"
    return (
        sorted({prefix for each in root.iter() for prefix, colon, _ in [each.get(name, "").partition(":")] if colon})
        or None
    )
