"""How the end of a demonstration is written for people: tables of figures, and whether the acceptance holds."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from ..report.record import Check


def aligned(lines: Iterable[list[str]]) -> Iterable[str]:
    """Yield lines whose cells stand below each other, the first to the left, others to the right."""
    found = list(lines)
    widths = [max(len(line[place]) for line in found) for place in range(len(found[0]))]
    for first, *others in found:
        yield "  ".join(
            [f"{first:<{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))]
        )


def figure(number: float | None) -> str:
    """Return a figure with one decimal, a dash where it is not known."""
    return "-" if number is None else f"{number:.1f}"


def rounded(number: float | None, digits: int = 3) -> float | None:
    """Return a figure for programs; None where it is not known."""
    return None if number is None else round(number, digits)


def acceptance(checks: Iterable[Check]) -> Text:
    """Return each line of the acceptance with what was found, and the verdict."""
    text, failed, count = Text(), [], 0
    for check in checks:
        word, style = ("holds", "green") if check.good else ("does not hold", "bold red")
        text.append(f"{word:14}", style)
        text.append(f"{check.line}: {check.detail}\n")
        count += 1
        if not check.good:
            failed.append(check.line)
    if failed:
        text.append(f"\nfailed: {'; '.join(failed)}", "bold red")
    else:
        text.append(f"\npassed: the acceptance holds, {count} lines", "bold green")
    return text


def acceptance_json(checks: Iterable[Check]) -> list[dict[str, object]]:
    """Return the same for programs."""
    return [{"line": check.line, "holds": check.good, "found": check.detail} for check in checks]
