"""A heat pump: python hp1.py HP1.cid lab/HP1.yaml"""

import asyncio
import sys
from contextlib import suppress
from itertools import count

from janusgrid.common.xmpp.login import Login
from janusgrid.iec61850 import Server


async def main(cid: str, account: str) -> None:
    async with Login.load(account).session() as session, Server.from_scl(cid) as server:
        server.start(session)
        for second in count():
            server.update("HP1DER/MMXU1.TotW", 3200.0 + 200 * (second % 3))  # watts
            server.update("HP1DER/STMP1.Tmp", 41.5)  # degrees Celsius
            await asyncio.sleep(1)


with suppress(KeyboardInterrupt):
    asyncio.run(main(*sys.argv[1:]))
