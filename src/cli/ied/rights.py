"""`janusgrid ied rights`: who may do what at a server, by a table of rights."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ...common.errors import LocalError
from ...iec61850.rights import Rights

OURS = "default"
"""What stands for the table that comes along."""


def load(name: str) -> Rights:
    """Return the table of a file, or ours; raise `LocalError`."""
    if name == OURS:
        return Rights.load()
    if not Path(name).is_file():
        raise LocalError(f"there is no such file; {OURS!r} is the table that comes along", where=name)
    return Rights.load(name)


@click.command(short_help="who may do what: the table of rights")
@click.argument("table", default=OURS)
@click.option("--json", "as_json", is_flag=True, help="for programs")
def rights(table: str, as_json: bool) -> None:
    """Check a TABLE of rights (YAML), and print who may do what by it; without one, the table that comes along."""
    found = load(table).rows()
    if as_json:
        rows = [
            {"service": service, "constraints": constraints.split(), "needs": needs, "roles": roles}
            for service, constraints, needs, roles in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for service, constraints, needs, roles in found:
        may = " ".join(name.lower() for name, allowed in roles.items() if allowed)
        click.echo(f"{' '.join(filter(None, (service, constraints)))}")
        click.echo(f"    {needs}{': ' if may else ''}{may}")
