"""Recorded conversations: whole TPKT streams of libiec61850 and of real devices through our stack, both ways."""

from __future__ import annotations

from pathlib import Path

from janusgrid.iec61850.mms import decode_ber, encode_ber
from janusgrid.iec61850.scsm81 import cotp, session, tpkt
from janusgrid.iec61850.scsm81.address import CALLER, Address
from janusgrid.iec61850.scsm81.stack import Accepted, Called, Calling, Data, Ended, Event, Released, Requested

from tests.iec61850.mms import recorded as pdus
from tests.iec61850.scsm81.pairs import ANSWER, INITIATE, events, recorded

LIBIEC = Address()


def conversations(shared: Path) -> list[tuple[str, list[tuple[str, bytes]]]]:
    folder = shared / "reference/iec61850/mms-vectors"
    return [
        (f"{path.name} {number}", rows)
        for path in sorted(folder.glob("*.jsonl"))
        for number, rows in recorded(path).items()
    ]


def mms(rows: list[tuple[str, bytes]], way: str) -> list[bytes]:
    """Return the PDUs of one direction, the initiate first, by the tests' own reader."""
    return list(pdus.mms_pdus([tpkt for found, tpkt in rows if found == way]))


def test_the_recorded_clients_come_through_the_called_side(shared: Path) -> None:
    found = conversations(shared)
    assert len(found) == 7
    for name, rows in found:
        stack, seen = Called(LIBIEC), []
        for way, octets in rows:
            if way == "c2s":
                stack.receive(octets)
                for event in events(stack):
                    seen.append(event)
                    if isinstance(event, Requested):
                        stack.accept(ANSWER)
        asked, *rest = mms(rows, "c2s")
        assert isinstance(seen[0], Requested), name
        assert seen[0].user_data == asked, name
        assert [event.octets for event in seen if isinstance(event, Data)] == rest, name
        assert (stack.state == "closed") == isinstance(seen[-1], Ended)


def test_the_recorded_servers_come_through_the_calling_side_which_says_what_their_client_said(shared: Path) -> None:
    for name, rows in conversations(shared):
        stack, seen, said = Calling(CALLER, LIBIEC), [], b""
        stack.connect(INITIATE)
        for way, octets in rows:
            said += stack.take()
            if way == "s2c":
                stack.receive(octets)
                seen += events(stack)
        asked, *rest = mms(rows, "s2c")
        assert seen[0] == Accepted(asked), name
        assert [event.octets for event in seen[1:] if isinstance(event, Data)] == rest, name
        assert said == b"".join(octets for way, octets in rows[:4] if way == "c2s")[: len(said)], name
        assert len(said) == 22 + 187, "request of transport and of association, octet by octet as theirs"


def test_our_abort_is_octet_by_octet_theirs(shared: Path) -> None:
    rows = recorded(shared / "reference/iec61850/mms-vectors/files.jsonl")[1]
    stack = Calling(CALLER, LIBIEC)
    stack.connect(INITIATE)
    stack.receive(b"".join(octets for way, octets in rows if way == "s2c"))
    events(stack)
    stack.take()
    stack.abort()
    assert stack.take() == rows[-1][1]


def streams(path: Path) -> list[tuple[bytes, bytes]]:
    """Return what the client and what the server sent in each TCP connection to port 102 that is whole."""
    found: dict[tuple[bytes, bytes], dict[int, bytes]] = {}
    for packet in pdus._packets(path.read_bytes()):
        ip = packet[14:]
        if packet[12:14] != b"\x08\x00" or ip[9] != 6:
            continue
        tcp = ip[(ip[0] & 15) * 4 : int.from_bytes(ip[2:4], "big")]
        payload = tcp[(tcp[12] >> 4) * 4 :]
        if payload[:1] == b"\x03":
            key = (ip[12:16] + tcp[0:2], ip[16:20] + tcp[2:4])
            found.setdefault(key, {})[int.from_bytes(tcp[4:8], "big")] = payload
    joined = {key: b"".join(parts[at] for at in sorted(parts)) for key, parts in found.items()}
    return [(octets, joined[other, one]) for (one, other), octets in joined.items() if octets[5] == cotp.CR]


def test_captures_of_other_stacks(shared: Path) -> None:
    """A gateway with an ABB device, released in good order; and a client that leaves out the TPDU size."""
    folder = shared / "reference/iec61850/pcap"
    ((client, server),) = streams(folder / "Sample_File_MMS_and_GOOSE.pcap")
    called, calling = Called(), Calling()
    calling.connect(INITIATE)
    seen = _both(called, client)
    assert [type(event) for event in seen] == [Requested, Data, Data, Data, Released]
    calling.receive(tpkt.wrap(cotp.Connect(cotp.CC, 0, 1).encode()))  # theirs comes again below
    heard = _answers(calling, server)
    assert [type(event) for event in heard] == [Accepted, Data, Data, Data, Released]
    for name in ("iec61850_read", "iec61850_get_name_list"):
        ((client, server),) = streams(folder / f"{name}.pcap")
        seen = _both(Called(), client)
        assert [type(event) for event in seen] == [Requested, Data, Data]


def _both(stack: Called, octets: bytes) -> list[Event]:
    seen: list[Event] = []
    stack.receive(octets)
    while (event := stack.next_event()) is not None:
        seen.append(event)
        if isinstance(event, Requested):
            assert decode_ber(event.user_data)[0] == "initiate-RequestPDU"
            stack.accept(ANSWER)
    return seen


def _answers(stack: Calling, octets: bytes) -> list[Event]:
    """Give a server's octets to the calling side, releasing before its last message, as the recorded client did."""
    packets = tpkt.Packets()
    packets.feed(octets)
    seen: list[Event] = []
    while (tpdu := packets.next()) is not None:
        found = cotp.parse(tpdu)
        if isinstance(found, cotp.Connect):
            continue
        assert isinstance(found, cotp.Data)
        if found.content[0] == session.DISCONNECT:
            stack.release()
        stack.receive(tpkt.wrap(tpdu))
        seen += events(stack)
    return seen


def test_the_answer_of_our_server_is_read_by_the_tests_own_reader() -> None:
    """The accepting message as a whole: session, presentation and ACSE written by us, read by code that is not ours."""
    stack = Called()
    stack.receive(tpkt.wrap(cotp.Connect(cotp.CR, 0, 1).encode()))
    calling = Calling()
    calling.connect(INITIATE)
    calling.take()
    calling.receive(tpkt.wrap(cotp.Connect(cotp.CC, 0, 1).encode()))
    events(calling)
    stack.receive(calling.take())
    events(stack)
    stack.take()
    stack.accept(encode_ber(decode_ber(ANSWER)))
    assert list(pdus.mms_pdus([stack.take()])) == [ANSWER]
