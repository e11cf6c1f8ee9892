"""Units as OpenADR's items, and back."""

from __future__ import annotations

import pytest
from janusgrid.common.currencies import CURRENCIES
from janusgrid.common.data.unit import UNITS, convert, unit
from janusgrid.common.errors import LocalError, Malformed
from janusgrid.openadr.items import item, unit_of
from janusgrid.openadr.model import (
    Currency,
    CurrencyPerKw,
    CurrencyPerKwh,
    CurrencyPerThm,
    CustomUnit,
    EnergyReal,
    PowerReal,
    PulseCount,
    SiScaleCode,
    Temperature,
    TemperatureUnit,
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
    for unknown in (PulseCount(pulse_factor=1.0), CustomUnit(item_description="x", item_units="furlong")):
        with pytest.raises(Malformed, match="no unit that is known"):
            unit_of(unknown)
    with pytest.raises(Malformed, match="microfahrenheit is no unit"):
        unit_of(Temperature(item_units=TemperatureUnit.FAHRENHEIT, si_scale_code=SiScaleCode.MICRO))


@pytest.mark.parametrize("scale", SiScaleCode)
def test_every_scale_of_the_profile_is_a_prefix(scale: SiScaleCode) -> None:
    volts = unit_of(Voltage(si_scale_code=scale))
    assert item(volts.symbol) == Voltage(si_scale_code=scale)


@pytest.mark.parametrize("currency", CURRENCIES)
def test_money_goes_there_and_back(currency: str) -> None:
    for per, kind in (("", Currency), ("/kW", CurrencyPerKw), ("/kWh", CurrencyPerKwh), ("/thm", CurrencyPerThm)):
        made = item(f"{currency}{per}")
        assert isinstance(made, kind)
        assert made.item_units == currency
        assert unit_of(made) is unit(f"{currency}{per}")


def test_prices_convert_and_currencies_do_not() -> None:
    assert convert(120.0, unit("EUR/MWh"), unit("EUR/kWh")) == pytest.approx(0.12)
    assert unit_of(CurrencyPerKwh(item_units="USD", si_scale_code=SiScaleCode.CENTI)) is unit("cUSD/kWh")
    assert convert(12.0, unit("cUSD/kWh"), unit("USD/kWh")) == pytest.approx(0.12)
    assert isinstance(item("EUR/MWh"), CustomUnit)
    with pytest.raises(LocalError, match="does not convert"):
        convert(1.0, unit("EUR"), unit("USD"))
    for typo, near in (("EURO/kWh", "EUR/kWh"), ("eur/kWh", "EUR/kWh"), ("kw", "kW"), ("furlong", "known are: W, VA")):
        with pytest.raises(LocalError, match=near):
            unit(typo)
