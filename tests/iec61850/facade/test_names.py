"""What a newcomer sees: names to import, objects that say what they are, errors that say what to do."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from janusgrid import iec61850
from janusgrid.common.errors import LocalError, UnknownName
from janusgrid.iec61850 import AddCause, Command, Server, ServiceRefused, connect
from janusgrid.iec61850.acsi.references import BadReference

from tests.iec61850.plant import plant


def test_every_name_is_there_and_listed() -> None:
    assert iec61850.__all__ == sorted(iec61850.__all__, key=lambda name: (name[0].islower(), name))
    for name in iec61850.__all__:
        assert getattr(iec61850, name) is not None
        assert name in dir(iec61850)
    with pytest.raises(AttributeError, match="Nothing"):
        iec61850.Nothing  # noqa: B018


def test_reading_a_file_takes_no_wire() -> None:
    code = "import sys; from janusgrid.iec61850 import read_scl, build; print([m for m in sys.modules if 'scsm' in m])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


async def test_objects_say_what_they_are() -> None:
    server = Server(plant())
    assert repr(server) == "<Server DG750, 0 associations>"
    listening = await server.start_tcp(port=0)
    assert repr(listening) == f"<TcpServer of DG750, listening on port {listening.port}, 0 connections>"
    target = f"tcp://127.0.0.1:{listening.port}"
    connecting = connect(target)
    assert repr(connecting) == f"<connect {target}: not yet, await it or async with it>"
    with pytest.raises(AttributeError, match="read: nothing is open yet; await connect"):
        await connecting.read("DG750DER/MMXU1.TotW")  # type: ignore[attr-defined]
    async with connecting as ied:
        assert repr(ied.control("DG750DER/DWGC1.WSpt")) == f"<Control DG750DER/DWGC1.WSpt of {target}>"
        assert repr(server) == "<Server DG750, 1 associations>"
        assert repr(ied.association) == f"<TcpAssociation {target}>"
        reports = ied.report("DG750DER/LLN0.urcbMeas")
        assert repr(reports) == f"<Reports DG750DER/LLN0.urcbMeas of {target}, not started>"
        async with reports:
            assert repr(reports) == f"<Reports DG750DER/LLN0.urcbMeas01[RP] of {target}, enabled>"
        assert repr(reports) == f"<Reports DG750DER/LLN0.urcbMeas01[RP] of {target}, over>"
    assert repr(ied.association) == f"<TcpAssociation {target}, ended: released>"
    await server.close()
    assert repr(listening) == "<TcpServer of DG750, not listening, 0 connections>"


async def test_a_command_that_is_refused_tells_error_and_cause() -> None:
    server = Server(plant())

    @server.on_operate("DG750DER/DWGC1.WSpt")
    async def refuse(command: Command) -> None:
        await asyncio.sleep(0)
        command.refuse(AddCause.BLOCKED_BY_INTERLOCKING)

    listening = await server.start_tcp(port=0)
    async with connect(f"tcp://127.0.0.1:{listening.port}") as ied:
        with pytest.raises(ServiceRefused, match="blocked-by-interlocking") as refused:
            await ied.control("DG750DER/DWGC1.WSpt").operate(1.0)
        assert refused.value.add_cause is AddCause.BLOCKED_BY_INTERLOCKING
        assert refused.value.where == "DG750DER/DWGC1.WSpt"
        for name, kind, words in (
            ("DG750DER/DWGC1", LocalError, "name a data object"),
            ("DG750DER/MMXU1.TotW", LocalError, "can only be read"),
            ("DG750DER/DWGC1.WSp", UnknownName, "WSpt"),
            (7, BadReference, "a reference is text, .* not int"),
        ):
            with pytest.raises(kind, match=words):
                await ied.control(name).operate(1.0)  # type: ignore[arg-type]
    await server.close()
