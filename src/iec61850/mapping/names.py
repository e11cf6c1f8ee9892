"""References and the names of MMS: `LD/LN.DO.DA[FC]` is the variable `LN$FC$DO$DA` in the domain `LD`.

An array element (`Har(3)`) is no part of a name: it is reached by alternate access.
"""

from __future__ import annotations

import re

from ...common.errors import Malformed
from ..acsi.references import FC, Reference, subscript
from ..mms import pdu

OF_OBJECTS = frozenset({"DatSet", "LogRef"})
"""Attributes of control blocks whose values are names of data sets and logs."""

_FCS = {fc.value: fc for fc in FC}
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_PART = re.compile(rf"[A-Za-z0-9_]+(\({_NUMBER}(-{_NUMBER})?\))?")
_COMPONENT = re.compile(r"[A-Za-z0-9_]+")
_HIGHEST = 999_999_999
"""Of an index of an array: what a reference has room for."""


def item(reference: Reference) -> str:
    """Return the item identifier of a reference, array elements spelled out (as in the references of a report)."""
    if reference.fc is None:
        return "$".join((reference.node, *reference.path))
    return "$".join((reference.node, reference.fc.value, *reference.path))


def object_name(reference: Reference) -> pdu.ObjectName:
    """Return the name of a variable, or of a list of them for a reference without constraint."""
    if reference.of_association:
        return ("aa-specific", reference.device[1:])
    if reference.of_server:
        return ("vmd-specific", reference.device[1:])
    return ("domain-specific", pdu.DomainSpecific(reference.device, item(reference)))


def of_list(name: pdu.ObjectName) -> Reference | None:
    """Return the reference of a data set from the name of a list; None if no data set is called so."""
    match name:
        case ("domain-specific", found):
            node, _, item = found.item_id.partition("$")
            return Reference(found.domain_id, node, (item,)) if item else None
        case ("aa-specific", item):
            return Reference(f"@{item}")
        case ("vmd-specific", item):
            return Reference(f"/{item}")


def reference(domain: str, item: str) -> Reference | None:
    """Return the reference of a variable; None if the name is not made as the mapping makes them."""
    node, *rest = item.split("$")
    fc = _FCS.get(rest[0]) if rest else None
    if not node or (rest and fc is None) or "" in rest:
        return None
    if "(" in item and not all(map(_PART.fullmatch, rest)):  # one way to write each element, or there are too many
        return None
    return Reference(domain, node, tuple(rest[1:]), fc)


def full_text(reference: Reference) -> str:
    """Return `LD/LN$FC$DO$DA`, as references stand in values."""
    return f"{reference.device}/{item(reference)}"


def from_full_text(text: str) -> Reference:
    """Return the reference of `LD/LN$FC$DO$DA`; raise `Malformed` if it is none."""
    domain, slash, rest = text.partition("/")
    found = reference(domain, rest) if slash else None
    if found is None:
        raise Malformed(f"{text!r} is no reference of a variable")
    return found


def dotted(text: str) -> str:
    """Return a data set's or log's name as the ACSI writes it: `LD/LN$name` is `LD/LN.name`."""
    return text.replace("$", ".")


def dollared(text: str) -> str:
    """Return a data set's or log's name as MMS writes it: `LD/LN.name` is `LD/LN$name`."""
    return text.replace(".", "$")


def variable(reference: Reference) -> pdu.VariableDef:
    """Return how a variable, or a part of an array, is asked for."""
    place = next((place for place, part in enumerate(reference.path) if "(" in part), None)
    if place is None:
        return pdu.VariableDef(("name", object_name(reference)))
    name, _ = subscript(reference.path[place])
    array = Reference(reference.device, reference.node, (*reference.path[:place], name), reference.fc)
    return pdu.VariableDef(("name", object_name(array)), [_access(reference.path[place:])])


def _access(path: tuple[str, ...]) -> pdu.AlternateAccessItem:
    """Return the alternate access for the elements that the first part chooses, and what is below them."""
    steps: list[pdu.AccessSelection] = []
    for part in path:
        name, chosen = subscript(part)
        steps.append(("component", name))
        if chosen is not None:
            low, count = chosen
            steps.append(("indexRange", pdu.IndexRange(low, count)) if count else ("index", low))
    del steps[0]  # the array itself has a name
    last: pdu.AlternateAccessItem = ("unnamed", ("selectAccess", steps[-1]))
    for step in reversed(steps[:-1]):
        last = ("unnamed", ("selectAlternateAccess", pdu.SelectAlternateAccess(step, [last])))
    return last


def from_variable(definition: pdu.VariableDef) -> Reference:
    """Return the reference that a member of a data set stands for; raise `Malformed` if there is none for it."""
    match definition.variable_specification:
        case ("name", ("domain-specific", name)):
            found = reference(name.domain_id, name.item_id)
        case _:
            found = None
    if found is None:
        raise Malformed(f"a variable of an unknown kind: {definition.variable_specification}")
    path = list(found.path)
    for kind, value in _steps(definition.alternate_access or []):
        whole = bool(path) and "(" not in path[-1]  # an element of an array is none
        if kind == "index" and isinstance(value, int) and 0 <= value <= _HIGHEST and whole:
            path[-1] += f"({value})"
        elif kind == "indexRange" and isinstance(value, pdu.IndexRange) and _within(value) and whole:
            path[-1] += f"({value.low_index}-{value.low_index + value.number_of_elements - 1})"
        elif kind == "component" and isinstance(value, str) and _COMPONENT.fullmatch(value):
            path.append(value)
        elif kind != "allElements":
            raise Malformed(f"an alternate access that no reference stands for: {kind} {value}")
    return Reference(found.device, found.node, tuple(path), found.fc)


def _within(chosen: pdu.IndexRange) -> bool:
    low, count = chosen.low_index, chosen.number_of_elements
    return 0 <= low < low + count <= _HIGHEST


def _steps(access: list[pdu.AlternateAccessItem]) -> list[tuple[str, object]]:
    """Return the single path that an alternate access takes; raise `Malformed` if it takes several."""
    found: list[tuple[str, object]] = []
    while access:
        if len(access) > 1:
            raise Malformed("a member with several alternate accesses")
        match access[0]:
            case ("unnamed", selection):
                pass
            case ("named", named):
                selection = named.access
        match selection:
            case ("selectAccess", step):
                found.append(step)
                access = []
            case ("selectAlternateAccess", further):
                found.append(further.access_selection)
                access = further.alternate_access
    return found
