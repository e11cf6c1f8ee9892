"""Files, the same on every way."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from janusgrid.common.errors import LocalError
from janusgrid.iec61850.acsi.errors import ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.files import (
    DeleteFile,
    FileEntry,
    GetFile,
    GetFileAttributeValues,
    GetServerFiles,
    RenameFile,
    SetFile,
)
from janusgrid.iec61850.acsi.services import GetServerDirectory, Request
from janusgrid.iec61850.client import Ied
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.server import Folder

from tests.iec61850.plant import LD
from tests.iec61850.wires import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

E = ServiceError
FAULT = random.Random(61850).randbytes(150_000)
SMALL = initiate.Limits(pdu_size=1000)


@pytest.fixture
def folder(tmp_path: Path, rig: Rig) -> Path:
    """What the rig's server serves, clients may write."""
    root = tmp_path / "files"
    (root / "COMTRADE").mkdir(parents=True)
    (root / "COMTRADE" / "fault1.dat").write_bytes(FAULT)
    (root / "COMTRADE" / "empty.txt").touch()
    (root / "DG750.cid").write_text("<SCL/>")
    (root / "DG 750 & <Söhne>").touch()  # no name for a wire
    for path in root.rglob("*"):
        os.utime(path, (1_763_700_000.25, 1_763_700_000.25))
    (tmp_path / "secret.txt").write_text("out of the folder")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to(tmp_path)
    (root / ".hidden").touch()
    os.mkfifo(root / "pipe")
    rig.server.serve_files(root, writable=True)
    return root


async def refusal(rig: Rig, request: Request[object], limits: initiate.Limits | None = None) -> ServiceError:
    association = await rig.associate(limits=limits)
    with pytest.raises(ServiceRefused) as refused:
        await association.call(request)
    return refused.value.error


async def test_what_there_is(rig: Rig, folder: Path) -> None:
    association = await rig.associate()
    assert await association.call(GetServerDirectory()) == (LD,)
    assert await association.call(GetServerFiles()) == ("COMTRADE/", "DG750.cid")
    time = datetime(2025, 11, 21, 4, 40, 0, 250_000, tzinfo=UTC)
    assert await association.call(GetFileAttributeValues("DG750.cid")) == (FileEntry("DG750.cid", 6, time),)
    fault = FileEntry("COMTRADE/fault1.dat", 150_000, time)
    for name in ("COMTRADE", "COMTRADE/", "/COMTRADE", "\\COMTRADE\\"):
        found = await association.call(GetFileAttributeValues(name))
        assert found == (FileEntry("COMTRADE/empty.txt", 0, time), fault)
        assert not fault.is_directory


async def test_a_large_directory_comes_in_pages(rig: Rig, folder: Path) -> None:
    for number in range(60):
        (folder / f"{'long name ' * 9}{number:03}.txt").touch()
    association = await rig.associate(limits=SMALL)
    names = await association.call(GetServerFiles())
    assert len(names) == 62
    assert list(names) == sorted(names)


@pytest.mark.parametrize("size", [0, 1, 500, 150_000])
@pytest.mark.parametrize("limits", [None, SMALL], ids=["large", "small"])
async def test_there_and_back(rig: Rig, folder: Path, size: int, limits: initiate.Limits | None) -> None:
    size = min(size, 5_000) if limits else size
    association = await rig.associate(limits=limits)
    content = FAULT[:size]
    await association.call(SetFile("COMTRADE/new.bin", content))
    assert (folder / "COMTRADE" / "new.bin").read_bytes() == content
    assert await association.call(GetFile("COMTRADE/new.bin")) == content
    await association.call(SetFile("COMTRADE/new.bin", b"again"))
    assert await association.call(GetFile("\\COMTRADE\\new.bin")) == b"again"
    await association.call(RenameFile("COMTRADE/new.bin", "newer.bin"))
    assert (folder / "newer.bin").read_bytes() == b"again"
    await association.call(DeleteFile("newer.bin"))
    assert await refusal(rig, GetFile("newer.bin")) is E.INSTANCE_NOT_AVAILABLE
    assert [path.name for path in (folder / "COMTRADE").iterdir() if path.name.startswith(".")] == []


NAMES = [
    ("none.txt", E.INSTANCE_NOT_AVAILABLE),
    ("none/none.txt", E.INSTANCE_NOT_AVAILABLE),
    ("DG750.cid/x", E.INSTANCE_NOT_AVAILABLE),
    ("link.txt", E.INSTANCE_NOT_AVAILABLE),
    ("up/secret.txt", E.INSTANCE_NOT_AVAILABLE),
    ("COMTRADE", E.ACCESS_VIOLATION),
    ("pipe", E.ACCESS_VIOLATION),
    ("../secret.txt", E.PARAMETER_VALUE_INAPPROPRIATE),
    ("COMTRADE/../../secret.txt", E.PARAMETER_VALUE_INAPPROPRIATE),
    ("..\\secret.txt", E.PARAMETER_VALUE_INAPPROPRIATE),
    ("//etc/passwd", E.PARAMETER_VALUE_INAPPROPRIATE),
    ("./DG750.cid", E.PARAMETER_VALUE_INAPPROPRIATE),
    ("C:\\boot.ini", E.PARAMETER_VALUE_INAPPROPRIATE),
    (".hidden", E.PARAMETER_VALUE_INAPPROPRIATE),
    ("x" * 300, E.PARAMETER_VALUE_INAPPROPRIATE),
    ("", E.PARAMETER_VALUE_INAPPROPRIATE),
]


@pytest.mark.parametrize(("name", "error"), NAMES)
async def test_names_that_lead_nowhere(rig: Rig, folder: Path, name: str, error: ServiceError) -> None:
    before = sorted(folder.parent.rglob("*"))
    assert await refusal(rig, GetFile(name)) is error
    assert await refusal(rig, DeleteFile(name)) is error
    assert await refusal(rig, RenameFile(name, "other.txt")) is error
    if "link" not in name and name not in ("none.txt", "pipe"):
        assert await refusal(rig, SetFile(name, b"gotcha")) is error
    assert sorted(folder.parent.rglob("*")) == before
    assert (folder.parent / "secret.txt").read_text() == "out of the folder"


async def test_what_is_there_is_not_renamed_over(rig: Rig, folder: Path) -> None:
    assert await refusal(rig, RenameFile("DG750.cid", "COMTRADE/fault1.dat")) is E.INSTANCE_IN_USE


async def test_too_large(rig: Rig, folder: Path) -> None:
    rig.server.serve_files(Folder(folder, writable=True, largest=1000))
    association = await rig.associate(limits=SMALL)
    await association.call(SetFile("fits.bin", FAULT[:1000]))
    with pytest.raises(ServiceRefused) as refused:
        await association.call(SetFile("large.bin", FAULT[:1001]))
    assert refused.value.error is E.FAILED_DUE_TO_SERVER_CONSTRAINT
    with pytest.raises(LocalError, match="more than 999 octets"):
        await association.call(GetFile("fits.bin", limit=999))
    assert await association.call(GetFile("fits.bin", limit=1000)) == FAULT[:1000]
    assert not [name for name in os.listdir(folder) if "large" in name or name.endswith(".part")]


async def test_read_only(rig: Rig, folder: Path) -> None:
    """Without `writable`, what changes something is not there (new associations announce it so)."""
    other = type(rig.server)(rig.server.model, clock=rig.clock)
    other.serve_files(folder)
    association = other.connect()
    assert await association.call(GetFile("DG750.cid")) == b"<SCL/>"
    for request in (SetFile("a", b""), DeleteFile("DG750.cid"), RenameFile("DG750.cid", "a")):
        with pytest.raises(ServiceRefused) as refused:
            await association.call(request)
        assert refused.value.error is E.CLASS_NOT_SUPPORTED


async def test_a_server_without_files(rig: Rig) -> None:
    for request in (GetServerFiles(), GetFile("a"), SetFile("a", b""), DeleteFile("a"), GetFileAttributeValues()):
        assert await refusal(rig, request) is E.CLASS_NOT_SUPPORTED


async def test_the_facade(rig: Rig, folder: Path, tmp_path: Path) -> None:
    async with Ied(await rig.associate()) as ied:
        assert [entry.name async for entry in ied.files()] == ["COMTRADE/", "DG750.cid"]
        assert await ied.get_file("COMTRADE/fault1.dat", tmp_path / "copy.dat") == FAULT
        assert (tmp_path / "copy.dat").read_bytes() == FAULT
        await ied.put_file("copy.dat", tmp_path / "copy.dat")
        await ied.put_file("COMTRADE/text.txt", b"text")
        await ied.rename_file("COMTRADE/text.txt", "text.txt")
        assert [entry.size async for entry in ied.files("text.txt")] == [4]
        await ied.delete_file("text.txt")
        assert (folder / "copy.dat").read_bytes() == FAULT
        with pytest.raises(LocalError, match="cannot read"):
            await ied.put_file("copy.dat", tmp_path / "nothing.dat")
        with pytest.raises(LocalError, match="cannot write"):
            await ied.get_file("copy.dat", tmp_path / "nowhere" / "copy.dat")
