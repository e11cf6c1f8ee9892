"""Plug and play: a generator joins, registers itself, and is metered by an EMS that has never heard of it.

A broker, a registry, a generator and an EMS run here, on one machine: python plug_and_play.py dg750.cid
"""

import asyncio
import sys

from arguments import run
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Ied, Server
from janusgrid.iec61850.registry import Device, PlugAndPlay, RegistryClient, RegistryServer

USERS = {"registry": "of the registry", "dg750": "of the generator", "ems": "of the EMS"}
REGISTRY = "registry@grid.example"


async def main() -> None:
    async with Broker("grid.example", USERS) as broker:
        registry, generator, ems = (
            SlixSession(
                f"{user}@grid.example/IEC",
                password=word,
                host=broker.host,
                port=broker.port,
                tls=broker.ca,
                allow=lambda peer: peer.endswith("@grid.example"),
            )
            for user, word in USERS.items()
        )
        async with registry, RegistryServer(registry, devices=["grid.example"], readers=["ems@grid.example"]):
            await asyncio.gather(follow(ems), join(generator))


async def join(session: SlixSession) -> None:
    """The generator: it serves what its file says, and registers."""
    async with Server.from_scl(sys.argv[1]) as server, session:
        server.update("DG750DER/MMXU1.TotW", 412e3)
        server.start(session)
        registration = await server.register(session, REGISTRY)
        await metered.wait()
        await registration.deregister()


async def follow(session: SlixSession) -> None:
    """The EMS: it is told who comes, and is connected to each by itself."""
    async with session, RegistryClient(session, REGISTRY) as registry:

        async def joined(device: Device, ied: Ied) -> None:
            model = await registry.model(device)
            block = next(f"{d.name}/LLN0.{name}" for d in model.devices.values() for name in d.nodes["LLN0"].reports)
            async with ied.report(block) as reports:
                async for update in reports:
                    if "DG750DER/MMXU1.TotW" in update.values:
                        print(f"it reports {update.values['DG750DER/MMXU1.TotW']['mag']['f'] / 1000:g} kW")
                        metered.set()

        async with PlugAndPlay(registry, session, joined):
            async for happening in registry.changes():
                device = happening.device
                print(f"{device.jid} {happening.kind.value}: {device.nameplate.model}, {device.nameplate.ratings}")
                if happening.kind.is_end:
                    return


metered = asyncio.Event()
run(main())
