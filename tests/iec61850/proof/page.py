"""The result of a test run as a page, and what a run leaves unproven."""

from __future__ import annotations

from collections.abc import Iterator

from janusgrid.iec61850.conformance import sides
from janusgrid.iec61850.conformance.services import (
    CLIENT,
    NOT_APPLICABLE,
    NOT_CARRIED,
    ROLES,
    SERVICES,
    Service,
    applicable,
    service,
)

from tests.iec61850.proof.results import BESIDE, WIRES, Results, Wire, fingerprint

_NONE = """:::{warning}
No test run has left a result here, so that nothing is proven on this page. `make test` fills it.
:::
"""
_STALE = """:::{warning}
These figures are of other sources than this documentation: something in `src` or `tests` has changed since the run.
`make test` brings them up to date.
:::
"""
_PART = """:::{warning}
These figures are of a selection of tests. `make test` runs all.
:::
"""
_FAILED = """:::{warning}
%d tests failed in this run. What they would have shown is not counted.
:::
"""


def missing(results: Results) -> list[str]:
    """Return what a whole run had to prove and has not: each as a sentence."""
    found = []
    for wire in WIRES:
        if wire.needed and not results.ran(wire.key):
            found.append(f"nothing was run on: {wire.key}")
        elif wire.own and results.ran(wire.key):
            found += (f"{wire.key}: {gap}" for role in ROLES for gap in _gaps(results, wire, role))
    return [*found, *_gaps_of(results, service(sides.TIME), BESIDE, CLIENT)]


def _gaps(results: Results, wire: Wire, role: str) -> Iterator[str]:
    announced = sides.services(role)
    for one in SERVICES:
        if one.name in announced and applicable(one.name, wire.mapping):
            yield from _gaps_of(results, one, wire.key, role)


def _gaps_of(results: Results, one: Service, wire: str, role: str) -> Iterator[str]:
    for positive in (True,) if one.unrefused else (True, False):
        if not results.cells[one.name, role, wire, positive]:
            how = "well" if positive else "with an error"
            yield f"{one.name} as {role} was announced, but never answered {how}"


# --- the page ---------------------------------------------------------------------------------------------------------


def page(results: Results | None) -> str:
    """Return the proof in MyST, with warnings where it is not of this state of the sources."""
    if results is None:
        return _NONE
    parts = []
    if results.sources != fingerprint():
        parts.append(_STALE)
    if not results.whole:
        parts.append(_PART)
    if results.failed:
        parts.append(_FAILED % results.failed)
    parts.append(f"Run finished {results.finished}: {results.passed} tests passed, {results.skipped} skipped.\n")
    for wire in WIRES:
        if not results.ran(wire.key):
            parts.append(f"Nothing was run on **{wire.title}**: it was not selected, or what it needs was not there.\n")
    notes: list[str] = []
    for role in ROLES:
        parts.append(f"## As {role}\n\n{_table(results, role, notes)}\n")
    parts += (f"{number}. {note}\n" for number, note in enumerate(notes, 1))
    parts.append("## Not carried\n\n" + "".join(f"{what}\n: {why}\n\n" for what, why in NOT_CARRIED.items()))
    return "\n".join(parts)


def _table(results: Results, role: str, notes: list[str]) -> str:
    wires = [wire for wire in WIRES if results.ran(wire.key)]
    lines = [
        f"| class | service | {' | '.join(wire.title for wire in wires)} |",
        f"|---|---|{'---|' * len(wires)}",
    ]
    announced, before = sides.services(role), ""
    for one in SERVICES:
        cells = [_cell(results, one, wire, role, announced, notes) for wire in wires]
        lines.append(f"| {one.model if one.model != before else ''} | {one.name} | {' | '.join(cells)} |")
        before = one.model
    return "\n".join(lines) + "\n"


def _cell(results: Results, one: Service, wire: Wire, role: str, announced: frozenset[str], notes: list[str]) -> str:
    well, badly = (results.cells[one.name, role, wire.key, positive] for positive in (True, False))
    if well or badly:
        return f"{well}+ {badly}−" if badly or not one.unrefused else f"{well}+"
    reason = NOT_APPLICABLE.get((one.name, wire.mapping))
    if reason is not None:
        reason += f": {results.cells[one.name, CLIENT, BESIDE, True]} tests, for clients and servers alike."
        if reason not in notes:
            notes.append(reason)
        return f"not applicable ({notes.index(reason) + 1})"
    if one.name not in announced:
        return "not announced"
    return "**not proven**" if wire.own else "·"
