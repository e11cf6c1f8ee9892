"""What the official namespace files (NSD, IEC 61850-7-7) say must be there. Read at test time, never shipped."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

import attrs
from lxml import etree

_NS = "{http://www.iec.ch/61850/2016/NSD}"
_DATA = ("IEC_61850-7-2_2007B5", "IEC_61850-7-3_2007B5", "IEC_61850-7-4_2007B5", "IEC_61850-7-420_2019A4")


@attrs.frozen
class Rule:
    """A data object of a logical-node class, or an attribute of a common data class or constructed attribute."""

    name: str
    type: str
    kind: str
    presence: str
    argument: str
    fc: str
    triggers: frozenset[str]
    underlying: str
    deprecated: bool


class Namespaces:
    """7-2, 7-3, 7-4 and 7-420; classes of one namespace inherit from those of another."""

    def __init__(self, directory: Path) -> None:
        roots = [etree.parse(directory / f"{name}.nsd").getroot() for name in _DATA]
        self._cdcs = {(cdc.get("name"), cdc.get("variant")): cdc for root in roots for cdc in root.iter(f"{_NS}CDC")}
        self._constructed = {one.get("name"): one for root in roots for one in root.iter(f"{_NS}ConstructedAttribute")}
        self._enums = {one.get("name"): one for root in roots for one in root.iter(f"{_NS}Enumeration")}
        self._classes: dict[str, etree._Element] = {}
        self.of: dict[str, str] = {}
        """Namespace of each logical-node class; that of 7-4 for one which both have."""
        for root in roots[2:]:
            for one in root.iter(f"{_NS}AbstractLNClass", f"{_NS}LNClass"):
                name = one.get("name", "")
                self._classes.setdefault(name, one)
                self.of.setdefault(
                    name, f"{root.get('id')}:{root.get('version')}{root.get('revision')}{root.get('release')}"
                )

    @cache  # noqa: B019  # lives as long as the tests
    def objects(self, ln_class: str) -> dict[str, Rule]:
        """Return the data objects of a class with those it inherits."""
        element = self._classes[ln_class]
        base = element.get("base")
        found = dict(self.objects(base)) if base else {}
        found |= {rule.name: rule for rule in map(_rule, element.iter(f"{_NS}DataObject"))}
        return found

    @cache  # noqa: B019
    def attributes(self, cdc: str) -> dict[str, Rule]:
        """Return sub data objects and data attributes of a CDC; a setting under FC SP."""
        element = self._cdcs.get((cdc, None))
        if element is None:
            element = self._cdcs[cdc, "SP"]
        parts = element.iter(f"{_NS}SubDataObject", f"{_NS}DataAttribute")
        return {rule.name: rule for rule in map(_rule, parts)}

    @cache  # noqa: B019
    def parts(self, constructed: str) -> dict[str, Rule]:
        """Return the components of a constructed attribute."""
        element = self._constructed[constructed]
        return {rule.name: rule for rule in map(_rule, element.iter(f"{_NS}SubDataAttribute"))}

    @cache  # noqa: B019
    def literals(self, enumeration: str) -> dict[str, int]:
        """Return the literals of an enumeration with those it inherits."""
        element = self._enums[enumeration]
        base = element.get("inheritedFrom")
        found = dict(self.literals(base)) if base else {}
        found |= {one.get("name", ""): int(one.get("literalVal", "")) for one in element.iter(f"{_NS}Literal")}
        return found


def _rule(element: etree._Element) -> Rule:
    get = element.get
    return Rule(
        get("name", ""),
        get("type", ""),
        get("typeKind", "BASIC"),
        get("presCond", "O"),
        get("presCondArgs", ""),
        get("fc", ""),
        frozenset(name for name in ("dchg", "qchg", "dupd") if get(name) == "true"),
        get("underlyingType", ""),
        get("deprecated") == "true",
    )


def faults(present: Collection[str], rules: dict[str, Rule], truths: Collection[str] = ()) -> list[str]:
    """Return how the names that are present break presence conditions; `truths` are conditions of context that hold.

    What is deprecated need not and should not be there. Context: `ln0`, `foreign` (the node is of another namespace
    than its device), `sbo`, `enhanced`, `scaled`.
    Conditions that are prose in the standard (MOcond and the like) are not judged.
    """
    names = {
        re.sub(r"\d+$", "", name) if re.sub(r"\d+$", "", name) in rules and name not in rules else name
        for name in present
    }
    found = [f"{name}: not known" for name in sorted(names) if name not in rules]
    groups: dict[tuple[str, str], set[str]] = {}
    for rule in rules.values():
        here = rule.name in names
        condition, argument = rule.presence, rule.argument
        sibling = argument in names
        must, may = {
            "M": (True, True),
            "Mmulti": (True, True),
            "F": (False, False),
            "na": (False, False),
            "MF": (sibling, sibling),
            "MO": (sibling, True),
            "OM": (not sibling, True),
            "FM": (not sibling, not sibling),
            "OF": (False, sibling),
            "MFscaledAV": ("scaled" in truths, "scaled" in truths),
            "MOln0": ("ln0" in truths, True),
            "MFln0": ("ln0" in truths, "ln0" in truths),
            "MOrootLD": ("ln0" in truths, True),
            "MONamPlt": ("ln0" in truths or "foreign" in truths, True),
            "MOlnNs": ("foreign" in truths, True),
            "MOsbo": ("sbo" in truths, True),
            "MOenhanced": ("enhanced" in truths, True),
        }.get(condition, (False, True))
        if rule.deprecated:
            must = may = False
        if must and not here:
            found.append(f"{rule.name}: missing ({condition} {argument})")
        if here and not may:
            found.append(f"{rule.name}: not allowed ({condition} {argument})")
        if condition in {
            "AtLeastOne",
            "AllOrNonePerGroup",
            "MAllOrNonePerGroup",
            "AllOnlyOneGroup",
            "AllAtLeastOneGroup",
        }:
            groups.setdefault((condition, argument), set()).add(rule.name)
    return found + _group_faults(groups, names)


def _group_faults(groups: dict[tuple[str, str], set[str]], names: set[str]) -> list[str]:
    found = []
    for (condition, number), group in groups.items():
        some, whole = bool(group & names), group <= names
        if condition == "AtLeastOne" and not some:
            found.append(f"one of {sorted(group)} is missing")
        if condition != "AtLeastOne" and some and not whole:
            found.append(f"group {number}: {sorted(group - names)} missing beside {sorted(group & names)}")
    for condition in ("AllOnlyOneGroup", "AllAtLeastOneGroup"):
        complete = [group for (kind, _), group in groups.items() if kind == condition and group & names]
        if any(kind == condition for kind, _ in groups) and not complete:
            found.append(f"{condition}: no group is there")
        if condition == "AllOnlyOneGroup" and len(complete) > 1:
            found.append("AllOnlyOneGroup: more than one group is there")
    return found
