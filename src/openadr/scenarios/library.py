"""Every scenario that there is, and how some of them are chosen."""

from __future__ import annotations

from collections.abc import Iterable

from ...common.errors import UnknownName
from .of_ven import events as ven_events
from .of_ven import general as ven_general
from .of_ven import opt as ven_opt
from .of_ven import registration as ven_registration
from .of_ven import reports as ven_reports
from .of_vtn import events as vtn_events
from .of_vtn import general as vtn_general
from .of_vtn import opt as vtn_opt
from .of_vtn import registration as vtn_registration
from .of_vtn import reports as vtn_reports
from .steps import GROUPS, Scenario, Subject
from .ways import Way

SCENARIOS: tuple[Scenario, ...] = (
    *vtn_registration.REGISTRATION,
    *vtn_events.EVENTS,
    *vtn_opt.OPTS,
    *vtn_reports.REPORTS,
    *vtn_general.GENERAL,
    *ven_registration.REGISTRATION,
    *ven_events.EVENTS,
    *ven_opt.OPTS,
    *ven_reports.REPORTS,
    *ven_general.GENERAL,
)
"""In the order in which they are played."""


def choose(subject: Subject, way: Way, only: Iterable[str] = ()) -> tuple[Scenario, ...]:
    """Return the scenarios for a role on a way: all, or those of these groups and IDs.

    Raises `UnknownName` for what is neither a group nor the ID of a scenario for this role.
    """
    names = tuple(only)
    there = [scenario for scenario in SCENARIOS if scenario.subject == subject]
    known = {*GROUPS, *(scenario.id for scenario in there)}
    for name in names:
        if name not in known:
            raise UnknownName(f"no group or scenario of that name: groups are {', '.join(GROUPS)}", where=name)
    wanted = (each for each in there if not names or each.id in names or each.group in names)
    return tuple(scenario for scenario in wanted if way in scenario.ways)


def table(subject: Subject) -> str:
    """Return the scenarios for a role as a Markdown table."""
    rows = [
        f"| {each.id} | {each.title} | {', '.join(way for way in Way if way in each.ways)} "
        f"| {', '.join(map(str, each.rules))} | {', '.join(sorted(each.needs))} |"
        for each in SCENARIOS
        if each.subject == subject
    ]
    return "\n".join(["| scenario | what it is about | ways | rules | needs |", "|---" * 5 + "|", *rows])
