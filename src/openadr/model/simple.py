"""The simple types: what a text on the wire means in Python, how it is written, and which values it may take."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

import attrs

from ...common.errors import TypeConflict
from .duration import PATTERN as DURATION_PATTERN
from .duration import Duration

E = TypeVar("E", bound=StrEnum)
_BLANKS = re.compile("[ \t\r\n]+")


@attrs.frozen(eq=False)
class Simple:
    """A simple type of the schema and the Python type that stands for it.

    Attributes:
        name: its name in the schema, `xs:…` for one that XML Schema itself has.
        python: what is said of it in errors: "text", "a whole number".
        parse: value of a text that the schema let pass; raises `ValueError` where Python cannot hold it.
        render: text of a value, not yet escaped.
        accept: the value itself, or what a caller meant by one of another type; raises `TypeConflict`.
        escaped: whether the rendered text may hold characters that XML reserves.
        base, facets: the restriction in the schema: `(facet, value)`.
        list_of: for several values with blanks between, the type of each.
        extension: the type of further values (an extensible enumeration is a union with it).
        content: for a value in an element of its own inside the element (a boxed duration), that element's name.
    """

    name: str
    parse: Callable[[str], Any]
    render: Callable[[Any], str]
    accept: Callable[[Any], Any]
    escaped: bool = False
    base: str | None = None
    facets: tuple[tuple[str, str], ...] = ()
    list_of: str | None = None
    extension: "Simple | None" = None
    content: "tuple[str, Simple] | None" = None
    choices: type[StrEnum] | None = None


BY_PYTHON: dict[type, Simple] = {}
"""The simple type that an annotation means when the declaration names no other."""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeConflict(f"takes text, not {value!r}")


def restricted(name: str, base: str, pattern: str, hint: str) -> Simple:
    """Return a type of text with a pattern; `hint` says in errors what is wanted."""
    wanted, space = re.compile(pattern), _space(base)

    def accept(value: Any) -> str:
        text = space(_text(value))
        if wanted.fullmatch(text):
            return text
        raise TypeConflict(f"takes {hint}, not {value!r}")

    return Simple(name, _space(base), str, accept, True, base, (("pattern", pattern),))


def _collapse(text: str) -> str:
    return _BLANKS.sub(" ", text).strip(" ")


def _space(base: str) -> Callable[[str], str]:
    """Return what a type does to blanks: those of a string are kept, those of a token collapse."""
    return str if base == "xs:string" else _collapse


STRING = Simple("xs:string", str, str, _text, escaped=True)
ANY_URI = Simple("xs:anyURI", _collapse, str, lambda value: _collapse(_text(value)), escaped=True)
ID = Simple("xs:ID", _collapse, str, lambda value: _collapse(_text(value)), escaped=True)
EXTENSION = restricted("ei:EiExtensionTokenType", "xs:token", r"x-\S.*", "text that begins with x-")
RESPONSE_CODE = restricted("ei:ResponseCodeType", "xs:string", "[0-9][0-9][0-9]", "three digits")


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def accept(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise TypeConflict(f"takes a whole number from {low} to {high}, not {value!r}")

    return accept


UNSIGNED_INT = Simple("xs:unsignedInt", int, str, _whole(0, 2**32 - 1))
PERCENT = Simple(
    "ei:ConfidenceType", int, str, _whole(0, 100), base="xs:unsignedInt", facets=(("maxInclusive", "100"),)
)


_NO_NUMBER = {"inf": "INF", "-inf": "-INF", "nan": "NaN"}


def render_float(value: float) -> str:
    """Return the shortest text that reads back as the same number, in the form of XML Schema."""
    text = repr(value)
    return _NO_NUMBER.get(text, text)


def _number(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise TypeConflict(f"takes a number, not {value!r}")


FLOAT = Simple("xs:float", float, render_float, _number)
ACCURACY = attrs.evolve(FLOAT, name="ei:AccuracyType", base="xs:float")


def _doubles(value: Any) -> tuple[float, ...]:
    try:
        return tuple(_number(number) for number in value)
    except TypeError:
        raise TypeConflict(f"takes numbers, not {value!r}") from None


DOUBLE_LIST = Simple(
    "gml:doubleList",
    lambda text: tuple(float(number) for number in text.split()),
    lambda numbers: " ".join(render_float(number) for number in numbers),
    _doubles,
    list_of="xs:double",
)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool | str):
        raise TypeConflict(f"takes a number, not {value!r}")
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise TypeConflict(f"takes a number, not {value!r}") from None
    if not number.is_finite():
        raise TypeConflict(f"takes a finite number, not {value!r}")
    return number


DECIMAL = Simple("xs:decimal", Decimal, lambda number: f"{number:f}", _decimal)


def parse_boolean(text: str) -> bool:
    """Return the value of `true`, `false`, `1` or `0`."""
    return {"true": True, "1": True, "false": False, "0": False}[text.strip()]


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeConflict(f"takes True or False, not {value!r}")


BOOLEAN = Simple("xs:boolean", parse_boolean, lambda value: "true" if value else "false", _boolean)

DATE_TIME_PATTERN = r"(\-|\+)?\d{4}\-\d{2}\-\d{2}T\d{2}:\d{2}:\d{2}(\.\d*)?Z?"


def parse_date_time(text: str) -> datetime:
    """Return an aware time in UTC. OpenADR knows no other zone: a text without Z means the same (rule 1).

    Microseconds are kept, finer digits are cut. 24:00:00 is the midnight that follows.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = _unusual_time(text.strip().rstrip("Z"))
    if time.tzinfo is UTC:
        return time
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _unusual_time(text: str) -> datetime:
    """Return the time that Python does not read itself: blanks around it, a point without digits, 24:00:00."""
    whole, _, fraction = text.partition(".")
    midnight = whole[11:13] == "24"
    if midnight:
        whole = f"{whole[:11]}00{whole[13:]}"
    time = datetime.fromisoformat(whole).replace(microsecond=int(fraction[:6].ljust(6, "0")))
    return time + timedelta(days=1) if midnight else time


def render_date_time(time: datetime) -> str:
    """Return a time of any zone in UTC, with a fraction only where there is one."""
    if time.tzinfo is not UTC:
        time = time.astimezone(UTC)
    fields = (time.year, time.month, time.day, time.hour, time.minute, time.second)
    whole = "%04d-%02d-%02dT%02d:%02d:%02d" % fields  # noqa: UP031  # isoformat takes twice as long
    return f"{whole}.{time.microsecond:06}Z" if time.microsecond else f"{whole}Z"


def _date_time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeConflict(f"takes a datetime, not {value!r}")
    if value.utcoffset() is None:
        raise TypeConflict(f"takes a datetime with a time zone: {value!r} has none")
    return value.astimezone(UTC)


DATE_TIME = Simple(
    "xcal:DateTimeType",
    parse_date_time,
    render_date_time,
    _date_time,
    base="xs:dateTime",
    facets=(("pattern", DATE_TIME_PATTERN),),
)
DURATION_VALUE = Simple(
    "xcal:DurationValueType",
    Duration,
    str,
    Duration.of,
    base="xs:string",
    facets=(("pattern", DURATION_PATTERN),),
)
DURATION = attrs.evolve(
    DURATION_VALUE, name="xcal:DurationPropType", base=None, facets=(), content=("xcal:duration", DURATION_VALUE)
)
"""A duration in a `duration` element of its own: what the schema uses almost everywhere."""


def enumeration(name: str, *, base: str = "xs:token", extensible: bool = False) -> Callable[[type[E]], type[E]]:
    """Declare that a `StrEnum` is the enumeration `name` of the schema."""

    def declare(cls: type[E]) -> type[E]:
        members: dict[str, E] = {member.value: member for member in cls}

        def parse(text: str) -> str:
            found = members.get(text)
            if found is None and base == "xs:token":
                text = _collapse(text)
                found = members.get(text)
            if found is None and not extensible:
                raise ValueError(text)
            return text if found is None else found

        def accept(value: Any) -> str:
            found = members.get(_text(value))
            if found is not None:
                return found
            if extensible and value.startswith("x-"):
                return str(EXTENSION.accept(value))
            known = ", ".join(members) + (" or x-…" if extensible else "")
            raise TypeConflict(f"takes one of {known}, not {value!r}")

        BY_PYTHON[cls] = Simple(
            name,
            parse,
            str,
            accept,
            escaped=extensible,
            base=base,
            extension=EXTENSION if extensible else None,
            choices=cls,
        )
        return cls

    return declare


def token_of(name: str, texts: tuple[str, ...]) -> Simple:
    """Return a type of text that is one of `texts`."""
    known = frozenset(texts)

    def accept(value: Any) -> str:
        if _text(value) in known:
            return str(value)
        raise TypeConflict(f"takes one of {', '.join(texts[:8])}{' …' if texts[8:] else ''}, not {value!r}")

    facets = tuple(("enumeration", text) for text in texts)
    return Simple(name, _collapse, str, accept, base="xs:token", facets=facets)


BY_PYTHON.update(
    {
        str: STRING,
        int: UNSIGNED_INT,
        float: FLOAT,
        bool: BOOLEAN,
        Decimal: DECIMAL,
        datetime: DATE_TIME,
        Duration: DURATION,
    }
)
