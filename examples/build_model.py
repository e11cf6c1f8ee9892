"""Make the model of a device in code, write its CID file, and read a value from the server that it becomes."""

import asyncio
import sys
from pathlib import Path

from janusgrid.iec61850 import Ied, Server, build, write_cid

model = (
    build("DG750", "Main diesel generator")
    .address(JID="dg750@plant.example/IEC")
    .device("DER")
    .node("MMXU1", "TotW.units.multiplier", "PPV", values={"TotW.units": {"SIUnit": "W", "multiplier": "k"}})
    .node("DWGC1", "WSpt", control={"WSpt": "direct-with-normal-security"})
    .data_set("Meas", "MMXU1.TotW", "DWGC1.WSpt")
    .report("urcbMeas", "Meas", integrity=60)
    .value("LPHD1.PhyNam.vendor", "ACME")
    .model()
)
write_cid(model, Path(sys.argv[1]))


async def main() -> None:
    server = Server(model)
    server.update("DG750DER/MMXU1.TotW", 412.5)
    async with Ied(server.connect()) as ied:
        print(await ied.read("DG750DER/MMXU1.TotW.mag.f"))


asyncio.run(main())
