"""The command line: `janusgrid COMMAND`. Each command is a module of this package, imported only when it is called."""

from __future__ import annotations

import sys

import click

from .. import __version__
from ..common.errors import JanusGridError
from .lazy import LazyGroup

COMMANDS = {
    "demo": "one event travels from the utility to the DERs and back, on this machine",
    "ems": "run a site's energy management from its configuration: VEN, VTN, IEC 61850 client and server in one",
    "ied": "serve an SCL file; read, command and watch servers",
    "gateway": "serve devices on XMPP (8-2) to clients on TCP (8-1), and the other way round",
    "scl": "read and check SCL files",
    "cert": "certificates for laboratories, fingerprints, checks",
    "vtn": "run an OpenADR VTN from its configuration",
    "ven": "run an OpenADR VEN from its configuration",
    "openadr": "OpenADR: check and send messages, direct a VTN or a VEN that runs",
    "registry": "run a registry of DERs from its configuration",
    "store": "check and upgrade databases",
    "history": "what was recorded: show, export, forget",
    "driver": "field devices: drivers, what a device says, a site's devices as one server",
    "site": "check a site, or begin one",
    "map": "check, show and explain conversion tables and the points of sites",
    "broker": "an XMPP server to try things out, with an account file for everybody",
    "lab": "a laboratory on this machine: your devices, and a utility that shows what they report",
}
"""Command name (and module) to its one line of help."""


@click.group(
    cls=LazyGroup,
    lazy={name: (f"{__name__}.{name}:command", text) for name, text in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
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
