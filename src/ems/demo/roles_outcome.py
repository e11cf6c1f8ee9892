"""What came of the scenario `roles`: for people, for programs, and as an exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
from rich.text import Text

from ...common.data.site import Device, Site
from ...common.data.value import Scalar
from ...common.xmpp import jid as jids
from ...iec61850.client import Update
from ...openadr.vtn import Sample
from ..bridge import points_by_r_id
from ..delivery import MINUTE, Delivery, Trace
from ..delivery import Sample as Known
from ..events import DispatchEvent
from ..host import METER, VENS
from ..report.record import Check
from .board import Counts
from .lines import acceptance, acceptance_json, aligned, figure, rounded
from .parties import good
from .scenario import ZONE
from .watched import Watched

if TYPE_CHECKING:
    from .roles import RolesPlot

KEPT = 0.95
"""The part of the contract that is kept in every minute, but those of recovery."""
TABLE_EVERY = 5 * MINUTE
AGREE, AGREE_KWH = 0.02, 1.0
"""Energies by the reports of the operator may differ so much from those by telemetry, or by so many kWh."""
NEAR_KW = 5.0
"""The power of a battery may be so far from what it was commanded."""
HOUR = timedelta(hours=1)


@attrs.frozen(slots=True, kw_only=True)
class Row:
    """The site at one instant as the utility was told, in kW; `rate` is of the minute that ends."""

    time: datetime
    import_kw: float | None
    devices: Mapping[str, float | None]
    rate: float | None


@attrs.frozen(slots=True, kw_only=True)
class RolesOutcome:
    """What happened.

    Attributes:
        plot, site, broker: what was played, where.
        seconds: real ones, of the play itself.
        event, opt: what was asked, and the answer as the VTN received it.
        events, unanswered: of the utility and of the EMS as a VTN, and answers that are still owed.
        counts: messages.
        reports: of telemetry, that the VTN received.
        delivery: what follows from that telemetry alone.
        samples, below: every sample that the utility, and the EMS from its homes, received.
        updates, watched: the operator's reports, and what they say.
        operator: full JID of the operator.
        sent, heard: requests and messages on the session of the EMS, by account.
        logins: how often that session was opened.
        checks: the acceptance.
    """

    plot: RolesPlot
    site: Site
    broker: str
    seconds: float
    event: DispatchEvent
    opt: str | None
    events: int
    unanswered: int
    counts: Counts
    reports: int
    delivery: Delivery
    samples: tuple[Sample, ...]
    below: tuple[tuple[str, Sample], ...]
    updates: Mapping[str, Sequence[Update]]
    watched: Watched
    operator: str
    sent: Counter[str]
    heard: Counter[str]
    logins: int
    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the acceptance holds."""
        return all(check.good for check in self.checks)

    @property
    def ders(self) -> tuple[Device, ...]:
        """The devices and homes that give something."""
        return tuple(device for device in self.site.devices if device.name != METER)

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The roles of the EMS, and the accounts towards which it has them."""
        found: dict[str, list[str]] = {
            f"VEN of {jids.bare(self.site.ven.vtn)}": [self.site.ven.vtn],
            "VTN of the homes": [device.jid for device in self.site.devices if device.driver == VENS],
            "IEC 61850 client of the devices": [device.jid for device in self.site.devices if device.driver != VENS],
            f"IEC 61850 server of {jids.bare(self.operator)}": [self.operator],
        }
        return {role: tuple(jids.bare(jids.normal(jid)) for jid in peers) for role, peers in found.items()}

    def traffic(self, peers: Iterable[str]) -> tuple[int, int]:
        """Return the requests and messages to and from these accounts."""
        found = tuple(peers)
        return sum(self.sent[peer] for peer in found), sum(self.heard[peer] for peer in found)

    def recovering(self, minute: datetime) -> bool:
        """Return whether a minute lies in a time in which the contract need not be kept."""
        return minute < self.plot.failure + self.plot.recovery and self.plot.failure < minute + MINUTE

    @property
    def judged(self) -> dict[datetime, float]:
        """The rate of every minute in which the contract has to be kept."""
        minutes = ((self.event.start + n * MINUTE, rate) for n, rate in enumerate(self.delivery.rates))
        return {minute: rate for minute, rate in minutes if not self.recovering(minute)}

    def course(self, point: str) -> Trace:
        """Return what the utility was told of a point, in its unit."""
        rows = points_by_r_id(self.site.ven.reports)
        told = [(s.time, float(rows[s.r_id].from_wire(s.value))) for s in self.samples
                if s.r_id in rows and rows[s.r_id].point.name == point and good(s)]  # fmt: skip
        return Trace(Known(when, kw) for when, kw in sorted(told))

    def energy_kwh(self, device: str, begin: datetime, end: datetime) -> float | None:
        """Return what a device gave in a time, by telemetry."""
        mean = self.course(f"der.{device}.p").mean(begin, end)
        return None if mean is None else mean * ((end - begin) / HOUR)

    def rows(self) -> list[Row]:
        """Return the sustained period every five minutes."""
        traces = {device.name: self.course(f"der.{device.name}.p") for device in (*self.ders, self.site.device(METER))}
        rates, found = self.delivery.rates, []
        for n in range(self.event.duration // TABLE_EVERY + 1):
            when = self.event.start + n * TABLE_EVERY
            minute = n * (TABLE_EVERY // MINUTE) - 1
            powers = {name: trace.at(when) for name, trace in traces.items()}
            rate = rates[minute] if minute >= 0 else None
            found.append(Row(time=when, import_kw=powers.pop(METER), devices=powers, rate=rate))
        return found

    # --- for programs -----------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """Return it for programs. Power in kW, energy in kWh, rates as parts of the contract, times in UTC."""
        delivery = self.delivery
        return {
            "scenario": "roles",
            "broker": self.broker,
            "seconds": round(self.seconds, 2),
            "session": {
                "jid": self.site.jid,
                "logins": self.logins,
                "roles": [
                    {
                        "role": role,
                        "peers": list(peers),
                        "sent": self.traffic(peers)[0],
                        "heard": self.traffic(peers)[1],
                    }
                    for role, peers in self.roles.items()
                ],
            },
            "event": {"id": self.event.id, "opt": self.opt, "events": self.events, "unanswered": self.unanswered},
            "controls": {"sent": self.counts.controls_sent, "accepted": self.counts.controls_accepted},
            "telemetry": {"reports": self.reports, "samples": len(self.samples), "below": len(self.below)},
            "delivery": {
                "contract_kw": delivery.contract_kw,
                "baseline_kw": round(delivery.baseline_kw, 3),
                "average_rate": round(delivery.average_rate, 5),
                "minutes": [rounded(kw) for kw in delivery.minutes],
                "judged_minutes": len(self.judged),
                "lowest_judged_rate": round(min(self.judged.values()), 5),
            },
            "devices": {
                name: {"before_kwh": rounded(before), "after_kwh": rounded(after), "operator_kwh": rounded(seen)}
                for name, before, after, seen in self._given()
            },
            "operator": {
                "jid": self.operator,
                "reports": self.watched.reports,
                "states": {
                    point: [[when.isoformat(), value] for when, value in course]
                    for point, course in self.watched.states.items()
                },
            },
            "acceptance": acceptance_json(self.checks),
            "passed": self.passed,
        }

    # --- for people -------------------------------------------------------------------------------------------------

    def text(self) -> Text:
        """Return it as lines for a terminal or a log."""
        plot, delivery = self.plot, self.delivery
        text = Text()
        text.append("Four roles of one energy-management system\n", "bold")
        text.append(f"OpenADR and IEC 61850 over XMPP, {self.broker} broker; {self.seconds:.1f} s\n\n")
        text.append("\n".join(aligned(self._site_lines())) + "\n\n")
        text.append(f"{_clock(plot.opted)}  {plot.leaves} opts out\n{_clock(plot.failure)}  {plot.fails} breaks down\n")
        text.append(f"{_clock(plot.command)}  the operator charges {plot.charged} by {plot.charge_kw:g} kW\n\n")
        text.append(f"delivered by telemetry: {100 * delivery.average_rate:.2f} % of {delivery.contract_kw:g} kW ")
        text.append(f"below {delivery.baseline_kw:.1f} kW\n\n")
        text.append("\n".join(aligned(self._device_lines())) + "\n\n")
        text.append(f"the operator saw {self.watched.reports} buffered reports, and in them\n")
        for point in self._shown():
            course = ", ".join(f"{_clock(when)} {_word(value)}" for when, value in self.watched.states[point])
            text.append(f"  {point}: {course}\n")
        text.append(f"\n{self.site.jid}, one session, logged in {_times(self.logins)}\n", "bold")
        text.append("\n".join(aligned(self._role_lines())) + "\n\n")
        text.append_text(acceptance(self.checks))
        return text

    def _site_lines(self) -> Iterator[list[str]]:
        yield ["time", "import", *(device.name for device in self.ders), "rate"]
        yield ["", "kW", *("kW" for _ in self.ders), "%"]
        for row in self.rows():
            rate = None if row.rate is None else 100 * row.rate
            yield [_clock(row.time), *(figure(kw) for kw in (row.import_kw, *row.devices.values(), rate))]

    def _given(self) -> Iterator[tuple[str, float | None, float | None, float | None]]:
        begin, end = self.event.start, self.event.end
        for device in self.ders:
            before = self.energy_kwh(device.name, begin, self.plot.failure)
            after = self.energy_kwh(device.name, self.plot.failure, end)
            yield device.name, before, after, self.watched.energy_kwh(f"der.{device.name}.p", begin, end)

    def _device_lines(self) -> Iterator[list[str]]:
        yield ["given", "before it broke", "after", "together", "by the operator's reports"]
        yield ["", "kWh", "kWh", "kWh", "kWh"]
        for name, before, after, seen in self._given():
            both = None if before is None or after is None else before + after
            yield [name, *(figure(kwh) for kwh in (before, after, both, seen))]

    def _shown(self) -> list[str]:
        wanted = (f"der.{self.plot.fails}.state", f"der.{self.plot.leaves}.available", f"der.{self.plot.charged}.state")
        return [point for point in wanted if point in self.watched.states]

    def _role_lines(self) -> Iterator[list[str]]:
        yield ["role", "peers", "sent", "heard"]
        for role, peers in self.roles.items():
            sent, heard = self.traffic(peers)
            yield [role, str(len(peers)), str(sent), str(heard)]


def _clock(when: datetime) -> str:
    return f"{when.astimezone(ZONE):%H:%M:%S}"


def _word(value: Scalar) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


# --- the acceptance ---------------------------------------------------------------------------------------------------


def checks(outcome: RolesOutcome) -> tuple[Check, ...]:
    """Return every line of the acceptance with what was found."""
    return (*_utility(outcome), *_telemetry(outcome), *_operator(outcome), *_session(outcome))


def _utility(outcome: RolesOutcome) -> Iterator[Check]:
    plot, judged = outcome.plot, outcome.judged
    yield Check("the estate opts in", outcome.opt == "optIn", outcome.opt or "no answer")
    found = f"{outcome.events} events, {outcome.unanswered} answers owed"
    yield Check("every event is answered, above and below", outcome.unanswered == 0 and outcome.events >= 3, found)
    worst = min(judged, key=lambda minute: judged[minute])
    recovery = f"{_clock(plot.failure)} to {_clock(plot.failure + plot.recovery)}"
    line = f"every minute at least {100 * KEPT:g} %, but for the recovery from {recovery}"
    yield Check(line, judged[worst] >= KEPT, f"{100 * judged[worst]:.2f} %, at {_clock(worst)}, of {len(judged)}")
    before = outcome.course(f"der.{plot.fails}.p").at(plot.failure) or 0.0
    after = outcome.course(f"der.{plot.fails}.p").at(outcome.event.end)
    known = "not known" if after is None else f"{before:.1f} kW, then {after:.1f} kW"
    yield Check(f"{plot.fails} gives something, then nothing", before > NEAR_KW and after == 0, known)
    left = outcome.course(f"der.{plot.leaves}.p")
    was, is_ = left.at(plot.opted) or 0.0, left.at(outcome.event.end)
    known = "not known" if is_ is None else f"{was:.1f} kW, then {is_:.1f} kW"
    yield Check(f"{plot.leaves} gives something, then nothing", was > NEAR_KW and is_ == 0, known)


def _telemetry(outcome: RolesOutcome) -> Iterator[Check]:
    begin, end = outcome.plot.dispatch, outcome.event.end
    above = _by((sample.r_id, sample.time) for sample in outcome.samples)
    wanted = {row.address["rid"] for row in outcome.site.ven.reports}
    yield _complete(
        "no interval of telemetry missing or doubled, above", above, wanted, outcome.plot.sample, begin, end
    )
    homes = {device.address["ven"] for device in outcome.site.devices if device.driver == VENS}
    below = _by((ven, sample.time) for ven, sample in outcome.below)
    yield _complete("nor below", below, homes, outcome.site.below.every, begin, end)


def _by(found: Iterable[tuple[str, datetime]]) -> dict[str, list[datetime]]:
    times: dict[str, list[datetime]] = {}
    for name, when in sorted(found):
        times.setdefault(name, []).append(when)
    return times


def _complete(
    line: str, times: Mapping[str, list[datetime]], wanted: set[str], every: timedelta, begin: datetime, end: datetime
) -> Check:
    """See that each of those wanted was told of at even distances, from before `begin` to after `end`."""
    gone = sorted(wanted - times.keys())
    bad = [name for name, found in times.items()
           if found[0] > begin or found[-1] < end or any(b - a != every for a, b in pairwise(found))]  # fmt: skip
    count = sum(map(len, times.values()))
    words = ", ".join(gone + bad) or f"{count} intervals of {len(times)}, {every.total_seconds():g} s each"
    return Check(line, not gone and not bad, words)


def _operator(outcome: RolesOutcome) -> Iterator[Check]:
    plot, watched = outcome.plot, outcome.watched
    updates = [update for found in outcome.updates.values() for update in found]
    missed, over = sum(update.missed for update in updates), sum(update.overflow for update in updates)
    buffered = all(update.entry is not None for update in updates)
    twice = sum(len(found) - len({update.entry for update in found}) for found in outcome.updates.values())
    whole = buffered and len(updates) > 100 and not missed and not over and not twice
    found_ = f"{len(updates)} buffered, {missed} lost, {twice} twice, {over} overflows"
    yield Check("every report of the operator's came, once", whole, found_)
    course = [value for _, value in watched.states.get(f"der.{plot.fails}.state", [])]
    states = ["available", "starting", "running", "failed"]
    yield Check(f"it tells how {plot.fails} fared", course[-4:] == states, ", ".join(map(str, course)) or "nothing")
    there = watched.states.get(f"der.{plot.leaves}.available", [])
    left = any(value is False and when >= plot.opted for when, value in there)
    yield Check(f"and that {plot.leaves} left", left, ", ".join(_word(value) for _, value in there) or "nothing")
    apart = [_apart(before, after, seen) for _, before, after, seen in outcome._given()]
    agree = all(each is not None and each <= 1 for each in apart)
    line = f"operator and utility agree on what each gave, within {100 * AGREE:g} % or {AGREE_KWH:g} kWh"
    yield Check(line, agree, ", ".join(outcome.ders[n].name for n, each in enumerate(apart) if each is None or each > 1)
                or f"{len(apart)} of {len(apart)}")  # fmt: skip
    told = outcome.course(f"der.{plot.charged}.p").newest(plot.end)
    seen = next(reversed(watched.power.get(f"der.{plot.charged}.p", [])), None)
    kw = [None if each is None else each.kw for each in (told, seen)]
    near = all(each is not None and abs(each + plot.charge_kw) <= NEAR_KW for each in kw)
    words = f"{figure(kw[0])} kW by telemetry, {figure(kw[1])} kW by report"
    yield Check(f"the operator's command charges {plot.charged} by {plot.charge_kw:g} kW", near, words)


def _apart(before: float | None, after: float | None, seen: float | None) -> float | None:
    """Return how far energies are apart, as a part of what is allowed; None if one is not known."""
    if before is None or after is None or seen is None:
        return None
    return abs(before + after - seen) / max(AGREE_KWH, AGREE * (before + after))


def _session(outcome: RolesOutcome) -> Iterator[Check]:
    peers = {peer for accounts in outcome.roles.values() for peer in accounts}
    silent = sorted(peer for peer in peers if not outcome.sent[peer] + outcome.heard[peer])
    strange = sorted({*outcome.sent, *outcome.heard} - peers)
    good_ = outcome.logins == 1 and not silent and not strange
    found = ", ".join(silent + strange) or f"{len(outcome.roles)} roles, {len(peers)} peers"
    yield Check(f"one session of the EMS, logged in {_times(outcome.logins)}, for all roles", good_, found)
