"""`janusgrid ied conformance`: what this package conforms to, as protocol engineers ask for it."""

from __future__ import annotations

import json

import click

from ...iec61850.conformance import statement


@click.command()
@click.argument("part", type=click.Choice([part.key for part in statement.PARTS]), required=False)
@click.option("--json", "as_json", is_flag=True, help="for programs")
def conformance(part: str | None, as_json: bool) -> None:
    """Print the conformance statement, or one part of it.

    \b
    acsi       services and models (PICS to IEC 61850-7-2)
    mappings   MMS, initiate, addresses, stanzas (PICS to 8-1 and 8-2)
    classes    logical-node and common data classes (MICS)
    limits     limits, times and defaults (PIXIT)

    It is read off the code: nothing in it is written by hand.
    """
    found = json.dumps(statement.plain(part), ensure_ascii=False) if as_json else statement.text(part).rstrip()
    click.echo(found)
