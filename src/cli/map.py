"""`janusgrid map`: conversion tables and the points of sites, checked, shown, explained, and written as CID files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console
from rich.table import Table as Grid

from ..common.data.point import Point
from ..common.data.schema import site_schema
from ..common.data.site import Site, load_site
from ..common.data.tables import Row, load_table
from ..common.data.unit import Unit
from ..common.errors import ConfigError, LocalError, UnknownName
from ..common.resources import mappings_dir
from ..ems.check import check, check_table
from ..ems.explain import Explanation, Way, explain
from ..iec61850.access import model_of_device, model_of_site
from ..iec61850.scl import write_cid
from .piped import PipedGroup

SITES = (".yaml", ".yml")
PROTOCOLS = {"iec61850": "IEC 61850", "openadr": "OpenADR, to a VEN below", "modbus": "Modbus", "opcua": "OPC UA"}


def _file(name: str) -> Path:
    """Return a table or site: a file here, or one of the program by its name (`iec61850/battery.csv`, `microgrid`)."""
    places = [Path(name), mappings_dir() / name, mappings_dir() / "sites" / name]
    places += [Path(f"{place}{end}") for place in places for end in (".csv", ".yaml")]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        if Path(name).is_dir():
            raise LocalError(f"{name!r} is a folder; name a table or site file in it")
        known = [_shown(path) for path in _own()]
        near = get_close_matches(name, known, 1, 0.4)
        hint = f"did you mean {near[0]}?" if near else "`janusgrid map show` lists those of the program"
        raise UnknownName(f"there is no table or site {name!r}; {hint}")
    return found


def _site(name: str) -> Site:
    """Return a site of this name; raise `LocalError` for a table, whose rows are no points of a device yet."""
    path = _file(name)
    if path.suffix == ".csv":
        raise LocalError(f"{name!r} is a table; name a site file with a device of it (`janusgrid map show {name}`)")
    return load_site(path)


def _own() -> list[Path]:
    """Return the tables and sites of the program."""
    folder = mappings_dir()
    tables = (path for path in sorted(folder.glob("*/*.csv")) if path.parent.name != "profiles")
    return [*tables, *sorted((folder / "sites").glob("*.yaml"))]


def _shown(path: Path) -> str:
    return path.relative_to(mappings_dir()).as_posix()


@click.group(cls=PipedGroup)
def command() -> None:
    """Check, show and explain conversion tables, and the points that sites make of them.

    A TABLE or SITE is a file, or one that comes with the program by its name: iec61850/battery.csv, microgrid.
    """


# --- check -----------------------------------------------------------------------------------------------------------


@command.command("check", short_help="check tables and site files")
@click.argument("files", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="print faults and advice as JSON")
def check_command(files: tuple[str, ...], as_json: bool) -> None:
    """Check tables and sites: every fault with file and line, and what to do about it.

    Tables are held against the class tables of IEC 61850 and the words of OpenADR, sites also against their CID files.
    Exit status 1 if there are faults; advice, about rows that work and are unusual, is none.
    """
    found = [(name, *_checked(_file(name))) for name in files]
    if as_json:
        rows = [
            {"file": name, "valid": not faults, "faults": _rows(faults), "advice": _rows(advice)}
            for name, _, faults, advice in found
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for name, what, faults, advice in found:
            for fault in faults:
                click.echo(str(fault))
            for each in advice:
                click.echo(f"{each.where or name}: advice: {each.message}")
            click.echo(f"{name}: {what}, {_many(len(faults), 'fault')}")
    sys.exit(1 if any(faults for _, _, faults, _ in found) else 0)


def _checked(path: Path) -> tuple[str, tuple[ConfigError, ...], tuple[ConfigError, ...]]:
    try:
        if path.suffix in SITES:
            site = check(path)
            points = f"{_many(len(site.site.devices), 'device')}, {_many(len(site.site.points), 'point')}"
            return points, site.faults, site.advice
        table = check_table(path)
        purpose = PROTOCOLS | {"signals": "OpenADR signals", "reports": "OpenADR reports", "ven": "a VEN below"}
        what = purpose.get(table.purpose, "of another protocol")
        return f"{_many(len(table.table.rows), 'row')} ({what})", table.faults, table.advice
    except ConfigError as error:
        return "cannot be loaded", error.faults, ()


def _rows(faults: Iterable[ConfigError]) -> list[dict[str, str | None]]:
    return [{"where": fault.where, "message": fault.message} for fault in faults]


# --- show ------------------------------------------------------------------------------------------------------------


@command.command(short_help="show a table, the points of a site, or what there is")
@click.argument("name", metavar="[TABLE|SITE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="print it as JSON")
def show(name: str | None, as_json: bool) -> None:
    """Show the rows of a table, or the points of a site; without a name, what comes with the program."""
    if name is None:
        rows = [{"name": _shown(path), "rows": _size(path), "about": _about(path)} for path in _own()]
        _print(rows, as_json, "tables and sites")
        return
    path = _file(name)
    if path.suffix in SITES:
        site = load_site(path)
        _print([_point(site, point) for point in site.points.values()], as_json, site.name)
    else:
        _print([_row(row) for row in load_table(path)], as_json, path.name)


def _size(path: Path) -> str:
    if path.suffix in SITES:
        return _many(len(load_site(path).devices), "device")
    return _many(len(load_table(path).rows), "row")


def _about(path: Path) -> str:
    if path.suffix in SITES:
        comments = (line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# "))
        return next((line[2:] for line in comments if "yaml-language-server" not in line), "")
    points = list(dict.fromkeys(row.point for row in load_table(path)))
    return ", ".join((*points[:6], *(["…"] if points[6:] else [])))


def _row(row: Row) -> dict[str, str]:
    there = row.conversion
    return {
        "point": row.point,
        "kind": row.kind.value,
        "type": there.type.value,
        "unit": row.unit.symbol,
        "address": " ".join(filter(None, row.address.values())),
        "wire": _typed(there.wire_type.value, row.wire_unit),
        "services": " ".join(service.value for service in sorted(row.services, key=lambda each: each.value)),
        "limits": _limits(row.low, row.high),
        "description": row.description,
    }


def _point(site: Site, point: Point) -> dict[str, str]:
    ways = explain(site, point.name).ways
    low, high = ("" if limit is None else f"{limit:g}" for limit in (point.low, point.high))
    return {
        "point": point.name,
        "kind": point.kind.value,
        "type": point.type.value,
        "unit": point.unit.symbol,
        "limits": _limits(low, high),
        "ways": ", ".join(dict.fromkeys(PROTOCOLS.get(way.protocol, way.protocol) for way in ways)),
        "description": point.description,
    }


def _limits(low: str, high: str) -> str:
    return f"{low or '…'} to {high or '…'}" if low or high else ""


def _typed(wire: str, unit: Unit) -> str:
    return f"{wire} {unit.symbol}".strip()


def _print(rows: list[dict[str, str]], as_json: bool, title: str) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    grid = Grid(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    filled = [column for column in rows[0] if any(row[column] for row in rows)] if rows else []
    for column in filled:
        grid.add_column(column, no_wrap=column in ("point", "name", "kind", "type", "unit"), overflow="fold")
    for row in rows:
        grid.add_row(*(row[column] for column in filled))
    _console().print(grid, markup=False, highlight=False)


# --- explain ---------------------------------------------------------------------------------------------------------


@command.command("explain", short_help="explain a point: what it is, and how it looks on every wire")
@click.argument("site")
@click.argument("point")
@click.option("--json", "as_json", is_flag=True, help="print it as JSON")
def explain_command(site: str, point: str, as_json: bool) -> None:
    """Explain the POINT of a SITE: name, kind, unit, limits; for each wire where it is, how its value is converted
    there and back, by an example, and which services it has by which service of the protocol."""
    found = explain(_site(site), point)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
        return
    for line in _lines(found):
        click.echo(line)


def _as_json(found: Explanation) -> dict[str, Any]:
    point = found.point
    return {
        "point": point.name,
        "device": found.device,
        "kind": point.kind.value,
        "type": point.type.value,
        "unit": point.unit.symbol,
        "low": point.low,
        "high": point.high,
        "names": point.literals,
        "description": point.description,
        "ways": [attrs.asdict(way, value_serializer=lambda _, __, value: value) for way in found.ways],
    }


def _lines(found: Explanation) -> Iterable[str]:
    point = found.point
    yield f"{point.name}: {point.description or 'no description'}"
    yield f"  a {point.type.value} {point.kind.value}{f' in {point.unit.symbol}' if point.unit.symbol else ''}"
    if point.literals:
        yield f"  one of {', '.join(point.literals)}"
    if point.low is not None or point.high is not None:
        low, high = ("any" if limit is None else _with(limit, point.unit.symbol) for limit in (point.low, point.high))
        yield f"  from {low} to {high}"
    for way in found.ways:
        yield ""
        yield from _way(way, point)


def _way(way: Way, point: Point) -> Iterable[str]:
    yield f"{PROTOCOLS.get(way.protocol, way.protocol)}: {way.direction}"
    for column, text in way.address.items():
        yield f"  {column:<14}{text}"
    yield f"  {'on the wire':<14}{' in '.join(filter(None, (way.wire_type, way.wire_unit)))}"
    yield f"  {'from the wire':<14}{way.formula}"
    yield f"  {'to the wire':<14}{way.inverse}"
    if way.example is not None:
        turn, common = way.example, point.unit.symbol
        there = _with(turn.wire, way.wire_unit)
        yield f"  {'for example':<14}{_with(turn.value, common)} → {there} on the wire → {_with(turn.back, common)}"
    for service, by in way.services.items():
        yield f"  {service:<14}{by or 'as the driver does it'}"
    yield f"  {'row':<14}{way.where}"


def _with(value: object, unit: str) -> str:
    shown = f"{value:.10g}" if isinstance(value, float) else str(value)
    return f"{shown} {unit}".strip()


# --- CID files --------------------------------------------------------------------------------------------------------


@command.command(short_help="write the CID file of a server that is made from tables")
@click.argument("site")
@click.argument("device", required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="to this file; else it is printed"
)
def cid(site: str, device: str | None, output: Path | None) -> None:
    """Write the CID file of a DEVICE of a SITE as its table makes it, for clients that want a file.

    Without DEVICE that of the server for an operator above, which has all devices. What an application adds to it in
    the running program is not in it.
    """
    loaded = _site(site)
    text = write_cid(model_of_device(loaded.device(device)) if device else model_of_site(loaded), output)
    if output is None:
        click.echo(text, nl=False)


# --- schema ----------------------------------------------------------------------------------------------------------


@command.command(short_help="print the schema by which editors help with site files")
def schema() -> None:
    """Print the JSON Schema of site files, by which an editor completes keys and marks mistakes."""
    click.echo(json.dumps(site_schema(), indent=2, ensure_ascii=False))


def _console() -> Console:
    """Return a console as wide as the terminal, or as wide as need be where it is none."""
    return Console(file=sys.stdout) if sys.stdout.isatty() else Console(file=sys.stdout, width=240)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
