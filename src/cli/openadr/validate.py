"""`janusgrid openadr validate`: check messages. `rules`: what they are held to."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import attrs
import click

from ...openadr.rules import LIFTED, NOT_PUBLIC, RULES, Rule
from ...openadr.validation import Verdict
from ...openadr.validation import validate as verdict


@click.command(short_help="check messages against limits, schema and rules")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="print the findings as JSON")
@click.option("--tolerant", is_flag=True, help="put right known deviations from the schema, and warn of them")
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="when it was sent, e.g. 2026-03-25T08:20:00Z")
@click.option("--no-rules", is_flag=True, help="look at limits and schema alone")
def validate(files: tuple[Path, ...], as_json: bool, tolerant: bool, now: datetime | None, no_rules: bool) -> None:
    """Read FILES as OpenADR 2.0b messages: well-formed, within limits, valid against the schema, by the rules.

    Rules that depend on the time are looked at only with --now. Exit status 1 if any file is not a valid message; what
    is only warned of leaves it 0.
    """
    sent = now.replace(tzinfo=UTC) if now else None
    found = {}
    for file in files:
        judged = verdict(file.read_bytes(), source=str(file), now=sent, tolerant=tolerant)
        kept = tuple(fault for fault in judged.faults if fault.kind != "rule") if no_rules else judged.faults
        found[str(file)] = attrs.evolve(judged, faults=kept)
    if as_json:
        click.echo(json.dumps([_record(file, judged) for file, judged in found.items()], indent=2))
    else:
        for name, judged in found.items():
            _show(name, judged)
    sys.exit(0 if all(judged.is_valid for judged in found.values()) else 1)


def _show(file: str, judged: Verdict) -> None:
    if judged.is_valid:
        click.echo(f"{file}: {type(judged.message).__name__}")
    for fault in judged.faults:
        click.echo(f"{file}{f':{fault.line}' if fault.line else ''}: {fault}")


def _record(file: str, judged: Verdict) -> dict[str, object]:
    return {
        "file": file,
        "valid": judged.is_valid,
        "message": type(judged.message).__name__ if judged.message is not None else None,
        "faults": [attrs.asdict(fault) for fault in judged.faults],
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
        click.echo(
            f"{cited:>4}  {rule.meaning}  [{rule.kept_by}; {rule.kind}; {_weight(rule)} {rule.code}; {rule.source}]"
        )
    for number, meaning in LIFTED.items():
        click.echo(f"{number:>4}  {meaning}")
    click.echo(f"What they ask for is not public: {', '.join(NOT_PUBLIC)}")


def _weight(rule: Rule) -> str:
    return f"{rule.grade}, refused" if rule.harmful else str(rule.grade)


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.number,
        "meaning": rule.meaning,
        "kept by": rule.kept_by,
        "kind": rule.kind,
        "grade": rule.grade,
        "code": rule.code,
        "refused": rule.harmful,
        "where": rule.where,
        "source": rule.source,
    }
