"""Test a VTN: play scenarios against it, as its VEN, and write the report.

python openadr_certify.py FOLDER
"""

import asyncio
import sys
from pathlib import Path

from janusgrid.common.clock import RealClock
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.scenarios import VenTester, VtnOperator, Way, run, write_report
from janusgrid.openadr.vtn import Party, Vtn


async def main() -> None:
    server = HttpTransport(plain=True, listen=("127.0.0.1", 0))
    async with Vtn("utility", server, parties=[Party("site", "*")]) as vtn:
        client = HttpTransport(plain=True)
        tester = VenTester(client, Way.PULL, RealClock(), vtn=str(server.address), ven="site", quiet=0.5)
        await tester.open()
        only = ["registration", "VTN-E-03", "VTN-P-02"]
        record = await run(tester, VtnOperator(vtn, "site"), only=only, told=lambda each: print(each.id, each.verdict))
        await tester.close()
    _, page = write_report([record], Path(sys.argv[1]))
    print(f"{record.verdict}: {page.name}")


asyncio.run(main())
