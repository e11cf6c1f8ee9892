"""Setting groups, data sets, substitution, files and control blocks of GOOSE with live peers, in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from janusgrid.common.errors import Malformed, UnknownName
from janusgrid.iec61850 import AddCause, Ied, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.services import AcsiClass

from tests.iec61850.scsm81 import peers
from tests.iec61850.scsm81.sides import BOTH, at, our_client, our_server, their_client, their_server
from tests.iec61850.scsm81.station import LD

VOLTAGE, DELAY = f"{LD}/PTUV1.StrVal.setMag.f", f"{LD}/PTUV1.OpDlTmms.setVal"
IND = f"{LD}/GGIO1.Ind1"
MEMBERS = (f"{LD}/GGIO1.AnIn1.mag.f[MX]", f"{LD}/GGIO1.Ind1.stVal[ST]")
BLOCK = f"{LD}/LLN0.gcb"
CONTENT = bytes(range(256)) * 200
"""More than fits into one answer."""


async def error_of(awaitable: Any) -> ServiceError:
    with pytest.raises(ServiceRefused) as refused:
        await awaitable
    return refused.value.error


# --- our client: setting groups ---------------------------------------------------------------------------------------


async def test_setting_groups_of_libiec61850(tmp_path: Path) -> None:
    async with their_server("libiec", tmp_path) as server, our_client(server) as ied, our_client(server) as other:
        settings = ied.settings(LD)
        status = await settings.status()
        assert (status["NumOfSG"], status["ActSG"], status["EditSG"], status["ResvTms"]) == (2, 1, 0, 0)
        assert await settings.read(VOLTAGE) == 80.0
        await settings.activate(2)
        assert await server.event("activate") == 2
        assert (await settings.read(VOLTAGE), await settings.read(DELAY)) == (90.0, 20)
        assert await error_of(settings.activate(9)) is ServiceError.PARAMETER_VALUE_INAPPROPRIATE
        async with ied.edit_settings(LD, group=1) as edit:
            assert (await edit.read(VOLTAGE), await edit.read(DELAY)) == (80.0, 10)
            refused = other.settings(LD).edit(1).__aenter__()
            assert await error_of(refused) is ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE
            status = await other.settings(LD).status()
            assert status["EditSG"] == 1
            assert isinstance(status["ResvTms"], int)
            assert status["ResvTms"] > 0
            await edit.write(VOLTAGE, 75.0)
            await edit.write(DELAY, 33)
        assert await server.event("confirm") == [1, 75.0, 33]
        assert await settings.read(VOLTAGE) == 90.0, "the other group is active"
        await other.settings(LD).activate(1)
        assert (await settings.read(VOLTAGE), await settings.read(DELAY)) == (75.0, 33)
        with pytest.raises(ZeroDivisionError):
            async with ied.edit_settings(LD, group=2) as edit:
                await edit.write(VOLTAGE, 1 / 0)
        assert (await settings.status())["EditSG"] == 0
        assert not server.told("confirm")


async def test_setting_groups_of_the_rust_server(tmp_path: Path) -> None:
    """It has settings under SG or under SE as the file says, not under both, and no values for each group."""
    async with their_server("rust", tmp_path) as server, our_client(server) as ied, our_client(server) as other:
        settings = ied.settings(LD)
        with pytest.raises(Malformed, match="has not the parts that its type says"):  # its type leaves out ResvTms
            await settings.status()
        assert await settings.read(VOLTAGE) == 80.0
        await settings.activate(2)
        assert await server.event("activate") == 2
        assert await error_of(settings.activate(9)) is ServiceError.PARAMETER_VALUE_INAPPROPRIATE
        async with ied.edit_settings(LD, group=1) as edit:
            assert await server.event("edit") == 1
            refused = other.settings(LD).edit(1).__aenter__()
            assert await error_of(refused) is not ServiceError.NO_ERROR
            with pytest.raises(UnknownName):
                await edit.write(VOLTAGE, 75.0)
            await edit.write(DELAY, 33)
            assert await edit.read(DELAY) == 33
        assert await server.event("confirm") == [1]


# --- our client: data sets, substitution, publishers, files -----------------------------------------------------------


@BOTH
async def test_data_sets_made_on_their_server(peer: str, tmp_path: Path) -> None:
    async with their_server(peer, tmp_path) as server, our_client(server) as ied, our_client(server) as other:
        name = f"{LD}/LLN0.Dyn"
        await ied.create_data_set(name, MEMBERS)
        assert await error_of(ied.create_data_set(name, MEMBERS)) is ServiceError.INSTANCE_IN_USE
        assert await other.members(name) == MEMBERS
        assert await other.read_data_set(name) == {MEMBERS[0]: 0.0, MEMBERS[1]: False}
        assert await other.instances(f"{LD}/LLN0", AcsiClass.DATA_SET) == ("Dyn", "Meas")
        await ied.delete_data_set(name)
        assert await error_of(ied.members(name)) is ServiceError.INSTANCE_NOT_AVAILABLE
        assert await error_of(ied.delete_data_set(f"{LD}/LLN0.Meas")) is ServiceError.ACCESS_VIOLATION
        if peer == "rust":
            assert await error_of(ied.create_data_set("@Dyn", MEMBERS)) is ServiceError.CLASS_NOT_SUPPORTED
        else:
            await ied.create_data_set("@Dyn", MEMBERS)
            assert await ied.members("@Dyn") == MEMBERS
            assert await error_of(other.members("@Dyn")) is ServiceError.INSTANCE_NOT_AVAILABLE
            await ied.delete_data_set("@Dyn")


@BOTH
async def test_substitution_on_their_server(peer: str, tmp_path: Path) -> None:
    """It can be written; to put it into effect is left to their applications."""
    async with their_server(peer, tmp_path) as server, our_client(server) as ied:
        for part, value in (("subID", "ems"), ("subVal", True), ("subEna", True)):
            await ied.write(f"{IND}.{part}", value)
            assert await ied.read(f"{IND}.{part}") == value
        assert await ied.read(f"{IND}.stVal") is False


async def test_goose_control_block_of_libiec61850(tmp_path: Path) -> None:
    async with their_server("libiec", tmp_path) as server, our_client(server) as ied:
        block = ied.goose_control(BLOCK)
        values = await block.values()
        assert (values["GoID"], values["DatSet"], values["ConfRev"]) == ("PEER/gcb", f"{LD}/LLN0.Meas", 1)
        assert values["DstAddress"] == [bytes.fromhex("010ccd010001"), 4, 1, 0x1000]
        await block.enable()
        assert (await block.values())["GoEna"] is True
        assert await error_of(block.set(GoID="other")) is not ServiceError.NO_ERROR
        await block.disable()
        assert (await block.values())["GoEna"] is False


async def files_of(ied: Ied, path: str = "") -> dict[str, int]:
    return {entry.name: entry.size async for entry in ied.files(path)}


def filled(directory: Path) -> Path:
    """Return a directory with two files to serve."""
    served = directory / "served"
    (served / "COMTRADE").mkdir(parents=True)
    (served / "a.txt").write_bytes(b"hello")
    (served / "COMTRADE" / "b.cfg").write_bytes(CONTENT)
    return served


async def test_files_of_libiec61850(tmp_path: Path) -> None:
    served = filled(tmp_path)
    async with their_server("libiec", tmp_path, f"files={served}") as server, our_client(server) as ied:
        assert await files_of(ied) == {"a.txt": 5, "COMTRADE/b.cfg": len(CONTENT)}, "all that is below, at once"
        assert await files_of(ied, "a.txt") == {"a.txt": 5}
        assert await ied.get_file("a.txt") == b"hello"
        assert await ied.get_file("COMTRADE/b.cfg") == CONTENT
        await ied.put_file("new.bin", CONTENT)
        assert (served / "new.bin").read_bytes() == CONTENT
        await ied.delete_file("new.bin")
        assert not (served / "new.bin").exists()
        for attempt in (ied.get_file("none"), ied.delete_file("none"), files_of(ied, "none")):
            assert await error_of(attempt) is ServiceError.INSTANCE_NOT_AVAILABLE
        assert await error_of(ied.rename_file("a.txt", "b.txt")) is ServiceError.CLASS_NOT_SUPPORTED


async def test_the_rust_server_has_no_files(tmp_path: Path) -> None:
    async with their_server("rust", tmp_path) as server, our_client(server) as ied:
        assert await error_of(ied.get_file("a.txt")) is ServiceError.CLASS_NOT_SUPPORTED


# --- their clients ----------------------------------------------------------------------------------------------------

SGCB = f"{LD}/LLN0.SGCB"
LIBIEC = {"unavailable": 26, "denied": 21, "unknown": 22, "exists": 23, "value": 32}
"""Its numbers of errors (IedClientError)."""


async def refused(peer: str, awaitable: Any, wanted: str) -> None:
    with pytest.raises(peers.PeerRefused) as told:
        await awaitable
    if peer == "libiec":
        assert told.value.args[0] == LIBIEC[wanted]


@BOTH
async def test_setting_groups_of_our_server(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as one, their_client(peer, ours.port) as two:

        async def write(client: peers.Peer, reference: str, kind: str, value: object, fc: str = "SP") -> None:
            await client.do("write", reference, fc, kind, value)

        assert (await one.do("read", SGCB, "SP"))[:4] == [2, 1, 0, False]
        assert (await one.do("read", SGCB, "SP"))[5] == 30, "ResvTms"
        assert await one.do("read", VOLTAGE, "SG") == 80.0
        await write(one, f"{SGCB}.ActSG", "unsigned", 2)
        assert await two.do("read", VOLTAGE, "SG") == 90.0
        await refused(peer, write(one, f"{SGCB}.ActSG", "unsigned", 9), "value")
        await refused(peer, write(one, VOLTAGE, "float", 75.0, "SE"), "unavailable")
        await write(one, f"{SGCB}.EditSG", "unsigned", 1)
        await refused(peer, write(two, f"{SGCB}.EditSG", "unsigned", 1), "unavailable")
        await refused(peer, write(two, VOLTAGE, "float", 75.0, "SE"), "unavailable")
        await write(one, VOLTAGE, "float", 75.0, "SE")
        await write(one, DELAY, "int", 33, "SE")
        assert await one.do("read", VOLTAGE, "SE") == 75.0
        await write(one, f"{SGCB}.CnfEdit", "bool", True)
        assert (await two.do("read", SGCB, "SP"))[:3] == [2, 2, 0]
        await write(two, f"{SGCB}.ActSG", "unsigned", 1)
        assert (await one.do("read", VOLTAGE, "SG"), await one.do("read", DELAY, "SG")) == (75.0, 33)
        await write(one, f"{SGCB}.EditSG", "unsigned", 2)
        await one.do("abort")
        await write(two, f"{SGCB}.EditSG", "unsigned", 2)
        await write(two, f"{SGCB}.EditSG", "unsigned", 0)


@BOTH
async def test_data_sets_made_on_our_server(peer: str) -> None:
    name = f"{LD}/LLN0.Dyn"
    async with our_server() as ours, their_client(peer, ours.port) as one, their_client(peer, ours.port) as two:
        if peer == "rust":  # it wants AB 00 where 8B 00 is right, though the data set is made
            with pytest.raises(peers.PeerRefused, match="ber tag mismatch: expected=0xAB, actual=0x8B"):
                await one.do("create_data_set", name, MEMBERS)
        else:
            await one.do("create_data_set", name, MEMBERS)
        await refused(peer, one.do("create_data_set", name, MEMBERS), "exists")
        assert await two.do("members", name) == [list(MEMBERS), True]
        ours.server.update(f"{LD}/GGIO1.AnIn1.mag.f", 4.5)
        assert await two.do("data_set", name) == [4.5, False]
        assert await two.do("directory", f"{LD}/LLN0", "DATA_SET") == ["Dyn", "Meas"]
        assert await two.do("delete_data_set", name) is True
        await refused(peer, one.do("members", name), "unknown")
        assert (await one.do("members", f"{LD}/LLN0.Meas"))[1] is False
        if peer == "rust":
            assert await one.do("delete_data_set", f"{LD}/LLN0.Meas") is False
            return
        await refused(peer, one.do("delete_data_set", f"{LD}/LLN0.Meas"), "denied")
        await one.do("create_data_set", "@Dyn", MEMBERS)
        assert await one.do("data_set", "@Dyn") == [4.5, False]
        await refused(peer, two.do("members", "@Dyn"), "unknown")


@BOTH
async def test_substitution_on_our_server(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as client:
        await client.do("write", f"{IND}.subID", "SV", "text", "peer")
        await client.do("write", f"{IND}.subVal", "SV", "bool", True)
        await client.do("write", f"{IND}.subEna", "SV", "bool", True)
        value, quality, _ = await client.do("read", IND, "ST")
        # Bit 10, source: substituted; one client gives the bits as text, the other as octets.
        assert (value, quality) == (True, "0000000000100" if peer == "libiec" else "0020")
        ours.server.update(f"{IND}.stVal", False)
        assert (await client.do("read", IND, "ST"))[0] is True, "what comes from the process waits"
        await client.do("write", f"{IND}.subEna", "SV", "bool", False)
        assert (await client.do("read", IND, "ST"))[0] is False


async def test_files_of_our_server(tmp_path: Path) -> None:
    served, own = filled(tmp_path), tmp_path / "own"
    own.mkdir()
    (own / "source.bin").write_bytes(CONTENT)
    async with our_server() as ours:
        ours.server.serve_files(served, writable=True)
        async with their_client("libiec", ours.port) as client:
            listed = await client.do("files", "")
            assert [entry[:2] for entry in listed] == [["COMTRADE/", 0], ["a.txt", 5]]
            assert abs(listed[1][2] - (served / "a.txt").stat().st_mtime * 1000) < 1000
            assert [entry[:2] for entry in await client.do("files", "COMTRADE")] == [["COMTRADE/b.cfg", len(CONTENT)]]
            assert await client.do("get_file", "COMTRADE/b.cfg") == CONTENT.hex()
            await client.do("put_file", f"{own}/", "source.bin", "new.bin")
            assert (served / "new.bin").read_bytes() == CONTENT
            await client.do("rename_file", "new.bin", "newer.bin")
            assert (served / "newer.bin").read_bytes() == CONTENT
            await client.do("delete_file", "newer.bin")
            assert sorted(path.name for path in served.iterdir()) == ["COMTRADE", "a.txt"]
            for verb in ("get_file", "delete_file", "files"):
                await refused("libiec", client.do(verb, "none"), "unknown")
            with pytest.raises(peers.PeerRefused):
                await client.do("get_file", "../own/source.bin")


async def test_goose_control_block_and_identity_of_our_server() -> None:
    async with our_server() as ours:
        asked: list[bool] = []
        ours.server.on_publish(BLOCK)(lambda publication: asked.append(publication.enable))
        async with their_client("libiec", ours.port) as client:
            shown = await client.do("goose", BLOCK)
            assert (shown["GoID"], shown["DatSet"], shown["ConfRev"]) == ("PEER/gcb", f"{LD}/LLN0$Meas", 1)
            for enabled in (True, False):
                await client.do("enable_goose", BLOCK, enabled)
                assert (await client.do("goose", BLOCK))["GoEna"] is enabled
            assert asked == [True, False]
            assert await client.do("identify") == ["JanusGrid", "PEER", ours.server.identity.revision]
            assert await client.do("status") == [0, 0]


@BOTH
async def test_directories_of_control_blocks(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as client:
        for acsi_class, names in (
            ("GOCB", ["gcb"]), ("SGCB", ["SGCB"]), ("BRCB", ["brcb01", "brcb02"]), ("URCB", ["urcb01", "urcb02"]),
            ("DATA_SET", ["Meas"]),
        ):  # fmt: skip
            assert await client.do("directory", f"{LD}/LLN0", acsi_class) == names


async def test_the_rust_client_fares_no_better_with_libiec61850(tmp_path: Path) -> None:
    """What it does not understand of us it does not understand of others either."""
    async with (
        their_server("libiec", tmp_path) as server,
        their_client("rust", server.port) as client,
    ):
        with pytest.raises(peers.PeerRefused, match="ber tag mismatch: expected=0xAB, actual=0x8B"):
            await client.do("create_data_set", f"{LD}/LLN0.Dyn", MEMBERS)
        await server.do("behave", "LD0/CSWI1.SwDir", 3, 1, AddCause.BLOCKED_BY_INTERLOCKING)
        await client.do("control", at("SwDir"), "direct-normal")
        with pytest.raises(peers.PeerRefused) as told:
            await client.do("operate", at("SwDir"), "bool", True)
        assert told.value.args[0] == [0, "unknown"]
