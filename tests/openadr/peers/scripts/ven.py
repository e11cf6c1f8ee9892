"""A VEN of openleadr that does what it is told."""

import asyncio
import os
from datetime import timedelta

import aiohttp
import apscheduler.executors.base
import apscheduler.schedulers.asyncio
import apscheduler.schedulers.base
import apscheduler.triggers.cron
import apscheduler.triggers.interval
import openleadr
import openleadr.client
import openleadr.objects
import openleadr.utils
from talk import SETTINGS, hasten, obey, tell


async def main():
    hasten(
        openleadr.client,
        openleadr.utils,
        openleadr.objects,
        apscheduler.executors.base,
        apscheduler.schedulers.base,
        apscheduler.triggers.cron,
        apscheduler.triggers.interval,
    )
    client = openleadr.OpenADRClient(
        SETTINGS["name"],
        SETTINGS["url"] + "/OpenADR2/Simple/2.0b",
        cert=SETTINGS.get("cert"),
        key=SETTINGS.get("key"),
        ca_file=SETTINGS.get("ca"),
        disable_signature=True,
        allow_jitter=False,
        show_fingerprint=False,
    )
    read = iter(range(1, 1_000_000))
    client.add_report(
        lambda: float(next(read)),
        resource_id="pcc",
        measurement="power_real",
        scale="k",
        report_specifier_id="usage",
        r_id="pcc.p",
        report_duration=timedelta(hours=1),
        sampling_rate=timedelta(seconds=60),
    )

    def seen(kind):
        async def handler(event):
            descriptor = event["event_descriptor"]
            about = [descriptor["event_id"], descriptor["modification_number"], descriptor["event_status"]]
            values = [i["signal_payload"] for i in event["event_signals"][0]["intervals"]]
            tell("event", [kind, *about, values])
            return SETTINGS.get("opt", "optIn")

        return handler

    client.add_handler("on_event", seen("new"))
    client.add_handler("on_update_event", seen("update"))
    client.add_hook("after_receive_xml", lambda text: tell("xml", text))
    client.scheduler.configure(job_defaults={"misfire_grace_time": None, "coalesce": False})
    await client._ensure_client_session()
    client.client_session._timeout = aiohttp.ClientTimeout()  # the network's time is not made faster
    await client.run()
    tell("registered", [client.ven_id, client.registration_id])

    async def again():
        await client.create_party_reregistration()
        return [client.ven_id, client.registration_id]

    async def leave():
        await client.cancel_party_registration()
        return client.registration_id

    async def opt(event_id):
        return await client.create_opt("optOut", "notParticipating", [{"ven_id": client.ven_id}], event_id=event_id)

    async def ask_events():
        kind, _ = await client.request_event()
        return kind

    await obey({"again": again, "leave": leave, "opt": opt, "ask_events": ask_events, "id": lambda: client.ven_id})
    os._exit(0)


asyncio.run(main())
