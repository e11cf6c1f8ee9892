"""Control with live peers: every control model, in both directions, with all that can go wrong."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from janusgrid.iec61850 import AddCause, CommandFailed, Ied, ServiceRefused
from janusgrid.iec61850.acsi.services import CommandTermination
from janusgrid.iec61850.client.control import Control

from tests.iec61850.scsm81 import peers
from tests.iec61850.scsm81.sides import BOTH, SWITCHES, TEST, at, our_client, our_server, their_client, their_server
from tests.iec61850.scsm81.station import MODELS
from tests.iec61850.wires import until

LIBIEC_REFUSES, LIBIEC_FAILS = 3, 0
"""Results of its check handler (access denied) and of its control handler (failed)."""


def switch(ied: Ied, name: str) -> Control:
    return ied.control(at(name))


async def refusal(awaitable: Any) -> ServiceRefused:
    with pytest.raises(ServiceRefused) as refused:
        await awaitable
    return refused.value


# --- our client -------------------------------------------------------------------------------------------------------


@BOTH
async def test_every_model_on_their_server(peer: str, tmp_path: Path) -> None:
    async with their_server(peer, tmp_path) as server, our_client(server) as ied:
        for name in MODELS:
            await switch(ied, name).operate(True)
            command = (await told(server, "command", name))[-1]
            assert command["value"] is True
            assert await server.event("operated") == [f"LD0/CSWI1.{name}", True, False]
            status = await switch(ied, name).status()
            assert (status.value, status.selected) == (True, False)
            if peer == "libiec":  # the other does not keep them
                assert (status.origin, status.number) == ({"orCat": 3, "orIdent": b""}, 1)
                assert (command["number"], command["category"]) == (1, 3)
            else:
                assert (command["ctl_num"], command["origin"]["or_cat"]) == (1, 3)
        await switch(ied, "Setpoint").operate({"f": 7.5})
        assert (await told(server, "command", "Setpoint"))[-1]["value"] == [7.5]


async def told(server: peers.Peer, kind: str, name: str) -> list[dict[str, Any]]:
    """Return what their application was asked about one switch, once it was."""
    found = [await server.event(kind)]
    await asyncio.sleep(0.02)
    found += server.told(kind)
    assert {entry["object"] for entry in found} == {f"LD0/CSWI1.{name}"}
    return found


@BOTH
async def test_test_and_check_bits_reach_their_server(peer: str, tmp_path: Path) -> None:
    bits = ("interlock", "synchro") if peer == "libiec" else ("interlock_check", "synchro_check")
    async with their_server(peer, tmp_path) as server, our_client(server) as ied:
        for name in MODELS:
            for interlock, synchro in ((True, False), (False, True)):
                await switch(ied, name).operate(True, test=True, interlock_check=interlock, synchrocheck=synchro)
                command = (await told(server, "command", name))[-1]
                assert (command["test"], command[bits[0]], command[bits[1]]) == (True, interlock, synchro)
                assert await server.event("operated") == [f"LD0/CSWI1.{name}", True, True]
            assert await ied.read(f"{at(name)}.stVal") is False, "a test moves nothing"


async def test_what_libiec61850_refuses_as_a_server(tmp_path: Path) -> None:
    async with their_server("libiec", tmp_path) as server, our_client(server) as ied:
        for name in MODELS:
            await server.do("behave", f"LD0/CSWI1.{name}", LIBIEC_REFUSES, 1, AddCause.BLOCKED_BY_INTERLOCKING)
            refused = await refusal(switch(ied, name).operate(True))
            # Select of normal security is answered with an empty name, and no reason
            wanted = AddCause.SELECT_FAILED if name == "SwSbo" else AddCause.BLOCKED_BY_INTERLOCKING
            assert refused.add_cause is wanted
            assert not isinstance(refused, CommandFailed)
            await server.do("behave", f"LD0/CSWI1.{name}", -1, LIBIEC_FAILS, AddCause.BLOCKED_BY_PROCESS)
            if name in ("SwDir", "SwSbo"):
                await switch(ied, name).operate(True)  # it answers before it executes, and says nothing after
                assert await ied.read(f"{at(name)}.stVal") is False
                continue
            refused = await refusal(switch(ied, name).operate(True))
            assert isinstance(refused, CommandFailed)
            assert refused.add_cause is AddCause.BLOCKED_BY_PROCESS


async def test_what_the_rust_server_refuses(tmp_path: Path) -> None:
    """It sends no LastApplError, and answers what fails under enhanced security as if it had not been accepted."""
    late: list[CommandTermination] = []
    async with their_server("rust", tmp_path) as server, our_client(server) as ied:
        ied.association.on_notification(lambda told: isinstance(told, CommandTermination) and late.append(told))
        for name in MODELS:
            for failing in (("BlockedByInterlocking", None), (None, "BlockedByProcess")):
                await server.do("behave", f"LD0/CSWI1.{name}", *failing)
                refused = await refusal(switch(ied, name).operate(True))
                assert not isinstance(refused, CommandFailed)
                wanted = AddCause.SELECT_FAILED if name == "SwSbo" and failing[0] else None
                assert refused.add_cause is wanted
        # With enhanced security a termination comes for what was refused, and brings the cause.
        await until(lambda: len(late) == 3)
        assert [(each.control.path[0], each.add_cause) for each in late] == [
            ("SwEnh", AddCause.BLOCKED_BY_INTERLOCKING),
            ("SwEnh", AddCause.BLOCKED_BY_PROCESS),
            ("SwSel", AddCause.BLOCKED_BY_PROCESS),
        ]


async def test_the_rust_server_heeds_no_later_time(tmp_path: Path) -> None:
    async with their_server("rust", tmp_path) as server, our_client(server) as ied:
        await switch(ied, "SwLater").operate(True, at=datetime.now(UTC) + timedelta(hours=1))
        assert await server.event("operated") == ["LD0/CSWI1.SwLater", True, False]


@BOTH
@pytest.mark.parametrize("name", ["SwSbo", "SwSel"])
async def test_selections_on_their_server(peer: str, name: str, tmp_path: Path) -> None:
    async with (
        their_server(peer, tmp_path, select_timeout=1500) as server,
        our_client(server) as ied,
        our_client(server) as other,
    ):
        mine, theirs = switch(ied, name), switch(other, name)
        await mine.select(True)
        assert (await mine.status()).selected is (peer == "libiec")
        for attempt in (theirs.select(True), theirs.operate(True)):
            refused = await refusal(attempt)
            if peer == "libiec":
                locked = AddCause.OBJECT_ALREADY_SELECTED if name == "SwSel" else AddCause.SELECT_FAILED
                assert refused.add_cause is locked
        await mine.cancel()
        assert (await mine.status()).selected is False
        await theirs.operate(True)
        await until(lambda: bool(server.told("operated")))
        await mine.select(False)
        await asyncio.sleep(1.7)
        refused = await refusal(mine.operate(False))
        assert refused.add_cause is (AddCause.OBJECT_NOT_SELECTED if peer == "libiec" else None)
        assert await ied.read(f"{at(name)}.stVal") is True


@BOTH
@pytest.mark.parametrize("name", ["SwEnh", "SwSel"])
async def test_a_command_meets_another_on_their_server(peer: str, name: str, tmp_path: Path) -> None:
    async with their_server(peer, tmp_path) as server, our_client(server) as ied, our_client(server) as other:
        # The one goes on when it is told to; the other answers nobody until it has carried out what it began.
        how: tuple[Any, ...] = (-1, 1, 0, 60) if peer == "libiec" else (None, None, 0.4)
        await server.do("behave", f"LD0/CSWI1.{name}", *how)
        first = asyncio.create_task(switch(ied, name).operate(True))
        await server.event("executing")
        refused = await refusal(switch(other, name).operate(True))
        assert refused.add_cause is (AddCause.COMMAND_ALREADY_IN_EXECUTION if peer == "libiec" else None)
        assert not first.done()
        if peer == "libiec":
            refused = await refusal(switch(ied, name).cancel())
            assert refused.add_cause is AddCause.COMMAND_ALREADY_IN_EXECUTION
            await server.do("behave", f"LD0/CSWI1.{name}")
        else:
            await switch(ied, name).cancel()  # it says yes, and goes on
        await first
        assert await server.event("operated") == [f"LD0/CSWI1.{name}", True, False]


@pytest.mark.parametrize("name", ["SwLater", "SwLaterEnh"])
async def test_commands_for_later_on_the_server_of_libiec61850(name: str, tmp_path: Path) -> None:
    async with their_server("libiec", tmp_path) as server, our_client(server) as ied:
        at_once = time.monotonic()
        await switch(ied, name).operate(True, at=datetime.now(UTC) + timedelta(seconds=0.5), wait=True)
        assert time.monotonic() - at_once > 0.45, "it has waited for the end"
        await until(lambda: bool(server.told("operated")))
        assert await ied.read(f"{at(name)}.stVal") is True
        server.told("operated")
        await switch(ied, name).operate(False, at=datetime.now(UTC) + timedelta(hours=1))
        refused = await refusal(switch(ied, name).operate(False))
        assert refused.add_cause is AddCause.COMMAND_ALREADY_IN_EXECUTION
        await switch(ied, name).cancel()
        if name == "SwLater":
            await switch(ied, name).operate(False)
            assert await server.event("operated") == [f"LD0/CSWI1.{name}", False, False]
        else:  # it refuses what it was to operate ever after, but lets it be selected again
            await switch(ied, name).select(False)
            assert not server.told("operated")


@pytest.mark.parametrize(("step", "how"), [("check", (LIBIEC_REFUSES, 1)), ("operate", (-1, LIBIEC_FAILS))])
@pytest.mark.parametrize("name", ["SwLater", "SwLaterEnh"])
async def test_what_fails_later_on_the_server_of_libiec61850(
    name: str, step: str, how: tuple[int, int], tmp_path: Path
) -> None:
    """It tells of a failed execution under enhanced security alone, after it told that the command begins."""
    for seconds in (0.5, 3.0, 15.0):
        if await fails_in(seconds, name, step, how, tmp_path):
            return
    pytest.fail("no command arrives before its time")


async def fails_in(seconds: float, name: str, step: str, how: tuple[int, int], directory: Path) -> bool:
    """See what fails then; return False if the command was there too late for that: it is carried out at once."""
    before = 2 if name == "SwLaterEnh" else 1  # checks before its time comes: of the selection, and of the command
    async with their_server("libiec", directory) as server, our_client(server) as ied:
        await server.do("behave", f"LD0/CSWI1.{name}", *how, AddCause.BLOCKED_BY_PROCESS, 0.2, before)
        later = datetime.now(UTC) + timedelta(seconds=seconds)
        waiting = asyncio.create_task(switch(ied, name).operate(True, at=later, wait=True))
        for _ in range(before):
            await server.event("command")
        if datetime.now(UTC) >= later:
            waiting.cancel()
            return False
        if (name, step) == ("SwLater", "operate"):
            await waiting
        else:
            with pytest.raises(CommandFailed) as failed:
                await waiting
            assert failed.value.add_cause is AddCause.BLOCKED_BY_PROCESS
        if step == "operate":
            assert await server.event("failed") == f"LD0/CSWI1.{name}"
        assert await ied.read(f"{at(name)}.stVal") is False
        assert not server.told("operated")
        return True


# --- their clients ----------------------------------------------------------------------------------------------------

_RUST = {1: "direct-normal", 2: "sbo-normal", 3: "direct-enhanced", 4: "sbo-enhanced"}


async def prepare(peer: str, client: peers.Peer, *names: str) -> None:
    """Have a client get to know switches; libiec61850 reads their control models itself."""
    numbers = {**MODELS, "SwLater": 1, "SwLaterEnh": 4, "Setpoint": 3}
    for name in names:
        if peer == "libiec":
            assert await client.do("control", at(name)) == numbers[name]
        else:
            await client.do("control", at(name), _RUST[numbers[name]])


async def choose(client: peers.Peer, name: str, value: bool = True) -> None:
    """Select a switch if its model asks for that."""
    if name == "SwSbo":
        await client.do("select", at(name))
    elif name in ("SwSel", "SwLaterEnh"):
        await client.do("select_with_value", at(name), "bool", value)


async def command(client: peers.Peer, name: str, value: bool = True, *later: int) -> None:
    await choose(client, name, value)
    await client.do("operate", at(name), "bool", value, *later)


async def cause(awaitable: Any) -> int | str:
    """Return the additional cause that a client was told."""
    with pytest.raises(peers.PeerRefused) as refused:
        await awaitable
    said = refused.value.args[0]
    return said[1] if isinstance(said, list) else said


def told_as(peer: str, wanted: AddCause) -> int | str:
    """Return how a client tells of a refusal: that of `iec61850` does not look at LastApplError."""
    return wanted.value if peer == "libiec" else "unknown"


@BOTH
async def test_every_model_on_our_server(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as client:
        await prepare(peer, client, *SWITCHES)
        for name, model in MODELS.items():
            await client.do("origin", at(name), "peer", 2)
            await command(client, name)
            if peer == "libiec" and model > 2:
                assert await client.event("termination") == [at(name), [0, 0, 0]]
            await until(lambda name=name: ours.shows(name) is True)
            assert ours.shows(name, "origin") == {"orCat": 2, "orIdent": b"peer"}
            assert ours.commands[-1].number == ours.shows(name, "ctlNum")
            assert ours.shows(name, "stSeld") is False
        if peer == "libiec":  # the other one commands no structures
            await client.do("operate", at("Setpoint"), "structure", [["float", 7.5]])
            await until(lambda: ours.shows("Setpoint", "mxVal.f") == 7.5)
            refused = client.do("operate", at("Setpoint"), "structure", [["float", 700.0]])
            assert await cause(refused) == AddCause.INCONSISTENT_PARAMETERS


@BOTH
async def test_test_and_check_bits_reach_our_server(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as client:
        await prepare(peer, client, *MODELS)
        for name in ("SwDir", "SwSbo"):
            await client.do("flags", at(name), True, False, False)
            assert await cause(command(client, name)) == told_as(peer, AddCause.BLOCKED_BY_MODE)
        ours.server.update(f"{at('Beh')}.stVal", TEST)
        for name in MODELS:
            for interlock, synchro in ((True, False), (False, True)):
                await client.do("flags", at(name), True, interlock, synchro)
                await command(client, name)
                seen = ours.commands[-1]
                assert (seen.test, seen.interlock_check, seen.synchrocheck) == (True, interlock, synchro)
            assert ours.shows(name) is False


@BOTH
async def test_what_our_server_refuses(peer: str) -> None:
    async with our_server() as ours, their_client(peer, ours.port) as client:
        await prepare(peer, client, *MODELS)
        for name, model in MODELS.items():
            if peer == "libiec" or model < 3:  # the other waits five seconds for a termination that will not come
                ours.refuse[name] = "check", AddCause.BLOCKED_BY_INTERLOCKING
                assert await cause(command(client, name)) == told_as(peer, AddCause.BLOCKED_BY_INTERLOCKING)
            ours.refuse[name] = "operate", AddCause.BLOCKED_BY_PROCESS
            if model < 3:
                assert await cause(command(client, name)) == told_as(peer, AddCause.BLOCKED_BY_PROCESS)
            elif peer == "libiec":
                await command(client, name)
                _, (_, why, _) = await client.event("termination")
                assert why == AddCause.BLOCKED_BY_PROCESS
            else:
                assert await cause(command(client, name)) == "blocked-by-process"
            assert ours.shows(name) is False
        for name in ("SwSbo", "SwSel") if peer == "libiec" else ("SwSbo",):
            refused = client.do("operate", at(name), "bool", True)
            assert await cause(refused) == told_as(peer, AddCause.OBJECT_NOT_SELECTED)


@BOTH
@pytest.mark.parametrize("name", ["SwSbo", "SwSel"])
async def test_selections_on_our_server(peer: str, name: str) -> None:
    async with (
        our_server(select_timeout=600) as ours,
        their_client(peer, ours.port) as mine,
        their_client(peer, ours.port) as theirs,
    ):
        await prepare(peer, mine, name)
        await prepare(peer, theirs, name)
        await choose(mine, name)
        assert ours.shows(name, "stSeld") is True
        locked = (
            told_as(peer, AddCause.LOCKED_BY_OTHER_CLIENT) if name == "SwSel" or peer == "libiec" else "not selected"
        )
        assert await cause(choose(theirs, name)) == locked
        await mine.do("cancel", at(name))
        assert ours.shows(name, "stSeld") is False
        await command(theirs, name)
        await until(lambda: ours.shows(name) is True)
        if peer == "libiec":
            if name == "SwSel":
                assert await theirs.event("termination") == [at(name), [0, 0, 0]]
            assert await cause(mine.do("cancel", at(name))) == AddCause.OBJECT_NOT_SELECTED
        await choose(mine, name, False)
        await until(lambda: ours.shows(name, "stSeld") is False)
        if peer == "libiec":
            refused = mine.do("operate", at(name), "bool", False)
            assert await cause(refused) == AddCause.OBJECT_NOT_SELECTED
        await choose(mine, name, False)
        await mine.do("abort")
        await until(lambda: ours.shows(name, "stSeld") is False)
        await command(theirs, name, False)
        await until(lambda: ours.shows(name) is False)


@pytest.mark.parametrize("name", ["SwEnh", "SwSel"])
async def test_a_command_meets_another_and_is_broken_off(name: str) -> None:
    async with (
        our_server() as ours,
        their_client("libiec", ours.port) as mine,
        their_client("libiec", ours.port) as theirs,
    ):
        await prepare("libiec", mine, name)
        await prepare("libiec", theirs, name)
        ours.slow[name] = 0.3
        await command(mine, name)
        met = AddCause.COMMAND_ALREADY_IN_EXECUTION if name == "SwEnh" else AddCause.LOCKED_BY_OTHER_CLIENT
        assert await cause(command(theirs, name)) == met
        assert await mine.event("termination") == [at(name), [0, 0, 0]]
        ours.slow[name] = 30
        await command(mine, name, False)
        await mine.do("cancel", at(name))
        _, (_, why, _) = await mine.event("termination")
        assert why == AddCause.ABORTION_BY_CANCEL
        assert ours.shows(name) is True


@pytest.mark.parametrize("name", ["SwLater", "SwLaterEnh"])
async def test_commands_for_later_of_libiec61850(name: str) -> None:
    async with our_server() as ours, their_client("libiec", ours.port) as client:
        await prepare("libiec", client, name)
        await command(client, name, True, int(time.time() * 1000) + 400)
        assert ours.shows(name) is False
        assert await client.event("termination") == [at(name), [0, 0, 0]]
        if name == "SwLaterEnh":  # it begins, and then has ended
            assert await client.event("termination") == [at(name), [0, 0, 0]]
        assert ours.shows(name) is True
        await command(client, name, False, int(time.time() * 1000) + 3_600_000)
        await client.do("cancel", at(name))
        assert ours.server.engine.control.due() is None, "it waits for nothing any more"
        assert ours.shows(name) is True
        assert not client.told("termination")
        ours.refuse[name] = "operate", AddCause.BLOCKED_BY_PROCESS
        await command(client, name, False, int(time.time() * 1000) + 100)
        await until(lambda: len(ours.commands) == 5)
        if name == "SwLaterEnh":
            assert await client.event("termination") == [at(name), [0, 0, 0]]
            _, (_, why, _) = await client.event("termination")
            assert why == AddCause.BLOCKED_BY_PROCESS
        else:  # a reason alone calls no handler of its own
            await asyncio.sleep(0.1)
            assert not client.told("termination")
            assert (await client.do("last", at(name)))[1] == AddCause.BLOCKED_BY_PROCESS
        assert ours.shows(name) is True
