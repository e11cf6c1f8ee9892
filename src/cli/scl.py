"""`janusgrid scl`: read and check SCL files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ..common.errors import JanusGridError
from ..iec61850.scl import Diagnostic, Severity, describe, write_cid
from ..iec61850.scl import check as check_file
from ..iec61850.scl import read as read_file

Files = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Read, check and write SCL files (ICD, CID, IID, SCD of every edition)."""


@command.command(short_help="check files: each fault with code, place and rule")
@click.argument("files", nargs=-1, required=True, type=Files)
@click.option("--json", "as_json", is_flag=True, help="print the diagnostics as JSON")
@click.option("--no-classes", is_flag=True, help="leave out the comparison with the classes of 7-3, 7-4 and 7-420")
def check(files: tuple[Path, ...], as_json: bool, no_classes: bool) -> None:
    """Check FILES; each diagnostic has a code, a place and the rule it follows. Exit status 1 for an error or worse."""
    found: list[Diagnostic] = []
    for file in files:
        models, diagnostics = check_file(file, classes=not no_classes)
        found += diagnostics
        if not as_json:
            for diagnostic in diagnostics:
                click.echo(str(diagnostic))
            click.echo(f"{file}: {len(models)} servers, {len(diagnostics)} diagnostics")
    if as_json:
        rows = [
            {
                "code": each.code,
                "severity": each.severity.value,
                "file": each.file,
                "line": each.line,
                "rule": each.rule,
                "message": each.message,
            }
            for each in found
        ]
        click.echo(json.dumps(rows, indent=2))
    sys.exit(1 if any(each.severity in (Severity.FATAL, Severity.ERROR) for each in found) else 0)


@command.command(short_help="print the data model of a file as a tree")
@click.argument("file", type=Files)
@click.option("--ied", help="which IED, where the file has several")
def show(file: Path, ied: str | None) -> None:
    """Print the data model of FILE as a tree."""
    try:
        loaded = read_file(file, ied=ied)
    except JanusGridError as error:
        raise click.ClickException(str(error)) from None
    click.echo(describe(loaded.model))


@command.command(short_help="write one server of a file as a CID")
@click.argument("file", type=Files)
@click.option("--ied", help="which IED, where the file has several")
@click.option("--access-point", help="which access point, where the IED has several")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="to this file; else it is printed"
)
def write(file: Path, ied: str | None, access_point: str | None, output: Path | None) -> None:
    """Write one server of FILE, of any edition, as a CID of release 2007B4, without what cannot be used in it."""
    try:
        text = write_cid(read_file(file, ied=ied, access_point=access_point).model, output)
    except JanusGridError as error:
        raise click.ClickException(str(error)) from None
    if output is None:
        click.echo(text, nl=False)
