"""A laboratory on one machine: XMPP server, utility and site host, for devices that are being built.

It runs on the real clock. Devices log in when they like, with the accounts that the laboratory writes for them; what
they report arrives at the utility, and is told with its quality.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Collection, Iterable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from ..common.clock import Clock, RealClock
from ..common.config import duration
from ..common.data.site import Device, Site
from ..common.data.tables import Service
from ..common.data.value import Scalar
from ..common.errors import ConfigError, JanusGridError, LocalError, Malformed, TimedOut, UnknownName
from ..common.xmpp import jid as jids
from ..common.xmpp.login import Login
from ..common.xmpp.servers import LocalServer
from ..common.xmpp.servers.accounts import Accounts
from ..common.xmpp.slix import SlixSession
from ..iec61850 import Server
from ..iec61850.access import model_of_device
from ..iec61850.access.objects import attribute, data_object
from ..openadr.vtn import Party, Sample, Telemetry, TelemetryPlan, Vtn
from .bridge import points_by_r_id
from .controller import ControllerConfig
from .host import EmsHost, meter, resources

LOOK = 0.25
"""Seconds between two looks at who is here."""
SETUP = 30.0
"""Seconds within which site and utility have to know each other."""


class State(Enum):
    """What is known of a device."""

    ABSENT = "is not here yet"
    HERE = "is here"
    GONE = "is gone"
    UNFIT = "cannot be used"


@attrs.frozen(slots=True)
class Standing:
    """A device's state has changed; `reason` is why it cannot be used."""

    time: datetime
    device: str
    state: State
    reason: str = ""


@attrs.frozen(slots=True)
class Arrival:
    """A value has arrived at the utility.

    Attributes:
        time: of the sample.
        r_id: as the utility knows it.
        point, unit: as the site knows it.
        value: in that unit.
        quality: as OpenADR says it, in one word: `good`, `uncertain`, `bad`.
    """

    time: datetime
    r_id: str
    point: str
    value: Scalar
    unit: str
    quality: str


Teller = Callable[[Standing | Arrival], None]


class Lab:
    """A running laboratory.

        async with Lab(site, Broker(site.domain), Path("lab"), print) as lab:
            await lab.arrived(10)

    Args:
        site: all its JIDs are of one domain.
        server: of that domain, not started yet.
        folder: gets an account file for each device (`<device>.yaml`) and `ca.pem`; they are removed at the end.
        tell: is told of arrivals and of devices that come and go.
        period: seconds between two samples of the telemetry; at least what the report table allows.
        simulate: the devices that are played from their CID files, with the values that stand there.

    Raises, when entered: `ConfigError` for a site that cannot be played, `NotReachable` if the server does not start,
    `TimedOut` if the site does not register in time.
    """

    def __init__(
        self,
        site: Site,
        server: LocalServer,
        folder: Path,
        tell: Teller,
        *,
        period: float = 1.0,
        simulate: Collection[str] = (),
    ) -> None:
        self.site = site
        self.server = server
        self.period = max([period, *(duration(b.address["min_period"]).total_seconds() for b in site.ven.reports)])
        self._folder = folder
        self._tell = tell
        self._simulated = [site.device(name) for name in simulate]
        self._clock: Clock = RealClock()
        self._points = points_by_r_id(site.ven.reports)
        self._accounts: Accounts
        self._count = 0
        self._counted = asyncio.Condition()
        self._stack = AsyncExitStack()

    def account(self, device: str) -> Path:
        """Return the account file of a device."""
        return self._folder / f"{device}.yaml"

    @property
    def guests(self) -> tuple[Device, ...]:
        """The devices that have to come from outside."""
        return tuple(device for device in self.site.devices if device not in self._simulated)

    async def arrived(self, count: int) -> None:
        """Return when so many good values have arrived at the utility."""
        async with self._counted:
            await self._counted.wait_for(lambda: self._count >= count)

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # --- setting up ---------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        site = self.site
        if not site.ven.vtn:
            what = "it is nothing to a utility, and a laboratory shows what that receives: give it `openadr`"
            raise ConfigError(f"{what}, or run it by `janusgrid ems` or `janusgrid driver serve`", where=site.name)
        players = [played(device, self._clock) for device in self._simulated]
        self._accounts = Accounts(self.server, site.jids)
        await self.server.start()
        self._stack.push_async_callback(self.server.stop)
        self._write_accounts()
        sessions = await self._log_in([site.jid, site.ven.vtn, *(device.jid for device in self._simulated)])
        for device, player in zip(self._simulated, players, strict=True):
            await self._stack.enter_async_context(player)
            player.start(sessions[device.jid])
        await self._stack.enter_async_context(self._utility(sessions[site.ven.vtn]))
        host = await self._stack.enter_async_context(self._host(sessions[site.jid]))
        try:
            async with asyncio.timeout(SETUP):
                await host.ven.joined()
        except TimeoutError:
            raise TimedOut(f"site and utility do not know each other after {SETUP:g} s") from None
        for device in site.devices:
            following = asyncio.create_task(self._follow(device.name, host))
            self._stack.callback(following.cancel)

    def _write_accounts(self) -> None:
        ca = self._folder / "ca.pem"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._stack.callback(self._remove_accounts)
            shutil.copyfile(self.server.ca, ca)
        except OSError as error:
            raise LocalError(f"accounts cannot be written: {error.strerror}", where=str(self._folder)) from None
        peers = (jids.bare(jids.normal(self.site.jid)),)
        for device in self.guests:
            password = self._accounts.password(device.jid)
            login = Login(device.jid, password, self.server.host, self.server.port, ca, peers)
            login.save(self.account(device.name))

    def _remove_accounts(self) -> None:
        for path in (self._folder / "ca.pem", *(self.account(device.name) for device in self.guests)):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody else's files are in it
            self._folder.rmdir()

    async def _log_in(self, jid_list: Iterable[str]) -> dict[str, SlixSession]:
        sessions = {jid: self._accounts.session(jid) for jid in jid_list}
        for session in sessions.values():
            self._stack.push_async_callback(session.close)
        await asyncio.gather(*(session.open() for session in sessions.values()))
        return sessions

    def _utility(self, session: SlixSession) -> Vtn:
        every = timedelta(seconds=self.period)
        party = Party(self.site.ven.name, jids.bare(jids.normal(self.site.jid)))
        vtn = Vtn("utility", session, parties=[party], clock=self._clock, plan=TelemetryPlan(every, every))
        vtn.listen(Telemetry, self._receive)
        return vtn

    def _host(self, session: SlixSession) -> EmsHost:
        config = ControllerConfig(
            resources=resources(self.site), meter=meter(self.site), renew_s=self.period, stale_s=5.0 + 2 * self.period
        )
        return EmsHost(self.site, session, self._clock, config, doubtful=True, signed=False)

    # --- running ------------------------------------------------------------------------------------------------------

    async def _receive(self, telemetry: Telemetry) -> None:
        arrivals = [self._arrival(sample) for sample in telemetry.samples]
        for arrival in arrivals:
            self._tell(arrival)
        async with self._counted:
            self._count += sum(arrival.quality == "good" for arrival in arrivals)
            self._counted.notify_all()

    def _arrival(self, sample: Sample) -> Arrival:
        binding = self._points[sample.r_id]
        whole = binding.row.conversion.wire_type.range is not None
        try:
            value = binding.from_wire(round(sample.value) if whole else sample.value)
        except Malformed:
            value = str(sample.value)
        quality = str(sample.quality or "unknown").partition(" - ")[0].removeprefix("Quality ").lower()
        return Arrival(sample.time, sample.r_id, binding.point.name, value, binding.point.unit.symbol, quality)

    async def _follow(self, name: str, host: EmsHost) -> None:
        """Tell when a device comes and goes, until it turns out that it cannot be used."""
        told: State | None = None
        while told is not State.UNFIT:
            state, reason = State.GONE if told in (State.HERE, State.GONE) else State.ABSENT, ""
            try:
                async with asyncio.timeout(LOOK):
                    await host.devices[name].ready()
                state = State.HERE
            except TimeoutError:
                pass
            except JanusGridError as error:
                state, reason = State.UNFIT, str(error)
            if state is not told:
                self._tell(Standing(self._clock.now(), name, state, reason))
                told = state
            await asyncio.sleep(LOOK)


def played(device: Device, clock: Clock) -> Server:
    """Return a server that plays a device with the values of its CID file, or those that its table begins with.

    It does as it is told. Raises `ConfigError` for a file that does not have what the table says, or a table that the
    class tables have not.
    """
    if device.cid is None:
        server = Server(model_of_device(device), clock=clock)
    else:
        server = Server.from_scl(device.cid, ied=device.address.get("ied"), clock=clock)
    for binding in device.bindings:
        target = str(attribute(binding).with_fc(None))
        try:
            server.update(target, server.read(target))  # as configured is as it is: good, and of now
            if binding.offers(Service.OPERATE):
                server.on_operate(str(data_object(binding).with_fc(None)))(lambda command: None)
        except UnknownName as error:
            raise ConfigError(str(error), where=binding.row.where) from None
    return server
