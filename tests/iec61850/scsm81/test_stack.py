"""The layers below MMS, side by side: what they agree on, refuse, cut up, release and abort."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import LocalError
from janusgrid.iec61850.scsm81 import cotp, presentation, session, tpkt
from janusgrid.iec61850.scsm81.address import ANY, Address
from janusgrid.iec61850.scsm81.errors import Aborted, AssociationRefused, LayerFault
from janusgrid.iec61850.scsm81.stack import (
    CALLED,
    CALLING,
    HANDSHAKE_LIMIT,
    Called,
    Data,
    Ended,
    Released,
    Requested,
)

from tests.iec61850.scsm81.pairs import ANSWER, INITIATE, events, exchange, opened, pair

OURS = Address(b"\0\2", b"\0\3", b"\0\0\0\4", "1.3.9999.1", 23)


def refused(calling: object, server: object) -> AssociationRefused:
    calling.connect(INITIATE)  # type: ignore[attr-defined]
    (ended,), there = exchange(calling, server)  # type: ignore[arg-type, misc]
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, AssociationRefused)
    assert calling.state == server.state == "closed"  # type: ignore[attr-defined]
    assert isinstance(there[-1], Ended), there
    return ended.error


def test_an_association_opens_carries_data_and_is_released() -> None:
    calling, server = opened(local=OURS, called=OURS)
    calling.send(b"question")
    server.send(b"answer")
    assert exchange(calling, server) == ([Data(b"answer")], [Data(b"question")])
    calling.release()
    assert exchange(calling, server) == ([Released()], [Released()])
    assert calling.state == server.state == "closed"


def test_the_server_releases_and_both_at_once() -> None:
    calling, server = opened()
    server.release()
    assert exchange(calling, server) == ([Released()], [Released()])
    calling, server = opened()
    calling.release()
    server.release()
    assert exchange(calling, server) == ([Released()], [Released()])


def test_data_may_still_come_while_releasing() -> None:
    calling, server = opened()
    calling.release()
    server.send(b"late")
    calling.receive(server.take())
    assert events(calling) == [Data(b"late")]


@pytest.mark.parametrize("side", [0, 1])
def test_an_abort_ends_both(side: int) -> None:
    sides = opened()
    sides[side].abort()
    found = exchange(*sides)
    assert found[side] == []
    (ended,) = found[1 - side]
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, Aborted)
    assert ended.error.code == "peer-user"
    assert sides[0].state == sides[1].state == "closed"


@pytest.mark.parametrize(
    ("wrong", "layer", "code"),
    [
        ({"tsel": b"\0\1"}, "transport", "transport-address-unknown"),
        ({"ssel": b"\0\1"}, "session", "session-selector-unknown"),
        ({"psel": b"\0\0\0\1"}, "presentation", "presentation-address-unknown"),
        ({"ap_title": "1.1.1.999.1"}, "acse", "called-ap-title-not-recognized"),
        ({"ae_qualifier": 12}, "acse", "called-ae-qualifier-not-recognized"),
    ],
    ids=["tsel", "ssel", "psel", "ap_title", "ae_qualifier"],
)
def test_each_layer_refuses_who_is_not_there(wrong: dict[str, object], layer: str, code: str) -> None:
    error = refused(*pair(OURS, attrs.evolve(OURS, **wrong)))  # type: ignore[arg-type]
    assert (error.layer, error.code, error.temporary) == (layer, code, False)


@pytest.mark.parametrize("called", [ANY, Address(b"", b"", b"", None, None)], ids=["missing", "empty"])
def test_what_the_client_does_not_say_is_not_held_against_it(called: Address) -> None:
    opened(local=OURS, called=called)


@pytest.mark.parametrize(
    ("password", "code"),
    [(None, "authentication-required"), (b"wrong", "authentication-failure")],
    ids=["none", "wrong"],
)
def test_a_password_is_asked_for(password: bytes | None, code: str) -> None:
    error = refused(*pair(password=password, secret=b"secret"))
    assert (error.layer, error.code) == ("acse", code)
    assert b"secret" not in str(error).encode()


def test_the_right_password_opens() -> None:
    opened(password=b"secret", secret=b"secret")
    opened(password=b"not asked for")


def test_mms_refuses_with_its_own_error() -> None:
    calling, server = pair()
    calling.connect(INITIATE)
    exchange(calling, server)
    server.refuse(b"\xaa\x05\xa0\x03\x87\x01\x05", temporary=True)
    ((ended,), _) = exchange(calling, server)
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, AssociationRefused)
    assert ended.error.user_data == b"\xaa\x05\xa0\x03\x87\x01\x05"
    assert ended.error.temporary


@given(st.binary(max_size=70_000), st.sampled_from([None, *range(7, 14)]))
def test_messages_of_any_length_arrive_in_tpdus_of_any_size(content: bytes, code: int | None) -> None:
    calling, server = opened()
    server.message_limit = 80_000
    calling._tpdu_size = cotp.octets_of(code)
    calling.send(content)
    octets = calling.take()
    packets = tpkt.Packets()
    packets.feed(octets)
    sizes = []
    while (tpdu := packets.next()) is not None:
        sizes.append(len(tpdu))
    assert max(sizes) <= cotp.octets_of(code)
    server.receive(octets)
    assert events(server) == [Data(content)]


@given(st.data())
def test_it_makes_no_difference_how_the_stream_is_cut(data: st.DataObject) -> None:
    calling, server = opened()
    expected = [Data(bytes([number]) * number * 40) for number in range(5)]
    calling._tpdu_size = 128
    for event in expected:
        calling.send(event.octets)
    octets, found = calling.take(), []
    while octets:
        size = data.draw(st.integers(1, len(octets)))
        server.receive(octets[:size])
        octets = octets[size:]
        found += events(server)
    assert found == expected
    assert not server.partial


@pytest.mark.parametrize(("proposed", "settled"), [(7, 128), (10, 1024), (13, 8192), (16, 8192), (None, 65531)])
def test_the_smaller_tpdu_size_counts(proposed: int | None, settled: int) -> None:
    server = Called()
    server.receive(tpkt.wrap(cotp.Connect(cotp.CR, 0, 1, proposed, b"\0\1", b"\0\1").encode()))
    assert events(server) == []
    confirmed = cotp.parse(server.take()[4:])
    assert isinstance(confirmed, cotp.Connect)
    assert confirmed.size_code == (None if proposed is None else min(proposed, 13))
    assert server._tpdu_size == settled


def test_a_message_has_an_end() -> None:
    _, server = opened()
    server.message_limit = 1000
    for _ in range(8):
        server.receive(tpkt.wrap(b"\x02\xf0\x00" + bytes(127)))
    (ended,) = events(server)
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, LayerFault)
    assert ended.error.layer == "transport"
    before = Called()
    before.receive(tpkt.wrap(cotp.Connect(cotp.CR, 0, 1).encode()))
    for _ in range(HANDSHAKE_LIMIT // 4000 + 1):
        before.receive(tpkt.wrap(b"\x02\xf0\x00" + bytes(4000)))
    assert [type(event) for event in events(before)] == [Ended]


@pytest.mark.parametrize(
    ("message", "layer", "answer"),
    [
        (b"\x01\x00\x01\x00\x61\x80", "presentation", b"\x19"),
        (b"\x01\x00\x01\x00" + presentation.user_data(1, b"x"), "presentation", b"\x19"),
        (b"\x63\x00", "session", b"\x19"),
        (b"\x01\x00\x02\x00", "session", b"\x19"),
        (session.Spdu(session.FINISH, presentation.user_data(1, b"\x63\x03\x80\x01\x00")).encode(), "acse", b"\x19"),
        (session.Spdu(session.CONNECT, b"\x31\x00").encode(), None, b"\x19"),
    ],
    ids=["length", "context", "kind", "tokens", "RLRE", "out of place"],
)
def test_the_layer_that_finds_a_fault_aborts(message: bytes, layer: str | None, answer: bytes) -> None:
    calling, server = opened()
    server.receive(cotp.packets(message, 8192))
    (ended,) = events(server)
    assert isinstance(ended, Ended)
    if layer is not None:
        assert isinstance(ended.error, LayerFault)
        assert ended.error.layer == layer
    sent = server.take()
    assert sent[7:8] == answer
    calling.receive(sent)
    (heard,) = events(calling)
    assert isinstance(heard, Ended)
    assert isinstance(heard.error, Aborted)
    server.receive(cotp.packets(message, 8192))
    assert events(server) == []


def test_what_is_not_tpkt_is_seen_at_the_first_octet() -> None:
    server = Called()
    server.receive(b"G")
    (ended,) = events(server)
    assert isinstance(ended, Ended)
    assert server.take() == b""
    assert "0x47" in str(ended.error)


def test_misuse_is_the_callers_mistake() -> None:
    calling, server = pair()
    for wrong in (lambda: calling.send(b""), calling.release, lambda: server.accept(ANSWER), server.refuse):
        with pytest.raises(LocalError):
            wrong()
    with pytest.raises(LocalError):
        Address(tsel=bytes(33))
    for title in ("", "1", "1.40.1", "3.1", "1.x"):
        with pytest.raises(LocalError):
            Address(ap_title=title)


def test_addresses_out_of_scl() -> None:
    texts = {"OSI-TSEL": "0001", "OSI-PSEL": "00000001", "OSI-AP-Title": "1,3,9999,23", "OSI-AE-Qualifier": "23"}
    assert Address.from_scl(texts) == Address(b"\0\1", None, b"\0\0\0\1", "1.3.9999.23", 23)
    assert Address.from_scl({"IP": "127.0.0.1"}) == ANY
    with pytest.raises(LocalError):
        Address.from_scl({"OSI-TSEL": "00 g"})


def test_long_selectors_and_passwords_go_through() -> None:
    long = Address(bytes(32), bytes(16), bytes(16), "2.999.4294967295.1", -1)
    calling, server = opened(local=long, called=long, password=b"x" * 600, secret=b"x" * 600)
    assert calling.state == server.state == "open"


@pytest.mark.parametrize("machine", [CALLING, CALLED], ids=["calling", "called"])
def test_the_tables_end_where_they_should(machine: object) -> None:
    assert "closed" in machine.table("markdown")  # type: ignore[attr-defined]


def test_who_calls_is_told() -> None:
    calling, server = pair()
    calling.connect(INITIATE)
    _, (requested,) = exchange(calling, server)
    assert isinstance(requested, Requested)
    assert requested.calling.ap_title == "1.1.1.999"
    assert requested.user_data == INITIATE
