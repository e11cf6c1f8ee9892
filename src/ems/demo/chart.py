"""Pictures made of characters: a bar for a device, a curve for the import."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

EIGHTHS = " ▁▂▃▄▅▆▇█"


def bar(value: float, low: float, high: float, width: int, mark: float | None = None) -> Text:
    """Return `value` as a bar from zero, on a scale from `low` to `high`, with a tick where `mark` lies."""
    span = (high - low) or 1.0

    def cell(number: float) -> int:
        return min(width, max(0, round((number - low) / span * width)))

    zero, end = cell(0.0), cell(value)
    first, last = min(zero, end), max(zero, end)
    text = Text()
    for i in range(width):
        if mark is not None and i == min(width - 1, cell(mark)):
            text.append("┃", "yellow")
        elif first <= i < last:
            text.append("█", "cyan" if value >= 0 else "magenta")
        else:
            text.append("·", "bright_black")
    return text


def curve(
    figures: Sequence[float | None], height: int, low: float, high: float, line: float | None = None
) -> list[Text]:
    """Return figures as columns of blocks, top line first; a dotted line at `line`. None leaves a column empty."""
    span = (high - low) or 1.0
    at_line = None if line is None else int((line - low) / span * height)
    rows = []
    for row in reversed(range(height)):
        text = Text()
        for figure in figures:
            level = 0.0 if figure is None else (figure - low) / span * height - row
            block = EIGHTHS[min(8, max(0, round(level * 8)))]
            dotted = row == at_line and block == " "
            text.append("╌" if dotted else block, "yellow" if dotted else "blue")
        rows.append(text)
    return rows


def resample(points: Sequence[tuple[float, float]], width: int) -> list[float | None]:
    """Return `width` means of points (place between 0 and 1, figure); None where there is no point."""
    sums, counts = [0.0] * width, [0] * width
    for place, figure in points:
        if 0 <= place <= 1:
            i = min(width - 1, int(place * width))
            sums[i] += figure
            counts[i] += 1
    return [sums[i] / counts[i] if counts[i] else None for i in range(width)]
