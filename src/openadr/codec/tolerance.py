"""Documents that are against the schema in ways that are known and plain: what may be read all the same, on request.

Strict is the rule. A tolerant reading first puts right what has a name here, says so, and holds the rest to the schema.
Where a message is signed, put right what was verified, not what is to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import attrs

from ...common.xml import Element, place
from ..model.names import prefixed, qualified
from .reading import path


@attrs.frozen(slots=True)
class Deviation:
    """A deviation that was put right: its name in `DEVIATIONS`, what it was, where it stood."""

    name: str
    reason: str
    path: str
    where: str


_DURATION = qualified("xcal:duration")
_BOXED = tuple(
    qualified(name)
    for name in (
        "xcal:granularity", "ei:reportBackDuration", "ei:x-eiNotification", "ei:x-eiRampUp", "ei:x-eiRecovery",
        "oadr:oadrRequestedOadrPollFreq",
    )
)  # fmt: skip
_OPTIONS = tuple(
    qualified(name)
    for name in (
        "ei:priority", "ei:modificationReason", "ei:modificationDateTime", "ei:currentValue", "ei:testEvent",
        "xcal:tolerance",
    )
)  # fmt: skip
_INTERVAL, _START = qualified("ei:interval"), qualified("xcal:dtstart")
_UNITS = qualified("power:itemUnits")
_SCALE = qualified("scale:siScaleCode")
_DATE_TIME = (
    qualified("xcal:date-time"), qualified("ei:createdDateTime"), qualified("ei:modificationDateTime"),
)  # fmt: skip


def _text_duration(element: Element) -> str | None:
    """A duration stands as text, where the final schema wants it in an element of its own."""
    if element.tag not in _BOXED or len(element) or not (element.text or "").strip():
        return None
    inner = element.makeelement(_DURATION)
    inner.text, element.text = (element.text or "").strip(), None
    element.append(inner)
    return f"{prefixed(element.tag)} is text, not xcal:duration"


def _scaled_unit(element: Element) -> str | None:
    """A unit has the prefix kilo or mega in its name, which belongs into siScaleCode."""
    unit, scale = (element.text or "").strip(), element.getnext()
    if element.tag != _UNITS or unit[:1] not in ("k", "M") or unit[1:] not in ("W", "Wh", "VA", "VAh", "VAR", "VARh"):
        return None
    if scale is None or scale.tag != _SCALE or scale.text != "none":
        return None  # k and a prefix besides: which is meant cannot be told
    element.text, scale.text = unit[1:], unit[0]
    return f"itemUnits {unit} has its prefix in it"


def _empty_option(element: Element) -> str | None:
    """An element that may be left out stands there empty."""
    parent = element.getparent()
    optional = element.tag in _OPTIONS or (element.tag == _START and parent is not None and parent.tag == _INTERVAL)
    if parent is None or not optional or not _is_empty(element):
        return None
    parent.remove(element)
    return f"{prefixed(element.tag)} is empty"


def _zero_offset(element: Element) -> str | None:
    """A time in UTC has +00:00 instead of Z."""
    text = (element.text or "").strip()
    if element.tag not in _DATE_TIME or not text.endswith(("+00:00", "-00:00")):
        return None
    element.text = text[:-6] + "Z"
    return f"{text[:40]} is UTC, but not with Z"


def _is_empty(element: Element) -> bool:
    return not (element.text or "").strip() and all(_is_empty(each) for each in element)


DEVIATIONS: Mapping[str, Callable[[Element], str | None]] = {
    "text-duration": _text_duration,
    "scaled-unit": _scaled_unit,
    "empty-option": _empty_option,
    "zero-offset": _zero_offset,
}
"""By name, what puts right an element that deviates so and says what it was; None for one that does not.

text-duration stands in four samples that were published with the profile; scaled-unit and empty-option in what public
implementations send.
"""


def put_right(root: Element) -> tuple[Deviation, ...]:
    """Put right what deviates in a document, and return what that was, in its order."""
    return tuple(_found(root))


def _found(root: Element) -> Iterator[Deviation]:
    for element in list(root.iter()):
        at, where = path(element), place(element)
        for name, mend in DEVIATIONS.items():
            if (reason := mend(element)) is not None:
                yield Deviation(name, reason, at, where)
