"""The VTN of openleadr: openleadr_vtn.py SETTINGS, as JSON: if wanted `tls` and `identity`.

Says its port. Each line on its input is an order, as for our_vtn.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import socket
import sys
import time
from datetime import UTC, datetime, timedelta

import contestant
import openleadr

logging.getLogger("openleadr").setLevel(logging.ERROR)


async def main() -> None:
    settings = json.loads(sys.argv[1])
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    certificate, key, authority = settings.get("tls") or (None, None, None)
    registered: dict[str, dict[str, str]] = {}
    server = openleadr.OpenADRServer(
        "VTN", http_port=port, http_cert=certificate, http_key=key, http_ca_file=authority,
        verify_message_signatures=False, show_fingerprint=False, ven_lookup=lambda ven_id: registered.get(ven_id),
        requested_poll_freq=timedelta(seconds=1),
    )  # fmt: skip

    def register(info: dict[str, str]) -> tuple[str, str]:
        number = len(registered)
        registered[f"VEN-{number}"] = {
            "ven_id": f"VEN-{number}", "ven_name": info["ven_name"], "registration_id": f"REG-{number}",
            "fingerprint": settings.get("identity"),
        }  # fmt: skip
        return f"VEN-{number}", f"REG-{number}"

    server.add_handler("on_create_party_registration", register)
    server.add_handler("on_register_report", lambda **_: None)
    with contextlib.redirect_stdout(io.StringIO()):
        await server.run()
    contestant.say(f"http://127.0.0.1:{port}")
    now = datetime.now(UTC).replace(microsecond=0)
    async for line in contestant.lines():
        asked = json.loads(line)
        start = now + timedelta(minutes=asked["minutes"])
        ven = next(each["ven_id"] for each in registered.values() if each["ven_name"] == asked["ven"])
        begun = time.perf_counter()
        server.add_event(
            ven, "LOAD_DISPATCH", "setpoint",
            [{"dtstart": start, "duration": timedelta(minutes=1), "signal_payload": 1000.0}],
            callback=lambda ven_id, event_id, opt_type: None, market_context="http://market.example",
        )  # fmt: skip
        contestant.say(begun)
    os._exit(0)


asyncio.run(main())
