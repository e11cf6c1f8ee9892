"""`janusgrid openadr validate`: check messages. `rules`: what they are held to."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from ...common.security import is_fingerprint
from ...openadr.rules import LIFTED, NOT_PUBLIC, RULES, Kind, Rule
from ...openadr.validation import Verdict
from ...openadr.validation import validate as verdict

if TYPE_CHECKING:
    from ...openadr.signing.appraisal import Appraisal, Trust


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="check messages: limits, schema, signature, rules")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--json", "as_json", is_flag=True, help="print the findings as JSON")
@click.option("--tolerant", is_flag=True, help="put right known deviations from the schema, and warn of them")
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="when it was sent, e.g. 2026-03-25T08:20:00Z")
@click.option("--no-rules", is_flag=True, help="do not look at the rules")
@click.option("--ca", type=FILE, help="signed messages alone, by certificates of these authorities (PEM)")
@click.option("--revoked", type=FILE, help="revocation lists of these authorities (PEM)")
@click.option("--fingerprint", multiple=True, help="signed messages alone, by this certificate, or one of several")
@click.option("--signer", multiple=True, type=FILE, help="certificate of one who sends only the key along (PEM)")
def validate(
    files: tuple[Path, ...], as_json: bool, tolerant: bool, now: datetime | None, no_rules: bool,
    ca: Path | None, revoked: Path | None, fingerprint: tuple[str, ...], signer: tuple[Path, ...],
) -> None:  # fmt: skip
    """Read FILES as OpenADR 2.0b messages: well-formed, within limits, valid against the schema, signed, by the rules.

    Of a signature is said whether it is intact, whose it is and how old. Whether its signer is believed is known only
    with --ca or --fingerprint; then a message without a signature is refused.

    Rules that depend on the time, and how old a signature may be, are looked at only with --now. Exit status 1 if any
    file is not a valid message; what is only warned of leaves it 0.
    """
    if revoked is not None and ca is None:
        raise click.UsageError("--revoked goes with --ca")
    if wrong := [each for each in fingerprint if not is_fingerprint(each)]:
        raise click.UsageError(f"--fingerprint is ten octets, AA:BB:…, not {wrong[0]}")
    sent = now.replace(tzinfo=UTC) if now else None
    today = sent or datetime.now(UTC)
    trust = _trust(ca, revoked, fingerprint, signer)
    found = {}
    for file in files:
        judged = verdict(file.read_bytes(), source=str(file), now=sent, tolerant=tolerant, trust=trust, today=today)
        kept = tuple(fault for fault in judged.faults if fault.kind != "rule") if no_rules else judged.faults
        found[str(file)] = attrs.evolve(judged, faults=kept)
    if as_json:
        click.echo(json.dumps([_record(file, judged, today) for file, judged in found.items()], indent=2))
    else:
        for name, judged in found.items():
            _show(name, judged, today)
    sys.exit(0 if all(judged.is_valid for judged in found.values()) else 1)


def _trust(
    ca: Path | None, revoked: Path | None, fingerprints: tuple[str, ...], signers: tuple[Path, ...]
) -> Trust | None:
    if ca is None and not fingerprints and not signers:
        return None
    from ...openadr.signing.appraisal import Trust  # what is not signed needs no cryptography

    return Trust(authorities=ca, revoked=revoked, fingerprints=fingerprints, certificates=signers)


def _show(file: str, judged: Verdict, today: datetime) -> None:
    if judged.is_valid:
        click.echo(f"{file}: {type(judged.message).__name__}{_by(judged.signature, today)}")
    for fault in judged.faults:
        click.echo(f"{file}{f':{fault.line}' if fault.line else ''}: {fault}")


def _by(signature: Appraisal | None, today: datetime) -> str:
    if signature is None or signature.signed_at is None:
        return ""
    at = signature.signed_at
    return f", signed by {signature.signer} ({signature.subject}) at {at:%Y-%m-%dT%H:%M:%SZ}, {_age(today - at)}"


def _age(age: timedelta) -> str:
    """Return an age in the largest unit that fits."""
    seconds = abs(age.total_seconds())
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), (1, "s"))
    return f"{seconds / size:.0f} {unit} {'ago' if age >= timedelta() else 'ahead'}"


_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def _record(file: str, judged: Verdict, today: datetime) -> dict[str, object]:
    return {
        "file": file,
        "valid": judged.is_valid,
        "message": type(judged.message).__name__ if judged.message is not None else None,
        "signature": _signature(judged.signature, today),
        "faults": [attrs.asdict(fault) for fault in judged.faults],
    }


def _signature(signature: Appraisal | None, today: datetime) -> dict[str, object] | None:
    if signature is None:
        return None
    at = signature.signed_at
    return {
        "intact": signature.intact,
        "believed": signature.believed,
        "signer": signature.signer,
        "subject": signature.subject,
        "signed_at": at.isoformat().replace("+00:00", "Z") if at else None,
        "age": (today - at).total_seconds() if at else None,
    }


@click.command(short_help="print the conformance rules and where they are kept")
@click.option("--json", "as_json", is_flag=True, help="print them as JSON")
def rules(as_json: bool) -> None:
    """Print the conformance rules that are kept here, in our words, with who says so (the profile is not public)."""
    if as_json:
        record = {
            "rules": [_rule(rule) for rule in RULES],
            "lifted": [{"rule": number, "meaning": meaning} for number, meaning in LIFTED.items()],
            "not public": list(NOT_PUBLIC),
        }
        click.echo(json.dumps(record, indent=2))
        return
    for rule in RULES:
        cited = rule.number if rule.number is not None else "-"
        click.echo(f"{cited:>4}  {rule.meaning}  [{'; '.join(filter(None, _about(rule)))}]")
    for number, meaning in LIFTED.items():
        click.echo(f"{number:>4}  {meaning}")
    click.echo(f"What they ask for is not public: {', '.join(NOT_PUBLIC)}")


def _about(rule: Rule) -> tuple[str, ...]:
    return rule.kept_by, str(rule.kind), rule.weight, rule.source


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.number,
        "meaning": rule.meaning,
        "kept by": rule.kept_by,
        "kind": rule.kind,
        "grade": rule.grade if rule.kind is Kind.CHECK else None,
        "code": rule.code,
        "refused": rule.harmful,
        "where": rule.where,
        "source": rule.source,
    }
