"""Colours and lines of the plots: told apart by people of every colour vision, on white and on dark, and in print.

Pictures are drawn with placeholders, one for each role that a colour plays; `dress` puts in what a stylesheet fills.
The hues are those of Okabe and Ito (2008), darker on white and lighter on dark than they stand there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

ROLES: dict[str, tuple[str, str, str]] = {
    "ink": ("#010203", "#1b1f24", "#e6e8eb"),
    "faint": ("#040506", "#d5d9de", "#3a4048"),
    "paper": ("#070809", "#ffffff", "#14171b"),
    "grid": ("#0a0b01", "#0072b2", "#56b4e9"),
    "load": ("#0a0b02", "#b04a00", "#f0965a"),
    "generation": ("#0a0b03", "#00775a", "#3ecf9f"),
    "pv": ("#0a0b04", "#8a6d00", "#f0d442"),
    "target": ("#0a0b05", "#b0005e", "#ef8fc0"),
    "limit": ("#0a0b06", "#b00020", "#ff8a80"),
    "second": ("#0a0b07", "#7a3b8f", "#cf9fe0"),
    "good": ("#0a0b08", "#0072b2", "#56b4e9"),
    "bad": ("#0a0b09", "#c25700", "#f0965a"),
    "shade": ("#0a0b0a", "#eef2f6", "#1e242b"),
}
"""Name of a role: its placeholder, its colour on white, its colour on dark."""

Palette = Callable[[str], str]
"""Gives the colour of a role."""


def settings(palette: Palette) -> dict[str, Any]:
    """Return what matplotlib is to be set to."""
    ink, paper = palette("ink"), palette("paper")
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "janusgrid",
        "font.family": ["sans-serif"],
        "font.size": 9.5,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.edgecolor": ink,
        "axes.labelcolor": ink,
        "axes.facecolor": paper,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": paper,
        "savefig.facecolor": paper,
        "grid.color": palette("faint"),
        "grid.linewidth": 0.6,
        "text.color": ink,
        "xtick.color": ink,
        "ytick.color": ink,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "lines.solid_capstyle": "butt",
        "path.simplify_threshold": 0.2,
    }


_MARK = re.compile("|".join(mark for mark, _, _ in ROLES.values()), re.IGNORECASE)
_VARIABLES = {mark: f"var(--{name})" for name, (mark, _, _) in ROLES.items()}


def placeholder(role: str) -> str:
    """Return what stands for the colour of a role until `dress` puts in its variable."""
    return ROLES[role][0]


def on_white(role: str) -> str:
    """Return the colour of a role on white paper."""
    return ROLES[role][1]


def dress(svg: str) -> str:
    """Return a picture whose placeholders are the variables of `variables`."""
    return _MARK.sub(lambda found: _VARIABLES[found.group().lower()], svg)


def variables() -> str:
    """Return the CSS that says what the colours are: on white, on dark where the reader prefers that, on paper."""

    def told(place: int) -> str:
        return " ".join(f"--{name}: {colours[place]};" for name, colours in ROLES.items())

    return (
        f":root {{ color-scheme: light dark; {told(1)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {told(2)} }} }}"
    )
