"""The two payloads that IEC TR 61850-80-3 prints in figure 10: the only XER of MMS from a standard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from janusgrid.common.resources import resource
from janusgrid.common.xml import Schema, read
from janusgrid.iec61850.mms import DIALECT_80_3, MMSpdu, decode_ber, decode_xer, encode_ber, encode_xer
from janusgrid.iec61850.mms.pdu_generated import (
    ConfirmedRequestPDU,
    ConfirmedResponsePDU,
    DomainSpecific,
    ReadRequest,
    ReadResponse,
    VariableDef,
)
from lxml import etree

Rows = list[tuple[str, str]]


@pytest.fixture(scope="module")
def payloads(shared: Path) -> tuple[str, str]:
    """Request and response as printed, the layout of the text taken out."""
    (report,) = (shared / "seeds").glob("001_*.txt")
    figure = next(line for line in report.read_text("utf-8").splitlines() if line.startswith("<pre> <MMSpdu>"))
    request, response = re.findall(r"<pre> (<MMSpdu>.*?</MMSpdu>) </pre>", figure)
    return request, response


def request(item: str) -> MMSpdu:
    variable = VariableDef(("name", ("domain-specific", DomainSpecific("IEDNameLDInst", item))))
    return ("confirmed-RequestPDU", ConfirmedRequestPDU(13, ("read", ReadRequest(("listOfVariable", [variable])))))


RESPONSE: MMSpdu = (
    "confirmed-ResponsePDU",
    ConfirmedResponsePDU(13, ("read", ReadResponse([("success", ("integer", 1))]))),
)


def rows(text: str) -> Rows:
    """Return the elements of a document in order, without namespaces."""
    return [(etree.QName(e).localname, (e.text or "").strip()) for e in read(text).iter()]


def test_the_request_comes_back_element_for_element(payloads: tuple[str, str]) -> None:
    printed = payloads[0]
    decoded = decode_xer(read(printed))
    assert decoded == request(r"LN0\$ST\$Beh\$stVal")  # the backslashes are in the text, so they are in the value
    assert rows(encode_xer(decoded)) == rows(printed)
    assert decode_ber(encode_ber(decoded)) == decoded


def test_without_the_slip_of_the_text_it_is_the_reference_meant(payloads: tuple[str, str]) -> None:
    meant = payloads[0].replace("\\$", "$")
    assert decode_xer(read(meant)) == request("LN0$ST$Beh$stVal")
    assert rows(encode_xer(request("LN0$ST$Beh$stVal"))) == rows(meant)


def test_the_response_comes_back_without_its_leading_zero(payloads: tuple[str, str]) -> None:
    printed = payloads[1]
    assert "<integer>01</integer>" in printed
    decoded = decode_xer(read(printed))
    assert decoded == RESPONSE
    assert rows(encode_xer(decoded)) == rows(printed.replace(">01<", ">1<"))
    assert decode_ber(encode_ber(decoded)) == decoded


@pytest.mark.parametrize("index", [0, 1])
def test_both_are_valid_in_the_namespace_of_the_report(payloads: tuple[str, str], index: int) -> None:
    schema = Schema(resource("schemas/iec61850/mms-80-3.xsd"))
    printed = payloads[index].replace("<MMSpdu>", f'<MMSpdu xmlns="{DIALECT_80_3.namespace}">', 1)
    assert schema.faults(read(printed)) == ()
    assert decode_xer(read(printed)) == decode_xer(read(payloads[index]))
    assert schema.faults(read(printed.replace("invokeID", "invokeId")))
