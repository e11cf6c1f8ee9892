"""The table: which right a service needs, and which roles have it. It is data; what is not in it is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import attrs

from ...common.config import read, together
from ...common.resources import resource
from ...common.security.role import LEAST, Role
from ..acsi.references import FC, Reference
from .asked import ServiceKind

_OURS = "mappings/iec61850/rights.yaml"
_BY_CONSTRAINT = frozenset({ServiceKind.GET_DATA_VALUES, ServiceKind.SET_DATA_VALUES})
NEVER_WRITTEN = frozenset({FC.ST, FC.MX, FC.OR, FC.EX, FC.SR, FC.SG})
"""Constraints under which no client writes, whoever it is: no right can be given for that."""


class Right(StrEnum):
    """What roles are made of (the names are those of IEC 62351-8, second-hand)."""

    VIEW = "VIEW"
    READ = "READ"
    DATASET = "DATASET"
    REPORTING = "REPORTING"
    FILEREAD = "FILEREAD"
    FILEWRITE = "FILEWRITE"
    FILEMNGT = "FILEMNGT"
    CONTROL = "CONTROL"
    CONFIG = "CONFIG"
    SETTINGGROUP = "SETTINGGROUP"
    SECURITY = "SECURITY"


@attrs.frozen(slots=True)
class RoleEntry:
    """A role, as it is written: its number, and its rights."""

    number: int
    rights: tuple[Right, ...]


@attrs.frozen(slots=True)
class ConstraintEntry:
    """What it takes to read and to write under a constraint, as it is written; nobody may where nothing stands."""

    read: Right | None = None
    write: Right | None = None


@attrs.frozen(slots=True)
class Entries:
    """A table of rights, as it is written.

    Attributes:
        roles: by name.
        services: the right that each needs, but for those that read and write.
        constraints: for those.
    """

    roles: dict[str, RoleEntry]
    services: dict[ServiceKind, Right]
    constraints: dict[FC, ConstraintEntry]


@attrs.frozen(slots=True)
class Access:
    """What some roles may do together, worked out once.

    Attributes:
        services: those that they may ask for, but reading and writing.
        readable: constraints; None is among them where a whole logical node may be read, whatever it has.
        writable: constraints.
    """

    services: frozenset[ServiceKind]
    readable: frozenset[FC | None]
    writable: frozenset[FC | None]

    def allows(self, service: ServiceKind, fc: FC | None = None) -> bool:
        """Return whether they may."""
        if service is ServiceKind.GET_DATA_VALUES:
            return fc in self.readable
        if service is ServiceKind.SET_DATA_VALUES:
            return fc in self.writable
        return service in self.services


class Rights:
    """A table of rights. `Rights.load` reads one."""

    def __init__(self, entries: Entries) -> None:
        self.entries = entries
        self._roles: dict[int, frozenset[Right]] = {
            entry.number: frozenset(entry.rights) for entry in entries.roles.values()
        }
        self._made: dict[frozenset[int], Access] = {}

    @classmethod
    def load(cls, path: Path | str | None = None) -> Rights:
        """Return the table in a YAML file, without one ours (`mappings/iec61850/rights.yaml`).

        Raises `ConfigError`, with file, line and column, for a file that is none.
        """
        document = read(resource(_OURS) if path is None else Path(path))
        entries = document.structure(Entries)
        faults = [document.error(reason, *trail) for reason, trail in _faults(entries)]
        if faults:
            raise together(faults)
        return cls(entries)

    def authorize(
        self, roles: Iterable[int], service: ServiceKind, reference: Reference | None = None, fc: FC | None = None
    ) -> bool:
        """Return whether roles, by their numbers, may ask for a service on an object: the one place that decides it.

        The constraint is that of `reference` where `fc` does not say another. A reference without any is a whole
        logical node, which is read by who may read all that a node can have, and written by nobody.
        """
        held = frozenset[Right]().union(*(self._roles.get(role, ()) for role in roles))
        needed = self.needed(service, fc or (reference.fc if reference is not None else None))
        return needed is not None and needed <= held

    def needed(self, service: ServiceKind, fc: FC | None = None) -> frozenset[Right] | None:
        """Return the rights that a service needs; None where nobody may."""
        found: Iterable[Right | None]
        constraints: Mapping[FC, ConstraintEntry] = self.entries.constraints
        nothing = ConstraintEntry()
        if service is ServiceKind.GET_DATA_VALUES:
            found = [constraints.get(each, nothing).read for each in (FC if fc is None else (fc,))]
        elif service is ServiceKind.SET_DATA_VALUES:
            found = [constraints.get(fc, nothing).write if fc is not None else None]
        else:
            found = [self.entries.services.get(service)]
        needed = frozenset(right for right in found if right is not None)
        return None if None in found else needed

    def access(self, roles: Iterable[int]) -> Access:
        """Return what roles may do, as `authorize` says it of each service and constraint."""
        known = frozenset(self._roles.keys() & set(roles))  # so that nobody fills the memory with numbers
        found = self._made.get(known)
        if found is None:
            reading, writing = ServiceKind.GET_DATA_VALUES, ServiceKind.SET_DATA_VALUES
            found = self._made[known] = Access(
                frozenset(kind for kind in ServiceKind if kind not in _BY_CONSTRAINT and self.authorize(known, kind)),
                frozenset(fc for fc in (None, *FC) if self.authorize(known, reading, fc=fc)),
                frozenset(fc for fc in FC if self.authorize(known, writing, fc=fc)),
            )
        return found

    def rows(self) -> list[tuple[str, str, str, dict[str, bool]]]:
        """Return the table for people: a service, the constraints, what that needs, and which role may, by name.

        What is the same for several services, or under several constraints, is one row.
        """
        found: dict[tuple[str, frozenset[Right] | None], list[str]] = {}
        for kind in (kind for kind in ServiceKind if kind not in _BY_CONSTRAINT):
            found.setdefault(("", self.needed(kind)), []).append(kind.value)
        for kind in (ServiceKind.GET_DATA_VALUES, ServiceKind.SET_DATA_VALUES):
            for fc in FC:
                found.setdefault((kind.value, self.needed(kind, fc)), []).append(fc.value)
        return [
            (
                kind or " ".join(names),
                " ".join(names) if kind else "",
                "nobody may" if needed is None else " ".join(sorted(needed)),
                {
                    name: needed is not None and needed <= frozenset(entry.rights)
                    for name, entry in self.entries.roles.items()
                },
            )
            for (kind, needed), names in found.items()
        ]

    def markdown(self) -> str:
        """Return the table as pages show it."""
        names = list(self.entries.roles)
        rows = [f"| service | constraints | needs | {' | '.join(names)} |", f"|---|---|---|{':-:|' * len(names)}"]
        for service, constraints, needs, roles in self.rows():
            marks = " | ".join("x" if may else "" for may in roles.values())
            rows.append(f"| {service} | {constraints} | {needs} | {marks} |")
        return "\n".join(rows)


def _faults(entries: Entries) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Yield what is wrong with a table that is one by its form, and where."""
    seen: dict[int, str] = {}
    for name, entry in entries.roles.items():
        place = ("roles", name, "number")
        number = entry.number
        standard = Role.__members__.get(name.upper())
        if standard is not None and number != standard:
            yield f"{name} is role {standard.value}", place
        elif standard is None and not LEAST <= number < 0:
            yield f"a role of one's own has a number from {LEAST} to -1; others are the standard's", place
        elif number in seen:
            yield f"role {number} is {seen[number]} already", place
        seen.setdefault(number, name)
    for kind in entries.services:
        if kind in _BY_CONSTRAINT:
            yield f"what {kind} needs stands under constraints", ("services", kind.value)
    for fc, needs in entries.constraints.items():
        if needs.write is not None and fc in NEVER_WRITTEN:
            yield f"nobody writes under {fc.value}", ("constraints", fc.value, "write")
