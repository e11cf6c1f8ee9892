"""A VEN behind NAT that is reached all the same: over XMPP, by a connection that it has opened itself.

A broker, a utility and a site run here, on one machine: python openadr_push.py
"""

from datetime import UTC, datetime, timedelta

from arguments import run
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import EiEvent, OptType
from janusgrid.openadr.ven import EventChange, Ven
from janusgrid.openadr.vtn import Party, Vtn

USERS = {"utility": "of the utility", "ems": "of the site"}
HOUR = timedelta(hours=1)


async def main() -> None:
    # The server stands where both can reach it. The one in here is for laboratories: Prosody or ejabberd are for work.
    async with Broker("grid.example", USERS, shared_roster=True) as broker:
        utility, ems = (
            SlixSession(jid, password=USERS[jid.partition("@")[0]], host=broker.host, port=broker.port, tls=broker.ca)
            for jid in ("utility@grid.example/vtn", "ems@grid.example/ems")
        )
        async with (
            utility,
            ems,
            Vtn("utility", utility, parties=[Party("site", "ems@grid.example")]) as vtn,
            Ven("site", ems, vtn="utility@grid.example/vtn") as ven,
        ):
            await push(broker, vtn, ven)


async def push(broker: Broker, vtn: Vtn, ven: Ven) -> None:
    @ven.on_event
    def decide(change: EventChange) -> OptType:
        print(f"the site is told of {change.known.event_id}")
        return OptType.OPT_IN

    site = await vtn.wait_registered("site")
    print(f"the site is reached as {site.address}")
    print(f"it answers {await vtn.create_event(event('E1', 1), ['site']).opted('site')}")

    await broker.kill()
    waiting = vtn.create_event(event("E2", 3), ["site"])
    print("the line is cut: E2 waits")
    await broker.start()
    print(f"both are back by themselves: it answers {await waiting.opted('site')}")


def event(name: str, hours: int) -> EiEvent:
    now = datetime.now(UTC).replace(microsecond=0)
    return load_dispatch(500, start=now + hours * HOUR, duration=HOUR, created=now, event_id=name)


run(main())
