"""Units as OpenADR's items, and back."""

from __future__ import annotations

import pytest
from janusgrid.common.data.unit import UNITS
from janusgrid.common.errors import LocalError, Malformed
from janusgrid.openadr.items import item, unit_of
from janusgrid.openadr.model import (
    CustomUnit,
    EnergyReal,
    PowerReal,
    PulseCount,
    SiScaleCode,
    Temperature,
    Therm,
    Voltage,
)


@pytest.mark.parametrize("symbol", sorted(UNITS))
def test_every_unit_goes_there_and_back(symbol: str) -> None:
    assert unit_of(item(symbol)) is UNITS[symbol]


def test_units_have_the_words_of_the_profile() -> None:
    power, energy, volts = item("kW"), item("MWh"), item("V")
    assert isinstance(power, PowerReal)
    assert (power.item_units, power.si_scale_code) == ("W", SiScaleCode.KILO)
    assert isinstance(energy, EnergyReal)
    assert (energy.item_units, energy.si_scale_code) == ("Wh", SiScaleCode.MEGA)
    assert isinstance(volts, Voltage)
    assert volts.si_scale_code is SiScaleCode.NONE
    assert isinstance(item("degF"), Temperature)
    assert isinstance(item("m/s"), CustomUnit)
    assert item("") is None


def test_what_has_no_unit_here_says_so() -> None:
    with pytest.raises(LocalError, match="kW"):
        item("kw")
    for unknown in (Therm(), PulseCount(pulse_factor=1.0), CustomUnit(item_description="x", item_units="furlong")):
        with pytest.raises(Malformed, match="no unit that is known"):
            unit_of(unknown)
    with pytest.raises(Malformed, match="micro"):
        unit_of(Voltage(si_scale_code=SiScaleCode.MICRO))
