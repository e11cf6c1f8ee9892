"""The generated schemas: what is written is valid, what is not MMS is not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from janusgrid.common.resources import resource
from janusgrid.common.xml import Schema, read
from janusgrid.iec61850.mms import DIALECT_80_3, DIALECTS, Dialect, encode_xer
from lxml import etree

from .strategies import ASCII, XML, Values, samples
from .test_xer import FORMS

SCHEMAS = {name: Schema(resource(f"schemas/iec61850/mms-{name}.xsd")) for name in DIALECTS}
both = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


@both
def test_every_alternative_component_and_absence_is_valid(dialect: Dialect) -> None:
    for value in samples():
        assert SCHEMAS[dialect.name].faults(read(encode_xer(value, dialect))) == ()


@both
@settings(max_examples=200, deadline=None)
@given(value=Values(strings=ASCII, utf8=XML).pdus())
def test_what_is_written_is_valid(value: Any, dialect: Dialect) -> None:
    assert SCHEMAS[dialect.name].faults(read(encode_xer(value, dialect))) == ()


@both
@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"<invokeID>7<", "<invokeID>seven<"),
        (r"<invokeID>7<", "<invokeID>-1<"),
        (r"<invokeID>7</invokeID>", ""),
        (r"(<invokeID>7</invokeID>)", r"\1\1"),
        (r"</read>", "<more/></read>"),
        (r"floating-point>", "float>"),
        (r"42F60000", "42F600"),
        (r"0000000000000", "2000000000000"),
        (r"listOfAccessResult>", "listOfAccessResults>"),
        (r"</structure>", "text</structure>"),
    ],
)
def test_what_is_not_mms_is_not_valid(pattern: str, replacement: str, dialect: Dialect) -> None:
    text = encode_xer(FORMS["read response"][0], dialect)
    changed = re.sub(pattern, replacement, text)
    assert changed != text
    assert SCHEMAS[dialect.name].faults(read(changed))


@both
def test_the_schemas_are_good_in_the_eyes_of_a_second_judge(dialect: Dialect) -> None:
    xmlschema = pytest.importorskip("xmlschema")
    judge = xmlschema.XMLSchema(str(resource(f"schemas/iec61850/mms-{dialect.name}.xsd")))
    for value, *_ in FORMS.values():
        assert judge.is_valid(etree.fromstring(encode_xer(value, dialect)))


def test_the_type_of_the_root_is_that_of_figure_11() -> None:
    """A choice of the 14 PDUs, in order, by their names; figure 11 names their types alike where they have one."""
    schema = etree.parse(str(resource("schemas/iec61850/mms-80-3.xsd"))).getroot()
    xs = {"xs": "http://www.w3.org/2001/XMLSchema"}
    elements = schema.findall("xs:group[@name='MMSpdu']/xs:choice/xs:element", xs)
    assert [e.get("name") for e in elements][:5] == [
        "confirmed-RequestPDU",
        "confirmed-ResponsePDU",
        "confirmed-ErrorPDU",
        "unconfirmed-PDU",
        "rejectPDU",
    ]
    assert len(elements) == 14
    assert elements[0].get("type") == "Confirmed-RequestPDU"
    assert schema.get("targetNamespace") == DIALECT_80_3.namespace


def test_the_provisional_schema_says_that_it_is() -> None:
    assert "PROVISIONAL" in resource("schemas/iec61850/mms-2018.xsd").read_text("utf-8")
