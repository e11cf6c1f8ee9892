"""What a point of a site is, and how it looks on every wire that carries it, both ways: `explain`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import attrs

from ..common.clock import RealClock
from ..common.data.conversion import Coded, Conversion, Field, Linear, Stepped, Whole
from ..common.data.point import Kind, Point, ValueType
from ..common.data.services import CommonService
from ..common.data.services import Services as Offered
from ..common.data.site import Site
from ..common.data.tables import Binding, Service
from ..common.data.value import Scalar
from ..common.errors import ConfigError, TypeConflict, UnknownName
from ..iec61850.access.device import OFFERED as IEC61850
from ..openadr.access.ven import OFFERED as FOLLOWED
from ..openadr.access.vtn import OFFERED as ASKED
from .drivers.openadr import OFFERED as VENS_BELOW
from .drivers.port import Surroundings, find

_SERVICES = {
    Service.READ: (CommonService.READ,),
    Service.REPORT: (CommonService.WATCH,),
    Service.WRITE: (CommonService.WRITE,),
    Service.OPERATE: (CommonService.SELECT, CommonService.OPERATE, CommonService.OPERATE_LATER, CommonService.ABORT),
    Service.SCHEDULE: (CommonService.SCHEDULE,),
}
_REPORTED = {service: ASKED[service].partition(";")[0] for service in (CommonService.READ, CommonService.WATCH)}
_DOES = {
    Kind.MEASUREMENT: "tells it",
    Kind.STATUS: "tells it",
    Kind.SETPOINT: "is told it, and tells what it follows",
    Kind.COMMAND: "is told it",
    Kind.SETTING: "keeps it, and can be told another",
    Kind.SCHEDULE: "keeps it, and can be told another",
}
_SET = {**ASKED, **FOLLOWED}
"""How the utility sets a point, and how the site sees it."""


@attrs.frozen(slots=True)
class Turn:
    """A value and the same on the wire, there and back."""

    value: Scalar
    wire: Scalar
    back: Scalar


@attrs.frozen(slots=True)
class Way:
    """How a point looks on one wire.

    Attributes:
        protocol: `iec61850`, `modbus`, …; for the utility `OpenADR event` and `OpenADR report`.
        direction: who says the value to whom.
        address: the columns of the protocol that are filled in, and where the device is reached.
        wire_type, wire_unit: of the value there.
        formula, inverse: how the value comes from the wire and how it goes there, for people.
        example: None where nothing can be sent, as for limits that leave nothing.
        services: what is offered, and by which service of the protocol.
        where: file and line of the row.
    """

    protocol: str
    direction: str
    address: Mapping[str, str]
    wire_type: str
    wire_unit: str
    formula: str
    inverse: str
    example: Turn | None
    services: Mapping[str, str]
    where: str


@attrs.frozen(slots=True)
class Explanation:
    """A point and all its ways; `device` is empty for a point of the site itself."""

    point: Point
    device: str
    ways: tuple[Way, ...]


def explain(site: Site, name: str) -> Explanation:
    """Return what the point `name` is and how it looks on every wire; raise `UnknownName`, with near ones."""
    if name not in site.points:
        near = get_close_matches(name, site.points, 3, 0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "`janusgrid map show` lists all points"
        raise UnknownName(f"{site.name} has no point {name!r}; {hint}")
    bindings = site.bindings(name)
    own = next((binding.device for binding in bindings if binding.device), "")
    return Explanation(site.points[name], own, tuple(_way(site, binding) for binding in bindings))


def _way(site: Site, binding: Binding) -> Way:
    there = binding.row.conversion
    protocol, direction, offered, reached = _side(site, binding)
    services = {
        service.value: "; ".join(offered[each] for each in _SERVICES[service] if each in offered)
        for service in Service
        if binding.offers(service)
    }
    return Way(
        protocol=protocol,
        direction=direction,
        address={**{column: text for column, text in binding.address.items() if text}, **reached},
        wire_type=there.wire_type.value,
        wire_unit=binding.row.wire_unit.symbol,
        formula=formula(binding),
        inverse=inverse(binding),
        example=_turn(binding),
        services=services,
        where=binding.row.where,
    )


def _side(site: Site, binding: Binding) -> tuple[str, str, Offered, dict[str, str]]:
    if binding in site.ven.signals:
        return "OpenADR event", "the utility sets it, the site follows", _SET, {"VTN": site.ven.vtn}
    if binding in site.ven.reports:
        return "OpenADR report", "the site tells the utility", _REPORTED, {"VTN": site.ven.vtn}
    device = site.device(binding.device)
    reached = {key: device.address[key] for key in ("jid", "host", "port", "url", "ven") if key in device.address}
    offered: Offered = {"iec61850": IEC61850, "openadr": VENS_BELOW}.get(device.driver, {})
    if not offered:
        try:
            offered = find(device.driver).link(device, Surroundings(clock=RealClock())).services
        except ConfigError:
            offered = {}
    return device.driver, f"{device.name} {_DOES[binding.point.kind]}", offered, reached


def formula(binding: Binding) -> str:
    """Return in words and figures how the common value comes from the one on the wire."""
    row, there = binding.row, binding.row.conversion
    inner = there.inner if isinstance(there, Field) else there
    number = f"the value in {row.wire_unit.symbol}" if row.wire_unit.symbol else "the value"
    if isinstance(there, Field):
        shown = f"bit {there.first}" if there.first == there.last else f"bits {there.first}-{there.last}"
        number = f"{shown} of the {there.wire_type.value}"
    if isinstance(inner, Coded):
        return f"{number}: " + _codes(inner.codes) if isinstance(there, Field) else _codes(inner.codes)
    if isinstance(inner, Stepped):
        return _codes({f"{value:g}": code for value, code in inner.codes.items()})
    if not isinstance(inner, Linear | Whole):
        return number if isinstance(there, Field) else "as it is"
    factor, offset = _line(inner)
    shown = number if factor == 1 else f"{number} × {factor:g}"
    shown += f" {'+' if offset > 0 else '-'} {abs(offset):g}" if offset else ""
    return "as it is" if shown == number and not isinstance(there, Field) else shown


def inverse(binding: Binding) -> str:
    """Return in words and figures how the value on the wire comes from the common one."""
    there = binding.row.conversion
    inner = there.inner if isinstance(there, Field) else there
    if isinstance(inner, Coded | Stepped):
        codes = inner.codes if isinstance(inner, Coded) else {f"{value:g}": code for value, code in inner.codes.items()}
        return ", ".join(f"{name} is {code}" for name, code in codes.items())
    if not isinstance(inner, Linear | Whole):
        return "as it is"
    factor, offset = _line(inner)
    number = f"the value in {binding.point.unit.symbol}" if binding.point.unit.symbol else "the value"
    shown = f"({number} {'-' if offset > 0 else '+'} {abs(offset):g})" if offset else number
    if factor != 1:
        shown += f" × {1 / factor:g}"
    rounded = ", rounded" if isinstance(inner, Linear) and inner.step else ""
    return f"{'as it is' if shown == number else shown}{rounded}"


def _line(there: Linear | Whole) -> tuple[float, float]:
    """Return factor and offset of `common = wire * factor + offset`."""
    if isinstance(there, Whole):
        return float(there.sign), float(there.offset)
    return there.numerator / there.denominator, there.offset


def _codes(codes: Mapping[str, int]) -> str:
    return ", ".join(f"{code} is {name}" for name, code in codes.items())


def example(binding: Binding) -> Scalar:
    """Return a value that the point may have."""
    point, there = binding.point, binding.row.conversion
    inner = there.inner if isinstance(there, Field) else there
    if point.type is ValueType.ENUM:
        return point.literals[min(1, len(point.literals) - 1)]
    if point.type is ValueType.BOOL:
        return True
    if point.type is ValueType.TEXT:
        return "text"
    if isinstance(inner, Stepped):
        return max(inner.codes)
    low, high = point.low, point.high
    value = 50.0 if low is None and high is None else _between(low, high)
    return round(value) if point.type is ValueType.INT else value


def _between(low: float | None, high: float | None) -> float:
    if high is None:
        return (low or 0.0) + 50.0
    if low is None:
        return high - 50.0
    return low + 0.75 * (high - low)


def _turn(binding: Binding) -> Turn | None:
    there: Conversion = binding.row.conversion
    value = example(binding)
    for each in (value, _small(there)):
        try:
            wire = there.to_wire(each)
            return Turn(each, wire, there.from_wire(wire))
        except TypeConflict:
            continue
    return None


def _small(there: Conversion) -> Scalar:
    """Return the least but one that the wire can show, for wires that are too narrow for an ordinary example."""
    return there.from_wire(1) if there.wire_type.range is not None and not there.literals else 1
