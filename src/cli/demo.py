"""`janusgrid demo`: one event from the utility to the DERs and back, on this machine."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import IO

import click
from rich.console import Console

from ..common.xmpp.servers import BROKERS
from ..ems.demo.board import Board, Entry, Tier
from ..ems.demo.scenario import SPEED, ZONE, Scenario
from ..ems.demo.summary import Summary
from ..ems.demo.view import View

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it; 1 means that it was played and not delivered."""


@click.command()
@click.option("--headless", is_flag=True, help="print messages line by line, as without a terminal")
@click.option(
    "--json", "json_file", type=click.File("w", encoding="utf-8", lazy=False), help="write what happened; - is stdout"
)
@click.option("--broker", type=click.Choice(BROKERS), default=BROKERS[0], show_default=True, help="XMPP server to use")
@click.option(
    "--speed",
    type=click.FloatRange(1, 1000),
    default=SPEED,
    show_default=True,
    help="simulated seconds in a real one, as far as the machine can",
)
@click.option(
    "--site",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="a site file of your own instead of the microgrid's",
)
@click.option("--scenario", type=click.Choice(["dispatch"]), default="dispatch", show_default=True)
def command(
    headless: bool, json_file: IO[str] | None, broker: str, speed: float, site: Path | None, scenario: str
) -> None:
    """Play one event from the utility to the DERs and back, on this machine.

    A utility's VTN asks a microgrid for 1 000 kW less import over an hour, by OpenADR over XMPP. The site's host opts
    in and shares it among two diesels, three microturbines and two batteries, each an IEC 61850 server over XMPP. Exit
    status 0 if the telemetry that reached the VTN shows at least 95 % delivered, 130 after Ctrl-C.
    """
    console = Console(stderr=json_file is not None and json_file.name == "<stdout>", highlight=False)
    played = Scenario(broker, speed, site=site)
    try:
        summary = asyncio.run(_play(played, console, live=console.is_terminal and not headless))
    except KeyboardInterrupt:
        console.print("interrupted")
        sys.exit(INTERRUPTED)
    console.print(summary.render())
    if json_file is not None:
        json.dump(summary.as_json(), json_file, indent=2)
        json_file.write("\n")
    sys.exit(0 if summary.passed else 1)


async def _play(played: Scenario, console: Console, *, live: bool) -> Summary:
    if not live:
        played.board.on_entry(lambda entry: console.print(_line(entry), soft_wrap=True, markup=False))
        return await played.run()
    handler = _OnBoard(played.board)
    logging.getLogger("janusgrid").addHandler(handler)
    try:
        async with View(played.board, console, ZONE):
            return await played.run()
    finally:
        logging.getLogger("janusgrid").removeHandler(handler)


def _line(entry: Entry) -> str:
    names = {Tier.UTILITY: "VTN", Tier.SITE: "EMS", Tier.DEVICE: "DER"}
    way = names[entry.source] if entry.source is entry.target else f"{names[entry.source]} > {names[entry.target]}"
    return f"{entry.time.astimezone(ZONE):%H:%M:%S}  {way:9}  {entry.what}"


class _OnBoard(logging.Handler):
    """Warnings go to the board while the screen belongs to the view."""

    def __init__(self, board: Board) -> None:
        super().__init__(logging.WARNING)
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        self._board.tell(Tier.SITE, Tier.SITE, record.getMessage(), good=False)
