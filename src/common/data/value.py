"""A value as the application sees it: what, how good, when, and where it comes from."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, Flag, auto

import attrs

Scalar = bool | int | float | str
"""What a point can hold. Enumerations are their literal names (`str`); times are ISO 8601 text in UTC."""


class Validity(Enum):
    """How far a value may be trusted (IEC 61850-7-3 clause 6.2, OpenADR oadrDataQuality)."""

    GOOD = "good"
    QUESTIONABLE = "questionable"
    INVALID = "invalid"


class Detail(Flag):
    """Why a value is not good, or what else is to be known about it (IEC 61850-7-3 detailQual and companions)."""

    NONE = 0
    OVERFLOW = auto()
    OUT_OF_RANGE = auto()
    BAD_REFERENCE = auto()
    OSCILLATORY = auto()
    FAILURE = auto()
    OLD_DATA = auto()
    INCONSISTENT = auto()
    INACCURATE = auto()
    SUBSTITUTED = auto()
    TEST = auto()
    OPERATOR_BLOCKED = auto()


@attrs.frozen(slots=True)
class Quality:
    """Validity with its details. `Quality()` is good."""

    validity: Validity = Validity.GOOD
    detail: Detail = Detail.NONE

    @property
    def good(self) -> bool:
        """True if the value may be used as it is."""
        return self.validity is Validity.GOOD


GOOD = Quality()
STALE = Quality(Validity.QUESTIONABLE, Detail.OLD_DATA)
LOST = Quality(Validity.INVALID, Detail.FAILURE)


@attrs.frozen(slots=True)
class Value:
    """A value with its quality, source time and origin.

    Attributes:
        value: in the unit of the point; None only while nothing is known yet (quality is then invalid).
        quality: as the source states it, or as the access layer marks it (stale, lost, substituted).
        time: when the source says the value was true, aware, UTC; None if the source gives no time.
        origin: who says so: a device, a peer, `"local"`; for people and logs, never parsed.
    """

    value: Scalar | None
    quality: Quality = GOOD
    time: datetime | None = None
    origin: str = ""

    @property
    def number(self) -> float:
        """The value as a float; raise TypeError if it is no number."""
        if isinstance(self.value, int | float):
            return float(self.value)
        raise TypeError(f"{self.value!r} is not a number")
