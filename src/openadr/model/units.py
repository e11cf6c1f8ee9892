"""What is measured or asked for, and in which unit: the members of `emix:itemBase`.

The texts of `item_description` and `item_units` are fixed by the profile ("Wh", never "kWh"): the SI prefix goes into
`si_scale_code`.
"""

from decimal import Decimal

from ...common.currencies import CURRENCIES
from .declare import Choice, Xml, child, fixed, part
from .enumerations import CurrencyItemDescription, SiScaleCode, TemperatureUnit
from .simple import FLOAT, Simple, token_of

CURRENCY_CODE: Simple = token_of("clm:ISO3AlphaCurrencyCodeContentType", CURRENCIES)
REAL_POWER_UNIT: Simple = token_of("power:RealPowerUnitType", ("W", "J/s"))


@part("power:PowerAttributesType")
class PowerAttributes:
    """The grid that a power is measured on: frequency in Hz, voltage in V, alternating or direct current."""

    hertz: Decimal = child("power:hertz")
    voltage: Decimal = child("power:voltage")
    ac: bool = child("power:ac")


@part("power:PowerRealType")
class PowerReal:
    """Real power in W."""

    item_description: str = fixed("power:itemDescription", default="RealPower")
    item_units: str = child("power:itemUnits", REAL_POWER_UNIT, default="W")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)
    power_attributes: PowerAttributes = child("power:powerAttributes")


@part("power:PowerReactiveType")
class PowerReactive:
    """Reactive power in var."""

    item_description: str = fixed("power:itemDescription", default="ReactivePower")
    item_units: str = fixed("power:itemUnits", default="VAR")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)
    power_attributes: PowerAttributes = child("power:powerAttributes")


@part("power:PowerApparentType")
class PowerApparent:
    """Apparent power in VA."""

    item_description: str = fixed("power:itemDescription", default="ApparentPower")
    item_units: str = fixed("power:itemUnits", default="VA")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)
    power_attributes: PowerAttributes = child("power:powerAttributes")


@part("power:EnergyRealType")
class EnergyReal:
    """Real energy in Wh."""

    item_description: str = fixed("power:itemDescription", default="RealEnergy")
    item_units: str = fixed("power:itemUnits", default="Wh")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("power:EnergyReactiveType")
class EnergyReactive:
    """Reactive energy in varh."""

    item_description: str = fixed("power:itemDescription", default="ReactiveEnergy")
    item_units: str = fixed("power:itemUnits", default="VARh")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("power:EnergyApparentType")
class EnergyApparent:
    """Apparent energy in VAh."""

    item_description: str = fixed("power:itemDescription", default="ApparentEnergy")
    item_units: str = fixed("power:itemUnits", default="VAh")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("power:VoltageType")
class Voltage:
    """Voltage in V."""

    item_description: str = fixed("power:itemDescription", default="Voltage")
    item_units: str = fixed("power:itemUnits", default="V")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:CurrentType")
class Current:
    """Current in A."""

    item_description: str = fixed("oadr:itemDescription", default="Current")
    item_units: str = fixed("oadr:itemUnits", default="A")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:FrequencyType")
class Frequency:
    """Frequency in Hz."""

    item_description: str = fixed("oadr:itemDescription", default="Frequency")
    item_units: str = fixed("oadr:itemUnits", default="Hz")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:ThermType")
class Therm:
    """Heat in therms."""

    item_description: str = fixed("oadr:itemDescription", default="Therm")
    item_units: str = fixed("oadr:itemUnits", default="thm")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:temperatureType")
class Temperature:
    """Temperature in degrees Celsius or Fahrenheit."""

    item_description: str = fixed("oadr:itemDescription", default="temperature")
    item_units: TemperatureUnit = child("oadr:itemUnits", default=TemperatureUnit.CELSIUS)
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:pulseCountType")
class PulseCount:
    """Pulses of a meter; `pulse_factor` is kWh per pulse."""

    item_description: str = fixed("oadr:itemDescription", default="pulse count")
    item_units: str = fixed("oadr:itemUnits", default="count")
    pulse_factor: float = child("oadr:pulseFactor", FLOAT)


@part("oadr:currencyType")
class Currency:
    """An amount of money; `item_units` is an ISO 4217 code."""

    item_description: CurrencyItemDescription = child("oadr:itemDescription", default=CurrencyItemDescription.CURRENCY)
    item_units: str = child("oadr:itemUnits", CURRENCY_CODE)
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:currencyType")
class CurrencyPerKw:
    """A price of power, per kW."""

    item_description: CurrencyItemDescription = child(
        "oadr:itemDescription", default=CurrencyItemDescription.CURRENCY_PER_KW
    )
    item_units: str = child("oadr:itemUnits", CURRENCY_CODE)
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:currencyType")
class CurrencyPerKwh:
    """A price of energy, per kWh."""

    item_description: CurrencyItemDescription = child(
        "oadr:itemDescription", default=CurrencyItemDescription.CURRENCY_PER_KWH
    )
    item_units: str = child("oadr:itemUnits", CURRENCY_CODE)
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:currencyType")
class CurrencyPerThm:
    """A price of heat, per therm. The profile has no description of its own for it."""

    item_description: CurrencyItemDescription = child("oadr:itemDescription", default=CurrencyItemDescription.CURRENCY)
    item_units: str = child("oadr:itemUnits", CURRENCY_CODE)
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:BaseUnitType")
class CustomUnit:
    """Any other unit."""

    item_description: str = child("oadr:itemDescription")
    item_units: str = child("oadr:itemUnits")
    si_scale_code: SiScaleCode = child("scale:siScaleCode", default=SiScaleCode.NONE)


@part("oadr:oadrGBItemBase", kw_only=False)
class GbDataDescription:
    """What Green Button data is about: an Atom feed, carried as it is."""

    feed: Xml = child("atom:feed", Xml)


ItemBase = (
    PowerReal
    | PowerReactive
    | PowerApparent
    | EnergyReal
    | EnergyReactive
    | EnergyApparent
    | Voltage
    | Current
    | Frequency
    | Therm
    | Temperature
    | PulseCount
    | Currency
    | CurrencyPerKw
    | CurrencyPerKwh
    | CurrencyPerThm
    | CustomUnit
    | GbDataDescription
)

ITEM_BASE = Choice(
    "emix:itemBase",
    {
        "power:powerReal": PowerReal,
        "power:powerReactive": PowerReactive,
        "power:powerApparent": PowerApparent,
        "power:energyReal": EnergyReal,
        "power:energyReactive": EnergyReactive,
        "power:energyApparent": EnergyApparent,
        "power:voltage": Voltage,
        "oadr:current": Current,
        "oadr:frequency": Frequency,
        "oadr:Therm": Therm,
        "oadr:temperature": Temperature,
        "oadr:pulseCount": PulseCount,
        "oadr:currency": Currency,
        "oadr:currencyPerKW": CurrencyPerKw,
        "oadr:currencyPerKWh": CurrencyPerKwh,
        "oadr:currencyPerThm": CurrencyPerThm,
        "oadr:customUnit": CustomUnit,
        "oadr:oadrGBDataDescription": GbDataDescription,
    },
)
