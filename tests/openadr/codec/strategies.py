"""Any message that the declarations allow, for properties."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from hypothesis import strategies as st
from janusgrid.openadr.model import MESSAGES, Duration, Field, Xml
from janusgrid.openadr.model.declare import DECLARATIONS, Choice
from janusgrid.openadr.model.simple import (
    ACCURACY,
    ANY_URI,
    BOOLEAN,
    DATE_TIME,
    DECIMAL,
    DOUBLE_LIST,
    DURATION,
    DURATION_VALUE,
    FLOAT,
    ID,
    PERCENT,
    RESPONSE_CODE,
    STRING,
    UNSIGNED_INT,
    Simple,
)

XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff", include_characters="\t\n\r"),
    max_size=12,
)
TOKENS = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=8)
FLOATS = st.floats(allow_nan=False)
FEED = Xml(
    '<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:1</id><title>a &amp; b</title>'
    "<updated>2012-10-24T00:00:00Z</updated></feed>"
)
FILLED = Xml('<xcal:components xmlns:xcal="urn:ietf:params:xml:ns:icalendar-2.0"><x>1</x></xcal:components>')


def _duration(sign: str, parts: list[int | None]) -> Duration:
    years, months, days, hours, minutes, seconds = (
        f"{count}{unit}" if count is not None else "" for count, unit in zip(parts, "YMDHMS", strict=True)
    )
    return Duration(f"{sign}P{years}{months}{days}T{hours}{minutes}{seconds}")


DURATIONS = st.builds(
    _duration, st.sampled_from(["", "+", "-"]), st.lists(st.none() | st.integers(0, 99), min_size=6, max_size=6)
) | st.integers(0, 99).map(lambda weeks: Duration(f"{weeks}W"))

SIMPLE: dict[Simple, Callable[[], st.SearchStrategy[Any]]] = {
    STRING: lambda: XML_TEXT,
    ANY_URI: lambda: st.sampled_from(["", "http://utility.example/programme?a=b&c", "urn:x", "MarketContext"]),
    RESPONSE_CODE: lambda: st.integers(0, 999).map(lambda code: f"{code:03}"),
    ID: lambda: st.uuids().map(lambda uuid: f"i{uuid}"),
    UNSIGNED_INT: lambda: st.integers(0, 2**32 - 1),
    PERCENT: lambda: st.integers(0, 100),
    FLOAT: lambda: FLOATS,
    ACCURACY: lambda: FLOATS,
    DOUBLE_LIST: lambda: st.lists(FLOATS, max_size=6).map(tuple),
    BOOLEAN: st.booleans,
    DECIMAL: lambda: st.decimals(-(10**9), 10**9, places=4),
    DATE_TIME: lambda: st.datetimes(timezones=st.just(UTC)),
    DURATION: lambda: DURATIONS,
    DURATION_VALUE: lambda: DURATIONS,
}


def simple(of: Simple) -> st.SearchStrategy[Any]:
    """Return the values of a simple type."""
    if of in SIMPLE:
        return SIMPLE[of]()
    if of.choices is not None:
        members: st.SearchStrategy[Any] = st.sampled_from(list(of.choices))
        return members | TOKENS.map(lambda text: f"x-{text}") if of.extension else members
    return st.sampled_from([text for facet, text in of.facets if facet == "enumeration"])


def content(of: Any) -> st.SearchStrategy[Any]:
    """Return the values of a field's content."""
    if isinstance(of, Simple):
        return simple(of)
    if isinstance(of, Choice):
        return st.one_of([content(member) for member in dict.fromkeys(of.members.values())])
    if of is Xml:
        return st.just(FEED)
    if of is float:
        return FLOATS
    return parts(of)


def field(of: Field) -> st.SearchStrategy[Any]:
    """Return the values of a field."""
    if of.filler:
        return st.none() | st.just(FILLED)
    values = content(of.content)
    if of.repeated is not None:
        values = st.lists(values, min_size=of.least, max_size=of.least + 1).map(tuple)
    return st.none() | values if of.optional else values


def parts(cls: type) -> st.SearchStrategy[Any]:
    """Return the instances of a part."""
    fields = {
        each.name: st.deferred(lambda each=each: field(each)) for each in DECLARATIONS[cls].fields if not each.fixed
    }
    return st.builds(cls, **fields)


def messages(*classes: type) -> st.SearchStrategy[Any]:
    """Return messages, of all classes if none is named."""
    return st.one_of([parts(cls) for cls in classes or MESSAGES])
