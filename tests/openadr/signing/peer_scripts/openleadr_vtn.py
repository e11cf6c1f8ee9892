"""A VTN of openleadr that signs, and wants messages signed. Arguments: port, files, the VEN's fingerprint."""

import asyncio
import logging
import sys
from datetime import timedelta

import openleadr

port, cert, key, authority, fingerprint = sys.argv[1:]


async def main():
    logging.getLogger("openleadr").setLevel(logging.WARNING)
    server = openleadr.OpenADRServer(
        "VTN", http_host="127.0.0.1", http_port=int(port), cert=cert, key=key, http_cert=cert, http_key=key,
        http_ca_file=authority, fingerprint_lookup=lambda ven_id: fingerprint, show_fingerprint=False,
        requested_poll_freq=timedelta(seconds=1),
    )  # fmt: skip

    async def register(info):
        print("registering, signs:", info["xml_signature"], flush=True)
        return "VEN-1", "REG-1"

    async def report(*args, **kwargs):
        return None

    server.add_handler("on_create_party_registration", register)
    server.add_handler("on_register_report", report)
    await server.run()
    print("ready", flush=True)
    sys.stdin.close()
    await asyncio.sleep(60)


asyncio.run(main())
