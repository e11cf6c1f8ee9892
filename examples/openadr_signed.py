"""A VTN and a VEN sign what they say to each other, over HTTPS with certificates of a laboratory.

Both run here, in a folder that is removed at the end: python openadr_signed.py
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arguments import run
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority, Issued
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.events import load_dispatch
from janusgrid.openadr.model import OptType, QueryRegistration
from janusgrid.openadr.signing import Unproved
from janusgrid.openadr.signing.notary import Notary
from janusgrid.openadr.ven import EventChange, Signing, Ven
from janusgrid.openadr.vtn import Party, Vtn


def credentials(issued: Issued) -> Credentials:
    return Credentials(issued.certificate, issued.key, issued.authority)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.make(Path(folder))
        utility = authority.issue("utility", ["localhost", "127.0.0.1"])
        site = authority.issue("site")
        await talk(utility, site)


async def talk(utility: Issued, site: Issued) -> None:
    server = HttpTransport(credentials(utility), listen=("127.0.0.1", 0))
    parties = [Party("site", site.fingerprint)]
    vtn = Vtn("utility", server, parties=parties, signing=Signing(credentials=credentials(utility), required=True))
    async with vtn:
        assert server.address is not None
        client = HttpTransport(credentials(site), vtn=utility.fingerprint)
        signing = Signing(credentials=credentials(site), required=True)
        async with Ven("site", client, vtn=server.address, signing=signing) as ven:

            @ven.on_event
            def decide(change: EventChange) -> OptType:
                return OptType.OPT_IN

            await ven.joined()
            print(f"the site signs: {vtn.core.ven('site').signs}")
            now = datetime.now(UTC).replace(microsecond=0)
            event = load_dispatch(500, start=now + timedelta(hours=1), duration=timedelta(hours=1), created=now)
            print(f"the site answers {await vtn.create_event(event, ['site']).opted('site')}")

    # What the VTN makes of a message that was changed on its way, and of one that comes twice.
    text = Notary(signing).sign(QueryRegistration(request_id="ours"), datetime.now(UTC))
    for each in (text.replace(">ours<", ">theirs<"), text, text):
        try:
            opened = vtn.envelopes.open(site.fingerprint, each)
            await vtn.believe(opened)
            print(f"believed: {type(opened.message).__name__}")
        except Unproved as error:
            print(f"refused: {error.message}")


run(main())
