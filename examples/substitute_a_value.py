"""A meter whose transformer is out of order, and an operator who gives a value by hand meanwhile."""

import asyncio

from janusgrid.iec61850 import Server, build, connect

TOTW = "METERLD0/MMXU1.TotW"


async def main() -> None:
    model = (
        build("METER").device("LD0").node("MMXU1", "TotW.subEna", "TotW.subMag.f", "TotW.subQ", "TotW.subID").model()
    )
    async with Server(model) as server:
        listener = await server.start_tcp(port=0)
        server.update(TOTW, 3.0)
        async with connect(f"tcp://127.0.0.1:{listener.port}") as ied:
            await ied.write(f"{TOTW}.subMag.f", 410.0)
            await ied.write(f"{TOTW}.subID", "operator 7")
            await ied.write(f"{TOTW}.subEna", True)
            print("by hand:", await ied.read(f"{TOTW}.mag.f"), "-", await ied.read(f"{TOTW}.q"))
            server.update(TOTW, 412.5)  # the process goes on; nobody sees it yet
            print("by hand:", await ied.read(f"{TOTW}.mag.f"))
            await ied.write(f"{TOTW}.subEna", False)
            print("process:", await ied.read(f"{TOTW}.mag.f"), "-", await ied.read(f"{TOTW}.q"))


if __name__ == "__main__":
    asyncio.run(main())
