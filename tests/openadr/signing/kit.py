"""Certificates, messages, and signatures of any shape, made from the recommendation and not by the code under test."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority, Issued, KeyKind
from janusgrid.common.xml import Element, read
from janusgrid.openadr.codec import check, decode
from janusgrid.openadr.model import EiResponse, Message, Poll, Response
from janusgrid.openadr.signing import Signing
from janusgrid.openadr.signing.notary import Notary
from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
OADR = "http://openadr.org/oadr-2.0b/2012/07"
DSP = "http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = f"{DS}enveloped-signature"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
NOW = datetime.now(UTC).replace(microsecond=0)

POLL = Poll(ven_id="VEN-1")
ANSWER = Response(ei_response=EiResponse(request_id="R-1"), ven_id="VEN-1")


class Office:
    """An authority in a folder, and notaries with certificates of it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority.make(folder / "authority")
        self._issued: dict[tuple[str, KeyKind], Issued] = {}

    def issued(self, name: str = "ven", kind: KeyKind = KeyKind.EC) -> Issued:
        if (name, kind) not in self._issued:
            self._issued[name, kind] = self.authority.issue(f"{name}-{kind}", kind=kind)
        return self._issued[name, kind]

    def credentials(self, name: str = "ven", kind: KeyKind = KeyKind.EC, revoked: Path | None = None) -> Credentials:
        issued = self.issued(name, kind)
        return Credentials(issued.certificate, issued.key, self.authority.certificate, revoked)

    def notary(self, name: str = "ven", kind: KeyKind = KeyKind.EC, **options: Any) -> Notary:
        return Notary(Signing(credentials=self.credentials(name, kind), **options))


def opened(notary: Notary, document: str | bytes, now: datetime = NOW) -> Message:
    """Return the message in a signed document, as a role would."""
    root = read(document)
    check(root)
    proved = notary.verify(root, now)
    check(proved.element)
    message = decode(proved.element).message
    notary.guard.check(proved.signer.fingerprint, proved.protect, now)
    return message


@attrs.frozen
class Ref:
    """A reference to be signed."""

    uri: str
    steps: Sequence[str] = (EXC,)
    digest: str = SHA256


REFS = (Ref("#oadrSignedObject"), Ref("#prop"))


def protect(timestamp: datetime | str = NOW, nonce: str = "nonce-1", more: str = "") -> str:
    """Return an object of a signature with a ReplayProtect."""
    when = timestamp if isinstance(timestamp, str) else timestamp.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<ds:Object xmlns:ds="{DS}" Id="prop"><ds:SignatureProperties><ds:SignatureProperty Id="p" Target="#t">'
        f'<dsp:ReplayProtect xmlns:dsp="{DSP}"><dsp:timestamp>{when}</dsp:timestamp>'
        f"<dsp:nonce>{nonce}</dsp:nonce></dsp:ReplayProtect>{more}</ds:SignatureProperty></ds:SignatureProperties>"
        "</ds:Object>"
    )


def signed(
    document: str,
    issued: Issued,
    *,
    refs: Sequence[Ref] = REFS,
    objects: str | None = None,
    form: str = EXC,
    method: str | None = None,
    key_info: str | None = None,
) -> Element:
    """Return the root of a document with a signature of any shape over it, made with the key of `issued`."""
    root = etree.fromstring(document)
    key: Any = serialization.load_pem_private_key(issued.key.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(issued.certificate.read_bytes())
    elliptic = isinstance(key, ec.EllipticCurvePrivateKey)
    method = method or f"{MORE}{'ecdsa' if elliptic else 'rsa'}-sha256"
    der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    info = key_info or f"<ds:X509Data><ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data>"
    references = "".join(
        f'<ds:Reference URI="{ref.uri}"><ds:Transforms>'
        + "".join(f'<ds:Transform Algorithm="{step}"/>' for step in ref.steps)
        + f'</ds:Transforms><ds:DigestMethod Algorithm="{ref.digest}"/><ds:DigestValue>AA==</ds:DigestValue>'
        "</ds:Reference>"
        for ref in refs
    )
    made = etree.fromstring(
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{form}"/>'
        f'<ds:SignatureMethod Algorithm="{method}"/>{references}</ds:SignedInfo><ds:SignatureValue/>'
        f"<ds:KeyInfo>{info}</ds:KeyInfo>{protect() if objects is None else objects}</ds:Signature>"
    )
    root.insert(0, made)
    seal(root, key)
    return root


def seal(root: Element, key: Any) -> None:
    """Fill in the digests and the value of the signature in a document."""
    (made,) = root.findall(f"{{{DS}}}Signature")
    for reference in made.iter(f"{{{DS}}}Reference"):
        octets = _octets(root, reference)
        name = reference.find(f"{{{DS}}}DigestMethod").get("Algorithm")
        digest = hashlib.sha1(octets) if name.endswith("#sha1") else hashlib.new(name.rpartition("#")[2], octets)
        reference.find(f"{{{DS}}}DigestValue").text = base64.b64encode(digest.digest()).decode()
    info = made.find(f"{{{DS}}}SignedInfo")
    octets = canonical(info, info[0].get("Algorithm"))
    method = info[1].get("Algorithm")
    algorithm = hashes.SHA1() if method.endswith("sha1") else hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(octets, ec.ECDSA(algorithm)))
        value = r.to_bytes(32) + s.to_bytes(32)
    else:
        value = key.sign(octets, padding.PKCS1v15(), algorithm)
    made.find(f"{{{DS}}}SignatureValue").text = base64.b64encode(value).decode()


def canonical(element: Element, form: str) -> bytes:
    """Return the canonical form of an element where it stands."""
    return etree.tostring(element, method="c14n", exclusive=form.startswith(EXC), with_comments=False, with_tail=False)


def _octets(root: Element, reference: Element) -> bytes:
    uri = reference.get("URI") or ""
    steps = [each.get("Algorithm") for each in reference.iter(f"{{{DS}}}Transform")]
    form = next((step for step in steps if step != ENVELOPED), C14N)
    if uri:
        found = [each for each in root.iter() if uri[1:] in (each.get("Id"), each.get(f"{{{OADR}}}Id"))]
        return canonical(found[0], form) if found else b""
    copy = deepcopy(root)
    for each in copy.findall(f"{{{DS}}}Signature"):
        copy.remove(each)
    return canonical(copy, form)


def text(root: Element) -> str:
    """Return a document as text."""
    return etree.tostring(root).decode()
