"""Four roles in one process on one XMPP session: an estate between its utility and operator, its devices and homes.

python four_roles.py
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from janusgrid.common.clock import ScaledClock
from janusgrid.common.data.site import load_site
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.servers.accounts import Accounts
from janusgrid.ems.host import EmsHost
from janusgrid.ems.lab import played
from janusgrid.iec61850 import connect
from janusgrid.openadr.events import baseline, kilowatts, load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import DataPoint, Offer, Ven
from janusgrid.openadr.vtn import Party, Telemetry, Vtn

SITE = load_site(Path(__file__).parent / "four_roles" / "site.yaml")
JIDS = [SITE.jid, SITE.ven.vtn, f"operator@{SITE.domain}/IEC", *(device.jid for device in SITE.devices)]
CLOCK = ScaledClock(20.0, datetime(2026, 3, 25, 8, 0, tzinfo=UTC))  # a minute of it is three seconds
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def say(text: str) -> None:
    print(text, flush=True)


def home(name: str, session, opt: OptType) -> Ven:
    """A VEN below: it knows of its utility, which is the estate, and of nothing else."""
    offer = Offer("usage", "TELEMETRY_USAGE", (DataPoint("p", kilowatts(), minimum=timedelta(seconds=1)),))
    ven = Ven(name, session, vtn=SITE.jid, offers=[offer], read=lambda r_ids: {"p": 0.0}, clock=CLOCK)

    @ven.on_event
    def decide(change) -> OptType:
        asked = change.known.value("LOAD_DISPATCH", change.known.event.ei_active_period.dtstart)
        say(f"{name}: {change.change.value} event, {asked:.0f} kW; {opt.value}")
        return opt

    return ven


async def main() -> None:
    async with AsyncExitStack() as stack:
        broker = Broker(SITE.domain)
        accounts = Accounts(broker, JIDS)
        await stack.enter_async_context(broker)
        session = {jid: await stack.enter_async_context(accounts.session(jid)) for jid in JIDS}

        for device in SITE.devices:  # those that speak IEC 61850 are played from their CID files
            if device.driver == "iec61850":
                server = await stack.enter_async_context(played(device, CLOCK))
                server.start(session[device.jid])
                if device.name == "PCC":
                    server.update("PCCMET/MMXU1.TotW", 1_900_000.0)
                elif device.name == "ESS500":
                    server.update_many({"ESS500DER/DSTO1.DEROpSt": 3, "ESS500DER/DSTO1.SocEffWhPct": 80.0})
                else:
                    server.update(f"{device.name}DER/DGEN1.DEROpSt", 3)

        vtn = Vtn("utility", session[SITE.ven.vtn], parties=[Party("estate", f"ems@{SITE.domain}")], clock=CLOCK)
        vtn.listen(Telemetry, lambda told: say(f"utility: told of {len({each.r_id for each in told.samples})} points"))
        await stack.enter_async_context(vtn)
        estate = await stack.enter_async_context(EmsHost(SITE, session[SITE.jid], CLOCK))  # the four roles
        for name, opt in (("home1", OptType.OPT_IN), ("home2", OptType.OPT_OUT)):
            await stack.enter_async_context(home(name, session[f"{name}@{SITE.domain}/ven"], opt))
        await estate.ready()
        await vtn.wait_registered("estate")
        say(f"{SITE.jid}: VEN of {SITE.ven.vtn}, VTN of {len(estate.vtn.vens)} homes, client of 3 devices")

        start = CLOCK.now().replace(microsecond=0) + MINUTE
        usual = baseline([(HOUR, 1900.0)], start=start)  # what the import would be
        made = load_dispatch(800.0, start=start, duration=HOUR, created=start - MINUTE, baseline=usual)
        opt = await vtn.create_event(made, ["estate"]).opted("estate")
        say(f"utility: the estate says {opt.value} to 800 kW less")
        await CLOCK.sleep_until(start + MINUTE / 2)

        async with connect(f"xmpp:{SITE.jid}", session=session[f"operator@{SITE.domain}/IEC"]) as ied:
            for name in ("DG750", "ESS500"):
                watts = await ied.read(f"ESTATE{name}DER/DWGC1.WSpt.mxVal.f")
                say(f"operator: {name} is set to {watts / 1000:.0f} kW")


asyncio.run(main())
