"""Keep what goes over XMPP from the servers between: certificates, a server that requires them, clients that have them.

python end_to_end.py
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from janusgrid.common.errors import Refused
from janusgrid.common.security import Credentials
from janusgrid.common.security.authority import Authority
from janusgrid.common.xmpp.broker import Broker
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.iec61850 import Server, connect
from janusgrid.iec61850.scsm82.protection import Security

FILE = Path(__file__).parent / "tutorial" / "HP1.cid"


def security(authority: Authority, jid: str) -> Security:
    """Return what one end needs: a certificate that names its JID, its key, and whom it believes."""
    name = jid.partition("@")[0]
    issued = authority.issue(name, addresses=[jid])  # janusgrid cert make NAME --jid JID does the same
    credentials = Credentials(issued.certificate, issued.key, issued.authority, revoked=authority.revoke())
    return Security.of(credentials)


async def main(folder: Path) -> None:
    authority, others = Authority.make(folder / "ours"), Authority.make(folder / "others")
    async with Broker("grid.test", {"hp1": "1", "ems": "2"}) as broker, Server.from_scl(FILE) as server:
        at = {"host": broker.host, "port": broker.port, "tls": broker.ca, "allow": lambda peer: True}
        der = SlixSession("hp1@grid.test/IEC", password="1", **at)
        ems = SlixSession("ems@grid.test/IEC", password="2", **at)
        async with der, ems:
            server.start(der, security=security(authority, "hp1@grid.test"))  # policy="required" is the default
            target = f"xmpp:{der.jid}"

            ours = security(authority, "ems@grid.test")
            async with connect(target, session=ems, security=ours) as ied:
                print("encrypted:", await ied.read("HP1DER/LLN0.Beh.stVal"))

            for who, theirs in {
                "without any": None,
                "of another authority": security(others, "ems@grid.test"),
                "of another account": security(authority, "ems2@grid.test"),
            }.items():
                try:
                    await connect(target, session=ems, security=theirs)
                except Refused as refused:
                    print(f"{who}: {refused.message}")


with TemporaryDirectory() as folder:
    asyncio.run(main(Path(folder)))
