"""A VTN of openleadr that does what it is told."""

import asyncio
import json
import os
from datetime import datetime, timedelta

import openleadr
import openleadr.objects
import openleadr.preflight
import openleadr.server
import openleadr.service.event_service
import openleadr.utils
from openleadr import hooks
from openleadr.service.vtn_service import VTNService
from talk import SETTINGS, hasten, obey, tell

registered = {}


async def main():
    hasten(openleadr.server, openleadr.utils, openleadr.objects, openleadr.service.event_service)
    server = openleadr.OpenADRServer(
        "VTN-PEER",
        http_port=SETTINGS["port"],
        http_cert=SETTINGS.get("cert"),
        http_key=SETTINGS.get("key"),
        http_ca_file=SETTINGS.get("ca"),
        requested_poll_freq=timedelta(seconds=SETTINGS["poll"]),
        verify_message_signatures=False,
        show_fingerprint=False,
        ven_lookup=lambda ven_id: registered.get(ven_id),
    )

    def register(info):
        tell("registering", info)
        wanted = SETTINGS.get("fingerprint")
        if info["ven_name"] != "site" or (wanted and info.get("fingerprint") != wanted):
            return False
        registered["VEN-1"] = {
            "ven_id": "VEN-1", "ven_name": "site", "fingerprint": wanted, "registration_id": "REG-1",
        }  # fmt: skip
        return "VEN-1", "REG-1"

    def report(ven_id, resource_id, measurement, unit, scale, min_sampling_interval, max_sampling_interval):
        tell("offered", [ven_id, resource_id, measurement, unit, scale])
        return lambda values: tell("values", values), timedelta(seconds=60), timedelta(seconds=300)

    def cancel(payload):
        registered.pop(payload["ven_id"], None)
        tell("left", payload)
        response = {"response_code": 200, "response_description": "OK", "request_id": payload["request_id"]}
        return "oadrCanceledPartyRegistration", {
            "response": response, "ven_id": payload["ven_id"], "registration_id": payload["registration_id"],
        }  # fmt: skip

    server.add_handler("on_create_party_registration", register)
    server.add_handler("on_register_report", report)
    server.add_handler("on_cancel_party_registration", cancel)

    async def received(content):
        tell("xml", content.decode())

    hooks.register("before_parse", received)
    answered = VTNService.handler

    async def handler(self, request):
        response = await answered(self, request)
        tell("status", [request.path.rpartition("/")[2], response.status])
        return response

    VTNService.handler = handler
    server.app.router._resources.clear()
    server.app.router._resource_index.clear()
    for each in server.services.values():
        server.app.router.add_post(f"/OpenADR2/Simple/2.0b/{each.__service_name__}", each.handler)
    await server.run_async()
    print(json.dumps({"port": SETTINGS["port"]}), flush=True)

    def opted(ven_id, event_id, opt_type):
        tell("opted", [ven_id, event_id, opt_type])

    def intervals(start, minutes, values):
        at = datetime.fromisoformat(start)
        step = timedelta(minutes=minutes)
        return [{"dtstart": at + i * step, "duration": step, "signal_payload": v} for i, v in enumerate(values)]

    def create(event_id, start, minutes, values):
        return server.add_event(
            "VEN-1", "LOAD_DISPATCH", "setpoint", intervals(start, minutes, values), callback=opted,
            event_id=event_id, market_context="http://market.example", notification_period=timedelta(minutes=1),
        )  # fmt: skip

    def modify(event_id, start, minutes, values):
        event = next(e for e in server.events["VEN-1"] if e.event_descriptor.event_id == event_id)
        event.event_signals[0].intervals = [openleadr.objects.Interval(**i) for i in intervals(start, minutes, values)]
        event.event_descriptor.modification_number += 1
        server.event_callbacks[event_id] = (event, opted)
        server.events_updated["VEN-1"] = True

    def cancel_event(event_id):
        event = next(e for e in server.events["VEN-1"] if e.event_descriptor.event_id == event_id)
        server.event_callbacks[event_id] = (event, opted)
        server.cancel_event("VEN-1", event_id)

    def lose():
        del server.events["VEN-1"]

    def forget():
        registered.clear()

    await obey({"create": create, "modify": modify, "cancel": cancel_event, "lose": lose, "forget": forget})
    os._exit(0)


asyncio.run(main())
