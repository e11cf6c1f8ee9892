"""Signed documents judged: intact or not, by whom, how old; and the command that says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from janusgrid.cli import cli
from janusgrid.common.errors import ConfigError
from janusgrid.common.security.authority import KeyKind
from janusgrid.common.xml import Element
from janusgrid.openadr.codec import write
from janusgrid.openadr.core.answers import Code
from janusgrid.openadr.signing.appraisal import Trust
from janusgrid.openadr.validation import Fault, Verdict, validate

from tests.openadr.binding.test_tolerance import deviating
from tests.openadr.signing.kit import DS, NOW, POLL, Office, Ref, signed, text
from tests.openadr.signing.test_attacks import DOCUMENT, WRAPPINGS

DAY = timedelta(days=1)
SOON = NOW + timedelta(hours=1)
"""When lists of revocation made in here are valid."""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def told(verdict: Verdict) -> list[Fault]:
    return [fault for fault in verdict.faults if fault.kind == "signature"]


def by_authority(office: Office, **more: Any) -> Trust:
    return Trust(authorities=office.authority.certificate, **more)


@pytest.mark.parametrize("kind", list(KeyKind))
def test_without_trust_it_is_intact_and_nobody_knows_by_whom(office: Office, kind: KeyKind) -> None:
    verdict = validate(office.notary(kind=kind).sign(POLL, NOW))
    assert verdict.is_valid
    assert verdict.message == POLL
    (fault,) = told(verdict)
    signer = office.issued(kind=kind).fingerprint
    assert (fault.grade, fault.code) == ("warning", Code.NOT_REGISTERED)
    assert fault.reason == f"the signature is intact; whether {signer} is to be believed is not known"
    assert fault.path == "/oadrPayload/Signature"
    found = verdict.signature
    assert found is not None
    assert (found.intact, found.believed, found.signer, found.signed_at) == (True, None, signer, NOW)
    assert found.subject == f"CN=ven-{kind}"


def test_by_whom_we_believe_it_is_good(office: Office) -> None:
    document = office.notary().sign(POLL, NOW)
    signer = office.issued().fingerprint
    for trust in (
        by_authority(office), Trust(fingerprints=(signer,)), Trust(fingerprints=(signer.replace(":", "").lower(),)),
        by_authority(office, fingerprints=("AA:" * 9 + "AA", signer)),
        by_authority(office, revoked=office.authority.revoke()),
    ):  # fmt: skip
        verdict = validate(document, trust=trust, today=SOON)
        assert verdict.faults == ()
        assert verdict.signature is not None
        assert verdict.signature.believed


def test_by_somebody_else_it_is_refused(office: Office, tmp_path: Path) -> None:
    document = office.notary().sign(POLL, NOW)
    stranger = Office(tmp_path / "stranger")
    for trust, why in (
        (by_authority(stranger), "not believed"),
        (Trust(fingerprints=("AA:" * 9 + "AA",)), "not a fingerprint that was given"),
        (by_authority(office, fingerprints=("AA:" * 9 + "AA",)), "not a fingerprint that was given"),
        (by_authority(office, revoked=office.authority.revoke(office.issued().certificate)), "revoked"),
    ):
        verdict = validate(document, trust=trust, today=SOON)
        (fault,) = told(verdict)
        assert (fault.grade, fault.code) == ("error", Code.NOT_REGISTERED)
        assert why in fault.reason
        assert not verdict.is_valid
        assert verdict.signature is not None
        assert (verdict.signature.intact, verdict.signature.believed) == (True, False)


@pytest.mark.parametrize("days", [-40_000, 40_000])
def test_a_certificate_has_to_be_good_then(office: Office, days: int) -> None:
    document = office.notary().sign(POLL, NOW)
    for trust in (by_authority(office), Trust(fingerprints=(office.issued().fingerprint,))):
        (fault,) = told(validate(document, trust=trust, today=NOW + days * DAY))
        assert fault.code == Code.NOT_REGISTERED
        assert "valid" in fault.reason or "expired" in fault.reason


def test_what_was_changed_is_told(office: Office) -> None:
    document = office.notary().sign(POLL, NOW)
    for changed in (
        document.replace("VEN-1", "VEN-2"),
        document.replace(f"{NOW:%Y-%m-%dT%H:%M:%SZ}", f"{NOW + DAY:%Y-%m-%dT%H:%M:%SZ}"),
    ):
        assert changed != document
        verdict = validate(changed, trust=by_authority(office), today=SOON)
        (fault,) = told(verdict)
        assert (fault.grade, fault.code, fault.path) == ("error", Code.INVALID_DATA, "/oadrPayload/Signature")
        assert "does not hold" in fault.reason
        assert verdict.signature is not None
        assert (verdict.signature.intact, verdict.signature.signer) == (False, None)


@pytest.mark.parametrize("wrap", WRAPPINGS)
def test_what_is_wrapped_is_never_good(office: Office, wrap: Callable[[Element], Element]) -> None:
    """Neither with trust nor without."""
    for refs in ((Ref("#oadrSignedObject"), Ref("#prop")), (Ref(""), Ref("#prop"))):
        document = text(wrap(signed(DOCUMENT, office.issued(), refs=refs)))
        for trust in (None, by_authority(office), Trust(fingerprints=(office.issued().fingerprint,))):
            verdict = validate(document, trust=trust, today=SOON)
            assert not verdict.is_valid
            assert verdict.signature is None or not verdict.signature.intact


def test_without_a_signature_it_is_good_unless_one_is_asked_for(office: Office) -> None:
    verdict = validate(write(POLL))
    assert (verdict.faults, verdict.signature) == ((), None)
    (fault,) = told(validate(write(POLL), trust=by_authority(office)))
    assert (fault.code, fault.reason) == (Code.NOT_ALLOWED, "the message is not signed")


def test_how_old_it_may_be_is_looked_at_if_the_time_is_given(office: Office) -> None:
    document = office.notary().sign(POLL, NOW)
    for age, good in ((0, True), (59, True), (61, False), (-9, True), (-11, False)):
        now = NOW + timedelta(seconds=age)
        verdict = validate(document, trust=by_authority(office), now=now)
        assert verdict.is_valid is good
        if not good:
            (fault,) = told(verdict)
            assert (fault.code, "too far" in fault.reason) == (Code.OUT_OF_SEQUENCE, True)


def test_a_key_alone_needs_its_certificate(office: Office) -> None:
    public = office.notary()._drawer.current.key.chain[0].public_key().public_numbers()
    point = b"\x04" + public.x.to_bytes(32) + public.y.to_bytes(32)
    import base64

    key = (
        f'<ds:KeyValue xmlns:ds="{DS}"><ECKeyValue xmlns="http://www.w3.org/2009/xmldsig11#">'
        '<NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>'
        f"<PublicKey>{base64.b64encode(point).decode()}</PublicKey></ECKeyValue></ds:KeyValue>"
    )
    document = text(signed(DOCUMENT, office.issued(), key_info=key))
    (fault,) = told(validate(document))
    assert "give the certificate" in fault.reason
    trust = by_authority(office, certificates=(office.issued().certificate,))
    assert validate(document, trust=trust).is_valid
    assert not validate(
        document, trust=by_authority(office, certificates=(office.issued("other").certificate,))
    ).is_valid


def test_a_tolerant_judgement_holds_the_signature_to_what_came(office: Office) -> None:
    from tests.openadr.binding.test_tolerance import EVENT

    document = text(signed(deviating("text-duration", write(EVENT, id="oadrSignedObject")), office.issued()))
    verdict = validate(document, tolerant=True, trust=by_authority(office))
    assert verdict.is_valid
    assert [fault.kind for fault in verdict.faults] == ["deviation"]
    assert not validate(document, trust=by_authority(office)).is_valid


def test_files_that_cannot_be_used_are_named(office: Office, tmp_path: Path) -> None:
    document = office.notary().sign(POLL, NOW)
    with pytest.raises(ConfigError, match=r"certificates cannot be read"):
        validate(document, trust=Trust(authorities=tmp_path / "missing.pem"))


# --- the command ---


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["openadr", "validate", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_command_tells_of_signatures(office: Office, tmp_path: Path) -> None:
    good, broken, wrapped, bare = (tmp_path / f"{name}.xml" for name in ("good", "broken", "wrapped", "bare"))
    document = office.notary().sign(POLL, NOW)
    good.write_text(document)
    broken.write_text(document.replace("VEN-1", "VEN-2"))
    wrapped.write_text(text(WRAPPINGS[0](signed(DOCUMENT, office.issued()))))
    bare.write_text(write(POLL))
    signer, at = office.issued().fingerprint, f"{NOW:%Y-%m-%dT%H:%M:%SZ}"

    code, output = run(good, "--now", f"{NOW + timedelta(seconds=50):%Y-%m-%dT%H:%M:%SZ}")
    assert code == 0
    assert f"{good}: Poll, signed by {signer} (CN=ven-ec) at {at}, 50 s ago\n" in output
    assert f"{good}:1: warning: /oadrPayload/Signature: the signature is intact; whether {signer}" in output

    ca = ("--ca", office.authority.certificate)
    for trusting in (ca, ("--fingerprint", signer)):
        code, output = run(good, *trusting)
        assert code == 0
        assert len(output.splitlines()) == 1
    code, output = run(good, broken, wrapped, bare, *ca)
    assert code == 1
    lines = output.splitlines()
    assert lines[0].startswith(f"{good}: Poll, signed by ")
    for file in (broken, wrapped, bare):
        assert any(line.startswith(f"{file}:1: error: /oadrPayload") for line in lines[1:])
    assert "does not hold" in lines[1]
    assert "is not signed" in lines[-1]


def test_the_command_tells_programs_of_signatures(office: Office, tmp_path: Path) -> None:
    good, bare = tmp_path / "good.xml", tmp_path / "bare.xml"
    good.write_text(office.notary().sign(POLL, NOW))
    bare.write_text(write(POLL))
    code, output = run("--json", good, bare, "--now", f"{NOW:%Y-%m-%dT%H:%M:%SZ}")
    found = json.loads(output)
    assert code == 0
    assert found[0]["signature"] == {
        "intact": True, "believed": None, "signer": office.issued().fingerprint, "subject": "CN=ven-ec",
        "signed_at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}", "age": 0.0,
    }  # fmt: skip
    assert found[0]["faults"][0]["kind"] == "signature"
    assert found[1]["signature"] is None
    code, output = run("--json", good, bare, "--ca", office.authority.certificate)
    found = json.loads(output)
    assert code == 1
    assert [each["valid"] for each in found] == [True, False]
    assert found[0]["signature"]["believed"] is True


def test_what_the_command_cannot_do_is_said(tmp_path: Path) -> None:
    file = tmp_path / "poll.xml"
    file.write_text(write(POLL))
    code, output = run(file, "--fingerprint", "AA")
    assert (code, "ten octets" in output) == (2, True)
    code, output = run(file, "--revoked", file)
    assert (code, "--ca" in output) == (2, True)
    signed = tmp_path / "signed.xml"
    signed.write_text(Office(tmp_path / "office").notary().sign(POLL, NOW))
    with pytest.raises(ConfigError, match="no certificates"):
        CliRunner().invoke(cli, ["openadr", "validate", str(signed), "--ca", str(file)], catch_exceptions=False)
