"""A client: what there is, read, write, command, and the reports of a diesel generator.

python iec61850_client.py ems@grid.example/IEC SECRET dg750@grid.example/IEC --host 127.0.0.1 --port 5222 --ca ca.pem
"""

from arguments import run, session_of
from janusgrid.iec61850 import connect


async def main() -> None:
    arguments, session = session_of("peer")
    async with session, connect(f"xmpp:{arguments.peer}", session=session) as ied:
        print(await ied.devices())
        print(await ied.read("DG750DER/MMXU1.TotW.mag.f"))  # its functional constraint is found by itself
        await ied.write("DG750DER/DGEN1.WMax.setMag.f", 700e3)  # its type, too
        await ied.control("DG750DER/DWGC1.WSpt").operate(400e3)  # and the control model
        async with ied.report("DG750DER/LLN0.urcbMeas", integrity=5) as reports:  # finds an instance that is free
            async for update in reports:
                for name, value in update.values.items():
                    print(name, value, update.reasons[name].name, flush=True)


run(main())
