"""A VTN: wait for a site, ask it for 1 000 kW for an hour, print what it reports.

python openadr_vtn.py vtn@grid.example/vtn SECRET ems@grid.example --host 127.0.0.1 --port 5222 --ca ca.pem
"""

import asyncio
from datetime import UTC, datetime, timedelta

from arguments import run, session_of
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.vtn import Party, Telemetry, TelemetryPlan, Vtn


async def main() -> None:
    arguments, session = session_of("peer", "--samples")
    second = timedelta(seconds=1)
    done = asyncio.Event()
    left = int(arguments.samples or 10)

    def print_samples(telemetry: Telemetry) -> None:
        nonlocal left
        for sample in telemetry.samples:
            print(f"{sample.time:%H:%M:%S} {sample.r_id} {sample.value:.1f} kW", flush=True)
            left -= 1
        if left <= 0:
            done.set()

    async with session:
        parties = [Party("site", arguments.peer)]
        async with Vtn("utility", session, parties=parties, plan=TelemetryPlan(second, second)) as vtn:
            vtn.listen(Telemetry, print_samples)
            await vtn.wait_registered("site")
            now = datetime.now(UTC).replace(microsecond=0)
            event = load_dispatch(1000.0, start=now + second, duration=timedelta(hours=1), created=now)
            dispatch = vtn.create_event(event, ["site"])
            print(f"the site answers {await dispatch.opted('site')}", flush=True)
            await done.wait()


run(main())
