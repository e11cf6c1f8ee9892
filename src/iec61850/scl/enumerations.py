"""EnumTypes against the enumerations of the standards."""

from __future__ import annotations

import re

from ...common.errors import UnknownName
from ...common.xml import Element
from ..model.classes import ClassTables
from . import codes
from .document import Document, quoted

_SHOWN = 6
_ORDINAL = re.compile(r"\+?[0-9]{1,10}")


class EnumCheck:
    """Judges each EnumType once for each enumeration that it stands for."""

    def __init__(self, document: Document, tables: ClassTables) -> None:
        self._document = document
        self._tables = tables
        self._done: set[tuple[Element, str]] = set()

    def judge(self, element: Element | None, name: str) -> None:
        """Note how an EnumType differs from the enumeration `name`; a part is enough, negative ordinals are free."""
        if element is None or not name or (element, name) in self._done:
            return
        self._done.add((element, name))
        try:
            ordinals = self._tables.enumeration(name).ordinals
        except UnknownName:
            return
        literals = {ordinal: literal for literal, ordinal in ordinals.items()}
        wrong, spelled = [], []
        for value in self._document.children(element, "EnumVal"):
            literal, text = value.text or "", value.get("ord", "").strip()
            if not _ORDINAL.fullmatch(text):
                continue  # negative, or SCL213 says so
            ordinal = int(text)
            if ordinals.get(literal, ordinal) != ordinal:
                wrong.append(f"{quoted(literal)} is {ordinals[literal]}, not {ordinal}")
            elif ordinal not in literals:
                wrong.append(f"{ordinal} ({quoted(literal)}) is none")
            elif literals[ordinal] != literal:
                spelled.append(f"{ordinal} is {quoted(literals[ordinal])}, not {quoted(literal)}")
        for code, found in ((codes.WRONG_ORDINAL, wrong), (codes.WRONG_LITERAL, spelled)):
            if found:
                more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
                message = f"EnumType {quoted(element.get('id', ''))} as {name}: {'; '.join(found[:_SHOWN])}{more}"
                self._document.log.add(code, element, message)
