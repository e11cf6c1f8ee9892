"""OpenADR's words for quality as the quality of a value, and back."""

from __future__ import annotations

from ...common.data.value import GOOD, Detail, Quality, Validity
from ..model import DataQuality

UNKNOWN = Quality(Validity.QUESTIONABLE)
"""What a word of one's own (`x-…`) is taken for."""

_BAD, _DOUBTFUL = Validity.INVALID, Validity.QUESTIONABLE
_MEANING: dict[DataQuality | str, Quality] = {
    DataQuality.NO_VALUE: Quality(_BAD),
    DataQuality.NO_NEW_VALUE: Quality(_DOUBTFUL, Detail.OLD_DATA),
    DataQuality.BAD_NON_SPECIFIC: Quality(_BAD),
    DataQuality.BAD_CONFIGURATION_ERROR: Quality(_BAD, Detail.BAD_REFERENCE),
    DataQuality.BAD_NOT_CONNECTED: Quality(_BAD, Detail.FAILURE),
    DataQuality.BAD_DEVICE_FAILURE: Quality(_BAD, Detail.FAILURE),
    DataQuality.BAD_SENSOR_FAILURE: Quality(_BAD, Detail.FAILURE),
    DataQuality.BAD_LAST_KNOWN_VALUE: Quality(_BAD, Detail.OLD_DATA),
    DataQuality.BAD_COMM_FAILURE: Quality(_BAD, Detail.FAILURE),
    DataQuality.BAD_OUT_OF_SERVICE: Quality(_BAD, Detail.OPERATOR_BLOCKED),
    DataQuality.UNCERTAIN_NON_SPECIFIC: Quality(_DOUBTFUL),
    DataQuality.UNCERTAIN_LAST_USABLE_VALUE: Quality(_DOUBTFUL, Detail.OLD_DATA),
    DataQuality.UNCERTAIN_SENSOR_NOT_ACCURATE: Quality(_DOUBTFUL, Detail.INACCURATE),
    DataQuality.UNCERTAIN_EU_UNITS_EXCEEDED: Quality(_DOUBTFUL, Detail.OUT_OF_RANGE),
    DataQuality.UNCERTAIN_SUB_NORMAL: Quality(_DOUBTFUL),
    DataQuality.GOOD_NON_SPECIFIC: GOOD,
    DataQuality.GOOD_LOCAL_OVERRIDE: Quality(Validity.GOOD, Detail.SUBSTITUTED),
    DataQuality.LIMIT_FIELD_NOT: GOOD,
    DataQuality.LIMIT_FIELD_LOW: Quality(_DOUBTFUL, Detail.OUT_OF_RANGE),
    DataQuality.LIMIT_FIELD_HIGH: Quality(_DOUBTFUL, Detail.OUT_OF_RANGE),
    DataQuality.LIMIT_FIELD_CONSTANT: Quality(_DOUBTFUL, Detail.OLD_DATA),
}


def quality(word: DataQuality | str | None) -> Quality:
    """Return what a word means; no word is good."""
    return GOOD if word is None else _MEANING.get(word, UNKNOWN)


_WORDS = {
    Quality(Validity.GOOD, Detail.SUBSTITUTED): DataQuality.GOOD_LOCAL_OVERRIDE,
    Quality(_DOUBTFUL, Detail.OLD_DATA): DataQuality.UNCERTAIN_LAST_USABLE_VALUE,
    Quality(_DOUBTFUL, Detail.INACCURATE): DataQuality.UNCERTAIN_SENSOR_NOT_ACCURATE,
    Quality(_DOUBTFUL, Detail.OUT_OF_RANGE): DataQuality.UNCERTAIN_EU_UNITS_EXCEEDED,
    Quality(_BAD, Detail.OLD_DATA): DataQuality.BAD_LAST_KNOWN_VALUE,
    Quality(_BAD, Detail.OPERATOR_BLOCKED): DataQuality.BAD_OUT_OF_SERVICE,
    Quality(_BAD, Detail.BAD_REFERENCE): DataQuality.BAD_CONFIGURATION_ERROR,
}
_PLAIN = {
    Validity.GOOD: DataQuality.GOOD_NON_SPECIFIC,
    Validity.QUESTIONABLE: DataQuality.UNCERTAIN_NON_SPECIFIC,
    Validity.INVALID: DataQuality.BAD_NON_SPECIFIC,
}


def word(quality: Quality) -> DataQuality:
    """Return the word for a quality: that which says its details, where there is one, or else its validity alone."""
    return _WORDS.get(quality) or _PLAIN[quality.validity]
