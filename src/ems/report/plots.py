"""The pictures of a record, drawn with matplotlib, which only this module imports."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from html import escape
from itertools import groupby

import attrs
import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import DateFormatter, MinuteLocator, date2num
from matplotlib.figure import Figure

from .record import Mark, Record, Series, Sort, Track, sentence
from .style import Palette, dress, on_white, placeholder, settings

WIDTH = 9.6
"""Inches; a landscape page takes it, and a screen."""
DOTS = 150
"""Of a bitmap, for each inch."""
_METADATA = re.compile(r"<metadata>.*?</metadata>\s*", re.DOTALL)
_TOLD = frozenset({Sort.DISPATCH, Sort.START, Sort.STOP, Sort.FAULT, Sort.CONFIRMED, Sort.EMPTY})


@attrs.frozen(slots=True)
class Picture:
    """One plot: a name for its file, a title, and in words what is to be seen, for those who do not see it."""

    name: str
    title: str
    words: str
    _draw: Callable[[Record, Palette], Figure]

    def svg(self, record: Record) -> str:
        """Return it as SVG whose colours are variables, for a page."""
        return dress(self._svg(record, placeholder))

    def file(self, record: Record) -> str:
        """Return it as an SVG file of its own, on white, that says in words what is to be seen."""
        text = self._svg(record, on_white)
        head = text.index(">") + 1
        return f"{text[:head]}<title>{escape(self.title)}</title><desc>{escape(self.words)}</desc>{text[head:]}"

    def _svg(self, record: Record, palette: Palette) -> str:
        with _set(palette):
            figure, out = self._draw(record, palette), io.StringIO()
            FigureCanvasSVG(figure)
            figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        text = out.getvalue()
        return _METADATA.sub("", text[text.index("<svg") :])

    def png(self, record: Record) -> bytes:
        """Return it as a bitmap on white."""
        with _set(on_white):
            figure, out = self._draw(record, on_white), io.BytesIO()
            FigureCanvasAgg(figure)
            figure.savefig(out, format="png", dpi=DOTS, metadata={"Software": None})
        return out.getvalue()


def _set(palette: Palette) -> AbstractContextManager[None]:
    return matplotlib.rc_context(settings(palette))  # type: ignore[arg-type]  # its key type is not public


def pictures(record: Record) -> list[Picture]:
    """Return the pictures of a record, in the order of a page."""
    lowest = min((rate for rate in record.settled[0].rates if rate is not None), default=0.0)
    span = f"{record.clock(record.start)} to {record.clock(record.end)}"
    found = [
        Picture(
            "power",
            "Power at the site",
            f"Lines over time, {span}: load, generation with storage, photovoltaic output and import from the grid, "
            f"with the baseline of {record.baseline_kw:.1f} kW and the target of {record.target_kw:.1f} kW; "
            "circles are the published figures of the import, where there are any. Figures stand in the table below.",
            _power,
        ),
        Picture(
            "devices",
            "Power and set-point of each device",
            f"One small plot for each of {', '.join(device.name for device in record.devices)}: its power as a line, "
            "its set-point as a thin dashed one. What happened when stands in the list of events.",
            _devices,
        ),
        Picture(
            "charge",
            "State of charge",
            "Lines over time: state of charge of "
            + " and ".join(f"{device.name}, at the end {device.soc[-1][1]:.0f} %" for device in record.storages)
            + f"; a dashed line marks {record.floor_soc:.0f} %, where storage is empty.",
            _charge,
        ),
        Picture(
            "rates",
            "Execution rate of each minute",
            f"A bar for each of {len(record.settled[0].rates)} minutes, by the telemetry that the utility received, "
            f"with the limit of {100 * record.minute_limit:.0f} % and the average of "
            f"{100 * record.settled[0].average:.2f} %; the lowest minute has {100 * lowest:.1f} %.",
            _rates,
        ),
    ]
    return [picture for picture in found if record.storages or picture.name != "charge"]


def moments(record: Record) -> list[tuple[datetime, list[Mark]]]:
    """Return what happened, by instant: the numbers in the pictures count these from 1."""
    told = sorted((mark for mark in record.events if mark.sort in _TOLD), key=lambda mark: mark.time)
    return [(when, list(found)) for when, found in groupby(told, key=lambda mark: mark.time)]


# --- the pictures ----------------------------------------------------------------------------------------------------


def _power(record: Record, palette: Palette) -> Figure:
    figure = Figure(figsize=(WIDTH, 4.7), layout="constrained")
    lane, axes = figure.subplots(2, 1, sharex=True, height_ratios=[1, 11])
    _periods(axes, record, palette)
    lines = [
        ("load", record.load, "load", "-"),
        ("generation and storage", record.generation, "generation", "-"),
        ("import from the grid", record.grid, "grid", "-"),
        ("photovoltaic", record.pv, "pv", "-"),
    ]
    for label, series, role, line in lines:
        width = 2.2 if role == "grid" else 1.5
        axes.plot(*_split(series), line, color=palette(role), label=label, linewidth=width)
    axes.plot(
        [_x(record.start), _x(record.end)],
        [record.baseline_kw] * 2,
        ":",
        color=palette("second"),
        label="baseline",
        linewidth=1.3,
    )
    axes.plot(
        [_x(record.begin), _x(record.over)],
        [record.target_kw] * 2,
        "--",
        color=palette("target"),
        label="target",
        linewidth=1.3,
    )
    printed = [(point.time, point.published_kw) for point in record.table if point.published_kw is not None]
    if printed:
        times, figures = _split(printed)
        axes.plot(
            times,
            figures,
            "o",
            color=palette("ink"),
            fillstyle="none",
            markersize=6,
            label="import as published",
            clip_on=False,
        )
    axes.set_ylabel("power (kW)")
    low = min(0.0, *(kw for _, kw in record.generation))
    axes.set_ylim(low - 60, 1.06 * max(kw for _, kw in (*record.load, *record.grid)))
    _time(axes, record)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=4, columnspacing=1.6, handlelength=2.4)
    _flags(lane, record, palette)
    for when, _ in moments(record):
        axes.axvline(_x(when), color=palette("ink"), linewidth=0.6, alpha=0.45)
    figure.supxlabel(_legend(record), x=0.01, ha="left", fontsize=8.5, linespacing=1.4)
    return figure


def _legend(record: Record) -> str:
    """Return what the numbers of a picture mean, in lines of its width."""
    lines = [""]
    for number, (when, found) in enumerate(moments(record), 1):
        text = f"{number}: {record.clock(when)} {sentence(found)}"
        if lines[-1] and len(lines[-1]) + len(text) > 140:
            lines.append("")
        lines[-1] += f"   \u00b7   {text}" if lines[-1] else text
    return "\n".join(lines)


def _devices(record: Record, palette: Palette) -> Figure:
    count = len(record.devices)
    columns = 4 if count <= 8 else 5
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, 0.5 + 1.95 * rows), layout="constrained")
    panels: list[Axes] = list(figure.subplots(rows, columns, sharex=True, squeeze=False).flat)
    for axes, device in zip(panels, record.devices, strict=False):
        _device(axes, device, record, palette)
    for axes in panels[count:]:
        axes.set_visible(False)
    for place in range(count):
        panels[place].tick_params(labelbottom=place + columns >= count)
        if place % columns == 0:
            panels[place].set_ylabel("power (kW)")
    for each in figure.axes[:1]:
        handles, labels = each.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _device(axes: Axes, device: Track, record: Record, palette: Palette) -> None:
    _periods(axes, record, palette, named=False)
    axes.plot(*_split(device.power), color=palette("grid"), label="measured power")
    if device.setpoint:
        times, figures = _split(device.setpoint)
        axes.plot(times, figures, "--", drawstyle="steps-post", color=palette("bad"), linewidth=1.0, label="set-point")
    low = -device.rating_kw if device.soc else 0.0
    axes.set_ylim(low - 0.06 * device.rating_kw, 1.12 * device.rating_kw)
    axes.set_title(f"{device.name}  ({device.rating_kw:g} kW)", fontsize=9)
    faults = [mark for mark in record.events if mark.device == device.name and mark.sort is Sort.FAULT]
    for mark in faults:
        axes.axvline(_x(mark.time), color=palette("limit"), linewidth=1.0, linestyle="-.", label="fault")
    _time(axes, record, every=30 if record.end - record.start < timedelta(minutes=110) else 60)


def _charge(record: Record, palette: Palette) -> Figure:
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots()
    _periods(axes, record, palette)
    for device, role, line in zip(record.storages, ("grid", "bad", "second", "generation"), "-----", strict=False):
        axes.plot(*_split(device.soc), line, color=palette(role), label=device.name)
    axes.axhline(record.floor_soc, color=palette("limit"), linestyle="--", linewidth=1.2, label="empty")
    axes.set_ylim(0, 100)
    axes.set_ylabel("state of charge (%)")
    _time(axes, record)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=6)
    return figure


def _rates(record: Record, palette: Palette) -> Figure:
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    axes = figure.subplots()
    settled = record.settled[0]
    limit = record.minute_limit
    for good, role, label, hatch in (
        (True, "good", f"above {100 * limit:.0f} %", ""),
        (False, "bad", f"{100 * limit:.0f} % or less", "////"),
    ):
        found = [(k, rate) for k, rate in enumerate(settled.rates) if rate is not None and (rate > limit) is good]
        if found:
            times = [_x(record.minute(k)) for k, _ in found]
            axes.bar(
                times, [100 * rate for _, rate in found], width=50 / 86400, align="edge",
                color=palette(role), edgecolor=palette("paper"), linewidth=0, hatch=hatch, label=f"minutes {label}",
            )  # fmt: skip
    axes.axhline(100 * limit, color=palette("limit"), linestyle="--", linewidth=1.3, label="limit of a minute")
    axes.axhline(
        100 * settled.average, color=palette("ink"), linestyle="-.", linewidth=1.2,
        label=f"average, {100 * settled.average:.2f} %",
    )  # fmt: skip
    known = [100 * rate for rate in settled.rates if rate is not None] or [0.0]
    axes.axhline(0, color=palette("ink"), linewidth=0.8)
    axes.set_ylim(min(0.0, *known) * 1.15, 112)
    axes.set_ylabel("execution rate (%)")
    _time(axes, record)
    axes.set_xlim(_x(record.begin), _x(record.over))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4)
    return figure


# --- what they share -------------------------------------------------------------------------------------------------


def _periods(axes: Axes, record: Record, palette: Palette, *, named: bool = True) -> None:
    """Shade the sustained period, and name the periods where there is room."""
    axes.axvspan(_x(record.begin), _x(record.over), color=palette("shade"), linewidth=0, zorder=0)
    axes.grid(True, axis="y")
    axes.set_axisbelow(True)
    if not named:
        return
    edges = [
        (record.dispatch, record.begin, "response"),
        (record.begin, record.over, "sustained period"),
        (record.over, record.end, "recovery"),
    ]
    for first, last, name in edges:
        if (last - first) / (record.end - record.start) > 0.08:
            axes.text(
                _x(first + (last - first) / 2), 0.985, name, transform=axes.get_xaxis_transform(),
                ha="center", va="top", fontsize=8.5, style="italic",
            )  # fmt: skip


def _time(axes: Axes, record: Record, every: int | None = None) -> None:
    span = record.end - record.start
    step = every or (10 if span < timedelta(minutes=110) else 20)
    axes.xaxis.set_major_locator(MinuteLocator(range(0, 60, step), tz=record.zone))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=record.zone))  # type: ignore[no-untyped-call]
    axes.set_xlim(_x(record.start), _x(record.end))


def _flags(lane: Axes, record: Record, palette: Palette) -> None:
    """Put numbered flags above a plot, in a second row where two of them would touch."""
    lane.axis("off")
    lane.set_ylim(-0.6, 1.6)
    least = 0.026 * (record.end - record.start)
    ends = [record.start - least] * 2
    for number, (when, found) in enumerate(moments(record), 1):
        row = 0 if when - ends[0] >= least else 1
        ends[row] = when
        bad = any(mark.sort in (Sort.FAULT, Sort.CONFIRMED, Sort.EMPTY) for mark in found)
        edge = palette("limit" if bad else "ink")
        lane.text(
            _x(when), float(row), str(number), ha="center", va="center", fontsize=8, color=edge,
            bbox={"boxstyle": "circle,pad=0.25", "facecolor": palette("paper"), "edgecolor": edge, "linewidth": 0.9},
        )  # fmt: skip


def _split(series: Series) -> tuple[list[float], list[float]]:
    return [_x(when) for when, _ in series], [figure for _, figure in series]


def _x(when: datetime) -> float:
    """Return a time as a place on the axis."""
    return float(date2num(when))  # type: ignore[no-untyped-call]
