"""Where something of a message stands in its document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...common.xml import Element
from ..model import DECLARATIONS, Choice, Field
from ..model.names import qualified

_COVERS = (qualified("oadr:oadrPayload"), qualified("oadr:oadrSignedObject"))


def uncovered(root: Element) -> Element:
    """Return the element of the message itself, which may stand in an `oadrPayload` and an `oadrSignedObject`."""
    while root.tag in _COVERS and len(root):
        root = root[-1]
    return root


def locate(element: Element, part: Any, trail: Sequence[str | int]) -> Element:
    """Return the element of what stands at `trail` in a message that was read from `element`.

    The trail names fields, and positions in those that repeat; where it cannot be followed any more, what was reached
    is returned.
    """
    steps = list(trail)
    while steps and type(part) in DECLARATIONS:
        name = steps.pop(0)
        field = next((each for each in DECLARATIONS[type(part)].fields if each.name == name), None)
        if field is None:
            break
        value = getattr(part, field.name)
        position = steps.pop(0) if field.repeated is not None and steps else 0
        if not isinstance(position, int) or value is None:
            break
        found = _step(element, field, position)
        if found is None:
            break
        element, part = found, value[position] if field.repeated is not None else value
    return element


def _step(element: Element, field: Field, position: int) -> Element | None:
    """Return the element of a field; the one at `position` where it repeats."""
    if isinstance(field.content, Choice) and not field.path:
        names = {qualified(path.split("/")[0]) for path in field.content.members}
        among = [each for each in element if each.tag in names]
        return among[position] if position < len(among) else None
    for number, step in enumerate(field.path):
        among = [each for each in element if each.tag == qualified(step)]
        index = position if number == field.repeated else 0
        if index >= len(among):
            return None
        element = among[index]
    return element
