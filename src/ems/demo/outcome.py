"""What came of a reserve case on a wire: for people, for programs, and as the record of a report page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

import attrs
from rich.text import Text

from ..report.record import Check, Record, Series, TablePoint, Track, sentence
from ..report.reserve import marks, parameters, settled
from ..reserve import seen
from ..reserve.cases import ZONE, Case, at
from ..reserve.seen import Happening
from ..reserve.settlement import Settlement
from .lines import acceptance, acceptance_json, aligned, figure, rounded
from .looks import LOOK_S, QUICK_S
from .wires import Wire


@attrs.frozen(slots=True, kw_only=True)
class Row:
    """The site at one instant as the utility was told, in kW; charge in per cent, `rate` of the minute that ends."""

    time: datetime
    published_kw: float | None
    told: Mapping[str, float]
    rate: float | None

    @property
    def clock(self) -> str:
        """Hours and minutes of the local clock."""
        return f"{self.time.astimezone(ZONE):%H:%M}"

    @property
    def off_kw(self) -> float | None:
        """How far the import lies above the published figure; None if there is none, or it was not reported."""
        found = self.told.get("grid_import")
        return None if found is None or self.published_kw is None else found - self.published_kw


@attrs.frozen(slots=True, kw_only=True)
class Outcome:
    """What happened.

    Attributes:
        case, wire, broker: what ran.
        seconds: real ones, of the play itself.
        event_id, opt: the event, and the answer as the VTN received it; None if there was none.
        sent, accepted: set-points.
        device_reports: that came from the devices.
        reports, values: of telemetry, that the VTN received.
        vtn, ems: the judgement of each side; `by_meter` that by the reported import alone.
        rows: every ten minutes of the sustained period.
        happenings: in order of time, with the faults of the plant.
        offline: devices that telemetry told to be out of order, since when.
        wrong_starts: starts that were ordered of units that were out.
        imbalance_kw, lowest_soc: of the plant, in any turn.
        grid, load, pv, generation, tracks: figures over time, by the site; load and PV as the utility was told.
        target_kw: the import aimed at.
        checks: the acceptance of the case.
    """

    case: Case
    wire: Wire
    broker: str
    seconds: float
    event_id: str
    opt: str | None
    sent: int
    accepted: int
    device_reports: int
    reports: int
    values: int
    vtn: Settlement
    ems: Settlement
    by_meter: Settlement
    rows: tuple[Row, ...]
    happenings: tuple[Happening, ...]
    offline: Mapping[str, datetime]
    wrong_starts: tuple[str, ...]
    imbalance_kw: float
    lowest_soc: float
    grid: Series
    load: Series
    pv: Series
    generation: Series
    tracks: tuple[Track, ...]
    target_kw: float
    title: str = ""
    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the acceptance holds."""
        return all(check.good for check in self.checks)

    @property
    def how(self) -> str:
        """On what it ran, in a sentence."""
        return f"{self.wire.words}; OpenADR over XMPP, {self.broker} broker"

    @property
    def started_late(self) -> tuple[str, ...]:
        """Devices that were started after the dispatch."""
        dispatch = at(self.case.dispatch)
        return tuple(each.device for each in self.happenings if each.what == seen.START and each.time > dispatch)

    @property
    def worst_off_kw(self) -> float | None:
        """The largest distance of the import from a published row; None where nothing is published."""
        return max((row.off_kw for row in self.rows if row.off_kw is not None), key=abs, default=None)

    def when(self, what: str, device: str) -> datetime | None:
        """Return when something first happened to a device; None if it did not."""
        return next((each.time for each in self.happenings if (each.what, each.device) == (what, device)), None)

    @staticmethod
    def clock(when: datetime | None) -> str:
        """Return an instant as a local clock shows it."""
        return "not at all" if when is None else f"{when.astimezone(ZONE):%H:%M:%S}"

    # --- for programs -----------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """Return it for programs. Power in kW, charge in per cent, rates as parts of the contract, times in UTC."""
        names = [track.name for track in self.tracks]
        return {
            "scenario": self.case.name,
            "title": self.title,
            "wire": self.wire.value,
            "broker": self.broker,
            "seconds": round(self.seconds, 2),
            "event": {"id": self.event_id, "opt": self.opt},
            "controls": {"sent": self.sent, "accepted": self.accepted},
            "telemetry": {"reports": self.reports, "values": self.values, "device_reports": self.device_reports},
            "table": [_row(row, names) for row in self.rows],
            "worst_difference_kw": rounded(self.worst_off_kw),
            "events": [
                {"time": each.time.isoformat(), "what": each.what, "device": each.device, "note": each.note}
                for each in self.happenings
            ],
            "offline": {device: when.isoformat() for device, when in self.offline.items()},
            "settlement": {
                "vtn": self.vtn.as_json(),
                "ems": self.ems.as_json(),
                "vtn_by_meter": self.by_meter.as_json(),
                "difference": abs(self.vtn.average_rate - self.ems.average_rate),
            },
            "acceptance": acceptance_json(self.checks),
            "parameters": [attrs.asdict(parameter) for parameter in parameters(self.case)],
            "passed": self.passed,
        }

    # --- for people -------------------------------------------------------------------------------------------------

    def text(self) -> Text:
        """Return it as lines for a terminal or a log."""
        text = Text()
        text.append(f"{self.title}\n", "bold")
        text.append(f"{self.how}; {self.seconds:.1f} s\n\n")
        text.append("\n".join(aligned(self._site_lines())) + "\n\n")
        text.append("\n".join(aligned(self._device_lines())) + "\n\n")
        for when, found in groupby(marks(self.happenings, self.case), key=lambda mark: mark.time):
            text.append(f"{self.clock(when)}  {sentence(list(found))}\n")
        text.append("\n" + "\n".join(aligned(self._settlement_lines())) + "\n")
        apart = 100 * abs(self.vtn.average_rate - self.ems.average_rate)
        text.append(
            f"the averages of both are {apart:.6f} percentage points apart; by the reported import alone it is "
        )
        text.append(f"{100 * self.by_meter.average_rate:.2f} %\n\n")
        text.append_text(acceptance(self.checks))
        return text

    def _site_lines(self) -> Iterable[list[str]]:
        yield ["time", "import", "published", "difference", "generation", "PV", "load", "rate"]
        yield ["", "kW", "kW", "kW", "kW", "kW", "kW", "%"]
        for row in self.rows:
            told = (row.told.get(name) for name in ("total_generation", "pv", "load"))
            rate = None if row.rate is None else 100 * row.rate
            figures_ = (row.told.get("grid_import"), row.published_kw, row.off_kw, *told, rate)
            yield [row.clock, *(figure(number) for number in figures_)]

    def _device_lines(self) -> Iterable[list[str]]:
        stores = [track.name for track in self.tracks if track.soc]
        yield ["time", *(track.name for track in self.tracks), *stores]
        yield ["", *("kW" for _ in self.tracks), *("%" for _ in stores)]
        for row in self.rows:
            powers = (row.told.get(f"{track.name}.p") for track in self.tracks)
            charges = (row.told.get(f"{name}.soc") for name in stores)
            yield [row.clock, *(figure(number) for number in (*powers, *charges))]

    def _settlement_lines(self) -> Iterable[list[str]]:
        vtn, ems = self.vtn, self.ems
        yield ["", "VTN", "EMS"]
        yield ["average execution rate", *(f"{100 * s.average_rate:.4f} %" for s in (vtn, ems))]
        yield ["quality index", *(f"{s.index:g}" for s in (vtn, ems))]
        limit, mean = 100 * vtn.service.minute_limit, 100 * vtn.service.average_limit
        yield [f"each minute above {limit:g} %", *("pass" if s.minutes_passed else "fail" for s in (vtn, ems))]
        yield [f"average above {mean:g} %", *("pass" if s.average_passed else "fail" for s in (vtn, ems))]
        yield ["lowest minute", *(f"{100 * s.worst_rate:.2f} %" for s in (vtn, ems))]

    # --- for the page -----------------------------------------------------------------------------------------------

    def record(self) -> Record:
        """Return it as what a report tells."""
        case, event = self.case, self.case.event
        return Record(
            name=case.name,
            title=self.title,
            how=self.how,
            zone=ZONE,
            start=self.grid[0][0],
            end=self.grid[-1][0],
            dispatch=event.issued,
            begin=event.start,
            over=event.end,
            contract_kw=event.reduction_kw,
            baseline_kw=self.vtn.delivery.baseline_kw,
            target_kw=self.target_kw,
            minute_limit=case.service.minute_limit,
            average_limit=case.service.average_limit,
            floor_soc=100 * case.parameters.floor,
            grid=self.grid,
            load=self.load,
            pv=self.pv,
            generation=self.generation,
            devices=self.tracks,
            table=tuple(TablePoint(row.time, row.published_kw, row.told.get("grid_import")) for row in self.rows),
            events=tuple(marks(self.happenings, case)),
            settled=(settled("utility (VTN)", self.vtn), settled("site (EMS)", self.ems)),
            checks=self.checks,
            parameters=parameters(case),
            notes=_NOTES,
        )


_NOTES = (
    f"Devices looked at their machines every {LOOK_S:g} s, and every {QUICK_S:g} s in the minutes after a fault; "
    "storage was set whenever there was something new to see.",
    "The settlement of the utility stands on the telemetry that its VTN received; the published rows are compared with "
    "that telemetry too. The lines of the plots are what the site's application saw and ordered.",
    "Load and sun follow the published table through the instants that it prints, so that rows in which the target was "
    "met agree by construction; what tells are the rows after storage ran empty, the averages, and when what happened.",
)


def _row(row: Row, names: Iterable[str]) -> dict[str, Any]:
    told = row.told
    return {
        "clock": row.clock,
        "grid_kw": rounded(told.get("grid_import")),
        "published_kw": row.published_kw,
        "difference_kw": rounded(row.off_kw),
        "generation_kw": rounded(told.get("total_generation")),
        "pv_kw": rounded(told.get("pv")),
        "load_kw": rounded(told.get("load")),
        "devices_kw": {name: rounded(told.get(f"{name}.p")) for name in names},
        "soc_percent": {name: rounded(told[f"{name}.soc"]) for name in names if f"{name}.soc" in told},
        "rate": rounded(row.rate, 5),
    }
