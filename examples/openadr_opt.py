"""A VEN says when it is not available, and keeps its lights out of an event; the VTN knows.

Both run here, over HTTP without TLS, as in a laboratory: python openadr_opt.py
"""

import asyncio
from datetime import UTC, datetime, timedelta

from arguments import run
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptReason, OptType
from janusgrid.openadr.ven import EventChange, Ven
from janusgrid.openadr.vtn import OptCreated, Party, Vtn

HOUR = timedelta(hours=1)
LOCAL = ("127.0.0.1", 0)


async def main() -> None:
    server = HttpTransport(listen=LOCAL, plain=True)
    async with Vtn("utility", server, parties=[Party("site", ANYBODY)]) as vtn:
        vtn.listen(
            OptCreated, lambda told: print(f"{told.ven.ven_name} says {told.opt.opt_type}: {told.opt.opt_reason}")
        )
        assert server.address is not None
        async with Ven("site", HttpTransport(listen=LOCAL, plain=True), vtn=server.address) as ven:
            await talk(vtn, ven)


async def talk(vtn: Vtn, ven: Ven) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    tomorrow = now + 24 * HOUR
    event_came = asyncio.Event()

    @ven.on_event
    def decide(change: EventChange) -> OptType:
        event_came.set()
        return OptType.OPT_IN

    await ven.joined()

    # Maintenance tomorrow: two stretches of time in which nothing can be asked of us.
    out = ven.opt_schedule(
        OptType.OPT_OUT, [(tomorrow, 2 * HOUR), (tomorrow + 5 * HOUR, HOUR)], reason=OptReason.OUTAGE_RUN_STATUS
    )
    await out.accepted()
    for hours in (1, 3):
        found = vtn.availability("site", tomorrow + hours * HOUR)
        print(f"in {24 + hours} hours: {found.opt or 'nothing said'}, until {found.until}")
    out.cancel()
    await out.canceled()
    print(f"after it was taken back: {vtn.availability('site', tomorrow).opt or 'nothing said'}")

    # An event: the site takes part, its lights do not.
    dispatch = vtn.create_event(load_dispatch(500, start=now + HOUR, duration=HOUR, created=now), ["site"])
    await event_came.wait()
    lights = ven.opt_event(
        dispatch.id, OptType.OPT_OUT, reason=OptReason.MUST_RUN, device_classes=["Exterior_Lighting"]
    )
    await lights.accepted()
    print(
        f"the site {await dispatch.opted('site')}, its lights {dispatch.opt('site', device_class='Exterior_Lighting')}"
    )


run(main())
