"""The live terminal view: a board drawn with rich, several times a second."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .board import Board, Entry, Row, Tier
from .chart import bar, curve, resample

FRAMES_A_SECOND = 5
CHART_HEIGHT = 7
HEAD_HEIGHT = 4
WIDE = 110
STEP_WIDTH = 34
_ARROWS = {
    (Tier.UTILITY, Tier.SITE): ("●───▶", "     "),
    (Tier.SITE, Tier.UTILITY): ("◀───●", "     "),
    (Tier.SITE, Tier.DEVICE): ("     ", "●───▶"),
    (Tier.DEVICE, Tier.SITE): ("     ", "◀───●"),
}


class View:
    """Draws a board until it is left.

    async with View(board, console, zone): ...
    """

    def __init__(self, board: Board, console: Console, zone: tzinfo) -> None:
        self._board = board
        self._zone = zone
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._console = console
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> View:
        self._live.start()
        self._task = asyncio.create_task(self._draw())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._live.stop()

    async def _draw(self) -> None:
        while True:
            self._live.update(render(self._board, self._zone, *self._console.size), refresh=True)
            await asyncio.sleep(1 / FRAMES_A_SECOND)


def render(board: Board, zone: tzinfo, width: int, height: int) -> RenderableType:
    """Return the board as it fits into a terminal of `width` by `height` characters.

    Wide terminals show messages and devices side by side, narrow ones one above the other; low ones lose the curve.
    """
    wide = width >= WIDE
    devices_height = len(board.rows) + 7
    chart = height >= HEAD_HEIGHT + devices_height + CHART_HEIGHT + 3 + (0 if wide else 6)
    room = height - HEAD_HEIGHT - (CHART_HEIGHT + 3 if chart else 0)
    layout = Layout()
    layout.split_column(
        Layout(_head(board, zone, wide), size=HEAD_HEIGHT),
        Layout(name="middle"),
        Layout(_meter(board, zone, width), size=CHART_HEIGHT + 3, visible=chart),
    )
    devices = _devices(board, 14 if width >= 150 else 8)
    if wide:
        layout["middle"].split_row(
            Layout(_timeline(board, zone, room - 2), ratio=3), Layout(devices, ratio=2, minimum_size=50)
        )
    else:
        left = room - devices_height
        layout["middle"].split_column(
            Layout(devices, size=min(room, devices_height)),
            Layout(_timeline(board, zone, left - 2), visible=left >= 4),
        )
    return layout


def _head(board: Board, zone: tzinfo, wide: bool) -> RenderableType:
    counts = board.counts
    line = Table.grid(expand=True)
    line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True)
    figures = f"set-points {counts.controls_accepted}/{counts.controls_sent}   telemetry {counts.telemetry_reports}"
    if wide:
        figures = f"device reports {counts.device_reports}   {figures}"
    line.add_row(Text(f"{_clock(board.now, zone)}   {board.title}", "bold"), figures)
    below = Table.grid(expand=True, padding=(0, 1))
    below.add_column(no_wrap=True, overflow="ellipsis", width=STEP_WIDTH)
    below.add_column(ratio=1)
    below.add_row(Text(board.step, "yellow"), ProgressBar(total=1.0, completed=board.progress))
    return Panel(Group(line, below), border_style="blue")


def _timeline(board: Board, zone: tzinfo, lines: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style="bright_black", no_wrap=True, width=8)
    table.add_column(no_wrap=True, width=17)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_row("", Text("VTN   EMS   DER", "bold"), "")
    for entry in list(board.timeline)[-max(0, lines - 1) :]:
        table.add_row(_clock(entry.time, zone), _lanes(entry), Text(_words(entry), "" if entry.good else "bold red"))
    return Panel(table, title="messages", border_style="blue")


def _lanes(entry: Entry) -> Text:
    above, below = _ARROWS.get((entry.source, entry.target), ("     ", "     "))
    dots = {tier: "●" if entry.source is entry.target is tier else "│" for tier in Tier}
    text = Text()
    text.append(dots[Tier.UTILITY], "green")
    text.append(above, "green" if entry.good else "red")
    text.append(dots[Tier.SITE], "yellow")
    text.append(below, "cyan" if entry.good else "red")
    text.append(dots[Tier.DEVICE], "cyan")
    return text


def _words(entry: Entry) -> str:
    """Return what a message says; one from or to an operator has no lane, and says so."""
    return f"operator: {entry.what}" if Tier.OPERATOR in (entry.source, entry.target) else entry.what


def _devices(board: Board, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column()
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_row("", "", Text("kW", "bold"), Text("set", "bold"), Text("charge", "bold"), "")
    for name, row in board.rows.items():
        table.add_row(
            name, _power(row, width), _figure(row.power_kw), _figure(row.setpoint_kw), _charge(row), row.state
        )
    table.add_row()
    for label, figure in (("PV", board.pv_kw), ("load", board.load_kw), ("import", board.import_kw)):
        table.add_row(label, "", _figure(figure))
    return Panel(table, title="site", border_style="blue")


def _power(row: Row, width: int) -> Text:
    if row.power_kw is None:
        return Text("?" * width, "bright_black")
    return bar(row.power_kw, row.lowest_kw, row.rating_kw, width, row.setpoint_kw)


def _meter(board: Board, zone: tzinfo, width: int) -> RenderableType:
    span = (board.end - board.start).total_seconds() or 1.0
    points = [((when - board.start).total_seconds() / span, kw) for when, kw in board.imports]
    figures = resample(points, max(10, width - 4))
    known = [kw for kw in figures if kw is not None] or [0.0]
    high = max([*known, board.baseline_kw or 0.0]) * 1.05
    title = f"import at the meter: {_figure(board.import_kw)} kW"
    if board.baseline_kw is not None and board.target_kw is not None:
        title += f"   baseline {board.baseline_kw:.0f}   target {board.target_kw:.0f}"
    foot = Table.grid(expand=True)
    foot.add_column()
    foot.add_column(justify="right")
    foot.add_row(_clock(board.start, zone), _clock(board.end, zone))
    return Panel(
        Group(*curve(figures, CHART_HEIGHT, 0.0, high, board.target_kw), foot), title=title, border_style="blue"
    )


def _clock(when: datetime, zone: tzinfo) -> str:
    return when.astimezone(zone).strftime("%H:%M:%S")


def _figure(kw: float | None) -> str:
    return "–" if kw is None else f"{kw:.1f}"


def _charge(row: Row) -> str:
    return "" if row.soc is None else f"{row.soc:.1f} %"
