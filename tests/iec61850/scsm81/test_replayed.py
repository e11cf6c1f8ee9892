"""Recorded associations, every octet of their clients sent to our server, which answers as the recorded server did.

Both are compared PDU by PDU and part by part. What differs is written down with its reason; a reason that no
difference needs any more fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from janusgrid.common.clock import LockStepClock
from janusgrid.iec61850 import AddCause, Command, Server, build
from janusgrid.iec61850.mms import decode_ber, pdu
from janusgrid.iec61850.scsm81.address import ANY, Address

from tests.iec61850.mms import recorded as pdus
from tests.iec61850.scsm81.test_recorded import streams

LIBIEC = Address()
DIRECT, CONTROL = "libiec61850_simpleIO_direct_control.cid", "libiec61850_simpleIO_control_tests.cid"
IO = "simpleIOGenericIO/GGIO1"
START = datetime(2026, 11, 21, 8, 5, tzinfo=UTC)

SERVICES = {r"^0: 1: init_response_detail: services_supported_called": "each server announces what it has"}
OPTIONAL_FIELDS = {
    r"list_of_access_result: 0: 1: 1: 5: 1: 0: 482, not 490": "only buffered blocks can tell of an overflow",
}
OWNER = {r"1: 1: 12 parts, not 11": "the file declares that blocks have an owner (ReportSettings)"}
ENTRY_TIME = {r"list_of_access_result: 3: 1: 1: b": "the time of entry"}


@attrs.frozen
class Row:
    """A packet of a recording: when it came, and who sent it, `c2s` or `s2c`."""

    time: float
    way: str
    octets: bytes


def conversation(shared: Path, name: str, number: int = 1) -> list[Row]:
    lines = (shared / "reference/iec61850/mms-vectors" / name).read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["conn"] == number]
    return [Row(row["t"], row["dir"], bytes.fromhex(row["tpkt"])) for row in rows]


def captured(shared: Path, name: str) -> list[Row]:
    """Return the one association of a capture, question by question."""
    ((client, server),) = streams(shared / "reference/iec61850/pcap" / name)
    both = zip(pdus._tpkts(client), pdus._tpkts(server), strict=True)
    return [Row(0, way, octets) for pair in both for way, octets in zip(("c2s", "s2c"), pair, strict=True)]


class Replay:
    """Our server in the place of the recorded one, its clock as in the recording."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.clock = LockStepClock(START)
        self.theirs = [row.octets for row in rows if row.way == "s2c"]
        self.ours: list[bytes] = []

    async def run(self, server: Server, address: Address = LIBIEC) -> None:
        """Send what the client sent, packet by packet, and wait each time for as many as the recorded server sent."""
        listening = await server.start_tcp(port=0, address=address)
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        now = self.rows[0].time
        for row in self.rows:
            await self.clock.advance(row.time - now)
            now = row.time
            if row.way == "c2s":
                writer.write(row.octets)
                continue
            async with asyncio.timeout(5):
                head = await reader.readexactly(4)
                self.ours.append(head + await reader.readexactly(int.from_bytes(head[2:], "big") - 4))
        writer.close()
        await server.close()

    def messages(self, packets: list[bytes]) -> list[pdu.MMSpdu]:
        return [decode_ber(octets) for octets in pdus.mms_pdus(packets)]

    def explained(self, *reasons: dict[str, str]) -> None:
        """Check that each difference has its reason, and each reason a difference."""
        ours, theirs = self.messages(self.ours), self.messages(self.theirs)
        assert len(ours) == len(theirs)
        found = [f"{n}{at}" for n, both in enumerate(zip(ours, theirs, strict=True)) for at in parts(*both)]
        known = [pattern for each in reasons for pattern in each]
        assert [one for one in found if not any(re.search(pattern, one) for pattern in known)] == []
        assert [pattern for pattern in known if not any(re.search(pattern, one) for one in found)] == []


def parts(one: object, other: object, where: str = "") -> Iterator[str]:
    """Yield where two PDUs differ."""
    if attrs.has(type(one)) and type(one) is type(other):
        for field in attrs.fields(type(one)):  # type: ignore[arg-type]
            yield from parts(getattr(one, field.name), getattr(other, field.name), f"{where}: {field.name}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            yield f"{where}: {len(one)} parts, not {len(other)}"
        for at, (mine, theirs) in enumerate(zip(one, other, strict=False)):
            yield from parts(mine, theirs, f"{where}: {at}")
    elif one != other:
        yield f"{where}: {one!r}, not {other!r}"


# --- libiec61850 -----------------------------------------------------------------------------------------------------


def demo(shared: Path, model: str, clock: LockStepClock) -> Server:
    """Return a server with the model of a demonstration of libiec61850."""
    return Server.from_scl(shared / "reference/iec61850/scl" / model, clock=clock)


async def test_every_control_model(shared: Path) -> None:
    """Direct and selected, of normal and of enhanced security, with both kinds of termination: nothing differs."""
    replay = Replay(conversation(shared, "ctl_all.jsonl"))
    server = demo(shared, CONTROL, replay.clock)

    def carry_out(command: Command) -> None:
        if command.reference.path == ("SPCSO9",):
            command.refuse(AddCause.UNKNOWN)

    for number in (1, 2, 3, 4, 9):
        server.on_operate(f"{IO}.SPCSO{number}")(carry_out)
    await replay.run(server)
    replay.explained(SERVICES)


async def test_reading_writing_and_reports(shared: Path) -> None:
    """A value that was simulated there is set here; the integrity period passes as it did there."""
    replay = Replay(conversation(shared, "ex1_basic.jsonl"))
    server = demo(shared, DIRECT, replay.clock)
    server.update(f"{IO}.AnIn1.mag.f", struct.unpack(">f", bytes.fromhex("3f64262b"))[0])
    await replay.run(server)
    replay.explained(OPTIONAL_FIELDS, OWNER, ENTRY_TIME)


async def test_report_control_block(shared: Path) -> None:
    replay = Replay(conversation(shared, "rep_basic.jsonl"))
    await replay.run(demo(shared, DIRECT, replay.clock))
    replay.explained(OPTIONAL_FIELDS, OWNER, ENTRY_TIME)


async def test_discovery(shared: Path) -> None:
    """The names of the whole server, made from its SCL file there and here."""
    replay = Replay(conversation(shared, "ex2_discovery.jsonl"))
    await replay.run(demo(shared, DIRECT, replay.clock))
    names = {r"^2: 1: service: 1: list_of_identifier: ": "names are in ASCII order here, and as the file declares"}
    replay.explained(names)
    ours, theirs = (set(_names(replay.messages(packets)[2])) for packets in (replay.ours, replay.theirs))
    assert {name.rpartition("$")[2] for name in ours - theirs} == {"Owner"}, "which the file declares"
    assert {name.rpartition("$")[2] for name in theirs - ours} == {"ResvTms"}, "which it does not"


def _names(message: pdu.MMSpdu) -> list[str]:
    found = message[1]
    assert isinstance(found, pdu.ConfirmedResponsePDU)
    answer = found.service[1]
    assert isinstance(answer, pdu.GetNameListResponse)
    return answer.list_of_identifier


async def test_files(shared: Path, tmp_path: Path) -> None:
    """The same directory; a file that is not there, opened and deleted."""
    file = tmp_path / "test"
    file.write_bytes(b"12345")
    when = datetime(2026, 11, 21, 7, 43, 57, tzinfo=UTC).timestamp()
    os.utime(file, (when, when))
    for number in (1, 2, 3):
        replay = Replay(conversation(shared, "files.jsonl", number))
        server = demo(shared, DIRECT, replay.clock)
        server.serve_files(tmp_path, writable=True)
        await replay.run(server)
        replay.explained(SERVICES)


# --- captures --------------------------------------------------------------------------------------------------------


async def test_an_abb_device_that_has_not_what_its_gateway_wants(shared: Path) -> None:
    """The model is made from what was asked for: a device LD0 whose LLN0 has no block of that name."""
    replay = Replay(captured(shared, "Sample_File_MMS_and_GOOSE.pcap"))
    server = Server(build("AA1E1Q01FP2").device("LD0").model(), clock=replay.clock)
    await replay.run(server, ANY)
    limits = r"^0: 1: (negotiated_max_serv_outstanding_called|local_detail_called): "
    replay.explained(SERVICES, {limits: "as many requests, and octets in a PDU, as either can do"})


@pytest.mark.parametrize("name", ["iec61850_read.pcap", "iec61850_get_name_list.pcap"])
async def test_a_simulator_without_answers(shared: Path, name: str) -> None:
    """Its answers hold no service, and are no MMS: what has to be the same is who answers what, and the end."""
    replay = Replay(captured(shared, name))
    await replay.run(Server(build("mu").device("LD0").model(), clock=replay.clock), ANY)
    kinds = [kind for kind, _ in replay.messages(replay.ours)]
    assert kinds == ["initiate-ResponsePDU", "confirmed-ResponsePDU", "conclude-ResponsePDU"]
