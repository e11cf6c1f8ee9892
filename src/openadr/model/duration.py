"""Durations as OpenADR writes them: the text is kept, the meaning is at hand."""

import re
from calendar import monthrange
from datetime import datetime, timedelta
from functools import lru_cache

from ...common.errors import LocalError, TypeConflict

PATTERN = r"(\+|\-)?P((\d+Y)?(\d+M)?(\d+D)?T?(\d+H)?(\d+M)?(\d+S)?)|(\d+W)"
"""The lexical form. As the profile's schema has it: weeks stand without P, T may be missing, fractions do not exist."""

_PARTS = re.compile(
    r"(?P<sign>[+-])?P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<days>\d+)D)?T?"
    r"(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?|(?P<weeks>\d+)W"
)
_UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


class Duration:
    """A duration: `Duration("PT1H")`, or `Duration.of(timedelta(hours=1))`.

    Two durations are equal when they mean the same (`PT60M` and `PT1H`); `text` keeps what was written.

    Attributes:
        text: the lexical form.
        months: years and months, in months; their length depends on where they start.
        seconds: all the rest, in seconds.
    """

    __slots__ = ("months", "seconds", "text")
    text: str
    months: int
    seconds: int

    def __new__(cls, text: str) -> "Duration":
        return _parsed(text)

    @classmethod
    def of(cls, value: "timedelta | str | Duration") -> "Duration":
        """Return `value` as a duration.

        Raises:
            TypeConflict: text that is no duration, or a `timedelta` with a fraction of a second.
        """
        if isinstance(value, Duration):
            return value
        if isinstance(value, timedelta):
            return _parsed(_written(value))
        if isinstance(value, str):
            return _parsed(value)
        raise TypeConflict(f"a duration is a timedelta or text such as 'PT1H', not {value!r}")

    @property
    def timedelta(self) -> timedelta:
        """The length; `LocalError` for a duration with years or months, which has none of its own."""
        if self.months:
            raise LocalError(f"{self.text} has months, whose length depends on the start: use after(start)")
        return timedelta(seconds=self.seconds)

    def after(self, start: datetime) -> datetime:
        """Return the time this long after `start`; a day that the month reached does not have becomes its last."""
        if self.months:
            years, month = divmod(start.year * 12 + start.month - 1 + self.months, 12)
            day = min(start.day, monthrange(years, month + 1)[1])
            start = start.replace(year=years, month=month + 1, day=day)
        return start + timedelta(seconds=self.seconds)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a duration does not change")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self.months == other.months and self.seconds == other.seconds

    def __hash__(self) -> int:
        return hash((self.months, self.seconds))

    def __repr__(self) -> str:
        return f"Duration({self.text!r})"

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type["Duration"], tuple[str]]:
        return Duration, (self.text,)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Duration:
    found = _PARTS.fullmatch(text)
    if found is None:
        raise TypeConflict(f"{text[:40]!r} is not a duration: write it as P1DT2H30M or PT15M")
    count = {name: int(digits) for name, digits in found.groupdict().items() if digits and name != "sign"}
    sign = -1 if found["sign"] == "-" else 1
    duration: Duration = object.__new__(Duration)
    put = object.__setattr__
    put(duration, "text", text)
    put(duration, "months", sign * (12 * count.get("years", 0) + count.get("months", 0)))
    put(duration, "seconds", sign * sum(count.get(unit, 0) * seconds for unit, seconds in _UNITS.items()))
    return duration


def _written(length: timedelta) -> str:
    """Return the shortest usual form of a length: days, hours, minutes and seconds that are not zero."""
    if length.microseconds:
        raise TypeConflict(f"{length} has a fraction of a second, which OpenADR cannot carry: round it")
    seconds = length // timedelta(seconds=1)
    minutes, s = divmod(abs(seconds), 60)
    hours, m = divmod(minutes, 60)
    d, h = divmod(hours, 24)
    time = "".join(f"{count}{unit}" for count, unit in ((h, "H"), (m, "M"), (s, "S")) if count)
    text = (f"{d}D" if d else "") + (f"T{time}" if time else "")
    return ("-" if seconds < 0 else "") + "P" + (text or "T0S")
