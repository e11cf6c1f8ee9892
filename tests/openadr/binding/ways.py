"""The ways between a VTN and a VEN that the one suite of the roles runs on: XMPP servers, HTTP pull, HTTP push."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import trustme
from janusgrid.common.clock import ScaledClock
from janusgrid.common.security import Credentials, fingerprint
from janusgrid.common.xmpp.servers import LocalServer
from janusgrid.common.xmpp.slix import SlixSession
from janusgrid.openadr.binding.http import HttpTransport
from janusgrid.openadr.binding.transport import Transport
from janusgrid.openadr.binding.xmpp import XmppTransport
from janusgrid.openadr.events import kilowatts
from janusgrid.openadr.model import OptType
from janusgrid.openadr.signing import Signing
from janusgrid.openadr.ven import Change, DataPoint, EventChange, Offer, Reading, Ven
from janusgrid.openadr.vtn import Party, Sample, Telemetry, Vtn

from tests.brokers import BROKERS, start_broker

OFFER = Offer("usage", "TELEMETRY_USAGE", (DataPoint("pcc.p", kilowatts()),))
WAYS = (*BROKERS, "pull", "push")


class Way(Protocol):
    """How transports are made, and who they prove to be."""

    def identity(self, user: str) -> str:
        """What the transport proves `user` to be."""
        ...

    async def transport(self, user: str) -> Transport:
        """A transport of its own for the role of `user`."""
        ...

    @property
    def vtn(self) -> str:
        """The VTN's address."""
        ...


class Xmpp:
    """Each user has a session on one XMPP server."""

    def __init__(self, server: LocalServer, stack: AsyncExitStack) -> None:
        self.server, self._stack = server, stack

    def identity(self, user: str) -> str:
        return f"{user}@{self.server.domain}"

    async def transport(self, user: str) -> Transport:
        session = SlixSession(
            f"{user}@{self.server.domain}/{'vtn' if user == 'vtn' else 'ems'}", password=f"secret of {user}",
            host=self.server.host, port=self.server.port, tls=self.server.ca,
        )  # fmt: skip
        return XmppTransport(await self._stack.enter_async_context(session))

    @property
    def vtn(self) -> str:
        return f"vtn@{self.server.domain}/vtn"


class Certificates:
    """An authority, and a certificate for each user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self._made: dict[str, tuple[Credentials, str]] = {}
        self.authorities = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.authorities)

    def of(self, user: str) -> Credentials:
        """Return the credentials of a user."""
        return self._of(user)[0]

    def fingerprint(self, user: str) -> str:
        """Return the fingerprint of a user's certificate."""
        return self._of(user)[1]

    def _of(self, user: str) -> tuple[Credentials, str]:
        if user not in self._made:
            issued = self._authority.issue_cert("127.0.0.1", "localhost", common_name=user)
            certificate, key = self._folder / f"{user}.pem", self._folder / f"{user}.key"
            chain = issued.cert_chain_pems
            certificate.write_bytes(b"".join(part.bytes() for part in chain))
            issued.private_key_pem.write_to_path(key)
            der = ssl.PEM_cert_to_DER_cert(chain[0].bytes().decode())
            self._made[user] = (Credentials(certificate, key, self.authorities), fingerprint(der))
        return self._made[user]


class Http:
    """Everybody has a certificate; the VTN listens, and where it pushes so does the VEN."""

    def __init__(self, certificates: Certificates, push: bool) -> None:
        self.certificates, self.push = certificates, push
        self.listening: HttpTransport | None = None

    def identity(self, user: str) -> str:
        return self.certificates.fingerprint(user)

    async def transport(self, user: str) -> Transport:
        listens = user == "vtn" or self.push
        made = HttpTransport(
            self.certificates.of(user),
            listen=("127.0.0.1", 0) if listens else None,
            vtn=self.identity("vtn") if user != "vtn" else "",
        )
        if user == "vtn":
            self.listening = made
        return made

    @property
    def vtn(self) -> str:
        assert self.listening is not None
        assert self.listening.address is not None
        return self.listening.address


class Grid:
    """A VTN and VENs on one of the ways; `signers` are the certificates by which they sign, if they do."""

    def __init__(self, way: Way, stack: AsyncExitStack, signers: Certificates | None = None) -> None:
        self.way, self._stack, self.signers = way, stack, signers
        self.clock = ScaledClock(120.0, datetime(2026, 3, 25, 8, 20, tzinfo=UTC))
        self.samples: list[Sample] = []
        self.changes: list[Change] = []

    def signing(self, user: str, **options: Any) -> Signing | None:
        """Return how a user signs. An hour of ours is half a minute in the world of the grid."""
        if self.signers is None:
            return None
        usual = {
            "credentials": self.signers.of(user),
            "signers": () if user == "vtn" else (self.signers.fingerprint("vtn"),),
            "past": timedelta(hours=2),
            "future": timedelta(hours=1),
        }
        return Signing(**{**usual, **options})

    async def vtn(self, **options: Any) -> Vtn:
        known = (self.signers.fingerprint("ems"),) if self.signers else ()
        parties = [Party("site", (self.way.identity("ems"), *known))]
        signing = self.signing("vtn", **options)
        vtn = Vtn("VTN1", await self.way.transport("vtn"), parties=parties, clock=self.clock, signing=signing)
        vtn.listen(Telemetry, lambda telemetry: self.samples.extend(telemetry.samples))
        return await self._stack.enter_async_context(vtn)

    async def ven(self, name: str = "site", user: str = "ems", signing: Signing | None = None) -> Ven:
        transport = await self.way.transport(user)
        signing = signing or self.signing(user)

        async def readings(r_ids: frozenset[str]) -> Mapping[str, Reading]:
            return {r_id: Reading(float(self.clock.now().minute)) for r_id in r_ids}

        ven = Ven(
            name, transport, vtn=self.way.vtn, offers=[OFFER], read=readings, clock=self.clock, signing=signing
        )  # fmt: skip

        @ven.on_event
        def decide(change: EventChange) -> OptType:
            self.changes.append(change.change)
            return OptType.OPT_IN

        return await self._stack.enter_async_context(ven)

    async def both(self) -> tuple[Vtn, Ven]:
        """Return both roles once they know each other."""
        vtn, ven = await self.vtn(), await self.ven()
        async with asyncio.timeout(30):
            await ven.joined()
            await vtn.wait_registered("site")
        return vtn, ven


@asynccontextmanager
async def a_grid(way: str, folder: Path, *, signed: bool = False) -> AsyncIterator[Grid]:
    """Yield a grid on one of `WAYS`, on which messages are `signed` or not."""
    async with AsyncExitStack() as stack:
        made: Way
        certificates = Certificates(folder)
        if way in ("pull", "push"):
            made = Http(certificates, way == "push")
        else:
            made = Xmpp(await stack.enter_async_context(start_broker(way, "vtn", "ems", "mallory")), stack)
        yield Grid(made, stack, certificates if signed else None)


async def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return when `condition` holds; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
