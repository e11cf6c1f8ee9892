"""BER beyond values: what is refused and where, what is taken though not canonical, and the limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from janusgrid.iec61850.mms import Limits, MmsDecodeError, MmsEncodeError, decode_ber, encode_ber, pdu
from janusgrid.iec61850.mms.pdu_generated import DomainSpecific, InformationReport, UnconfirmedPDU

from .strategies import LATIN, XML, Values, samples


def tlv(tag: str, *content: bytes | str) -> bytes:
    """Return a TLV; content is octets, or octets in hex."""
    octets = b"".join(bytes.fromhex(part) if isinstance(part, str) else part for part in content)
    length = len(octets)
    if length < 128:
        return bytes.fromhex(tag) + bytes((length,)) + octets
    size = (length.bit_length() + 7) // 8
    return bytes.fromhex(tag) + bytes((0x80 | size,)) + length.to_bytes(size, "big") + octets


def read_response(*results: bytes | str) -> bytes:
    return tlv("a1", "020107", tlv("a4", tlv("a1", *results)))


SAMPLES = samples()


@settings(max_examples=200, deadline=None)
@given(Values(strings=LATIN, utf8=XML).pdus())
def test_values_with_all_characters_come_back(value: Any) -> None:
    assert decode_ber(encode_ber(value)) == value


@pytest.mark.parametrize(
    ("octets", "where", "message"),
    [
        ("", None, "beyond the end"),
        ("a1", None, "beyond the end"),
        ("8b00 00", None, "1 octets after the end"),
        ("8b0100", "conclude-RequestPDU", "NULL with content"),
        ("b800", None, "unexpected tag B8"),
        ("a180 020107 8b00 0000", None, "indefinite length"),
        ("a185 0000000003 020107", None, "length of 5 octets"),
        ("bf0100", None, "a tag that is not used here"),
        ("bf810100", None, "a tag that is not used here"),
        ("a103 020107", "confirmed-ResponsePDU", "service is missing"),
        ("a104 0202 0700", "confirmed-ResponsePDU", "service is missing"),
        ("a104 0203 0700", "confirmed-ResponsePDU", "beyond the end"),
        ("a103 020200", "confirmed-ResponsePDU", "beyond the end"),
        ("a101 02", "confirmed-ResponsePDU", "beyond the end"),
        ("a102 0200", "confirmed-ResponsePDU.invokeID", "an integer without octets"),
        ("a107 0205 0100000000", "confirmed-ResponsePDU.invokeID", "beyond 0..4294967295"),
        ("a105 ae00 020107", "confirmed-ResponsePDU", "unexpected tag AE (expected here: 2 invokeID)"),
        ("a105 020107 9800", "confirmed-ResponsePDU", "unexpected tag 98 (expected here: A0 service.status"),
        ("a108 020107 8b00 020107", "confirmed-ResponsePDU", "unexpected tag 2 (expected here: nothing more)"),
        ("a007 020107 80020000", "confirmed-RequestPDU.service.status", "a BOOLEAN of 2 octets"),
        ("a900", "initiate-ResponsePDU", "negotiatedMaxServOutstandingCalling is missing"),
        ("a403 8101ff 00", None, "after the end"),
    ],
)
def test_a_pdu_that_is_none_is_refused(octets: str, where: str | None, message: str) -> None:
    with pytest.raises(MmsDecodeError) as caught:
        decode_ber(bytes.fromhex(octets))
    assert caught.value.where == where
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("result", "where", "message"),
    [
        ("8401 08", ".bit-string", "1 octets with 8 unused bits"),
        ("8401 01", ".bit-string", "1 octets with 1 unused bits"),
        ("8400", ".bit-string", "without octets"),
        ("8500", ".integer", "without octets"),
        ("8512" + "7f" * 18, ".integer", "beyond"),
        ("8704 42f60000", ".floating-point", "4 octets, not 5 or 9"),
        ("9107 00000000000000", ".utc-time", "7 octets, not 8"),
        ("8f00", ".objId", "without an end"),
        ("8f02 8081", ".objId", "without an end"),
        ("8f03 2a8001", ".objId", "padded"),
        ("8f14" + "ff" * 19 + "7f", ".objId", "is not an OBJECT IDENTIFIER"),
        ("8f820800" + "2a" * 2048, ".objId", "of 2048 octets"),
        ("9001 ff", ".mMSString", "does not fit"),
        ("a203 8401 01", ".structure[0].bit-string", "unused"),
        ("a203 8301 ff 00", "", "beyond the end"),
        ("a202 8301", ".structure[0]", "beyond the end"),
        ("a205 8301ff 8301", ".structure[1]", "beyond the end"),
    ],
)
def test_the_path_leads_to_the_fault(result: str, where: str, message: str) -> None:
    with pytest.raises(MmsDecodeError) as caught:
        decode_ber(read_response("8001 0a", result))
    success = f".success{where}" if where else ""
    index = 1 if where else 2
    assert caught.value.where == f"confirmed-ResponsePDU.service.read.listOfAccessResult[{index}]{success}"
    assert message in caught.value.message


def test_what_is_not_canonical_is_read_and_written_canonically() -> None:
    def long(tag: str, size: int, content: bytes) -> bytes:
        return bytes.fromhex(tag) + bytes((0x80 | size,)) + len(content).to_bytes(size, "big") + content

    true, seven, bits = long("83", 1, b"\x01"), long("85", 2, b"\0\0\0\7"), long("84", 4, b"\x06\x7f")
    service = long("a4", 1, long("a1", 3, true + seven + bits))
    other = long("a1", 1, long("02", 1, b"\0\7") + service)
    assert encode_ber(decode_ber(other)) == read_response("8301ff", "850107", "84020640")


def test_a_null_may_be_marked_as_constructed() -> None:
    """So does the server of PyPI `iec61850` answer DefineNamedVariableList: AB 00 where 8B 00 is meant."""
    marked = decode_ber(bytes.fromhex("a105 020107 ab00"))
    assert marked == decode_ber(bytes.fromhex("a105 020107 8b00"))
    assert encode_ber(marked) == bytes.fromhex("a105 020107 8b00")
    with pytest.raises(MmsDecodeError, match="NULL with content"):
        decode_ber(bytes.fromhex("a107 020107 ab020500"))


def test_strings_of_devices_are_not_ascii() -> None:
    value = decode_ber(read_response(tlv("8a", "Wärme".encode("latin-1"))))
    assert value == (
        "confirmed-ResponsePDU",
        pdu.ConfirmedResponsePDU(7, ("read", pdu.ReadResponse([success("Wärme")]))),
    )


def success(text: str) -> pdu.AccessResult:
    return ("success", ("visible-string", text))


def test_extensions_of_an_initiate_are_stepped_over() -> None:
    plain = encode_ber(initiate())
    detail = ("800101", "8103 05f100", "820c 03" + "ff" * 10 + "f8")
    extended = tlv("a8", "80027fff", "810105", "820105", tlv("a4", *detail, "8301ff"), "9f1f00")
    assert plain == tlv("a8", "80027fff", "810105", "820105", tlv("a4", *detail))
    assert decode_ber(extended) == decode_ber(plain) == initiate()


def initiate() -> pdu.MMSpdu:
    detail = pdu.InitRequestDetail(1, (0b11110001000, 11), ((1 << 85) - 1, 85))
    return ("initiate-RequestPDU", pdu.InitiateRequestPDU(5, 5, detail, local_detail_calling=32767))


@pytest.mark.parametrize("value", SAMPLES[::7])
def test_every_truncation_is_refused(value: Any) -> None:
    octets = encode_ber(value)
    for length in range(min(len(octets), 400)):
        with pytest.raises(MmsDecodeError):
            decode_ber(octets[:length])


@pytest.mark.parametrize("levels", [33, 1_000, 100_000])
def test_depth_is_limited(levels: int) -> None:
    data = b"\x83\x01\xff"
    for _ in range(levels):
        data = tlv("a2", data)
    with pytest.raises(MmsDecodeError, match="nested too deeply"):
        decode_ber(read_response(data), limits=Limits(size=1 << 24))


def test_depth_up_to_the_limit_is_fine() -> None:
    data: pdu.Data = ("boolean", True)
    kind: pdu.TypeDescription = ("boolean", None)
    for _ in range(32):
        data = ("structure", [data])
        kind = ("array", pdu.ArrayType(1, kind))
    for value in (report(data), attributes(kind)):
        octets = encode_ber(value)
        assert decode_ber(octets) == value
        with pytest.raises(MmsDecodeError, match="nested too deeply"):
            decode_ber(octets, limits=Limits(depth=31))


def report(*data: pdu.Data) -> pdu.MMSpdu:
    results: list[pdu.AccessResult] = [("success", item) for item in data]
    return ("unconfirmed-PDU", UnconfirmedPDU(("informationReport", InformationReport(RPT, results))))


RPT: pdu.VariableAccessSpecification = ("variableListName", ("vmd-specific", "RPT"))


def attributes(kind: pdu.TypeDescription) -> pdu.MMSpdu:
    response = pdu.GetVariableAccessAttributesResponse(False, kind)
    return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(1, ("getVariableAccessAttributes", response)))


def test_elements_are_limited() -> None:
    octets = encode_ber(report(*[("structure", [("boolean", True)] * 9)] * 10))
    assert decode_ber(octets, limits=Limits(elements=100))
    with pytest.raises(MmsDecodeError, match="too many elements"):
        decode_ber(octets, limits=Limits(elements=99))


def test_size_is_limited() -> None:
    octets = encode_ber(report(("octet-string", bytes(1000))))
    assert decode_ber(octets, limits=Limits(size=len(octets)))
    with pytest.raises(MmsDecodeError, match="the limit is"):
        decode_ber(octets, limits=Limits(size=len(octets) - 1))


CYCLE: list[Any] = []
CYCLE.append(("structure", CYCLE))


@pytest.mark.parametrize(
    ("value", "where", "message"),
    [
        (None, None, "not a tuple of an alternative (confirmed-RequestPDU, "),
        (("no-PDU", None), None, "not a tuple of an alternative"),
        ((["unhashable"], None), None, "not a tuple of an alternative"),
        (("conclude-RequestPDU", 0), "conclude-RequestPDU", "not None"),
        (("cancel-RequestPDU", -1), "cancel-RequestPDU", "-1 is beyond 0..4294967295"),
        (("cancel-RequestPDU", "1"), "cancel-RequestPDU", "TypeError"),
        (("cancel-RequestPDU", 1.5), "cancel-RequestPDU", "AttributeError"),
        (("confirmed-RequestPDU", None), "confirmed-RequestPDU", "AttributeError"),
        (report(("boolean", "false")), "[0].success.boolean", "KeyError"),
        (report(("bit-string", (4, 2))), "[0].success.bit-string", "0x4 does not fit in 2 bits"),
        (report(("bit-string", (-1, 2))), "[0].success.bit-string", "does not fit"),
        (report(("integer", 1), ("octet-string", "text")), "[1].success.octet-string", "TypeError"),
        (report(("floating-point", b"1234")), "[0].success.floating-point", "4 octets, not 5 or 9"),
        (report(("visible-string", "中")), "[0].success.visible-string", "does not fit"),
        (report(("mMSString", "\ud800")), "[0].success.mMSString", "does not fit"),
        (report(("objId", "3.1")), "[0].success.objId", "is not an OBJECT IDENTIFIER"),
        (report(("objId", "1.40")), "[0].success.objId", "is not an OBJECT IDENTIFIER"),
        (report(("structure", [("integer", None)])), "[0].success.structure[0].integer", ""),
        (report(("structure", CYCLE)), "", "nested too deeply"),
        (report(("structure", 7)), "[0].success.structure", "not a list"),
    ],
)
def test_a_value_that_is_no_pdu_is_refused(value: Any, where: str | None, message: str) -> None:
    with pytest.raises(MmsEncodeError) as caught:
        encode_ber(value)
    if where is None or not where.startswith("["):
        assert caught.value.where == where or not where
    else:
        assert caught.value.where is not None
        found = caught.value.where.removeprefix("unconfirmed-PDU.service.informationReport.listOfAccessResult")
        assert found.startswith(where)
    assert message in caught.value.message


def test_a_missing_component_is_named() -> None:
    request = pdu.ConfirmedRequestPDU(
        1, ("getNamedVariableListAttributes", ("domain-specific", DomainSpecific("LD0", None)))
    )
    with pytest.raises(MmsEncodeError) as caught:
        encode_ber(("confirmed-RequestPDU", request))
    assert caught.value.where == "confirmed-RequestPDU.service.getNamedVariableListAttributes.domain-specific.itemId"


@pytest.mark.parametrize("time", ["", "20261121", "20261121074357Zulu", "２０２６１１２１０７"])
def test_times_have_the_form_of_a_generalized_time(time: str) -> None:
    def opened(time: str) -> pdu.MMSpdu:
        response = pdu.FileOpenResponse(1, pdu.FileAttributes(0, time))
        return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(1, ("fileOpen", response)))

    good = encode_ber(opened("2026112107"))
    assert decode_ber(good) == opened("2026112107")
    with pytest.raises(MmsEncodeError, match="is not a GeneralizedTime"):
        encode_ber(opened(time))
    with pytest.raises(MmsDecodeError, match="is not a GeneralizedTime") as caught:
        decode_ber(good.replace(b"2026112107", b"2026 12107"))
    assert caught.value.where == "confirmed-ResponsePDU.service.fileOpen.fileAttributes.lastModified"


def test_codes_encode_as_their_numbers() -> None:
    failure: pdu.AccessResult = ("failure", pdu.DataAccessError.OBJECT_NON_EXISTENT)
    octets = encode_ber(("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(7, ("read", pdu.ReadResponse([failure])))))
    assert octets == read_response("80010a")
