"""The rules that are kept, by role; what each of them asks for is a table of its own (`janusgrid openadr rules`)."""

from __future__ import annotations

from ...common.statement import Table
from ..rules import LIFTED, NOT_PUBLIC, RULES


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    rows = [
        (role, kind, ", ".join(numbers))
        for role in ("VTN", "VEN", "both")
        for kind in dict.fromkeys(str(rule.kind) for rule in RULES)
        if (numbers := _numbers(role, kind))
    ]
    rows.append(("-", "does not hold for 2.0b", ", ".join(map(str, LIFTED))))
    rows.append(("-", "text not public", ", ".join(NOT_PUBLIC)))
    note = "Numbers are those of the profile, their meaning is second-hand."
    return (Table("rules", "Rules by role", ("kept by", "how", "numbers"), tuple(rows), note),)


def _numbers(role: str, kind: str) -> list[str]:
    return [str(each.number) for each in RULES if each.number is not None and (each.kept_by, each.kind) == (role, kind)]
