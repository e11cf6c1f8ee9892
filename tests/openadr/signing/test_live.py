"""openleadr and our roles, both signing, over mutual TLS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority, Issued, KeyKind
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import Signing, Ven
from janusgrid.openadr.vtn import Party, Vtn

from tests.peers import interpreter

SCRIPTS = Path(__file__).parent / "peer_scripts"


@asynccontextmanager
async def running(script: str, *arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        interpreter("openleadr==0.5.36"), SCRIPTS / script, *map(str, arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process, begin: str) -> str:
    """Return the line that begins so; fail with all that was said if there is none."""
    assert process.stdout is not None
    lines = []
    async with asyncio.timeout(25):
        while line := (await process.stdout.readline()).decode():
            lines.append(line)
            if line.startswith(begin):
                return line
    raise AssertionError("".join(lines))


def credentials(issued: Issued) -> Credentials:
    return Credentials(issued.certificate, issued.key, issued.authority)


@pytest.mark.parametrize("kind", list(KeyKind))
async def test_its_ven_signs_and_believes_our_vtn(tmp_path: Path, kind: KeyKind) -> None:
    """Where our VTN hears nothing that is not signed; its VEN checks every answer by our fingerprint."""
    authority = Authority.make(tmp_path)
    vtn_has, ven_has = (authority.issue(user, ["127.0.0.1"], kind=kind) for user in ("vtn", "ven"))
    transport = HttpTransport(credentials(vtn_has), listen=("127.0.0.1", 0))
    signing = Signing(credentials=credentials(vtn_has), required=True)
    parties = [Party("site", ven_has.fingerprint)]
    async with Vtn("VTN1", transport, parties=parties, signing=signing, poll_every=timedelta(seconds=1)) as vtn:
        files = (ven_has.certificate, ven_has.key, authority.certificate, vtn_has.fingerprint)
        async with running("openleadr_ven.py", "site", transport.address, *files) as ven:
            await said(ven, "registered")
            now = datetime.now(UTC).replace(microsecond=0)
            event = load_dispatch(500, start=now + timedelta(hours=1), duration=timedelta(hours=1), created=now)
            dispatch = vtn.create_event(event, ["site"])
            assert dispatch.id in await said(ven, "event")
            async with asyncio.timeout(20):
                assert await dispatch.opted("site") is OptType.OPT_IN


async def test_our_ven_signs_and_believes_its_vtn(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    vtn_has, ven_has = (authority.issue(user, ["127.0.0.1"]) for user in ("vtn", "ven"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    files = (vtn_has.certificate, vtn_has.key, authority.certificate, ven_has.fingerprint)
    async with running("openleadr_vtn.py", port, *files) as vtn:
        await said(vtn, "ready")
        transport = HttpTransport(credentials(ven_has), vtn=vtn_has.fingerprint)
        signing = Signing(credentials=credentials(ven_has), required=True)
        async with Ven("site", transport, vtn=f"https://127.0.0.1:{port}", signing=signing) as ven:
            assert "True" in await said(vtn, "registering")
            async with asyncio.timeout(20):
                assert await ven.joined() == "VEN-1"
