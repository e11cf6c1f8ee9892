"""The `Val` elements of a template or an instance: a value, and the values of setting groups."""

from __future__ import annotations

import attrs

from ...common.xml import Element
from ..acsi.types import BasicType, DataValue
from ..model.nodes import EnumType
from . import codes
from .document import Document, quoted
from .values import BadValue, parse


@attrs.frozen(slots=True, eq=False)
class Given:
    """What a DA, BDA or DAI gives as its value: one for all, and those of setting groups by their number."""

    value: DataValue = None
    groups: dict[int, DataValue] | None = None


NOTHING = Given()


def read_vals(document: Document, element: Element, basic: BasicType | None, enum: EnumType | None) -> Given:
    """Return the values that an element gives; a wrong one is noted and not set."""
    value: DataValue = None
    groups: dict[int, DataValue] = {}
    for val in document.children(element, "Val"):
        name = f"{document.kind(element)} {element.get('name')}"
        if basic is None:
            document.log.add(codes.WRONG_PART, val, f"{name} is a structure and has no value of its own: not set")
            break
        text = val.text or ""
        try:
            parsed, remark = parse(text, basic, enum)
        except BadValue as error:
            document.log.add(codes.BAD_VALUE, val, f"{name}: {quoted(text)} {error}: not set")
            continue
        if remark:
            document.log.add(codes.LOOSE_VALUE, val, f"{name}: {quoted(text)}: {remark}")
        if val.get("sGroup") is not None:
            groups[document.number(val, "sGroup")] = parsed
        elif value is None:
            value = parsed
    return Given(value, groups or None) if value is not None or groups else NOTHING
