"""`janusgrid openadr validate`: check messages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ...common.errors import JanusGridError
from ...openadr.codec import read


@click.command(short_help="check messages against limits and schema")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="print the findings as JSON")
def validate(files: tuple[Path, ...], as_json: bool) -> None:
    """Read FILES as OpenADR 2.0b messages: well-formed, within limits, valid against the schema.

    Exit status 1 if any of them is not.
    """
    findings = []
    for file in files:
        try:
            message = read(file.read_bytes(), source=str(file))
        except JanusGridError as error:
            findings.append(
                {"file": str(file), "valid": False, "message": None, "fault": error.message, "where": error.where}
            )
        else:
            findings.append(
                {"file": str(file), "valid": True, "message": type(message).__name__, "fault": None, "where": None}
            )
    if as_json:
        click.echo(json.dumps(findings, indent=2))
    else:
        for found in findings:
            click.echo(f"{found['where'] or found['file']}: {found['message'] or found['fault']}")
    sys.exit(0 if all(found["valid"] for found in findings) else 1)
