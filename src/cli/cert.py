"""`janusgrid cert`: certificates for laboratories, fingerprints, and what is wrong with a certificate."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ..common.security.authority import Authority, KeyKind
from ..common.security.inspection import describe, inspect
from ..common.security.role import role_number
from ..common.security.roles import Grant

File = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("certificates"), show_default=True,
    help="where authority, certificates and keys are",
)  # fmt: skip
AS_JSON = click.option("--json", "as_json", is_flag=True, help="print it as JSON")


@click.group()
def command() -> None:
    """Make certificates for laboratories, show fingerprints, check credentials."""


@command.command(short_help="make a certificate, and an authority where there is none")
@click.argument("name")
@click.option("--host", "hosts", multiple=True, help="DNS name or address at which it is posted to; may be repeated")
@click.option("--jid", "jids", multiple=True, metavar="USER@DOMAIN", help="XMPP account of its holder; may be repeated")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="IEC 62351-8: viewer, operator …; may be repeated")
@click.option("--area", default="", help="where the roles hold (area of responsibility); everywhere if not given")
@click.option("--kind", type=click.Choice([kind.value for kind in KeyKind]), default="ec", show_default=True)
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="how long it is valid")
@FOLDER
@AS_JSON
def make(
    name: str,
    hosts: tuple[str, ...],
    jids: tuple[str, ...],
    roles: tuple[str, ...],
    area: str,
    kind: str,
    days: int,
    folder: Path,
    as_json: bool,
) -> None:
    """Make a certificate for NAME, an OpenADR or IEC 61850 party, and its key.

    The first time an authority is made too, in the same folder. Nothing is overwritten; keys are readable by their
    owner alone. For laboratories: products have theirs from the authorities of the OpenADR Alliance.
    """
    if area and not roles:
        raise click.UsageError("--area goes with --role")
    grants = [Grant(tuple(map(role_number, roles)), area)] if roles else []
    authority = Authority.of(folder, kind=KeyKind(kind))
    issued = authority.issue(name, hosts, addresses=jids, roles=grants, kind=KeyKind(kind), days=days)
    found = {
        "certificate": str(issued.certificate),
        "key": str(issued.key),
        "authority": str(issued.authority),
        "fingerprint": issued.fingerprint,
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for what, value in found.items():
            click.echo(f"{what + ':':<13}{value}")


@command.command(short_help="show what OpenADR knows certificates by")
@click.argument("files", nargs=-1, required=True, type=File)
@AS_JSON
def fingerprint(files: tuple[Path, ...], as_json: bool) -> None:
    """Show the fingerprint of each of FILES (PEM or DER): of the first certificate in it."""
    found = [describe(file) for file in files]
    if as_json:
        rows = [
            {"file": each.file, "name": each.name, "fingerprint": each.fingerprint, "sha256": each.sha256}
            for each in found
        ]
        click.echo(json.dumps(rows, indent=2))
    else:
        for each in found:
            click.echo(f"{each.fingerprint}  {each.name}  {each.file}")


@command.command(short_help="say what is wrong with credentials")
@click.argument("certificate", type=File)
@click.option("--key", type=File, help="its private key")
@click.option("--authorities", type=File, help="the certificates of the authorities that are trusted")
@click.option("--revoked", type=File, help="revocation lists")
@AS_JSON
def check(certificate: Path, key: Path | None, authorities: Path | None, revoked: Path | None, as_json: bool) -> None:
    """Check CERTIFICATE (PEM or DER, followed by those between it and the authority's) for use with OpenADR.

    Its key, the authorities and revocation lists are looked at where they are given. Exit status 1 for a fault.
    """
    found, findings = describe(certificate), inspect(certificate, key, authorities, revoked)
    good = all(each.level != "fault" for each in findings)
    if as_json:
        about = {
            "file": found.file,
            "name": found.name,
            "issuer": found.issuer,
            "fingerprint": found.fingerprint,
            "key": found.key,
            "begins": found.begins.isoformat(),
            "ends": found.ends.isoformat(),
            "hosts": found.hosts,
        }
        rows = [{"level": each.level, "subject": each.subject, "text": each.text} for each in findings]
        click.echo(json.dumps({"certificate": about, "good": good, "findings": rows}, indent=2))
    else:
        click.echo(f"{found.name}, issued by {found.issuer}, {found.fingerprint}")
        for each in findings:
            click.echo(f"  {each.level:<8} {each.subject}: {each.text}")
    sys.exit(0 if good else 1)


@command.command(short_help="revoke certificates of the laboratory's authority")
@click.argument("names", nargs=-1)
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="how long the list is valid")
@FOLDER
def revoke(names: tuple[str, ...], days: int, folder: Path) -> None:
    """Revoke the certificates of NAMES and write the list of all that are, revoked.pem.

    Without NAMES the list is made valid for another while.
    """
    click.echo(Authority.open(folder).revoke(*(folder / f"{name}.pem" for name in names), days=days))
