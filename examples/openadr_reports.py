"""Reports of every kind, both ways: the state of a site, its past, its meter as it changes; and the feeder's load.

Both roles run here, over HTTP without TLS, as in a laboratory: python openadr_reports.py
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from arguments import run
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.core.identity import ANYBODY
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import LoadControlValue
from janusgrid.openadr.ven import DataPoint, Offer, Reading, Recall, Sample, Ven
from janusgrid.openadr.vtn import Party, TelemetryPlan, Vtn

SECOND, QUARTER, HOUR = timedelta(seconds=1), timedelta(minutes=15), timedelta(hours=1)
LOCAL = ("127.0.0.1", 0)

SITE = [
    Offer(
        "meter", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts(), on_change=True), DataPoint("pv.p", kilowatts()))
    ),
    Offer("state", "TELEMETRY_STATUS", (DataPoint.status("site"),)),
    Offer("past", "HISTORY_USAGE", (DataPoint("pcc.p", kilowatts()),), kept=24 * HOUR),
]
UTILITY = [Offer("feeder", "TELEMETRY_USAGE", (DataPoint("feeder.p", kilowatts()),))]


def read(r_ids: frozenset[str]) -> dict[str, Reading]:
    capacity = LoadControlValue(min=0.0, max=500.0, current=320.0)
    known = {"pcc.p": Reading(1900.0), "site": Reading.status(online=True, capacity=capacity)}
    return {r_id: known[r_id] for r_id in r_ids if r_id in known}  # nothing is known of pv.p


async def history(asked: Recall) -> Iterable[Sample]:
    steps = range((asked.end - asked.start) // QUARTER)
    return [Sample("pcc.p", asked.start + n * QUARTER, 1000.0 + n, QUARTER) for n in steps]


async def main() -> None:
    server = HttpTransport(listen=LOCAL, plain=True)
    only_what_is_asked_for = TelemetryPlan(names=())
    async with Vtn(
        "utility", server, parties=[Party("site", ANYBODY)], plan=only_what_is_asked_for,
        offers=UTILITY, read=lambda r_ids: dict.fromkeys(r_ids, 42_000.0),
    ) as vtn:  # fmt: skip
        assert server.address is not None
        site = HttpTransport(listen=LOCAL, plain=True)
        async with Ven("site", site, vtn=server.address, offers=SITE, read=read, history=history) as ven:
            await ven.joined()
            await ask(vtn)
            await ask_back(ven)


async def ask(vtn: Vtn) -> None:
    await vtn.wait_registered("site")

    state = await vtn.request_report("site", "state").next()
    value = state.samples[0].value
    print(f"online: {value.online}, capacity {value.load_control_state.capacity.current:.0f} kW")

    start = datetime.now(UTC).replace(microsecond=0) - 6 * HOUR
    past = await vtn.request_report("site", "past", start=start, duration=HOUR).next()
    print(f"the past: {[sample.value for sample in past.samples]}")

    meter = vtn.request_report("site", "meter", granularity=SECOND, every=SECOND)
    telemetry = await meter.next()
    print(
        f"now: {telemetry.samples[0].r_id} {telemetry.samples[0].value} kW, no value of {', '.join(telemetry.missing)}"
    )
    meter.cancel(to_follow=True)


async def ask_back(ven: Ven) -> None:
    while "feeder" not in ven.core.vtn_reports.offers:
        await ven.changed()
    feeder = await ven.request_report("feeder").next()
    print(f"the feeder: {feeder.samples[0].value} kW")


run(main())
