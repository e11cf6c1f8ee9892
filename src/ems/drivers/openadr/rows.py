"""The rows of a VEN's table: what it reports, what events set, and what the VTN knows of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import attrs

from ....common.data.point import Point
from ....common.data.tables import Binding
from ....common.data.unit import Unit, convert
from ....common.data.value import Quality, Scalar, Validity, Value
from ....common.errors import ConfigError, JanusGridError
from ....openadr.access.quality import quality
from ....openadr.items import unit_of
from ....openadr.model import SignalType
from ....openadr.vtn import Sample, Ven

log = logging.getLogger(__name__)

ABOUT = ("availability",)
"""What may stand in the column `about`."""
_UNFIT = Quality(Validity.INVALID)


@attrs.frozen(slots=True)
class Signal:
    """What events set, and the row that says so."""

    binding: Binding
    name: str
    type: SignalType

    @property
    def unit(self) -> str:
        """The symbol of its unit on the wire."""
        return self.binding.row.wire_unit.symbol

    def common(self, wire: float) -> Scalar:
        """Return the value of the point for one on the wire."""
        return from_number(self.binding, wire)


@attrs.define(slots=True, eq=False)
class Rows:
    """A table, bound to one VEN.

    Attributes:
        points: by name.
        reported: rows by the rID that brings their value.
        signals: what sets a point, by its name.
        about: the points that tell whether the VEN is available.
    """

    points: dict[str, Point] = attrs.Factory(dict)
    reported: dict[str, Binding] = attrs.Factory(dict)
    signals: dict[str, Signal] = attrs.Factory(dict)
    about: list[str] = attrs.Factory(list)
    _units: dict[str, Unit | None] = attrs.Factory(dict)

    @classmethod
    def of(cls, bindings: Iterable[Binding]) -> Rows:
        """Return the rows; raise `ConfigError` at one that says nothing, or two things."""
        made = cls()
        for binding in bindings:
            made._take(binding)
        return made

    def _take(self, binding: Binding) -> None:
        address, name = binding.address, binding.point.name
        said = [column for column in ("rid", "signal", "about") if address.get(column)]
        if len(said) != 1:
            raise ConfigError("a row of a VEN has one of rid, signal and about", where=binding.row.where)
        self.points[name] = binding.point
        if said[0] == "rid":
            self.reported[address["rid"]] = binding
        elif said[0] == "signal":
            self.signals[name] = Signal(binding, address["signal"], _type(binding))
        elif address["about"] in ABOUT:
            self.about.append(name)
        else:
            reason = f"about: {address['about']!r} is not known; there is {', '.join(ABOUT)}"
            raise ConfigError(reason, where=binding.row.where)

    def value(self, ven: Ven, sample: Sample) -> tuple[str, Value] | None:
        """Return the point that a sample is of, and its value in the unit of the table; None if no row wants it."""
        binding = self.reported.get(sample.r_id)
        return None if binding is None else (binding.point.name, self._value(ven, binding, sample))

    def _value(self, ven: Ven, binding: Binding, sample: Sample) -> Value:
        if not isinstance(sample.value, int | float):
            return Value(None, _UNFIT, sample.time)
        try:
            given = self._unit(ven, sample.r_id)
            wire = float(sample.value) if given is None else convert(float(sample.value), given, binding.row.wire_unit)
            return Value(from_number(binding, wire), quality(sample.quality), sample.time)
        except JanusGridError as error:
            log.warning("%s: %s of %s: %s", binding.point.name, sample.r_id, ven.ven_name, error)
            return Value(None, _UNFIT, sample.time)

    def _unit(self, ven: Ven, r_id: str) -> Unit | None:
        """Return the unit in which the VEN offers a value; None where it names none: then it is that of the table."""
        if r_id not in self._units:
            offered = (each for report in ven.offers.values() for each in report.descriptions if each.r_id == r_id)
            found = next((each.item_base for each in offered), None)
            self._units[r_id] = None if found is None else unit_of(found)
        return self._units[r_id]

    def forget_offers(self) -> None:
        """Ask anew in which units the VEN reports."""
        self._units.clear()


def from_number(binding: Binding, wire: float) -> Scalar:
    """Return the value of a point for a number on the wire, where OpenADR has no other values."""
    whole = binding.row.conversion.wire_type.range is not None
    return binding.from_wire(round(wire) if whole else wire)


def _type(binding: Binding) -> SignalType:
    text = binding.address.get("signal_type", "")
    try:
        return SignalType(text)
    except ValueError:
        words = ", ".join(each.value for each in SignalType)
        raise ConfigError(f"signal_type: {text!r} is not known; there is {words}", where=binding.row.where) from None
