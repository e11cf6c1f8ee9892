"""Pictures made of characters: a bar for a device, a curve for the import."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from rich.text import Text

EIGHTHS = " ▁▂▃▄▅▆▇█"


def bar(value: float, low: float, high: float, width: int, mark: float | None = None) -> Text:
    """Return `value` as a bar from zero, on a scale from `low` to `high`, with a tick where `mark` lies."""
    span = (high - low) or 1.0

    def cell(number: float) -> int:
        return min(width, max(0, round((number - low) / span * width)))

    zero, end = cell(0.0), cell(value)
    first, last = min(zero, end), max(zero, end)
    tick = None if mark is None else min(width - 1, cell(mark))
    full = ("█", "cyan" if value >= 0 else "magenta")
    cells = [full if first <= i < last else ("·", "bright_black") for i in range(width)]
    if tick is not None:
        cells[tick] = ("┃", "yellow")
    return _joined(cells)


def curve(
    figures: Sequence[float | None], height: int, low: float, high: float, line: float | None = None
) -> list[Text]:
    """Return figures as columns of blocks, top line first; a dotted line at `line`. None leaves a column empty."""
    span = (high - low) or 1.0
    at_line = None if line is None else int((line - low) / span * height)
    rows = []
    for row in reversed(range(height)):
        cells = []
        for figure in figures:
            level = 0.0 if figure is None else (figure - low) / span * height - row
            block = EIGHTHS[min(8, max(0, round(level * 8)))]
            cells.append(("╌", "yellow") if row == at_line and block == " " else (block, "blue"))
        rows.append(_joined(cells))
    return rows


def _joined(cells: Sequence[tuple[str, str]]) -> Text:
    """Return characters with their styles as text, neighbours of one style together: terminals are drawn by these."""
    text = Text()
    for style, run in groupby(cells, key=itemgetter(1)):
        text.append("".join(character for character, _ in run), style)
    return text


def resample(points: Sequence[tuple[float, float]], width: int) -> list[float | None]:
    """Return `width` means of points (place between 0 and 1, figure); None where there is no point."""
    sums, counts = [0.0] * width, [0] * width
    for place, figure in points:
        if 0 <= place <= 1:
            i = min(width - 1, int(place * width))
            sums[i] += figure
            counts[i] += 1
    return [sums[i] / counts[i] if counts[i] else None for i in range(width)]
