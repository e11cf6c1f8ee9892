"""A switch whose interlocking is asked where the client wants it: control_a_switch.py."""

import asyncio

from janusgrid.iec61850 import Command, Ied, Server, ServiceRefused, build

POS = "BAYLD0/CSWI1.Pos"
model = build("BAY").device("LD0").node("CSWI1", "Pos", control={"Pos": "direct-with-normal-security"}).model()
earthed = True


async def main() -> None:
    server = Server(model)

    @server.interlock(POS)
    def interlocking(command: Command) -> bool:
        return not (earthed and command.value)

    @server.on_operate(POS)
    async def move(command: Command) -> None:
        print("moves to", "closed" if command.value else "open", "(a test)" if command.test else "(in earnest)")

    async with Ied(server.connect()) as ied:
        switch = ied.control(POS)
        try:
            await switch.operate(True, interlock_check=True)
        except ServiceRefused as refused:
            print("refused:", refused.add_cause and refused.add_cause.name)
        await switch.operate(False, interlock_check=True)
        server.update("BAYLD0/CSWI1.Beh", "test")
        await switch.operate(True, test=True)
        print("shows", (await switch.status()).value)
    await server.close()


asyncio.run(main())
