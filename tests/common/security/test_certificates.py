"""Certificates for laboratories: made, revoked, and inspected; OpenSSL has the last word on them."""

from __future__ import annotations

import contextlib
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.common.security import MODERN, OPENADR, Credentials, TlsProfile, client_context, server_context
from janusgrid.common.security.authority import Authority, Issued, KeyKind
from janusgrid.common.security.inspection import describe, inspect


def credentials(issued: Issued, revoked: Path | None = None) -> Credentials:
    return Credentials(issued.certificate, issued.key, issued.authority, revoked)


def shaken(server: ssl.SSLContext, client: ssl.SSLContext, host: str = "localhost") -> str:
    """Do a handshake in memory, and send an octet each way; return the suite."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(10):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    for end, other in (ends, ends[::-1]):
        end.write(b"!")
        assert other.read(1) == b"!"
    suite = ends[0].cipher()
    assert suite is not None
    return suite[0]


@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.parametrize("profile", [MODERN, OPENADR], ids=lambda profile: profile.name)
def test_what_is_made_is_good_for_tls_both_ways(tmp_path: Path, kind: KeyKind, profile: TlsProfile) -> None:
    authority = Authority.of(tmp_path / "lab", kind=kind)
    vtn, ven = authority.issue("vtn", ["localhost"], kind=kind), authority.issue("ven", kind=kind)
    revoked = authority.revoke()
    for one, two in ((vtn, ven), (vtn, vtn)):
        server = server_context(credentials(one, revoked), profile=profile)
        assert shaken(server, client_context(credentials(two), profile=profile))
    for issued in (vtn, ven):
        found = inspect(issued.certificate, issued.key, issued.authority, revoked)
        assert {each.level for each in found} == {"ok"}, found
        assert {each.subject for each in found} == {"certificate", "key", "chain", "revocation"}
        assert describe(issued.certificate).fingerprint == issued.fingerprint


@pytest.mark.parametrize(("kind", "suite"), [(KeyKind.EC, "ECDHE-ECDSA-AES128-SHA256"), (KeyKind.RSA, "AES128-SHA256")])
def test_openadrs_suites_are_negotiated_with_who_knows_nothing_else(tmp_path: Path, kind: KeyKind, suite: str) -> None:
    authority = Authority.of(tmp_path, kind=kind)
    ours = credentials(authority.issue("ours", ["localhost"], kind=kind))
    theirs = authority.issue("theirs", ["localhost"], kind=kind)
    for side in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
        peer = ssl.SSLContext(side)
        peer.verify_mode = ssl.CERT_REQUIRED
        peer.load_verify_locations(theirs.authority)
        peer.load_cert_chain(theirs.certificate, theirs.key)
        peer.maximum_version = ssl.TLSVersion.TLSv1_2
        peer.set_ciphers(suite)
        if side is ssl.PROTOCOL_TLS_CLIENT:
            assert shaken(server_context(ours, profile=OPENADR), peer) == suite
            with pytest.raises(ssl.SSLError):
                shaken(server_context(ours, profile=MODERN), peer)
        else:
            assert shaken(peer, client_context(ours, profile=OPENADR)) == suite


def test_keys_are_private_and_nothing_is_overwritten(tmp_path: Path) -> None:
    authority = Authority.of(tmp_path)
    issued = authority.issue("ven")
    for key in (issued.key, tmp_path / "authority.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(LocalError, match="already"):
        authority.issue("ven")
    with pytest.raises(LocalError, match="already"):
        Authority.make(tmp_path)
    issued.certificate.unlink()
    with pytest.raises(LocalError, match="already"):  # its key is still there
        authority.issue("ven")
    del before[issued.certificate]
    assert before == {file: file.read_bytes() for file in tmp_path.iterdir()}


@pytest.mark.parametrize("name", ["", "../ven", "a/b", "authority", "revoked", ".hidden", "a b", "x" * 65, "a\nb"])
def test_a_name_is_a_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(LocalError, match="a name is of"):
        Authority.of(tmp_path).issue(name)


def test_an_authority_is_opened_again(tmp_path: Path) -> None:
    Authority.make(tmp_path).issue("one")
    two = Authority.of(tmp_path).issue("two")
    assert [each.level for each in inspect(two.certificate, authorities=tmp_path / "authority.pem")] == ["ok"] * 4
    Authority.make(tmp_path / "other")
    (tmp_path / "authority.key").write_bytes((tmp_path / "other" / "authority.key").read_bytes())
    with pytest.raises(ConfigError, match="not the key of"):
        Authority.of(tmp_path)
    (tmp_path / "authority.key").write_text("nothing")
    with pytest.raises(ConfigError, match="cannot be used"):
        Authority.of(tmp_path)
    (tmp_path / "authority.key").unlink()
    with pytest.raises(ConfigError, match="no authority here"):
        Authority.of(tmp_path)


def test_who_is_revoked_stays_so_and_is_refused(tmp_path: Path) -> None:
    authority = Authority.of(tmp_path)
    vtn, good, bad, worse = (authority.issue(name, ["localhost"]) for name in ("vtn", "good", "bad", "worse"))
    authority.revoke(bad.certificate)
    revoked = Authority.open(tmp_path).revoke(worse.certificate)
    server = server_context(credentials(vtn, revoked))
    assert shaken(server, client_context(credentials(good)))
    for issued in (bad, worse):
        with pytest.raises(ssl.SSLError):
            shaken(server, client_context(credentials(issued)))
        assert "was revoked" in faults(inspect(issued.certificate, revoked=revoked))
    with pytest.raises(ConfigError, match="not a certificate of this authority"):
        authority.revoke(Authority.of(tmp_path / "other").issue("x").certificate)


def faults(findings: object) -> str:
    return "; ".join(each.text for each in findings if each.level == "fault")  # type: ignore[attr-defined]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    authority, stranger = Authority.of(tmp_path), Authority.of(tmp_path / "stranger")
    ven = authority.issue("ven")
    other = stranger.issue("ven")
    past = authority.issue("past", days=10, since=20)
    soon = authority.issue("soon", days=10)
    trusted = authority.certificate
    assert "do not belong together" in faults(inspect(ven.certificate, other.key))
    assert "neither trusted nor" in faults(inspect(other.certificate, authorities=trusted))
    assert "expired on" in faults(inspect(past.certificate))
    assert [each.level for each in inspect(soon.certificate)].count("warning") == 1
    assert "an authority's certificate" in faults(inspect(trusted))
    assert "valid only from" in faults(inspect(ven.certificate, now=datetime.now(UTC) - timedelta(days=1)))
    assert "no list of" in faults(inspect(ven.certificate, revoked=stranger.revoke()))
    assert "no list of" in faults(inspect(ven.certificate, None, trusted, stranger.revoke()))
    revoked = authority.revoke(days=1)
    late = datetime.now(UTC) + timedelta(days=2)
    assert "the list ended" in faults(inspect(ven.certificate, revoked=revoked, now=late))
    assert "holds no revocation list" in faults(inspect(ven.certificate, revoked=ven.certificate))
    assert "cannot be read" in faults(inspect(ven.certificate, tmp_path / "none"))
    assert "no private key" in faults(inspect(ven.certificate, ven.certificate))
    ven.key.chmod(0o644)
    assert "chmod 600" in next(each.text for each in inspect(ven.certificate, ven.key) if each.level == "warning")
    for file in (ven.key, tmp_path / "none"):
        with pytest.raises(ConfigError):
            describe(file)


def test_a_chain_in_the_file_is_followed(tmp_path: Path) -> None:
    from cryptography import x509  # what the room makes has no one between: this is made by hand
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def made(
        name: str, issuer: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, ca: bool
    ) -> bytes:
        now = datetime.now(UTC)
        names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
        certificate = (
            x509.CertificateBuilder(issuer_name=names[1], subject_name=names[0], public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(by, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    root, middle, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    (tmp_path / "root.pem").write_bytes(made("root", "root", root, root, True))
    for ca in (True, False):
        between = made("middle", "root", middle, root, ca)
        (tmp_path / "leaf.pem").write_bytes(made("leaf", "middle", leaf, middle, False) + between)
        found = inspect(tmp_path / "leaf.pem", authorities=tmp_path / "root.pem")
        assert "leaf < middle < root" in [each.text for each in found]
        assert ("middle is no authority" in faults(found)) is not ca
    (tmp_path / "leaf.pem").write_bytes(made("leaf", "middle", leaf, middle, False))
    assert "neither trusted nor" in faults(inspect(tmp_path / "leaf.pem", authorities=tmp_path / "root.pem"))
