"""The model implementation statement (MICS): which classes are known, and what a model is checked for."""

from __future__ import annotations

from ..model.classes import FILES, ClassTables, class_tables, first_edition
from ..model.presence import CONTEXT, GROUPS, UNJUDGED
from .table import Table, yes


def tables() -> tuple[Table, ...]:
    """Return the tables of the statement."""
    return namespaces(), nodes(), data(), presence()


def namespaces() -> Table:
    """Return the namespaces whose classes are known, with how many of each kind."""
    known, first = class_tables(), first_edition()
    rows = []
    for tables, files in ((known, FILES), (first, tuple(first.namespaces))):
        for name in files:
            space = tables.namespaces[name]
            nodes = sum(tables.ln_class(one).namespace == space for one in tables.ln_classes())
            cdcs = sum(tables.cdc(one).namespace == space for one in tables.cdcs())
            rows.append((name, space, str(nodes), str(cdcs)))
    total = f"{len(known.ln_classes())} logical-node classes, {len(known.cdcs())} common data classes, "
    note = total + f"{len(known.enumerations())} enumerations; the first edition of 7-420 (second-hand) kept apart."
    columns = ("table", "namespace", "logical-node classes", "common data classes")
    return Table("namespaces", "Namespaces", columns, tuple(rows), note)


def nodes() -> Table:
    """Return the names of the logical-node classes, by namespace."""
    rows = [*_names(class_tables()), *_names(first_edition())]
    note = "Any of them can be served, read from SCL and built in code; so can classes of other namespaces, unchecked."
    return Table("nodes", "Logical-node classes", ("namespace", "classes"), tuple(rows), note)


def _names(tables: ClassTables) -> list[tuple[str, str]]:
    by_space: dict[str, list[str]] = {}
    for name in tables.ln_classes():
        by_space.setdefault(tables.ln_class(name).namespace, []).append(name)
    return [(space, ", ".join(sorted(names))) for space, names in by_space.items()]


def data() -> Table:
    """Return the common data classes: whether they are controllable, and under which constraints settings can be."""
    tables = class_tables()
    rows = []
    for name in sorted(tables.cdcs()):
        found = tables.cdc(name)
        rows.append(
            (name, yes(found.control is not None), ", ".join(tables.service_parts(name)), str(len(found.parts)))
        )
    columns = ("class", "controllable", "parts that 8-1 adds", "attributes and sub data objects")
    return Table("data", "Common data classes", columns, tuple(rows))


def presence() -> Table:
    """Return which presence conditions the check of a model judges (`janusgrid scl check`)."""
    tables = class_tables()
    used = {rule.presence.condition for name in tables.ln_classes() for rule in tables.ln_class(name).objects.values()}
    used |= {part.presence.condition for name in tables.cdcs() for part in tables.cdc(name).parts.values()}
    rows = tuple(
        (kind, ", ".join(sorted(names & used)))
        for kind, names in (
            ("judged, by the part itself and its siblings", used - UNJUDGED - GROUPS - CONTEXT.keys()),
            ("judged, by groups of parts", GROUPS),
            ("judged, by node, device and control model", frozenset(CONTEXT)),
            ("not judged, taken as optional", UNJUDGED),
        )
    )
    return Table("presence", "Presence conditions", ("judgement", "conditions in use"), rows)
