"""A poll is read once: what comes again octet by octet is the same message, and is held to the same agreements."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.clock import RealClock
from janusgrid.common.errors import Malformed
from janusgrid.openadr.binding import envelopes
from janusgrid.openadr.binding.envelopes import Envelopes
from janusgrid.openadr.codec import read, write
from janusgrid.openadr.model import EiResponse, Message, Poll, QueryRegistration, Response
from janusgrid.openadr.signing import Unproved
from janusgrid.openadr.signing.notary import Notary

from tests.openadr.signing.kit import Office


def opener(agreed: set[str | None] | None = None, notary: Notary | None = None) -> Envelopes:
    who = agreed if agreed is not None else set()
    return Envelopes(notary, RealClock(), lambda identity, ven_id: ven_id in who, lambda identity, names: True)


def poll(ven_id: str) -> bytes:
    return write(Poll(ven_id=ven_id)).encode()


def test_a_poll_that_comes_again_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = opener()
    first = opened.open("a", poll("VEN-1"))
    monkeypatch.setattr(envelopes, "element", lambda data: pytest.fail("it is read again"))
    assert opened.open("a", poll("VEN-1")) is first
    assert first.message == Poll(ven_id="VEN-1")


def test_one_octet_more_is_another_document() -> None:
    opened = opener()
    assert opened.open("a", poll("VEN-1")).message == Poll(ven_id="VEN-1")
    assert opened.open("a", poll("VEN-2")).message == Poll(ven_id="VEN-2")
    with pytest.raises(Malformed):
        opened.open("a", poll("VEN-1") + b"<")


def test_what_is_no_message_is_refused_each_time() -> None:
    opened = opener()
    for _ in range(2):
        with pytest.raises(Malformed):
            opened.open("a", poll("VEN-1").replace(b"venID", b"venId"))


def test_a_poll_that_is_known_is_refused_once_it_has_to_be_signed(tmp_path: Path) -> None:
    agreed: set[str | None] = set()
    opened = opener(agreed, Office(tmp_path).notary())
    assert not opened.open("a", poll("VEN-1")).signed
    agreed.add("VEN-1")
    with pytest.raises(Unproved):
        opened.open("a", poll("VEN-1"))
    assert opened.open("a", poll("VEN-2"))


@pytest.mark.parametrize(
    "message", [QueryRegistration(request_id="R"), Poll(ven_id="V" * envelopes.LONGEST_POLL)]
)  # fmt: skip
def test_nothing_but_short_polls_is_remembered(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, document, read_again = opener(), write(message).encode(), envelopes.element
    assert opened.open("a", document).message == message
    times: list[bytes] = []

    def element(data: bytes) -> object:
        times.append(data)
        return read_again(data)

    monkeypatch.setattr(envelopes, "element", element)
    assert opened.open("a", document).message == message
    assert times == [document]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes, "MOST_POLLS", 10)
    opened = opener()
    for number in range(100):
        assert opened.open("a", poll(f"VEN-{number}")).message == Poll(ven_id=f"VEN-{number}")
        assert len(opened._polls) <= 10


def test_the_answer_to_a_poll_is_written_once_for_each_ven() -> None:
    opened = opener()
    answers = [Response(ei_response=EiResponse(), ven_id=ven_id) for ven_id in ("VEN-1", "VEN-2", "VEN-1")]
    texts = [opened.close(answer, "a") for answer in answers]
    assert [read(text) for text in texts] == answers
    assert texts[0] is texts[2]
