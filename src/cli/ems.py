"""`janusgrid ems`: the energy management of a site, for real: everything that its site file says, until Ctrl-C."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from ..common.clock import Clock, RealClock
from ..common.config import Step, read, together
from ..common.data.site import Site, load_site
from ..common.errors import ConfigError, JanusGridError, LocalError
from ..common.xmpp import jid as jids
from ..common.xmpp.login import Login
from ..ems.bridge import offers
from ..ems.controller import Control, ControllerConfig
from ..ems.events import Answer
from ..ems.host import EmsHost, meter, resources
from ..openadr.binding.keeper import Store
from ..openadr.ven import Joined, Left
from ..openadr.vtn import Deregistered, Registered
from .openadr.places import Level, opened, place
from .openadr.starting import examined, many, settings_of
from .openadr.telling import Teller, log_to_stderr
from .openadr.way import reason
from .running import run

if TYPE_CHECKING:
    from ..ems.chronicle import Chronicle

LOOK = 1.0
"""Seconds between two looks at which devices are there."""


@attrs.frozen(slots=True)
class EmsFile:
    """The file as it is written; files that it names are beside it.

    Attributes:
        site: the site file.
        account: file of the XMPP account, whose JID is that of `ems` in the site file.
        store: an SQLite file (or the URL of a database) for what the OpenADR roles have to remember; without it, a
            program that is started anew registers anew.
        history: an SQLite file (or the URL of a database) for values, commands, events and reports, from which the past
            is answered; without it no past is known.
        keep: how long they are kept there.
        renew: how often devices shall tell their values again, changed or not.
        cycle: how often set-points are decided on.
        log: what is logged on standard error.
    """

    site: str
    account: str
    store: str | None = None
    history: str | None = None
    keep: timedelta = timedelta(days=400)
    renew: timedelta = timedelta(seconds=30)
    cycle: timedelta = timedelta(seconds=10)
    log: Level = "warning"


@attrs.frozen(slots=True)
class EmsSettings:
    """A configuration that was found to be good."""

    file: EmsFile
    site: Site
    login: Login
    controller: ControllerConfig
    store: str | None
    history: str | None


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="only say whether the configuration is good")
@click.option("--json", "as_json", is_flag=True, help="print JSON, one object a line")
def command(config: Path, check: bool, as_json: bool) -> None:
    """Run the energy management of a site as CONFIG says, until Ctrl-C or SIGTERM.

    It is the VEN of the utility, the VTN of the VENs below, the client of the devices and the server of an operator, as
    far as the site file names them, all by one XMPP account.
    """
    clock = RealClock()
    settings = settings_of(
        lambda path, _: load(path), config, clock, check, _described, lambda found: examined(found.store)
    )
    log_to_stderr(settings.file.log)
    with alone(config.parent / settings.file.account):
        run(serve(settings, clock, as_json), endless=True)


@contextmanager
def alone(account: Path) -> Iterator[None]:
    """Hold the file of an account; raise `LocalError` if another program does: two would throw each other out.

    A program that is killed holds it no more.
    """
    with account.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError("a program with this account runs already", where=str(account)) from None
        yield


def _described(settings: EmsSettings) -> str:
    site = settings.site
    roles = [f"{site.name}: VEN of {site.ven.vtn}", many(len(site.devices), "device", "devices")]
    vens = sum(device.driver == "openadr" for device in site.devices)
    roles += [f"VTN of {many(vens, 'VEN', 'VENs')}"] if vens else []
    roles += [f"server of {', '.join(site.operator.clients)}"] if site.operator else []
    return ", ".join(roles)


def load(path: Path) -> EmsSettings:
    """Return the settings in a file; raise `ConfigError` that names every fault with line and column."""
    document = read(path)
    file = document.structure(EmsFile)
    faults: list[ConfigError] = []
    site: Site | None = None
    login: Login | None = None

    def complain(fault: str, *trail: Step) -> None:
        faults.append(document.error(fault, *trail))

    try:
        site = load_site(path.parent / file.site)
    except ConfigError as error:
        faults.append(error)
    try:
        login = Login.load(path.parent / file.account)
    except JanusGridError as error:
        complain(str(error), "account")
    if site is not None and login is not None and jids.normal(login.jid) != jids.normal(site.jid):
        complain(f"it is that of {login.jid}, the site file says that the host is {site.jid}", "account")
    for name in ("renew", "cycle", "keep"):
        if getattr(file, name) < timedelta(seconds=1):
            complain("is a second at least", name)
    if site is None or login is None or faults:
        raise together(faults)
    renew = file.renew.total_seconds()
    controller = ControllerConfig(
        resources=resources(site), meter=meter(site), renew_s=renew, stale_s=3 * renew,
        cycle_s=file.cycle.total_seconds(),
    )  # fmt: skip
    folder = path.parent
    settings = EmsSettings(file, site, login, controller, place(file.store, folder), place(file.history, folder))
    asyncio.run(_tried(settings))
    past = [one.name for one in offers(site.ven.reports, site.ven.resource) if one.of_the_past]
    if past and file.history is None:
        raise document.error(f"its tables offer {past[0]}: name a `history`, from which that is answered", "site")
    return settings


async def _tried(settings: EmsSettings) -> None:
    """Raise `ConfigError` for an address or a row that says nothing to its driver."""
    EmsHost(settings.site, settings.login.session(), RealClock(), settings.controller)


async def serve(settings: EmsSettings, clock: Clock, as_json: bool) -> None:
    """Run until cancelled; then end everything in good order."""
    say = Teller(as_json, clock.now)
    site = settings.site
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(settings.login.session())

        def store(role: str) -> Store | None:
            return opened(settings.store, f"{role}/{site.ven.name}", stack)

        chronicle = _chronicle(settings, clock, stack)
        host = EmsHost(site, session, clock, settings.controller, stores=store, chronicle=chronicle)
        host.on_answer(partial(_answered, say))
        if host.vtn is not None:
            host.vtn.listen(Registered, partial(_registered, say))
            host.vtn.listen(Deregistered, partial(_deregistered, say))
        await stack.enter_async_context(host)
        _follow(say, host)
        say.tell("up", f"{_described(settings)}; reached at {session.jid}", site=site.name, jid=session.jid)
        looking = asyncio.create_task(_look(say, host))
        stack.callback(looking.cancel)
        try:
            await asyncio.Event().wait()
        finally:
            say.tell("down", f"{site.name} ends", site=site.name)


def _chronicle(settings: EmsSettings, clock: Clock, stack: AsyncExitStack) -> Chronicle | None:
    if settings.history is None:
        return None
    from ..common.store.history import History, Retention  # is slow to import, and not everybody keeps anything
    from ..ems.chronicle import Chronicle

    keep = Retention(values=settings.file.keep, happenings=settings.file.keep)
    history = stack.enter_context(History(settings.history, settings.site.name, clock, retention=keep))
    return Chronicle(history, clock)


def _follow(say: Teller, host: EmsHost) -> None:
    """Tell what happens at the application and the VEN, which are there from now on."""
    office = host.ven.core.office
    if host.ven.registered:  # in the moment in which everything was opened
        _joined(say, Joined(office.ven_id, host.ven.core.registration_id, office.vtn_id))
    host.ven.listen(Joined, partial(_joined, say))
    host.ven.listen(Left, partial(_left, say))
    host.app.on_control(partial(_controlled, say))


async def _look(say: Teller, host: EmsHost) -> None:
    """Tell which devices come and go."""
    there: dict[str, bool] = {}
    while True:
        for name, link in host.devices.items():
            points = await link.directory()
            here = bool(points) and await link.available(points[0].name)
            if here != there.get(name, False):
                there[name] = here
                say.tell("device", f"{name} {'is here' if here else 'is gone'}", device=name, here=here)
        await asyncio.sleep(LOOK)


def _joined(say: Teller, what: Joined) -> None:
    say.tell("registered", f"registered with {what.vtn_id} as {what.ven_id}", vtn_id=what.vtn_id, ven_id=what.ven_id)


def _left(say: Teller, what: Left) -> None:
    why = None if what.error is None else reason(what.error)
    then = "; it is tried again by itself" if what.again is not None else ""
    say.tell("deregistered", f"not registered with the utility{f': {why}' if why else ''}{then}", reason=why)


def _registered(say: Teller, what: Registered) -> None:
    ven = what.ven
    say.tell("ven", f"VEN {ven.ven_name} below is registered as {ven.ven_id}", ven=ven.ven_name, ven_id=ven.ven_id)


def _deregistered(say: Teller, what: Deregistered) -> None:
    say.tell("ven", f"VEN {what.ven.ven_name} below is not registered any more", ven=what.ven.ven_name, ven_id=None)


def _answered(say: Teller, event_id: str, answer: Answer) -> None:
    because = f": {answer.reason}" if answer.reason else ""
    say.tell("event", f"event {event_id}: {answer.opt.value}{because}",
             event_id=event_id, opt=answer.opt.value, reason=answer.reason or None)  # fmt: skip


def _controlled(say: Teller, what: Control) -> None:
    error = None if what.error is None else reason(what.error)
    said = f"{what.device} is asked for {what.kw:.1f} kW" + (f", and refuses: {error}" if error else "")
    say.tell("setpoint", said, device=what.device, kw=what.kw, error=error)
