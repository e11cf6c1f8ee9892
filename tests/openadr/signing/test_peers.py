"""Signatures of others hold here, and ours hold there: xmlsec1 and openleadr, each in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from benchmarks.openadr_codec import event, report
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from janusgrid.common.security.authority import KeyKind
from janusgrid.common.xml import read
from janusgrid.common.xml.signature import SAFE, SHA1_TOO, NotHeld, Signature
from janusgrid.openadr.codec import read as read_message
from janusgrid.openadr.codec import write
from janusgrid.openadr.model import Poll, RequestEvent, Response
from janusgrid.openadr.signing import Unproved

from tests.openadr.signing.kit import ANSWER, C14N, ENVELOPED, EXC, POLL, Office, Ref, opened, protect, signed, text
from tests.peers import interpreter

KINDS = list(KeyKind)
SCRIPT = Path(__file__).parent / "peer_scripts" / "openleadr_signs.py"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module")
def xmlsec() -> str:
    found = shutil.which("xmlsec1")
    if found is None:
        pytest.skip("xmlsec1 is not installed (scripts/install-servers.sh)")
    return found


def openleadr(*orders: list[Any]) -> list[str]:
    done = subprocess.run(
        [interpreter("openleadr==0.5.36"), SCRIPT], input=json.dumps(orders), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return list(json.loads(done.stdout.splitlines()[-1]))


def xmlsec_says(xmlsec: str, document: str, folder: Path, authority: Path) -> int:
    """Return how xmlsec1 ends: 0 if the signature holds and its certificate is the authority's."""
    file = folder / "signed.xml"
    file.write_text(document)
    done = subprocess.run(
        [xmlsec, "--verify", "--id-attr:Id", "oadrSignedObject", "--trusted-pem", authority, file],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return done.returncode


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_xmlsec_verifies_what_we_sign(
    office: Office, xmlsec: str, tmp_path: Path, kind: KeyKind, inclusive: bool
) -> None:
    notary = office.notary("vtn", kind, inclusive=inclusive)
    for message in (event(3), report(3), POLL):
        document = notary.sign(message, datetime.now(UTC))
        assert xmlsec_says(xmlsec, document, tmp_path, office.authority.certificate) == 0
        broken = document.replace("VEN-1", "VEN-2") if message is not POLL else document.replace("venID>V", "venID>W")
        assert xmlsec_says(xmlsec, broken, tmp_path, office.authority.certificate) != 0


@pytest.mark.parametrize("form", [EXC, C14N, "http://www.w3.org/2006/12/xml-c14n11"])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_we_verify_what_xmlsec_signs(
    office: Office, xmlsec: str, tmp_path: Path, kind: KeyKind, whole: bool, form: str
) -> None:
    """Both shapes of the reference to what is signed, and every canonical form."""
    issued = office.issued("ven", kind)
    first = Ref("", (ENVELOPED, form)) if whole else Ref("#oadrSignedObject", (form,))
    template = signed(
        write(ANSWER, id="oadrSignedObject"), issued, refs=(first, Ref("#prop", (form,))), form=form,
        objects=protect(datetime.now(UTC), nonce=f"{kind}{whole}{form}"), key_info="<ds:X509Data/>",
    )  # fmt: skip
    for each in template.iter("{*}DigestValue", "{*}SignatureValue"):
        each.text = None
    file = tmp_path / "template.xml"
    file.write_text(text(template))
    done = subprocess.run(
        [xmlsec, "--sign", "--id-attr:Id", "oadrSignedObject", "--id-attr:Id", "Object",
         "--privkey-pem", f"{issued.key},{issued.certificate}", file],
        capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    assert opened(office.notary(), done.stdout, datetime.now(UTC)) == ANSWER
    with pytest.raises(Unproved):
        opened(office.notary(), done.stdout.replace(b"R-1", b"R-2"), datetime.now(UTC))


def test_we_verify_what_openleadr_signs(office: Office) -> None:
    orders = []
    for kind in KINDS:
        issued = office.issued("leadr", kind)
        for message, payload in (
            ("oadrPoll", {"ven_id": "V"}),
            ("oadrRequestEvent", {"ven_id": "V", "request_id": "R"}),
        ):
            orders.append(["sign", str(issued.certificate), str(issued.key), message, payload])
    notary = office.notary()
    found = [opened(notary, document, datetime.now(UTC)) for document in openleadr(*orders)]
    assert found == [Poll(ven_id="V"), RequestEvent(request_id="R", ven_id="V")] * 2


def test_openleadr_verifies_what_we_sign(office: Office) -> None:
    orders: list[list[Any]] = []
    interpreter("openleadr==0.5.36")
    for kind in KINDS:
        for inclusive in (False, True):
            notary = office.notary("vtn", kind, inclusive=inclusive)
            for message in (event(3), report(3), POLL):
                # it takes a message for five seconds: it may be long in starting
                document = notary.sign(message, datetime.now(UTC) + timedelta(seconds=30))
                orders.append(["verify", document, notary.fingerprint])
                orders.append(["verify", document.replace("VEN-1", "VEN-2"), notary.fingerprint])
    found = openleadr(*orders)
    assert found[::2] == [""] * 12
    assert all(found[1::2])


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "reference" / "openadr" / "samples" / "avob"


@pytest.mark.parametrize("name", ["xmlsignature_oadrPayload.xml", "xmlsignature_signatureOadrPayload.xml"])
def test_the_signed_samples_do_not_hold(samples: Path, tmp_path: Path, name: str, xmlsec: str) -> None:
    """avob's two signed samples: by SHA-1, with a key instead of a certificate, one of them without any message.

    They are refused unless SHA-1 is tolerated. If it is, their key is taken from them, we vouch for it, and they are
    refused all the same: they were indented after they had been signed. xmlsec1 finds that too.
    """
    file = samples / name
    root = read(file.read_bytes())
    with pytest.raises(NotHeld, match="rsa-sha1' is not accepted"):
        Signature(root, SAFE)
    signature = Signature(root, SHA1_TOO)
    assert signature.certificates == ()
    assert signature.key is not None
    with pytest.raises(NotHeld, match="does not hold"):
        signature.verify(vouched(signature.key), datetime.now(UTC))
    done = subprocess.run(
        [xmlsec, "--verify", "--id-attr:Id", "oadrSignedObject", "--id-attr:Id", "Object", file],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode != 0
    assert "data and digest do not match" in done.stderr


def test_the_samples_without_a_signature_are_none(office: Office, samples: Path) -> None:
    data = (samples / "xmlsignature_noSignatureOadrPayload.xml").read_bytes()
    with pytest.raises(NotHeld, match="there is one"):
        Signature(read(data))
    assert isinstance(read_message(data), Response)


def vouched(key: tuple[Any, ...]) -> x509.Certificate:
    """Return a certificate for a public key of somebody else."""
    ours = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sample")])
    begin = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1).not_valid_before(begin)
    public = rsa.RSAPublicNumbers(key[2], key[1]).public_key()
    return builder.public_key(public).not_valid_after(begin + timedelta(days=9)).sign(ours, hashes.SHA256())
