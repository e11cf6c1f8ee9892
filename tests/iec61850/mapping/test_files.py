"""Files below the services: blocks that fit every PDU size, handles, and peers that break off or misbehave."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import Malformed, NotReachable
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.files import FileEntry, GetFile, GetFileAttributeValues, SetFile
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mapping.files import block_size, from_name, to_name
from janusgrid.iec61850.mms import pdu
from janusgrid.iec61850.scsm81.client import TcpAssociation
from janusgrid.iec61850.server import Folder, Server

from tests.iec61850.plant import plant
from tests.iec61850.wires import Ber, MemoryAssociation, TestWire, Xer, until

WIRES: list[TestWire] = [Ber(), Xer("80-3"), Xer("2018")]
NAME = st.text(st.sampled_from("abcXYZ019._- &<>'"), min_size=1, max_size=200)


@pytest.fixture
def served(tmp_path: Path) -> tuple[Server, Path]:
    server = Server(plant())
    server.serve_files(tmp_path, writable=True)
    return server, tmp_path


@given(st.sampled_from(WIRES), st.integers(512, 70_000), st.binary(min_size=1, max_size=1))
def test_a_block_fits_and_leaves_little_room(wire: TestWire, pdu_size: int, octet: bytes) -> None:
    block = block_size(wire, pdu_size)

    def size(octets: int) -> int:
        response = pdu.FileReadResponse(octet * octets, more_follows=False)
        answer = pdu.ConfirmedResponsePDU(0x7FFF_FFFF, ("fileRead", response))
        return wire.size(wire.encode(("confirmed-ResponsePDU", answer)))

    assert size(block) <= pdu_size
    assert size(block + block // 300 + 32) > pdu_size


@given(NAME)
def test_names_in_parts(name: str) -> None:
    parts = to_name(name)
    assert from_name(parts) == name
    assert all(len(part) <= 64 for part in parts)


class Listed:
    """A store that lists what it is told to."""

    writable = False

    def __init__(self, found: list[FileEntry]) -> None:
        self.found = found

    def entries(self, name: str) -> list[FileEntry]:
        return self.found


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(WIRES), st.integers(900, 4000), st.lists(NAME, max_size=60, unique=True))
def test_pages_of_a_directory_fit(wire: TestWire, pdu_size: int, names: list[str]) -> None:
    entries = [FileEntry(name, 0xFFFF_FFFF) for name in sorted(names)]

    async def run() -> None:
        server = Server(plant())
        server.engine.serve_files(Listed(entries))  # type: ignore[arg-type]
        association = MemoryAssociation(server, wire, "pages", initiate.Limits(pdu_size=pdu_size))
        assert await association.call(GetFileAttributeValues()) == tuple(entries)
        await server.close()

    asyncio.run(run())


# --- handles ---------------------------------------------------------------------------------------------------------


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def opened(association: MemoryAssociation, invoke_id: int) -> pdu.MMSpdu:
    asked = pdu.ConfirmedRequestPDU(invoke_id, ("fileOpen", pdu.FileOpenRequest(["a"], 0)))
    return association.wire.decode(await association.raw(("confirmed-RequestPDU", asked)))


@pytest.mark.asyncio
async def test_handles_are_few_and_end_with_the_association(served: tuple[Server, Path]) -> None:
    server, root = served
    (root / "a").write_text("a")
    descriptors = open_files()
    first, second = (MemoryAssociation(server, Ber(), name) for name in "12")
    answers = [await opened(first, number) for number in range(12)]
    assert [answer[0] for answer in answers] == ["confirmed-ResponsePDU"] * 10 + ["confirmed-ErrorPDU"] * 2
    read: pdu.MMSpdu = ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(1, ("fileRead", 1)))
    _, error = second.wire.decode(await second.raw(read))  # the handle of another association
    assert error.service_error.error_class == ("file", pdu.FileError.FILE_NON_EXISTENT)  # type: ignore[union-attr]
    assert open_files() == descriptors + 10
    await first.abort()
    assert open_files() == descriptors
    await server.close()


# --- a server and clients that misbehave -----------------------------------------------------------------------------


def answering(*services: Any) -> MmsClient:
    """Return a client whose server gives these answers."""
    left = list(services)

    async def exchange(message: pdu.MMSpdu) -> pdu.MMSpdu:
        assert message[0] == "confirmed-RequestPDU"
        service = left.pop(0) if len(left) > 1 else left[0]
        return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(message[1].invoke_id, service))

    return MmsClient(exchange, "hostile")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answers",
    [
        [("fileDirectory", pdu.FileDirectoryResponse([], True))],
        [("fileDirectory", pdu.FileDirectoryResponse([pdu.DirectoryEntry(["a"], pdu.FileAttributes(1))], True))],
        [("fileClose", None)],
    ],
)
async def test_a_server_that_lists_without_end(answers: list[Any]) -> None:
    with pytest.raises(Malformed):
        await answering(*answers).call(GetFileAttributeValues())


@pytest.mark.asyncio
async def test_a_server_that_sends_without_end() -> None:
    open_: Any = ("fileOpen", pdu.FileOpenResponse(1, pdu.FileAttributes(0)))
    with pytest.raises(Malformed, match="gives nothing"):
        await answering(open_, ("fileRead", pdu.FileReadResponse(b"", True))).call(GetFile("a"))
    with pytest.raises(Exception, match="more than 10000 octets"):
        await answering(open_, ("fileRead", pdu.FileReadResponse(bytes(999), True))).call(GetFile("a", limit=10_000))


@pytest.mark.asyncio
async def test_a_client_gives_only_what_it_sets() -> None:
    client = answering(("obtainFile", None))
    question = pdu.ConfirmedRequestPDU(7, ("fileOpen", pdu.FileOpenRequest(["/etc/passwd"], 0)))
    kind, answer = client.files.serve(question, 100)
    assert kind == "confirmed-ErrorPDU"
    assert answer.service_error.error_class == ("file", pdu.FileError.FILE_NON_EXISTENT)  # type: ignore[union-attr]
    kind, _ = client.files.serve(pdu.ConfirmedRequestPDU(8, ("identify", None)), 100)
    assert kind == "rejectPDU"
    await client.call(SetFile("a", b""))
    assert not client.files.offering


class Mean(MemoryAssociation):
    """A client that answers the server's questions in its own way."""

    way = "endless"

    async def fetch(self, message: pdu.MMSpdu) -> pdu.MMSpdu:
        _, request = message
        assert isinstance(request, pdu.ConfirmedRequestPDU)
        kind, _ = request.service
        if self.way == "gone":
            raise NotReachable("gone")
        if self.way == "reject":
            return ("rejectPDU", pdu.RejectPDU(("confirmed-requestPDU", 1), request.invoke_id))
        if self.way == "other":
            return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(request.invoke_id, ("fileClose", None)))
        if kind == "fileRead" and self.way == "endless":
            block: Any = ("fileRead", pdu.FileReadResponse(bytes(30_000), True))
            return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(request.invoke_id, block))
        if kind == "fileRead":
            block = ("fileRead", pdu.FileReadResponse(b"", True))
            return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(request.invoke_id, block))
        return await super().fetch(message)


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["endless", "empty", "gone", "reject", "other"])
async def test_a_client_that_gives_no_file(served: tuple[Server, Path], way: str) -> None:
    server, root = served
    (root / "a").write_text("as it was")
    server.serve_files(Folder(root, writable=True, largest=100_000))
    association = Mean(server, Ber(), way)
    association.way = way
    with pytest.raises(ServiceRefused):
        await association.call(SetFile("a", b"new"))
    assert [path.name for path in root.iterdir()] == ["a"]
    assert (root / "a").read_text() == "as it was"
    await server.close()


@pytest.mark.asyncio
async def test_a_client_that_may_not_be_asked(served: tuple[Server, Path]) -> None:
    server, _ = served
    association = MemoryAssociation(server, Ber(), "silent")
    association.mms._files._parameters = initiate.accept(  # as of a client that takes no requests
        pdu.InitiateRequestPDU(1, 0, pdu.InitRequestDetail(1, initiate.bits(initiate.CBB, 11), (0, 85))),
        initiate.Limits(),
    )[0]
    with pytest.raises(ServiceRefused) as refused:
        await association.call(SetFile("a", b""))
    assert refused.value.error is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
    await server.close()


@pytest.mark.asyncio
async def test_a_client_that_goes_while_it_sets(served: tuple[Server, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of the file, nor of the handles, when the connection breaks in the middle."""
    server, root = served
    listener = await server.start_tcp(port=0)
    association = await TcpAssociation.open("127.0.0.1", listener.port)
    monkeypatch.setattr(association, "_reply_meanwhile", lambda answer: None)  # it does not answer
    setting = asyncio.create_task(association.call(SetFile("a", b"content")))
    await until(lambda: any(root.iterdir()))
    await association.abort()
    with pytest.raises(NotReachable):
        await setting
    await until(lambda: not any(root.iterdir()))
    await server.close()


@pytest.mark.asyncio
async def test_what_is_announced(served: tuple[Server, Path]) -> None:
    server, root = served
    all_, some = initiate.FILE_SERVICES | initiate.FILE_CHANGES, initiate.FILE_SERVICES
    for serves, announced in ((Folder(root, writable=True), all_), (Folder(root), some), (None, frozenset())):
        server = Server(plant())
        if serves is not None:
            server.serve_files(serves)
        association = MemoryAssociation(server, Ber(), "asks")
        assert association.parameters.services & all_ == announced
        await server.close()
