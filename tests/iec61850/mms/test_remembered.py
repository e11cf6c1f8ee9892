"""Names of variables are remembered by the codec: that changes nothing but the time, and has its bounds."""

from __future__ import annotations

from xml.etree import ElementTree

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.iec61850.mms import (
    DIALECTS,
    Limits,
    MmsDecodeError,
    MmsEncodeError,
    MMSpdu,
    decode_ber,
    decode_xer,
    encode_ber,
    encode_xer,
    pdu,
    shape,
)

NAMES = st.text("ABC$_1", min_size=1, max_size=12)


def variable(domain: str, item: str, access: list[pdu.AlternateAccessItem] | None = None) -> pdu.VariableDef:
    return pdu.VariableDef(("name", ("domain-specific", pdu.DomainSpecific(domain, item))), access)


def read(*variables: pdu.VariableDef) -> MMSpdu:
    request = pdu.ReadRequest(("listOfVariable", list(variables)))
    return ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, ("read", request)))


def listed(message: MMSpdu) -> list[pdu.VariableDef]:
    request = message[1].service[1]  # type: ignore[union-attr]
    return request.variable_access_specification[1]  # type: ignore[union-attr, no-any-return]


@given(st.lists(st.tuples(NAMES, NAMES), max_size=8))
def test_names_come_back_as_they_were_however_often(names: list[tuple[str, str]]) -> None:
    message = read(*(variable(*name) for name in (*names, *names)))
    for _ in range(2):
        assert decode_ber(encode_ber(message)) == message
        for dialect in DIALECTS.values():
            assert decode_xer(ElementTree.fromstring(encode_xer(message, dialect)), dialect) == message


def test_a_name_is_made_once_and_cannot_be_changed() -> None:
    octets = encode_ber(read(variable("LD", "LLN0$ST$Beh")))
    first, second = (listed(decode_ber(octets))[0] for _ in range(2))
    assert first is second
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        first.alternate_access = []  # type: ignore[misc]


def test_parts_of_arrays_are_not_remembered_and_count_towards_the_limit_each_time() -> None:
    step: pdu.AlternateAccessItem = ("unnamed", ("selectAccess", ("index", 1)))
    message = read(variable("LD", "MHAI1$MX$HA", [step]))
    octets = encode_ber(message)
    for _ in range(2):
        first, second = decode_ber(octets), decode_ber(octets)
        assert first == second == message
        assert listed(first)[0] is not listed(second)[0]
        with pytest.raises(MmsDecodeError, match="too many elements"):
            decode_ber(octets, limits=Limits(elements=1))


def test_what_is_wrong_with_a_name_is_told_each_time() -> None:
    octets = bytearray(encode_ber(read(variable("LD", "Wrong1"))))
    octets[octets.index(b"Wrong1") - 1] = 7  # a length that goes beyond its end
    for _ in range(2):
        with pytest.raises(MmsDecodeError):
            decode_ber(bytes(octets))
        with pytest.raises(MmsEncodeError, match="itemId"):
            encode_ber(read(variable("LD", 5)))  # type: ignore[arg-type]


def test_long_names_are_not_remembered() -> None:
    octets = encode_ber(read(variable("LD", "X" * (shape.LONGEST_REMEMBERED + 1))))
    first, second = (listed(decode_ber(octets))[0] for _ in range(2))
    assert first == second
    assert first is not second
    text = encode_xer(read(variable("LD", "X" * (2 * shape.LONGEST_REMEMBERED + 1))))
    first, second = (listed(decode_xer(ElementTree.fromstring(text)))[0] for _ in range(2))
    assert first == second
    assert first is not second


def test_no_more_names_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[object, ...]] = []
    monkeypatch.setattr(shape, "REMEMBERED", 2)
    make = shape.maker(lambda *fields: made.append(fields) or list(fields), remember=True)
    for _ in range(2):
        for name in "abc":
            assert make([name]) == [name]
    assert [fields for (fields,) in made] == ["a", "b", "c", "c"]
