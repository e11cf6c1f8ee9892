"""Who a VTN's VENs are, by name, ID and identity: found without looking at all the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import UnknownName
from janusgrid.openadr.core.answers import Deployment, Rejected
from janusgrid.openadr.core.identity import ANYBODY, NOBODY
from janusgrid.openadr.core.ven_book import REMEMBERED, REMEMBERED_TEXT, Answered, Party, Ven, VenBook
from janusgrid.openadr.model import (
    CreatedReport,
    CreatePartyRegistration,
    EiResponse,
    Poll,
    ProfileName,
    QueryRegistration,
    TransportName,
)

HTTP = Deployment("VTN", (TransportName.SIMPLE_HTTP,))


def registered(book: VenBook, identity: str, ven_name: str | None) -> Ven:
    message = CreatePartyRegistration(
        request_id="R", profile_name=ProfileName.PROFILE_2_0B, transport_name=TransportName.SIMPLE_HTTP,
        report_only=False, xml_signature=False, http_pull_model=True, ven_name=ven_name,
    )  # fmt: skip
    return book.register(identity, message, HTTP)[0]


def book_of(*parties: Party) -> VenBook:
    numbers = count()
    return VenBook(parties, new_id=lambda prefix: f"{prefix}{next(numbers)}")


def test_a_ven_is_found_by_what_its_certificate_proves_however_that_is_written() -> None:
    book = book_of(Party("a", "AA:BB"), Party("b", ("cc:dd", "EEFF")))
    a, b = registered(book, "aabb", "a"), registered(book, "EE:FF", None)
    assert book.sender("AA:BB", None) is book.sender("aabb", a.ven_id) is a
    assert book.sender("CCDD", None) is book.sender("eeff", None) is b
    for wrong in ("AA:BC", NOBODY, "EE:FF"):
        with pytest.raises(Rejected):
            book.sender(wrong, a.ven_id)
    with pytest.raises(Rejected):
        book.sender("AA:BC", None)


def test_an_identity_of_two_says_nothing_once_both_have_registered() -> None:
    book = book_of(Party("a", "x"), Party("b", "x"), Party("c", ANYBODY))
    with pytest.raises(Rejected):
        registered(book, "x", None)
    a = registered(book, "x", "a")
    assert book.sender("x", None) is a
    registered(book, "x", "b")
    with pytest.raises(Rejected):
        book.sender("x", None)
    assert book.sender("x", a.ven_id) is a
    c = registered(book, NOBODY, None)  # in a laboratory, the one that anybody may be
    assert book.sender(NOBODY, None) is c


def test_a_ven_is_found_by_name_and_id_as_long_as_it_is_registered() -> None:
    book = book_of(Party("a", "x", ven_id="A"), Party("b", "y"))
    with pytest.raises(UnknownName):
        book.find("a")  # its venID is known before it registers
    a = registered(book, "x", "a")
    assert book.find("a") is book.find("A") is a
    again, before = registered(book, "x", "a"), a
    assert book.find("a") is again is not before
    book.remove(again)
    for name in ("a", "A"):
        with pytest.raises(UnknownName):
            book.find(name)


def test_a_registration_belongs_to_its_holder_alone() -> None:
    book = book_of(Party("a", "x"), Party("b", "y"))
    a = registered(book, "x", "a")
    registered(book, "y", "b")
    assert book.holder("x", a.registration_id) is a
    with pytest.raises(Rejected):
        book.holder("y", a.registration_id)


def test_nobody_looks_through_all_vens_to_find_one(monkeypatch: pytest.MonkeyPatch) -> None:
    book = book_of(*(Party(f"site {number}", f"{number:04x}") for number in range(100)))
    vens = [registered(book, f"{number:04x}", f"site {number}") for number in range(100)]

    def everything(_: object) -> Iterator[str]:
        pytest.fail("all are looked through")

    monkeypatch.setattr(type(book.shelf), "__iter__", everything)
    ven = vens[70]
    assert book.sender(ven.identity, None) is book.sender(ven.identity, ven.ven_id) is book.find(ven.ven_name) is ven
    assert not book.agreed(ven.identity, None)
    assert book.holder(ven.identity, ven.registration_id) is ven
    assert registered(book, ven.identity, ven.ven_name).ven_id == ven.ven_id


@given(st.lists(st.tuples(st.integers(0, 90), st.sampled_from([0, 0, 100, 2_000, 8_000])), max_size=120))
@settings(max_examples=30, deadline=None)
def test_answers_are_kept_up_to_a_number_and_up_to_a_size(asked: list[tuple[int, int]]) -> None:
    """The last one always; what came long ago goes first; an answer that is found is the one that was given."""
    answered, given_last = Answered(), dict[int, CreatedReport]()
    for number, pending in asked:
        message = QueryRegistration(request_id=f"R{number}")
        answer = CreatedReport(ei_response=EiResponse(), pending_reports=[f"request {n}" for n in range(pending)])
        answered.remember("V", message, answer)
        given_last.pop(number, None)
        given_last[number] = answer
        kept = [n for n in given_last if answered.get("V", QueryRegistration(request_id=f"R{n}")) is not None]
        assert kept == list(given_last)[-len(kept) :]
        assert all(answered.get("V", QueryRegistration(request_id=f"R{n}")) == given_last[n] for n in kept[-2:])
        assert 1 <= len(kept) == len(answered.shelf) <= REMEMBERED
        assert sum(map(len, answered.shelf.values())) <= REMEMBERED_TEXT or len(kept) == 1
    for number in range(REMEMBERED + 1):
        answered.remember("V", QueryRegistration(request_id=f"S{number}"), Poll(ven_id="V"))
    assert len(answered.shelf) == REMEMBERED, "as many as may be, of what is small"
