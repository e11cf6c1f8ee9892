"""The end of a demonstration: what happened, for people, for programs, and as an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..delivery import Delivery

LIMIT = 0.95
"""The part of the contract that has to be delivered on average over the sustained period."""
_BARS = " ▁▂▃▄▅▆▇█"


@attrs.frozen(slots=True, kw_only=True)
class Summary:
    """What happened.

    Attributes:
        broker: the XMPP server that it ran on.
        event_id, opt: the event and the site's answer as the VTN received it; None if there was none.
        sent, accepted: set-points sent to devices, and those that they accepted.
        reports, points: telemetry that the VTN received; `latest`, the last value of each point.
        delivery: what follows from that telemetry alone.
    """

    broker: str
    event_id: str
    opt: str | None
    sent: int
    accepted: int
    reports: int
    points: int
    latest: Mapping[str, float]
    delivery: Delivery

    @property
    def passed(self) -> bool:
        """Whether the contract was delivered, as the VTN sees it."""
        return self.delivery.fulfilled(LIMIT)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs. Power in kW; `minutes` is the delivered power of each minute, null if unknown."""
        return {
            "broker": self.broker,
            "event": {"id": self.event_id, "opt": self.opt},
            "controls": {"sent": self.sent, "accepted": self.accepted},
            "telemetry": {
                "reports": self.reports,
                "points": self.points,
                "latest": {point: round(value, 3) for point, value in sorted(self.latest.items())},
            },
            "delivery": {
                "contract_kw": self.delivery.contract_kw,
                "baseline_kw": round(self.delivery.baseline_kw, 3),
                "average_rate": round(self.delivery.average_rate, 5),
                "minutes": [None if kw is None else round(kw, 3) for kw in self.delivery.minutes],
            },
            "passed": self.passed,
        }

    def render(self) -> RenderableType:
        """Return it for people."""
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_row("event", f"{self.event_id}, answered {self.opt or 'not at all'}")
        table.add_row("controls", f"{self.sent} set-points sent, {self.accepted} accepted")
        table.add_row("telemetry", f"{self.reports} reports with {self.points} values reached the VTN")
        table.add_row("contract", f"{self.delivery.contract_kw:.0f} kW below {self.delivery.baseline_kw:.1f} kW")
        table.add_row("minutes", _bars(self.delivery))
        table.add_row("delivered", f"{_kw(self.delivery)}, {100 * self.delivery.average_rate:.1f} % of the contract")
        verdict = (
            Text(f"passed: at least {100 * LIMIT:.0f} % by the telemetry that the VTN received", "bold green")
            if self.passed
            else Text(f"failed: below {100 * LIMIT:.0f} % by the telemetry that the VTN received", "bold red")
        )
        return Group(table, verdict)


def _kw(delivery: Delivery) -> str:
    known = [kw for kw in delivery.minutes if kw is not None]
    if not known:
        return "nothing known"
    return f"{sum(known) / len(known):.1f} kW (worst minute {min(known):.1f}, best {max(known):.1f})"


def _bars(delivery: Delivery) -> Text:
    """Return one bar for each minute, red where it lies below the limit or is unknown."""
    text = Text()
    for kw, rate in zip(delivery.minutes, delivery.rates, strict=True):
        bar = "?" if kw is None else _BARS[min(8, max(1, round(rate * 8)))]
        text.append(bar, "green" if rate >= LIMIT else "red")
    return text
