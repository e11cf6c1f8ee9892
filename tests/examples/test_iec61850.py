"""The IEC 61850 examples, as a reader of the documentation runs them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.brokers import start_broker

from .test_openadr import start

CID = Path(__file__).resolve().parents[2] / "mappings" / "sites" / "microgrid" / "DG750.cid"


async def test_client_and_server_meet() -> None:
    async with start_broker("embedded", "dg750", "ems") as broker:
        where = ("--host", broker.host, "--port", str(broker.port), "--ca", str(broker.ca))
        server = await start("iec61850_server.py", f"dg750@{broker.domain}/IEC", "secret of dg750", str(CID), *where)
        await asyncio.sleep(1.0)
        client = await start(
            "iec61850_client.py", f"ems@{broker.domain}/IEC", "secret of ems", f"dg750@{broker.domain}/IEC", *where
        )
        assert client.stdout is not None
        assert server.stdout is not None
        said: list[str] = []
        try:
            async with asyncio.timeout(60):
                while not any("DATA_CHANGE" in line for line in said) and (line := await client.stdout.readline()):
                    said.append(line.decode())
        finally:
            client.terminate()
            server.terminate()
            heard, _ = await server.communicate()
            await client.wait()
    text = "".join(said)
    assert "DG750DER" in said[0], text
    assert "GENERAL_INTERROGATION" in text
    assert "DG750DER/MMXU1.TotW" in text
    assert "asks for 400 kW" in heard.decode()
