"""`janusgrid openadr`: check messages, send them, and direct a VTN or a VEN that runs."""

from __future__ import annotations

import click

from . import validate


@click.group()
def command() -> None:
    """Check OpenADR messages, send them, and direct a VTN or a VEN that runs."""


for each in (validate.validate,):
    command.add_command(each)
