"""`janusgrid demo`: one event from the utility to the DERs and back, on this machine."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, TypeVar

import click
from rich.console import Console

from ..common.xmpp.servers import BROKERS
from ..ems.demo.acceptance import EXPECTED
from ..ems.demo.board import Board, Entry, Tier
from ..ems.demo.reserve import ReserveScenario
from ..ems.demo.roles import RolesScenario
from ..ems.demo.scenario import SPEED, ZONE, Scenario
from ..ems.demo.view import View
from ..ems.demo.wires import Wire

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it; 1 means that it was played and not delivered."""
DISPATCH, ROLES = "dispatch", "roles"
RESERVE_SPEED = 300.0
"""Simulated seconds in a real one at most, for people who look on."""

T = TypeVar("T")


@click.command()
@click.option("--headless", is_flag=True, help="print messages line by line, as without a terminal")
@click.option(
    "--json", "json_file", type=click.File("w", encoding="utf-8", lazy=False), help="write what happened; - is stdout"
)
@click.option("--broker", type=click.Choice(BROKERS), default=BROKERS[0], show_default=True, help="XMPP server to use")
@click.option(
    "--speed",
    type=click.FloatRange(1, 1000),
    help=f"simulated seconds in a real one, as far as the machine can: of the dispatch {SPEED:g} unless given; of the "
    f"others {RESERVE_SPEED:g} in the live view, else no limit",
)
@click.option(
    "--site",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="a site file of your own instead of the microgrid's",
)
@click.option(
    "--scenario",
    type=click.Choice([DISPATCH, ROLES, *EXPECTED]),
    default=DISPATCH,
    show_default=True,
    help="a dispatch without fault, four roles on one session, or a case of the reserve study",
)
@click.option(
    "--wire",
    type=click.Choice([wire.value for wire in Wire]),
    help="to the devices: in process, IEC 61850-8-1 or 8-2; 82 unless given",
)
@click.option("--no-tls", is_flag=True, help="without TLS on wire 81: nothing leaves this machine")
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    help="write a page with plots, and the plots as PNG, into this folder",
)
def command(
    headless: bool,
    json_file: IO[str] | None,
    broker: str,
    speed: float | None,
    site: Path | None,
    scenario: str,
    wire: str | None,
    no_tls: bool,
    report: Path | None,
) -> None:
    """Play one event from the utility to the DERs and back, on this machine.

    A utility's VTN asks a microgrid for 1 000 kW less import over an hour, by OpenADR over XMPP. The site's host opts
    in and shares it among two diesels, three microturbines and two batteries, each an IEC 61850 server over XMPP. Exit
    status 0 if the telemetry that reached the VTN shows at least 95 % delivered, 130 after Ctrl-C.

    The scenario roles is an estate between a utility, an operator, devices and two homes, all on one XMPP session; a
    home opts out and a generator breaks down. Exit status 0 if the others make up for it and no message is lost.

    The other scenarios are the cases of a published study: reserve is sold, and a device fails while it is delivered.
    Then the exit status is 0 if the run shows what the study says; what it does not show is named.
    """
    reserve = scenario in EXPECTED
    _fitting(scenario, wire, site, report, no_tls)
    console = Console(stderr=json_file is not None and json_file.name == "<stdout>", highlight=False)
    live = console.is_terminal and not headless
    try:
        if reserve:
            kind = Wire(wire or Wire.XMPP.value)
            passed, found = _reserve(scenario, kind, broker, speed, console, live=live, tls=not no_tls, report=report)
        elif scenario == ROLES:
            passed, found = _roles(broker, speed, console, live=live)
        else:
            passed, found = _dispatch(broker, speed, site, console, live=live)
    except KeyboardInterrupt:
        console.print("interrupted")
        sys.exit(INTERRUPTED)
    if json_file is not None:
        json.dump(found, json_file, indent=2)
        json_file.write("\n")
    sys.exit(0 if passed else 1)


def _fitting(scenario: str, wire: str | None, site: Path | None, report: Path | None, no_tls: bool) -> None:
    """Raise a usage error for options that do not go together."""
    reserve = scenario in EXPECTED
    if not reserve and wire not in (None, Wire.XMPP.value):
        raise click.UsageError(f"the scenario {scenario} runs on wire 82; choose another by --scenario")
    if not reserve and report is not None:
        raise click.UsageError(f"a report is of a reserve case: {', '.join(EXPECTED)}; choose one by --scenario")
    if scenario != DISPATCH and site is not None:
        whose = "a reserve case" if reserve else f"the scenario {scenario}"
        raise click.UsageError(f"{whose} has a site of its own; --site goes with --scenario {DISPATCH}")
    if no_tls and wire != Wire.TCP.value:
        raise click.UsageError("--no-tls is for --wire 81; over XMPP there is always TLS, in process none")
    if report is not None:
        from ..ems.report.page import require  # its plots need a library that nothing else does

        require()


def _dispatch(
    broker: str, speed: float | None, site: Path | None, console: Console, *, live: bool
) -> tuple[bool, dict[str, object]]:
    played = Scenario(broker, SPEED if speed is None else speed, site=site)
    summary = asyncio.run(_play(played.board, played.run, console, live=live))
    console.print(summary.render())
    return summary.passed, summary.as_json()


def _roles(broker: str, speed: float | None, console: Console, *, live: bool) -> tuple[bool, dict[str, object]]:
    played = RolesScenario(broker, RESERVE_SPEED if live and speed is None else speed)
    outcome = played.clock.run(_play(played.board, played.run, console, live=live))
    console.print(outcome.text(), soft_wrap=True)
    return outcome.passed, outcome.as_json()


def _reserve(
    name: str,
    wire: Wire,
    broker: str,
    speed: float | None,
    console: Console,
    *,
    live: bool,
    tls: bool,
    report: Path | None,
) -> tuple[bool, dict[str, object]]:
    played = ReserveScenario(name, wire, broker, RESERVE_SPEED if live and speed is None else speed, tls=tls)
    outcome = played.clock.run(_play(played.board, played.run, console, live=live))
    console.print(outcome.text(), soft_wrap=True)
    if report is not None:
        from ..ems.report import write

        page, *_ = write(outcome.record(), report)
        console.print(f"report: {page}", soft_wrap=True)
    return outcome.passed, outcome.as_json()


async def _play(board: Board, run: Callable[[], Awaitable[T]], console: Console, *, live: bool) -> T:
    if not live:
        board.on_entry(lambda entry: console.print(_line(entry), soft_wrap=True, markup=False))
        return await run()
    handler = _OnBoard(board)
    logging.getLogger("janusgrid").addHandler(handler)
    try:
        async with View(board, console, ZONE):
            return await run()
    finally:
        logging.getLogger("janusgrid").removeHandler(handler)


def _line(entry: Entry) -> str:
    names = {Tier.UTILITY: "VTN", Tier.OPERATOR: "OPR", Tier.SITE: "EMS", Tier.DEVICE: "DER"}
    way = names[entry.source] if entry.source is entry.target else f"{names[entry.source]} > {names[entry.target]}"
    return f"{entry.time.astimezone(ZONE):%H:%M:%S}  {way:9}  {entry.what}"


class _OnBoard(logging.Handler):
    """Warnings go to the board while the screen belongs to the view."""

    def __init__(self, board: Board) -> None:
        super().__init__(logging.WARNING)
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        self._board.tell(Tier.SITE, Tier.SITE, record.getMessage(), good=False)
