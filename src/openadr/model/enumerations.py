"""The enumerations of OpenADR 2.0b. Values are as they stand on the wire; each member equals its text.

An *extensible* enumeration also takes any text that begins with `x-`; such a value is a plain `str`.
"""

from enum import StrEnum

from .simple import enumeration


@enumeration("ei:EventStatusEnumeratedType")
class EventStatus(StrEnum):
    """Where an event stands in its life."""

    NONE = "none"
    FAR = "far"
    NEAR = "near"
    ACTIVE = "active"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@enumeration("ei:OptTypeType")
class OptType(StrEnum):
    """Whether the VEN takes part."""

    OPT_IN = "optIn"
    OPT_OUT = "optOut"


@enumeration("oadr:ResponseRequiredType", base="xs:string")
class ResponseRequired(StrEnum):
    """Whether the VEN answers an event: always, or never (rules 12 and 62)."""

    ALWAYS = "always"
    NEVER = "never"


@enumeration("ei:SignalTypeEnumeratedType")
class SignalType(StrEnum):
    """How the values of a signal are meant. Closed, in spite of the members that begin with `x-`."""

    DELTA = "delta"
    LEVEL = "level"
    MULTIPLIER = "multiplier"
    PRICE = "price"
    PRICE_MULTIPLIER = "priceMultiplier"
    PRICE_RELATIVE = "priceRelative"
    SETPOINT = "setpoint"
    X_LOAD_CONTROL_CAPACITY = "x-loadControlCapacity"
    X_LOAD_CONTROL_LEVEL_OFFSET = "x-loadControlLevelOffset"
    X_LOAD_CONTROL_PERCENT_OFFSET = "x-loadControlPercentOffset"
    X_LOAD_CONTROL_SETPOINT = "x-loadControlSetpoint"


@enumeration("ei:signalNameType", extensible=True)
class SignalName(StrEnum):
    """What a signal is about. Extensible."""

    SIMPLE = "SIMPLE"
    SIMPLE_LOWER_CASE = "simple"
    ELECTRICITY_PRICE = "ELECTRICITY_PRICE"
    ENERGY_PRICE = "ENERGY_PRICE"
    DEMAND_CHARGE = "DEMAND_CHARGE"
    BID_PRICE = "BID_PRICE"
    BID_LOAD = "BID_LOAD"
    BID_ENERGY = "BID_ENERGY"
    CHARGE_STATE = "CHARGE_STATE"
    LOAD_DISPATCH = "LOAD_DISPATCH"
    LOAD_CONTROL = "LOAD_CONTROL"


@enumeration("ei:OptReasonType", extensible=True)
class OptReason(StrEnum):
    """Why a VEN opts in or out. Extensible."""

    ECONOMIC = "economic"
    EMERGENCY = "emergency"
    MUST_RUN = "mustRun"
    NOT_PARTICIPATING = "notParticipating"
    OUTAGE_RUN_STATUS = "outageRunStatus"
    OVERRIDE_STATUS = "overrideStatus"
    PARTICIPATING = "participating"
    X_SCHEDULE = "x-schedule"


@enumeration("ei:reportNameType", extensible=True)
class ReportName(StrEnum):
    """The kind of a report; `METADATA_…` where it is offered. Extensible."""

    METADATA_HISTORY_USAGE = "METADATA_HISTORY_USAGE"
    HISTORY_USAGE = "HISTORY_USAGE"
    METADATA_HISTORY_GREENBUTTON = "METADATA_HISTORY_GREENBUTTON"
    HISTORY_GREENBUTTON = "HISTORY_GREENBUTTON"
    METADATA_TELEMETRY_USAGE = "METADATA_TELEMETRY_USAGE"
    TELEMETRY_USAGE = "TELEMETRY_USAGE"
    METADATA_TELEMETRY_STATUS = "METADATA_TELEMETRY_STATUS"
    TELEMETRY_STATUS = "TELEMETRY_STATUS"


@enumeration("ei:ReportTypeType", extensible=True)
class ReportType(StrEnum):
    """What a data point of a report is. Extensible."""

    READING = "reading"
    USAGE = "usage"
    DEMAND = "demand"
    SET_POINT = "setPoint"
    DELTA_USAGE = "deltaUsage"
    DELTA_SET_POINT = "deltaSetPoint"
    DELTA_DEMAND = "deltaDemand"
    BASELINE = "baseline"
    DEVIATION = "deviation"
    AVG_USAGE = "avgUsage"
    AVG_DEMAND = "avgDemand"
    OPERATING_STATE = "operatingState"
    UP_REGULATION_CAPACITY_AVAILABLE = "upRegulationCapacityAvailable"
    DOWN_REGULATION_CAPACITY_AVAILABLE = "downRegulationCapacityAvailable"
    REGULATION_SETPOINT = "regulationSetpoint"
    STORED_ENERGY = "storedEnergy"
    TARGET_ENERGY_STORAGE = "targetEnergyStorage"
    AVAILABLE_ENERGY_STORAGE = "availableEnergyStorage"
    PRICE = "price"
    LEVEL = "level"
    POWER_FACTOR = "powerFactor"
    PERCENT_USAGE = "percentUsage"
    PERCENT_DEMAND = "percentDemand"
    X_RESOURCE_STATUS = "x-resourceStatus"


@enumeration("ei:ReadingTypeType", extensible=True)
class ReadingType(StrEnum):
    """How a value was obtained. Extensible."""

    DIRECT_READ = "Direct Read"
    NET = "Net"
    ALLOCATED = "Allocated"
    ESTIMATED = "Estimated"
    SUMMED = "Summed"
    DERIVED = "Derived"
    MEAN = "Mean"
    PEAK = "Peak"
    HYBRID = "Hybrid"
    CONTRACT = "Contract"
    PROJECTED = "Projected"
    X_RMS = "x-RMS"
    X_NOT_APPLICABLE = "x-notApplicable"


@enumeration("oadr:oadrDataQualityTypeType", extensible=True)
class DataQuality(StrEnum):
    """How far a value can be trusted. Extensible."""

    NO_VALUE = "No Quality - No Value"
    NO_NEW_VALUE = "No New Value - Previous Value Used"
    BAD_NON_SPECIFIC = "Quality Bad - Non Specific"
    BAD_CONFIGURATION_ERROR = "Quality Bad - Configuration Error"
    BAD_NOT_CONNECTED = "Quality Bad - Not Connected"
    BAD_DEVICE_FAILURE = "Quality Bad - Device Failure"
    BAD_SENSOR_FAILURE = "Quality Bad - Sensor Failure"
    BAD_LAST_KNOWN_VALUE = "Quality Bad - Last Known Value"
    BAD_COMM_FAILURE = "Quality Bad - Comm Failure"
    BAD_OUT_OF_SERVICE = "Quality Bad - Out of Service"
    UNCERTAIN_NON_SPECIFIC = "Quality Uncertain - Non Specific"
    UNCERTAIN_LAST_USABLE_VALUE = "Quality Uncertain - Last Usable Value"
    UNCERTAIN_SENSOR_NOT_ACCURATE = "Quality Uncertain - Sensor Not Accurate"
    UNCERTAIN_EU_UNITS_EXCEEDED = "Quality Uncertain - EU Units Exceeded"
    UNCERTAIN_SUB_NORMAL = "Quality Uncertain - Sub Normal"
    GOOD_NON_SPECIFIC = "Quality Good - Non Specific"
    GOOD_LOCAL_OVERRIDE = "Quality Good - Local Override"
    LIMIT_FIELD_NOT = "Quality Limit - Field/Not"
    LIMIT_FIELD_LOW = "Quality Limit - Field/Low"
    LIMIT_FIELD_HIGH = "Quality Limit - Field/High"
    LIMIT_FIELD_CONSTANT = "Quality Limit - Field/Constant"


@enumeration("oadr:oadrProfileType")
class ProfileName(StrEnum):
    """A version of the OpenADR profile."""

    PROFILE_2_0A = "2.0a"
    PROFILE_2_0B = "2.0b"


@enumeration("ei:schemaVersionType", extensible=True)
class SchemaVersion(StrEnum):
    """The version that a message says it follows. Extensible."""

    PROFILE_2_0A = "2.0a"
    PROFILE_2_0B = "2.0b"


@enumeration("oadr:oadrTransportType")
class TransportName(StrEnum):
    """How messages travel."""

    SIMPLE_HTTP = "simpleHttp"
    XMPP = "xmpp"


@enumeration("oadr:oadrServiceNameType")
class ServiceName(StrEnum):
    """The services, as they are named in registration."""

    EI_EVENT = "EiEvent"
    EI_OPT = "EiOpt"
    EI_REPORT = "EiReport"
    EI_REGISTER_PARTY = "EiRegisterParty"
    OADR_POLL = "OadrPoll"


@enumeration("scale:SiScaleCodeType", base="xs:string")
class SiScaleCode(StrEnum):
    """The SI prefix that multiplies a unit; `micro` is spelt out."""

    PICO = "p"
    NANO = "n"
    MICRO = "micro"
    MILLI = "m"
    CENTI = "c"
    DECI = "d"
    KILO = "k"
    MEGA = "M"
    GIGA = "G"
    TERA = "T"
    NONE = "none"


@enumeration("oadr:temperatureUnitType")
class TemperatureUnit(StrEnum):
    """The unit of a temperature."""

    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


@enumeration("oadr:currencyItemDescriptionType")
class CurrencyItemDescription(StrEnum):
    """What an amount of money is for. `currencyPerThm` has none of its own in the schema: it borrows one of these."""

    CURRENCY = "currency"
    CURRENCY_PER_KW = "currencyPerKW"
    CURRENCY_PER_KWH = "currencyPerKWh"
