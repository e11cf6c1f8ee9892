"""`janusgrid vtn`: a VTN from its configuration, which says what happens and is directed from another terminal."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import click

from ...common.clock import Clock, RealClock
from ...openadr.binding.keeper import Store
from ...openadr.binding.sharing import SharedStore
from ...openadr.model import EventStatus
from ...openadr.vtn import (
    Asked,
    Declined,
    Deregistered,
    Offered,
    OptCanceled,
    OptCreated,
    Opted,
    Registered,
    Telemetry,
    Vtn,
)
from ..control import Control, alone
from ..running import run
from . import samples, summary
from .places import opened, opened_shared
from .starting import examined, many, settings_of
from .telling import Teller, log_to_stderr
from .vtn_config import VtnSettings, load
from .vtn_desk import Desk
from .way import reason


@click.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="only say whether the configuration is good, and the store")
@click.option("--json", "as_json", is_flag=True, help="print JSON, one object a line")
def command(config: Path, check: bool, as_json: bool) -> None:
    """Run a VTN as CONFIG says, until Ctrl-C or SIGTERM.

    It prints what happens. Direct it from another terminal: `janusgrid openadr event`, `report` and `ven`.
    """
    clock = RealClock()
    settings = settings_of(load, config, clock, check, _described, lambda found: examined(found.store, found.control))
    log_to_stderr(settings.file.log)
    run(serve(settings, clock, as_json), endless=True)


def _described(settings: VtnSettings) -> str:
    return f"VTN {settings.file.vtn}, {many(len(settings.parties), 'party', 'parties')}"


async def serve(settings: VtnSettings, clock: Clock, as_json: bool) -> None:
    """Run until cancelled; then end everything in good order."""
    alone(settings.control)
    say = Teller(as_json, clock.now)
    async with AsyncExitStack() as stack:
        transports = await settings.ways.open(stack)
        vtn = Vtn(
            settings.file.vtn,
            transports,
            parties=settings.parties,
            clock=clock,
            plan=settings.plan,
            offers=settings.reports.offers,
            read=settings.reports.readings,
            history=settings.reports.history,
            poll_every=settings.file.poll,
            retry=settings.retry,
            store=_store(settings, stack),
            signing=settings.ways.signs,
            tolerant=settings.file.reading == "tolerant",
        )
        follow(vtn, say)
        await stack.enter_async_context(vtn)
        hello = {"role": "vtn", "name": settings.file.vtn}
        await stack.enter_async_context(Control(settings.control, hello, Desk(vtn).handlers))
        where = [str(transport.address) for transport in transports]
        say.tell("up", f"VTN {settings.file.vtn} is reached at {' and '.join(where)}",
                 vtn=settings.file.vtn, addresses=where, control=str(settings.control))  # fmt: skip
        for ven in vtn.core.vens:
            say.tell("known", f"{ven.ven_name} is registered from before", ven=ven.ven_name, ven_id=ven.ven_id)
        try:
            await asyncio.Event().wait()
        finally:
            say.tell("down", f"VTN {settings.file.vtn} ends", vtn=settings.file.vtn)


def _store(settings: VtnSettings, stack: AsyncExitStack) -> Store | SharedStore | None:
    space = f"vtn/{settings.file.vtn}"
    if settings.file.shared and settings.store is not None:
        return opened_shared(settings.store, space, stack)
    return opened(settings.store, space, stack)


def follow(vtn: Vtn, say: Teller) -> None:
    """Tell everything that happens at a VTN."""
    vtn.listen(Registered, lambda happening: _registered(say, happening))
    vtn.listen(Deregistered, lambda happening: _deregistered(say, happening))
    vtn.listen(Offered, lambda happening: _offered(say, happening))
    vtn.listen(Opted, lambda happening: _opted(say, happening))
    vtn.listen(OptCreated, lambda happening: _opt(say, happening, "says"))
    vtn.listen(OptCanceled, lambda happening: _opt(say, happening, "takes back"))
    vtn.listen(Telemetry, lambda happening: _telemetry(say, happening))
    vtn.listen(Asked, lambda happening: _asked(say, happening))
    vtn.listen(Declined, lambda happening: _declined(say, vtn, happening))


def _registered(say: Teller, what: Registered) -> None:
    ven = what.ven
    how = f"reached at {ven.address}" if ven.address else "comes for its messages"
    say.tell("registered", f"{ven.ven_name} has registered as {ven.ven_id}, {how}",
             ven=ven.ven_name, ven_id=ven.ven_id, registration_id=ven.registration_id, address=ven.address,
             identity=ven.identity)  # fmt: skip


def _deregistered(say: Teller, what: Deregistered) -> None:
    say.tell("deregistered", f"{what.ven.ven_name} has left", ven=what.ven.ven_name, ven_id=what.ven.ven_id)


def _offered(say: Teller, what: Offered) -> None:
    asked = [request.report_specifier.report_specifier_id for request in what.requests]
    offers = ", ".join(what.ven.offers) or "nothing"
    say.tell("offered", f"{what.ven.ven_name} can report {offers}; asked for {', '.join(asked) or 'nothing'}",
             ven=what.ven.ven_name, offers=list(what.ven.offers), asked=asked)  # fmt: skip


def _opted(say: Teller, what: Opted) -> None:
    answer = what.response
    event_id = answer.qualified_event_id.event_id
    refusal = "" if answer.response_code.startswith("2") else f": {answer.response_code} {answer.response_description}"
    cancelled = what.booked.event.event_descriptor.event_status == EventStatus.CANCELLED
    said = "knows that it is cancelled" if cancelled and not refusal else f"{answer.opt_type}{refusal}"
    say.tell("opted", f"{what.ven.ven_name} answers {event_id}: {said}",
             ven=what.ven.ven_name, event_id=event_id, opt=str(answer.opt_type), code=answer.response_code,
             modification=answer.qualified_event_id.modification_number,
             reason=answer.response_description)  # fmt: skip


def _opt(say: Teller, what: OptCreated | OptCanceled, does: str) -> None:
    described = summary.opt(what.opt)
    say.tell("opt" if isinstance(what, OptCreated) else "opt-canceled",
             f"{what.ven.ven_name} {does} {described['opt']} for {described['of']}: {described['reason']}",
             ven=what.ven.ven_name, **described)  # fmt: skip


def _asked(say: Teller, what: Asked) -> None:
    samples.asked(say, what.requests, what.ven.ven_name, ven=what.ven.ven_name)


def _telemetry(say: Teller, what: Telemetry) -> None:
    offer = what.ven.offers.get(what.report.report_specifier_id)
    samples.came(say, what.samples, offer, what.ven.ven_name, ven=what.ven.ven_name)


def _declined(say: Teller, vtn: Vtn, what: Declined) -> None:
    name = next((ven.ven_name for ven in vtn.core.vens if ven.ven_id == what.ven_id), what.ven_id)
    message = type(what.message).__name__
    say.tell("declined", f"{name} declines {message}: {reason(what.error)}",
             ven=name, message=message, reason=reason(what.error))  # fmt: skip
