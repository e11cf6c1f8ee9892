"""XER: how each dialect looks, that values survive it, and what is refused and where."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import attrs
import pytest
from hypothesis import assume, given, settings
from janusgrid.common.errors import UnknownName
from janusgrid.iec61850.mms import (
    DIALECT_80_3,
    DIALECT_2018,
    DIALECTS,
    Dialect,
    Limits,
    MmsDecodeError,
    MmsEncodeError,
    MMSpdu,
    decode_xer,
    dialect_named,
    encode_xer,
    pdu,
)
from lxml import etree

from .strategies import LATIN, XML, Values, samples

both = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
POWER: pdu.ObjectName = ("domain-specific", pdu.DomainSpecific("PV1LD0", "MMXU1$MX$TotW"))
NAME = "<domain-specific><domainId>PV1LD0</domainId><itemId>MMXU1$MX$TotW</itemId></domain-specific>"
VARIABLES: pdu.VariableAccessSpecification = ("listOfVariable", [pdu.VariableDef(("name", POWER))])
LIST = (
    "<listOfVariable><SEQUENCE><variableSpecification><name>"
    f"{NAME}</name></variableSpecification></SEQUENCE></listOfVariable>"
)


def request(*service: Any) -> MMSpdu:
    return ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(7, service))


def response(*service: Any) -> MMSpdu:
    return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(7, service))


# The form of each service: the value, what the report's dialect makes of it, and what that of 2018 does.
FORMS: dict[str, tuple[MMSpdu, str, str]] = {
    "read request": (
        request("read", pdu.ReadRequest(VARIABLES)),
        f"<read><variableAccessSpecificatn>{LIST}</variableAccessSpecificatn></read>",
        '<read specificationWithResult="false">'
        f"<variableAccessSpecification>{LIST}</variableAccessSpecification></read>",
    ),
    "read response": (
        response(
            "read",
            pdu.ReadResponse(
                [
                    (
                        "success",
                        ("structure", [("floating-point", bytes.fromhex("0842F60000")), ("bit-string", (0, 13))]),
                    ),
                    ("failure", pdu.DataAccessError.OBJECT_NON_EXISTENT),
                ]
            ),
        ),
        "<read><listOfAccessResult><success><structure><floating-point>0842F60000</floating-point>"
        "<bit-string>0000000000000</bit-string></structure></success><failure>10</failure></listOfAccessResult></read>",
        "<read><listOfAccessResult><AccessResult><success><structure>"
        "<Data><floating-point>42F60000</floating-point></Data><Data><bit-string>0000000000000</bit-string></Data>"
        "</structure></success></AccessResult><AccessResult><failure><object-non-existent/></failure></AccessResult>"
        "</listOfAccessResult></read>",
    ),
    "write request": (
        request("write", pdu.WriteRequest(("variableListName", POWER), [("integer", 3), ("boolean", True)])),
        f"<write><variableAccessSpecificatn><variableListName>{NAME}</variableListName></variableAccessSpecificatn>"
        "<listOfData><integer>3</integer><boolean><true/></boolean></listOfData></write>",
        f"<write><variableAccessSpecification><variableListName>{NAME}</variableListName></variableAccessSpecification>"
        "<listOfData><Data><integer>3</integer></Data><Data><boolean><true/></boolean></Data></listOfData></write>",
    ),
    "write response": (
        response("write", [("success", None), ("failure", 3)]),
        "<write><success/><failure>3</failure></write>",
        "<write><CHOICE><success/></CHOICE><CHOICE><failure><object-access-denied/></failure></CHOICE></write>",
    ),
    "getNameList request": (
        request("getNameList", pdu.GetNameListRequest(("basicObjectClass", 9), ("vmdSpecific", None))),
        "<getNameList><objectClass><basicObjectClass>9</basicObjectClass></objectClass>"
        "<objectScope><vmdSpecific/></objectScope></getNameList>",
        "<getNameList><objectClass><domain/></objectClass><objectScope><vmdSpecific/></objectScope></getNameList>",
    ),
    "getNameList response": (
        response("getNameList", pdu.GetNameListResponse(["PV1LD0"], more_follows=False)),
        "<getNameList><listOfIdentifier><Identifier>PV1LD0</Identifier></listOfIdentifier>"
        "<moreFollows><false/></moreFollows></getNameList>",
        '<getNameList moreFollows="false"><listOfIdentifier><Identifier>PV1LD0</Identifier></listOfIdentifier>'
        "</getNameList>",
    ),
    "deleteNamedVariableList request": (
        request("deleteNamedVariableList", pdu.DeleteNamedVariableListRequest(list_of_variable_list_name=[POWER])),
        f"<deleteNamedVariableList><listOfVariableListName>{NAME}</listOfVariableListName></deleteNamedVariableList>",
        '<deleteNamedVariableList scopeOfDelete="specific"><listOfVariableListName>'
        f"<ObjectName>{NAME}</ObjectName></listOfVariableListName></deleteNamedVariableList>",
    ),
    "part of an array": (
        request(
            "read",
            pdu.ReadRequest(
                (
                    "listOfVariable",
                    [pdu.VariableDef(("name", POWER), [("unnamed", ("selectAccess", ("index", 2)))])],
                )
            ),
        ),
        "<read><variableAccessSpecificatn>"
        + LIST.replace(
            "</SEQUENCE>",
            "<alternateAccess><unnamed><selectAccess><index>2</index></selectAccess></unnamed></alternateAccess></SEQUENCE>",
        )
        + "</variableAccessSpecificatn></read>",
        '<read specificationWithResult="false"><variableAccessSpecification>'
        + LIST.replace(
            "</SEQUENCE>",
            "<alternateAccess><CHOICE><unnamed><selectAccess><index>2</index></selectAccess></unnamed></CHOICE>"
            "</alternateAccess></SEQUENCE>",
        )
        + "</variableAccessSpecification></read>",
    ),
    "fileDirectory response": (
        response(
            "fileDirectory",
            pdu.FileDirectoryResponse([pdu.DirectoryEntry(["a.cfg"], pdu.FileAttributes(5, "20261121074357.5Z"))]),
        ),
        "<fileDirectory><listOfDirectoryEntry><DirectoryEntry><fileName><GraphicString>a.cfg</GraphicString></fileName>"
        "<fileAttributes><sizeOfFile>5</sizeOfFile><lastModified>20261121074357.5Z</lastModified></fileAttributes>"
        "</DirectoryEntry></listOfDirectoryEntry></fileDirectory>",
        '<fileDirectory moreFollows="false"><listOfDirectoryEntry><DirectoryEntry>'
        "<fileName><GraphicString>a.cfg</GraphicString></fileName><fileAttributes><sizeOfFile>5</sizeOfFile>"
        "<lastModified>2026-11-21T07:43:57.5Z</lastModified></fileAttributes></DirectoryEntry></listOfDirectoryEntry>"
        "</fileDirectory>",
    ),
}


def service_of(text: str) -> str:
    """Return the element of the service, without what is around it."""
    for around in ("ConfirmedServiceRequest", "ConfirmedServiceResponse"):
        if around in text:
            return text.split(f"<{around}>")[1].split(f"</{around}>")[0]
    raise AssertionError(text)


@pytest.mark.parametrize("name", FORMS)
def test_how_each_service_looks(name: str) -> None:
    value, report, provisional = FORMS[name]
    assert service_of(encode_xer(value)) == report
    assert service_of(encode_xer(value, DIALECT_2018)) == provisional


def test_what_is_around_the_service() -> None:
    conclude: MMSpdu = ("conclude-RequestPDU", None)
    reject: MMSpdu = ("rejectPDU", pdu.RejectPDU(("confirmed-requestPDU", 1), 7))
    reason = "<rejectReason><confirmed-requestPDU>{}</confirmed-requestPDU></rejectReason>"
    inner = f"<originalInvokeID>7</originalInvokeID>{reason}"
    report = f'<MMSpdu xmlns="{DIALECT_80_3.namespace}">{{}}</MMSpdu>'
    assert encode_xer(conclude) == report.format("<conclude-RequestPDU/>")
    assert encode_xer(conclude, DIALECT_2018) == f'<conclude-RequestPDU xmlns="{DIALECT_2018.namespace}"/>'
    assert encode_xer(reject) == report.format(f"<rejectPDU>{inner.format(1)}</rejectPDU>")
    assert (
        encode_xer(reject, DIALECT_2018) == f'<rejectPDU xmlns="{DIALECT_2018.namespace}">'
        f"{inner.format('<unrecognized-service/>')}</rejectPDU>"
    )


@both
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("parse", [ElementTree.fromstring, etree.fromstring], ids=["xml.etree", "lxml"])
def test_every_dialect_reads_every_form(name: str, dialect: Dialect, parse: Any) -> None:
    value, *_ = FORMS[name]
    for other in DIALECTS.values():
        text = encode_xer(value, other).replace(other.namespace, dialect.namespace)
        assert decode_xer(parse(text), dialect) == value
        assert decode_xer(parse(text.replace(f' xmlns="{dialect.namespace}"', "")), dialect) == value


@both
@settings(max_examples=200, deadline=None)
@given(value=Values(strings=LATIN, utf8=XML).pdus())
def test_values_come_back(value: Any, dialect: Dialect) -> None:
    text = encode_xer(value, dialect)
    assert decode_xer(ElementTree.fromstring(text), dialect) == value
    assert decode_xer(etree.fromstring(text.encode()), dialect) == value


@both
def test_every_alternative_component_and_absence(dialect: Dialect) -> None:
    for value in samples():
        assert decode_xer(ElementTree.fromstring(encode_xer(value, dialect)), dialect) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("<integer>01</integer>", ("integer", 1)),
        ("<integer> -007\n</integer>", ("integer", -7)),
        ("<boolean>true</boolean>", ("boolean", True)),
        ("<boolean> 0 </boolean>", ("boolean", False)),
        ("<boolean> <false/> </boolean>", ("boolean", False)),
        ("<bit-string>0101 1\n</bit-string>", ("bit-string", (0b01011, 5))),
        ("<bit-string/>", ("bit-string", (0, 0))),
        ("<octet-string>0a FF</octet-string>", ("octet-string", b"\x0a\xff")),
        ("<floating-point>42F60000</floating-point>", ("floating-point", b"\x08\x42\xf6\0\0")),
        ("<floating-point>405EC00000000000</floating-point>", ("floating-point", bytes.fromhex("0B405EC00000000000"))),
        ("<visible-string>a<nul/>b<esc/></visible-string>", ("visible-string", "a\0b\x1b")),
        ("<visible-string><![CDATA[<&>]]></visible-string>", ("visible-string", "<&>")),
        ("<visible-string>a<!-- between -->b</visible-string>", ("visible-string", "ab")),
        ("<integer>1<?no thing?>2</integer>", ("integer", 12)),
        ("<structure>\n <integer>1</integer><!-- --> <Data><integer>2</integer></Data>\n</structure>", None),
        ("<array/>", ("array", [])),
        ("<objId> 1.0.9506.2.1 </objId>", ("objId", "1.0.9506.2.1")),
    ],
)
def test_forms_that_are_read_but_not_written(data: str, value: pdu.Data | None) -> None:
    expected = value or ("structure", [("integer", 1), ("integer", 2)])
    for dialect in DIALECTS.values():
        read = decode_xer(etree.fromstring(results(f"<success>{data}</success>", dialect)), dialect)
        assert read == response("read", pdu.ReadResponse([("success", expected)]))
        assert decode_xer(etree.fromstring(encode_xer(read, dialect)), dialect) == read


def results(items: str, dialect: Dialect = DIALECT_80_3) -> str:
    """Return a read response with these items, as text."""
    return (
        f'<MMSpdu xmlns="{dialect.namespace}"><confirmed-ResponsePDU><invokeID>7</invokeID><ConfirmedServiceResponse>'
        f"<read><listOfAccessResult>{items}</listOfAccessResult></read>"
        "</ConfirmedServiceResponse></confirmed-ResponsePDU></MMSpdu>"
    )


def test_names_of_codes_and_bits_are_read() -> None:
    initiate = (
        "<initiate-RequestPDU><proposedMaxServOutstandingCalling>5</proposedMaxServOutstandingCalling>"
        "<proposedMaxServOutstandingCalled>5</proposedMaxServOutstandingCalled><mmsInitRequestDetail>"
        "<proposedVersionNumber>1</proposedVersionNumber><proposedParameterCBB><str1/><vlis/></proposedParameterCBB>"
        "<servicesSupportedCalling><read/> <write/></servicesSupportedCalling></mmsInitRequestDetail>"
        "{}</initiate-RequestPDU>"
    )
    expected = pdu.InitiateRequestPDU(5, 5, pdu.InitRequestDetail(1, (0b10000001000, 11), (1 << 80 | 1 << 79, 85)))
    for extension in ("", "<version>2018</version>", '<x mustUnderstand="false"><y/></x>'):
        assert decode_xer(etree.fromstring(initiate.format(extension))) == ("initiate-RequestPDU", expected)
    with pytest.raises(MmsDecodeError, match="unexpected element 'x'"):
        decode_xer(etree.fromstring(initiate.format('<x mustUnderstand="true"/>')))
    failure = decode_xer(etree.fromstring(results("<failure>object-undefined</failure>")))
    assert failure == response("read", pdu.ReadResponse([("failure", pdu.DataAccessError.OBJECT_UNDEFINED)]))


READ = "confirmed-ResponsePDU.ConfirmedServiceResponse.read.listOfAccessResult"


@pytest.mark.parametrize(
    ("items", "where", "message"),
    [
        ("<success/>", "[0].success", "0 alternatives, not one"),
        ("<success><integer>1</integer><integer>2</integer></success>", "[0].success", "2 alternatives, not one"),
        ("<failure/>", "[0].failure", "'' is not an integer"),
        ("<failure>1</failure><failure>x</failure>", "[1].failure", "'x' is not an integer"),
        ("<failure><domain/></failure>", "[0].failure", "unexpected element 'domain'"),
        ("<failure><hardware-fault/><hardware-fault/></failure>", "[0].failure", "2 values, not one"),
        ("<failure>1<hardware-fault/></failure>", "[0].failure", "text between elements: '1'"),
        ("<failure><hardware-fault>1</hardware-fault></failure>", "[0].failure", "unexpected element"),
        ("<anything/>", "[0]", "unexpected element 'anything' (expected here: AccessResult, failure, success)"),
        (
            "<success xmlns=''><integer xmlns='urn:x'>1</integer></success>",
            "[0].success",
            "in namespace 'urn:x', which",
        ),
        ("<success><integer>1_0</integer></success>", "[0].success.integer", "is not an integer"),
        ("<success><integer>+1</integer></success>", "[0].success.integer", "is not an integer"),
        ("<success><integer>١</integer></success>", "[0].success.integer", "is not an integer"),
        ("<success><integer>1e3</integer></success>", "[0].success.integer", "is not an integer"),
        ("<success><integer>" + "9" * 50 + "</integer></success>", "[0].success.integer", "beyond"),
        ("<success><integer>" + "9" * 9999 + "</integer></success>", "[0].success.integer", "is not an integer"),
        ("<success><integer><b/></integer></success>", "[0].success.integer", "unexpected element 'b'"),
        ("<success><boolean/></success>", "[0].success.boolean", "'' is not a BOOLEAN"),
        ("<success><boolean>maybe</boolean></success>", "[0].success.boolean", "'maybe' is not a BOOLEAN"),
        ("<success><boolean><maybe/></boolean></success>", "[0].success.boolean", "unexpected element 'maybe'"),
        ("<success><boolean>x<true/></boolean></success>", "[0].success.boolean", "text between elements: 'x'"),
        ("<success><bit-string>012</bit-string></success>", "[0].success.bit-string", "is not a BIT STRING"),
        ("<success><bit-string>0b1</bit-string></success>", "[0].success.bit-string", "is not a BIT STRING"),
        ("<success><octet-string>abc</octet-string></success>", "[0].success.octet-string", "ValueError"),
        ("<success><octet-string>zz</octet-string></success>", "[0].success.octet-string", "ValueError"),
        ("<success><utc-time>00</utc-time></success>", "[0].success.utc-time", "1 octets, not 8"),
        ("<success><floating-point>00</floating-point></success>", "[0].success.floating-point", "1 octets"),
        ("<success><visible-string>中</visible-string></success>", "[0].success.visible-string", "does not fit"),
        ("<success><visible-string><b/></visible-string></success>", "[0].success.visible-string", "unexpected"),
        ("<success><objId>3.1</objId></success>", "[0].success.objId", "not an OBJECT IDENTIFIER"),
        ("<success>x<integer>1</integer></success>", "[0].success", "text between elements: 'x'"),
        ("<success><integer>1</integer>x</success>", "[0].success", "text between elements: 'x'"),
        ("<success><structure>x</structure></success>", "[0].success.structure[0]", "text between elements: 'x'"),
        ("<failure>1</failure>x", "[1]", "text between elements: 'x'"),
        ("<AccessResult/>", "[0]", "0 alternatives, not one"),
        ("<AccessResult><AccessResult><failure>1</failure></AccessResult></AccessResult>", "[0]", "unexpected element"),
        (
            "<success><structure><integer>1</integer><b/></structure></success>",
            "[0].success.structure[1]",
            "unexpected",
        ),
    ],
)
def test_the_path_leads_to_the_fault(items: str, where: str, message: str) -> None:
    for parse in (ElementTree.fromstring, etree.fromstring):
        with pytest.raises(MmsDecodeError) as caught:
            decode_xer(parse(results(items)))
        assert caught.value.where == f"{READ}{where}"
        assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("<MMSpdu/>", None, "0 alternatives"),
        (
            "<MMSpdu xmlns='urn:x'><conclude-RequestPDU/></MMSpdu>",
            None,
            "unexpected element 'MMSpdu' in namespace 'urn:x'",
        ),
        ("<Confirmed-RequestPDU/>", None, "unexpected element 'Confirmed-RequestPDU'"),
        ("<conclude-RequestPDU>x</conclude-RequestPDU>", "conclude-RequestPDU", "a NULL with content"),
        ("<conclude-RequestPDU><x/></conclude-RequestPDU>", "conclude-RequestPDU", "unexpected element"),
        ("<rejectPDU/>", "rejectPDU", "rejectReason is missing"),
        ("<cancel-RequestPDU>-1</cancel-RequestPDU>", "cancel-RequestPDU", "beyond 0..4294967295"),
        (
            "<confirmed-ErrorPDU><invokeID>1</invokeID><invokeID>1</invokeID></confirmed-ErrorPDU>",
            "confirmed-ErrorPDU",
            "unexpected element 'invokeID' (expected here: modifierPosition, serviceError)",
        ),
        (
            "<rejectPDU><rejectReason><pdu-error>1</pdu-error></rejectReason><originalInvokeID>1</originalInvokeID></rejectPDU>",
            "rejectPDU",
            "unexpected element 'originalInvokeID' (expected here: nothing more)",
        ),
        (
            "<confirmed-RequestPDU><invokeID>1</invokeID><ConfirmedServiceRequest><read specificationWithResult='x'>"
            "<variableAccessSpecification><listOfVariable/></variableAccessSpecification></read>"
            "</ConfirmedServiceRequest></confirmed-RequestPDU>",
            "confirmed-RequestPDU.ConfirmedServiceRequest.read",
            "'x' is not a BOOLEAN",
        ),
        (
            "<confirmed-ResponsePDU><invokeID>1</invokeID><ConfirmedServiceResponse><getNameList moreFollows='true'>"
            "<listOfIdentifier/><moreFollows><true/></moreFollows></getNameList>"
            "</ConfirmedServiceResponse></confirmed-ResponsePDU>",
            "confirmed-ResponsePDU.ConfirmedServiceResponse.getNameList",
            "moreFollows is both an attribute and an element",
        ),
    ],
)
def test_a_pdu_that_is_none_is_refused(text: str, where: str | None, message: str) -> None:
    with pytest.raises(MmsDecodeError) as caught:
        decode_xer(etree.fromstring(text))
    assert caught.value.where == where
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        (("boolean", "false"), "boolean", "KeyError"),
        (("integer", 1 << 135), "integer", "is beyond"),
        (("integer", 1.0), "integer", "TypeError"),
        (("octet-string", 1.0), "octet-string", "TypeError"),
        (("utc-time", b"short"), "utc-time", "5 octets, not 8"),
        (("bit-string", (4, 2)), "bit-string", "does not fit in 2 bits"),
        (("visible-string", "中"), "visible-string", "does not fit"),
        (("visible-string", b"octets"), "visible-string", "Error"),
        (("objId", "3.1"), "objId", "is not an OBJECT IDENTIFIER"),
        (("structure", [("boolean", True), ("nothing", 1)]), "structure[1]", "not a tuple of an alternative (array,"),
        (("array", 7), "array", ""),
    ],
)
@both
def test_a_value_that_is_no_pdu_is_refused(data: Any, where: str, message: str, dialect: Dialect) -> None:
    with pytest.raises(MmsEncodeError) as caught:
        encode_xer(response("read", pdu.ReadResponse([("success", data)])), dialect)
    assert caught.value.where == f"{READ.replace('ConfirmedServiceResponse', 'service')}[0].success.{where}"
    assert message in caught.value.message


@both
def test_what_is_not_none_is_no_null(dialect: Dialect) -> None:
    with pytest.raises(MmsEncodeError, match="conclude-RequestPDU: not None"):
        encode_xer(("conclude-RequestPDU", False), dialect)


def test_a_value_that_has_no_place_in_an_attribute_is_refused() -> None:
    wrong = pdu.GetNameListResponse([], more_follows="no")
    with pytest.raises(MmsEncodeError) as caught:
        encode_xer(response("getNameList", wrong), DIALECT_2018)
    assert caught.value.where == "confirmed-ResponsePDU.service.getNameList.moreFollows"


@pytest.mark.parametrize("content", ["x", "<x/>"])
def test_a_name_that_stands_for_a_number_is_empty(content: str) -> None:
    text = encode_xer(FORMS["getNameList request"][0], DIALECT_2018)
    with pytest.raises(MmsDecodeError) as caught:
        decode_xer(etree.fromstring(text.replace("<domain/>", f"<domain>{content}</domain>")), DIALECT_2018)
    assert caught.value.where == "confirmed-RequestPDU.ConfirmedServiceRequest.getNameList.objectClass.basicObjectClass"


@pytest.mark.parametrize("thing", [None, "<MMSpdu/>", 7, [], object()])
def test_what_is_no_element_is_refused(thing: Any) -> None:
    with pytest.raises(MmsDecodeError):
        decode_xer(thing)


def test_an_element_within_a_tree_is_read_without_what_follows_it() -> None:
    tree = etree.fromstring(f'<iq><conclude-RequestPDU xmlns="{DIALECT_2018.namespace}"/>tail</iq>')
    assert decode_xer(tree[0], DIALECT_2018) == ("conclude-RequestPDU", None)


@pytest.mark.parametrize("levels", [33, 200, 5_000])
def test_depth_is_limited(levels: int) -> None:
    root = ElementTree.fromstring(results("<success><structure/></success>"))
    structure = next(e for e in root.iter() if e.tag.endswith("structure"))
    for _ in range(levels):
        structure = ElementTree.SubElement(structure, structure.tag)
    with pytest.raises(MmsDecodeError, match="nested too deeply"):
        decode_xer(root)
    with pytest.raises(MmsDecodeError):
        decode_xer(nested(levels, "AccessResult"))


def nested(levels: int, name: str) -> ElementTree.Element:
    root = ElementTree.fromstring(results(f"<{name}/>"))
    element = next(e for e in root.iter() if e.tag.endswith(name))
    for _ in range(levels):
        element = ElementTree.SubElement(element, element.tag)
    return root


def test_elements_are_limited() -> None:
    root = etree.fromstring(results("<failure>1</failure>" * 100))
    assert decode_xer(root, limits=Limits(elements=100))
    with pytest.raises(MmsDecodeError, match="too many elements"):
        decode_xer(root, limits=Limits(elements=99))


def test_the_depth_of_types_is_limited() -> None:
    kind: pdu.TypeDescription = ("boolean", None)
    for _ in range(33):
        kind = ("array", pdu.ArrayType(1, kind))
    value = response("getVariableAccessAttributes", pdu.GetVariableAccessAttributesResponse(False, kind))
    element = etree.fromstring(encode_xer(value))
    assert decode_xer(element, limits=Limits(depth=33)) == value
    with pytest.raises(MmsDecodeError, match="nested too deeply"):
        decode_xer(element)


@both
def test_what_xml_cannot_carry_is_refused(dialect: Dialect) -> None:
    for character in ("\ufffe", "\uffff", "\ud800"):
        value = response("read", pdu.ReadResponse([("success", ("mMSString", character))]))
        with pytest.raises(MmsEncodeError, match=r"cannot be carried by XML") as caught:
            encode_xer(value, dialect)
        assert caught.value.where == f"{READ.replace('ConfirmedServiceResponse', 'service')}[0].success.mMSString"


def test_a_float_of_another_format_has_no_form_in_2018() -> None:
    value = response("read", pdu.ReadResponse([("success", ("floating-point", b"\x07" + bytes(4)))]))
    assert decode_xer(etree.fromstring(encode_xer(value))) == value
    with pytest.raises(MmsEncodeError, match="not an IEEE 754 number"):
        encode_xer(value, DIALECT_2018)


@pytest.mark.parametrize(
    ("time", "schema"),
    [
        ("20261121074357Z", "2026-11-21T07:43:57Z"),
        ("20261121074357,25Z", "2026-11-21T07:43:57.25Z"),
        ("20261121074357+0130", "2026-11-21T07:43:57+01:30"),
        ("20261121074357-01", "2026-11-21T07:43:57-01:00"),
        ("20261121074357", "2026-11-21T07:43:57"),
    ],
)
def test_times_in_2018(time: str, schema: str) -> None:
    value = response("fileOpen", pdu.FileOpenResponse(1, pdu.FileAttributes(0, time)))
    text = encode_xer(value, DIALECT_2018)
    assert f"<lastModified>{schema}</lastModified>" in text
    read = decode_xer(etree.fromstring(text), DIALECT_2018)
    again = encode_xer(read, DIALECT_2018)
    assert again == text


@pytest.mark.parametrize("time", ["2026112107Z", "202611210743.5Z", "today", ""])
def test_times_that_2018_cannot_write(time: str) -> None:
    value = response("fileOpen", pdu.FileOpenResponse(1, pdu.FileAttributes(0, time)))
    with pytest.raises(MmsEncodeError, match="is not a GeneralizedTime"):
        encode_xer(value, DIALECT_2018)


def test_dialects_by_name_and_of_ones_own() -> None:
    assert dialect_named("80-3") is DIALECT_80_3
    with pytest.raises(UnknownName, match="there is: 80-3, 2018"):
        dialect_named("ed2")
    own = attrs.evolve(DIALECT_2018, ieee_floats=False, root="PDU")
    value, *_ = FORMS["read response"]
    assert "<floating-point>0842F60000" in encode_xer(value, own)
    assert decode_xer(etree.fromstring(encode_xer(value, own)), own) == value


@both
@settings(max_examples=50, deadline=None)
@given(value=Values(strings=LATIN, utf8=XML).pdus())
def test_the_other_dialect_is_not_mistaken(value: Any, dialect: Dialect) -> None:
    other = next(d for d in DIALECTS.values() if d is not dialect)
    text = encode_xer(value, other)
    assume(other.namespace in text)
    with pytest.raises(MmsDecodeError, match="which is not this dialect's"):
        decode_xer(etree.fromstring(text.encode()), dialect)
