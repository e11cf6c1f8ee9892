"""`janusgrid openadr conformance`: what this package conforms to."""

from __future__ import annotations

import json

import click

from ...openadr.conformance import statement


@click.command()
@click.argument("part", type=click.Choice([part.key for part in statement.PARTS]), required=False)
@click.option("--json", "as_json", is_flag=True, help="for programs")
def conformance(part: str | None, as_json: bool) -> None:
    """Print the conformance statement of OpenADR 2.0b, or one part of it.

    \b
    messages    which message each role takes
    transports  HTTP, XMPP, TLS, signatures
    words       signals, reports, reasons, units
    rules       conformance rules by role
    limits      limits, times and defaults (PIXIT)

    It is read off the code: nothing in it is written by hand.
    """
    found = json.dumps(statement.plain(part), ensure_ascii=False) if as_json else statement.text(part).rstrip()
    click.echo(found)
