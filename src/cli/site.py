"""`janusgrid site`: check a site, begin one."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import click

from ..common.data.site import Site
from ..common.errors import ConfigError, LocalError
from ..common.resources import mappings_dir, resource
from ..ems.check import Checked, check


@click.group()
def command() -> None:
    """Check a site (site file, tables, CID files), or begin one."""


@command.command("check", short_help="check a site file, its tables and CID files")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="print the faults as JSON")
def check_command(file: Path, as_json: bool) -> None:
    """Check the site FILE, its tables, and that what they name is in the CID files.

    Exit status 1 if there are faults, each with file and line.
    """
    found: Checked | None = None
    try:
        found = check(file)
        faults = found.faults
    except ConfigError as error:
        faults = error.faults
    if as_json:
        rows = [{"where": fault.where, "message": fault.message} for fault in faults]
        click.echo(json.dumps({"valid": not faults, "faults": rows}, indent=2))
    else:
        for fault in faults:
            click.echo(str(fault))
        if found is not None:
            _describe(found)
    sys.exit(1 if faults else 0)


def _describe(found: Checked) -> None:
    for diagnostic in found.diagnostics:
        click.echo(str(diagnostic))
    for advice in found.advice:
        click.echo(f"{advice.where}: advice: {advice.message}")
    site = found.site
    for device in site.devices:
        cid = device.cid.name if device.cid else "no CID file to compare with"
        click.echo(f"{device.name}: {_many(len(device.bindings), 'point')}, {cid}")
    faults = _many(len(found.faults), "fault") if found.faults else "no fault"
    reported = _many(len(site.ven.reports), "point")
    click.echo(f"{site.name}: {_many(len(site.devices), 'device')}, {reported} reported to the utility, {faults}")


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


@command.command(short_help="begin a site of your own")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def new(folder: Path) -> None:
    """Copy the site of the demonstration to FOLDER, with its tables and CID files, to make a site of your own of it."""
    if folder.is_dir() and any(folder.iterdir()):
        raise LocalError("it is not empty; a new site goes to a folder of its own", where=str(folder))
    source = mappings_dir()
    shutil.copytree(source / "sites" / "microgrid", folder / "microgrid", dirs_exist_ok=True)
    text = (source / "sites" / "microgrid.yaml").read_text(encoding="utf-8")
    (folder / "site.yaml").write_text(text.replace("$schema=../../schemas/site.json", "$schema=site.json"), "utf-8")
    shutil.copyfile(resource("schemas/site.json"), folder / "site.json")
    for room in ("iec61850", "openadr"):
        shutil.copytree(source / room, folder / room)
    shutil.copyfile(source / "README.md", folder / "README.md")
    site: Site = check(folder / "site.yaml").require()
    click.echo(f"{folder / 'site.yaml'}: {len(site.devices)} devices; the columns of its tables are in README.md")
