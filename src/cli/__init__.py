"""The command line: `janusgrid COMMAND`. Each command is a module of this package, imported only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from .. import __version__
from ..common.errors import JanusGridError

COMMANDS = {
    "demo": "one event travels from the utility to the DERs and back, on this machine",
    "ied": "serve an SCL file; read, command and watch servers",
    "scl": "read and check SCL files",
    "cert": "certificates for laboratories, fingerprints, checks",
    "openadr": "check OpenADR messages",
    "store": "check and upgrade databases",
    "site": "check a site, or begin one",
    "lab": "a laboratory on this machine: your devices, and a utility that shows what they report",
}
"""Command name (and module) to its one line of help."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called: help is quick however many there are."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"{__name__}.{name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="janusgrid")
def cli() -> None:
    """OpenADR 2.0b and IEC 61850 in one program, over one XMPP session."""


def main() -> None:
    """Run the command line; an error of this package is one line on standard error and exit status 1."""
    try:
        cli()
    except JanusGridError as error:
        click.echo(f"janusgrid: {error}", err=True)
        sys.exit(1)
