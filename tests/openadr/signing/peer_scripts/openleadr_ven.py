"""A VEN of openleadr that signs: it registers, answers one event, and ends. Arguments: name, URL, files, the VTN."""

import asyncio
import logging
import sys

import openleadr

name, url, cert, key, authority, fingerprint = sys.argv[1:]


async def main():
    logging.getLogger("openleadr").setLevel(logging.WARNING)
    done = asyncio.Event()
    client = openleadr.OpenADRClient(
        name, url + "/OpenADR2/Simple/2.0b", cert=cert, key=key, ca_file=authority, vtn_fingerprint=fingerprint,
        allow_jitter=False, show_fingerprint=False,
    )  # fmt: skip

    async def event(event):
        print("event", event["event_descriptor"]["event_id"], flush=True)
        asyncio.get_running_loop().call_later(1, done.set)
        return "optIn"

    client.add_handler("on_event", event)
    await client.run()
    print("registered", client.ven_id, flush=True)
    await asyncio.wait_for(done.wait(), 20)
    await client.stop()


asyncio.run(main())
