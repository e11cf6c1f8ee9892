"""Just enough of the namespace files of IEC 61850 (7-7 NSD) to check names against them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
from janusgrid.common.xml import Element, read_file

NS = "{http://www.iec.ch/61850/2016/NSD}"
FILES = ("IEC_61850-7-3_2007B5.nsd", "IEC_61850-7-4_2007B5.nsd", "IEC_61850-7-420_2019A4.nsd")


@attrs.frozen
class DataObject:
    """Class, enumeration and standing of one data object of a logical node."""

    cdc: str
    enumeration: str | None
    deprecated: bool


class Namespaces:
    """The logical nodes, data classes and enumerations of 7-3, 7-4 and 7-420."""

    def __init__(self, folder: Path) -> None:
        roots = [read_file(folder / name) for name in FILES]
        nodes = (c for r in roots for c in r.iter(f"{NS}AbstractLNClass", f"{NS}LNClass"))
        classes = (c for r in roots for c in r.iter(f"{NS}CDC"))
        self._nodes = {c.get("name"): c for c in nodes if not c.get("isExtension")}
        self._classes = {c.get("name"): c for c in classes if c.get("variant") in {None, "SP"}}
        self._enumerations = {e.get("name"): e for r in roots for e in r.iter(f"{NS}Enumeration")}

    def data_object(self, node: str, name: str) -> DataObject | None:
        """Return a data object of a logical-node class, its own or an inherited one."""
        for found in self._chain(node):
            for item in found.iter(f"{NS}DataObject"):
                if item.get("name") == name:
                    return DataObject(
                        item.get("type") or "", item.get("underlyingType"), item.get("deprecated") == "true"
                    )
        return None

    def constraint(self, cdc: str, attribute: str) -> str | None:
        """Return the functional constraint of an attribute of a common data class; None if it has no such one."""
        for item in self._classes[cdc].iter(f"{NS}DataAttribute"):
            if item.get("name") == attribute:
                return item.get("fc")
        return None

    def codes(self, enumeration: str) -> dict[int, str]:
        """Return the literals of an enumeration by code."""
        literals = self._enumerations[enumeration].iter(f"{NS}Literal")
        return {int(item.get("literalVal") or 0): item.get("name") or "" for item in literals}

    def __contains__(self, node: str) -> bool:
        return node in self._nodes

    def _chain(self, node: str | None) -> Iterator[Element]:
        while node is not None:
            found = self._nodes[node]
            yield found
            node = found.get("base")
