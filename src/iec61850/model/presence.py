"""Presence conditions of the class tables (IEC 61850-7-2 annex on presence conditions), and what breaks them.

What can be evaluated is: conditions on the parts themselves and on their siblings, on groups of them, and on a context
that the caller knows. The rest depends on prose of the standard or on what a device is able to do; `UNJUDGED` lists it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import attrs

UNJUDGED = frozenset(
    {"MOcond", "MFcond", "OFcond", "MmultiRange", "OmultiRange", "MOdataNs", "MOrms", "MOoperTm", "MORange", "OMSynPh"}
)
"""Conditions that are taken as optional, whatever they say."""

MULTIPLE = frozenset({"Mmulti", "Omulti", "MmultiRange", "OmultiRange", "MmultiF"})
"""Conditions of what can be there several times, told apart by a number after the name."""

CONTEXT = {
    "MOln0": ("ln0", False),
    "MFln0": ("ln0", True),
    "MOlnNs": ("foreign", False),
    "MONamPlt": ("named", False),
    "MOrootLD": ("root", False),
    "MFscaledAV": ("scaled", True),
    "MFscaledMagV": ("scaled_magnitude", True),
    "MFscaledAngV": ("scaled_angle", True),
    "MOctrl": ("control", False),
    "MOsbo": ("select", False),
    "MOsboNormal": ("select_normal", False),
    "MOsboEnhanced": ("select_enhanced", False),
    "MOenhanced": ("enhanced", False),
}
"""Conditions on the context: which fact makes the part mandatory, and whether it is forbidden without it."""

GROUPS = frozenset(
    {
        *("AtLeastOne", "AtMostOne", "AllOrNonePerGroup", "MAllOrNonePerGroup"),
        *("AllOnlyOneGroup", "AllAtLeastOneGroup", "MFsubst"),
    }
)
"""Conditions on several parts together; the argument numbers the group."""

_SIBLING = {"MF": "M F", "MO": "M O", "OM": "O M", "FM": "F M", "OF": "O F", "MmultiF": "M F"}
"""What holds with the sibling, and without it."""


@attrs.frozen(slots=True)
class Presence:
    """A presence condition, e.g. `M`, or `AtLeastOne` with the argument `1`."""

    condition: str
    argument: str = ""
    scope: str = ""
    """The class that numbers the group, for a condition on a group: a class that inherits it numbers its own anew."""

    @classmethod
    def parse(cls, text: str, scope: str = "") -> Presence:
        """Return the condition that `AtLeastOne(1)` spells."""
        condition, _, argument = text.partition("(")
        return cls(condition, argument.removesuffix(")"), scope if condition in GROUPS else "")

    def __str__(self) -> str:
        return f"{self.condition}({self.argument})" if self.argument else self.condition

    @property
    def mandatory(self) -> bool:
        """True if the part is always there."""
        return self.condition in {"M", "Mmulti"}


@attrs.frozen(slots=True)
class Fault:
    """A condition that is broken: `names` are missing (one of them or all, see `any_of`), or should not be there."""

    names: tuple[str, ...]
    presence: Presence
    missing: bool
    any_of: bool = False


def judge(
    rules: Mapping[str, Presence], present: Collection[str], context: Mapping[str, bool], absent: Collection[str] = ()
) -> list[Fault]:
    """Return how the parts that are `present` break the conditions of their class, in the order of the class.

    Args:
        rules: condition of each part of the class.
        present: names of the parts that are there, without the numbers that tell several apart.
        context: facts by the names in `CONTEXT`; a condition on one that is not told is not judged.
        absent: parts that need not be there although their condition asks for them (deprecated ones).
    """
    faults = []
    for name, presence in rules.items():
        verdict = _verdict(presence, present, context)
        if verdict == "M" and name not in present and name not in absent:
            faults.append(Fault((name,), presence, missing=True))
        elif verdict == "F" and name in present:
            faults.append(Fault((name,), presence, missing=False))
    return faults + list(_groups(rules, present))


def _verdict(presence: Presence, present: Collection[str], context: Mapping[str, bool]) -> str:
    """Return `M`, `O` or `F`: whether the part must, can or must not be there."""
    condition = presence.condition
    if condition in {"M", "Mmulti"}:
        return "M"
    if condition in {"F", "na"}:
        return "F"
    if condition in _SIBLING:
        with_it, without = _SIBLING[condition].split()
        return with_it if presence.argument in present else without
    if condition in CONTEXT:
        fact, exclusive = CONTEXT[condition]
        known = context.get(fact)
        return "O" if known is None else "M" if known else "F" if exclusive else "O"
    return "O"


def _groups(rules: Mapping[str, Presence], present: Collection[str]) -> Iterator[Fault]:
    groups: dict[Presence, list[str]] = {}
    for name, presence in rules.items():
        if presence.condition in GROUPS:
            groups.setdefault(presence, []).append(name)
    complete: dict[tuple[str, str], list[Presence]] = {}
    for presence, names in groups.items():
        there = [name for name in names if name in present]
        missing = tuple(name for name in names if name not in present)
        condition = presence.condition
        if condition == "AtLeastOne":
            if not there:
                yield Fault(tuple(names), presence, missing=True, any_of=True)
        elif condition == "AtMostOne":
            if len(there) > 1:
                yield Fault(tuple(there[1:]), presence, missing=False)
        elif there and missing:
            yield Fault(missing, presence, missing=True)
        if condition in {"AllOnlyOneGroup", "AllAtLeastOneGroup"}:
            complete.setdefault((condition, presence.scope), []).extend([presence] if there else [])
    for (condition, scope), found in complete.items():
        if not found:
            alternatives = [one for one in groups if (one.condition, one.scope) == (condition, scope)]
            either = tuple(name for one in alternatives for name in groups[one])
            yield Fault(either, Presence(condition), missing=True, any_of=True)
        elif condition == "AllOnlyOneGroup" and len(found) > 1:
            yield Fault(tuple(groups[found[1]]), found[1], missing=False)
