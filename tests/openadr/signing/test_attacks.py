"""What is done to signatures: wrapping, tricks with algorithms, tampering. Nothing of it is believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from janusgrid.common.errors import Malformed
from janusgrid.common.security.authority import Issued, KeyKind
from janusgrid.common.xml import Element, read
from janusgrid.openadr.codec import check, decode, write
from janusgrid.openadr.model import Message, Poll
from janusgrid.openadr.signing import Signing, Unproved
from janusgrid.openadr.signing.notary import Notary
from lxml import etree

from tests.openadr.mutants import count, mutants
from tests.openadr.signing.kit import (
    C14N,
    DS,
    DSP,
    ENVELOPED,
    EXC,
    MORE,
    NOW,
    OADR,
    POLL,
    REFS,
    SHA256,
    Office,
    Ref,
    canonical,
    opened,
    protect,
    signed,
    text,
)

DOCUMENT = write(POLL, id="oadrSignedObject")
FORGED = write(Poll(ven_id="VEN-666"), id="oadrSignedObject")
WHOLE = (Ref("", (ENVELOPED, EXC)), Ref("#prop"))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture
def notary(office: Office) -> Notary:
    return office.notary("vtn")


def parts(root: Element) -> tuple[Element, Element, Element]:
    """Return the signature and the signed object of a document, and a forged object."""
    forged = etree.fromstring(FORGED)[0]
    return root[0], root[1], forged


def refused(notary: Notary, root: Element | str, why: str | None = None) -> None:
    document = root if isinstance(root, str) else text(root)
    with pytest.raises((Unproved, Malformed), match=why):
        opened(notary, document)


@pytest.mark.parametrize("refs", [REFS, WHOLE])
@pytest.mark.parametrize("kind", list(KeyKind))
def test_the_kit_makes_good_signatures(office: Office, notary: Notary, kind: KeyKind, refs: tuple[Ref, ...]) -> None:
    """What is refused below is not refused for a fault of the kit."""
    assert opened(notary, text(signed(DOCUMENT, office.issued("ven", kind), refs=refs))) == POLL


# --- wrapping: what is signed is not what stands where a message belongs ---


def into_an_object(root: Element) -> Element:
    signature, honest, forged = parts(root)
    etree.SubElement(signature, f"{{{DS}}}Object").append(honest)
    root.append(forged)
    return root


def into_an_object_and_without_an_id(root: Element) -> Element:
    root = into_an_object(root)
    del root[1].attrib[f"{{{OADR}}}Id"]
    return root


def into_an_object_with_another_id(root: Element) -> Element:
    root = into_an_object(root)
    root[1].set(f"{{{OADR}}}Id", "other")
    return root


def into_an_object_with_an_id_of_another_kind(root: Element) -> Element:
    root = into_an_object_and_without_an_id(root)
    root[1].set("{http://www.w3.org/XML/1998/namespace}id", "oadrSignedObject")
    return root


def into_key_info(root: Element) -> Element:
    signature, honest, forged = parts(root)
    signature[2].append(honest)
    root.append(forged)
    return root


def into_the_property(root: Element) -> Element:
    signature, honest, forged = parts(root)
    next(signature.iter(f"{{{DS}}}SignatureProperty")).append(honest)
    root.append(forged)
    return root


def before_it(root: Element) -> Element:
    root.insert(1, parts(root)[2])
    return root


def after_it(root: Element) -> Element:
    root.append(parts(root)[2])
    return root


def inside_it(root: Element) -> Element:
    _, honest, forged = parts(root)
    honest.insert(0, forged)
    return root


def around_it(root: Element) -> Element:
    _, honest, forged = parts(root)
    forged[0].append(honest)
    root.append(forged)
    return root


def a_payload_around_all(root: Element) -> Element:
    outer = etree.fromstring(FORGED)
    signature = deepcopy(root[0])
    etree.SubElement(signature, f"{{{DS}}}Object").append(root)
    outer.insert(0, signature)
    return outer


def a_payload_around_all_that_has_the_signature(root: Element) -> Element:
    outer = etree.fromstring(FORGED)
    holder = etree.SubElement(outer[0], f"{{{DS}}}Signature")
    etree.SubElement(holder, f"{{{DS}}}Object").append(root)
    return outer


def a_second_signature(root: Element) -> Element:
    root.insert(1, deepcopy(root[0]))
    return root


def a_signature_in_the_signature(root: Element) -> Element:
    signature, honest, forged = parts(root)
    outer = deepcopy(signature)
    etree.SubElement(outer, f"{{{DS}}}Object").append(signature)
    outer.append(etree.fromstring(f'<ds:Object xmlns:ds="{DS}"/>'))
    outer[-1].append(honest)
    root.insert(0, outer)
    root.append(forged)
    return root


def the_signature_in_the_signed_object(root: Element) -> Element:
    signature, _, forged = parts(root)
    root.append(forged)
    forged.append(signature)
    return root


def another_replay_protect(root: Element) -> Element:
    """The old one is hidden where its reference still finds it."""
    signature = root[0]
    old = signature[3]
    hidden = etree.SubElement(signature, f"{{{DS}}}Object")
    signature.replace(old, etree.fromstring(protect(nonce="fresh")))
    hidden.append(old)
    return root


def another_replay_protect_without_an_id(root: Element) -> Element:
    root = another_replay_protect(root)
    del root[0][3].attrib["Id"]
    root[0][3].set("MimeType", "x")
    next(iter(root[0][3].iter(f"{{{DSP}}}nonce"))).text = ""
    return root


WRAPPINGS: list[Callable[[Element], Element]] = [
    into_an_object,
    into_an_object_and_without_an_id,
    into_an_object_with_another_id,
    into_an_object_with_an_id_of_another_kind,
    into_key_info,
    into_the_property,
    before_it,
    after_it,
    inside_it,
    around_it,
    a_payload_around_all,
    a_payload_around_all_that_has_the_signature,
    a_second_signature,
    a_signature_in_the_signature,
    the_signature_in_the_signed_object,
    another_replay_protect,
]


@pytest.mark.parametrize("refs", [REFS, WHOLE], ids=["by-id", "whole"])
@pytest.mark.parametrize("wrap", WRAPPINGS)
def test_wrapping_is_refused(
    office: Office, notary: Notary, wrap: Callable[[Element], Element], refs: tuple[Ref, ...]
) -> None:
    """Before and without the schema too: what it happens to refuse is not what keeps us."""
    wrapped = wrap(signed(DOCUMENT, office.issued(), refs=refs))
    refused(notary, wrapped)
    with pytest.raises(Unproved):
        notary.verify(read(text(wrapped)), NOW)


def test_what_is_not_covered_does_not_count(office: Office, notary: Notary) -> None:
    """A fresh ReplayProtect beside the one that is signed is not looked at: the message is known by its own."""
    root = signed(DOCUMENT, office.issued())
    assert opened(notary, text(root)) == POLL
    root[0].append(etree.fromstring(protect(nonce="fresh").replace('Id="p', 'Id="q')))
    refused(notary, root, "its nonce is used")


# --- by somebody who may sign, and signs too little or too much ---

INSIDERS = {
    "only the property": ((Ref("#prop"),), None),
    "only the object": ((Ref("#oadrSignedObject"),), None),
    "the object twice": ((Ref("#oadrSignedObject"), Ref("#oadrSignedObject")), None),
    "the object in both ways": ((*WHOLE, Ref("#oadrSignedObject")), None),
    "something else too": ((*REFS, Ref("#p")), None),
    "an Id that is not there": ((Ref("#oadrSignedObject"), Ref("#nowhere")), None),
    "the document and itself": ((Ref("", (EXC,)), Ref("#prop")), None),
    "no ReplayProtect": (REFS, f'<ds:Object xmlns:ds="{DS}" Id="prop"/>'),
    "two ReplayProtects": (
        REFS, protect(more=f'<dsp:ReplayProtect xmlns:dsp="{DSP}"><dsp:timestamp/><dsp:nonce/></dsp:ReplayProtect>'),
    ),
    "no time": (REFS, protect("yesterday")),
    "no nonce": (REFS, protect(nonce="")),
    "a nonce without end": (REFS, protect(nonce="n" * 257)),
    "an object by a file": ((Ref("file:///etc/hostname"), Ref("#prop")), None),
    "an object by HTTP": ((Ref("http://127.0.0.1/"), Ref("#prop")), None),
    "an object by XPointer": ((Ref("#xpointer(id('oadrSignedObject'))"), Ref("#prop")), None),
    "the document by XPointer": ((Ref("#xpointer(/)"), Ref("#prop")), None),
    "five references": ((*REFS, *REFS, Ref("#p")), None),
    "no references": ((), None),
}  # fmt: skip


@pytest.mark.parametrize("case", INSIDERS)
def test_what_is_covered_is_one_message_and_one_replay_protect(office: Office, notary: Notary, case: str) -> None:
    refs, objects = INSIDERS[case]
    refused(notary, signed(DOCUMENT, office.issued(), refs=refs, objects=objects))


# --- algorithms ---

STEPS = [
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "http://www.w3.org/2002/06/xmldsig-filter2",
    f"{DS}base64",
    "http://www.w3.org/2002/07/decrypt#XML",
    "http://www.w3.org/2001/10/xml-exc-c14n",
    "",
]


@pytest.mark.parametrize("step", STEPS)
def test_steps_are_canonicalisation_alone(office: Office, notary: Notary, step: str) -> None:
    """With others a signature says of anything that it is something else."""
    for steps in ((step,), (EXC, step), (step, EXC), (ENVELOPED, step)):
        refused(notary, signed(DOCUMENT, office.issued(), refs=(Ref("#oadrSignedObject", steps), Ref("#prop"))), "step")
    refused(notary, signed(DOCUMENT, office.issued(), form=step))


METHODS = [
    f"{DS}rsa-sha1",
    f"{DS}dsa-sha1",
    f"{DS}hmac-sha1",
    f"{MORE}hmac-sha256",
    f"{MORE}rsa-md5",
    f"{MORE}ecdsa-sha1",
    "http://www.w3.org/2009/xmldsig11#dsa-sha256",
    "none",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", list(KeyKind))
def test_methods_are_of_a_list(office: Office, notary: Notary, method: str, kind: KeyKind) -> None:
    refused(notary, signed(DOCUMENT, office.issued("ven", kind), method=method), "not accepted")


@pytest.mark.parametrize("digest", [f"{DS}sha1", f"{MORE}md5"])
def test_digests_are_of_a_list(office: Office, notary: Notary, digest: str) -> None:
    refs = (Ref("#oadrSignedObject", (EXC,), digest), Ref("#prop"))
    refused(notary, signed(DOCUMENT, office.issued(), refs=refs), "not accepted")


def test_sha1_is_taken_where_it_is_tolerated(office: Office) -> None:
    refs = (Ref("#oadrSignedObject", (EXC,), f"{DS}sha1"), Ref("#prop", (EXC,), f"{DS}sha1"))
    root = signed(DOCUMENT, office.issued("ven", KeyKind.RSA), refs=refs, method=f"{DS}rsa-sha1")
    assert opened(office.notary("vtn", sha1=True), text(root)) == POLL
    refused(office.notary("vtn"), root, "not accepted")


def test_a_public_key_is_no_secret(office: Office, notary: Notary) -> None:
    """HMAC with the certificate, which everybody has, for a key."""
    issued = office.issued()
    root = signed(DOCUMENT, issued)
    info = root[0][0]
    info[1].set("Algorithm", f"{MORE}hmac-sha256")
    for secret in (issued.certificate.read_bytes(), b""):
        mac = hmac.new(secret, canonical(info, EXC), hashlib.sha256).digest()
        root[0][1].text = base64.b64encode(mac).decode()
        refused(notary, root, "not accepted")


@pytest.mark.parametrize("kind", list(KeyKind))
def test_a_method_fits_the_key(office: Office, notary: Notary, kind: KeyKind) -> None:
    other = "rsa" if kind is KeyKind.EC else "ecdsa"
    refused(notary, signed(DOCUMENT, office.issued("ven", kind), method=f"{MORE}{other}-sha256"), "does not hold")


@pytest.mark.parametrize("value", [bytes(64), bytes(63) + b"\1", b"\xff" * 64, bytes(1), bytes(256)])
@pytest.mark.parametrize("kind", list(KeyKind))
def test_values_that_would_fit_anything(office: Office, notary: Notary, kind: KeyKind, value: bytes) -> None:
    root = signed(DOCUMENT, office.issued("ven", kind))
    root[0][1].text = base64.b64encode(value).decode()
    refused(notary, root, "does not hold")


@pytest.mark.parametrize("where", ["SignatureMethod", "DigestMethod"])
def test_parameters_are_not_taken(office: Office, notary: Notary, where: str) -> None:
    root = signed(DOCUMENT, office.issued())
    etree.SubElement(next(root.iter(f"{{{DS}}}{where}")), f"{{{DS}}}HMACOutputLength").text = "1"
    refused(notary, root)


@pytest.mark.parametrize(
    "key_info",
    [
        "<ds:RetrievalMethod URI='http://127.0.0.1/key'/>",
        "<ds:RetrievalMethod URI='#oadrSignedObject'/>",
        "<ds:KeyName>ven</ds:KeyName>",
        "<ds:PGPData><ds:PGPKeyID>AAAA</ds:PGPKeyID></ds:PGPData>",
        "<ds:X509Data><ds:X509SubjectName>CN=ven</ds:X509SubjectName></ds:X509Data>",
        "<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>",
        "<ds:X509Data>" + "<ds:X509Certificate>AAAA</ds:X509Certificate>" * 9 + "</ds:X509Data>",
    ],
)
def test_keys_come_in_certificates(office: Office, notary: Notary, key_info: str) -> None:
    refused(notary, signed(DOCUMENT, office.issued(), key_info=key_info))


def test_two_ways_to_write_octets_are_one_too_many(office: Office, notary: Notary) -> None:
    root = signed(DOCUMENT, office.issued())
    value = root[0][1]
    honest = value.text or ""
    value.text = "\n".join([honest[:40], honest[40:]])
    assert opened(notary, text(root)) == POLL
    assert honest.endswith("==")
    for other in (honest[:-3] + chr(ord(honest[-3]) + 1) + "==", honest[:9] + "~" + honest[9:], honest[:-2]):
        value.text = other
        with pytest.raises(Unproved, match="base64"):
            notary.verify(read(text(root)), NOW)


# --- tampering ---


def believed(notary: Notary, document: str | bytes) -> Message | None:
    """Return the message in a document if it is believed (again), None if it is refused in our own words."""
    try:
        root = read(document)
        check(root)
        proved = notary.verify(root, NOW)
        check(proved.element)
        return decode(proved.element).message
    except (Malformed, Unproved):
        return None


@pytest.mark.parametrize("region", ["SignedInfo", "SignatureValue", "X509Certificate", "Object", "oadrSignedObject"])
def test_no_octet_of_any_region_can_be_changed(office: Office, notary: Notary, region: str) -> None:
    document = notary.sign(POLL, NOW).encode()
    begin = document.index(f"{region}".encode()) - 4
    end = document.index(f"{region}>".encode(), begin + 30 if region != "SignatureValue" else begin + 25)
    for at in range(begin, end):
        for octet in (document[at] ^ 1, document[at] ^ 2):
            changed = document[:at] + bytes([octet]) + document[at + 1 :]
            assert believed(notary, changed) in (None, POLL)
            if region == "oadrSignedObject" and b"VEN-1" not in changed:
                assert believed(notary, changed) is None


def test_mutants_are_refused_or_mean_the_same(office: Office) -> None:
    """10 000 of them: no message but the one that was signed, and no error but our own."""
    notaries = [office.notary("vtn", kind) for kind in KeyKind]
    seeds = {notary.sign(POLL, NOW).encode(): notary for notary in notaries}
    taken = 0
    for mutant, seed in mutants(list(seeds), 10_000):
        found = believed(seeds[seed], mutant)
        assert found in (None, POLL), mutant
        taken += found is not None
    assert taken < count(1_000)


# --- whose certificate ---


def test_who_signs_is_believed_by_our_authority(notary: Notary, tmp_path: Path) -> None:
    """Not by another, and not by itself."""
    stranger = Office(tmp_path)
    refused(notary, signed(DOCUMENT, stranger.issued()), "not believed")
    itself = stranger.authority.certificate
    refused(notary, signed(DOCUMENT, Issued(itself, itself.with_suffix(".key"), itself, "")), "not believed")


def test_a_certificate_is_valid_when_it_signs(office: Office, notary: Notary) -> None:
    old = office.authority.issue("old", days=1, since=9)
    refused(notary, signed(DOCUMENT, old), "has expired")
    root = signed(DOCUMENT, office.issued())
    with pytest.raises(Unproved, match="expired"):
        opened(notary, text(root), NOW + timedelta(days=400))
    with pytest.raises(Unproved, match="valid from"):
        opened(notary, text(root), NOW - timedelta(days=400))


def test_the_remembered_path_ends_with_its_certificates(office: Office) -> None:
    notary = office.notary("vtn", past=timedelta(days=4000))
    root = text(signed(DOCUMENT, office.issued()))
    assert opened(notary, root) == POLL
    with pytest.raises(Unproved, match="expired"):
        opened(notary, root, NOW + timedelta(days=400))


def test_another_certificate_in_the_place_of_the_signers(office: Office, notary: Notary) -> None:
    """A forger's signature under an honest certificate, and the other way round."""
    other = signed(DOCUMENT, office.issued("mallory"))
    honest = signed(DOCUMENT, office.issued())
    other[0][2], honest[0][2] = deepcopy(honest[0][2]), deepcopy(other[0][2])
    refused(notary, other, "does not hold")
    refused(notary, honest, "does not hold")


def test_a_key_alone_is_believed_only_if_it_is_pinned(office: Office) -> None:
    for kind in KeyKind:
        issued = office.issued("ven", kind)
        root = signed(DOCUMENT, issued, key_info=key_value(issued.key))
        refused(office.notary("vtn"), root, "carries no certificate")
        pinned = office.notary("vtn", certificates=[issued.certificate])
        assert opened(pinned, text(root)) == POLL
        refused(pinned, signed(DOCUMENT, office.issued("other", kind), key_info=key_value(issued.key)), "not hold")
        refused(
            pinned, signed(DOCUMENT, issued, key_info=key_value(office.issued("other", kind).key)), "no certificate"
        )


def test_key_and_certificate_must_agree(office: Office, notary: Notary) -> None:
    for kind in KeyKind:
        root = signed(DOCUMENT, office.issued("ven", kind))
        root[0][2].insert(
            0, etree.fromstring(f'<x xmlns:ds="{DS}">{key_value(office.issued("other", kind).key)}</x>')[0]
        )
        refused(notary, root, "does not hold")


def key_value(file: Path) -> str:
    """Return the KeyValue of a private key."""
    public = serialization.load_pem_private_key(file.read_bytes(), None).public_key()
    numbers = public.public_numbers()  # type: ignore[union-attr]
    if hasattr(numbers, "n"):
        modulus, exponent = (
            base64.b64encode(n.to_bytes((n.bit_length() + 7) // 8)).decode() for n in (numbers.n, numbers.e)
        )
        inner = (
            f"<ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent></ds:RSAKeyValue>"
        )
    else:
        point = base64.b64encode(public.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )).decode()  # type: ignore[union-attr]  # fmt: skip
        inner = (
            '<n:ECKeyValue xmlns:n="http://www.w3.org/2009/xmldsig11#">'
            '<n:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>'
            f"<n:PublicKey>{point}</n:PublicKey></n:ECKeyValue>"
        )
    return f"<ds:KeyValue>{inner}</ds:KeyValue>"


def test_a_revoked_certificate_signs_no_more(office: Office) -> None:
    bad, good = office.authority.issue("bad"), office.issued()
    revoked = office.authority.revoke(bad.certificate)
    vtn = office.credentials("vtn", revoked=revoked)
    notary = Notary(Signing(credentials=vtn, past=timedelta(days=100)))
    now = datetime.now(UTC)
    assert opened(notary, text(signed(DOCUMENT, good)), now) == POLL
    with pytest.raises(Unproved, match="is revoked"):
        opened(notary, text(signed(DOCUMENT, bad)), now)
    assert opened(office.notary("vtn"), text(signed(DOCUMENT, bad))) == POLL
    with pytest.raises(Unproved, match="no valid revocation list"):  # a list does not last for ever
        opened(notary, text(signed(DOCUMENT, good)), NOW + timedelta(days=40))


def test_c14n_kinds_mix(office: Office, notary: Notary) -> None:
    refs = (Ref("#oadrSignedObject", (ENVELOPED, C14N)), Ref("#prop", (EXC,), SHA256))
    assert opened(notary, text(signed(DOCUMENT, office.issued(), refs=refs, form=C14N))) == POLL
