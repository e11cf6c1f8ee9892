"""OpenADR over HTTPS: the VTN or the VEN of a laboratory. Certificates are made by `janusgrid cert make`.

python openadr_https.py vtn --listen 8443 --peer AA:BB:…   # of the VEN
python openadr_https.py site --vtn https://127.0.0.1:8443 --peer CC:DD:… [--listen 8444]

A VEN with --listen is pushed to; one without asks for its messages.
"""

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arguments import run
from janusgrid.common.security import MODERN, OPENADR, Credentials
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType
from janusgrid.openadr.ven import EventChange, Ven
from janusgrid.openadr.vtn import Party, Vtn


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="whose certificate and key: NAME.pem and NAME.key in the folder")
    parser.add_argument("--folder", type=Path, default=Path("certificates"))
    parser.add_argument("--peer", required=True, help="fingerprint of the other's certificate")
    parser.add_argument("--vtn", help="URL of the VTN; without it this is the VTN")
    parser.add_argument("--listen", type=int, help="port to be posted to")
    parser.add_argument("--certified", action="store_true", help="TLS as certified OpenADR products speak it")
    given = parser.parse_args()

    folder, revoked = given.folder, given.folder / "revoked.pem"
    credentials = Credentials(
        folder / f"{given.name}.pem",
        folder / f"{given.name}.key",
        authorities=folder / "authority.pem",
        revoked=revoked if revoked.exists() else None,
    )
    transport = HttpTransport(
        credentials,
        listen=None if given.listen is None else ("127.0.0.1", given.listen),
        vtn=given.peer if given.vtn else "",
        profile=OPENADR if given.certified else MODERN,
    )
    await (be_ven(transport, given.vtn, given.name) if given.vtn else be_vtn(transport, given.peer))


async def be_vtn(transport: HttpTransport, fingerprint: str) -> None:
    parties = [Party("site", fingerprint)]
    async with Vtn("utility", transport, parties=parties, poll_every=timedelta(seconds=1)) as vtn:
        print(f"listening at {transport.address}", flush=True)
        ven = await vtn.wait_registered("site")
        print(f"site is registered: {ven.address or 'it comes for its messages'}", flush=True)
        now = datetime.now(UTC).replace(microsecond=0)
        hour = timedelta(hours=1)
        event = load_dispatch(1000.0, start=now + hour, duration=hour, created=now)
        print(f"the site answers {await vtn.create_event(event, ['site']).opted('site')}", flush=True)


async def be_ven(transport: HttpTransport, vtn: str, name: str) -> None:
    ven = Ven(name, transport, vtn=vtn)

    @ven.on_event
    def decide(change: EventChange) -> OptType:
        print(f"{change.change.value} event {change.known.event_id}", flush=True)
        return OptType.OPT_IN

    async with ven:
        print(f"registered as {await ven.joined()}", flush=True)
        await asyncio.Event().wait()


run(main())
